/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "message.h"

void queue_init(struct queue *queue)
{
    *queue = (struct queue){ 0 };
    STAILQ_INIT(&queue->lines);
}

void queue_clear(struct queue *queue)
{
    struct queue_line *line;

    while ((line = queue_take(queue)))
        free(line);
}

static int append(struct queue *queue, const char *text, size_t length)
{
    struct queue_line *line = malloc(sizeof(*line) + length);

    if (!line)
        return -ENOMEM;
    line->length = length;
    memcpy(line->text, text, length);
    STAILQ_INSERT_TAIL(&queue->lines, line, link);
    queue->bytes += length;
    return 0;
}

/* In place of the first event that does not fit. */
static int append_overflow(struct queue *queue, const json_t *params)
{
    const char *time = json_string_value(json_object_get(params, "time"));
    _cleanup_(cleanup_json) json_t *event =
        json_pack("{s:s, s:{s:I, s:s, s:s, s:n}}", "method", "event", "params", "seq",
                  json_integer_value(json_object_get(params, "seq")), "type", "overflow", "time",
                  time ? time : "", "object");
    _cleanup_(cleanup_free) char *text = event ? message_text(event) : NULL;

    return text ? append(queue, text, strlen(text)) : -ENOMEM;
}

int queue_add(struct queue *queue, const char *line, size_t length, const json_t *params)
{
    int r;

    if (queue->overflowed)
        return 0;
    if (queue->bytes + length <= QUEUE_BYTES_MAX)
        return append(queue, line, length);
    r = append_overflow(queue, params);
    if (r == 0)
        queue->overflowed = true;
    return r;
}

struct queue_line *queue_take(struct queue *queue)
{
    struct queue_line *line = STAILQ_FIRST(&queue->lines);

    if (line) {
        STAILQ_REMOVE_HEAD(&queue->lines, link);
        queue->bytes -= line->length;
    }
    return line;
}
