/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Detaching one segment, or all, from a guest. One thread. */
#pragma once

#include "operation.h"

struct detach_request {
    struct domain_identity guest; /* from guest_resolve() */
    const char *segment;          /* NULL: the only one, or all */
    bool all;
    bool looked; /* the guests are as of this turn */
};

/*
 * Copies the request and submits the operation. Its result is {detached: [attachment]}. With
 * `all`, a failure ends it: what was detached until then stays detached.
 * Returns 0: `done` was or will be called; or a refusal in *error.
 */
int operation_detach(struct state *state, const struct detach_request *request,
                     operation_done_fn done, void *context, struct error *error);
