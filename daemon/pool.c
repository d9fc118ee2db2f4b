/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page allocator of one pool; the rules are in pool.h, the runs and their trees in pool_runs.c.
 *
 * Whatever may fail comes first: a function reserves the run structs that it can need and only then
 * changes the pool, so that nothing is ever half done.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "pool.h"
#include "pool_runs.h"

/* Runs that taking pages out of a free run can cut: one for each side that stays free. */
#define CARVE_RUNS 2

struct pool {
    struct mfn_range frames;
    struct pool_runs runs;
    LIST_HEAD(, pool_run) withheld; /* foreign runs, and those that wait for memory to be cut */
    struct mfn_range *foreign;      /* the foreign set: in the pool, ascending, disjoint */
    size_t foreign_count;
};

int pool_new(struct mfn_range frames, struct pool **ret_pool)
{
    struct pool *pool;

    if (!mfn_range_valid(frames))
        return -EINVAL;
    pool = calloc(1, sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    pool->frames = frames;
    if (runs_init(&pool->runs, frames) < 0) {
        pool_free(pool);
        return -ENOMEM;
    }
    *ret_pool = pool;
    return 0;
}

struct pool *pool_free(struct pool *pool)
{
    if (!pool)
        return NULL;
    runs_clear(&pool->runs);
    free(pool->foreign);
    free(pool);
    return NULL;
}

static void run_use(struct pool_run *run, void *owner)
{
    run->state = POOL_USED;
    run->owner = owner;
}

/* Pages to skip at the start of a run until its first frame is aligned. */
static uint64_t align_skip(const struct pool_run *run, uint64_t align)
{
    return -run->first & (align - 1);
}

static bool fits_aligned(const struct pool_run *run, uint64_t pages, uint64_t align)
{
    uint64_t skip = align_skip(run, align);

    return skip <= run->count && run->count - skip >= pages;
}

int pool_allocate(struct pool *pool, uint64_t pages, uint64_t align, void *owner,
                  struct pool_run **ret_run)
{
    struct pool_run *run;
    int r;

    if (pages == 0 || align == 0 || (align & (align - 1)) != 0)
        return -EINVAL;
    run = runs_find_size(&pool->runs, pages);
    while (run && !fits_aligned(run, pages, align))
        run = runs_next_size(run);
    if (!run)
        return POOL_E_FULL;
    r = runs_reserve(&pool->runs, CARVE_RUNS);
    if (r)
        return r;

    run = runs_carve(&pool->runs, run, run->first + align_skip(run, align), pages);
    run_use(run, owner);
    *ret_run = run;
    return 0;
}

int pool_claim(struct pool *pool, struct mfn_range frames, void *owner, struct pool_run **ret_run)
{
    struct pool_run *run;
    int r;

    if (!mfn_range_contains(pool->frames, frames))
        return POOL_E_OUTSIDE;
    run = runs_find_address(&pool->runs, frames.first.v);
    if (!run || !mfn_range_contains(pool_run_frames(run), frames))
        return POOL_E_HELD;
    r = runs_reserve(&pool->runs, CARVE_RUNS);
    if (r)
        return r;

    run = runs_carve(&pool->runs, run, frames.first.v, frames.count);
    run_use(run, owner);
    *ret_run = run;
    return 0;
}

/* Keeps a run from being given out until the next pool_set_foreign(). */
static void withhold(struct pool *pool, struct pool_run *run, enum pool_state state)
{
    run->state = state;
    run->is_withheld = true;
    LIST_INSERT_HEAD(&pool->withheld, run, withheld);
}

/* Index of the first range of the foreign set that ends behind `frame`. */
static size_t foreign_find(const struct pool *pool, uint64_t frame)
{
    size_t low = 0, high = pool->foreign_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mfn_range_end(pool->foreign[middle]) <= frame)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/*
 * Gives back a run of which some pages are foreign, piece by piece. `i` is the first foreign range
 * that overlaps it. Each range cuts off at most two runs: the free pages before it, and its own.
 */
static void release_pieces(struct pool *pool, struct pool_run *run, size_t i)
{
    uint64_t end = mfn_range_end(pool_run_frames(run));

    for (; i < pool->foreign_count && pool->foreign[i].first.v < end; i++) {
        uint64_t foreign_first = pool->foreign[i].first.v;
        uint64_t foreign_end = mfn_range_end(pool->foreign[i]);

        if (foreign_first > run->first)
            runs_make_free(&pool->runs,
                           runs_cut_front(&pool->runs, run, foreign_first - run->first));
        if (foreign_end >= end) {
            withhold(pool, run, POOL_FOREIGN);
            return;
        }
        withhold(pool, runs_cut_front(&pool->runs, run, foreign_end - run->first), POOL_FOREIGN);
    }
    runs_make_free(&pool->runs, run);
}

void pool_release(struct pool *pool, struct pool_run *run)
{
    uint64_t end = mfn_range_end(pool_run_frames(run));
    size_t first, last;

    /* A wrong release gives away pages that somebody still maps: better no daemon than that. */
    assert(run->state == POOL_USED || (run->state == POOL_QUARANTINED && !run->is_withheld));

    first = last = foreign_find(pool, run->first);
    while (last < pool->foreign_count && pool->foreign[last].first.v < end)
        last++;

    if (first == last)
        runs_make_free(&pool->runs, run);
    else if (runs_reserve(&pool->runs, 2 * (last - first)) == 0)
        release_pieces(pool, run, first);
    else
        withhold(pool, run, POOL_QUARANTINED);
}

void pool_quarantine(struct pool_run *run)
{
    assert(run->state == POOL_USED);
    run->state = POOL_QUARANTINED;
}

void pool_unquarantine(struct pool_run *run)
{
    assert(run->state == POOL_QUARANTINED && !run->is_withheld);
    run->state = POOL_USED;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct mfn_range *x = a, *y = b;

    return x->first.v < y->first.v ? -1 : x->first.v > y->first.v;
}

/* Sorts ranges and merges those that overlap or touch, in place. Returns how many are left. */
static size_t ranges_merge(struct mfn_range *ranges, size_t count)
{
    size_t n = 0;

    qsort(ranges, count, sizeof(ranges[0]), compare_ranges);
    for (size_t i = 0; i < count; i++) {
        uint64_t end = mfn_range_end(ranges[i]);

        if (n == 0 || ranges[i].first.v > mfn_range_end(ranges[n - 1]))
            ranges[n++] = ranges[i];
        else if (end > mfn_range_end(ranges[n - 1]))
            ranges[n - 1].count = end - ranges[n - 1].first.v;
    }
    return n;
}

/* The parts of `ranges` in the pool, ascending and disjoint; the caller frees *ret_set. */
static int foreign_normalize(const struct pool *pool, const struct mfn_range *ranges, size_t count,
                             struct mfn_range **ret_set, size_t *ret_count)
{
    struct mfn_range *set;
    size_t n = 0;

    set = calloc(count > 0 ? count : 1, sizeof(set[0]));
    if (!set)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        set[n] = mfn_range_intersect(pool->frames, ranges[i]);
        if (set[n].count > 0)
            n++;
    }
    *ret_count = ranges_merge(set, n);
    *ret_set = set;
    return 0;
}

/* Withholds every free page in `range`. Cuts a run for each end of it that lies in a free run. */
static void foreign_mark(struct pool *pool, struct mfn_range range)
{
    struct pool_run *run = runs_find_address(&pool->runs, range.first.v);

    if (!run)
        run = runs_first_free(&pool->runs);
    while (run && run->first < mfn_range_end(range)) {
        struct pool_run *next = runs_next_free(run);
        struct mfn_range part = mfn_range_intersect(pool_run_frames(run), range);

        if (part.count > 0) {
            run = runs_carve(&pool->runs, run, part.first.v, part.count);
            withhold(pool, run, POOL_FOREIGN);
        }
        run = next;
    }
}

/* Gives back all pages that the old foreign set kept. The new set then takes its own. */
static void foreign_forget(struct pool *pool)
{
    struct pool_run *run;

    while ((run = LIST_FIRST(&pool->withheld))) {
        LIST_REMOVE(run, withheld);
        run->is_withheld = false;
        runs_make_free(&pool->runs, run);
    }
}

int pool_set_foreign(struct pool *pool, const struct mfn_range *ranges, size_t count)
{
    struct mfn_range *set;
    size_t set_count;
    int r;

    r = foreign_normalize(pool, ranges, count, &set, &set_count);
    if (r)
        return r;
    r = runs_reserve(&pool->runs, CARVE_RUNS * set_count);
    if (r) {
        free(set);
        return r;
    }

    foreign_forget(pool);
    for (size_t i = 0; i < set_count; i++)
        foreign_mark(pool, set[i]);
    free(pool->foreign);
    pool->foreign = set;
    pool->foreign_count = set_count;
    return 0;
}

bool pool_is_foreign(const struct pool *pool, struct mfn_range frames)
{
    size_t i = foreign_find(pool, frames.first.v);

    return i < pool->foreign_count && mfn_range_overlaps(pool->foreign[i], frames);
}

struct mfn_range pool_frames(const struct pool *pool)
{
    return pool->frames;
}

uint64_t pool_free_pages(const struct pool *pool)
{
    return pool->runs.free_pages;
}

uint64_t pool_largest_free(const struct pool *pool)
{
    const struct pool_run *run = runs_largest(&pool->runs);

    return run ? run->count : 0;
}

const struct pool_run *pool_first_run(const struct pool *pool)
{
    return pool->runs.first;
}

const struct pool_run *pool_next_run(const struct pool_run *run)
{
    return run->next;
}

enum pool_state pool_run_state(const struct pool_run *run)
{
    return run->state;
}

struct mfn_range pool_run_frames(const struct pool_run *run)
{
    return (struct mfn_range){ mfn(run->first), run->count };
}

void *pool_run_owner(const struct pool_run *run)
{
    bool of_segment = run->state == POOL_USED || run->state == POOL_QUARANTINED;

    return of_segment && !run->is_withheld ? run->owner : NULL;
}
