/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that callers make the daemon keep, bounded over all of them.
 *
 * Who keeps something has a share, from the first byte to the last. When all of it together is
 * more than the limit, somebody has to give way: of those with the least right, one whose user
 * keeps the most, and of that user's the one that has gone without progress for the longest time.
 * So a user who floods loses its own, however many connections it has. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "access.h"

/* Users are told apart by so many places; two in one place count as one. */
#define BUDGET_USERS 64

struct budget_share {
    TAILQ_ENTRY(budget_share) link; /* in budget.shares while there is something */
    size_t bytes;
    const struct access_peer *peer;
    void *owner;
};

TAILQ_HEAD(budget_shares, budget_share);

struct budget {
    struct budget_shares shares; /* the longest without progress first */
    size_t total;
    size_t of_user[BUDGET_USERS];
    const uint64_t *limit; /* bytes */
};

void budget_init(struct budget *budget, const uint64_t *limit);
/* What the share is now. One that begins is the last to give way. */
void budget_set(struct budget *budget, struct budget_share *share, size_t bytes);
/* It has made progress. */
void budget_touch(struct budget *budget, struct budget_share *share);
/* What nobody's share has: `bytes` more, or less when they go. */
void budget_add(struct budget *budget, size_t bytes);
void budget_subtract(struct budget *budget, size_t bytes);
/* Who has to give way; NULL: there is room, or nobody has a share. */
struct budget_share *budget_loser(const struct budget *budget);
