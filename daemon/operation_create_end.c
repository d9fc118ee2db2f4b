/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the creation of a guest ends: it runs, or everything is taken back. */
#include "operation_create_private.h"

#include <inttypes.h>
#include <string.h>

#include "audit.h"
#include "clock.h"
#include "describe.h"
#include "log.h"
#include "operation_end.h"
#include "store_created.h"
#include "uuid.h"

/* A guest that cannot be built anew is tried so often, with such a pause (as xl's), in ms. */
#define RESTART_TRIES 3
#define RESTART_PAUSE 2000

static int append_described(struct create *create, struct attachment *attachment, void *context)
{
    describe_append(context, describe_attachment(attachment));
    return 0;
}

/* In the order asked for; of a guest that is built anew, by name. */
static json_t *describe_attachments(struct create *create)
{
    json_t *attachments = json_array(), *name;
    size_t i;

    if (create->restart)
        create_each_attachment(create, append_described, &attachments);
    json_array_foreach(create->names, i, name) {
        struct segment *segment =
            segment_find(&create->operation.state->segments, json_string_value(name));
        struct attachment *attachment =
            segment ? segment_attachment_of(segment, create->uuid) : NULL;

        if (attachment)
            describe_append(&attachments, describe_attachment(attachment));
    }
    return attachments;
}

static json_t *describe_result(struct create *create, const struct created *created)
{
    char uuid[UUID_TEXT_SIZE];

    return json_pack("{s:{s:o, s:I, s:s, s:s}, s:o}", "guest", "name",
                     describe_name(created->facts.name), "domid", (json_int_t)created->domid,
                     "uuid", uuid_format(created->facts.uuid, uuid), "state",
                     create->paused ? "paused" : "running", "attachments",
                     describe_attachments(create));
}

enum operation_turn create_finish(struct create *create)
{
    struct state *state = create->operation.state;
    struct created *created = create_record(create);
    json_t *result;

    building_dismiss(&create->building);
    created->state = CREATED_RUNNING;
    created->failures = 0;
    created->not_before = clock_milliseconds() + RESTART_PAUSE;
    created->unsaved = store_created_write(state->store, created) < 0;
    result = describe_result(create, created);
    log_info("guest %s: %s as domain %u, with %" PRIu64 " segment%s", created->facts.name,
             create->restart ? "made anew" : "created", created->domid, create->segments,
             create->segments == 1 ? "" : "s");
    if (create->restart)
        audit_own("guest.restarted", created->facts.name, NULL, 0, 0);
    events_emit(&state->events, create->restart ? "guest.restarted" : "guest.created",
                json_incref(result));
    if (result && json_array_size(create->warnings) > 0)
        json_object_set(result, "warnings", create->warnings);
    /* Without memory for it the guest runs all the same, and its caller is cut off. */
    create->operation.result = result;
    state_request_reconcile(state);
    return OPERATION_DONE;
}

static void give_guest_back(struct create *create)
{
    struct created *created = create_find(create);

    building_clear(&create->building);
    if (created)
        created->busy = NULL;
    create->busy = false;
}

enum operation_turn create_undo(struct create *create)
{
    struct end_request request = { .then = END_FORGET };
    struct error error = { 0 };

    if (!create_find(create))
        return OPERATION_DONE;
    memcpy(request.uuid, create->uuid, DOMAIN_UUID_SIZE);
    give_guest_back(create);
    create->phase = CREATE_UNDONE;
    /* Of the segment reserved last, when it was not wanted any more. */
    suboperation_drop(create->sub);
    create->sub = suboperation_new(&create->operation);
    /* Without memory lifecycle_apply() does it. */
    if (!create->sub)
        return OPERATION_DONE;
    if (operation_end(create->operation.state, &request, suboperation_done, create->sub, &error)) {
        create->sub->ended = true;
        create->sub = suboperation_drop(create->sub);
        return OPERATION_DONE;
    }
    return OPERATION_PARK;
}

enum operation_turn create_undone(struct create *create)
{
    if (!create->sub->ended)
        return OPERATION_PARK;
    if (!create->sub->result)
        error_set_hint(create_error(create),
                       "what was made of it cannot be taken back yet (%s); it is tried again",
                       create->sub->error.message);
    return OPERATION_DONE;
}

/* A few tries, as libxl now and then fails just after it has destroyed the domain before. */
static enum operation_turn restart_failed(struct create *create)
{
    struct state *state = create->operation.state;
    struct created *created = create_record(create);
    bool last = !created->unwanted && ++created->failures >= RESTART_TRIES;
    char uuid[UUID_TEXT_SIZE];

    log_error("guest %s: building it anew failed: %s (%s)%s", created->facts.name,
              create_error(create)->message, error_name(create_error(create)->code),
              last ? "; it is given up" : "");
    created->not_before = clock_milliseconds() + RESTART_PAUSE;
    if (last) {
        audit_own("guest.failed", created->facts.name, NULL, 0, create_error(create)->code);
        events_emit(&state->events, "guest.failed",
                    json_pack("{s:{s:o, s:s}, s:s, s:s}", "guest", "name",
                              describe_name(created->facts.name), "uuid",
                              uuid_format(created->facts.uuid, uuid), "error",
                              error_name(create_error(create)->code), "problem",
                              create_error(create)->message));
        created->state = CREATED_ENDING;
        created->not_before = 0;
    }
    give_guest_back(create);
    state_request_reconcile(state);
    return OPERATION_DONE;
}

enum operation_turn create_failed(struct create *create)
{
    if (create->restart)
        return restart_failed(create);
    create->phase = CREATE_UNDO;
    return create_undo(create);
}
