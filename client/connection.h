/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One conversation with the daemon: connect, one request line, its reply line.
 *
 * Everything happens within one deadline, connecting included: a daemon that hangs, or whose queue
 * of connections is full, never hangs the caller. Blocking; one thread per object.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "frame.h"

/* A reply may be far longer than a request: 1,000,000 runs of a pool make 100 MiB. */
#define CONNECTION_REPLY_MAX (256 * 1024 * 1024)

struct connection {
    int fd;
    struct frame frame;
    int64_t deadline; /* CLOCK_MONOTONIC, milliseconds */
};

/* Refusals; a negative errno says why the daemon could not be reached. */
enum {
    CONNECTION_E_TIMEOUT = 1,
    CONNECTION_E_CLOSED,  /* closed by the other side before the reply */
    CONNECTION_E_GARBLED, /* what came is not JSON-RPC 2.0 */
    CONNECTION_E_TOO_LONG,
};

/* `seconds` for the whole conversation. */
int connection_open(struct connection *connection, const char *path, unsigned seconds);
/* The same over a stream that leads to the daemon; it is taken over. */
void connection_take(struct connection *connection, int fd, unsigned seconds);
/* Allowed on an object that failed to open. */
void connection_clear(struct connection *connection);

/* Bytes of the request's line, which XENSHM_LINE_MAX limits; 0: no memory. */
size_t connection_request_size(const char *method, json_t *params);

/*
 * Calls `method` with `params` (borrowed). *ret_reply is the whole reply object, which holds either
 * `result` or the object `error`; the caller owns it. Returns 0, a refusal or a negative errno.
 */
int connection_call(struct connection *connection, const char *method, json_t *params,
                    json_t **ret_reply);
