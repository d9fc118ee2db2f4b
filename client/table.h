/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of the tables of print.h: table.c gathers the cells, table_print.c lays them out. */
#pragma once

#include "print.h"

/* In columns of a terminal. */
struct table_width {
    size_t cell; /* the widest of its cells, or the heading */
    size_t word; /* the widest word in its cells */
};

struct table {
    const struct column *columns;
    size_t column_count;
    struct table_width *widths; /* of each column */
    char **cells;               /* row by row */
    size_t cell_count;
    size_t cell_room;
    bool failed; /* an allocation failed: the table is not complete */
};

#define TABLE_GAP 2 /* spaces between columns */

/* Where a column stands when a row may have to be folded into several lines. */
struct table_place {
    size_t line;
    size_t indent; /* spaces before it, where it begins its line or stands behind another */
    size_t width;  /* what a cell has more than that goes on below it */
};

/*
 * Places the columns so that no line is longer than `limit` (0: no limit), in as few lines as
 * possible. The last column may flow down beside the others.
 */
void table_lay_out(const struct table *table, size_t limit, struct table_place *places);
