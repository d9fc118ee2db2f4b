/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes the n-th allocation fail. Needs the linker:
 *     -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray
 * which reaches the objects of the test program, not the C library.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Allocations that still succeed; below 0: all do. */
static long fault_countdown = -1;
/* Allocations that were made to fail since. */
static unsigned long fault_hits;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);

/* The next `successes` allocations succeed, the one after them fails, once. */
static inline void fault_after(long successes)
{
    fault_countdown = successes;
}

/* Ends it; returns whether an allocation was made to fail. */
static inline bool fault_end(void)
{
    bool hit = fault_hits > 0;

    fault_countdown = -1;
    fault_hits = 0;
    return hit;
}

static bool fault_now(void)
{
    if (fault_countdown < 0 || fault_countdown-- > 0)
        return false;
    fault_hits++;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fault_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fault_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fault_now() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
    return fault_now() ? NULL : __real_reallocarray(p, count, size);
}
