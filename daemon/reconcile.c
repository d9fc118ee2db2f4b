/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reconcile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "holders.h"
#include "log.h"
#include "operation_reclaim.h"

/* The guest's attachments are in the order of their addresses: only neighbours can clash. */
static bool clashes(struct attachment *attachment)
{
    struct attachment *before = TAILQ_PREV(attachment, attachment_list, guest_link);
    struct attachment *behind = TAILQ_NEXT(attachment, guest_link);

    return (before &&
            gfn_range_overlaps(attachment_frames(before), attachment_frames(attachment))) ||
           (behind && gfn_range_overlaps(attachment_frames(behind), attachment_frames(attachment)));
}

static int load_attachment(struct state *state, struct segment *segment,
                           const struct store_attachment *stored)
{
    struct attachment *attachment;
    struct guest *guest;
    int r;

    r = guest_expect(&state->guests, &stored->identity, &guest);
    if (r == 0 && segment_attachment(segment, guest))
        r = -EEXIST;
    if (r == 0)
        r = attachment_new(&state->segments, segment, &stored->identity, &attachment);
    if (r < 0)
        return r;
    attachment->first = stored->first;
    attachment->state = stored->state;
    memcpy(attachment->guest_name, stored->guest_name, DOMAIN_NAME_MAX);
    attachment_set_guest(attachment, guest);
    return clashes(attachment) ? -EEXIST : 0;
}

static int load_attachments(struct state *state, struct segment *segment,
                            const struct store_segment *stored, const char *file)
{
    int r = 0;

    for (size_t i = 0; i < stored->attachment_count && r == 0; i++) {
        r = load_attachment(state, segment, &stored->attachments[i]);
        if (r == -EEXIST)
            log_error("store file segments/%s: guest '%s' has the segment already, or another one "
                      "at the same address",
                      file, stored->attachments[i].guest_name);
    }
    return r;
}

/* Takes back what was loaded of a file that cannot be believed. */
static void unload_segment(struct state *state, struct segment *segment)
{
    struct attachment *attachment;

    while ((attachment = TAILQ_FIRST(&segment->attachments)))
        attachment_remove(&state->segments, attachment);
    segment_remove(&state->segments, segment);
}

static int load_segment(void *context, const struct store_segment *stored, const char *file)
{
    struct state *state = context;
    struct state_pool *pool = state_find_pool(state, stored->pool);
    struct segment *segment;
    int r;

    if (!pool) {
        log_error("store file segments/%s: there is no pool '%s' now", file, stored->pool);
        return -ENOENT;
    }
    r = segment_new(&state->segments, stored->name, &segment);
    if (r < 0)
        return r;
    segment->pool = pool;
    segment->kept = stored->kept;
    segment->epoch = stored->epoch;
    segment->owner_uid = stored->owner_uid;
    if (stored->epoch > state->segments.last_epoch)
        state->segments.last_epoch = stored->epoch;
    r = pool_claim(pool->pool, stored->frames, segment, &segment->run);
    if (r) {
        log_error("store file segments/%s: its pages are not all in pool '%s', or another file has "
                  "them too",
                  file, stored->pool);
        unload_segment(state, segment);
        return r;
    }
    r = load_attachments(state, segment, stored, file);
    if (r < 0) {
        unload_segment(state, segment);
        return r;
    }
    segment_mark_run(segment);
    return 0;
}

int reconcile_load(struct state *state)
{
    return store_load(state->store, load_segment, state);
}

static bool to_be_reclaimed(const struct attachment *attachment)
{
    if (attachment->busy)
        return false;
    if (!attachment->guest->alive)
        return true;
    /* Nobody is at work on it: it was interrupted, or it failed. */
    return attachment->state != ATTACHMENT_ATTACHED;
}

/* Nothing holds it: a file that says so was not written by us, or not lately. */
static void drop_abandoned(struct state *state, struct segment *segment)
{
    int r;

    if (segment->kept || segment->attachment_count > 0)
        return;
    r = store_remove(state->store, segment->name);
    if (r < 0)
        log_error("segment %s: its store file cannot be removed: %s", segment->name, strerror(-r));
    else
        segment_remove(&state->segments, segment);
}

/* Reclaiming may end at once: then the attachment is gone, and with its last one the segment. */
static void reconcile_segment(struct state *state, struct segment *segment)
{
    struct attachment *attachment, *next;

    if (TAILQ_EMPTY(&segment->attachments)) {
        drop_abandoned(state, segment);
        return;
    }
    for (attachment = TAILQ_FIRST(&segment->attachments); attachment; attachment = next) {
        next = TAILQ_NEXT(attachment, segment_link);
        if (to_be_reclaimed(attachment) && operation_reclaim(state, attachment) < 0)
            log_error("segment %s: out of memory to take it back", segment->name);
    }
}

void reconcile(struct state *state)
{
    struct segment *segment, *next;
    int r;

    r = holders_refresh(state);
    if (r < 0) {
        log_error("listing the domains failed: %s", strerror(-r));
        return;
    }
    for (segment = segment_first(&state->segments); segment; segment = next) {
        next = segment_next(segment);
        reconcile_segment(state, segment);
    }
}
