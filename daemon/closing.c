/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "closing.h"

#include <string.h>

#include "audit.h"
#include "clock.h"
#include "describe.h"
#include "log.h"
#include "outgoing.h"

void opener_close(struct opener *opener)
{
    bool over = opener->count > 0 && outgoing_hung_up(opener->fd);
    struct opening *opening;

    opener->fd = -1;
    if (opener->count == 0)
        return;
    while ((opening = TAILQ_FIRST(&opener->openings))) {
        opening->over = over;
        opening_set_opener(&opener->state->segments, opening, NULL);
    }
    state_request_reconcile(opener->state);
}

void closing_drop(struct state *state, struct segment *segment)
{
    json_t *freed = events_wanted(&state->events) ? describe_segment_status(segment, state) : NULL;
    int r = store_remove(state->store, segment->name);

    if (r < 0) {
        log_error("segment %s: its store file cannot be removed: %s", segment->name, strerror(-r));
        json_decref(freed);
        return;
    }
    log_info("segment %s: free again, nobody has it any more", segment->name);
    audit_own("segment.freed", NULL, segment->name, pages_to_bytes(segment_frames(segment).count),
              0);
    segment_remove(&state->segments, segment);
    events_emit(&state->events, "segment.freed", freed);
    /* It may have stood in the way of a standing order. */
    if (state->orders.count > 0)
        state_request_reconcile(state);
}

/* The store may go on to name those that ended, until the segment changes: that keeps the pages. */
static void keep_or_drop(struct state *state, struct segment *segment, size_t ended)
{
    int r;

    segment_mark_run(segment);
    if (segment_unused_but(segment, NULL)) {
        closing_drop(state, segment);
        return;
    }
    r = store_write(state->store, segment, NULL);
    if (r < 0)
        log_error("segment %s: that it is open %zu times less cannot be written to the store: %s",
                  segment->name, ended, strerror(-r));
}

/* What was found out just now: a process that has many open is looked for once. */
#define LOOKS 16
struct looks {
    struct {
        struct process process;
        bool lives;
    } found[LOOKS];
    size_t count; /* of all; the last LOOKS are there */
};

static bool may_live(struct looks *looks, const struct process *process)
{
    size_t known = looks->count < LOOKS ? looks->count : LOOKS, place = looks->count % LOOKS;

    for (size_t i = 0; i < known; i++)
        if (process_equal(&looks->found[i].process, process))
            return looks->found[i].lives;
    looks->found[place].process = *process;
    looks->found[place].lives = process_may_live(process);
    looks->count++;
    return looks->found[place].lives;
}

static void look(struct looks *looks, struct opening *opening)
{
    if (opening->opener)
        opening->over = outgoing_hung_up(opening->opener->fd);
    else if (!opening->over)
        opening->over = !may_live(looks, &opening->process);
}

/* Ends all of the segment that are over, and writes that once, however many these are. */
static void end(struct state *state, struct segment *segment)
{
    struct opening *opening, *next;
    size_t ended = 0;

    for (opening = TAILQ_FIRST(&segment->openings); opening; opening = next) {
        next = TAILQ_NEXT(opening, segment_link);
        if (!opening->over)
            continue;
        log_debug("segment %s: process %d has it open no more", segment->name,
                  (int)opening->process.pid);
        opening_remove(&state->segments, opening);
        ended++;
    }
    if (ended == 0)
        return;
    log_info("segment %s: open %zu times less, %zu are left", segment->name, ended,
             segment->opening_count);
    keep_or_drop(state, segment, ended);
}

/* Those that are over come to the front. */
static void look_at_left(struct opening_list *left)
{
    struct looks looks = { 0 };
    struct opening *opening, *next;

    for (opening = TAILQ_FIRST(left); opening; opening = next) {
        next = TAILQ_NEXT(opening, opener_link);
        look(&looks, opening);
        if (!opening->over)
            continue;
        TAILQ_REMOVE(left, opening, opener_link);
        TAILQ_INSERT_HEAD(left, opening, opener_link);
    }
}

void closing_apply(struct state *state)
{
    uint64_t deadline = clock_microseconds() + OPERATION_SLICE;
    struct opening_list *left = &state->segments.left;
    const struct opening *first;

    look_at_left(left);
    while ((first = TAILQ_FIRST(left)) && first->over) {
        end(state, first->segment);
        if (clock_microseconds() >= deadline) {
            state_request_reconcile(state);
            return;
        }
    }
}

void closing_apply_segment(struct state *state, const char *name)
{
    struct segment *segment = segment_find(&state->segments, name);
    struct looks looks = { 0 };
    struct opening *opening;

    if (!segment)
        return;
    TAILQ_FOREACH(opening, &segment->openings, segment_link)
        look(&looks, opening);
    end(state, segment);
}
