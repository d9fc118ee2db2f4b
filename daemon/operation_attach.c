/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Claim, wipe, persist, permit, map, publish, commit. State reaches the store before the
 * hypervisor is touched, so that a crash between any two steps leaks at worst; the next start
 * repairs it. A step that fails takes back all before it, through teardown.
 */
#include "operation_attach.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bringup.h"
#include "claim.h"
#include "cleanup.h"
#include "clock.h"
#include "describe.h"
#include "events.h"
#include "holders.h"
#include "log.h"
#include "message.h"
#include "progress.h"
#include "state.h"
#include "teardown.h"

enum phase { CHECK, WIPE, PERSIST, BRING_UP, COMMIT, ROLL_BACK };

struct attach {
    struct operation operation; /* first member */
    enum phase phase;
    uint64_t pages;
    char share[PARAMS_NAME_MAX + 1]; /* existing segment; "": a new one */
    char name[PARAMS_NAME_MAX + 1];  /* of a new segment; "": the default */
    struct state_pool *pool;         /* NULL: any */
    struct params_address address;
    uint32_t uid;
    bool reserve;                  /* for a guest that is being created */
    uint64_t deadline;             /* of waiting for unknown holders and dead guests */
    struct attachment *attachment; /* once claimed */
    struct placement placement;
    struct scrub scrub;
    bool persisted;
    struct bringup bringup; /* once persisted */
    struct teardown teardown;
};

static struct attach *attach_of(struct operation *operation)
{
    return (struct attach *)operation;
}

static void attach_free(struct operation *operation)
{
    struct attach *attach = attach_of(operation);

    if (attach->attachment)
        attach->attachment->busy = NULL;
    free(attach);
}

static int hypervisor_failed(struct attach *attach, const char *what, int r)
{
    return error_set(&attach->operation.error, XENSHM_HYPERVISOR_FAILED,
                     "%s for the guest with domid %u failed: %s", what,
                     attach->operation.identity.domid, strerror(-r));
}

static int store_failed(struct attach *attach, int r)
{
    return error_set(&attach->operation.error, XENSHM_STORE_FAILED,
                     "segment '%s' cannot be written to the store: %s",
                     attach->attachment->segment->name, strerror(-r));
}

static int no_memory(struct attach *attach)
{
    return error_set(&attach->operation.error, MESSAGE_INTERNAL_ERROR, "out of memory");
}

/* The guest, if it can take an attachment now; NULL with the error set. */
static struct guest *check_guest(struct attach *attach)
{
    struct error *error = &attach->operation.error;
    struct guest *guest = guest_find(&attach->operation.state->guests, &attach->operation.identity);

    if (attach->reserve && guest)
        return guest;
    if (!guest || !guest->alive)
        error_set(error, XENSHM_GUEST_DYING, "the guest with domid %u is gone",
                  attach->operation.identity.domid);
    else if (guest->shutdown != DOMAIN_RUNNING)
        error_set(error, XENSHM_GUEST_DYING, "guest '%s' has shut down (%s)", guest->name,
                  guest_state_name(guest));
    return error->code ? NULL : guest;
}

/* A created guest gets what its UUID has: what somebody else's domain with that UUID has as well.
 */
static int check_alone(struct attach *attach, const struct guest *guest)
{
    const struct guest *twin = guest_twin(&attach->operation.state->guests, guest);

    if (!twin)
        return 0;
    error_set(
        &attach->operation.error, XENSHM_GUEST_AMBIGUOUS,
        "guest '%s' (domid %u) has the UUID of '%s' (domid %u), by which xenshmd knows guests",
        guest->name, guest->identity.domid, twin->name, twin->identity.domid);
    return error_set_hint(&attach->operation.error, "give one of them another UUID");
}

static int check_limit(struct attach *attach, const struct guest *guest)
{
    struct state *state = attach->operation.state;
    struct error *error = &attach->operation.error;
    const struct attachment *attachment;
    uint64_t count = 0;

    TAILQ_FOREACH(attachment, &guest->attachments, guest_link)
        count++;
    if (count < state->limits.attachments)
        return 0;
    return error_set(error, XENSHM_TOO_MANY, "guest '%s' has %" PRIu64 " attachments, the most",
                     guest->name, count);
}

/* The existing segment that is to be shared; NULL with the error set. */
static struct segment *check_share(struct attach *attach, const struct guest *guest)
{
    struct error *error = &attach->operation.error;
    struct segment *segment = segment_find(&attach->operation.state->segments, attach->share);

    if (!segment)
        error_set(error, XENSHM_SEGMENT_UNKNOWN, "no segment is called '%s'", attach->share);
    else if (claim_check_share(attach->operation.state, segment, error) == 0 &&
             segment_attachment(segment, guest))
        error_set(error, XENSHM_ALREADY_ATTACHED,
                  "segment '%s' is attached to guest '%s' already, at 0x%" PRIx64, attach->share,
                  guest->name, gfn_address(segment_attachment(segment, guest)->first));
    return error->code ? NULL : segment;
}

/* Takes pages and an address, in memory only. Returns 0 or a refusal. */
static int claim(struct attach *attach, struct guest *guest)
{
    struct operation *operation = &attach->operation;
    struct segment *segment = NULL;
    int r;

    if (attach->share[0]) {
        segment = check_share(attach, guest);
        if (!segment)
            return operation->error.code;
    } else {
        r = placement_segment(operation->state,
                              &(struct placement_request){ .name = attach->name,
                                                           .guest = guest->name,
                                                           .pool = attach->pool,
                                                           .pages = attach->pages,
                                                           .align = 1,
                                                           .uid = attach->uid },
                              &segment, &operation->error);
        if (r)
            return r;
    }
    r = placement_address(operation->state, guest, segment, &attach->address, &attach->placement,
                          &operation->error);
    if (!r && attachment_new(&operation->state->segments, segment, &operation->identity,
                             &attach->attachment) < 0)
        r = no_memory(attach);
    if (r) {
        if (!attach->share[0])
            segment_remove(&operation->state->segments, segment);
        return r;
    }
    attach->attachment->first = attach->placement.first;
    attach->attachment->busy = operation;
    snprintf(attach->attachment->guest_name, DOMAIN_NAME_MAX, "%s", guest->name);
    attachment_set_guest(attach->attachment, guest);
    strcpy(operation->segment, segment->name);
    return 0;
}

/* A guest that is back from a reboot has its earlier attachments first: they have their place. */
static int check_restored(struct attach *attach, const struct guest *guest)
{
    struct state *state = attach->operation.state;
    const struct guest *before = guest_first(&state->guests);

    for (; before; before = guest_next((struct guest *)before)) {
        const struct attachment *waiting = TAILQ_FIRST(&before->attachments);

        if (before == guest || !waiting ||
            (before->alive && !guest_shutdown_returns(before->shutdown)) ||
            memcmp(before->identity.uuid, guest->identity.uuid, DOMAIN_UUID_SIZE) != 0)
            continue;
        state_request_reconcile(state);
        return error_set(&attach->operation.error, XENSHM_BUSY,
                         "guest '%s' gets back what it had before its reboot: segment '%s' first",
                         guest->name, waiting->segment->name);
    }
    return 0;
}

/* Sharing gives no pages out: only the guest itself must be known. */
static int check_share_allowed(struct attach *attach, const struct guest *guest)
{
    struct state *state = attach->operation.state;

    if (!guest->config.known && !state->limits.unknown_holders)
        return claim_check_holder(guest, &attach->operation.error);
    return claim_check_store(state, &attach->operation.error);
}

/* Everything that may refuse, and the claim. Returns 0 or a refusal. */
static int check_and_claim(struct attach *attach)
{
    struct state *state = attach->operation.state;
    struct guest *guest;
    int r;

    r = attach->operation.looked ? holders_update(state) : holders_refresh(state);
    if (r < 0)
        return hypervisor_failed(attach, "listing the domains", r);
    guest = check_guest(attach);
    if (!guest)
        return attach->operation.error.code;
    r = attach->share[0] ? check_share_allowed(attach, guest)
                         : claim_allowed(state, &attach->operation.error);
    if (r == 0 && !attach->reserve)
        r = claim_check_settled(state, guest->identity.uuid, &attach->operation.error);
    if (r == 0 && !attach->reserve)
        r = check_alone(attach, guest);
    if (r == 0)
        r = check_restored(attach, guest);
    if (r == 0)
        r = check_limit(attach, guest);
    return r ? r : claim(attach, guest);
}

static enum operation_turn check(struct attach *attach)
{
    const struct error *error = &attach->operation.error;

    if (check_and_claim(attach)) {
        bool may_wait = error->code == XENSHM_BUSY ||
                        claim_may_become_possible(attach->operation.state, error, attach->deadline);

        return may_wait ? operation_retry_until(&attach->operation, attach->deadline)
                        : OPERATION_DONE;
    }
    attach->phase = attach->share[0] ? PERSIST : WIPE;
    if (attach->phase == WIPE)
        claim_wipe_start(&attach->scrub, attach->attachment->segment);
    return OPERATION_AGAIN;
}

/* A mapping call failed: say what it means. */
static int map_failed(struct attach *attach, int r)
{
    struct state *state = attach->operation.state;
    struct attachment *attachment = attach->attachment;

    if (r == MAPPING_E_RAM)
        return error_set(&attach->operation.error, XENSHM_ADDRESS_IS_RAM,
                         "guest '%s' has memory between 0x%" PRIx64 " and 0x%" PRIx64,
                         attachment->guest_name, gfn_address(attachment->first),
                         gfn_address(gfn(gfn_range_end(attachment_frames(attachment)))) - 1);
    if (guests_refresh(&state->guests, state->hypervisor) == 0 && !attachment->guest->alive)
        return error_set(&attach->operation.error, XENSHM_GUEST_DYING, "guest '%s' died meanwhile",
                         attachment->guest_name);
    return hypervisor_failed(attach, "mapping the pages", r);
}

static int persist(struct attach *attach, enum attachment_state state)
{
    struct attachment *attachment = attach->attachment;
    int r;

    attachment->state = state;
    r = store_write(attach->operation.state->store, attachment->segment, NULL);
    return r < 0 ? store_failed(attach, r) : 0;
}

/* One that is only reserved is nobody's news: its guest may never come. */
static void tell_result(const struct attach *attach)
{
    const struct attachment *attachment = attach->attachment;

    if (attach->reserve) {
        log_info("segment %s: reserved for guest %s, at 0x%" PRIx64, attachment->segment->name,
                 attachment->guest_name, gfn_address(attachment->first));
        return;
    }
    events_emit(&attach->operation.state->events, "attachment.attached",
                describe_attachment(attachment));
    log_info("segment %s: attached to guest %s (domid %u) at 0x%" PRIx64, attachment->segment->name,
             attachment->guest_name, attach->operation.identity.domid,
             gfn_address(attachment->first));
}

static json_t *describe_result(const struct attach *attach)
{
    json_t *result = describe_attachment(attach->attachment);

    if (result && attach->placement.warning[0] &&
        json_object_set_new(result, "warning", json_string(attach->placement.warning)) < 0) {
        json_decref(result);
        return NULL;
    }
    return result;
}

/* The reply is made before it comes true: what cannot be told is taken back. */
static int commit(struct attach *attach, enum attachment_state state)
{
    _cleanup_(cleanup_json) json_t *result = NULL;
    int r;

    attach->attachment->state = state;
    result = describe_result(attach);
    if (!result)
        return no_memory(attach);
    r = persist(attach, state);
    if (r == 0)
        attach->operation.result = steal_pointer(&result);
    return r;
}

/* What has not reached the hypervisor is given up when the daemon stops: it may take long. */
static int wipe(struct attach *attach, bool *ret_again)
{
    if (attach->operation.state->operations.stopping)
        return error_set(&attach->operation.error, XENSHM_BUSY, "the daemon is stopping");
    *ret_again =
        !claim_wipe_slice(&attach->scrub, attach->operation.state, attach->attachment->segment);
    return 0;
}

/* Does one phase. Returns 0: on to the next, or the same *ret_again; a refusal: roll back. */
static int forward(struct attach *attach, bool *ret_again)
{
    int r;

    switch (attach->phase) {
    case WIPE:
        return wipe(attach, ret_again);
    case PERSIST:
        r = attach->reserve ? commit(attach, ATTACHMENT_WAITING)
                            : persist(attach, ATTACHMENT_ATTACHING);
        attach->persisted = r == 0;
        bringup_start(&attach->bringup, attach->operation.state, attach->attachment);
        return r;
    case BRING_UP:
        r = bringup_slice(&attach->bringup);
        *ret_again = r == MAPPING_MORE;
        return r == 0 || *ret_again ? 0 : map_failed(attach, r);
    default:
        return commit(attach, ATTACHMENT_ATTACHED);
    }
}

static enum operation_turn roll_back(struct attach *attach)
{
    int r = teardown_slice(&attach->teardown);

    if (r == TEARDOWN_MORE)
        return OPERATION_AGAIN;
    /* Freed, or quarantined and reconcile's from here on. */
    attach->attachment = NULL;
    if (r < 0)
        error_set_hint(&attach->operation.error,
                       "its pages stay quarantined, since taking them back failed as well; see the "
                       "daemon's log");
    return OPERATION_DONE;
}

/* `looked`: the guests are as of this turn. */
static void begin_roll_back(struct attach *attach, bool looked)
{
    progress_end(attach->attachment->segment);
    teardown_start(&attach->teardown, attach->operation.state, attach->attachment,
                   attach->persisted ? attach->bringup.reached : TEARDOWN_CLAIMED);
    attach->teardown.looked = looked;
    attach->teardown.announce = attach->bringup.announced;
    attach->attachment->state = ATTACHMENT_DETACHING;
    attach->phase = ROLL_BACK;
}

/* Between two turns the guest may have died, its domid be used again, and others have come. */
static int check_again(struct attach *attach)
{
    struct state *state = attach->operation.state;
    int r = holders_refresh(state);

    if (r < 0)
        return hypervisor_failed(attach, "listing the domains", r);
    if (!attach->attachment->guest->alive && !attach->reserve)
        return error_set(&attach->operation.error, XENSHM_GUEST_DYING, "guest '%s' died meanwhile",
                         attach->attachment->guest_name);
    return attach->phase == WIPE
               ? claim_check_clash(state, attach->attachment->segment, &attach->operation.error)
               : 0;
}

static enum operation_turn attach_step(struct operation *operation)
{
    struct attach *attach = attach_of(operation);

    if (attach->phase == CHECK) {
        enum operation_turn turn = check(attach);

        if (turn != OPERATION_AGAIN)
            return turn;
    } else if (attach->phase < ROLL_BACK && check_again(attach) != 0) {
        begin_roll_back(attach, false);
    }
    while (attach->phase < ROLL_BACK) {
        bool again = false;
        int r = forward(attach, &again);

        if (again)
            return OPERATION_AGAIN;
        if (r) {
            begin_roll_back(attach, true);
        } else if (attach->phase == (attach->reserve ? PERSIST : COMMIT)) {
            tell_result(attach);
            return OPERATION_DONE;
        } else {
            attach->phase++;
        }
    }
    return roll_back(attach);
}

int operation_attach(struct state *state, const struct attach_request *request,
                     operation_done_fn done, void *context, struct error *error)
{
    struct attach *attach;

    attach = operation_new(sizeof(*attach),
                           &(struct operation){
                               .step = attach_step,
                               .free = attach_free,
                               .state = state,
                               .identity = request->guest,
                               .looked = request->looked,
                               .done = done,
                               .done_context = context,
                           },
                           error);
    if (!attach)
        return error->code;
    attach->pages = bytes_to_pages(request->size);
    attach->address = request->address;
    attach->uid = request->uid;
    attach->reserve = request->reserve;
    attach->pool = request->pool;
    attach->deadline = clock_milliseconds() + state->limits.holder_wait;
    if (request->segment)
        snprintf(attach->share, sizeof(attach->share), "%s", request->segment);
    if (request->name)
        snprintf(attach->name, sizeof(attach->name), "%s", request->name);
    /* Ordered against whoever else names this segment. */
    strcpy(attach->operation.segment, request->segment ? attach->share : attach->name);
    operation_submit(&attach->operation);
    return 0;
}
