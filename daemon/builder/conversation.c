/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conversation.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "builder.h"
#include "cleanup.h"
#include "json_text.h"
#include "message.h"

#define READ_SIZE 65536

int conversation_open(struct conversation *conversation)
{
    struct stat st;

    if (fstat(BUILDER_FD, &st) < 0 || !S_ISSOCK(st.st_mode))
        return -ENOTSOCK;
    /* Whoever made the pair may have made both ends so. */
    fcntl(BUILDER_FD, F_SETFL, fcntl(BUILDER_FD, F_GETFL) & ~O_NONBLOCK);
    frame_init(&conversation->frame, BUILDER_LINE_MAX);
    return 0;
}

void conversation_close(struct conversation *conversation)
{
    frame_clear(&conversation->frame);
}

int conversation_misunderstood(struct error *error, const char *why)
{
    return error_set(error, XENSHM_HYPERVISOR_FAILED,
                     "the builder does not understand its request: %s", why);
}

/* Receives something. Returns 0, CONVERSATION_E_OVER or error->code. */
static int receive(struct conversation *conversation, struct error *error)
{
    char *buffer;
    size_t room;
    ssize_t n;

    if (frame_reserve(&conversation->frame, READ_SIZE, &buffer, &room) < 0)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory");
    do
        n = recv(BUILDER_FD, buffer, room, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return CONVERSATION_E_OVER;
    frame_received(&conversation->frame, (size_t)n);
    return 0;
}

/* A request of a daemon that has gone meanwhile is nobody's any more. */
static bool hung_up(void)
{
    struct pollfd fd = { .fd = BUILDER_FD };

    return poll(&fd, 1, 0) > 0 && fd.revents & (POLLHUP | POLLERR | POLLNVAL);
}

static int parse(const char *line, size_t length, json_t **ret_line, struct error *error)
{
    _cleanup_(cleanup_json) json_t *value = NULL;
    json_error_t why;

    value = json_text_read(line, length, JSON_REJECT_DUPLICATES, &why);
    if (!value)
        return conversation_misunderstood(error, why.text);
    if (!json_is_object(value))
        return conversation_misunderstood(error, "the line is not an object");
    *ret_line = steal_pointer(&value);
    return 0;
}

int conversation_hear(struct conversation *conversation, json_t **ret_line, struct error *error)
{
    char *line = NULL;
    size_t length;
    int r = 0;

    while (r == 0) {
        r = frame_next(&conversation->frame, &line, &length);
        if (r == FRAME_E_TOO_LONG)
            return conversation_misunderstood(error, "the line is too long");
        if (line)
            return hung_up() ? CONVERSATION_E_OVER : parse(line, length, ret_line, error);
        r = receive(conversation, error);
    }
    return r;
}

static int send_all(const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(BUILDER_FD, data, size, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return CONVERSATION_E_OVER;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

int conversation_say(json_t *line)
{
    _cleanup_(cleanup_free) char *text = line ? message_text(line) : NULL;
    int r;

    json_decref(line);
    /* Without memory for it the end of the program says it. */
    if (!text)
        return CONVERSATION_E_OVER;
    r = send_all(text, strlen(text));
    return r ? r : send_all("\n", 1);
}

void conversation_refuse(const struct error *error)
{
    json_t *refusal =
        json_pack("{s:s, s:s}", "name", error_name(error->code), "message", error->message);

    if (refusal && error->hint[0])
        json_object_set_new(refusal, "hint", json_string(error->hint));
    conversation_say(json_pack("{s:o}", "error", refusal));
}
