/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Operations: changes that take several steps, and may take more than one turn of the event loop.
 *
 * Operations that touch the same guest or the same segment run one after another in order of
 * arrival, others side by side. Those that nobody asked for pass requests that have not begun. Each
 * turn of the loop gives one slice to one operation, so that the loop stays responsive however much
 * there is to wipe or to map. An operation that has begun commits or rolls back, whoever asked for
 * it and is gone since. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <jansson.h>

#include "error.h"
#include "segment.h"

struct event;
struct event_base;
struct operation;
struct state;

/* A slice of work: long enough to be cheap, far below the 10 ms that nobody shall wait. */
#define OPERATION_SLICE 2000 /* microseconds */

enum operation_turn {
    OPERATION_DONE,  /* result or error is set */
    OPERATION_AGAIN, /* more to do: call again in a later turn */
    OPERATION_SLEEP, /* nothing has begun yet: call again in OPERATION_SLEEP_TIME */
    OPERATION_PARK,  /* it has begun, and waits for somebody else: call after operation_wake() */
};

#define OPERATION_SLEEP_TIME 20 /* milliseconds */

/* Called once at the end; takes `result` (NULL: see `error`). */
typedef void (*operation_done_fn)(void *context, json_t *result, const struct error *error);

/* What the kinds of operations have in common; each embeds it as its first member. */
struct operation {
    TAILQ_ENTRY(operation) link; /* in operations.list */
    enum operation_turn (*step)(struct operation *operation);
    void (*free)(struct operation *operation);
    struct state *state;
    struct domain_identity identity;   /* the guest that it touches */
    char segment[PARAMS_NAME_MAX + 1]; /* the segment that it touches; "": none (yet) */
    bool all_segments;                 /* touches every segment of the guest */
    bool no_guest;                     /* touches a segment only; `identity` says nothing */
    bool looked; /* the guests are as of this very turn: whoever submitted it has looked */
    bool running;
    bool parked;
    bool woken;             /* in the very turn in which it is going to park */
    uint64_t wake_at;       /* milliseconds, clock_milliseconds(); 0: not asleep */
    uint64_t last_turn;     /* when it had its last slice */
    operation_done_fn done; /* may be NULL */
    void *done_context;
    json_t *result;
    struct error error;
};

TAILQ_HEAD(operation_list, operation);

struct operations {
    struct operation_list list; /* in order of arrival; owns them */
    size_t count;
    uint64_t turns;
    bool stopping;
    struct event *turn; /* timer of the next turn */
};

int operations_init(struct operations *operations, struct event_base *base, struct state *state);
/*
 * The daemon is going to stop: what somebody has asked for and has not begun, or comes from here
 * on, is answered BUSY.
 */
void operations_stop(struct operations *operations);
/*
 * Drops what is left, answering BUSY: what the store says of it is repaired at the next start.
 */
void operations_clear(struct operations *operations);

/*
 * A new operation, to be filled and submitted: `size` bytes, zeroed, of which the first are a copy
 * of `common`. NULL: TOO_MANY are under way, or there is no memory; the refusal is in *error.
 */
void *operation_new(size_t size, const struct operation *common, struct error *error);

/* The same for work of the daemon's own: whatever is under way. NULL: no memory. */
void *operation_new_own(size_t size, const struct operation *common);

/*
 * Submits work of the daemon's own on an attachment: `size` bytes as by operation_new(), whatever
 * is under way, with the attachment's segment; marks the attachment busy. Returns 0 or -ENOMEM.
 */
int operation_submit_own(size_t size, const struct operation *common,
                         struct attachment *attachment);

/*
 * For a step that is refused, with nothing begun: OPERATION_SLEEP, to be tried again, with the
 * refusal forgotten; or, after `deadline` (clock_milliseconds()), OPERATION_DONE with it.
 */
enum operation_turn operation_retry_until(struct operation *operation, uint64_t deadline);

/* What a parked operation waits for has come; allowed at any time while it is submitted. */
void operation_wake(struct operation *operation);

/*
 * With `looked` set by a caller who has refreshed the guests in this turn. Takes over the operation
 * and starts it as soon as nothing earlier stands in its way: at once if
 * possible; then `done` may be called before this returns.
 */
void operation_submit(struct operation *operation);
