/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "claim.h"

#include "holders.h"
#include "progress.h"

int claim_check_holder(const struct guest *holder, struct error *error)
{
    return error_set(error, XENSHM_HOLDER_UNKNOWN,
                     "domain %u ('%s') has no configuration yet, so it may hold any page",
                     holder->identity.domid, holder->name);
}

int claim_check_store(struct state *state, struct error *error)
{
    const char *file = store_bad_file(state->store);

    if (!file)
        return 0;
    return error_set(error, XENSHM_PAGES_HELD,
                     "store file segments/%s cannot be understood: what it describes is held",
                     file);
}

int claim_allowed(struct state *state, struct error *error)
{
    const struct guest *holder = NULL;

    if (!state->limits.unknown_holders)
        holder = guests_unknown_holder(&state->guests);
    if (holder)
        return claim_check_holder(holder, error);
    if (claim_check_store(state, error))
        return error->code;
    if (state->segments.count >= state->limits.segments)
        return error_set(error, XENSHM_TOO_MANY, "there are %zu segments, the most",
                         state->segments.count);
    return 0;
}

int claim_check_settled(const struct state *state, const uint8_t uuid[static DOMAIN_UUID_SIZE],
                        struct error *error)
{
    const struct created *created = created_find(&state->created, uuid);

    if (!created || !created_unsettled(created))
        return 0;
    return error_set(error, XENSHM_BUSY, "guest '%s' is being %s", created->facts.name,
                     created_doing(created));
}

/* Pages of dead guests that will be free by then. */
static bool dead_guests_hold_pages(struct state *state, uint64_t deadline)
{
    struct guest *guest = guest_first(&state->guests);

    for (; guest; guest = guest_next(guest))
        if (!guest->alive && !TAILQ_EMPTY(&guest->attachments) && guest->awaited_until < deadline)
            return true;
    return false;
}

bool claim_may_become_possible(struct state *state, const struct error *error, uint64_t deadline)
{
    if (error->code == XENSHM_HOLDER_UNKNOWN)
        return true;
    if (error->code != XENSHM_POOL_FULL && error->code != XENSHM_PAGES_HELD &&
        error->code != XENSHM_QUOTA_EXCEEDED)
        return false;
    if (store_bad_file(state->store) || !dead_guests_hold_pages(state, deadline))
        return false;
    state_request_reconcile(state);
    return true;
}

int claim_check_clash(struct state *state, const struct segment *segment, struct error *error)
{
    if (!segment->clash)
        return 0;
    return error_set(error, XENSHM_PAGES_HELD,
                     "guest '%s' has come meanwhile, with pages of segment '%s' in its own iomem",
                     holders_clash(state, segment), segment->name);
}

int claim_check_share(const struct state *state, const struct segment *segment, struct error *error)
{
    if (segment_quarantined(segment))
        return error_set(error, XENSHM_PAGES_HELD,
                         "segment '%s' is quarantined: guest '%s' may still hold its pages",
                         segment->name, TAILQ_FIRST(&segment->attachments)->guest_name);
    if (segment->clash)
        return error_set(error, XENSHM_PAGES_HELD,
                         "segment '%s' is not shared further: guest '%s' has some of its pages by "
                         "its own iomem",
                         segment->name, holders_clash(state, segment));
    return 0;
}

void claim_wipe_start(struct scrub *scrub, const struct segment *segment)
{
    scrub_start(scrub, state_pool_address(segment->pool, segment_frames(segment).first),
                pages_to_bytes(segment_frames(segment).count));
}

bool claim_wipe_slice(struct scrub *scrub, struct state *state, struct segment *segment)
{
    uint64_t pages = segment_frames(segment).count;

    if (scrub_slice(scrub, OPERATION_SLICE)) {
        progress_end(segment);
        return true;
    }
    progress_tell(state, segment, "wiping", pages - scrub->bytes / PAGE_SIZE);
    return false;
}
