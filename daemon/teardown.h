/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking an attachment away: the one path for detaching, rolling back, dead guests, repair after a
 * crash, and quarantined pages.
 *
 * All steps can be repeated. One that fails leaves the attachment quarantined: its pages stay
 * claimed, and reconcile() tries again. One thread.
 */
#pragma once

#include "mapping.h"
#include "state.h"

/* How far the attachment came: only that much is taken back. */
enum teardown_from {
    TEARDOWN_CLAIMED,   /* only in memory */
    TEARDOWN_PERSISTED, /* in the store; no permission given */
    TEARDOWN_PERMITTED, /* permission given, nothing mapped */
    TEARDOWN_MAPPED,    /* perhaps mapped and published */
};

struct teardown {
    struct state *state;
    struct attachment *attachment;
    enum teardown_from from;
    bool looked;   /* the caller has refreshed the guests in this turn: spares the first look */
    bool announce; /* the guest may have been told that it is attached */
    bool keep;     /* out of this domain only: the attachment stays, for the guest's next one */
    bool gone;     /* the guest is confirmed dead: the hypervisor has nothing left to take back */
    bool store_failed; /* what failed is the store, not the hypervisor */
    int phase;
    struct mapping mapping;
};

void teardown_start(struct teardown *teardown, struct state *state, struct attachment *attachment,
                    enum teardown_from from);

/*
 * One slice. Returns TEARDOWN_MORE, or 0: done, the attachment is freed, and the segment too if it
 * was its last and the segment is neither kept nor open; or -errno: it is quarantined, and logged.
 * With `keep` neither: it only is, or is perhaps not, out of its domain.
 */
enum { TEARDOWN_MORE = 1 };
int teardown_slice(struct teardown *teardown);
