/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leave what is left of the old domain, persist the new one's identity, bring it up, commit. The
 * attachment is "waiting" all the time, so that after a kill between any two steps the next start
 * does it again.
 */
#include "operation_restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bringup.h"
#include "cleanup.h"
#include "log.h"
#include "placement.h"
#include "progress.h"
#include "state.h"
#include "teardown.h"
#include "tell.h"

enum phase { CHECK, LEAVE, MOVE, BRING_UP, COMMIT };

struct restore {
    struct operation operation; /* first member; its identity is the guest as it is now */
    enum phase phase;
    struct attachment *attachment; /* once begun */
    bool first;                    /* for a guest that is being created: it never was in any */
    struct teardown teardown;      /* from the old domain */
    struct bringup bringup;
};

static void restore_free(struct operation *operation)
{
    struct restore *restore = (struct restore *)operation;

    if (restore->attachment) {
        restore->attachment->busy = NULL;
        /* It may have ended half-way, with the guest. */
        progress_end(restore->attachment->segment);
    }
    free(restore);
}

/* The attachment meant, if an earlier operation has not taken it away meanwhile. */
static struct attachment *find(struct operation *operation)
{
    struct segment *segment = segment_find(&operation->state->segments, operation->segment);
    struct attachment *attachment;

    if (!segment)
        return NULL;
    TAILQ_FOREACH(attachment, &segment->attachments, segment_link)
        if (attachment->busy == operation)
            return attachment;
    return NULL;
}

/* The guest as it is in this turn, if it can have its attachments now; or NULL. */
static struct guest *look(struct operation *operation)
{
    struct state *state = operation->state;
    struct guest *guest;

    if (guests_refresh(&state->guests, state->hypervisor) < 0)
        return NULL;
    guest = guest_find(&state->guests, &operation->identity);
    return guest && guest->alive && guest->shutdown == DOMAIN_RUNNING ? guest : NULL;
}

/* Its address is guest RAM now, or taken: the guest came back with another configuration. */
static void give_up(struct restore *restore, const struct error *error)
{
    struct state *state = restore->operation.state;
    struct attachment *attachment = restore->attachment;

    log_error("segment %s: not given back to guest %s after its reboot: %s",
              attachment->segment->name, attachment->guest_name, error->message);
    tell_own_attachment(state, "attachment.lost", attachment, error->code);
    /* reconcile() takes it back, wherever it still is. */
    attachment->state = ATTACHMENT_DETACHING;
    store_write(state->store, attachment->segment, NULL);
    state_request_reconcile(state);
}

/* Returns false when the attachment is given up. */
static bool check_address(struct restore *restore, const struct guest *guest)
{
    struct attachment *attachment = restore->attachment;
    struct params_address address = { PARAMS_ADDRESS_GIVEN, gfn_address(attachment->first) };
    struct placement placement;
    struct error error = { 0 };

    if (attachment->guest == guest)
        return true;
    if (placement_address(restore->operation.state, guest, attachment->segment, &address,
                          &placement, &error) == 0)
        return true;
    give_up(restore, &error);
    return false;
}

/* From here on it is the new domain's, in the store first. Returns 0 or -errno: as before. */
static int move(struct restore *restore, struct guest *guest)
{
    struct attachment *attachment = restore->attachment;
    struct domain_identity before = attachment->identity;
    struct guest *guest_before = attachment->guest;
    int r;

    attachment->identity = guest->identity;
    r = store_write(restore->operation.state->store, attachment->segment, NULL);
    if (r < 0) {
        attachment->identity = before;
        return r;
    }
    attachment_set_guest(attachment, guest);
    snprintf(attachment->guest_name, DOMAIN_NAME_MAX, "%s",
             guest->name[0] ? guest->name : guest_before->name);
    return 0;
}

static int commit(struct restore *restore)
{
    struct state *state = restore->operation.state;
    struct attachment *attachment = restore->attachment;
    int r;

    attachment->state = ATTACHMENT_ATTACHED;
    r = store_write(state->store, attachment->segment, NULL);
    if (r < 0) {
        attachment->state = ATTACHMENT_WAITING;
        return r;
    }
    log_info("segment %s: guest %s (domid %u) has it now, at 0x%" PRIx64, attachment->segment->name,
             attachment->guest_name, attachment->identity.domid, gfn_address(attachment->first));
    /* The first time it is part of what was asked for. */
    if (restore->first)
        tell_attachment(state, "attachment.attached", attachment);
    else
        tell_own_attachment(state, "attachment.restored", attachment, 0);
    return 0;
}

/* Returns 0: on to the next phase; MAPPING_MORE: again; anything else: an end for now. */
static int forward(struct restore *restore, struct guest *guest)
{
    int r;

    switch (restore->phase) {
    case CHECK:
        if (!check_address(restore, guest))
            return -ECANCELED;
        teardown_start(&restore->teardown, restore->operation.state, restore->attachment,
                       TEARDOWN_MAPPED);
        restore->teardown.keep = true;
        restore->teardown.looked = true;
        restore->teardown.gone = !restore->attachment->guest->alive;
        restore->first = restore->attachment->identity.domid == 0;
        return 0;
    case LEAVE:
        /* Nothing to leave when it is the same domain, or the old one is dead. */
        if (restore->attachment->guest == guest || restore->teardown.gone)
            return 0;
        return teardown_slice(&restore->teardown);
    case MOVE:
        r = restore->attachment->guest == guest ? 0 : move(restore, guest);
        bringup_start(&restore->bringup, restore->operation.state, restore->attachment);
        return r;
    case BRING_UP:
        return bringup_slice(&restore->bringup);
    default:
        return commit(restore);
    }
}

static void failed(struct restore *restore, int r)
{
    struct attachment *attachment = restore->attachment;
    struct error error = { 0 };

    if (r == MAPPING_E_RAM) {
        error_set(&error, XENSHM_ADDRESS_IS_RAM, "it has memory at 0x%" PRIx64,
                  gfn_address(attachment->first));
        give_up(restore, &error);
    } else if (r != -ECANCELED && look(&restore->operation)) {
        log_error("segment %s: giving it back to guest %s failed (%s); it is tried again",
                  attachment->segment->name, attachment->guest_name, strerror(-r));
    }
}

static enum operation_turn restore_step(struct operation *operation)
{
    struct restore *restore = (struct restore *)operation;
    struct guest *guest = look(operation);

    if (!restore->attachment)
        restore->attachment = find(operation);
    if (!restore->attachment || !guest)
        return OPERATION_DONE;
    for (;; restore->phase++) {
        int r = forward(restore, guest);

        if (r == MAPPING_MORE)
            return OPERATION_AGAIN;
        if (r) {
            failed(restore, r);
            return OPERATION_DONE;
        }
        if (restore->phase == COMMIT)
            return OPERATION_DONE;
    }
}

int operation_restore(struct state *state, struct attachment *attachment, const struct guest *guest)
{
    return operation_submit_own(sizeof(struct restore),
                                &(struct operation){
                                    .step = restore_step,
                                    .free = restore_free,
                                    .state = state,
                                    .identity = guest->identity,
                                },
                                attachment);
}
