/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The runs of one pool in a result of pool.map, as they are drawn. */
#pragma once

#include <jansson.h>

#include "picture.h"

struct map_pool {
    const char *name; /* the result's */
    size_t first;     /* index of its first run in the result */
    size_t run_count;
    struct picture_run *runs; /* owned */
    uint64_t address;         /* of its first page on the host */
    uint64_t pages;
    uint64_t free_pages, free_runs, largest_free;
};

/*
 * Reads the pool whose runs begin at index `first`, which there is. Runs without a size that makes
 * sense count as empty. Returns 0 or -ENOMEM.
 */
int map_pool_read(struct map_pool *pool, const json_t *runs, size_t first);
void map_pool_clear(struct map_pool *pool);

/* How many pools the runs belong to. */
size_t map_pool_count(const json_t *runs);
