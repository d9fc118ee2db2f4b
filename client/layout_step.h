/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One step of a plan: what it says, what it asks of the daemon, and what would undo it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "layout_present.h"

enum step_action { STEP_ALLOC, STEP_ATTACH, STEP_DETACH, STEP_FREE };

enum step_state {
    STEP_PENDING, /* nothing was asked of the daemon */
    STEP_DONE,
    STEP_REFUSED,
    STEP_UNANSWERED, /* whether it was done is not known */
    STEP_UNDONE,
    STEP_NEEDLESS, /* what it was to take away has gone by itself */
};

#define STEP_ADDRESS_MAX 24

struct step {
    enum step_action action;
    enum step_state state;
    const char *segment;
    const struct present_guest *guest; /* of attach and detach */
    uint64_t size;                     /* alloc, free, attach that makes the segment; 0: others */
    const char *pool;                  /* of new pages; NULL: any */
    uint64_t align;                    /* of alloc; 0: any */
    char address[STEP_ADDRESS_MAX];    /* of detach; wanted: "0x...", "identity" or "" (any) */
    char placed[STEP_ADDRESS_MAX];     /* of attach, once it is done */
    bool bytes;                        /* of attach: what it shares has bytes that may be lost */
    json_int_t epoch;                  /* of the segment's pages: alloc (once done), free */
    bool final;                        /* it cannot be undone */
    TAILQ_ENTRY(step) link;
};

TAILQ_HEAD(step_list, step);

/* "+ attach data to guest1 at 0x3a000000". The caller frees it; NULL: no memory. */
char *step_text(const struct step *step);
/* {"action": "attach", "segment": "data", "guest": {...}, ...}. New reference or NULL. */
json_t *step_json(const struct step *step);

/*
 * The request that does it, or that undoes it (not for one that is final). *ret_method is constant.
 * New reference: its params; NULL: no memory.
 */
json_t *step_request(const struct step *step, const char **ret_method);
json_t *step_undo_request(const struct step *step, const char **ret_method);

/* Takes in what the daemon answered to the request that does it: it is done. */
void step_take_result(struct step *step, const json_t *result);
