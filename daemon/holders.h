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
