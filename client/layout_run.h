/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carries a plan out, all of it or nothing.
 *
 * A step that is refused, or a signal (SIGINT, SIGTERM, SIGHUP) between two steps, has those before
 * it undone in reverse order. Steps that cannot be undone come last, after a fresh look; once one
 * of them is done there is no way back, and what remains is told. When the daemon does not answer,
 * what is known is told.
 */
#pragma once

#include "layout_plan.h"

/*
 * `names`: as for present_look(), the segments of the plan are among them. Returns STATUS_DONE, or
 * after complaints STATUS_REFUSED or STATUS_UNREACHABLE; the states of the steps tell more.
 */
enum exit_status plan_run(const struct invocation *invocation, struct plan *plan, json_t *names);
