/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request and its reply; events that come meanwhile are kept. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "library.h"
#include "message.h"

static bool is_event(const json_t *message)
{
    const char *method = json_string_value(json_object_get(message, "method"));

    return method && strcmp(method, "event") == 0 &&
           json_is_object(json_object_get(message, "params"));
}

int call_take_event(struct xenshm *connection, const json_t *message, const char *line,
                    size_t length)
{
    if (!is_event(message))
        return 0;
    return queue_add(&connection->events, line, length, json_object_get(message, "params"));
}

/*
 * The reply to our request. An error without an id is ours as well: it says that the daemon
 * could not read the request, or turned the connection away before it read any.
 */
static bool is_reply(const struct xenshm *connection, const json_t *message)
{
    const json_t *id = json_object_get(message, "id");
    bool ours = json_is_integer(id) && json_integer_value(id) == connection->last_id;

    if (json_is_object(json_object_get(message, "error")))
        return ours || json_is_null(id);
    return ours && json_object_get(message, "result");
}

int call_parse_line(const char *line, size_t length, json_t **ret_message)
{
    json_error_t why;
    json_t *message = json_loadb(line, length, 0, &why);

    if (json_is_object(message)) {
        *ret_message = message;
        return 0;
    }
    json_decref(message);
    return !message && json_error_code(&why) == json_error_out_of_memory ? -ENOMEM : -EPROTO;
}

static int receive_reply(struct xenshm *connection, json_t **ret_reply)
{
    for (;;) {
        _cleanup_(cleanup_json) json_t *message = NULL;
        size_t length;
        char *line;
        int r;

        r = stream_receive(&connection->stream, &line, &length);
        if (r == 0)
            r = call_parse_line(line, length, &message);
        if (r == 0 && is_reply(connection, message)) {
            *ret_reply = steal_pointer(&message);
            return 0;
        }
        if (r == 0)
            r = call_take_event(connection, message, line, length);
        if (r)
            return r;
    }
}

static int send_request(struct xenshm *connection, const char *text)
{
    stream_set_deadline(&connection->stream, connection->timeout);
    return stream_send(&connection->stream, text, strlen(text));
}

/* Whatever fails on the way, the state of the conversation is not known afterwards: it ends. */
static int exchange(struct xenshm *connection, const char *text, json_t **ret_reply)
{
    int r = send_request(connection, text);

    if (r == 0)
        r = receive_reply(connection, ret_reply);
    if (r == 0)
        return 0;
    connection_end(connection);
    return failure_note(connection, r);
}

/* The whole line, so that it goes out as one. */
static int make_request(struct xenshm *connection, const char *method, json_t *params,
                        char **ret_text)
{
    _cleanup_(cleanup_json) json_t *request =
        json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", ++connection->last_id, "method",
                  method, "params", params);
    _cleanup_(cleanup_free) char *text = request ? message_text(request) : NULL;
    size_t length = text ? strlen(text) : 0;

    if (length > XENSHM_LINE_MAX)
        return failure_say(connection, -E2BIG,
                           "the request has %zu bytes, xenshmd takes at most %d", length,
                           XENSHM_LINE_MAX);
    if (text && asprintf(ret_text, "%s\n", text) >= 0)
        return 0;
    *ret_text = NULL;
    return failure_note(connection, -ENOMEM);
}

int call_method(struct xenshm *connection, const char *method, json_t *params, json_t **ret_result)
{
    _cleanup_(cleanup_json) json_t *reply = NULL;
    _cleanup_(cleanup_free) char *text = NULL;
    const json_t *error;
    int r;

    if (connection->ended) {
        json_decref(params);
        return failure_note(connection, -ENOTCONN);
    }
    r = make_request(connection, method, params, &text);
    if (text)
        r = exchange(connection, text, &reply);
    if (r)
        return r;
    error = json_object_get(reply, "error");
    if (json_is_object(error))
        return failure_refusal(connection, error);
    *ret_result = json_incref(json_object_get(reply, "result"));
    return 0;
}
