/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operation_reclaim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "describe.h"
#include "log.h"
#include "state.h"
#include "teardown.h"

struct reclaim {
    struct operation operation; /* first member */
    bool started;
    json_t *attachment; /* as it was, for those who listen */
    char guest[DOMAIN_NAME_MAX];
    uint64_t size; /* bytes */
    struct teardown teardown;
};

static void reclaim_free(struct operation *operation)
{
    json_decref(((struct reclaim *)operation)->attachment);
    free(operation);
}

/* The attachment meant, if an earlier operation has not taken it away meanwhile. */
static struct attachment *find(struct operation *operation)
{
    struct segment *segment = segment_find(&operation->state->segments, operation->segment);
    struct attachment *attachment;

    if (!segment)
        return NULL;
    TAILQ_FOREACH(attachment, &segment->attachments, segment_link)
        if (domain_identity_equal(&attachment->identity, &operation->identity))
            return attachment;
    return NULL;
}

static void log_result(const struct reclaim *reclaim)
{
    const struct operation *operation = &reclaim->operation;

    if (operation->identity.domid == 0)
        log_info("segment %s: free again, its guest never came", operation->segment);
    else
        log_info("segment %s: taken back from domain %u%s", operation->segment,
                 operation->identity.domid, reclaim->teardown.gone ? ", which is gone" : "");
}

static enum operation_turn reclaim_step(struct operation *operation)
{
    struct reclaim *reclaim = (struct reclaim *)operation;
    struct attachment *attachment;
    int r;

    if (!reclaim->started) {
        attachment = find(operation);
        if (!attachment)
            return OPERATION_DONE;
        attachment->busy = operation;
        if (events_wanted(&operation->state->events))
            reclaim->attachment = describe_attachment(attachment);
        teardown_start(&reclaim->teardown, operation->state, attachment, TEARDOWN_MAPPED);
        reclaim->teardown.announce = attachment->state == ATTACHMENT_ATTACHING;
        strcpy(reclaim->guest, attachment->guest_name);
        reclaim->size = pages_to_bytes(segment_frames(attachment->segment).count);
        reclaim->started = true;
    }
    r = teardown_slice(&reclaim->teardown);
    if (r == TEARDOWN_MORE)
        return OPERATION_AGAIN;
    /* It may have stood in the way of a standing order. */
    if (operation->state->orders.count > 0)
        state_request_reconcile(operation->state);
    if (r == 0) {
        events_emit(&operation->state->events, "attachment.detached",
                    json_incref(reclaim->attachment));
        log_result(reclaim);
    }
    /* What was only reserved is nobody's news. */
    if (r == 0 && operation->identity.domid != 0)
        audit_own("attachment.detached", reclaim->guest, operation->segment, reclaim->size, 0);
    return OPERATION_DONE;
}

int operation_reclaim(struct state *state, struct attachment *attachment)
{
    return operation_submit_own(sizeof(struct reclaim),
                                &(struct operation){
                                    .step = reclaim_step,
                                    .free = reclaim_free,
                                    .state = state,
                                    .identity = attachment->identity,
                                },
                                attachment);
}
