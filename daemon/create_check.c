/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "create_check.h"

#include <string.h>

static int check_name(struct state *state, const struct created_facts *facts, struct error *error)
{
    struct guest *guest;

    if (created_find(&state->created, facts->uuid) ||
        created_find_name(&state->created, facts->name))
        return error_set(error, XENSHM_GUEST_EXISTS,
                         "there is a guest called '%s', or with its UUID, already", facts->name);
    guests_refresh_names(&state->guests, state->hypervisor);
    for (guest = guest_first(&state->guests); guest; guest = guest_next(guest)) {
        if (!guest->alive && !guest->awaited_until)
            continue;
        if (strcmp(guest->name, facts->name) == 0)
            return error_set(error, XENSHM_GUEST_EXISTS,
                             "there is a guest called '%s' already (domid %u)", facts->name,
                             guest->identity.domid);
        if (memcmp(guest->identity.uuid, facts->uuid, DOMAIN_UUID_SIZE) == 0)
            return error_set(error, XENSHM_GUEST_EXISTS,
                             "guest '%s' has the UUID of the new one already", guest->name);
    }
    return 0;
}

static bool has_page_of(const struct created_facts *facts, const struct segment *segment)
{
    for (size_t i = 0; i < facts->config.iomem_count; i++)
        if (mfn_range_overlaps(facts->config.iomem[i].frames, segment_frames(segment)))
            return true;
    return false;
}

/* Xen would map pages of a segment into it, by its own iomem, without a question. */
static int check_iomem(struct state *state, const struct created_facts *facts, struct error *error)
{
    const struct segment *segment = segment_first(&state->segments);

    for (; segment; segment = segment_next((struct segment *)segment))
        if (has_page_of(facts, segment)) {
            error_set(error, XENSHM_PAGES_HELD, "the iomem of guest '%s' has pages of segment '%s'",
                      facts->name, segment->name);
            return error_set_hint(error, "leave the iomem out, and share the segment");
        }
    return 0;
}

int create_check(struct state *state, const struct created_facts *facts, struct error *error)
{
    return check_name(state, facts, error) ? error->code : check_iomem(state, facts, error);
}
