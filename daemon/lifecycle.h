/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of the guests that xenshmd created: for these it does what xl's monitor does, by
 * their on_poweroff, on_reboot, on_crash, on_watchdog and on_soft_reset. Guests that others created
 * are never touched. One thread.
 */
#pragma once

#include "state.h"

/*
 * After the guests were refreshed: acts on those that have shut down or gone, and goes on with what
 * was interrupted or failed.
 */
void lifecycle_apply(struct state *state);
/* When it has something to try again; clock_milliseconds(), UINT64_MAX: never. */
uint64_t lifecycle_next(const struct state *state);
