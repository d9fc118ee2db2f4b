/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kept segments: those that live until they are freed, attached or not. One thread. */
#pragma once

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
