/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps from the present state to a layout.
 *
 * Their order is what keeps bytes and leaves a way back: new pages first, since they may be
 * refused and change nothing for anybody; then what makes room, where the bytes stay; then what is
 * attached; then what others got meanwhile; last of all what cannot be undone.
 */
#pragma once

#include "error.h"
#include "layout.h"
#include "layout_present.h"
#include "layout_step.h"

enum plan_phase {
    PHASE_ALLOC,
    PHASE_DETACH, /* the segment stays, kept or in another guest */
    PHASE_ATTACH,
    PHASE_HAND_OVER, /* detach of one that is not kept and has come to another guest */
    PHASE_PRUNE,     /* detach from segments that are not listed */
    PHASE_END,       /* detach that cannot be undone */
    PHASE_FREE,
};
#define PHASE_COUNT (PHASE_FREE + 1)

/* Its steps point into the layout and the present state, which must outlive it. */
struct plan {
    struct step_list phases[PHASE_COUNT]; /* while it is made */
    struct step_list steps;               /* all of them, in order; owned */
    size_t step_count;
};

/*
 * Compares. `prune`: segments that are not listed go. Returns 0; a refusal in *error, one line with
 * the remedy; or -ENOMEM. In each case *ret_plan is to be cleared.
 */
int plan_make(const struct layout *layout, const struct present *present, bool prune,
              struct plan *ret_plan, struct error *error);
void plan_clear(struct plan *plan);

/* For those who make one: appends a step, a copy of `step`. Returns 0 or -ENOMEM. */
int plan_add(struct plan *plan, enum plan_phase phase, const struct step *step);
/*
 * The step that takes away `attachment` of `segment`, at a phase that suits what is lost by it:
 * `phase` where it can be undone, else the end.
 */
int plan_detach(struct plan *plan, const struct present *present, enum plan_phase phase,
                const json_t *segment, const json_t *attachment);
