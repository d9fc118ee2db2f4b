/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way back when a plan cannot be carried out, and what is told of it. */
#pragma once

#include "layout_plan.h"

/*
 * After a complaint about `step`: undoes what was done before it where that can be, and says what
 * there is now. `status` is that of the step; returns the one of it all.
 */
enum exit_status plan_give_up(const struct invocation *invocation, struct plan *plan,
                              const struct step *step, enum exit_status status, json_t *names);
