/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store first, then memory: pages that a file still describes are never free. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "closing.h"
#include "describe.h"
#include "log.h"
#include "message.h"
#include "operation_segment.h"
#include "order.h"
#include "state.h"

struct release {
    struct operation operation; /* first member */
    uint64_t deadline;          /* of waiting for what dead guests had */
};

static void release_free(struct operation *operation)
{
    free(operation);
}

/* Room for one guest's name at least; with the segment's it stays below ERROR_MESSAGE_MAX. */
#define GUESTS_MAX (DOMAIN_NAME_MAX + 64)
#define MORE " and 18446744073709551615 more"
#define MORE_MAX (sizeof(MORE))

/* "'guest1', 'guest2' and 5 more": nobody is left out without a word. */
static void name_guests(const struct segment *segment, char text[static GUESTS_MAX])
{
    const struct attachment *attachment;
    size_t length = 0, named = 0;

    text[0] = '\0';
    TAILQ_FOREACH(attachment, &segment->attachments, segment_link) {
        size_t room = GUESTS_MAX - MORE_MAX - length;
        int n = snprintf(text + length, room, "%s'%s'", named ? ", " : "", attachment->guest_name);

        if (n < 0 || (size_t)n >= room) {
            snprintf(text + length, GUESTS_MAX - length, " and %zu more",
                     segment->attachment_count - named);
            return;
        }
        length += (size_t)n;
        named++;
    }
}

static int in_use(struct operation *operation, const struct segment *segment)
{
    struct error *error = &operation->error;
    char guests[GUESTS_MAX];

    name_guests(segment, guests);
    error_set(error, XENSHM_SEGMENT_IN_USE, "segment '%s' is attached to %s", segment->name,
              guests);
    return error_set_hint(error, "detach it there first");
}

static int opened(struct operation *operation, const struct segment *segment)
{
    const struct opening *opening = TAILQ_FIRST(&segment->openings);
    struct error *error = &operation->error;
    char more[sizeof(MORE)] = "";

    if (segment->opening_count > 1)
        snprintf(more, sizeof(more), " and %zu more", segment->opening_count - 1);
    error_set(error, XENSHM_SEGMENT_IN_USE, "segment '%s' is open in process %d of uid %u%s",
              segment->name, (int)opening->process.pid, (unsigned)opening->uid, more);
    return error_set_hint(error, "have that program close it, or end it");
}

/* All that holds it is what dead guests had, which is on its way back. */
static bool only_of_the_dead(const struct segment *segment)
{
    const struct attachment *attachment;

    TAILQ_FOREACH(attachment, &segment->attachments, segment_link)
        if (attachment->guest->alive || attachment->state == ATTACHMENT_WAITING ||
            attachment->guest->awaited_until)
            return false;
    return true;
}

/* Returns 0 or a refusal. */
static int check(struct operation *operation, struct segment **ret_segment)
{
    struct state *state = operation->state;
    struct error *error = &operation->error;
    struct segment *segment;
    int r;

    r = guests_refresh(&state->guests, state->hypervisor);
    if (r < 0)
        return guests_list_failed(error, r);
    closing_apply_segment(state, operation->segment);
    segment = segment_find(&state->segments, operation->segment);
    if (!segment)
        return error_set(error, XENSHM_SEGMENT_UNKNOWN, "no segment is called '%s'",
                         operation->segment);
    *ret_segment = segment;
    if (order_find(&state->orders, segment->name)) {
        error_set(error, XENSHM_SEGMENT_IN_USE, "the configuration keeps segment '%s'",
                  segment->name);
        return error_set_hint(error, "take its section out of the configuration file and reload");
    }
    if (segment->attachment_count > 0)
        return in_use(operation, segment);
    return segment->opening_count > 0 ? opened(operation, segment) : 0;
}

static enum operation_turn release_step(struct operation *operation)
{
    struct release *release = (struct release *)operation;
    struct state *state = operation->state;
    struct segment *segment = NULL;
    int r;

    if (check(operation, &segment)) {
        if (segment && segment->attachment_count > 0 && only_of_the_dead(segment)) {
            state_request_reconcile(state);
            return operation_retry_until(operation, release->deadline);
        }
        return OPERATION_DONE;
    }
    operation->result = describe_segment_status(segment, state);
    r = operation->result ? store_remove(state->store, segment->name) : -ENOMEM;
    if (r < 0) {
        json_decref(steal_pointer(&operation->result));
        error_set(&operation->error, XENSHM_STORE_FAILED,
                  "segment '%s' cannot be removed from the store: %s", segment->name, strerror(-r));
        return OPERATION_DONE;
    }
    log_info("segment %s: freed", segment->name);
    segment_remove(&state->segments, segment);
    events_emit(&state->events, "segment.freed", json_incref(operation->result));
    return OPERATION_DONE;
}

int operation_segment_free(struct state *state, const char *name, operation_done_fn done,
                           void *context, struct error *error)
{
    struct release *release;

    release = operation_new(sizeof(*release),
                            &(struct operation){
                                .step = release_step,
                                .free = release_free,
                                .state = state,
                                .no_guest = true,
                                .done = done,
                                .done_context = context,
                            },
                            error);
    if (!release)
        return error->code;
    snprintf(release->operation.segment, sizeof(release->operation.segment), "%s", name);
    release->deadline = clock_milliseconds() + state->limits.holder_wait;
    operation_submit(&release->operation);
    return 0;
}
