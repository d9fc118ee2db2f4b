/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Standing orders: the sections [segment NAME] of the configuration. Each keeps a segment allocated
 * and attaches it to its guests whenever one of them appears, whoever created it.
 *
 * Orders never take anything away: one that is gone after a reload leaves its segment and its
 * attachments as they are. What somebody detaches by hand stays detached until that guest appears
 * anew, or the daemon does. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "error.h"
#include "segment.h"

struct state;

struct order {
    const struct config_order *config; /* borrowed */
    char problem[ERROR_MESSAGE_MAX];   /* why it is not fulfilled; "": it is, as far as can be */
    bool about_guest;                  /* that: it is not about the segment itself */
    bool allocating;
    struct domain_identity *served; /* guests that have got it, or are getting it */
    size_t served_count;
};

struct orders {
    struct order *items;
    size_t count;
    uint64_t names_at; /* when the guests' names were last read; clock_milliseconds() */
};

/*
 * Replaces the orders by those of `config`, which must live until the next call, or until
 * orders_clear(). Returns 0, or -ENOMEM with nothing changed. orders_apply() acts on them.
 */
int orders_set(struct orders *orders, const struct config *config);
void orders_clear(struct orders *orders);

/* The order that keeps the segment of that name, or NULL. */
const struct order *order_find(const struct orders *orders, const char *segment);

/* One look at what is missing; runs as operations. A part of reconcile(). */
void orders_apply(struct state *state);
