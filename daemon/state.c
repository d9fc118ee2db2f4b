/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "uio_open.h"

struct state_pool *state_find_pool(struct state *state, const char *name)
{
    for (size_t i = 0; i < state->pool_count; i++)
        if (strcmp(state->pools[i].name, name) == 0)
            return &state->pools[i];
    return NULL;
}

volatile void *state_pool_address(const struct state_pool *pool, mfn_t first)
{
    return (volatile char *)pool->address + pages_to_bytes(first.v - pool->frames.first.v);
}

/*
 * Not a copy of ours: that would share locks, flags and position with us. And not by name, which
 * may be another device's by now.
 */
int state_pool_open(const struct state_pool *pool)
{
    _cleanup_(cleanup_close) int fd = -1;
    char path[32];
    int r;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", pool->fd);
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    r = uio_check("", fd, pool->map_offset, pool->frames);
    return r < 0 ? r : steal_fd(&fd);
}

void state_request_reconcile(struct state *state)
{
    if (state->reconcile_event)
        event_active(state->reconcile_event, EV_TIMEOUT, 0);
}
