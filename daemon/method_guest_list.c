/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "describe.h"
#include "holders.h"
#include "listing.h"
#include "methods.h"

const struct params_field method_guest_list_fields[] = { PARAMS_END };

static const struct schema members[] = {
    { "guests", SCHEMA_REFERENCE, SCHEMA_LIST, .reference = "guest" },
    { NULL },
};

const struct schema method_guest_list_result = SCHEMA_WITH(members);
const int method_guest_list_errors[] = { XENSHM_HYPERVISOR_FAILED, 0 };

static int begin(struct state *state, struct error *error)
{
    int r = holders_refresh(state);

    guests_refresh_names(&state->guests, state->hypervisor);
    return r < 0 ? guests_list_failed(error, r) : 0;
}

/* As many attachments of the guest as there is time for. Returns whether some are left. */
static bool add_attachments(struct listing *listing, const struct guest *guest)
{
    const struct attachment *attachment;

    /* In the order of their addresses. */
    TAILQ_FOREACH(attachment, &guest->attachments, guest_link) {
        if (attachment->first.v < listing->place.address)
            continue;
        if (!listing_has_time(listing))
            return true;
        listing_add(listing, describe_attachment(attachment));
        listing->place.address = attachment->first.v + 1;
    }
    return false;
}

static void open_guest(struct listing *listing, const struct guest *guest)
{
    struct listing_place *place = &listing->place;

    listing_add_open(listing, describe_guest(guest, listing->state));
    listing_begin_list(listing, ",\"attachments\":[");
    place->guest = guest->identity;
    place->began_guest = place->inside_guest = true;
    place->address = 0;
}

/* Goes on with the guest that was begun, as far as it is still there. Returns whether it is told.
 */
static bool close_guest(struct listing *listing)
{
    struct listing_place *place = &listing->place;
    const struct guest *guest = guest_find(&listing->state->guests, &place->guest);

    if (!place->inside_guest)
        return true;
    if (guest && add_attachments(listing, guest))
        return false;
    listing_end_list(listing, "]}");
    place->inside_guest = false;
    return true;
}

static struct guest *next_guest(struct listing *listing)
{
    struct guests *guests = &listing->state->guests;
    struct guest *guest = listing->place.began_guest ? guest_after(guests, &listing->place.guest)
                                                     : guest_first(guests);

    while (guest && !guest->alive)
        guest = guest_next(guest);
    return guest;
}

static bool step(struct listing *listing)
{
    struct guest *guest = NULL;

    if (listing->length == 0)
        listing_begin_list(listing, "{\"guests\":[");
    while (close_guest(listing) && (guest = next_guest(listing)) && listing_has_time(listing))
        open_guest(listing, guest);
    if (listing->place.inside_guest || guest)
        return true;
    listing_end_list(listing, "]}");
    return false;
}

static const struct listing_kind kind = { begin, step };

void method_guest_list(struct request *request, const void *args)
{
    listing_request(request, &kind, NULL);
}
