/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "describe.h"
#include "listing.h"
#include "methods.h"

const struct params_field method_segment_list_fields[] = { PARAMS_END };

static const struct schema members[] = {
    { "segments", SCHEMA_REFERENCE, SCHEMA_LIST, .reference = "segment" },
    { NULL },
};

const struct schema method_segment_list_result = SCHEMA_WITH(members);
const int method_segment_list_errors[] = { 0 };

static bool step(struct listing *listing)
{
    struct listing_place *place = &listing->place;
    struct segment *segment = segment_after(&listing->state->segments, place->segment);

    if (listing->length == 0)
        listing_begin_list(listing, "{\"segments\":[");
    for (; segment && listing_has_time(listing); segment = segment_next(segment)) {
        listing_add(listing, describe_segment_status(segment, listing->state));
        strcpy(place->segment, segment->name);
    }
    if (segment)
        return true;
    listing_end_list(listing, "]}");
    return false;
}

static const struct listing_kind kind = { .step = step };

void method_segment_list(struct request *request, const void *args)
{
    listing_request(request, &kind, NULL);
}
