/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Openings: which programs of Dom0 have a segment's pages mapped, or may have.
 *
 * An opening is one segment for one connection (its opener). When its connection has ended, it is
 * *left*: over if the program hung up, and else, since the program may have the pages still mapped,
 * over with the process. Pure bookkeeping: no I/O, no logging, no globals; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "process.h"
#include "segment.h"

/* What a connection has open; in the connection, zeroed and opener_init(). */
struct opener {
    struct state *state;          /* for opener_close(); set with the first opening */
    struct opening_list openings; /* does not own them */
    size_t count;
    int fd; /* of the connection's socket; -1: it has ended, nothing is opened any more */
};

struct state;

struct opening {
    struct segment *segment;
    struct opener *opener; /* NULL: left */
    bool over;             /* its program has hung up, or is gone: to be ended */
    struct process process;
    uint32_t uid;
    TAILQ_ENTRY(opening) segment_link; /* in segment.openings, which owns it */
    TAILQ_ENTRY(opening) opener_link;  /* in opener.openings, or in segments.left */
};

void opener_init(struct opener *opener, int fd);

/* The opener's opening of the segment, or NULL. */
struct opening *opening_find(const struct segment *segment, const struct opener *opener);
/* One that is left, not over, and of that process; or NULL. */
struct opening *opening_find_left(const struct segment *segment, const struct process *process);

/* `opener` NULL: left. Returns 0 or -ENOMEM; owned by the segment. */
int opening_new(struct segments *segments, struct segment *segment, struct opener *opener,
                const struct process *process, struct opening **ret_opening);
/* To another opener; NULL: it is left. */
void opening_set_opener(struct segments *segments, struct opening *opening, struct opener *opener);
void opening_remove(struct segments *segments, struct opening *opening);
