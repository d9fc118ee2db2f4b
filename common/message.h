/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON-RPC 2.0 messages <-> JSON text (https://www.jsonrpc.org/specification).
 *
 * Pure apart from memory; any thread. Only this file, params.[ch] and the makers of results know
 * the JSON library.
 */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "error.h"

/* The error codes that the specification defines. */
enum {
    MESSAGE_PARSE_ERROR = -32700,
    MESSAGE_INVALID_REQUEST = -32600,
    MESSAGE_METHOD_NOT_FOUND = -32601,
    MESSAGE_INVALID_PARAMS = -32602,
    MESSAGE_INTERNAL_ERROR = -32603,
};

/* A request's id, as text, in bytes at most: it comes back with the reply. */
#define MESSAGE_ID_MAX 4096

/* One request object. Everything is borrowed from the parsed value. */
struct message_request {
    json_t *id;         /* NULL: a notification, which gets no reply */
    const char *method; /* set when the request is valid */
    json_t *params;     /* object or array; NULL: none given, or an empty array */
};

/*
 * Parses one line. Duplicate keys, invalid UTF-8, NUL (raw or escaped), trailing text and numbers
 * that do not fit (integers: 64 bit) are parse errors that name the position.
 * Returns 0 with a new reference in *ret_value, or error->code. Without memory it ends the program,
 * see json_text.h.
 */
int message_parse(const char *line, size_t length, json_t **ret_value, struct error *error);

/*
 * Takes a parsed value for one request. *ret_request is always filled as far as possible: its id
 * is what the reply must carry. Returns 0, or error->code (MESSAGE_INVALID_REQUEST): then a reply
 * is due even without an id, since an invalid request is no notification.
 */
int message_read_request(json_t *value, struct message_request *ret_request, struct error *error);

/* The text of any value, in one line; the caller frees it. NULL without memory. */
char *message_text(const json_t *value);

/* Replies. `id` NULL stands for null; `result` is stolen. New reference, or NULL without memory. */
json_t *message_result(json_t *id, json_t *result);
json_t *message_error(json_t *id, const struct error *error);
