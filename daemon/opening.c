/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opening.h"

#include <errno.h>
#include <stdlib.h>

void opener_init(struct opener *opener, int fd)
{
    *opener = (struct opener){ .fd = fd };
    TAILQ_INIT(&opener->openings);
}

struct opening *opening_find(const struct segment *segment, const struct opener *opener)
{
    struct opening *opening;

    TAILQ_FOREACH(opening, &segment->openings, segment_link)
        if (opening->opener == opener)
            return opening;
    return NULL;
}

struct opening *opening_find_left(const struct segment *segment, const struct process *process)
{
    struct opening *opening;

    TAILQ_FOREACH(opening, &segment->openings, segment_link)
        if (!opening->opener && !opening->over && process_equal(&opening->process, process))
            return opening;
    return NULL;
}

static void link_opener(struct segments *segments, struct opening *opening, struct opener *opener)
{
    opening->opener = opener;
    TAILQ_INSERT_TAIL(opener ? &opener->openings : &segments->left, opening, opener_link);
    if (opener)
        opener->count++;
}

static void unlink_opener(struct segments *segments, struct opening *opening)
{
    struct opener *opener = opening->opener;

    TAILQ_REMOVE(opener ? &opener->openings : &segments->left, opening, opener_link);
    if (opener)
        opener->count--;
}

int opening_new(struct segments *segments, struct segment *segment, struct opener *opener,
                const struct process *process, struct opening **ret_opening)
{
    struct opening *opening = calloc(1, sizeof(*opening));

    if (!opening)
        return -ENOMEM;
    opening->segment = segment;
    opening->process = *process;
    TAILQ_INSERT_TAIL(&segment->openings, opening, segment_link);
    segment->opening_count++;
    segments->opening_count++;
    link_opener(segments, opening, opener);
    *ret_opening = opening;
    return 0;
}

void opening_set_opener(struct segments *segments, struct opening *opening, struct opener *opener)
{
    unlink_opener(segments, opening);
    link_opener(segments, opening, opener);
}

void opening_remove(struct segments *segments, struct opening *opening)
{
    unlink_opener(segments, opening);
    TAILQ_REMOVE(&opening->segment->openings, opening, segment_link);
    opening->segment->opening_count--;
    segments->opening_count--;
    free(opening);
}
