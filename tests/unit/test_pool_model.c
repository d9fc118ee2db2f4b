/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page allocator against a model that is too simple to be wrong: one state for each page and a
 * search that looks at all of them. Random steps, allocation failures included; XENSHM_SEED repeats
 * a run, XENSHM_STEPS makes it longer.
 */
#include "test.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fault.h"
#include "pool.h"

#define PAGES_MAX 2048
#define RANGES_MAX 8
#define OWNERS_MAX 100000 /* owners are addresses in an array, never looked into */
#define FULL_CHECK_INTERVAL 64

struct page {
    enum pool_state state;
    void *owner;
    bool foreign;
};

struct segment {
    struct pool_run *run;
    uint64_t first, count; /* page numbers in the pool */
    void *owner;
};

static struct world {
    struct pool *pool;
    uint64_t base, pages;
    struct page page[PAGES_MAX];
    struct segment live[PAGES_MAX];
    size_t live_count;
    uint64_t free_pages;
} world;

static char owners[OWNERS_MAX];
static size_t next_owner;
static uint64_t seed, random_state;
static long steps = 240000;
static unsigned fault_percent = 3;

static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(2685821657736338717);
}

static uint64_t random_below(uint64_t limit)
{
    return (next_random() >> 16) % limit;
}

static bool chance(unsigned percent)
{
    return random_below(100) < percent;
}

static struct mfn_range frames_of(uint64_t first, uint64_t count)
{
    return (struct mfn_range){ mfn(world.base + first), count };
}

/* The page where a request must go by the rules of pool.h; world.pages when nowhere. */
static uint64_t model_find(uint64_t count, uint64_t align)
{
    uint64_t best = world.pages, best_size = UINT64_MAX, end;

    for (uint64_t i = 0; i < world.pages; i = end) {
        uint64_t first = i;

        end = i + 1;
        if (world.page[i].state != POOL_FREE)
            continue;
        while (end < world.pages && world.page[end].state == POOL_FREE)
            end++;
        while (first < end && (world.base + first) % align != 0)
            first++;
        if (first + count <= end && end - i < best_size) {
            best = first;
            best_size = end - i;
        }
    }
    return best;
}

static void model_set(uint64_t first, uint64_t count, enum pool_state state, void *owner)
{
    for (uint64_t i = first; i < first + count; i++) {
        world.free_pages -= world.page[i].state == POOL_FREE;
        world.free_pages += state == POOL_FREE;
        world.page[i].state = state;
        world.page[i].owner = owner;
    }
}

static bool model_all_free(uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++)
        if (world.page[i].state != POOL_FREE)
            return false;
    return true;
}

/* Enters a new run of the pool, after the checks that hold for each. */
static void enter(struct pool_run *run, uint64_t first, uint64_t count, void *owner)
{
    assert_int_equal(pool_run_frames(run).first.v, world.base + first);
    assert_int_equal(pool_run_frames(run).count, count);
    assert_int_equal(pool_run_state(run), POOL_USED);
    assert_ptr_equal(pool_run_owner(run), owner);
    assert_true(model_all_free(first, count));
    model_set(first, count, POOL_USED, owner);
    world.live[world.live_count++] = (struct segment){ run, first, count, owner };
}

static uint64_t random_size(void)
{
    if (chance(5))
        return 1 + random_below(world.pages + 2);
    return 1 + random_below(chance(70) ? 4 : 24);
}

static void step_allocate(bool faulty)
{
    uint64_t count = random_size(), align = UINT64_C(1) << (chance(60) ? 0 : random_below(12));
    uint64_t expected = model_find(count, align);
    void *owner = &owners[next_owner++ % OWNERS_MAX];
    struct pool_run *run = NULL;
    int r;

    if (faulty)
        fault_after((long)random_below(2));
    r = pool_allocate(world.pool, count, align, owner, &run);
    if (fault_end()) {
        assert_int_equal(r, -ENOMEM);
        return;
    }
    assert_int_equal(r, expected == world.pages ? POOL_E_FULL : 0);
    if (r == 0)
        enter(run, expected, count, owner);
}

static void step_claim(bool faulty)
{
    uint64_t first = random_below(world.pages + 2), count = random_size();
    void *owner = &owners[next_owner++ % OWNERS_MAX];
    struct pool_run *run = NULL;
    int expected, r;

    if (first + count > world.pages)
        expected = POOL_E_OUTSIDE;
    else
        expected = model_all_free(first, count) ? 0 : POOL_E_HELD;
    if (faulty)
        fault_after((long)random_below(2));
    r = pool_claim(world.pool, frames_of(first, count), owner, &run);
    if (fault_end()) {
        assert_int_equal(r, -ENOMEM);
        return;
    }
    assert_int_equal(r, expected);
    if (r == 0)
        enter(run, first, count, owner);
}

static void step_release(bool faulty)
{
    size_t victim = random_below(world.live_count);
    struct segment s = world.live[victim];

    if (faulty)
        fault_after((long)random_below(3));
    pool_release(world.pool, s.run);
    if (fault_end())
        model_set(s.first, s.count, POOL_QUARANTINED, NULL);
    else
        for (uint64_t i = s.first; i < s.first + s.count; i++)
            model_set(i, 1, world.page[i].foreign ? POOL_FOREIGN : POOL_FREE, NULL);
    world.live[victim] = world.live[--world.live_count];
}

static void step_quarantine(void)
{
    const struct segment *s = &world.live[random_below(world.live_count)];

    if (pool_run_state(s->run) == POOL_USED) {
        pool_quarantine(s->run);
        model_set(s->first, s->count, POOL_QUARANTINED, s->owner);
    } else {
        pool_unquarantine(s->run);
        model_set(s->first, s->count, POOL_USED, s->owner);
    }
}

static void model_set_foreign(const struct mfn_range *ranges, size_t count)
{
    for (uint64_t i = 0; i < world.pages; i++) {
        struct page *page = &world.page[i];

        page->foreign = false;
        for (size_t k = 0; k < count; k++)
            page->foreign |= mfn_range_overlaps(ranges[k], frames_of(i, 1));
        if (!page->owner)
            model_set(i, 1, page->foreign ? POOL_FOREIGN : POOL_FREE, NULL);
    }
}

static void step_set_foreign(bool faulty)
{
    struct mfn_range ranges[RANGES_MAX];
    size_t count = random_below(RANGES_MAX + 1);
    int r;

    for (size_t i = 0; i < count; i++)
        ranges[i] = (struct mfn_range){ mfn(world.base - 4 + random_below(world.pages + 8)),
                                        random_below(chance(80) ? 6 : 40) };
    if (faulty)
        fault_after((long)random_below(8));
    r = pool_set_foreign(world.pool, ranges, count);
    if (fault_end()) {
        assert_int_equal(r, -ENOMEM);
        return;
    }
    assert_int_equal(r, 0);
    model_set_foreign(ranges, count);
}

static uint64_t model_largest_free(void)
{
    uint64_t largest = 0, length = 0;

    for (uint64_t i = 0; i < world.pages; i++) {
        length = world.page[i].state == POOL_FREE ? length + 1 : 0;
        largest = length > largest ? length : largest;
    }
    return largest;
}

/* Every page of every run as in the model, and the runs without gap, overlap or free neighbours. */
static void check_runs(void)
{
    uint64_t at = 0;
    bool after_free = false;

    for (const struct pool_run *run = pool_first_run(world.pool); run; run = pool_next_run(run)) {
        struct mfn_range frames = pool_run_frames(run);
        enum pool_state state = pool_run_state(run);

        assert_true(frames.count > 0);
        assert_int_equal(frames.first.v, world.base + at);
        assert_true(frames.count <= world.pages - at);
        assert_false(after_free && state == POOL_FREE);
        after_free = state == POOL_FREE;
        for (uint64_t i = at; i < at + frames.count; i++) {
            assert_int_equal(world.page[i].state, state);
            assert_ptr_equal(world.page[i].owner, pool_run_owner(run));
        }
        at += frames.count;
    }
    assert_int_equal(at, world.pages);
}

static void check_world(void)
{
    check_runs();
    assert_int_equal(pool_largest_free(world.pool), model_largest_free());
    for (size_t i = 0; i < world.live_count; i++) {
        const struct segment *s = &world.live[i];

        assert_int_equal(pool_run_frames(s->run).first.v, world.base + s->first);
        assert_int_equal(pool_run_frames(s->run).count, s->count);
        assert_ptr_equal(pool_run_owner(s->run), s->owner);
    }
    for (uint64_t i = 0; i < world.pages; i++)
        assert_int_equal(pool_is_foreign(world.pool, frames_of(i, 1)), world.page[i].foreign);
}

static void check_cheaply(void)
{
    uint64_t first = random_below(world.pages), count = 1 + random_below(4);
    bool foreign = false;

    assert_int_equal(pool_free_pages(world.pool), world.free_pages);
    for (uint64_t i = first; i < first + count && i < world.pages; i++)
        foreign |= world.page[i].foreign;
    if (first + count <= world.pages)
        assert_int_equal(pool_is_foreign(world.pool, frames_of(first, count)), foreign);
}

/* `releases`: percent of the steps that release; it decides how full the pool is. */
static void step(unsigned releases)
{
    bool faulty = chance(fault_percent);

    if (world.live_count > 0 && chance(releases))
        step_release(faulty);
    else if (world.live_count > 0 && chance(15))
        step_quarantine();
    else if (chance(8))
        step_set_foreign(faulty);
    else if (chance(25))
        step_claim(faulty);
    else
        step_allocate(faulty);
}

static void run_world(uint64_t base, uint64_t pages, long count)
{
    unsigned releases = 40;

    world = (struct world){ .base = base, .pages = pages, .free_pages = pages };
    assert_int_equal(pool_new((struct mfn_range){ mfn(base), pages }, &world.pool), 0);
    for (long i = 0; i < count; i++) {
        if (i % 2000 == 0)
            releases = 20 + (unsigned)random_below(40); /* fuller and emptier phases */
        step(releases);
        check_cheaply();
        if (i % FULL_CHECK_INTERVAL == 0)
            check_world();
    }
    check_world();

    assert_int_equal(pool_set_foreign(world.pool, NULL, 0), 0);
    model_set_foreign(NULL, 0);
    while (world.live_count > 0)
        step_release(false);
    check_world();
    assert_int_equal(pool_largest_free(world.pool), pages);
    pool_free(world.pool);
}

static void test_small_pools(void **state)
{
    for (uint64_t pages = 1; pages <= 16; pages++)
        run_world(64 - pages / 2, pages, steps / 64);
}

/* A young pool has little memory set aside, so that failures hit more than the first steps. */
static void test_short_lives(void **state)
{
    fault_percent = 30;
    for (long i = 0; i < steps / 8; i += 80)
        run_world(0x40000, 100, 80);
    fault_percent = 3;
}

static void test_pool(void **state)
{
    run_world(0x7ff35, 400, steps / 2);
}

static void test_large_pool(void **state)
{
    run_world(FRAME_MAX + 1 - 8 - PAGES_MAX, PAGES_MAX, steps / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_pools),
        cmocka_unit_test(test_short_lives),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_large_pool),
    };
    const char *text = getenv("XENSHM_SEED");

    seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
    random_state = seed * 2 + 1;
    text = getenv("XENSHM_STEPS");
    if (text)
        steps = strtol(text, NULL, 0);
    printf("# XENSHM_SEED=%" PRIu64 "\n", seed);
    return RUN_TESTS("pool_model", tests);
}
