/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which runs of a picture are explained below it, and the letters that they go by. Pure. */
#pragma once

#include "picture.h"

/* Marks of runs that the legend has no room for. */
#define LEGEND_MORE_USED '#'
#define LEGEND_MORE_FOREIGN '%'

/*
 * Chooses at most `limit` runs that are not free, trouble first, then the largest, and gives each
 * run its mark. Returns 0 or -ENOMEM.
 */
int legend_choose(struct picture_run *runs, size_t count, size_t limit);
