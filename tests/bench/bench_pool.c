/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What allocating and releasing pages costs, as the number of live segments grows.
 *
 * Steady state in a pool of a million pages: release a random live segment of 1 to 8 pages and
 * allocate a new one. The same steps with malloc() and free() on as many live blocks are the
 * baseline: they pay for the same random walk through memory, so the quotient of the two travels
 * between machines better than nanoseconds do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "pool.h"

#define POOL_PAGES 1000000
#define ROUNDS 9
#define PAIRS 200000

static const size_t live_counts[] = { 100, 10000, 100000 };
#define ROWS (sizeof(live_counts) / sizeof(live_counts[0]))

static uint64_t random_state = 1;

/* xorshift64*: a few instructions, so that it hardly shows in the result. */
static uint32_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * UINT64_C(2685821657736338717)) >> 32;
}

static size_t random_below(size_t limit)
{
    return (uint64_t)next_random() * limit >> 32;
}

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_pool: %s\n", what);
    exit(1);
}

static struct pool_run *take_pages(struct pool *pool)
{
    struct pool_run *run;

    if (pool_allocate(pool, 1 + random_below(8), 1, NULL, &run) != 0)
        die("pool_allocate failed");
    return run;
}

static void *take_block(void)
{
    void *p = malloc((1 + random_below(8)) * 16);

    if (!p)
        die("malloc failed");
    return p;
}

static double round_pool(struct pool *pool, struct pool_run **live, size_t count, int pairs)
{
    double start = now_ns();

    for (int i = 0; i < pairs; i++) {
        size_t victim = random_below(count);

        pool_release(pool, live[victim]);
        live[victim] = take_pages(pool);
    }
    return (now_ns() - start) / pairs;
}

static double round_malloc(void **live, size_t count, int pairs)
{
    double start = now_ns();

    for (int i = 0; i < pairs; i++) {
        size_t victim = random_below(count);

        free(live[victim]);
        live[victim] = take_block();
    }
    return (now_ns() - start) / pairs;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(values[0]), compare_double);
    return values[count / 2];
}

/* One row: ns a pair in the pool and with malloc, median of the rounds after one to warm up. */
static void measure(size_t count, double *ret_pool, double *ret_malloc)
{
    struct pool_run **runs = calloc(count, sizeof(*runs));
    void **blocks = calloc(count, sizeof(*blocks));
    double pool_ns[ROUNDS], malloc_ns[ROUNDS];
    struct pool *pool;

    if (!runs || !blocks)
        die("out of memory");
    if (pool_new((struct mfn_range){ mfn(0x40000), POOL_PAGES }, &pool) != 0)
        die("pool_new failed");
    for (size_t i = 0; i < count; i++) {
        runs[i] = take_pages(pool);
        blocks[i] = take_block();
    }

    /* Until the free pages are as scattered as they stay. */
    round_pool(pool, runs, count, 10 * (int)count);
    round_malloc(blocks, count, 10 * (int)count);
    for (int i = 0; i < ROUNDS; i++) {
        pool_ns[i] = round_pool(pool, runs, count, PAIRS);
        malloc_ns[i] = round_malloc(blocks, count, PAIRS);
    }

    *ret_pool = median(pool_ns, ROUNDS);
    *ret_malloc = median(malloc_ns, ROUNDS);
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
    pool_free(pool);
    free(blocks);
    free(runs);
}

int main(void)
{
    double pool_ns[ROWS], malloc_ns[ROWS];

    printf("release + allocate in a pool of %d pages, 1 to 8 pages each\n\n", POOL_PAGES);
    printf("%10s  %10s  %16s  %12s\n", "segments", "pool ns", "malloc+free ns", "pool/malloc");
    for (size_t i = 0; i < ROWS; i++) {
        measure(live_counts[i], &pool_ns[i], &malloc_ns[i]);
        printf("%10zu  %10.1f  %16.1f  %12.2f\n", live_counts[i], pool_ns[i], malloc_ns[i],
               pool_ns[i] / malloc_ns[i]);
    }
    printf("\n%zu segments cost %.2f times as much as %zu (malloc+free: %.2f)\n",
           live_counts[ROWS - 1], pool_ns[ROWS - 1] / pool_ns[0], live_counts[0],
           malloc_ns[ROWS - 1] / malloc_ns[0]);
    return 0;
}
