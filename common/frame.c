/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void frame_init(struct frame *frame, size_t limit)
{
    *frame = (struct frame){ .limit = limit };
}

void frame_clear(struct frame *frame)
{
    free(frame->data);
    frame_init(frame, frame->limit);
}

void frame_release(struct frame *frame)
{
    if (frame->start == frame->end)
        frame_clear(frame);
}

/* Moves what is not consumed to the start of the buffer. */
static void compact(struct frame *frame)
{
    if (frame->start == 0)
        return;
    memmove(frame->data, frame->data + frame->start, frame->end - frame->start);
    frame->end -= frame->start;
    frame->scanned -= frame->start;
    frame->start = 0;
    if (frame->end == 0 && frame->size > FRAME_SMALL)
        frame_clear(frame);
}

int frame_reserve(struct frame *frame, size_t wanted, char **ret_buffer, size_t *ret_room)
{
    size_t size;
    char *data;

    compact(frame);
    if ((!frame->data || frame->size - frame->end < wanted) && frame->size < frame->limit + 1) {
        size = frame->size ? frame->size : FRAME_SMALL;
        while (size - frame->end < wanted && size < frame->limit + 1)
            size *= 2;
        if (size > frame->limit + 1)
            size = frame->limit + 1;
        data = realloc(frame->data, size);
        if (!data)
            return -ENOMEM;
        frame->data = data;
        frame->size = size;
    }
    *ret_buffer = frame->data + frame->end;
    *ret_room = frame->size - frame->end;
    return 0;
}

void frame_received(struct frame *frame, size_t bytes)
{
    frame->end += bytes;
}

int frame_next(struct frame *frame, char **ret_line, size_t *ret_length)
{
    char *newline = NULL;

    if (frame->end > frame->scanned)
        newline = memchr(frame->data + frame->scanned, '\n', frame->end - frame->scanned);
    if (!newline) {
        frame->scanned = frame->end;
        *ret_line = NULL;
        *ret_length = 0;
        return frame->end - frame->start > frame->limit ? FRAME_E_TOO_LONG : 0;
    }
    *ret_line = frame->data + frame->start;
    *ret_length = (size_t)(newline - *ret_line);
    frame->start = frame->scanned = (size_t)(newline - frame->data) + 1;
    return *ret_length > frame->limit ? FRAME_E_TOO_LONG : 0;
}

char *frame_rest(struct frame *frame, size_t *ret_length)
{
    char *rest;

    *ret_length = frame->end - frame->start;
    if (*ret_length == 0)
        return NULL;
    rest = frame->data + frame->start;
    frame->start = frame->scanned = frame->end;
    return rest;
}
