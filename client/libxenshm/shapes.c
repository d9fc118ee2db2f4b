/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shapes.h"

#include <errno.h>

#include "cleanup.h"
#include "library.h"

/* clang-format off */
#define SHAPE(name, structure, ...)                                                                \
    static const struct field name##_fields[] = { __VA_ARGS__, FIELD_END };                        \
    const struct shape shape_##name = { sizeof(structure), name##_fields }
#define OWN_SHAPE(name, structure, ...)                                                            \
    static const struct field name##_fields[] = { __VA_ARGS__, FIELD_END };                        \
    static const struct shape shape_##name = { sizeof(structure), name##_fields }

#define S struct xenshm_guest_id
OWN_SHAPE(guest_id, S,
    FIELD(FIELD_TEXT, S, name),
    FIELD(FIELD_INTEGER, S, domid),
    FIELD(FIELD_TEXT, S, uuid));
#undef S

#define S struct xenshm_attachment
SHAPE(attachment, S,
    FIELD(FIELD_TEXT, S, segment),
    FIELD(FIELD_TEXT, S, pool),
    FIELD_STRUCT(FIELD_INSIDE, S, guest, &shape_guest_id, false),
    FIELD(FIELD_ADDRESS, S, guest_address),
    FIELD(FIELD_ADDRESS, S, host_address),
    FIELD(FIELD_NUMBER, S, size),
    FIELD(FIELD_NUMBER, S, epoch),
    FIELD(FIELD_TEXT, S, state),
    FIELD_MAYBE(FIELD_TEXT, S, warning));
#undef S

#define S struct xenshm_attachments
SHAPE(attachments, S,
    FIELD_ARRAY(FIELD_OBJECTS, "detached", S, items, count, &shape_attachment, false));
#undef S

#define S struct xenshm_progress
OWN_SHAPE(progress, S,
    FIELD(FIELD_TEXT, S, step),
    FIELD(FIELD_NUMBER, S, done));
#undef S

#define S struct xenshm_segment
SHAPE(segment, S,
    FIELD(FIELD_TEXT, S, name),
    FIELD(FIELD_TEXT, S, pool),
    FIELD(FIELD_ADDRESS, S, host_address),
    FIELD(FIELD_NUMBER, S, size),
    FIELD(FIELD_FLAG, S, kept),
    FIELD(FIELD_NUMBER, S, epoch),
    FIELD(FIELD_NUMBER, S, owner_uid),
    FIELD(FIELD_TEXT, S, state),
    FIELD_STRUCT(FIELD_OBJECT, S, progress, &shape_progress, true),
    FIELD_ARRAY(FIELD_OBJECTS, "attachments", S, attachments, attachment_count, &shape_attachment, false),
    FIELD_ARRAY(FIELD_OBJECTS, "clash", S, clash, clash_count, &shape_guest_id, true),
    FIELD_MAYBE(FIELD_NUMBER, S, opened));
#undef S

#define S struct xenshm_segments
SHAPE(segments, S,
    FIELD_ARRAY(FIELD_OBJECTS, "segments", S, items, count, &shape_segment, false));
#undef S

#define S struct xenshm_pool
OWN_SHAPE(pool, S,
    FIELD(FIELD_TEXT, S, name),
    FIELD(FIELD_TEXT, S, device),
    FIELD(FIELD_ADDRESS, S, host_address),
    FIELD(FIELD_NUMBER, S, size),
    FIELD(FIELD_NUMBER, S, free),
    FIELD(FIELD_NUMBER, S, largest_free),
    FIELD_MAYBE(FIELD_ADDRESS, S, guest_address));
#undef S

#define S struct xenshm_pools
SHAPE(pools, S,
    FIELD_ARRAY(FIELD_OBJECTS, "pools", S, items, count, &shape_pool, false));
#undef S

#define S struct xenshm_run
OWN_SHAPE(run, S,
    FIELD(FIELD_TEXT, S, pool),
    FIELD(FIELD_ADDRESS, S, host_address),
    FIELD(FIELD_NUMBER, S, size),
    FIELD(FIELD_TEXT, S, state),
    FIELD_MAYBE(FIELD_TEXT, S, segment),
    FIELD_MAYBE(FIELD_TEXT, S, guest),
    FIELD_ARRAY(FIELD_OBJECTS, "clash", S, clash, clash_count, &shape_guest_id, true));
#undef S

#define S struct xenshm_runs
SHAPE(runs, S,
    FIELD_ARRAY(FIELD_OBJECTS, "runs", S, items, count, &shape_run, false));
#undef S

#define S struct xenshm_foreign
OWN_SHAPE(foreign, S,
    FIELD(FIELD_ADDRESS, S, host_address),
    FIELD(FIELD_NUMBER, S, size),
    FIELD(FIELD_ADDRESS, S, guest_address));
#undef S

#define S struct xenshm_guest
OWN_SHAPE(guest, S,
    FIELD(FIELD_TEXT, S, name),
    FIELD(FIELD_INTEGER, S, domid),
    FIELD(FIELD_TEXT, S, uuid),
    FIELD(FIELD_TEXT, S, state),
    FIELD(FIELD_NUMBER, S, memory),
    FIELD_ARRAY(FIELD_OBJECTS, "attachments", S, attachments, attachment_count, &shape_attachment, false),
    FIELD_ARRAY(FIELD_OBJECTS, "foreign", S, foreign, foreign_count, &shape_foreign, false),
    FIELD(FIELD_FLAG, S, config_known),
    FIELD(FIELD_FLAG, S, created));
#undef S

#define S struct xenshm_guests
SHAPE(guests, S,
    FIELD_ARRAY(FIELD_OBJECTS, "guests", S, items, count, &shape_guest, false));
#undef S

/* The guest of a result has a state as well, which goes beside its identity. */
#define S struct xenshm_created
OWN_SHAPE(created_guest, S,
    FIELD(FIELD_TEXT, S, state));
SHAPE(created, S,
    FIELD_STRUCT(FIELD_INSIDE, S, guest, &shape_guest_id, false),
    { "guest", FIELD_INSIDE, 0, 0, &shape_created_guest, false },
    FIELD_ARRAY(FIELD_OBJECTS, "attachments", S, attachments, attachment_count, &shape_attachment, false),
    FIELD_ARRAY(FIELD_TEXTS, "warnings", S, warnings, warning_count, NULL, true));
#undef S

#define S struct xenshm_destroyed
OWN_SHAPE(destroyed_guest, S,
    FIELD(FIELD_TEXT, S, state));
SHAPE(destroyed, S,
    FIELD_STRUCT(FIELD_INSIDE, S, guest, &shape_guest_id, false),
    { "guest", FIELD_INSIDE, 0, 0, &shape_destroyed_guest, false });
#undef S

#define S struct xenshm_counts
OWN_SHAPE(counts, S,
    FIELD(FIELD_NUMBER, S, pools),
    FIELD(FIELD_NUMBER, S, segments),
    FIELD(FIELD_NUMBER, S, attachments),
    FIELD(FIELD_NUMBER, S, guests),
    FIELD(FIELD_NUMBER, S, connections),
    FIELD(FIELD_NUMBER, S, operations),
    FIELD(FIELD_NUMBER, S, builders),
    FIELD(FIELD_NUMBER, S, bad_store_files),
    FIELD_MAYBE(FIELD_NUMBER, S, openings));
#undef S

#define S struct xenshm_limits
OWN_SHAPE(limits, S,
    FIELD(FIELD_NUMBER, S, line),
    FIELD(FIELD_NUMBER, S, batch),
    FIELD(FIELD_NUMBER, S, batch_replies),
    FIELD(FIELD_NUMBER, S, connections),
    FIELD(FIELD_NUMBER, S, segments),
    FIELD(FIELD_NUMBER, S, attachments_per_guest),
    FIELD(FIELD_NUMBER, S, operations),
    FIELD(FIELD_NUMBER, S, builders),
    FIELD_MAYBE(FIELD_NUMBER, S, openings),
    FIELD_MAYBE(FIELD_NUMBER, S, openings_per_connection));
#undef S

#define S struct xenshm_quotas
OWN_SHAPE(quotas, S,
    FIELD(FIELD_NUMBER, S, connections),
    FIELD(FIELD_NUMBER, S, segments),
    FIELD(FIELD_NUMBER, S, memory),
    FIELD(FIELD_NUMBER, S, requests));
#undef S

#define S struct xenshm_order
OWN_SHAPE(order, S,
    FIELD(FIELD_TEXT, S, segment),
    FIELD_ARRAY(FIELD_TEXTS, "guests", S, guests, guest_count, NULL, false),
    FIELD_MAYBE(FIELD_TEXT, S, problem));
#undef S

#define S struct xenshm_status
SHAPE(status, S,
    FIELD(FIELD_TEXT, S, version),
    FIELD(FIELD_REAL, S, uptime),
    FIELD(FIELD_TEXT, S, xen_version),
    FIELD_STRUCT(FIELD_OBJECT, S, counts, &shape_counts, false),
    FIELD_STRUCT(FIELD_OBJECT, S, limits, &shape_limits, false),
    FIELD_ARRAY(FIELD_OBJECTS, "orders", S, orders, order_count, &shape_order, true),
    FIELD_STRUCT(FIELD_OBJECT, S, quotas, &shape_quotas, true));
#undef S

#define S struct subscribed
SHAPE(subscribed, S,
    FIELD(FIELD_NUMBER, S, seq));
#undef S

#define S struct opened
SHAPE(opened, S,
    FIELD(FIELD_NUMBER, S, offset),
    FIELD(FIELD_NUMBER, S, size),
    FIELD(FIELD_NUMBER, S, map_offset));
#undef S

#define S struct xenshm_event
#define EVENT_FIELDS                                                                               \
    FIELD(FIELD_NUMBER, S, seq),                                                                   \
    FIELD(FIELD_TEXT, S, type),                                                                    \
    FIELD(FIELD_TEXT, S, time),                                                                    \
    FIELD_MAYBE(FIELD_JSON, S, object)
#define EVENT_OBJECT(member)                                                                       \
    { "object", FIELD_OBJECT, offsetof(S, member), 0, &shape_##member, false }
SHAPE(event, S, EVENT_FIELDS);
SHAPE(event_segment, S, EVENT_FIELDS, EVENT_OBJECT(segment));
SHAPE(event_attachment, S, EVENT_FIELDS, EVENT_OBJECT(attachment));
SHAPE(event_created, S, EVENT_FIELDS, EVENT_OBJECT(created));
#undef S
/* clang-format on */

int shapes_call(struct xenshm *connection, const char *method, struct arguments *arguments,
                const struct shape *shape, void *ret_struct)
{
    _cleanup_(cleanup_json) json_t *result = NULL;
    const char *wrong;
    int r;

    r = arguments_call(connection, method, arguments, &result);
    if (r || !ret_struct)
        return r;
    r = fields_decode(shape, result, ret_struct, &wrong);
    if (r == -EPROTO)
        return failure_say(connection, r,
                           "what xenshmd answers to %s has no '%s' that this version of libxenshm "
                           "understands",
                           method, wrong);
    return r ? failure_note(connection, r) : 0;
}
