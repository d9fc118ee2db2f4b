/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events: asking for them, and taking them one by one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "library.h"
#include "shapes.h"

int xenshm_subscribe(struct xenshm *connection, const char *const *types, size_t count,
                     uint64_t *ret_seq)
{
    _cleanup_(cleanup_free) struct subscribed *subscribed = NULL;
    struct arguments arguments;
    int r;

    arguments_begin(&arguments);
    if (types)
        arguments_texts(&arguments, "types", types, count);
    r = shapes_call(connection, "events.subscribe", &arguments, &shape_subscribed, &subscribed);
    if (r == 0 && ret_seq)
        *ret_seq = subscribed->seq;
    return r;
}

/* What the object of an event of this type is. */
static const struct shape *shape_of(const char *type)
{
    if (strncmp(type, "segment.", 8) == 0)
        return &shape_event_segment;
    if (strncmp(type, "attachment.", 11) == 0)
        return &shape_event_attachment;
    if (strcmp(type, "guest.created") == 0 || strcmp(type, "guest.restarted") == 0)
        return &shape_event_created;
    return &shape_event;
}

/* An object that is null, or of a kind that only later versions know, is told as text alone. */
static int decode(const json_t *params, struct xenshm_event **ret_event)
{
    const char *type = json_string_value(json_object_get(params, "type")), *wrong;
    int r = fields_decode(shape_of(type ? type : ""), params, ret_event, &wrong);

    return r == -EPROTO ? fields_decode(&shape_event, params, ret_event, &wrong) : r;
}

static int decode_line(const struct queue_line *line, struct xenshm_event **ret_event)
{
    _cleanup_(cleanup_json) json_t *message = NULL;
    int r = call_parse_line(line->text, line->length, &message);

    return r ? r : decode(json_object_get(message, "params"), ret_event);
}

/* Takes in what has come, until that is an event. */
static int receive_event(struct xenshm *connection)
{
    while (STAILQ_EMPTY(&connection->events.lines)) {
        _cleanup_(cleanup_json) json_t *message = NULL;
        size_t length;
        char *line;
        int r;

        r = stream_poll(&connection->stream, &line, &length);
        if (r == 0)
            r = call_parse_line(line, length, &message);
        if (r == 0)
            r = call_take_event(connection, message, line, length);
        if (r)
            return r;
    }
    return 0;
}

static int take_event(struct xenshm *connection, struct xenshm_event **ret_event)
{
    _cleanup_(cleanup_free) struct queue_line *line = NULL;
    struct xenshm_event *event;
    int r;

    if (STAILQ_EMPTY(&connection->events.lines) && connection->ended)
        return -ENOTCONN;
    r = receive_event(connection);
    if (r)
        return r;
    line = queue_take(&connection->events);
    r = decode_line(line, &event);
    if (r)
        return r;
    /* Nothing follows it, and what could would have a gap before it. */
    if (strcmp(event->type, "overflow") == 0)
        connection_end(connection);
    *ret_event = event;
    return 0;
}

int xenshm_next_event(struct xenshm *connection, struct xenshm_event **ret_event)
{
    int r = take_event(connection, ret_event);

    if (r == 0 || r == -EAGAIN)
        return r;
    if (r != -ENOTCONN)
        connection_end(connection);
    return failure_note(connection, r);
}
