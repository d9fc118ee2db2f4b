/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "budget.h"

void budget_init(struct budget *budget, const uint64_t *limit)
{
    *budget = (struct budget){ .limit = limit };
    TAILQ_INIT(&budget->shares);
}

static size_t *of_user(struct budget *budget, const struct budget_share *share)
{
    return &budget->of_user[share->peer->uid % BUDGET_USERS];
}

void budget_set(struct budget *budget, struct budget_share *share, size_t bytes)
{
    if (share->bytes == 0 && bytes > 0)
        TAILQ_INSERT_TAIL(&budget->shares, share, link);
    else if (share->bytes > 0 && bytes == 0)
        TAILQ_REMOVE(&budget->shares, share, link);
    budget->total += bytes - share->bytes;
    *of_user(budget, share) += bytes - share->bytes;
    share->bytes = bytes;
}

void budget_touch(struct budget *budget, struct budget_share *share)
{
    if (share->bytes == 0)
        return;
    TAILQ_REMOVE(&budget->shares, share, link);
    TAILQ_INSERT_TAIL(&budget->shares, share, link);
}

void budget_add(struct budget *budget, size_t bytes)
{
    budget->total += bytes;
}

void budget_subtract(struct budget *budget, size_t bytes)
{
    budget->total -= bytes;
}

/* Does `a` give way before `b`, which stands before it in the list? */
static bool gives_way(const struct budget *budget, const struct budget_share *a,
                      const struct budget_share *b)
{
    if (a->peer->level != b->peer->level)
        return a->peer->level < b->peer->level;
    return budget->of_user[a->peer->uid % BUDGET_USERS] >
           budget->of_user[b->peer->uid % BUDGET_USERS];
}

struct budget_share *budget_loser(const struct budget *budget)
{
    struct budget_share *share, *loser = TAILQ_FIRST(&budget->shares);

    if (budget->total <= *budget->limit)
        return NULL;
    TAILQ_FOREACH(share, &budget->shares, link)
        if (gives_way(budget, share, loser))
            loser = share;
    return loser;
}
