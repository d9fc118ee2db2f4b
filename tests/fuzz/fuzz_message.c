/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What comes over the socket: bytes in pieces of any size become lines, lines become values, values
 * requests. The first byte is the size of the pieces.
 */
#include "fuzz.h"

#include <string.h>

#include "cleanup.h"
#include "frame.h"
#include "message.h"

#define LIMIT 1024

/* What was read can be written, and read again as the same. */
static void check_text(json_t *value)
{
    _cleanup_(cleanup_free) char *text = NULL;
    _cleanup_(cleanup_json) json_t *again = NULL;
    struct error error = { 0 };

    if (!json_is_object(value) && !json_is_array(value))
        return;
    text = message_text(value);
    MUST(text && !strchr(text, '\n'));
    MUST(message_parse(text, strlen(text), &again, &error) == 0);
    MUST(json_equal(value, again));
}

static void check_request(json_t *value)
{
    struct message_request request;
    struct error error = { 0 };
    int r = message_read_request(value, &request, &error);

    MUST(r == 0 || (r == MESSAGE_INVALID_REQUEST && r == error.code && error.message[0]));
    MUST(r != 0 || (request.method && (!request.params || json_is_object(request.params) ||
                                       json_array_size(request.params) > 0)));
}

static void check_line(const char *line, size_t length)
{
    _cleanup_(cleanup_json) json_t *value = NULL;
    struct error error = { 0 };
    json_t *item;
    size_t i;
    int r = message_parse(line, length, &value, &error);

    MUST(r == 0 || (r == MESSAGE_PARSE_ERROR && r == error.code && error.message[0]));
    if (r)
        return;
    check_text(value);
    check_request(value);
    json_array_foreach(value, i, item)
        check_request(item);
}

/* The input ends: what is left is a line, once. */
static void check_rest(struct frame *frame, size_t left)
{
    size_t length;
    char *rest = frame_rest(frame, &length);

    MUST(length == left && length <= LIMIT && (length == 0) == (rest == NULL));
    if (rest)
        check_line(rest, length);
    MUST(!frame_rest(frame, &length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t piece = size > 0 ? data[0] + 1u : 1, taken = 0;
    struct frame frame;

    frame_init(&frame, LIMIT);
    for (size_t at = 1; at < size; at += piece) {
        size_t room, length, count = size - at < piece ? size - at : piece;
        char *buffer, *line;
        int r;

        MUST(frame_reserve(&frame, count, &buffer, &room) == 0);
        if (room < count)
            break;
        memcpy(buffer, data + at, count);
        frame_received(&frame, count);
        while ((r = frame_next(&frame, &line, &length)) == 0 && line) {
            MUST(length <= LIMIT && !memchr(line, '\n', length));
            taken += length + 1;
            check_line(line, length);
        }
        MUST(r == 0 || r == FRAME_E_TOO_LONG);
        if (r) {
            frame_clear(&frame);
            return 0;
        }
        MUST(taken + (frame.end - frame.start) == at - 1 + count);
    }
    check_rest(&frame, frame.end - frame.start);
    frame_clear(&frame);
    return 0;
}
