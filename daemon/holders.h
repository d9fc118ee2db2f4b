/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Holders that are not ours: pages of our pools in the configuration of a guest that somebody else
 * created. One thread.
 */
#pragma once

#include "state.h"

/*
 * Looks at the domains afresh and tells every pool which pages are foreign now.
 * Returns 0 or -errno: then who holds what is unknown, and nothing may be given out.
 */
int holders_refresh(struct state *state);
/* The same when guests_refresh() was called in this turn. */
int holders_update(struct state *state);

/*
 * A clash: a guest that somebody else created has pages of one of our segments by its own iomem.
 * Xen lets it, and xenshmd cannot take them away: so it is logged, an event, and shown as the
 * segment's state. holders_refresh() keeps segment->clash; this names one such guest ("" if it is
 * gone meanwhile).
 */
const char *holders_clash(const struct state *state, const struct segment *segment);
