/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wiping: all of it, nothing beside it, and a slice at a time. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scrub.h"

#define PAGE 4096
#define GUARD PAGE

/* `bytes` of memory full of ones, with as much on both sides. */
static unsigned char *make_memory(size_t bytes)
{
    void *memory = NULL;

    assert_int_equal(posix_memalign(&memory, PAGE, bytes + 2 * GUARD), 0);
    memset(memory, 0xff, bytes + 2 * GUARD);
    return memory;
}

static void assert_filled(const unsigned char *memory, size_t bytes, unsigned char with)
{
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(memory[i], with);
}

/* Returns the number of slices. */
static unsigned wipe(size_t bytes, unsigned microseconds)
{
    unsigned char *memory = make_memory(bytes);
    struct scrub scrub;
    unsigned slices = 1;

    scrub_start(&scrub, memory + GUARD, bytes);
    while (!scrub_slice(&scrub, microseconds))
        slices++;
    assert_filled(memory, GUARD, 0xff);
    assert_filled(memory + GUARD, bytes, 0);
    assert_filled(memory + GUARD + bytes, GUARD, 0xff);
    free(memory);
    return slices;
}

static void test_all_and_only(void **state)
{
    for (size_t pages = 1; pages <= 70; pages++)
        wipe(pages * PAGE, 1000000);
    wipe(8, 1000000);
    wipe(PAGE - 8, 1000000);
    wipe(PAGE + 8, 1000000);
}

/* Nothing to do is done at once. */
static void test_nothing(void **state)
{
    assert_int_equal(wipe(0, 0), 1);
}

/* Without time each slice still gets on by a page. */
static void test_slices(void **state)
{
    assert_int_equal(wipe(PAGE, 0), 1);
    assert_int_equal(wipe(2 * PAGE, 0), 2);
    assert_int_equal(wipe(64 * PAGE, 0), 64);
    assert_int_equal(wipe(64 * PAGE + 8, 0), 65);
}

/* What is not wiped yet is untouched: the slices go from the start to the end. */
static void test_order(void **state)
{
    unsigned char *memory = make_memory(8 * PAGE);
    struct scrub scrub;

    scrub_start(&scrub, memory + GUARD, 8 * PAGE);
    for (size_t done = 1; done < 8; done++) {
        assert_false(scrub_slice(&scrub, 0));
        assert_filled(memory + GUARD, done * PAGE, 0);
        assert_filled(memory + GUARD + done * PAGE, (8 - done) * PAGE, 0xff);
    }
    assert_true(scrub_slice(&scrub, 0));
    free(memory);
}

/* A slice of 2 ms of something that takes longer ends in good time. */
static void test_time(void **state)
{
    size_t bytes = (size_t)64 << 20;
    unsigned char *memory = make_memory(bytes);
    struct scrub scrub;
    struct timespec start, end;
    int64_t longest = 0;
    bool done = false;

    scrub_start(&scrub, memory + GUARD, bytes);
    while (!done) {
        int64_t took;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
        done = scrub_slice(&scrub, 2000);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        took = (end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000;
        longest = took > longest ? took : longest;
    }
    assert_true(longest < 10000);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_and_only), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_slices),       cmocka_unit_test(test_order),
        cmocka_unit_test(test_time),
    };

    return RUN_TESTS("scrub", tests);
}
