/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A clock that only goes forward (CLOCK_MONOTONIC). Any thread. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_microseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline uint64_t clock_milliseconds(void)
{
    return clock_microseconds() / 1000;
}
