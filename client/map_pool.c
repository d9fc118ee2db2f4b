/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "map_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "range.h"

static const char *pool_name(const json_t *runs, size_t index)
{
    return print_member(json_array_get(runs, index), "pool");
}

static size_t run_count_from(const json_t *runs, size_t first)
{
    size_t count = 0;

    while (first + count < json_array_size(runs) &&
           strcmp(pool_name(runs, first + count), pool_name(runs, first)) == 0)
        count++;
    return count;
}

size_t map_pool_count(const json_t *runs)
{
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(runs); i += run_count_from(runs, i))
        count++;
    return count;
}

/* What a later daemon may call otherwise is held by somebody, at any rate. */
static enum picture_kind kind_of(const json_t *run)
{
    const char *state = print_member(run, "state");

    if (json_array_size(json_object_get(run, "clash")) > 0)
        return PICTURE_CLASH;
    if (strcmp(state, "free") == 0)
        return PICTURE_FREE;
    if (strcmp(state, "foreign") == 0)
        return PICTURE_FOREIGN;
    return strcmp(state, "quarantined") == 0 ? PICTURE_QUARANTINED : PICTURE_USED;
}

static void add_run(struct map_pool *pool, size_t index, const json_t *json)
{
    struct picture_run *run = &pool->runs[index];
    json_int_t size = json_integer_value(json_object_get(json, "size"));
    uint64_t pages = size > 0 ? bytes_to_pages((uint64_t)size) : 0;

    run->kind = kind_of(json);
    if (pages > FRAME_MAX - pool->pages)
        return;
    run->pages = pages;
    pool->pages += pages;
    if (run->kind != PICTURE_FREE)
        return;
    pool->free_pages += pages;
    pool->free_runs++;
    if (pages > pool->largest_free)
        pool->largest_free = pages;
}

int map_pool_read(struct map_pool *pool, const json_t *runs, size_t first)
{
    const json_t *begin = json_array_get(runs, first);

    *pool = (struct map_pool){
        .name = pool_name(runs, first),
        .first = first,
        .run_count = run_count_from(runs, first),
        .address = strtoull(print_member(begin, "host_address"), NULL, 16),
    };
    pool->runs = calloc(pool->run_count, sizeof(*pool->runs));
    if (!pool->runs)
        return -ENOMEM;
    for (size_t i = 0; i < pool->run_count; i++)
        add_run(pool, i, json_array_get(runs, first + i));
    return 0;
}

void map_pool_clear(struct map_pool *pool)
{
    free(pool->runs);
    *pool = (struct map_pool){ 0 };
}
