/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What costs a client nothing, a refusal or being cut off, is told a few times of each user in a
 * span of time, and then how many more there were: a flood of it cannot fill the disk. The memory
 * is bounded however many users there are. Zeroed is empty. Pure; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is told of one user within REPORT_SPAN, from the first of them on. */
#define REPORT_MOST 20
#define REPORT_SPAN 10000 /* milliseconds */
/* Users that are told apart; more at a time are counted together, as this one. */
#define REPORT_USERS 64
#define REPORT_OTHERS UINT32_MAX

struct report_user {
    uint32_t uid;
    uint64_t end; /* of its span, milliseconds; 0: it has none */
    size_t told;
    uint64_t left_out;
};

struct report_limit {
    struct report_user users[REPORT_USERS + 1]; /* the last: all that have no place of their own */
};

/* Something of this user: is it to be told? Else it is counted. `now`: milliseconds above 0. */
bool report_limit_take(struct report_limit *limit, uint32_t uid, uint64_t now);

/* The next user of whom something was left out in a span that is over; false: there is none. */
bool report_limit_next(struct report_limit *limit, uint64_t now, struct report_user *ret_user);

/* When the first span ends of which something is to be told, milliseconds; 0: there is none. */
uint64_t report_limit_end(const struct report_limit *limit);
