/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report_limit.h"

/* One whose span is over is forgotten, unless what was left out is still to be told. */
static bool is_free(const struct report_user *user, uint64_t now)
{
    return user->end <= now && user->left_out == 0;
}

static struct report_user *find(struct report_limit *limit, uint32_t uid, uint64_t now)
{
    struct report_user *place = &limit->users[REPORT_USERS];

    for (size_t i = REPORT_USERS; i-- > 0;) {
        struct report_user *user = &limit->users[i];

        if (user->end && user->uid == uid)
            return user;
        if (is_free(user, now))
            place = user;
    }
    return place;
}

bool report_limit_take(struct report_limit *limit, uint32_t uid, uint64_t now)
{
    struct report_user *user = find(limit, uid, now);

    if (is_free(user, now)) {
        *user = (struct report_user){ .uid = uid, .end = now + REPORT_SPAN };
        if (user == &limit->users[REPORT_USERS])
            user->uid = REPORT_OTHERS;
    }
    if (user->told < REPORT_MOST) {
        user->told++;
        return true;
    }
    user->left_out++;
    return false;
}

bool report_limit_next(struct report_limit *limit, uint64_t now, struct report_user *ret_user)
{
    for (size_t i = 0; i <= REPORT_USERS; i++) {
        struct report_user *user = &limit->users[i];

        if (user->left_out == 0 || user->end > now)
            continue;
        *ret_user = *user;
        *user = (struct report_user){ 0 };
        return true;
    }
    return false;
}

uint64_t report_limit_end(const struct report_limit *limit)
{
    uint64_t first = 0;

    for (size_t i = 0; i <= REPORT_USERS; i++) {
        const struct report_user *user = &limit->users[i];

        if (user->left_out > 0 && (first == 0 || user->end < first))
            first = user->end;
    }
    return first;
}
