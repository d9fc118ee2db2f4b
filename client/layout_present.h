/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What there is, as the daemon tells it: the state that a layout is compared with, and that export
 * writes down.
 *
 * Two lists are two requests, between which something may happen; and what is under way has no
 * place in a layout. So a look is repeated until nothing relevant is under way.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "invocation.h"

/* A guest, which is its UUID: a domain that runs, or one that attachments wait for. */
struct present_guest {
    const char *name;
    const char *uuid;
    json_int_t domid;
    const char *state; /* NULL: it has no domain now */
    unsigned domains;  /* that run with its UUID; more than one is a mistake of somebody's */
};

struct present {
    json_t *guest_list;   /* owned: results of the daemon, that all the texts are in */
    json_t *segment_list; /* owned */
    json_t *status;       /* owned */
    json_t *segments;     /* owned: name -> segment of segment_list */
    struct present_guest *guests;
    size_t guest_count;
};

/*
 * Asks the daemon. `names` (an object, by name) are the segments that matter, NULL: all; while
 * something is under way there it looks again, for as long as the invocation may wait. What goes on
 * even then is there as it is: see present_check_settled(). Returns STATUS_DONE, or another one
 * after a complaint.
 */
enum exit_status present_look(const struct invocation *invocation, json_t *names,
                              struct present *ret_present);
/* Fills what is made of the three results. Returns 0 or -ENOMEM. */
int present_index(struct present *present);
void present_clear(struct present *present);

/* Refuses (BUSY) when something is under way in one of these segments. Returns error->code. */
int present_check_settled(const struct present *present, json_t *names, struct error *error);

/* NULL: there is none of that name. */
json_t *present_segment(const struct present *present, const char *name);
/* Does the daemon's configuration keep a segment of that name (a standing order)? */
bool present_is_ordered(const struct present *present, const char *name);

/* The attachment of `segment` (may be NULL) to the guest with that UUID; NULL: none. */
json_t *present_attachment(const json_t *segment, const char *uuid);
/* Of an attachment, or a segment. */
bool present_is_in_state(const json_t *object, const char *state);

/*
 * The guest that a name, domid or UUID means. Returns 0, or a refusal in *error: GUEST_UNKNOWN,
 * GUEST_AMBIGUOUS.
 */
int present_resolve(const struct present *present, const char *called,
                    const struct present_guest **ret_guest, struct error *error);
/* Does it run, or is it about to? Only then can something be attached to it. */
bool present_guest_is_up(const struct present_guest *guest);
/* By UUID; NULL: there is none. */
const struct present_guest *present_guest(const struct present *present, const char *uuid);
/* Its name where that means only this guest, otherwise its UUID. */
const char *present_guest_text(const struct present *present, const struct present_guest *guest);
