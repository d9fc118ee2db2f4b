/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest is back after a reboot, and gets back what it had. One thread. */
#pragma once

#include "operation.h"

/*
 * Brings an attachment that waits into `guest`: the same guest by UUID, under a new domid or (after
 * a soft reset) the old one. Same segment, same address, bytes kept. What fails is tried again by
 * the next reconcile(); where the guest has something else at that address now, the attachment is
 * given up, which is logged. Submits the operation and marks the attachment busy. Returns 0 or
 * -ENOMEM.
 */
int operation_restore(struct state *state, struct attachment *attachment,
                      const struct guest *guest);
