/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Refusals cost their caller nothing, so the audit tells of each user a few in a span of time, and
 * then how many more there were: a flood of them cannot fill the disk. The memory is bounded
 * however many users there are. Zeroed is empty. Pure; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Refusals of one user that are told within AUDIT_SPAN, from the first of them on. */
#define AUDIT_REFUSALS 20
#define AUDIT_SPAN 10000 /* milliseconds */
/* Users that are told apart; more at a time are counted together, as this one. */
#define AUDIT_USERS 64
#define AUDIT_OTHERS UINT32_MAX

struct audit_user {
    uint32_t uid;
    uint64_t end; /* of its span, milliseconds; 0: it has none */
    size_t told;
    uint64_t left_out;
};

struct audit_limit {
    struct audit_user users[AUDIT_USERS + 1]; /* the last: all that have no place of their own */
};

/* A refusal of this user: is it to be told? Else it is counted. `now`: milliseconds above 0. */
bool audit_limit_take(struct audit_limit *limit, uint32_t uid, uint64_t now);

/* The next user of whom something was left out in a span that is over; false: there is none. */
bool audit_limit_next(struct audit_limit *limit, uint64_t now, struct audit_user *ret_user);

/* When the first span ends of which something is to be told, milliseconds; 0: there is none. */
uint64_t audit_limit_end(const struct audit_limit *limit);
