/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page allocator of one pool: which pages are free, used, foreign or quarantined.
 *
 * A pool is cut into runs of pages in the same state, which cover it without gap or overlap.
 * Free runs stand in two balanced trees, by size and by address; neighbouring runs are linked, so
 * that a released run merges with its free neighbours at once. All work is O(log n) in the number
 * of free runs (an aligned request also looks at the free runs that are large enough but lie
 * wrongly). Pure: no I/O, no logging, no globals; one thread.
 */
#pragma once

#include <stddef.h>

#include "range.h"

struct pool;
struct pool_run;

enum pool_state {
    POOL_FREE,
    POOL_USED,        /* belongs to a segment */
    POOL_FOREIGN,     /* in the iomem list of a domain that got it from somebody else than us */
    POOL_QUARANTINED, /* belonged to a segment whose unmapping could not be confirmed */
};
#define POOL_STATES (POOL_QUARANTINED + 1)

/* Refusals: positive, so that they never mix with a negative errno (see error.h). */
enum {
    POOL_E_FULL = 1, /* no free run is large enough (at that alignment) */
    POOL_E_HELD,     /* a page of the wanted range is not free */
    POOL_E_OUTSIDE,  /* the wanted range is not inside the pool */
};

/*
 * A pool that covers `frames` (a valid range), all free.
 * Returns 0 or -ENOMEM, -EINVAL. The caller owns *ret_pool: pool_free().
 */
int pool_new(struct mfn_range frames, struct pool **ret_pool);
/* Frees the pool and all its runs; NULL is allowed. Returns NULL. */
struct pool *pool_free(struct pool *pool);

/*
 * Takes `pages` (>= 1) pages whose first frame is a multiple of `align` (>= 1, a power of two):
 * from the smallest free run that can hold them, the one at the lowest address among equals, at
 * the lowest suitable frame in that run. `owner` is remembered for pool_run_owner() and never
 * looked into. Returns 0, POOL_E_FULL, -ENOMEM, or -EINVAL for 0 pages or an `align` that is not a
 * power of two; on failure nothing has changed.
 * The pool owns the run; it is valid until pool_release().
 */
int pool_allocate(struct pool *pool, uint64_t pages, uint64_t align, void *owner,
                  struct pool_run **ret_run);

/*
 * Takes exactly `frames`. Returns 0, POOL_E_OUTSIDE (also for an empty range), POOL_E_HELD or
 * -ENOMEM; on failure nothing has changed.
 */
int pool_claim(struct pool *pool, struct mfn_range frames, void *owner, struct pool_run **ret_run);

/*
 * Gives a used or quarantined run back. Pages of it that are in the present foreign set become
 * foreign, the others free; free neighbours merge. The run is gone afterwards. Cannot fail as long
 * as no foreign range overlaps; with one, may need memory: if it cannot be had, all pages of the
 * run stay quarantined with a NULL owner (never free) until the next successful pool_set_foreign().
 * Aborts when the run is neither used nor quarantined: a wrong release gives pages away that
 * somebody still maps.
 */
void pool_release(struct pool *pool, struct pool_run *run);

/* Marks a used run as quarantined; it keeps its owner and can be released later. */
void pool_quarantine(struct pool_run *run);
/* Marks a quarantined run as used again. */
void pool_unquarantine(struct pool_run *run);

/*
 * Declares the pages held by others: `count` ranges in any order, overlapping or outside the pool
 * as they may be. Replaces the earlier set. Free pages in the set become foreign, foreign pages
 * not in it any more become free; pages of segments stay theirs (see pool_release()).
 * Returns 0, or -ENOMEM with nothing changed: pages that are newly held by others may then still
 * count as free, so nothing may be allocated until a later call succeeds.
 */
int pool_set_foreign(struct pool *pool, const struct mfn_range *ranges, size_t count);

/* True when a page of `frames` is in the foreign set, whoever else uses it. */
bool pool_is_foreign(const struct pool *pool, struct mfn_range frames);

struct mfn_range pool_frames(const struct pool *pool);
uint64_t pool_free_pages(const struct pool *pool);
/* Pages in the largest free run; 0 when the pool is full. */
uint64_t pool_largest_free(const struct pool *pool);

/* The runs in address order; NULL after the last. Neighbours may share a state other than free. */
const struct pool_run *pool_first_run(const struct pool *pool);
const struct pool_run *pool_next_run(const struct pool_run *run);

enum pool_state pool_run_state(const struct pool_run *run);
struct mfn_range pool_run_frames(const struct pool_run *run);
/* NULL for runs that are free or foreign. */
void *pool_run_owner(const struct pool_run *run);
