/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ending the domain of a guest that xenshmd created. One thread. */
#pragma once

#include "operation.h"

enum end_then {
    END_FORGET,  /* take back what it had, and forget it */
    END_RESTART, /* build it anew, with what it had */
    END_ONE,     /* nothing: it was one domain that the guest had left behind, preserved */
};

struct end_request {
    uint8_t uuid[DOMAIN_UUID_SIZE];
    enum end_then then;
    uint32_t preserved; /* for END_ONE: its domid */
    const char *name;   /* for END_ONE: what it is called now */
    bool rename;        /* do not destroy the domain, but keep it under another name */
    bool core;          /* dump its memory first */
    const char *why;    /* for log and event; static text; NULL: it is not worth one */
};

/*
 * Persists what is going to happen, has a builder end each domain that the guest has, and goes on
 * as `then` says. Its result is {guest}. Without `done` it is the daemon's own work: what fails is
 * tried again by lifecycle_apply(). Returns 0: `done` was or will be called; or a refusal in
 * *error.
 */
int operation_end(struct state *state, const struct end_request *request, operation_done_fn done,
                  void *context, struct error *error);
