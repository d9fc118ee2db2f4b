/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An operation that another one has submitted, and waits for while it is parked. Either may end
 * first. One thread.
 */
#pragma once

#include "operation.h"

struct suboperation {
    struct operation *parent; /* NULL: it has ended */
    bool ended;
    json_t *result; /* NULL: see error */
    struct error error;
};

/* For the context of an operation_done_fn. NULL: no memory. */
struct suboperation *suboperation_new(struct operation *parent);
/* As operation_done_fn: keeps the result, and wakes the parent. */
void suboperation_done(void *context, json_t *result, const struct error *error);
/* The parent is through with it: frees it now, or when it ends. NULL is allowed; returns NULL. */
struct suboperation *suboperation_drop(struct suboperation *suboperation);
