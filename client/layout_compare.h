/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One listed segment compared with what there is of that name. */
#pragma once

#include "layout_plan.h"

/*
 * Adds to the plan what is to be done for `wanted`. Refuses what would cost bytes, what cannot work
 * now, and guests that cannot be told. Returns 0, a refusal in *error, or -ENOMEM.
 */
int compare_segment(struct plan *plan, const struct present *present,
                    const struct layout_segment *wanted, struct error *error);
