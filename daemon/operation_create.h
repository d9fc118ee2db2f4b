/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Creating a guest with its segments, and building it anew after a shutdown. One thread. */
#pragma once

#include "created.h"
#include "operation.h"

/* One segment that the guest is to have from its first instruction on. */
struct create_share {
    uint64_t size;       /* bytes of a new segment; 0: share `segment` */
    const char *segment; /* an existing one */
    const char *name;    /* of the new one; NULL: <guest>-<n> */
    struct state_pool *pool;
    struct params_address address;
};

struct create_request {
    json_t *config;                    /* libxl's; borrowed, and kept */
    const struct create_share *shares; /* their texts are to live until `done` is called */
    size_t share_count;
    bool paused;
    uint32_t uid;
};

/*
 * Creates a guest. Its result is {guest, attachments, [warnings]}. Until it runs there is all of
 * it, or, after a failure at whatever step, nothing. Returns 0: `done` was or will be called; or a
 * refusal in *error.
 */
int operation_create(struct state *state, const struct create_request *request,
                     operation_done_fn done, void *context, struct error *error);

/*
 * Builds a guest in state RESTARTING anew, under the same UUID, with the segments that wait for it
 * at the addresses that they had; none of its domains is there any more. What fails is tried again
 * a few times, then it is ended. Returns 0 or -ENOMEM.
 */
int operation_restart(struct state *state, struct created *created);
