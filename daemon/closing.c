/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "closing.h"

#include <string.h>

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
    segment_remove(&state->segments, segment);
    events_emit(&state->events, "segment.freed", freed);
    /* It may have stood in the way of a standing order. */
    if (state->orders.count > 0)
        state_request_reconcile(state);
}

/* The store may go on to name it, until the segment changes: that keeps the pages, at worst. */
static void end(struct state *state, struct opening *opening)
{
    struct segment *segment = opening->segment;
    pid_t pid = opening->process.pid;
    int r;

    opening_remove(&state->segments, opening);
    segment_mark_run(segment);
    if (segment_unused_but(segment, NULL)) {
        closing_drop(state, segment);
        return;
    }
    r = store_write(state->store, segment, NULL);
    if (r < 0)
        log_error("segment %s: that process %d has it open no more cannot be written to the "
                  "store: %s",
                  segment->name, (int)pid, strerror(-r));
    else
        log_info("segment %s: process %d has it open no more", segment->name, (int)pid);
}

static bool is_over(const struct opening *opening)
{
    if (opening->opener)
        return outgoing_hung_up(opening->opener->fd);
    return opening->over || !process_may_live(&opening->process);
}

void closing_apply(struct state *state)
{
    struct opening *opening, *next;

    for (opening = TAILQ_FIRST(&state->segments.left); opening; opening = next) {
        next = TAILQ_NEXT(opening, opener_link);
        if (is_over(opening))
            end(state, opening);
    }
}

void closing_apply_segment(struct state *state, const char *name)
{
    struct segment *segment = segment_find(&state->segments, name);
    struct opening *opening, *next;

    /* With the last one the segment may go, too. */
    for (opening = segment ? TAILQ_FIRST(&segment->openings) : NULL; opening; opening = next) {
        next = TAILQ_NEXT(opening, segment_link);
        if (is_over(opening))
            end(state, opening);
    }
}
