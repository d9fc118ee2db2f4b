/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "holders.h"

#include <errno.h>

#include "cleanup.h"
#include "log.h"
#include "tell.h"

static size_t count_ranges(struct state *state)
{
    size_t count = 0;

    for (struct guest *guest = guest_first(&state->guests); guest; guest = guest_next(guest))
        count += guest->config.iomem_count;
    return count;
}

/* The pages of every guest that is not confirmed gone for good. */
static size_t collect_ranges(struct state *state, struct mfn_range *ranges)
{
    size_t count = 0;

    for (struct guest *guest = guest_first(&state->guests); guest; guest = guest_next(guest))
        for (size_t i = 0; guest_holds_iomem(guest) && i < guest->config.iomem_count; i++)
            ranges[count++] = guest->config.iomem[i].frames;
    return count;
}

const char *holders_clash(const struct state *state, const struct segment *segment)
{
    const struct guest *guest = guest_holding(&state->guests, segment_frames(segment));

    return guest ? guest->name : "";
}

static void tell_clash(struct state *state, const struct segment *segment)
{
    if (segment->clash)
        log_error("segment %s: guest %s has some of its pages by its own iomem: they are shared "
                  "by accident; take them out of that guest's configuration",
                  segment->name, holders_clash(state, segment));
    else
        log_info("segment %s: no guest has its pages by its own iomem any more", segment->name);
    tell_segment(state, segment->clash ? "segment.clash" : "segment.clash-ended", segment);
}

static void find_clashes(struct state *state)
{
    struct segment *segment = segment_first(&state->segments);

    for (; segment; segment = segment_next(segment)) {
        bool clash = pool_is_foreign(segment->pool->pool, segment_frames(segment));

        if (clash == segment->clash)
            continue;
        segment->clash = clash;
        tell_clash(state, segment);
    }
}

int holders_refresh(struct state *state)
{
    int r = guests_refresh(&state->guests, state->hypervisor);

    return r < 0 ? r : holders_update(state);
}

int holders_update(struct state *state)
{
    _cleanup_(cleanup_free) struct mfn_range *ranges = NULL;
    size_t count;
    int r;

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
    find_clashes(state);
    return 0;
}
