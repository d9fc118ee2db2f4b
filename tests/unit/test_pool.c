/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page allocator, rule by rule of pool.h.
 *
 * Layouts are compared as text, one word a run: "U3 F97" is three used pages and 97 free ones.
 * F free, U used, X foreign, Q quarantined.
 */
#include "test.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"
#include "pool.h"

#define BASE UINT64_C(0x7ff00)

static struct mfn_range range(uint64_t first, uint64_t count)
{
    return (struct mfn_range){ mfn(first), count };
}

static struct pool *new_pool(uint64_t pages)
{
    struct pool *pool;

    assert_int_equal(pool_new(range(BASE, pages), &pool), 0);
    return pool;
}

/* The layout as text; checks on the way that the runs cover the pool and free ones are merged. */
static const char *layout(const struct pool *pool)
{
    static char text[4096];
    uint64_t at = pool_frames(pool).first.v, free_pages = 0, largest = 0;
    bool after_free = false;
    size_t length = 0;

    text[0] = '\0';
    for (const struct pool_run *run = pool_first_run(pool); run; run = pool_next_run(run)) {
        struct mfn_range frames = pool_run_frames(run);
        bool is_free = pool_run_state(run) == POOL_FREE;

        assert_true(frames.count > 0);
        assert_int_equal(frames.first.v, at);
        at += frames.count;
        assert_false(is_free && after_free);
        after_free = is_free;
        if (is_free) {
            free_pages += frames.count;
            largest = frames.count > largest ? frames.count : largest;
        }
        length += snprintf(text + length, sizeof(text) - length, "%s%c%" PRIu64,
                           length > 0 ? " " : "", "FUXQ"[pool_run_state(run)], frames.count);
        assert_true(length < sizeof(text));
    }
    assert_int_equal(at, mfn_range_end(pool_frames(pool)));
    assert_int_equal(pool_free_pages(pool), free_pages);
    assert_int_equal(pool_largest_free(pool), largest);
    return text;
}

/* Allocates and checks that the pages begin `offset` pages into the pool. */
static struct pool_run *allocate_at(struct pool *pool, uint64_t pages, uint64_t align,
                                    uint64_t offset)
{
    struct pool_run *run = NULL;

    assert_int_equal(pool_allocate(pool, pages, align, pool, &run), 0);
    assert_int_equal(pool_run_frames(run).first.v, pool_frames(pool).first.v + offset);
    assert_int_equal(pool_run_frames(run).count, pages);
    assert_int_equal(pool_run_state(run), POOL_USED);
    assert_ptr_equal(pool_run_owner(run), pool);
    return run;
}

static struct pool_run *claim(struct pool *pool, uint64_t offset, uint64_t pages)
{
    struct pool_run *run = NULL;

    assert_int_equal(pool_claim(pool, range(BASE + offset, pages), pool, &run), 0);
    assert_int_equal(pool_run_frames(run).first.v, BASE + offset);
    assert_int_equal(pool_run_frames(run).count, pages);
    return run;
}

static void set_foreign(struct pool *pool, uint64_t offset, uint64_t pages)
{
    struct mfn_range frames = range(BASE + offset, pages);

    assert_int_equal(pool_set_foreign(pool, &frames, 1), 0);
}

/* A call that must fail without changing anything, not even its output. */
static void refuse_allocate(struct pool *pool, uint64_t pages, uint64_t align, int result)
{
    struct pool_run *untouched = (struct pool_run *)&result, *run = untouched;
    char *before = strdup(layout(pool));

    assert_int_equal(pool_allocate(pool, pages, align, NULL, &run), result);
    assert_ptr_equal(run, untouched);
    assert_string_equal(layout(pool), before);
    free(before);
}

static void refuse_claim(struct pool *pool, uint64_t first, uint64_t pages, int result)
{
    struct pool_run *untouched = (struct pool_run *)&result, *run = untouched;
    char *before = strdup(layout(pool));

    assert_int_equal(pool_claim(pool, range(first, pages), NULL, &run), result);
    assert_ptr_equal(run, untouched);
    assert_string_equal(layout(pool), before);
    free(before);
}

static void test_new(void **state)
{
    struct pool *pool = NULL;

    assert_int_equal(pool_new(range(BASE, 0), &pool), -EINVAL);
    assert_int_equal(pool_new(range(FRAME_MAX, 2), &pool), -EINVAL);
    assert_int_equal(pool_new(range(5, UINT64_MAX), &pool), -EINVAL);
    assert_null(pool);
    assert_null(pool_free(NULL));

    pool = new_pool(100);
    assert_string_equal(layout(pool), "F100");
    assert_int_equal(pool_frames(pool).first.v, BASE);
    assert_int_equal(pool_frames(pool).count, 100);
    assert_null(pool_run_owner(pool_first_run(pool)));
    assert_null(pool_free(pool));
}

static void test_top_of_address_space(void **state)
{
    struct pool *pool;
    struct pool_run *run;

    assert_int_equal(pool_new(range(FRAME_MAX - 3, 4), &pool), 0);
    allocate_at(pool, 1, 4, 0);
    assert_string_equal(layout(pool), "U1 F3");
    assert_int_equal(pool_claim(pool, range(FRAME_MAX, 2), NULL, &run), POOL_E_OUTSIDE);
    assert_int_equal(pool_claim(pool, range(FRAME_MAX, 1), NULL, &run), 0);
    assert_string_equal(layout(pool), "U1 F2 U1");
    pool_free(pool);
}

static void test_allocate_arguments(void **state)
{
    struct pool *pool = new_pool(16);

    refuse_allocate(pool, 0, 1, -EINVAL);
    refuse_allocate(pool, 1, 0, -EINVAL);
    refuse_allocate(pool, 1, 3, -EINVAL);
    refuse_allocate(pool, 1, 6, -EINVAL);
    refuse_allocate(pool, 1, UINT64_MAX, -EINVAL);
    pool_free(pool);
}

static void test_allocate_lowest_first(void **state)
{
    struct pool *pool = new_pool(10);

    allocate_at(pool, 3, 1, 0);
    allocate_at(pool, 2, 1, 3);
    assert_string_equal(layout(pool), "U3 U2 F5");
    allocate_at(pool, 5, 1, 5);
    assert_string_equal(layout(pool), "U3 U2 U5");
    assert_int_equal(pool_largest_free(pool), 0);
    refuse_allocate(pool, 1, 1, POOL_E_FULL);
    pool_free(pool);
}

static void test_allocate_whole_pool(void **state)
{
    struct pool *pool = new_pool(10);

    refuse_allocate(pool, 11, 1, POOL_E_FULL);
    refuse_allocate(pool, UINT64_MAX, 1, POOL_E_FULL);
    pool_release(pool, allocate_at(pool, 10, 1, 0));
    assert_string_equal(layout(pool), "F10");
    pool_free(pool);
}

/* Free: 5 pages at 0, 3 at 6, 4 at 10, 3 at 15, 2 at 19. */
static struct pool *pool_with_holes(void)
{
    struct pool *pool = new_pool(21);

    claim(pool, 5, 1);
    claim(pool, 9, 1);
    claim(pool, 14, 1);
    claim(pool, 18, 1);
    assert_string_equal(layout(pool), "F5 U1 F3 U1 F4 U1 F3 U1 F2");
    return pool;
}

static void test_best_fit(void **state)
{
    struct pool *pool = pool_with_holes();

    allocate_at(pool, 1, 1, 19);
    allocate_at(pool, 3, 1, 6);  /* the first of two equals */
    allocate_at(pool, 3, 1, 15); /* then the second */
    allocate_at(pool, 3, 1, 10);
    allocate_at(pool, 3, 1, 0);
    refuse_allocate(pool, 3, 1, POOL_E_FULL);
    assert_int_equal(pool_largest_free(pool), 2);
    allocate_at(pool, 2, 1, 3);
    pool_free(pool);
}

static void test_best_fit_after_release(void **state)
{
    struct pool *pool = new_pool(20);
    struct pool_run *runs[5];

    for (int i = 0; i < 5; i++)
        runs[i] = allocate_at(pool, 4, 1, 4 * i);
    pool_release(pool, runs[3]);
    pool_release(pool, runs[1]);
    assert_string_equal(layout(pool), "U4 F4 U4 F4 U4");
    allocate_at(pool, 4, 1, 4);
    allocate_at(pool, 4, 1, 12);
    refuse_allocate(pool, 1, 1, POOL_E_FULL);
    pool_free(pool);
}

static void test_alignment(void **state)
{
    struct pool *pool;

    /* Offsets that are a multiple of 4 count from frame 0, not from the start of the pool. */
    assert_int_equal(pool_new(range(5, 20), &pool), 0);
    allocate_at(pool, 2, 4, 3); /* frame 8 */
    assert_string_equal(layout(pool), "F3 U2 F15");
    allocate_at(pool, 1, 16, 11); /* frame 16 */
    assert_string_equal(layout(pool), "F3 U2 F6 U1 F8");
    refuse_allocate(pool, 1, 32, POOL_E_FULL);
    refuse_allocate(pool, 1, UINT64_C(1) << 63, POOL_E_FULL);
    allocate_at(pool, 8, 1, 12);
    refuse_allocate(pool, 5, 4, POOL_E_FULL); /* frame 12 has only four pages behind it */
    allocate_at(pool, 4, 4, 7);
    assert_string_equal(layout(pool), "F3 U2 F2 U4 U1 U8");
    pool_free(pool);
}

static void test_alignment_exact_ends(void **state)
{
    struct pool *pool = new_pool(16); /* BASE is a multiple of 256 */

    allocate_at(pool, 1, 1, 0);
    allocate_at(pool, 8, 8, 8); /* takes the end of the run exactly */
    assert_string_equal(layout(pool), "U1 F7 U8");
    allocate_at(pool, 1, 4, 4);
    assert_string_equal(layout(pool), "U1 F3 U1 F3 U8");
    pool_free(pool);
}

/* The smallest run is skipped when it lies wrongly; among suitable ones the smallest wins. */
static void test_alignment_and_best_fit(void **state)
{
    struct pool *pool = pool_with_holes();

    allocate_at(pool, 2, 16, 16); /* in the 3 pages at 15, not in those at 6 or the 2 at 19 */
    allocate_at(pool, 3, 4, 0);   /* 3 at 6 and 4 at 10 hold no aligned 3; 5 at 0 do */
    refuse_allocate(pool, 4, 8, POOL_E_FULL);
    allocate_at(pool, 1, 8, 8);
    allocate_at(pool, 1, 4, 4);  /* in the 2 pages at 3, at their end; not in the page at 15 */
    allocate_at(pool, 1, 4, 20); /* in the 2 pages at 19; those at 6 hold no aligned one */
    allocate_at(pool, 1, 4, 12);
    assert_string_equal(layout(pool), "U3 F1 U1 U1 F2 U1 U1 F2 U1 F1 U1 F1 U2 U1 F1 U1");
    pool_free(pool);
}

static void test_alignment_zero_frame(void **state)
{
    struct pool *pool;

    assert_int_equal(pool_new(range(0, 4), &pool), 0);
    allocate_at(pool, 4, UINT64_C(1) << 63, 0);
    pool_free(pool);
}

static void test_claim(void **state)
{
    struct pool *pool = new_pool(20);

    claim(pool, 5, 2);
    assert_string_equal(layout(pool), "F5 U2 F13");
    claim(pool, 0, 1);
    assert_string_equal(layout(pool), "U1 F4 U2 F13");
    claim(pool, 4, 1);
    assert_string_equal(layout(pool), "U1 F3 U1 U2 F13");
    claim(pool, 19, 1);
    assert_string_equal(layout(pool), "U1 F3 U1 U2 F12 U1");
    claim(pool, 1, 3);
    claim(pool, 7, 12);
    assert_string_equal(layout(pool), "U1 U3 U1 U2 U12 U1");
    pool_free(pool);
}

static void test_claim_outside(void **state)
{
    struct pool *pool = new_pool(20);

    refuse_claim(pool, BASE, 0, POOL_E_OUTSIDE);
    refuse_claim(pool, BASE - 1, 1, POOL_E_OUTSIDE);
    refuse_claim(pool, BASE - 1, 2, POOL_E_OUTSIDE);
    refuse_claim(pool, BASE + 20, 1, POOL_E_OUTSIDE);
    refuse_claim(pool, BASE + 19, 2, POOL_E_OUTSIDE);
    refuse_claim(pool, BASE, 21, POOL_E_OUTSIDE);
    refuse_claim(pool, BASE - 1, 22, POOL_E_OUTSIDE);
    refuse_claim(pool, BASE + 1, UINT64_MAX, POOL_E_OUTSIDE);
    refuse_claim(pool, 0, UINT64_MAX, POOL_E_OUTSIDE);
    refuse_claim(pool, UINT64_MAX, 1, POOL_E_OUTSIDE);
    pool_free(pool);
}

static void test_claim_held(void **state)
{
    struct pool *pool = new_pool(20);

    pool_quarantine(claim(pool, 2, 2));
    claim(pool, 8, 2);
    set_foreign(pool, 14, 2);
    assert_string_equal(layout(pool), "F2 Q2 F4 U2 F4 X2 F4");
    for (int offset = 2; offset <= 14; offset += 6) {
        refuse_claim(pool, BASE + offset, 1, POOL_E_HELD);
        refuse_claim(pool, BASE + offset, 2, POOL_E_HELD);
        refuse_claim(pool, BASE + offset - 1, 2, POOL_E_HELD);
        refuse_claim(pool, BASE + offset + 1, 2, POOL_E_HELD);
        refuse_claim(pool, BASE + offset - 1, 4, POOL_E_HELD);
    }
    refuse_claim(pool, BASE, 20, POOL_E_HELD);
    claim(pool, 4, 4); /* exactly between two held ones */
    refuse_claim(pool, BASE + 4, 4, POOL_E_HELD);
    claim(pool, 0, 2);
    refuse_claim(pool, BASE, 1, POOL_E_HELD); /* no free run before it at all */
    pool_free(pool);
}

static void test_release_merges(void **state)
{
    struct pool *pool = new_pool(20);
    struct pool_run *runs[5];

    for (int i = 0; i < 5; i++)
        runs[i] = allocate_at(pool, 4, 1, 4 * i);
    pool_release(pool, runs[1]);
    assert_string_equal(layout(pool), "U4 F4 U4 U4 U4"); /* no free neighbour */
    pool_release(pool, runs[2]);
    assert_string_equal(layout(pool), "U4 F8 U4 U4"); /* the one before */
    pool_release(pool, runs[4]);
    assert_string_equal(layout(pool), "U4 F8 U4 F4"); /* at the end of the pool */
    pool_release(pool, runs[3]);
    assert_string_equal(layout(pool), "U4 F16"); /* both */
    pool_release(pool, runs[0]);
    assert_string_equal(layout(pool), "F20"); /* the one behind, at the start of the pool */
    allocate_at(pool, 20, 1, 0);
    pool_free(pool);
}

static void test_quarantine(void **state)
{
    struct pool *pool = new_pool(10);
    struct pool_run *run = allocate_at(pool, 4, 1, 0);

    pool_quarantine(run);
    assert_string_equal(layout(pool), "Q4 F6");
    assert_int_equal(pool_run_state(run), POOL_QUARANTINED);
    assert_ptr_equal(pool_run_owner(run), pool);
    refuse_allocate(pool, 7, 1, POOL_E_FULL);
    pool_unquarantine(run);
    assert_string_equal(layout(pool), "U4 F6");
    assert_ptr_equal(pool_run_owner(run), pool);
    pool_quarantine(run);
    pool_release(pool, run);
    assert_string_equal(layout(pool), "F10");
    pool_free(pool);
}

static void test_foreign_set_is_replaced(void **state)
{
    struct pool *pool = new_pool(20);

    set_foreign(pool, 5, 5);
    assert_string_equal(layout(pool), "F5 X5 F10");
    assert_null(pool_run_owner(pool_next_run(pool_first_run(pool))));
    refuse_allocate(pool, 11, 1, POOL_E_FULL);
    set_foreign(pool, 8, 5);
    assert_string_equal(layout(pool), "F8 X5 F7");
    set_foreign(pool, 0, 20);
    assert_string_equal(layout(pool), "X20");
    set_foreign(pool, 0, 20);
    assert_string_equal(layout(pool), "X20");
    assert_int_equal(pool_set_foreign(pool, NULL, 0), 0);
    assert_string_equal(layout(pool), "F20");
    allocate_at(pool, 20, 1, 0);
    pool_free(pool);
}

static void test_foreign_any_ranges(void **state)
{
    const struct mfn_range ranges[] = {
        range(BASE + 12, 3),  /* not in order */
        range(BASE + 2, 3),   /* */
        range(BASE + 3, 4),   /* overlaps the one before */
        range(BASE + 2, 3),   /* twice */
        range(BASE + 3, 1),   /* inside another */
        range(BASE + 15, 1),  /* touches another */
        range(BASE + 9, 0),   /* empty */
        range(BASE - 10, 11), /* begins outside */
        range(BASE - 10, 10), /* ends where the pool begins */
        range(BASE + 20, 10), /* begins where the pool ends */
        range(0, 5),          /* far outside */
        range(UINT64_MAX, 1), /* not even valid */
        range(UINT64_MAX - 5, UINT64_MAX),
    };
    const struct mfn_range endless = range(BASE + 19, UINT64_MAX);
    struct pool *pool = new_pool(20);

    assert_int_equal(pool_set_foreign(pool, ranges, ELEMENTS(ranges)), 0);
    assert_string_equal(layout(pool), "X1 F1 X5 F5 X4 F4");
    /* A range that overflows is taken up to its end, not ignored. */
    assert_int_equal(pool_set_foreign(pool, &endless, 1), 0);
    assert_string_equal(layout(pool), "F19 X1");
    assert_true(pool_is_foreign(pool, range(BASE + 19, 1)));
    assert_false(pool_is_foreign(pool, range(BASE, 19)));
    pool_free(pool);
}

static void test_foreign_spares_segments(void **state)
{
    struct pool *pool = new_pool(20);
    struct pool_run *used = claim(pool, 4, 4);
    struct pool_run *quarantined = claim(pool, 12, 4);

    pool_quarantine(quarantined);
    set_foreign(pool, 0, 20);
    assert_string_equal(layout(pool), "X4 U4 X4 Q4 X4");
    assert_ptr_equal(pool_run_owner(used), pool);
    assert_ptr_equal(pool_run_owner(quarantined), pool);
    set_foreign(pool, 6, 1);
    assert_string_equal(layout(pool), "F4 U4 F4 Q4 F4");
    pool_release(pool, quarantined);
    assert_string_equal(layout(pool), "F4 U4 F12");
    pool_release(pool, used);
    assert_string_equal(layout(pool), "F6 X1 F13");
    pool_free(pool);
}

/* A segment of 10 pages at 5 is released under each foreign set. */
static void test_release_into_foreign(void **state)
{
    static const struct {
        unsigned first, count, second, second_count;
        const char *layout;
    } rows[] = {
        { 5, 10, 0, 0, "F5 X10 F5" },      { 0, 20, 0, 0, "X5 X10 X5" },
        { 5, 3, 0, 0, "F5 X3 F12" },       { 12, 3, 0, 0, "F12 X3 F5" },
        { 8, 2, 0, 0, "F8 X2 F10" },       { 3, 3, 0, 0, "F3 X2 X1 F14" },
        { 14, 2, 0, 0, "F14 X1 X1 F4" },   { 0, 5, 0, 0, "X5 F15" },
        { 15, 5, 0, 0, "F15 X5" },         { 6, 2, 10, 2, "F6 X2 F2 X2 F8" },
        { 5, 2, 13, 2, "F5 X2 F6 X2 F5" }, { 3, 4, 13, 4, "F3 X2 X2 F6 X2 X2 F3" },
        { 7, 1, 17, 2, "F7 X1 F9 X2 F1" },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct pool *pool = new_pool(20);
        struct pool_run *run = claim(pool, 5, 10);
        struct mfn_range ranges[] = { range(BASE + rows[i].first, rows[i].count),
                                      range(BASE + rows[i].second, rows[i].second_count) };

        if (i % 2)
            pool_quarantine(run);
        assert_int_equal(pool_set_foreign(pool, ranges, 2), 0);
        pool_release(pool, run);
        assert_string_equal(layout(pool), rows[i].layout);
        assert_int_equal(pool_set_foreign(pool, NULL, 0), 0);
        assert_string_equal(layout(pool), "F20");
        pool_free(pool);
    }
}

static void test_is_foreign(void **state)
{
    const struct mfn_range ranges[] = { range(BASE + 3, 2), range(BASE + 10, 3) };
    struct pool *pool = new_pool(20);

    assert_false(pool_is_foreign(pool, range(BASE, 20)));
    claim(pool, 10, 3);
    assert_int_equal(pool_set_foreign(pool, ranges, 2), 0);
    assert_false(pool_is_foreign(pool, range(BASE, 3)));
    assert_true(pool_is_foreign(pool, range(BASE, 4)));
    assert_true(pool_is_foreign(pool, range(BASE + 4, 1)));
    assert_false(pool_is_foreign(pool, range(BASE + 5, 5)));
    assert_true(pool_is_foreign(pool, range(BASE + 5, 6))); /* used, and foreign all the same */
    assert_true(pool_is_foreign(pool, range(BASE + 12, 1)));
    assert_false(pool_is_foreign(pool, range(BASE + 13, 100)));
    assert_false(pool_is_foreign(pool, range(BASE + 3, 0)));
    assert_false(pool_is_foreign(pool, range(0, 1)));
    assert_true(pool_is_foreign(pool, range(0, UINT64_MAX)));
    pool_free(pool);
}

static void test_new_without_memory(void **state)
{
    struct pool *pool = NULL;
    int failures = 0;

    for (;; failures++) {
        int r;

        fault_after(failures);
        r = pool_new(range(BASE, 10), &pool);
        if (!fault_end())
            break;
        assert_int_equal(r, -ENOMEM);
        assert_null(pool);
    }
    assert_true(failures >= 1);
    assert_string_equal(layout(pool), "F10");
    pool_free(pool);
}

static int try_allocate(struct pool *pool)
{
    struct pool_run *run;

    return pool_allocate(pool, 1, 8, NULL, &run);
}

static int try_claim(struct pool *pool)
{
    struct pool_run *run;

    return pool_claim(pool, range(BASE + 8, 1), NULL, &run);
}

static int try_set_foreign(struct pool *pool)
{
    const struct mfn_range ranges[] = { range(BASE + 1, 1), range(BASE + 3, 2),
                                        range(BASE + 9, 2) };

    return pool_set_foreign(pool, ranges, ELEMENTS(ranges));
}

/* Lets the n-th allocation of an operation fail, for every n: each time nothing may change. */
static void check_without_memory(int (*operation)(struct pool *), const char *done)
{
    int failures = 0, r;

    for (;; failures++) {
        struct pool *pool = new_pool(16);

        claim(pool, 0, 1); /* uses up what pool_new() may have set aside */
        set_foreign(pool, 14, 2);
        claim(pool, 1, 1);
        fault_after(failures);
        r = operation(pool);
        if (!fault_end()) {
            assert_int_equal(r, 0);
            assert_string_equal(layout(pool), done);
            pool_free(pool);
            break;
        }
        assert_int_equal(r, -ENOMEM);
        assert_string_equal(layout(pool), "U1 U1 F12 X2");
        assert_true(pool_is_foreign(pool, range(BASE + 14, 1)));
        assert_false(pool_is_foreign(pool, range(BASE, 14)));
        assert_int_equal(operation(pool), 0); /* and with memory it works */
        assert_string_equal(layout(pool), done);
        pool_free(pool);
    }
    assert_true(failures >= 1);
}

static void test_operations_without_memory(void **state)
{
    check_without_memory(try_allocate, "U1 U1 F6 U1 F5 X2");
    check_without_memory(try_claim, "U1 U1 F6 U1 F5 X2");
    check_without_memory(try_set_foreign, "U1 U1 F1 X2 F4 X2 F5");
}

/* Cuts runs until no memory is set aside any more: every other page from `offset` on. */
static void use_up_memory(struct pool *pool, uint64_t offset)
{
    struct pool_run *run;
    int r;

    for (;; offset += 2) {
        fault_after(0);
        r = pool_claim(pool, range(BASE + offset, 1), NULL, &run);
        if (fault_end())
            break;
        assert_int_equal(r, 0);
    }
    assert_int_equal(r, -ENOMEM);
}

/* Without memory to cut the run none of its pages becomes free, until there is memory again. */
static void test_release_without_memory(void **state)
{
    const struct mfn_range ranges[] = { range(BASE + 4, 2), range(BASE + 8, 1), range(BASE + 15, 1),
                                        range(BASE + 17, 1) };
    struct pool *pool = new_pool(100);
    struct pool_run *run = claim(pool, 2, 10);
    uint64_t free_pages;

    assert_int_equal(pool_set_foreign(pool, ranges, ELEMENTS(ranges)), 0);
    use_up_memory(pool, 20);
    free_pages = pool_free_pages(pool);
    fault_after(0);
    pool_release(pool, run);
    assert_true(fault_end());

    assert_memory_equal(layout(pool), "F2 Q10 F3 X1 F1 X1 ", 19);
    assert_null(pool_run_owner(pool_next_run(pool_first_run(pool))));
    assert_int_equal(pool_free_pages(pool), free_pages);
    refuse_claim(pool, BASE + 3, 1, POOL_E_HELD);

    fault_after(0);
    assert_int_equal(pool_set_foreign(pool, ranges, ELEMENTS(ranges)), -ENOMEM);
    assert_true(fault_end());
    assert_memory_equal(layout(pool), "F2 Q10 F3 X1 F1 X1 ", 19);
    assert_int_equal(pool_set_foreign(pool, ranges, ELEMENTS(ranges)), 0);
    assert_memory_equal(layout(pool), "F4 X2 F2 X1 F6 X1 F1 X1 ", 24);
    pool_free(pool);
}

/* With memory again for just what it asks for, a release cuts as many runs as it needs. */
static void test_release_reserves_enough(void **state)
{
    const struct mfn_range ranges[] = { range(BASE + 4, 1), range(BASE + 6, 1),
                                        range(BASE + 8, 1) };
    struct pool *pool = new_pool(100);
    struct pool_run *run;

    claim(pool, 0, 2);
    run = claim(pool, 2, 10);
    claim(pool, 12, 1);
    assert_int_equal(pool_set_foreign(pool, ranges, ELEMENTS(ranges)), 0);
    use_up_memory(pool, 20);
    pool_release(pool, run);
    assert_memory_equal(layout(pool), "U2 F2 X1 F1 X1 F1 X1 F3 U1 ", 27);
    pool_free(pool);
}

/* A release that cuts nothing must not depend on memory. */
static void test_release_needs_no_memory(void **state)
{
    struct pool *pool = new_pool(100);
    struct pool_run *used = claim(pool, 2, 10), *foreign;

    set_foreign(pool, 15, 1);
    foreign = claim(pool, 90, 1);
    use_up_memory(pool, 20);
    fault_after(0);
    pool_release(pool, used);
    pool_release(pool, foreign);
    assert_false(fault_end());
    assert_string_equal(layout(pool), "F15 X1 F84");
    pool_free(pool);
}

static void expect_abort(void (*act)(struct pool *pool))
{
    struct pool *pool = new_pool(10);
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        (void)!freopen("/dev/null", "w", stderr);
        act(pool);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    pool_free(pool);
}

static void release_free_run(struct pool *pool)
{
    pool_release(pool, (struct pool_run *)pool_first_run(pool));
}

static void release_foreign_run(struct pool *pool)
{
    set_foreign(pool, 0, 10);
    release_free_run(pool);
}

static void release_twice(struct pool *pool)
{
    struct pool_run *run = allocate_at(pool, 10, 1, 0);

    pool_release(pool, run);
    pool_release(pool, run);
}

static void quarantine_twice(struct pool *pool)
{
    struct pool_run *run = allocate_at(pool, 10, 1, 0);

    pool_quarantine(run);
    pool_quarantine(run);
}

static void unquarantine_used(struct pool *pool)
{
    pool_unquarantine(allocate_at(pool, 10, 1, 0));
}

static void test_misuse_aborts(void **state)
{
    expect_abort(release_free_run);
    expect_abort(release_foreign_run);
    expect_abort(release_twice);
    expect_abort(quarantine_twice);
    expect_abort(unquarantine_used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_top_of_address_space),
        cmocka_unit_test(test_allocate_arguments),
        cmocka_unit_test(test_allocate_lowest_first),
        cmocka_unit_test(test_allocate_whole_pool),
        cmocka_unit_test(test_best_fit),
        cmocka_unit_test(test_best_fit_after_release),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_alignment_exact_ends),
        cmocka_unit_test(test_alignment_and_best_fit),
        cmocka_unit_test(test_alignment_zero_frame),
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_claim_outside),
        cmocka_unit_test(test_claim_held),
        cmocka_unit_test(test_release_merges),
        cmocka_unit_test(test_quarantine),
        cmocka_unit_test(test_foreign_set_is_replaced),
        cmocka_unit_test(test_foreign_any_ranges),
        cmocka_unit_test(test_foreign_spares_segments),
        cmocka_unit_test(test_release_into_foreign),
        cmocka_unit_test(test_is_foreign),
        cmocka_unit_test(test_new_without_memory),
        cmocka_unit_test(test_operations_without_memory),
        cmocka_unit_test(test_release_without_memory),
        cmocka_unit_test(test_release_reserves_enough),
        cmocka_unit_test(test_release_needs_no_memory),
        cmocka_unit_test(test_misuse_aborts),
    };

    return RUN_TESTS("pool", tests);
}
