/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a guest may be created. One thread. */
#pragma once

#include "state.h"

/*
 * After holders_refresh(): is its name and UUID nobody else's, and does its own iomem keep off the
 * pages of segments? Returns 0, or a refusal in *error: GUEST_EXISTS, PAGES_HELD.
 */
int create_check(struct state *state, const struct created_facts *facts, struct error *error);
