/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration in force, and SIGHUP, which has it read again. A bad one leaves everything as
 * it was; what a good one says of things that are fixed at the start is told, and not yet so. One
 * thread.
 */
#pragma once

#include <stdbool.h>

#include "config.h"
#include "listener.h"
#include "state.h"

struct reload {
    struct config config; /* in force, owned; its orders stay until those of the next one are in */
    struct state *state;
    struct listener *listener;
    /* Returns 0, or a refusal in *error with nothing to clear. */
    int (*read)(void *context, struct config *ret_config, struct error *error);
    void *context; /* of read */
    struct event *hangup;
    struct event *turn; /* so that many signals are one reading */
    bool stopped;
};

/* Puts log level and limits in force; at the start, before the state is loaded. */
void reload_apply_limits(struct reload *reload);
/* Who has which right by the configuration in force; tells of groups that there are not. */
void reload_read_policy(const struct reload *reload, struct access_policy *ret_policy);
/*
 * When the state is loaded: heeds SIGHUP from here on. All members up
 * to `context` are set. Returns 0 or -ENOMEM; reload_clear() in either case.
 */
int reload_open(struct reload *reload);
/* The daemon is stopping: no more reading, SIGHUP does nothing. */
void reload_stop(struct reload *reload);
/* Before state->base is freed. */
void reload_clear(struct reload *reload);
