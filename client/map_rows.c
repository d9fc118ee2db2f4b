/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "map_rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "legend.h"
#include "memstream.h"
#include "print.h"
#include "range.h"

#define CELLS_LEAST 8 /* room for cells that is worth more than addresses beside them */

/* The picture of one pool. */
struct picture {
    const struct map_pool *pool;
    struct picture_scale scale;
    struct picture_cell *cells;
    int address_width; /* 0: no addresses, the terminal is too narrow */
};

static void print_row(const struct map_view *view, const struct picture *picture, size_t first)
{
    const struct picture_scale *scale = &picture->scale;
    size_t left = scale->cell_count - first;
    uint64_t page = first / scale->cells_per_page * scale->pages_per_cell;
    char address[32];

    snprintf(address, sizeof(address), "0x%" PRIx64, picture->pool->address + pages_to_bytes(page));
    if (picture->address_width > 0)
        printf("%-*s ", picture->address_width, address);
    picture_print(stdout, picture->cells + first, left < scale->row_cells ? left : scale->row_cells,
                  picture->pool->runs, view->style);
    putchar('\n');
}

static bool has_kind(const struct picture *picture, enum picture_kind kind)
{
    for (size_t i = 0; i < picture->scale.cell_count; i++)
        if (picture->cells[i].kind == kind)
            return true;
    return false;
}

static bool has_mark(const struct map_pool *pool, char mark)
{
    for (size_t i = 0; i < pool->run_count; i++)
        if (pool->runs[i].seen && pool->runs[i].mark == mark)
            return true;
    return false;
}

/* Signs that are in the picture, and in no row of the legend. */
static void write_signs(FILE *out, const struct map_view *view, const struct picture *picture)
{
    if (has_kind(picture, PICTURE_FREE))
        fprintf(out, ", %s free", picture_sign(PICTURE_FREE, view->style.utf8));
    if (has_kind(picture, PICTURE_SEVERAL))
        fprintf(out, ", %s several in one cell", picture_sign(PICTURE_SEVERAL, false));
    if (has_kind(picture, PICTURE_SEVERAL_SPARSE))
        fprintf(out, ", %s several, mostly free", picture_sign(PICTURE_SEVERAL_SPARSE, false));
    if (has_mark(picture->pool, LEGEND_MORE_USED))
        fprintf(out, ", %c further segments", LEGEND_MORE_USED);
    if (has_mark(picture->pool, LEGEND_MORE_FOREIGN))
        fprintf(out, ", %c further foreign pages", LEGEND_MORE_FOREIGN);
}

static int print_key(const struct map_view *view, const struct picture *picture)
{
    _cleanup_(cleanup_free) char *signs = NULL;
    char size[SIZE_TEXT_MAX];
    size_t length, cells = picture->scale.cells_per_page;
    FILE *out = open_memstream(&signs, &length);

    if (!out)
        return -ENOMEM;
    write_signs(out, view, picture);
    if (!memstream_end(out, &signs))
        return -ENOMEM;
    print_size(pages_to_bytes(picture->scale.pages_per_cell), size);
    if (cells > 1)
        return print_paragraph(stdout, view->columns, "%zu cells are %s%s", cells, size, signs);
    return print_paragraph(stdout, view->columns, "a cell is %s%s", size, signs);
}

/* The picture without its cells. */
static struct picture plan(const struct map_view *view, const struct map_pool *pool)
{
    uint64_t end = pool->address + pages_to_bytes(pool->pages) - 1;
    int width = snprintf(NULL, 0, "0x%" PRIx64, end);
    bool room = view->columns >= (size_t)width + 1 + CELLS_LEAST;
    size_t columns = view->columns - (room ? (size_t)width + 1 : 0);

    return (struct picture){
        .pool = pool,
        .scale = picture_scale(pool->pages, columns, view->rows),
        .address_width = room ? width : 0,
    };
}

int map_rows_print(const struct map_view *view, struct map_pool *pool)
{
    struct picture picture = plan(view, pool);
    _cleanup_(cleanup_free) struct picture_cell *cells =
        calloc(picture.scale.cell_count, sizeof(*cells));

    if (!cells)
        return -ENOMEM;
    picture.cells = cells;
    picture_fill(&picture.scale, pool->runs, pool->run_count, cells);
    for (size_t i = 0; i < picture.scale.cell_count; i += picture.scale.row_cells)
        print_row(view, &picture, i);
    return print_key(view, &picture);
}
