/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bringing domains, store and pools into agreement: the one code path for start-up, the death of a
 * guest, missed events and the repair of failures. Level-triggered: it compares what is with what
 * should be, and can run at any time. One thread.
 */
#pragma once

#include "state.h"

/*
 * Reads the store into the (empty) state: claims the pages of every segment. Files that cannot be
 * understood, or whose pages cannot be claimed, stay and are counted by the store.
 * Returns 0 or -errno.
 */
int reconcile_load(struct state *state);

/* One comparison; what it finds to do runs as operations. Failures are logged, and met next time.
 */
void reconcile(struct state *state);
