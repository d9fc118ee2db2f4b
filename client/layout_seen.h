/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a look at the present state tells of a step. */
#pragma once

#include "layout_present.h"
#include "layout_step.h"

/* Is there nothing (left) of what the step has changed? */
bool step_is_undone(const struct step *step, const struct present *now);
/* Would undoing it, an attach, lose the bytes of a segment that was there before the plan? */
bool step_holds_bytes(const struct step *step, const struct present *now);
/*
 * What a step that was refused has left: nothing, but when the daemon could not take something
 * back; of which it may have been rid since, as it tries again by itself.
 */
enum step_left { STEP_LEFT_NOTHING, STEP_LEFT_QUARANTINE, STEP_LEFT_DETACHED };
enum step_left step_left(const struct step *step, const struct present *now);
/* Is there nothing to be done for it, as what it was to take away is gone? */
bool step_is_needless(const struct step *step, const struct present *now);
/*
 * Of a free that was not begun: are the pages those of the plan, and in no guest but those that
 * steps of `planned` take them from?
 */
bool step_still_fits(const struct step *step, const struct step_list *planned,
                     const struct present *now);
