/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit_limit.h"

/* One whose span is over is forgotten, unless what was left out is still to be told. */
static bool is_free(const struct audit_user *user, uint64_t now)
{
    return user->end <= now && user->left_out == 0;
}

static struct audit_user *find(struct audit_limit *limit, uint32_t uid, uint64_t now)
{
    struct audit_user *place = &limit->users[AUDIT_USERS];

    for (size_t i = AUDIT_USERS; i-- > 0;) {
        struct audit_user *user = &limit->users[i];

        if (user->end && user->uid == uid)
            return user;
        if (is_free(user, now))
            place = user;
    }
    return place;
}

bool audit_limit_take(struct audit_limit *limit, uint32_t uid, uint64_t now)
{
    struct audit_user *user = find(limit, uid, now);

    if (is_free(user, now)) {
        *user = (struct audit_user){ .uid = uid, .end = now + AUDIT_SPAN };
        if (user == &limit->users[AUDIT_USERS])
            user->uid = AUDIT_OTHERS;
    }
    if (user->told < AUDIT_REFUSALS) {
        user->told++;
        return true;
    }
    user->left_out++;
    return false;
}

bool audit_limit_next(struct audit_limit *limit, uint64_t now, struct audit_user *ret_user)
{
    for (size_t i = 0; i <= AUDIT_USERS; i++) {
        struct audit_user *user = &limit->users[i];

        if (user->left_out == 0 || user->end > now)
            continue;
        *ret_user = *user;
        *user = (struct audit_user){ 0 };
        return true;
    }
    return false;
}

uint64_t audit_limit_end(const struct audit_limit *limit)
{
    uint64_t first = 0;

    for (size_t i = 0; i <= AUDIT_USERS; i++) {
        const struct audit_user *user = &limit->users[i];

        if (user->left_out > 0 && (first == 0 || user->end < first))
            first = user->end;
    }
    return first;
}
