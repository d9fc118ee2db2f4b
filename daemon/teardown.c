/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "teardown.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "progress.h"
#include "publish.h"
#include "tell.h"

enum { PHASE_ANNOUNCE, PHASE_PERMIT, PHASE_UNMAP, PHASE_REVOKE, PHASE_UNPUBLISH, PHASE_FORGET };

void teardown_start(struct teardown *teardown, struct state *state, struct attachment *attachment,
                    enum teardown_from from)
{
    *teardown = (struct teardown){
        .state = state,
        .attachment = attachment,
        .from = from,
        .phase = PHASE_ANNOUNCE,
    };
    mapping_start(&teardown->mapping, state->hypervisor, attachment->identity.domid,
                  attachment->first, segment_frames(attachment->segment));
}

/*
 * A fresh look: is the guest confirmed dead? -errno: it is unknown whose domid that is now, and so
 * nothing may be done to it.
 */
static int look(struct teardown *teardown)
{
    const struct guest *guest;
    int r = guests_refresh(&teardown->state->guests, teardown->state->hypervisor);

    if (r < 0)
        return r;
    guest = guest_find(&teardown->state->guests, &teardown->attachment->identity);
    teardown->gone = !guest || !guest->alive;
    return 0;
}

/* Before the hypervisor is touched: between two turns a domid may have got another owner. */
static int first_look(struct teardown *teardown)
{
    bool needed = teardown->from >= TEARDOWN_PERMITTED && !teardown->gone && !teardown->looked;

    teardown->looked = false;
    return needed ? look(teardown) : 0;
}

static int unmap(struct teardown *teardown)
{
    int r = mapping_unmap_slice(&teardown->mapping, OPERATION_SLICE);

    progress_tell(teardown->state, teardown->attachment->segment, "unmapping",
                  teardown->mapping.done);
    return r;
}

static int hypervisor_phase(struct teardown *teardown)
{
    struct hypervisor *hypervisor = teardown->state->hypervisor;
    struct attachment *attachment = teardown->attachment;
    struct mfn_range frames = segment_frames(attachment->segment);
    uint32_t domid = attachment->identity.domid;

    switch (teardown->phase) {
    case PHASE_ANNOUNCE:
        /* As well as it goes: it is too late to keep the pages. */
        if (teardown->announce)
            publish_detaching(hypervisor, attachment);
        return 0;
    case PHASE_PERMIT:
        /* Unmapping needs the permission, which an interrupted earlier try may have taken. */
        return teardown->from < TEARDOWN_MAPPED ? 0 : hypervisor_permit(hypervisor, domid, frames);
    case PHASE_UNMAP:
        return teardown->from < TEARDOWN_MAPPED ? 0 : unmap(teardown);
    case PHASE_REVOKE:
        /* Unmap, then revoke: revoking does not unmap. */
        return teardown->from < TEARDOWN_PERMITTED ? 0
                                                   : hypervisor_revoke(hypervisor, domid, frames);
    case PHASE_UNPUBLISH:
        return teardown->from < TEARDOWN_MAPPED
                   ? 0
                   : hypervisor_unpublish(hypervisor, domid, attachment->segment->name);
    default:
        return 0;
    }
}

/* The store first, then memory: pages that a file still describes are never free. */
static int forget(struct teardown *teardown)
{
    struct attachment *attachment = teardown->attachment;
    struct segment *segment = attachment->segment;
    struct segments *segments = &teardown->state->segments;
    bool last = segment_unused_but(segment, attachment);
    int r = 0;

    if (teardown->from >= TEARDOWN_PERSISTED)
        r = last ? store_remove(teardown->state->store, segment->name)
                 : store_write(teardown->state->store, segment, attachment);
    if (r < 0)
        return r;
    attachment_remove(segments, attachment);
    teardown->attachment = NULL;
    if (last)
        segment_remove(segments, segment);
    else
        segment_mark_run(segment);
    return 0;
}

static int quarantine(struct teardown *teardown, int why)
{
    struct attachment *attachment = teardown->attachment;
    struct segment *segment = attachment->segment;
    bool first_time = attachment->state != ATTACHMENT_QUARANTINED;

    progress_end(segment);
    if (teardown->keep)
        return why;
    attachment->state = ATTACHMENT_QUARANTINED;
    attachment->busy = NULL;
    segment_mark_run(segment);
    if (first_time) {
        log_error("segment %s: taking it away from guest %s failed (%s); its pages stay "
                  "quarantined",
                  segment->name, attachment->guest_name, strerror(-why));
        /* As good as it gets: without this the file says "detaching", which repairs the same. */
        store_write(teardown->state->store, segment, NULL);
        tell_own_attachment(teardown->state, "attachment.quarantined", attachment,
                            teardown->store_failed ? XENSHM_STORE_FAILED
                                                   : XENSHM_HYPERVISOR_FAILED);
    }
    return why;
}

int teardown_slice(struct teardown *teardown)
{
    int r = first_look(teardown);

    if (r < 0)
        return quarantine(teardown, r);
    for (; teardown->phase < PHASE_FORGET; teardown->phase++) {
        r = teardown->gone ? 0 : hypervisor_phase(teardown);
        if (r > 0)
            return TEARDOWN_MORE;
        if (r < 0) {
            /* Calls on a dying domain fail: judge the error by what the domain is now. */
            look(teardown);
            if (!teardown->gone)
                return quarantine(teardown, r);
        }
    }
    progress_end(teardown->attachment->segment);
    if (teardown->keep)
        return 0;
    r = forget(teardown);
    teardown->store_failed = r < 0;
    return r < 0 ? quarantine(teardown, r) : 0;
}
