/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Check, claim, persist; then the descriptor may go out. A kill on the way leaves an opening of a
 * process that never got its descriptor, and is over with it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "claim.h"
#include "cleanup.h"
#include "describe.h"
#include "holders.h"
#include "log.h"
#include "message.h"
#include "operation_segment.h"
#include "outgoing.h"
#include "state.h"

struct open {
    struct operation operation; /* first member */
    struct segment_open_request request;
};

static void open_free(struct operation *operation)
{
    free(operation);
}

/* Of what is asked for, and of who asks. */
static int check_limits(const struct open *open, struct error *error)
{
    const struct segments *segments = &open->operation.state->segments;
    const struct opener *opener = open->request.opener;

    if (opener->count >= OPENINGS_OF_CONNECTION)
        return error_set(error, XENSHM_TOO_MANY, "this connection has %zu segments open, the most",
                         opener->count);
    if (segments->opening_count >= OPENINGS_MAX)
        return error_set(error, XENSHM_TOO_MANY, "segments are open %zu times, the most",
                         segments->opening_count);
    return 0;
}

/* Who asks must be found again by a later daemon. Returns 0 or a refusal. */
static int check_process(const struct open *open, struct process *ret_process, struct error *error)
{
    int r = open->request.pid > 0 ? process_find(open->request.pid, ret_process) : -ESRCH;

    if (r == 0)
        return 0;
    error_set(error, XENSHM_UNSUPPORTED,
              "segment '%s' cannot be opened: the process that connected (%d) cannot be seen: %s",
              open->operation.segment, (int)open->request.pid, strerror(-r));
    return error_set_hint(error, "connect from the process that opens it, on the daemon's host");
}

/* Returns 0 or a refusal. */
static int check(struct open *open, struct segment **ret_segment)
{
    struct state *state = open->operation.state;
    struct error *error = &open->operation.error;
    const struct opener *opener = open->request.opener;
    struct segment *segment;
    int r = holders_refresh(state);

    if (r < 0)
        return guests_list_failed(error, r);
    if (opener->fd < 0 || outgoing_hung_up(opener->fd))
        return error_set(error, XENSHM_BUSY, "the client is gone");
    segment = segment_find(&state->segments, open->operation.segment);
    if (!segment)
        return error_set(error, XENSHM_SEGMENT_UNKNOWN, "no segment is called '%s'",
                         open->operation.segment);
    r = claim_check_store(state, error);
    if (r == 0)
        r = claim_check_share(state, segment, error);
    if (r == 0)
        *ret_segment = segment;
    return r;
}

static int open_descriptor(struct open *open, const struct segment *segment, int *ret_fd)
{
    struct error *error = &open->operation.error;
    int fd = state_pool_open(segment->pool);

    if (fd >= 0) {
        *ret_fd = fd;
        return 0;
    }
    if (fd == -EMFILE || fd == -ENFILE)
        return error_set(error, XENSHM_TOO_MANY, "segment '%s' cannot be opened: %s", segment->name,
                         strerror(-fd));
    error_set(error, MESSAGE_INTERNAL_ERROR, "device '%s' of segment '%s' cannot be opened: %s",
              segment->pool->device, segment->name, strerror(-fd));
    return error_set_hint(error, "is the device still there, bound to its driver?");
}

/* One that is new; the store knows it before the program has the pages. */
static int claim(struct open *open, struct segment *segment, const struct process *process)
{
    struct state *state = open->operation.state;
    struct error *error = &open->operation.error;
    struct opening *opening;
    int r;

    if (opening_new(&state->segments, segment, open->request.opener, process, &opening) < 0)
        return error_set(error, MESSAGE_INTERNAL_ERROR, "out of memory");
    opening->uid = open->request.uid;
    r = store_write(state->store, segment, NULL);
    if (r == 0) {
        log_info("segment %s: process %d of uid %u has it open", segment->name, (int)process->pid,
                 (unsigned)opening->uid);
        return 0;
    }
    opening_remove(&state->segments, opening);
    return error_set(error, XENSHM_STORE_FAILED, "segment '%s' cannot be written to the store: %s",
                     segment->name, strerror(-r));
}

/* Once for each connection. It takes the place of one that its process has left open. */
static int claim_once(struct open *open, struct segment *segment)
{
    struct error *error = &open->operation.error;
    struct opener *opener = open->request.opener;
    struct process process = { 0 };
    struct opening *left;

    if (opening_find(segment, opener))
        return 0;
    if (check_limits(open, error) != 0 || check_process(open, &process, error) != 0)
        return error->code;
    left = opening_find_left(segment, &process);
    if (!left)
        return claim(open, segment, &process);
    opening_set_opener(&open->operation.state->segments, left, opener);
    return 0;
}

static json_t *describe_opening(const struct segment *segment)
{
    const struct state_pool *pool = segment->pool;
    uint64_t before = segment_frames(segment).first.v - pool->frames.first.v;

    return json_pack("{s:I, s:I, s:I}", "offset", (json_int_t)pages_to_bytes(before), "size",
                     (json_int_t)pages_to_bytes(segment_frames(segment).count), "map_offset",
                     (json_int_t)pool->map_offset);
}

static enum operation_turn open_step(struct operation *operation)
{
    struct open *open = (struct open *)operation;
    _cleanup_(cleanup_json) json_t *result = NULL;
    _cleanup_(cleanup_close) int fd = -1;
    struct segment *segment = NULL;

    check(open, &segment); /* or the error says why not */
    if (!segment || open_descriptor(open, segment, &fd) != 0)
        return OPERATION_DONE;
    result = describe_opening(segment);
    if (!result) {
        error_set(&operation->error, MESSAGE_INTERNAL_ERROR, "out of memory");
    } else if (claim_once(open, segment) == 0) {
        operation->result = steal_pointer(&result);
        *open->request.ret_fd = steal_fd(&fd);
    }
    return OPERATION_DONE;
}

int operation_segment_open(struct state *state, const struct segment_open_request *request,
                           operation_done_fn done, void *context, struct error *error)
{
    struct open *open;

    open = operation_new(sizeof(*open),
                         &(struct operation){
                             .step = open_step,
                             .free = open_free,
                             .state = state,
                             .no_guest = true,
                             .done = done,
                             .done_context = context,
                         },
                         error);
    if (!open)
        return error->code;
    snprintf(open->operation.segment, sizeof(open->operation.segment), "%s", request->name);
    open->request = *request;
    open->request.name = open->operation.segment;
    request->opener->state = state;
    operation_submit(&open->operation);
    return 0;
}
