/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events that have come and that nobody has asked for yet: their lines, in order, at most
 * QUEUE_BYTES_MAX of them. What does not fit is lost, and an event "overflow" with the number of
 * the first one lost is then the last. Pure apart from memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <jansson.h>

#define QUEUE_BYTES_MAX (16 * 1024 * 1024)

struct queue_line {
    STAILQ_ENTRY(queue_line) link; /* in queue.lines */
    size_t length;
    char text[];
};

struct queue {
    STAILQ_HEAD(, queue_line) lines;
    size_t bytes;
    bool overflowed;
};

void queue_init(struct queue *queue);
void queue_clear(struct queue *queue);

/*
 * Keeps a copy of an event's line; `params` are those of the same event, parsed. Returns 0 or
 * -ENOMEM; events after an overflow are dropped.
 */
int queue_add(struct queue *queue, const char *line, size_t length, const json_t *params);

/* Takes the oldest line out; NULL when there is none. The caller frees it. */
struct queue_line *queue_take(struct queue *queue);
