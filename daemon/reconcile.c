/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reconcile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attachment_wait.h"
#include "clock.h"
#include "closing.h"
#include "holders.h"
#include "lifecycle.h"
#include "log.h"
#include "operation_reclaim.h"
#include "operation_restore.h"
#include "order.h"
#include "store_created.h"

/* A domain is built in seconds: so long it is looked at so often, in milliseconds. */
#define BUILDING_TIME 30000
#define BUILDING_LOOK 20
/* How long a guest that went unseen is awaited at most, in milliseconds. */
#define UNSEEN_GRACE 5000

/* The guest's attachments are in the order of their addresses: only neighbours can clash. */
static bool clashes(struct attachment *attachment)
{
    struct attachment *before = TAILQ_PREV(attachment, attachment_list, guest_link);
    struct attachment *behind = TAILQ_NEXT(attachment, guest_link);

    return (before &&
            gfn_range_overlaps(attachment_frames(before), attachment_frames(attachment))) ||
           (behind && gfn_range_overlaps(attachment_frames(behind), attachment_frames(attachment)));
}

/*
 * Nobody saw how a guest went while the daemon was away. It may be rebooting: a toolstack takes
 * about two seconds until the next domain is there.
 */
static void await_guest(struct state *state, struct guest *guest,
                        const struct store_attachment *stored)
{
    uint64_t grace = state->limits.restart_grace;

    /* One that xenshmd builds comes when that is done. */
    if (guest->awaited_until == GUEST_AWAIT_ALWAYS)
        return;
    if (stored->state == ATTACHMENT_ATTACHED && grace > UNSEEN_GRACE)
        grace = UNSEEN_GRACE;
    if ((stored->state == ATTACHMENT_ATTACHED && !guest->awaited_until) ||
        stored->state == ATTACHMENT_WAITING)
        guest_await(guest, grace);
    if (!guest->name[0])
        memcpy(guest->name, stored->guest_name, DOMAIN_NAME_MAX);
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
    if (r)
        return r;
    await_guest(state, guest, stored);
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

/*
 * Connections do not outlive a daemon, but what their programs have mapped does. A process that had
 * several has as many mappings: it is to open and close as often.
 */
static int load_openings(struct state *state, struct segment *segment,
                         const struct store_segment *stored)
{
    for (size_t i = 0; i < stored->opening_count; i++) {
        const struct store_opening *from = &stored->openings[i];
        struct opening *opening;

        if (!process_may_live(&from->process))
            continue;
        if (opening_new(&state->segments, segment, NULL, &from->process, &opening) < 0)
            return -ENOMEM;
        opening->uid = from->uid;
        log_info("segment %s: process %d of uid %u may have it still open", segment->name,
                 (int)from->process.pid, (unsigned)from->uid);
    }
    return 0;
}

/* Takes back what was loaded of a file that cannot be believed. */
static void unload_segment(struct state *state, struct segment *segment)
{
    struct attachment *attachment;
    struct opening *opening;

    while ((attachment = TAILQ_FIRST(&segment->attachments)))
        attachment_remove(&state->segments, attachment);
    while ((opening = TAILQ_FIRST(&segment->openings)))
        opening_remove(&state->segments, opening);
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
    r = segment_set_owner(&state->segments, segment, stored->owner_uid);
    if (r == 0)
        r = load_attachments(state, segment, stored, file);
    if (r == 0)
        r = load_openings(state, segment, stored);
    if (r < 0) {
        unload_segment(state, segment);
        return r;
    }
    segment_mark_run(segment);
    return 0;
}

int reconcile_load(struct state *state)
{
    const struct created *created;
    int r = store_created_load(state->store, &state->created);

    TAILQ_FOREACH(created, &state->created, link)
        if (r == 0 && created_unsettled(created))
            r = guest_expect_created(&state->guests, created);
    return r < 0 ? r : store_load(state->store, load_segment, state);
}

static void reclaim(struct state *state, struct attachment *attachment)
{
    if (operation_reclaim(state, attachment) < 0)
        log_error("segment %s: out of memory to take it back", attachment->segment->name);
}

static void restore(struct state *state, struct attachment *attachment, const struct guest *guest)
{
    if (operation_restore(state, attachment, guest) < 0)
        log_error("segment %s: out of memory to give it back", attachment->segment->name);
}

/* Of a guest that may have gone for a reboot: to its next domain, or wait, or give it up. */
static void follow_away(struct state *state, struct attachment *attachment)
{
    const struct guest *guest = attachment->guest;
    struct guest *successor = guest_successor(&state->guests, guest);

    if (successor) {
        if (attachment_wait(state, attachment))
            restore(state, attachment, successor);
    } else if (guest->alive || guest_is_awaited(&state->guests, guest)) {
        attachment_wait(state, attachment);
    } else {
        reclaim(state, attachment);
    }
}

/* Where the attachment's guest stands. Most run: only of others is more looked at. */
static void follow_guest(struct state *state, struct attachment *attachment)
{
    const struct guest *guest = attachment->guest;

    if (guest->alive && guest->shutdown == DOMAIN_RUNNING) {
        /* It was interrupted in coming back, or its shutdown was a reset and it goes on. */
        if (attachment->state == ATTACHMENT_WAITING && guest->config.known)
            restore(state, attachment, guest);
    } else if (!guest->alive || guest_shutdown_returns(guest->shutdown)) {
        follow_away(state, attachment);
    }
    /* One that is off, or suspended, has what it has until it is gone. */
}

/* A guest in the hands of a builder: what it has is left to that. */
static bool is_held(struct state *state, struct attachment *attachment)
{
    const struct created *created = created_find(&state->created, attachment->identity.uuid);

    if (!created || !created_unsettled(created))
        return false;
    if (created->state == CREATED_RESTARTING && attachment->state == ATTACHMENT_ATTACHED &&
        (!attachment->guest->alive || attachment->guest->shutdown != DOMAIN_RUNNING))
        attachment_wait(state, attachment);
    return true;
}

/* May end at once: then the attachment is gone, and with its last one the segment. */
static void reconcile_attachment(struct state *state, struct attachment *attachment)
{
    if (attachment->busy || is_held(state, attachment))
        return;
    if (attachment->state == ATTACHMENT_ATTACHED || attachment->state == ATTACHMENT_WAITING)
        follow_guest(state, attachment);
    else
        reclaim(state, attachment); /* it was interrupted, or it failed */
}

static void reconcile_segment(struct state *state, struct segment *segment)
{
    struct attachment *attachment, *next;

    /* The last program is gone since the file was written, or removing that has failed before. */
    if (segment_unused_but(segment, NULL)) {
        closing_drop(state, segment);
        return;
    }
    for (attachment = TAILQ_FIRST(&segment->attachments); attachment; attachment = next) {
        next = TAILQ_NEXT(attachment, segment_link);
        reconcile_attachment(state, attachment);
    }
}

/*
 * Nothing tells when a domain that is being built gets its configuration, or when a wait is over:
 * it is looked for then.
 */
static void arrange_next(struct state *state)
{
    uint64_t now = clock_milliseconds();
    uint64_t end = guests_next_end(&state->guests), retry = lifecycle_next(state);
    struct timeval delay;

    end = retry < end ? retry : end;
    if (guests_any_being_built(&state->guests, BUILDING_TIME))
        end = end < now + BUILDING_LOOK ? end : now + BUILDING_LOOK;
    if (end == UINT64_MAX || !state->reconcile_event)
        return;
    end = end > now ? end - now : 0;
    delay = (struct timeval){ .tv_sec = (time_t)(end / 1000), .tv_usec = end % 1000 * 1000 };
    event_add(state->reconcile_event, &delay);
}

void reconcile(struct state *state)
{
    struct segment *segment, *next;
    int r;

    state->metrics.reconciles++;
    closing_apply(state);
    r = holders_refresh(state);
    if (r < 0) {
        state->metrics.reconciles_failed++;
        log_error("listing the domains failed: %s", strerror(-r));
        return;
    }
    lifecycle_apply(state);
    for (segment = segment_first(&state->segments); segment; segment = next) {
        next = segment_next(segment);
        reconcile_segment(state, segment);
    }
    orders_apply(state);
    arrange_next(state);
}
