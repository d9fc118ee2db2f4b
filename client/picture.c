/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "picture.h"

#include <string.h>

#include "colour.h"

#define STRETCH_MAX 8 /* cells for a page of a small pool */

/* Rows of round lengths, so that each begins at a round address. */
static size_t row_length(size_t columns)
{
    if (columns >= 32)
        return columns / 16 * 16;
    return columns >= 8 ? columns / 8 * 8 : columns;
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

struct picture_scale picture_scale(uint64_t pages, size_t columns, size_t row_limit)
{
    struct picture_scale scale = { 1, 1, row_length(columns), 0 };

    while (scale.cells_per_page < STRETCH_MAX &&
           pages <= scale.row_cells / scale.cells_per_page / 2)
        scale.cells_per_page *= 2;
    while (divide_up(pages, scale.pages_per_cell) > scale.row_cells * row_limit)
        scale.pages_per_cell *= 2;
    scale.cell_count = (size_t)divide_up(pages, scale.pages_per_cell) * scale.cells_per_page;
    return scale;
}

static void add_run(struct picture_cell *cell, enum picture_kind kind, size_t run)
{
    bool both_taken = cell->kind != PICTURE_FREE && kind != PICTURE_FREE;

    if (both_taken && cell->kind <= PICTURE_SEVERAL && kind <= PICTURE_SEVERAL) {
        cell->kind = PICTURE_SEVERAL;
    } else if (kind > cell->kind) {
        cell->kind = kind;
        cell->run = run;
    }
}

/* Adds the pages from `page` up to `end`, which the run has, to the cells. */
static void add_pages(const struct picture_scale *scale, const struct picture_run *runs, size_t run,
                      uint64_t page, uint64_t end, struct picture_cell *cells)
{
    while (page < end) {
        uint64_t cell = page / scale->pages_per_cell, next = (cell + 1) * scale->pages_per_cell;
        size_t first = (size_t)cell * scale->cells_per_page;

        for (size_t i = first; i < first + scale->cells_per_page; i++) {
            add_run(&cells[i], runs[run].kind, run);
            cells[i].held += (next < end ? next : end) - page;
        }
        page = next;
    }
}

/* The last touch, when all runs are in. */
static void finish(const struct picture_scale *scale, struct picture_run *runs,
                   struct picture_cell *cells)
{
    for (size_t i = 0; i < scale->cell_count; i++) {
        struct picture_cell *cell = &cells[i];

        if (cell->kind == PICTURE_SEVERAL && cell->held < scale->pages_per_cell / 2)
            cell->kind = PICTURE_SEVERAL_SPARSE;
        else if (cell->kind != PICTURE_SEVERAL && cell->kind != PICTURE_FREE)
            runs[cell->run].seen = true;
    }
}

void picture_fill(const struct picture_scale *scale, struct picture_run *runs, size_t run_count,
                  struct picture_cell *cells)
{
    uint64_t page = 0;

    memset(cells, 0, scale->cell_count * sizeof(*cells));
    for (size_t i = 0; i < run_count; page += runs[i++].pages)
        if (runs[i].kind != PICTURE_FREE)
            add_pages(scale, runs, i, page, page + runs[i].pages, cells);
    finish(scale, runs, cells);
}

const char *picture_sign(enum picture_kind kind, bool utf8)
{
    switch (kind) {
    case PICTURE_FREE:
        return utf8 ? "\u2591" : ".";
    case PICTURE_SEVERAL_SPARSE:
        return "-";
    case PICTURE_SEVERAL:
        return "+";
    case PICTURE_QUARANTINED:
        return "~";
    case PICTURE_CLASH:
        return "!";
    default:
        return "";
    }
}

/* A run begins with its letter; where there are blocks, they go on with it. */
static void print_cell(FILE *out, const struct picture_cell *cell, bool goes_on,
                       const struct picture_run *runs, bool utf8)
{
    const char *sign = picture_sign(cell->kind, utf8);

    if (*sign)
        fputs(sign, out);
    else if (utf8 && goes_on)
        fputs(cell->kind == PICTURE_USED ? "\u2588" : "\u2593", out);
    else
        fputc(runs[cell->run].mark, out);
}

static const char *colour_of(enum picture_kind kind)
{
    static const char *const states[] = {
        [PICTURE_FREE] = "free",    [PICTURE_FOREIGN] = "foreign",
        [PICTURE_USED] = "used",    [PICTURE_SEVERAL_SPARSE] = "used",
        [PICTURE_SEVERAL] = "used", [PICTURE_QUARANTINED] = "quarantined",
        [PICTURE_CLASH] = "clash",
    };

    return state_colour(states[kind]);
}

void picture_print(FILE *out, const struct picture_cell *cells, size_t count,
                   const struct picture_run *runs, struct picture_style style)
{
    const char *colour = "";

    for (size_t i = 0; i < count; i++) {
        bool goes_on =
            i > 0 && cells[i - 1].kind == cells[i].kind && cells[i - 1].run == cells[i].run;
        const char *wanted = style.colour ? colour_of(cells[i].kind) : "";

        if (strcmp(wanted, colour) != 0)
            fprintf(out, "%s%s", *colour ? COLOUR_RESET : "", wanted);
        colour = wanted;
        print_cell(out, &cells[i], goes_on, runs, style.utf8);
    }
    if (*colour)
        fputs(COLOUR_RESET, out);
}
