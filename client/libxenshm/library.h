/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libxenshm know of a connection.
 *
 * Every public function that can fail ends in failure_note() or failure_refusal(), which keep what
 * xenshm_message() tells. Internal functions return as the public ones: 0, the code of a refusal,
 * or a negative errno.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "queue.h"
#include "stream.h"
#include "xenshm.h"

/* The last failure, as xenshm_message() and its companions tell it: printable, "" for nothing. */
struct failure {
    char message[1024];
    char hint[512];
    char name[64];
};

struct xenshm {
    struct stream stream;
    char *path; /* owned; NULL: it was given as a descriptor */
    unsigned timeout;
    bool ended; /* by a failure; only the events that have come are still there */
    json_int_t last_id;
    struct queue events;
    struct failure failure;
};

/* ---- connection.c */

/* After a failure of which nobody knows how much was done. */
void connection_end(struct xenshm *connection);

/* ---- failure.c */

/* Keeps a failure that needs no more words than `r` itself; returns `r`. */
int failure_note(struct xenshm *connection, int r);
/* The same with words of its own, one line. */
int failure_say(struct xenshm *connection, int r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Keeps the `error` of a reply; returns its code, or -EPROTO where it has none. */
int failure_refusal(struct xenshm *connection, const json_t *error);

/* ---- call.c */

/*
 * Calls `method` with `params`, which is stolen; NULL: no memory. *ret_result is a new reference.
 * What failed is kept.
 */
int call_method(struct xenshm *connection, const char *method, json_t *params, json_t **ret_result);

/* One line, which must be a JSON object: 0, -EPROTO or -ENOMEM. */
int call_parse_line(const char *line, size_t length, json_t **ret_message);

/*
 * A line that came without being asked for: an event is kept, the rest forgotten. Takes nothing of
 * `message`, whose text has `length` bytes.
 */
int call_take_event(struct xenshm *connection, const json_t *message, const char *line,
                    size_t length);
