/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the log hears of clients that are cut off: they may come back at once, as often as they
 * like. */
#include "connection_private.h"

#include <inttypes.h>

#include "clock.h"
#include "log.h"

static void tell_left_out(struct report_limit *limit, uint64_t now)
{
    struct report_user user;

    while (report_limit_next(limit, now, &user))
        if (user.uid == REPORT_OTHERS)
            log_warning("%" PRIu64 " more clients of several users were cut off", user.left_out);
        else
            log_warning("%" PRIu64 " more clients of uid %" PRIu32 " were cut off", user.left_out,
                        user.uid);
}

void connection_log_cut_off(const struct connection *connection, const char *reason)
{
    struct report_limit *limit = &connection->connections->cut_off;
    uint64_t now = clock_milliseconds();

    tell_left_out(limit, now);
    if (report_limit_take(limit, connection->peer.uid, now))
        log_warning("a client of uid %u is cut off: %s", (unsigned)connection->peer.uid, reason);
}

void connections_log_left_out(struct connections *connections)
{
    tell_left_out(&connections->cut_off, UINT64_MAX);
}
