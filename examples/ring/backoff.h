/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting politely where nobody rings: a ring has no interrupt, so a side that waits looks again.
 * At first at once, since an answer often comes within microseconds; then it lets others run; then
 * it sleeps, longer each time. Whatever arrives after a silence is found within BACKOFF_SLEEP_MAX.
 */
#pragma once

#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <time.h>

#define BACKOFF_LOOKS 100
#define BACKOFF_YIELDS 200
#define BACKOFF_SLEEP_MIN 20000L /* nanoseconds */
#define BACKOFF_SLEEP_MAX 2000000L

struct backoff {
    unsigned rounds;
    long sleep;
};

/* Something has happened: begin with looking again. */
static inline void backoff_reset(struct backoff *backoff)
{
    *backoff = (struct backoff){ .sleep = BACKOFF_SLEEP_MIN };
}

/* Nothing has happened. Returns true when `fd` has become readable or has ended; -1: there is none.
 */
static inline bool backoff_wait(struct backoff *backoff, int fd)
{
    struct pollfd wakeup = { .fd = fd, .events = POLLIN };
    struct timespec pause = { .tv_nsec = backoff->sleep };

    backoff->rounds++;
    if (backoff->rounds <= BACKOFF_LOOKS)
        return false;
    if (backoff->rounds <= BACKOFF_YIELDS) {
        sched_yield();
        return false;
    }
    if (backoff->sleep < BACKOFF_SLEEP_MAX)
        backoff->sleep *= 2;
    return ppoll(&wakeup, 1, &pause, NULL) > 0;
}
