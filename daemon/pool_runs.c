/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The runs that a pool is cut into; see pool_runs.h.
 *
 * A run that grows or shrinks keeps its place among the free runs by address, since no other one
 * can stand where it grows or between its old and its new start. So only the tree by size is
 * corrected then, and taking pages from the start of a run is one removal and one insertion.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "pool_runs.h"

static int compare_size(const struct pool_run *a, const struct pool_run *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

static int compare_address(const struct pool_run *a, const struct pool_run *b)
{
    return a->first < b->first ? -1 : a->first > b->first;
}

TREE_GENERATE(size_tree, pool_run, by_size, compare_size)
TREE_GENERATE(address_tree, pool_run, by_address, compare_address)

static void spare_put(struct pool_runs *runs, struct pool_run *run)
{
    run->next = runs->spare;
    runs->spare = run;
    runs->spare_count++;
}

static struct pool_run *spare_take(struct pool_runs *runs)
{
    struct pool_run *run = runs->spare;

    assert(run);
    runs->spare = run->next;
    runs->spare_count--;
    /* Any state but free, so that no neighbour merges with a run that is in no tree yet. */
    *run = (struct pool_run){ .state = POOL_USED };
    return run;
}

int runs_reserve(struct pool_runs *runs, size_t count)
{
    while (runs->spare_count < count) {
        struct pool_run *run = malloc(sizeof(*run));

        if (!run)
            return -ENOMEM;
        spare_put(runs, run);
    }
    return 0;
}

/* Puts `run` between `prev` and `next`, of which either may be missing. */
static void list_insert(struct pool_runs *runs, struct pool_run *run, struct pool_run *prev,
                        struct pool_run *next)
{
    run->prev = prev;
    run->next = next;
    if (prev)
        prev->next = run;
    else
        runs->first = run;
    if (next)
        next->prev = run;
}

/* Ends the life of a run that is in no tree. */
static void run_drop(struct pool_runs *runs, struct pool_run *run)
{
    if (run->prev)
        run->prev->next = run->next;
    else
        runs->first = run->next;
    if (run->next)
        run->next->prev = run->prev;
    spare_put(runs, run);
}

struct pool_run *runs_cut_front(struct pool_runs *runs, struct pool_run *run, uint64_t count)
{
    struct pool_run *front = spare_take(runs);

    front->first = run->first;
    front->count = count;
    run->first += count;
    run->count -= count;
    list_insert(runs, front, run->prev, run);
    return front;
}

static struct pool_run *run_cut_back(struct pool_runs *runs, struct pool_run *run, uint64_t count)
{
    struct pool_run *back = spare_take(runs);

    run->count -= count;
    back->first = run->first + run->count;
    back->count = count;
    list_insert(runs, back, run, run->next);
    return back;
}

static bool run_is_free(const struct pool_run *run)
{
    return run && run->state == POOL_FREE;
}

static void free_link(struct pool_runs *runs, struct pool_run *run)
{
    run->state = POOL_FREE;
    RB_INSERT(size_tree, &runs->by_size, run);
    RB_INSERT(address_tree, &runs->by_address, run);
}

static void free_unlink(struct pool_runs *runs, struct pool_run *run)
{
    RB_REMOVE(size_tree, &runs->by_size, run);
    RB_REMOVE(address_tree, &runs->by_address, run);
}

void runs_make_free(struct pool_runs *runs, struct pool_run *run)
{
    struct pool_run *prev = run->prev, *next = run->next;

    runs->free_pages += run->count;
    if (run_is_free(prev)) {
        RB_REMOVE(size_tree, &runs->by_size, prev);
        prev->count += run->count;
        run_drop(runs, run);
        if (run_is_free(next)) {
            free_unlink(runs, next);
            prev->count += next->count;
            run_drop(runs, next);
        }
        RB_INSERT(size_tree, &runs->by_size, prev);
    } else if (run_is_free(next)) {
        RB_REMOVE(size_tree, &runs->by_size, next);
        next->first = run->first;
        next->count += run->count;
        run_drop(runs, run);
        RB_INSERT(size_tree, &runs->by_size, next);
    } else {
        free_link(runs, run);
    }
}

struct pool_run *runs_carve(struct pool_runs *runs, struct pool_run *run, uint64_t first,
                            uint64_t count)
{
    uint64_t before = first - run->first;
    uint64_t after = run->count - before - count;
    struct pool_run *carved;

    runs->free_pages -= count;
    if (before == 0 && after == 0) {
        free_unlink(runs, run);
        return run;
    }

    RB_REMOVE(size_tree, &runs->by_size, run);
    if (before == 0) {
        carved = runs_cut_front(runs, run, count);
    } else {
        carved = run_cut_back(runs, run, count + after);
        if (after > 0)
            free_link(runs, run_cut_back(runs, carved, after));
    }
    RB_INSERT(size_tree, &runs->by_size, run);
    return carved;
}

struct pool_run *runs_find_size(const struct pool_runs *runs, uint64_t pages)
{
    struct pool_run *run = RB_ROOT(&runs->by_size), *found = NULL;

    while (run) {
        if (run->count >= pages) {
            found = run;
            run = RB_LEFT(run, by_size);
        } else {
            run = RB_RIGHT(run, by_size);
        }
    }
    return found;
}

struct pool_run *runs_next_size(struct pool_run *run)
{
    return RB_NEXT(size_tree, NULL, run);
}

const struct pool_run *runs_largest(const struct pool_runs *runs)
{
    const struct pool_run *run = RB_ROOT(&runs->by_size);

    while (run && RB_RIGHT(run, by_size))
        run = RB_RIGHT(run, by_size);
    return run;
}

struct pool_run *runs_find_address(const struct pool_runs *runs, uint64_t frame)
{
    struct pool_run *run = RB_ROOT(&runs->by_address), *found = NULL;

    while (run) {
        if (run->first <= frame) {
            found = run;
            run = RB_RIGHT(run, by_address);
        } else {
            run = RB_LEFT(run, by_address);
        }
    }
    return found;
}

struct pool_run *runs_first_free(struct pool_runs *runs)
{
    return RB_MIN(address_tree, &runs->by_address);
}

struct pool_run *runs_next_free(struct pool_run *run)
{
    return RB_NEXT(address_tree, NULL, run);
}

int runs_init(struct pool_runs *runs, struct mfn_range frames)
{
    struct pool_run *run;
    int r;

    *runs = (struct pool_runs){ 0 };
    r = runs_reserve(runs, 1);
    if (r)
        return r;
    run = spare_take(runs);
    run->first = frames.first.v;
    run->count = frames.count;
    list_insert(runs, run, NULL, NULL);
    runs_make_free(runs, run);
    return 0;
}

static void list_free(struct pool_run *run)
{
    while (run) {
        struct pool_run *next = run->next;

        free(run);
        run = next;
    }
}

void runs_clear(struct pool_runs *runs)
{
    list_free(runs->first);
    list_free(runs->spare);
    *runs = (struct pool_runs){ 0 };
}
