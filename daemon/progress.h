/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far wiping, mapping and unmapping of a large segment has come, for those who wait. */
#pragma once

#include "state.h"

/*
 * `pages` of the segment's pages are done in `step` (static text: "wiping", "mapping",
 * "unmapping"). Shown by segment.show; an event when the last one was some time ago.
 */
void progress_tell(struct state *state, struct segment *segment, const char *step, uint64_t pages);
/* Nothing is under way any more. */
void progress_end(struct segment *segment);
