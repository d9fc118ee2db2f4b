/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The clock of the whole program, libevent included, stands still but for what is asked of it: so
 * the same input has the same run, and a minute of grace costs nothing.
 */
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "requests.h"

static uint64_t now, tick;

void requests_clock_reset(void)
{
    now = UINT64_C(1000000000); /* microseconds; 0 means "never" here and there */
    tick = 1;
}

void requests_clock_tick(uint64_t microseconds)
{
    tick = microseconds;
}

void requests_clock_advance(uint64_t milliseconds)
{
    now += milliseconds * 1000;
}

/* In place of libc's, for each library too. What libFuzzer measures is the real time. */
int clock_gettime(clockid_t id, struct timespec *ret_time)
{
    if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE && id != CLOCK_BOOTTIME)
        return (int)syscall(SYS_clock_gettime, id, ret_time);
    now += tick;
    ret_time->tv_sec = (time_t)(now / 1000000);
    ret_time->tv_nsec = (long)(now % 1000000 * 1000);
    return 0;
}
