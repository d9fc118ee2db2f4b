/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool as rows of cells, each of which stands for equally many pages. Pure.
 *
 * Nothing vanishes: whatever has a page shows in the cell of that page, where it is alone as
 * itself, otherwise as "several"; trouble before everything else. A cell that shows free pages has
 * nothing but free pages.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* In the order in which one hides another in the same cell. */
enum picture_kind {
    PICTURE_FREE,
    PICTURE_FOREIGN,
    PICTURE_USED,
    PICTURE_SEVERAL_SPARSE, /* in cells only: more than half of the cell is free */
    PICTURE_SEVERAL,        /* in cells only */
    PICTURE_QUARANTINED,
    PICTURE_CLASH,
};

struct picture_run {
    uint64_t pages;
    enum picture_kind kind;
    char mark;   /* the letter that stands for it; see legend.h */
    bool listed; /* it is in the legend */
    bool seen;   /* some cell shows it as itself */
};

/* One of the first two is 1, the other a power of two. */
struct picture_scale {
    uint64_t pages_per_cell;
    size_t cells_per_page; /* of a small pool, which would be hard to see otherwise */
    size_t row_cells;
    size_t cell_count; /* in all rows */
};

struct picture_cell {
    enum picture_kind kind;
    size_t run;    /* index of the run that it shows; meaningless for several */
    uint64_t held; /* pages of it that are not free */
};

struct picture_style {
    bool utf8;
    bool colour;
};

/*
 * The scale for a pool of so many pages (1 at least), in rows that take at most `columns` (1 at
 * least), and at most `row_limit` (1 at least) of these.
 */
struct picture_scale picture_scale(uint64_t pages, size_t columns, size_t row_limit);

/*
 * Fills scale->cell_count cells by the runs, which cover the pool in order of address, and marks
 * those that can be seen.
 */
void picture_fill(const struct picture_scale *scale, struct picture_run *runs, size_t run_count,
                  struct picture_cell *cells);

/* Prints a row of cells, without a newline. */
void picture_print(FILE *out, const struct picture_cell *cells, size_t count,
                   const struct picture_run *runs, struct picture_style style);

/* The character that stands for a kind which has no letters of its own; "" when it has. */
const char *picture_sign(enum picture_kind kind, bool utf8);
