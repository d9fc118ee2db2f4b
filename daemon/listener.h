/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket: accepts clients, up to a limit, and identifies them. One thread.
 */
#pragma once

#include <stdint.h>

#include "access.h"
#include "connection.h"
#include "quota.h"

struct event;

struct listener {
    struct connections *connections;
    struct access_policy policy;
    uint64_t limit;              /* connections at most */
    const struct quotas *quotas; /* of each user; not owned, may change */
    char *path;                  /* owned; of the socket that is ours to remove; NULL: systemd's */
    int fd;
    struct event *event;
    struct event *retry;
    uint64_t silent_until; /* clock_milliseconds(): it is known that there are no descriptors */
};

/*
 * Accepts on the listening socket `fd`, which is taken over; -1: binds `path` and listens. A stale
 * socket there is replaced; one on which another daemon answers is not (-EADDRINUSE). Anyone may
 * connect: what one may do is decided for each request. Returns 0 or -errno.
 */
int listener_open(struct listener *listener, struct connections *connections,
                  struct event_base *base, const char *path, const struct access_policy *policy,
                  uint64_t limit, const struct quotas *quotas, int fd);
/* Stops listening, and removes the socket that it has bound. */
void listener_close(struct listener *listener);
/* For clients that connect from now on: who is connected keeps the rights identified then. */
void listener_set_policy(struct listener *listener, const struct access_policy *policy);
/* For connections.on_closed. */
void listener_resume(struct listener *listener);
