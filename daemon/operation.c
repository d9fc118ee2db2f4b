/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "cleanup.h"
#include "clock.h"
#include "message.h"
#include "state.h"

static void turn(evutil_socket_t fd, short what, void *context);

int operations_init(struct operations *operations, struct event_base *base, struct state *state)
{
    TAILQ_INIT(&operations->list);
    operations->count = 0;
    operations->stopping = false;
    operations->turn = event_new(base, -1, 0, turn, state);
    return operations->turn ? 0 : -ENOMEM;
}

static void operation_free(struct operations *operations, struct operation *operation)
{
    TAILQ_REMOVE(&operations->list, operation, link);
    operations->count--;
    json_decref(operation->result);
    operation->free(operation);
}

static void finish(struct operations *operations, struct operation *operation)
{
    if (operation->done)
        operation->done(operation->done_context, steal_pointer(&operation->result),
                        &operation->error);
    operation_free(operations, operation);
}

static void refuse(struct operations *operations, struct operation *operation)
{
    json_decref(steal_pointer(&operation->result));
    operation->error = (struct error){ 0 };
    error_set(&operation->error, XENSHM_BUSY, "the daemon is stopping");
    finish(operations, operation);
}

void operations_stop(struct operations *operations)
{
    struct operation *operation, *next;

    operations->stopping = true;
    for (operation = TAILQ_FIRST(&operations->list); operation; operation = next) {
        next = TAILQ_NEXT(operation, link);
        if (operation->done && (!operation->running || operation->wake_at))
            refuse(operations, operation);
    }
}

void operations_clear(struct operations *operations)
{
    struct operation *operation;

    while ((operation = TAILQ_FIRST(&operations->list)))
        refuse(operations, operation);
    if (operations->turn)
        event_free(operations->turn);
    operations->turn = NULL;
}

/* Does the operation touch the segment of that name? */
static bool touches(struct operation *operation, const char *name)
{
    struct segment *segment;
    struct attachment *attachment;

    if (!operation->all_segments)
        return strcmp(operation->segment, name) == 0;
    segment = segment_find(&operation->state->segments, name);
    if (!segment)
        return false;
    TAILQ_FOREACH(attachment, &segment->attachments, segment_link)
        if (domain_identity_equal(&attachment->identity, &operation->identity))
            return true;
    return false;
}

static bool share_guest(const struct operation *a, const struct operation *b)
{
    return !a->no_guest && !b->no_guest && domain_identity_equal(&a->identity, &b->identity);
}

/* Does `a` touch a segment that `b` touches? */
static bool share_segment(struct operation *a, struct operation *b)
{
    struct guest *guest;
    struct attachment *attachment;

    if (!a->all_segments)
        return a->segment[0] && touches(b, a->segment);
    guest = guest_find(&a->state->guests, &a->identity);
    if (!guest)
        return false;
    TAILQ_FOREACH(attachment, &guest->attachments, guest_link)
        if (touches(b, attachment->segment->name))
            return true;
    return false;
}

static bool share_any(struct operation *a, struct operation *b)
{
    return share_guest(a, b) || share_segment(a, b) || share_segment(b, a);
}

static bool has_begun(const struct operation *operation)
{
    return operation->running && operation->wake_at == 0;
}

/*
 * What the daemon does by itself passes requests that have not begun: they may be waiting for just
 * that. So one that wakes up may find something later under way.
 */
static bool must_wait(struct operation *operation)
{
    struct operation *other;

    for (other = operation; (other = TAILQ_PREV(other, operation_list, link));)
        if ((operation->done || !other->done || has_begun(other)) && share_any(operation, other))
            return true;
    for (other = operation; (other = TAILQ_NEXT(other, link));)
        if (has_begun(other) && share_any(operation, other))
            return true;
    return false;
}

void *operation_new(size_t size, const struct operation *common, struct error *error)
{
    const struct state *state = common->state;
    struct operation *operation;

    if (state->operations.count >= state->limits.operations) {
        error_set(error, XENSHM_TOO_MANY, "%zu operations are under way, the most",
                  state->operations.count);
        return NULL;
    }
    operation = calloc(1, size);
    if (operation)
        *operation = *common;
    else
        error_set(error, MESSAGE_INTERNAL_ERROR, "out of memory");
    return operation;
}

void *operation_new_own(size_t size, const struct operation *common)
{
    struct operation *operation = calloc(1, size);

    if (operation)
        *operation = *common;
    return operation;
}

enum operation_turn operation_retry_until(struct operation *operation, uint64_t deadline)
{
    if (clock_milliseconds() >= deadline)
        return OPERATION_DONE;
    operation->error = (struct error){ 0 };
    return OPERATION_SLEEP;
}

/* One slice for one operation. */
static void run(struct operations *operations, struct operation *operation)
{
    enum operation_turn result;

    operation->running = true;
    operation->parked = operation->woken = false;
    operation->last_turn = ++operations->turns;
    operation->wake_at = 0;
    result = operation->step(operation);
    if (result != OPERATION_DONE)
        operation->looked = false;
    switch (result) {
    case OPERATION_DONE:
        finish(operations, operation);
        break;
    case OPERATION_AGAIN:
        break;
    case OPERATION_SLEEP:
        operation->wake_at = clock_milliseconds() + OPERATION_SLEEP_TIME;
        break;
    case OPERATION_PARK:
        operation->parked = !operation->woken;
        break;
    }
}

static bool ready(struct operation *operation)
{
    if (operation->parked)
        return false;
    if (has_begun(operation))
        return true;
    return clock_milliseconds() >= operation->wake_at && !must_wait(operation);
}

/* The ready operation whose last slice is longest ago, or NULL. */
static struct operation *next_ready(struct operations *operations)
{
    struct operation *operation, *next = NULL;

    TAILQ_FOREACH(operation, &operations->list, link)
        if ((!next || operation->last_turn < next->last_turn) && ready(operation))
            next = operation;
    return next;
}

static void arm(struct operations *operations, unsigned milliseconds)
{
    struct timeval delay = { .tv_usec = milliseconds * 1000 };

    if (operations->count > 0)
        event_add(operations->turn, &delay);
}

static void turn(evutil_socket_t fd, short what, void *context)
{
    struct state *state = context;
    struct operation *operation = next_ready(&state->operations);

    if (operation)
        run(&state->operations, operation);
    arm(&state->operations, operation ? 0 : OPERATION_SLEEP_TIME);
}

void operation_submit(struct operation *operation)
{
    struct operations *operations = &operation->state->operations;

    TAILQ_INSERT_TAIL(&operations->list, operation, link);
    operations->count++;
    if (operations->stopping && operation->done) {
        refuse(operations, operation);
        return;
    }
    if (!must_wait(operation))
        run(operations, operation);
    else
        operation->looked = false;
    arm(operations, 0);
}

void operation_wake(struct operation *operation)
{
    operation->woken = true;
    operation->parked = false;
    arm(&operation->state->operations, 0);
}

int operation_submit_own(size_t size, const struct operation *common, struct attachment *attachment)
{
    struct operation *operation = operation_new_own(size, common);

    if (!operation)
        return -ENOMEM;
    strcpy(operation->segment, attachment->segment->name);
    attachment->busy = operation;
    operation_submit(operation);
    return 0;
}
