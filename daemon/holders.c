/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "holders.h"

#include <errno.h>

#include "cleanup.h"
#include "log.h"

static size_t count_ranges(struct state *state)
{
    size_t count = 0;

    for (struct guest *guest = guest_first(&state->guests); guest; guest = guest_next(guest))
        count += guest->config.iomem_count;
    return count;
}

/* The pages of every guest that is not confirmed gone. */
static size_t collect_ranges(struct state *state, struct mfn_range *ranges)
{
    size_t count = 0;

    for (struct guest *guest = guest_first(&state->guests); guest; guest = guest_next(guest))
        for (size_t i = 0; guest->alive && i < guest->config.iomem_count; i++)
            ranges[count++] = guest->config.iomem[i].frames;
    return count;
}

int holders_refresh(struct state *state)
{
    _cleanup_(cleanup_free) struct mfn_range *ranges = NULL;
    size_t count;
    int r;

    r = guests_refresh(&state->guests, state->hypervisor);
    if (r < 0)
        return r;
    guests_reap(&state->guests);
    if (state->holders_version == state->guests.holders_version)
        return 0;
    ranges = calloc(count_ranges(state) + 1, sizeof(*ranges));
    if (!ranges)
        return -ENOMEM;
    count = collect_ranges(state, ranges);
    for (size_t i = 0; i < state->pool_count; i++) {
        r = pool_set_foreign(state->pools[i].pool, ranges, count);
        if (r < 0)
            return r;
    }
    state->holders_version = state->guests.holders_version;
    return 0;
}
