/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The runs that a pool is cut into, and the trees that find the free ones. Only for pool.c.
 *
 * Two free runs never stand side by side; every free run is in both trees, no other run is in any.
 * Nothing here can fail half-way: runs_reserve() gets the memory, the functions that follow it take
 * run structs from the spare list.
 */
#pragma once

#include <stddef.h>
#include <sys/queue.h>

#include "pool.h"
#include "tree.h"

/* What a release and its neighbours touch comes first, in one cache line. */
struct pool_run {
    uint64_t first, count;
    struct pool_run *prev, *next; /* all runs in address order; on the spare list next only */
    RB_ENTRY(pool_run) by_size;   /* in pool_runs.by_size while free */
    enum pool_state state;
    bool is_withheld;
    union {
        RB_ENTRY(pool_run) by_address; /* in pool_runs.by_address while free */
        LIST_ENTRY(pool_run) withheld; /* in pool.withheld while is_withheld */
        void *owner;                   /* of a segment's pages */
    };
};

RB_HEAD(size_tree, pool_run);
RB_HEAD(address_tree, pool_run);

struct pool_runs {
    struct pool_run *first;
    struct size_tree by_size;
    struct address_tree by_address;
    uint64_t free_pages;
    struct pool_run *spare;
    size_t spare_count;
};

/* One free run over all of `frames`. Returns 0 or -ENOMEM. */
int runs_init(struct pool_runs *runs, struct mfn_range frames);
void runs_clear(struct pool_runs *runs);

/* Makes sure that the next `count` runs that are cut can be had. Returns 0 or -ENOMEM. */
int runs_reserve(struct pool_runs *runs, size_t count);

/* The smallest free run of at least `pages` pages, at the lowest address among equals; or NULL. */
struct pool_run *runs_find_size(const struct pool_runs *runs, uint64_t pages);
/* The next in that order: larger, or as large at a higher address. */
struct pool_run *runs_next_size(struct pool_run *run);
/* The largest free run; NULL if there is none. */
const struct pool_run *runs_largest(const struct pool_runs *runs);
/* The free run that holds `frame`, or else the last one before it; NULL if there is none. */
struct pool_run *runs_find_address(const struct pool_runs *runs, uint64_t frame);
/* The free run with the lowest address, and the one behind `run`. */
struct pool_run *runs_first_free(struct pool_runs *runs);
struct pool_run *runs_next_free(struct pool_run *run);

/*
 * Takes `count` pages from `first` on out of the free run that holds them. Cuts a run for each
 * side on which free pages remain. The caller sets the state of the result: it is not free.
 */
struct pool_run *runs_carve(struct pool_runs *runs, struct pool_run *run, uint64_t first,
                            uint64_t count);
/* Cuts the first `count` pages off a run that is not free; they become a run before it. */
struct pool_run *runs_cut_front(struct pool_runs *runs, struct pool_run *run, uint64_t count);
/* Turns a run that is not free into free pages, merged with its free neighbours. */
void runs_make_free(struct pool_runs *runs, struct pool_run *run);
