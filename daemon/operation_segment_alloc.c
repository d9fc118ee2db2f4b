/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Claim, wipe, persist: the store does not know the segment before its pages are wiped, and no
 * guest can have it before the store knows it. A kill on the way leaves nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "claim.h"
#include "cleanup.h"
#include "clock.h"
#include "describe.h"
#include "holders.h"
#include "log.h"
#include "message.h"
#include "operation_segment.h"
#include "progress.h"
#include "state.h"

struct alloc {
    struct operation operation; /* first member; its segment is the one to be made */
    struct placement_request request;
    uint64_t deadline;       /* of waiting for unknown holders and dead guests */
    struct segment *segment; /* once claimed */
    struct scrub scrub;
};

static void alloc_free(struct operation *operation)
{
    struct alloc *alloc = (struct alloc *)operation;

    /* What was dropped on the way is in memory only. */
    if (alloc->segment)
        segment_remove(&operation->state->segments, alloc->segment);
    free(alloc);
}

/* Returns 0 or a refusal. */
static int check_and_claim(struct alloc *alloc)
{
    struct operation *operation = &alloc->operation;
    int r = holders_refresh(operation->state);

    if (r < 0)
        return guests_list_failed(&operation->error, r);
    r = claim_allowed(operation->state, &operation->error);
    if (r == 0)
        r = placement_segment(operation->state, &alloc->request, &alloc->segment,
                              &operation->error);
    return r;
}

static enum operation_turn begin(struct alloc *alloc)
{
    struct operation *operation = &alloc->operation;

    if (check_and_claim(alloc))
        return claim_may_become_possible(operation->state, &operation->error, alloc->deadline)
                   ? operation_retry_until(operation, alloc->deadline)
                   : OPERATION_DONE;
    alloc->segment->kept = true;
    claim_wipe_start(&alloc->scrub, alloc->segment);
    return OPERATION_AGAIN;
}

/* Between two turns somebody may have come. Returns 0 or a refusal. */
static int check_again(struct alloc *alloc)
{
    struct operation *operation = &alloc->operation;
    int r = holders_refresh(operation->state);

    if (r < 0)
        return guests_list_failed(&operation->error, r);
    return claim_check_clash(operation->state, alloc->segment, &operation->error);
}

static enum operation_turn commit(struct alloc *alloc)
{
    struct operation *operation = &alloc->operation;
    struct state *state = operation->state;
    struct segment *segment = alloc->segment;
    int r;

    /* Made before it comes true: what cannot be told is taken back. */
    operation->result = describe_segment_status(segment, state);
    r = operation->result ? store_write(state->store, segment, NULL) : -ENOMEM;
    if (r < 0) {
        error_set(&operation->error, XENSHM_STORE_FAILED,
                  "segment '%s' cannot be written to the store: %s", segment->name, strerror(-r));
        return OPERATION_DONE;
    }
    alloc->segment = NULL;
    log_info("segment %s: allocated, %" PRIu64 " pages at 0x%" PRIx64 " in pool %s", segment->name,
             segment_frames(segment).count, mfn_address(segment_frames(segment).first),
             segment->pool->name);
    events_emit(&state->events, "segment.allocated", json_incref(operation->result));
    return OPERATION_DONE;
}

static enum operation_turn alloc_step(struct operation *operation)
{
    struct alloc *alloc = (struct alloc *)operation;

    if (!alloc->segment) {
        enum operation_turn turn = begin(alloc);

        if (turn != OPERATION_AGAIN)
            return turn;
    } else if (check_again(alloc)) {
        return OPERATION_DONE;
    }
    if (operation->state->operations.stopping) {
        error_set(&operation->error, XENSHM_BUSY, "the daemon is stopping");
        return OPERATION_DONE;
    }
    return claim_wipe_slice(&alloc->scrub, operation->state, alloc->segment) ? commit(alloc)
                                                                             : OPERATION_AGAIN;
}

int operation_segment_alloc(struct state *state, const struct segment_alloc_request *request,
                            operation_done_fn done, void *context, struct error *error)
{
    struct alloc *alloc;

    alloc = operation_new(sizeof(*alloc),
                          &(struct operation){
                              .step = alloc_step,
                              .free = alloc_free,
                              .state = state,
                              .no_guest = true,
                              .done = done,
                              .done_context = context,
                          },
                          error);
    if (!alloc)
        return error->code;
    snprintf(alloc->operation.segment, sizeof(alloc->operation.segment), "%s", request->name);
    alloc->request = (struct placement_request){
        .name = alloc->operation.segment,
        .pool = request->pool,
        .pages = bytes_to_pages(request->size),
        .align = request->align ? bytes_to_pages(request->align) : 1,
        .uid = request->uid,
    };
    alloc->deadline = clock_milliseconds() + state->limits.holder_wait;
    operation_submit(&alloc->operation);
    return 0;
}
