/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "map_picture.h"

#include <inttypes.h>
#include <stdio.h>

#include "cleanup.h"
#include "legend.h"
#include "map_legend.h"
#include "map_rows.h"
#include "print.h"
#include "range.h"
#include "terminal.h"

/* For all pools together; each gets the least at any rate. */
#define ROWS 32
#define ROWS_MAX 16
#define ROWS_LEAST 2
#define LEGEND 36
#define LEGEND_LEAST 8

struct drawing {
    const struct invocation *invocation;
    const json_t *runs;
    const json_t *segments; /* by name */
    struct map_view view;
};

static size_t share_of(size_t all, size_t pools, size_t least, size_t most)
{
    size_t share = pools ? all / pools : all;

    return share < least ? least : share > most ? most : share;
}

static int print_head(size_t limit, const struct map_pool *pool)
{
    char size[SIZE_TEXT_MAX], free_size[SIZE_TEXT_MAX], largest[SIZE_TEXT_MAX];

    size_format(pages_to_bytes(pool->pages), size);
    size_format(pages_to_bytes(pool->free_pages), free_size);
    size_format(pages_to_bytes(pool->largest_free), largest);
    if (pool->free_runs <= 1)
        return print_paragraph(stdout, limit, "%s: %s at 0x%" PRIx64 ", %s free", pool->name, size,
                               pool->address, pool->free_runs ? free_size : "nothing");
    return print_paragraph(stdout, limit,
                           "%s: %s at 0x%" PRIx64 ", %s free in %" PRIu64 " runs, largest %s",
                           pool->name, size, pool->address, free_size, pool->free_runs, largest);
}

static int draw_rows(const struct map_view *view, struct map_pool *pool)
{
    int r = print_head(view->columns, pool);

    if (r || pool->pages == 0)
        return r;
    r = legend_choose(pool->runs, pool->run_count, view->legend);
    return r ? r : map_rows_print(view, pool);
}

static enum exit_status draw_pool(const struct drawing *drawing, struct map_pool *pool)
{
    if (draw_rows(&drawing->view, pool) != 0)
        return complain_memory(drawing->invocation);
    if (pool->free_pages == pool->pages)
        return STATUS_DONE;
    return show_map_legend(drawing->invocation, pool, drawing->runs, drawing->segments,
                           drawing->view.columns);
}

static enum exit_status draw_pools(const struct drawing *drawing)
{
    enum exit_status status = STATUS_DONE;

    for (size_t i = 0; i < json_array_size(drawing->runs) && status == STATUS_DONE;) {
        _cleanup_(map_pool_clear) struct map_pool pool = { 0 };

        if (map_pool_read(&pool, drawing->runs, i) != 0)
            return complain_memory(drawing->invocation);
        if (i > 0)
            putchar('\n');
        status = draw_pool(drawing, &pool);
        i += pool.run_count;
    }
    return status;
}

static bool any_segment(const json_t *runs)
{
    json_t *run;
    size_t i;

    json_array_foreach(runs, i, run)
        if (json_object_get(run, "segment"))
            return true;
    return false;
}

/* pool.map does not name the guests of a shared segment: *ret_segments has them, by name. */
static enum exit_status ask_segments(const struct invocation *invocation, json_t **ret_segments)
{
    _cleanup_(cleanup_json) json_t *result = NULL;
    enum exit_status status = invocation_ask(invocation, "segment.list", NULL, &result);
    json_t *segments, *segment;
    size_t i;

    if (status)
        return status;
    segments = json_object();
    json_array_foreach(json_object_get(result, "segments"), i, segment)
        json_object_set(segments, print_member(segment, "name"), segment);
    *ret_segments = segments;
    return STATUS_DONE;
}

static struct map_view view_for(size_t pools)
{
    return (struct map_view){
        .columns = terminal_columns(),
        .rows = share_of(ROWS, pools, ROWS_LEAST, ROWS_MAX),
        .legend = share_of(LEGEND, pools, LEGEND_LEAST, LEGEND),
        .style = { .utf8 = terminal_utf8(), .colour = print_colour() },
    };
}

enum exit_status show_map_picture(const struct invocation *invocation, json_t *result)
{
    _cleanup_(cleanup_json) json_t *segments = NULL;
    const json_t *runs = json_object_get(result, "runs");
    struct drawing drawing = {
        .invocation = invocation,
        .runs = runs,
        .view = view_for(map_pool_count(runs)),
    };
    enum exit_status status = any_segment(runs) ? ask_segments(invocation, &segments) : STATUS_DONE;

    if (status)
        return status;
    if (json_array_size(runs) == 0)
        return print_text("there is no pool") ? complain_memory(invocation) : STATUS_DONE;
    drawing.segments = segments;
    return draw_pools(&drawing);
}
