/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cells of a pool in rows, with host addresses at the left where there is room for them. */
#pragma once

#include "map_pool.h"

/* What there is to draw on. */
struct map_view {
    size_t columns; /* of the terminal */
    size_t rows;    /* for one pool, at most */
    size_t legend;  /* rows of the legend of one pool, at most */
    struct picture_style style;
};

/*
 * Prints the rows and a line that explains the cells; the runs have their marks, the pool has
 * pages. Returns 0 or -ENOMEM.
 */
int map_rows_print(const struct map_view *view, struct map_pool *pool);
