/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Persist "detaching", tell the guest, then teardown: unmap, revoke, forget. Until the guest's
 * pages are touched a failure leaves everything as it was; from then on it leaves them quarantined.
 */
#include "operation_detach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "claim.h"
#include "describe.h"
#include "events.h"
#include "log.h"
#include "message.h"
#include "publish.h"
#include "state.h"
#include "teardown.h"

struct detach {
    struct operation operation; /* first member */
    bool all;
    struct attachment *attachment; /* being taken away now, or NULL */
    bool untold;                   /* the guest has not been told of that */
    json_t *described;             /* the last one that was begun with */
    json_t *result;
    json_t *detached; /* in the result */
    struct teardown teardown;
};

static struct detach *detach_of(struct operation *operation)
{
    return (struct detach *)operation;
}

static void detach_free(struct operation *operation)
{
    struct detach *detach = detach_of(operation);

    if (detach->attachment)
        detach->attachment->busy = NULL;
    json_decref(detach->described);
    json_decref(detach->result);
    free(detach);
}

/* The only attachment of the guest; NULL with the error set. */
static struct attachment *only_attachment(struct guest *guest, struct error *error)
{
    struct attachment *attachment = TAILQ_FIRST(&guest->attachments);

    if (!attachment) {
        error_set(error, XENSHM_NOT_ATTACHED, "nothing is attached to guest '%s'", guest->name);
        return NULL;
    }
    if (TAILQ_NEXT(attachment, guest_link)) {
        error_set(error, MESSAGE_INVALID_PARAMS,
                  "guest '%s' has several attachments: name one segment, or all", guest->name);
        return NULL;
    }
    return attachment;
}

static struct attachment *named_attachment(struct detach *detach, struct guest *guest)
{
    struct error *error = &detach->operation.error;
    const char *name = detach->operation.segment;
    struct segment *segment = segment_find(&detach->operation.state->segments, name);
    struct attachment *attachment;

    if (!segment) {
        error_set(error, XENSHM_SEGMENT_UNKNOWN, "no segment is called '%s'", name);
        return NULL;
    }
    attachment = segment_attachment(segment, guest);
    if (!attachment && !guest->alive)
        attachment = segment_attachment_of(segment, guest->identity.uuid);
    if (attachment && attachment->guest != guest && attachment->guest->alive)
        attachment = NULL;
    if (!attachment)
        error_set(error, XENSHM_NOT_ATTACHED, "segment '%s' is not attached to guest '%s'", name,
                  guest->name);
    return attachment;
}

/* What an operation of another of the guest's domains has in hand is left to that. */
static struct attachment *first_idle(struct guest *guest)
{
    struct attachment *attachment;

    TAILQ_FOREACH(attachment, &guest->attachments, guest_link)
        if (!attachment->busy)
            return attachment;
    return NULL;
}

/*
 * The guest meant. When it went in the middle of getting its attachments back, some are still under
 * the domid of before: of one that is absent each record counts, while it has something. NULL with
 * the error set.
 */
static struct guest *find_guest(struct detach *detach)
{
    const struct domain_identity *identity = &detach->operation.identity;
    struct guests *guests = &detach->operation.state->guests;
    struct guest *guest = guest_find(guests, identity);
    struct guest *absent = NULL;

    if (guest && (guest->alive || !TAILQ_EMPTY(&guest->attachments)))
        return guest;
    absent = guest_find_absent(guests, identity->uuid);
    if (absent)
        return absent;
    if (!guest && json_array_size(detach->detached) == 0)
        error_set(&detach->operation.error, XENSHM_NOT_ATTACHED,
                  "the guest with domid %u is gone, and so are its attachments", identity->domid);
    return guest;
}

/* The next attachment to take away; NULL: no more, or an error. */
static struct attachment *pick(struct detach *detach)
{
    struct state *state = detach->operation.state;
    struct guest *guest;
    int r = 0;

    /* Whoever was meant when the request came may be gone, and the domid somebody else's. */
    if (!detach->operation.looked)
        r = guests_refresh(&state->guests, state->hypervisor);
    if (r < 0) {
        guests_list_failed(&detach->operation.error, r);
        return NULL;
    }
    guest = find_guest(detach);
    if (!guest || claim_check_settled(state, guest->identity.uuid, &detach->operation.error) != 0)
        return NULL;
    if (detach->all)
        return first_idle(guest);
    return detach->operation.segment[0] ? named_attachment(detach, guest)
                                        : only_attachment(guest, &detach->operation.error);
}

/*
 * The guest cannot be told, or so the call says: it may have read it all the same. Takes it back,
 * first from the guest, so that after a crash in between the detaching goes on. Returns false when
 * there is no way back: going on is what was asked for.
 */
static bool take_back(struct detach *detach, struct attachment *attachment)
{
    struct state *state = detach->operation.state;

    publish_attached(state->hypervisor, attachment);
    attachment->state = ATTACHMENT_ATTACHED;
    if (store_write(state->store, attachment->segment, NULL) == 0)
        return true;
    attachment->state = ATTACHMENT_DETACHING;
    return false;
}

/* Persists and announces. Returns 0, or a refusal with everything as it was. */
static int announce(struct detach *detach, struct attachment *attachment)
{
    struct state *state = detach->operation.state;
    struct error *error = &detach->operation.error;
    const char *name = attachment->segment->name;
    enum attachment_state before = attachment->state;
    int r;

    attachment->state = ATTACHMENT_DETACHING;
    r = store_write(state->store, attachment->segment, NULL);
    if (r < 0) {
        attachment->state = before;
        return error_set(error, XENSHM_STORE_FAILED,
                         "segment '%s' cannot be written to the store: %s", name, strerror(-r));
    }
    if (!attachment->guest->alive)
        return 0;
    r = publish_detaching(state->hypervisor, attachment);
    if (r == 0 || guests_refresh(&state->guests, state->hypervisor) < 0 ||
        !attachment->guest->alive)
        return 0;
    /* One that is not up does not read, and what waits for it is perhaps not in it. */
    detach->untold = before == ATTACHMENT_WAITING || !take_back(detach, attachment);
    if (detach->untold)
        return 0;
    return error_set(error, XENSHM_HYPERVISOR_FAILED,
                     "guest '%s' cannot be told that segment '%s' goes away: %s",
                     attachment->guest_name, name, strerror(-r));
}

/* What the reply says of it, made before it comes true. Returns 0 or -ENOMEM. */
static int describe(struct detach *detach, struct attachment *attachment)
{
    enum attachment_state before = attachment->state;

    if (before != ATTACHMENT_QUARANTINED)
        attachment->state = ATTACHMENT_DETACHING;
    json_decref(detach->described);
    detach->described = describe_attachment(attachment);
    attachment->state = before;
    return json_array_append(detach->detached, detach->described) < 0 ? -ENOMEM : 0;
}

/* Begins with one attachment. Returns 0 or a refusal. */
static int begin(struct detach *detach, struct attachment *attachment)
{
    int r = 0;

    if (describe(detach, attachment) < 0)
        return error_set(&detach->operation.error, MESSAGE_INTERNAL_ERROR, "out of memory");

    detach->untold = false;
    /* A quarantined one has been announced, and can only be tried again. */
    if (attachment->state != ATTACHMENT_QUARANTINED)
        r = announce(detach, attachment);
    if (r)
        return r;
    detach->attachment = attachment;
    attachment->busy = &detach->operation;
    teardown_start(&detach->teardown, detach->operation.state, attachment, TEARDOWN_MAPPED);
    detach->teardown.looked = true;
    detach->teardown.announce = detach->untold;
    return 0;
}

static enum operation_turn finished(struct detach *detach)
{
    detach->operation.result = json_incref(detach->result);
    return OPERATION_DONE;
}

/* A slice of taking the present attachment away. */
static enum operation_turn proceed(struct detach *detach)
{
    char name[PARAMS_NAME_MAX + 1], guest[DOMAIN_NAME_MAX];
    int r;

    strcpy(name, detach->attachment->segment->name);
    strcpy(guest, detach->attachment->guest_name);
    r = teardown_slice(&detach->teardown);
    if (r == TEARDOWN_MORE)
        return OPERATION_AGAIN;
    detach->attachment = NULL;
    if (r == 0) {
        log_info("segment %s: detached from guest %s", name, guest);
        events_emit(&detach->operation.state->events, "attachment.detached",
                    json_incref(detach->described));
        return detach->all ? OPERATION_AGAIN : finished(detach);
    }
    error_set(&detach->operation.error,
              detach->teardown.store_failed ? XENSHM_STORE_FAILED : XENSHM_HYPERVISOR_FAILED,
              "taking segment '%s' away from guest '%s' failed: %s", name, guest, strerror(-r));
    error_set_hint(&detach->operation.error,
                   "its pages stay quarantined until it works, or the guest is gone");
    return OPERATION_DONE;
}

static enum operation_turn detach_step(struct operation *operation)
{
    struct detach *detach = detach_of(operation);

    if (!detach->attachment) {
        struct attachment *next = pick(detach);

        if (!next)
            return operation->error.code ? OPERATION_DONE : finished(detach);
        if (begin(detach, next))
            return OPERATION_DONE;
    }
    return proceed(detach);
}

int operation_detach(struct state *state, const struct detach_request *request,
                     operation_done_fn done, void *context, struct error *error)
{
    struct detach *detach;

    detach = operation_new(sizeof(*detach),
                           &(struct operation){
                               .step = detach_step,
                               .free = detach_free,
                               .state = state,
                               .identity = request->guest,
                               .looked = request->looked,
                               .all_segments = !request->segment,
                               .done = done,
                               .done_context = context,
                           },
                           error);
    if (!detach)
        return error->code;
    detach->detached = json_array();
    detach->result = json_pack("{s:o}", "detached", detach->detached);
    if (!detach->result) {
        detach_free(&detach->operation);
        return error_set(error, MESSAGE_INTERNAL_ERROR, "out of memory");
    }
    detach->all = request->all;
    if (request->segment)
        snprintf(detach->operation.segment, sizeof(detach->operation.segment), "%s",
                 request->segment);
    operation_submit(&detach->operation);
    return 0;
}
