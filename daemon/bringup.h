/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bringing an attachment into its guest: permit, map, publish. The way there, as teardown is the
 * way back; for attaching, and for a guest that is back after a reboot.
 *
 * All steps can be repeated. The caller has persisted the attachment, so that a crash between any
 * two steps leaks at worst, and has looked at the domains in the same turn. One thread.
 */
#pragma once

#include "mapping.h"
#include "state.h"
#include "teardown.h"

struct bringup {
    struct state *state;
    struct attachment *attachment;
    int phase;
    enum teardown_from reached; /* what is to be taken back should it be given up */
    bool announced;             /* the guest may have been told that it is attached */
    struct mapping mapping;
};

void bringup_start(struct bringup *bringup, struct state *state, struct attachment *attachment);

/*
 * One slice. Returns 0 (it is in the guest), MAPPING_MORE, MAPPING_E_RAM (the guest has RAM there)
 * or -errno, to be judged after a fresh look at the domains.
 */
int bringup_slice(struct bringup *bringup);
