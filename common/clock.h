/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clocks that only go forward: of time, and of what this thread has computed. Any thread. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_microseconds_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline uint64_t clock_microseconds(void)
{
    return clock_microseconds_of(CLOCK_MONOTONIC);
}

static inline uint64_t clock_thread_microseconds(void)
{
    return clock_microseconds_of(CLOCK_THREAD_CPUTIME_ID);
}

static inline uint64_t clock_milliseconds(void)
{
    return clock_microseconds() / 1000;
}
