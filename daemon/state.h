/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What operations work on: the pools, segments and guests, with the hypervisor, the store and the
 * event loop beside them. One instance, owned by the daemon; one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "audit.h"
#include "builder.h"
#include "created.h"
#include "events.h"
#include "guest.h"
#include "hypervisor.h"
#include "metrics.h"
#include "operation.h"
#include "order.h"
#include "pool.h"
#include "quota.h"
#include "segment.h"
#include "store.h"

struct state_limits {
    uint64_t segments;
    uint64_t attachments;     /* of one guest */
    uint64_t operations;      /* under way or waiting */
    uint64_t line_memory;     /* bytes, see connections.input */
    uint64_t reply_memory;    /* bytes, see connections.output */
    uint64_t overflow_wait;   /* milliseconds, see connections.overflow_wait */
    uint64_t holder_wait;     /* milliseconds that an allocation waits for unknown holders */
    bool unknown_holders;     /* allocate in spite of them */
    uint64_t restart_grace;   /* milliseconds that a rebooting guest is awaited */
    uint64_t builders;        /* at work at once */
    uint64_t builder_timeout; /* milliseconds that one may take */
    struct quotas quotas;     /* of each user */
};

struct state {
    struct event_base *base;
    struct hypervisor *hypervisor;
    struct store *store;
    struct state_pool *pools; /* ascending host address */
    size_t pool_count;
    struct segments segments;
    struct guests guests;
    struct created_list created;  /* of the guests, those that xenshmd created */
    struct builder_setup builder; /* empty: guests cannot be created */
    size_t builders;              /* at work */
    struct builder_list leaving;  /* through with their work */
    const char *compatible;       /* of segments in the device trees of guests */
    struct operations operations;
    struct orders orders;
    struct events events;
    struct metrics metrics;
    struct audit audit;
    struct state_limits limits;
    uint64_t holders_version;      /* of guests, as of the last pool_set_foreign() */
    struct event *reconcile_event; /* made active to have reconcile() run soon */
};

/* The pool of that name, or NULL. */
struct state_pool *state_find_pool(struct state *state, const char *name);
/* The host address of a byte offset is fixed: the mapped address of these frames of the pool. */
volatile void *state_pool_address(const struct state_pool *pool, mfn_t first);
/*
 * A descriptor of the pool's memory, an open file of its own, for somebody else. Returns it,
 * close-on-exec, or -errno; -ENODEV: the device is the pool no more.
 */
int state_pool_open(const struct state_pool *pool);
/* Asks for a reconcile() from the event loop. */
void state_request_reconcile(struct state *state);
