/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "progress.h"

#include "clock.h"
#include "tell.h"

/* An event this often at most. */
#define INTERVAL 200 /* milliseconds */

void progress_tell(struct state *state, struct segment *segment, const char *step, uint64_t pages)
{
    struct segment_progress *progress = &segment->progress;
    uint64_t now = clock_milliseconds();

    /* The first event comes when it has lasted for a while: most are done in a moment. */
    if (progress->step != step)
        progress->told_at = now;
    progress->step = step;
    progress->pages = pages;
    if (now - progress->told_at < INTERVAL)
        return;
    progress->told_at = now;
    tell_segment(state, "segment.progress", segment);
}

void progress_end(struct segment *segment)
{
    segment->progress = (struct segment_progress){ 0 };
}
