/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Persist, then look and end until there is no such domain any more, whoever made it and however
 * far it came; then take back the segments, in this order, so that no page is free before the
 * domain is dead. Each step can be repeated.
 */
#include "operation_end.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "building.h"
#include "clock.h"
#include "describe.h"
#include "holders.h"
#include "log.h"
#include "message.h"
#include "operation_create.h"
#include "operation_reclaim.h"
#include "store_created.h"
#include "uuid.h"

/* Where xl puts them. */
#define DUMP_FOLDER "/var/lib/xen/dump"
/* A domain that a builder cannot end is left alone for so long, in milliseconds. */
#define RETRY_TIME 5000

enum phase { BEGIN, LOOK, ENDED, TAKE_BACK, FORGET };

struct end {
    struct operation operation; /* first member */
    enum phase phase;
    struct end_request request;
    uint64_t deadline; /* of waiting for another operation on this guest */
    char name[DOMAIN_NAME_MAX];
    uint32_t domid; /* that is being ended; of the last one */
    struct building building;
    bool busy; /* the guest is this operation's */
};

static struct created *find(const struct end *end)
{
    return created_find(&end->operation.state->created, end->request.uuid);
}

static void end_free(struct operation *operation)
{
    struct end *end = (struct end *)operation;
    struct created *created = find(end);

    building_clear(&end->building);
    if (end->busy && created)
        created->busy = NULL;
    free(end);
}

static int store_failed(struct end *end, int r)
{
    return error_set(&end->operation.error, XENSHM_STORE_FAILED,
                     "the guest cannot be written to the store: %s", strerror(-r));
}

/* ---- one domain */

/* What "guest1" is called when it is kept: by the time, as xl does it. */
static void preserved_name(const struct created *created, char ret_name[static DOMAIN_NAME_MAX])
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;

    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    snprintf(ret_name, DOMAIN_NAME_MAX, "%.*s-%.18s", DOMAIN_NAME_MAX - 20, created->facts.name,
             stamp);
}

static json_t *request_line(const struct end *end, const struct created *created,
                            const struct guest *guest)
{
    json_t *line =
        json_pack("{s:s, s:I, s:s, s:s}", "do", "end", "domid", (json_int_t)guest->identity.domid,
                  "uuid", guest->uuid_text, "how", end->request.rename ? "preserve" : "destroy");
    char text[DOMAIN_NAME_MAX + sizeof(DUMP_FOLDER) + 1];

    if (end->request.core) {
        snprintf(text, sizeof(text), DUMP_FOLDER "/%s", created->facts.name);
        for (char *c = text + sizeof(DUMP_FOLDER); *c; c++)
            if (*c == '/')
                *c = '_';
        json_object_set_new(line, "core", json_string(text));
    }
    if (end->request.rename) {
        preserved_name(created, text);
        json_object_set_new(line, "name", json_string(text));
    }
    return line;
}

static enum operation_turn failed(struct end *end)
{
    struct created *created = find(end);

    if (created)
        created->not_before = clock_milliseconds() + RETRY_TIME;
    if (!end->operation.done)
        log_error("guest %s: ending it failed (%s); it is tried again",
                  created ? created->facts.name : "?", end->operation.error.message);
    return OPERATION_DONE;
}

/* The domain to be ended; NULL: there is none (any more). */
static struct guest *next_domain(struct end *end, const struct created *created)
{
    struct guests *guests = &end->operation.state->guests;
    struct domain_identity identity = { .domid = end->request.preserved };
    struct guest *guest;

    if (end->request.then != END_ONE)
        return guest_of_created(guests, created);
    memcpy(identity.uuid, end->request.uuid, sizeof(identity.uuid));
    guest = guest_find(guests, &identity);
    return guest && guest->alive ? guest : NULL;
}

static enum operation_turn look(struct end *end)
{
    struct state *state = end->operation.state;
    struct created *created = find(end);
    struct guest *guest;
    int r = holders_refresh(state);

    if (r < 0) {
        guests_list_failed(&end->operation.error, r);
        return failed(end);
    }
    guest = next_domain(end, created);
    if (!guest) {
        end->phase = TAKE_BACK;
        return OPERATION_AGAIN;
    }
    if (!building_possible(state))
        return OPERATION_SLEEP;
    if (building_start(&end->building, &end->operation, request_line(end, created, guest),
                       &end->operation.error))
        return failed(end);
    end->domid = guest->identity.domid;
    end->phase = ENDED;
    return OPERATION_PARK;
}

/* What it was like in the end is what it is built anew by. */
static void keep_config(struct end *end, struct created *created)
{
    json_t *config = json_object_get(json_object_get(end->building.reply, "done"), "config");

    if (end->request.then == END_RESTART && end->domid == created->domid && config)
        created_update_config(created, config);
}

/* It is still there, under another name, and no more this guest. */
static int set_aside(struct end *end, struct created *created)
{
    int r = created_add_preserved(created, end->domid);

    return r < 0 ? r : store_created_write(end->operation.state->store, created);
}

static enum operation_turn ended(struct end *end)
{
    struct state *state = end->operation.state;
    struct created *created = find(end);
    const struct guest *guest;
    int r;

    if (end->building.waiting)
        return OPERATION_PARK;
    if (end->building.reply) {
        keep_config(end, created);
        r = end->request.rename ? set_aside(end, created) : 0;
        if (r < 0) {
            store_failed(end, r);
            return failed(end);
        }
    }
    r = holders_refresh(state);
    guest = r < 0 ? NULL : next_domain(end, created);
    /* Whatever it said: what counts is whether the domain is gone. */
    if (r < 0 || (guest && guest->identity.domid == end->domid)) {
        error_set(
            &end->operation.error,
            end->building.error.code ? end->building.error.code : XENSHM_HYPERVISOR_FAILED, "%s",
            end->building.error.code ? end->building.error.message : "the domain is still there");
        return failed(end);
    }
    building_clear(&end->building);
    end->phase = LOOK;
    return OPERATION_AGAIN;
}

/* ---- afterwards */

/*
 * Reclaims what is idle. Returns how many attachments are still to go, those that are quarantined
 * left out; or -ENOMEM.
 */
static int reclaim_all(struct end *end)
{
    struct state *state = end->operation.state;
    struct segment *segment, *next;
    int left = 0;

    for (segment = segment_first(&state->segments); segment; segment = next) {
        struct attachment *attachment = segment_attachment_of(segment, end->request.uuid);

        next = segment_next(segment);
        if (!attachment || (!attachment->busy && attachment->state == ATTACHMENT_QUARANTINED))
            continue;
        left++;
        /* May end at once, with the segment. */
        if (!attachment->busy && operation_reclaim(state, attachment) < 0)
            return -ENOMEM;
    }
    return left;
}

static json_t *describe(const struct end *end)
{
    char uuid[UUID_TEXT_SIZE];

    return json_pack("{s:{s:o, s:I, s:s, s:s}}", "guest", "name", describe_name(end->name), "domid",
                     (json_int_t)end->domid, "uuid", uuid_format(end->request.uuid, uuid), "state",
                     "destroyed");
}

static void tell_ended(struct end *end, json_t *result)
{
    json_t *event = json_copy(result);

    log_info("guest %s: not looked after any more: %s", end->name, end->request.why);
    /* Else whoever has asked for it is told of. */
    if (!end->operation.done)
        audit_own("guest.ended", end->name, NULL, 0, 0);
    json_object_set_new(event, "reason", json_string(end->request.why));
    events_emit(&end->operation.state->events, "guest.ended", event);
}

static enum operation_turn forget(struct end *end)
{
    struct state *state = end->operation.state;
    struct created *created = find(end);
    json_t *result;
    int r = store_created_remove(state->store, created);

    if (r < 0) {
        store_failed(end, r);
        return failed(end);
    }
    result = describe(end);
    if (end->request.why)
        tell_ended(end, result);
    guests_forget(&state->guests, end->request.uuid);
    created_remove(&state->created, created);
    end->busy = false;
    end->operation.result = result;
    state_request_reconcile(state);
    return OPERATION_DONE;
}

static enum operation_turn take_back(struct end *end)
{
    struct state *state = end->operation.state;
    struct created *created = find(end);
    int left;

    switch (end->request.then) {
    case END_ONE:
        created_drop_preserved(created, end->request.preserved);
        created->unsaved = store_created_write(state->store, created) < 0;
        end->operation.result = describe(end);
        return OPERATION_DONE;
    case END_RESTART:
        created->domid = 0;
        created->rename = created->core = false;
        end->busy = false;
        if (operation_restart(state, created) < 0)
            log_error("guest %s: out of memory to build it anew", created->facts.name);
        return OPERATION_DONE;
    default:
        left = reclaim_all(end);
        if (left < 0) {
            error_set(&end->operation.error, MESSAGE_INTERNAL_ERROR,
                      "out of memory to take the guest's segments back");
            return failed(end);
        }
        if (left == 0)
            end->phase = FORGET;
        return OPERATION_AGAIN;
    }
}

/* ---- the beginning */

/* Another operation has it: that gives way where it can, and this one waits. */
static enum operation_turn wait_for(struct end *end, struct created *created)
{
    enum operation_turn turn;

    if (end->request.then == END_FORGET) {
        created->unwanted = true;
        operation_wake(created->busy);
    }
    error_set(&end->operation.error, XENSHM_BUSY, "guest '%s' is being %s", created->facts.name,
              created_doing(created));
    turn = operation_retry_until(&end->operation, end->deadline);
    if (turn == OPERATION_DONE)
        created->unwanted = false;
    return turn;
}

/* It was given up, or went, while this waited for it; what it had left behind is nobody's now. */
static enum operation_turn forgotten_meanwhile(struct end *end)
{
    if (end->request.then == END_ONE)
        error_set(&end->operation.error, XENSHM_GUEST_FOREIGN,
                  "the guest that left domain %u ('%s') behind is gone, and that is not looked "
                  "after any more",
                  end->request.preserved, end->name);
    else
        end->operation.result = describe(end);
    return OPERATION_DONE;
}

/*
 * In the store first: what is going to happen, and how; but one that has never run is ended by the
 * next daemon all the same. Returns 0 or -errno: as before.
 */
static int mark(const struct end *end, struct created *created)
{
    struct created before = *created;
    int r;

    created->state = end->request.then == END_FORGET ? CREATED_ENDING : CREATED_RESTARTING;
    created->rename = end->request.rename;
    created->core = end->request.core;
    if (created->state == before.state && created->rename == before.rename &&
        created->core == before.core)
        return 0;
    if (before.state == CREATED_BUILDING && created->state == CREATED_ENDING)
        return 0;
    r = store_created_write(end->operation.state->store, created);
    if (r < 0) {
        created->state = before.state;
        created->rename = before.rename;
        created->core = before.core;
    }
    return r;
}

static enum operation_turn begin(struct end *end)
{
    struct created *created = find(end);
    int r;

    if (!created)
        return forgotten_meanwhile(end);
    if (created->busy)
        return wait_for(end, created);
    r = end->request.then == END_ONE ? 0 : mark(end, created);
    if (r < 0) {
        store_failed(end, r);
        return failed(end);
    }
    created->busy = &end->operation;
    end->busy = true;
    if (end->request.then != END_ONE)
        end->domid = created->domid;
    end->phase = LOOK;
    return OPERATION_AGAIN;
}

static enum operation_turn end_step(struct operation *operation)
{
    struct end *end = (struct end *)operation;
    enum operation_turn turn = OPERATION_AGAIN;

    switch (end->phase) {
    case BEGIN:
        turn = begin(end);
        if (turn != OPERATION_AGAIN)
            return turn;
        return look(end);
    case LOOK:
        return look(end);
    case ENDED:
        return ended(end);
    case TAKE_BACK:
        return take_back(end);
    case FORGET:
        return forget(end);
    }
    return turn;
}

int operation_end(struct state *state, const struct end_request *request, operation_done_fn done,
                  void *context, struct error *error)
{
    const struct operation common = {
        .step = end_step,
        .free = end_free,
        .state = state,
        .no_guest = true,
        .done = done,
        .done_context = context,
    };
    struct end *end = done ? operation_new(sizeof(*end), &common, error)
                           : operation_new_own(sizeof(*end), &common);
    const struct created *created;

    if (!end)
        return error_set(error, MESSAGE_INTERNAL_ERROR, "out of memory");
    end->request = *request;
    created = find(end);
    if (request->then == END_ONE) {
        snprintf(end->name, sizeof(end->name), "%s", request->name);
        end->request.name = NULL; /* it was borrowed */
        end->domid = request->preserved;
    } else if (created) {
        strcpy(end->name, created->facts.name);
        end->domid = created->domid;
    }
    end->deadline = clock_milliseconds() + state->limits.builder_timeout;
    operation_submit(&end->operation);
    return 0;
}
