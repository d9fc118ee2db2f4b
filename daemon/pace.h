/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How fast the daemon goes on with work that can wait.
 *
 * Where others want the processor, a program that never rests is put off for long each time its
 * share is used up, and then who has a short request waits as well. So of the time that was taken
 * away in a slice of such work, as much again is left to others before the next one: then the
 * daemon rests, and is there at once when a request comes. One thread.
 */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <sys/time.h>

#include <event2/event.h>

#include "clock.h"

#define PACE_REST_MAX 20000 /* microseconds */

struct pace {
    uint64_t wall;
    uint64_t processor;
};

static inline struct pace pace_begin(void)
{
    return (struct pace){ clock_microseconds(), clock_thread_microseconds() };
}

/* After the slice: when the next one may begin. */
static inline struct timeval pace_rest(struct pace begun)
{
    uint64_t wall = clock_microseconds() - begun.wall;
    uint64_t processor = clock_thread_microseconds() - begun.processor;
    uint64_t rest = wall > processor ? wall - processor : 0;

    if (rest > PACE_REST_MAX)
        rest = PACE_REST_MAX;
    /* Less is no more than the clocks' difference. */
    return (struct timeval){ .tv_usec = rest < 500 ? 0 : (suseconds_t)rest };
}

/* Has `turn` come after `rest`, unless it is to come already. Returns 0 or -ENOMEM. */
static inline int pace_next(struct event *turn, struct timeval rest)
{
    return event_pending(turn, EV_TIMEOUT, NULL) || event_add(turn, &rest) == 0 ? 0 : -ENOMEM;
}
