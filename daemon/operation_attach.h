/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attaching a segment, new or existing, to a guest. One thread. */
#pragma once

#include "operation.h"

struct attach_request {
    struct domain_identity guest; /* from guest_resolve() */
    uint64_t size;                /* bytes; 0: share `segment` */
    const char *segment;          /* existing segment, or NULL */
    const char *name;             /* of the new segment; NULL: <guest>-<n> */
    struct state_pool *pool;      /* of the new segment; NULL: the first in which it fits */
    struct params_address address;
    uint32_t uid; /* who owns a new segment */
    bool looked;  /* the guests are as of this turn */
    /*
     * The guest is only expected (guest_expect()): pages and address are reserved for it, wiped and
     * persisted; the attachment waits until operation_restore() brings it in.
     */
    bool reserve;
};

/*
 * Copies the request and submits the operation. Its result is an attachment (docs/protocol.md).
 * Returns 0: `done` was or will be called; or a refusal in *error.
 */
int operation_attach(struct state *state, const struct attach_request *request,
                     operation_done_fn done, void *context, struct error *error);
