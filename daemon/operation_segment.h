/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done to segments as such: allocate and free kept ones, open any. One thread. */
#pragma once

#include "opening.h"
#include "operation.h"

struct segment_alloc_request {
    const char *name;
    uint64_t size;           /* bytes, above 0 */
    uint64_t align;          /* bytes of the host address; a power of two, 0: one page */
    struct state_pool *pool; /* NULL: the first in which it fits */
    uint32_t uid;            /* whose it is */
};

/*
 * Claims pages, wipes them, persists. Copies the request and submits the operation; its result is
 * a segment (docs/protocol.md). Returns 0: `done` was or will be called; or a refusal in *error.
 */
int operation_segment_alloc(struct state *state, const struct segment_alloc_request *request,
                            operation_done_fn done, void *context, struct error *error);

/*
 * Gives the pages of a segment back that no guest has any more. Its result is the segment as it
 * was. Returns 0: `done` was or will be called; or a refusal in *error.
 */
int operation_segment_free(struct state *state, const char *name, operation_done_fn done,
                           void *context, struct error *error);

/* Segments that one connection may have open, and openings of all of them. */
#define OPENINGS_OF_CONNECTION 256
#define OPENINGS_MAX 1024

struct segment_open_request {
    const char *name;
    struct opener *opener; /* of the connection that asks; outlives the operation */
    pid_t pid;             /* at its other end; 0: not of this host */
    uint32_t uid;
    int *
        ret_fd; /* of the pool's memory; owned by the caller from `done` on, if that has a result */
};

/*
 * Opens a segment for a program of Dom0: from here on its pages go to nobody else, until the
 * opening ends (closing.h). Its result is {offset, size, map_offset} (docs/protocol.md). Returns 0:
 * `done` was or will be called; or a refusal in *error.
 */
int operation_segment_open(struct state *state, const struct segment_open_request *request,
                           operation_done_fn done, void *context, struct error *error);
