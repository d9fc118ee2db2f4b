/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clients: each knows which replies it is owed, and takes no others. */
#include "requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "fuzz.h"
#include "message.h"

/* So much is never there unread, not even of a deaf client's events. */
#define INPUT_MAX (8 * 1024 * 1024)

void client_connect(struct client *client, struct connections *connections,
                    const struct record *record)
{
    static const enum access_level levels[] = { ACCESS_ADMIN, ACCESS_OPERATE, ACCESS_READ,
                                                ACCESS_NONE };
    struct access_peer peer = {
        .uid = record->choices[1] % 3,
        .pid = getpid(),
        .level = levels[record->choices[0] % 4],
    };
    int ends[2];

    client_hang_up(client);
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    *client = (struct client){
        .fd = ends[0],
        .input = client->input ? client->input : malloc(INPUT_MAX),
    };
    MUST(client->input);
    MUST(connection_new(connections, ends[1], &peer) == 0);
}

void client_hang_up(struct client *client)
{
    cleanup_close(&client->fd);
    *client = (struct client){ .fd = -1, .input = client->input };
}

void client_finish(struct client *client)
{
    if (client->fd < 0)
        return;
    client->finished = true;
    shutdown(client->fd, SHUT_WR);
}

/* What does not fit is lost: then it is not known any more what the daemon makes of it. */
void client_send(struct client *client, const void *bytes, size_t length)
{
    if (client->fd < 0 || client->finished || length == 0)
        return;
    if (send(client->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        client->wild = true;
}

static json_t *make_one(struct client *client, const struct record *record)
{
    bool answered = record->who < 0xf0 && client->owed_count < OWED_MAX;

    if (answered)
        client->owed[client->owed_count++] = ++client->last_id;
    return requests_make(record, answered ? client->last_id : 0);
}

void client_request(struct client *client, const struct record *records, size_t count)
{
    _cleanup_(cleanup_json) json_t *message = NULL;
    _cleanup_(cleanup_free) char *text = NULL;

    if (client->fd < 0 || client->finished)
        return;
    if (count > 1) {
        message = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(message, make_one(client, &records[i]));
    } else {
        message = make_one(client, records);
    }
    text = message_text(message);
    MUST(text);
    client_send(client, text, strlen(text));
    client_send(client, "\n", 1);
}

static void settle_debt(struct client *client, json_int_t id)
{
    for (size_t i = 0; i < client->owed_count; i++)
        if (client->owed[i] == id) {
            client->owed[i] = client->owed[--client->owed_count];
            return;
        }
    MUST(!"a reply that nobody is owed");
}

static void take_reply(struct client *client, const json_t *reply)
{
    const json_t *id = json_object_get(reply, "id");

    MUST(json_is_object(reply));
    if (json_object_get(reply, "method")) {
        MUST(!id && json_is_object(json_object_get(reply, "params")));
        return;
    }
    MUST(id && !json_object_get(reply, "result") == !!json_object_get(reply, "error"));
    if (client->wild)
        return;
    MUST(json_is_integer(id));
    settle_debt(client, json_integer_value(id));
}

static void take_line(struct client *client, const char *line, size_t length)
{
    _cleanup_(cleanup_json) json_t *value = NULL;
    struct error error = { 0 };
    json_t *item;
    size_t i;

    MUST(length < XENSHM_LINE_MAX * 8);
    MUST(message_parse(line, length, &value, &error) == 0);
    MUST(!json_is_array(value) || json_array_size(value) > 0);
    json_array_foreach(value, i, item)
        take_reply(client, item);
    if (!json_is_array(value))
        take_reply(client, value);
}

static void take_lines(struct client *client)
{
    char *at = client->input, *end = at + client->input_length, *newline;

    for (; (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1)
        take_line(client, at, (size_t)(newline - at));
    memmove(client->input, at, (size_t)(end - at));
    client->input_length = (size_t)(end - at);
}

static void close_descriptors(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            close(fd);
        }
}

/* Returns how much has come; -1: nothing is there, 0: the daemon has hung up. */
static ssize_t receive(struct client *client)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))];
    struct iovec room = { client->input + client->input_length, INPUT_MAX - client->input_length };
    struct msghdr message = {
        .msg_iov = &room, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    ssize_t n;

    n = recvmsg(client->fd, &message, MSG_CMSG_CLOEXEC);
    if (n > 0)
        close_descriptors(&message);
    return n < 0 && errno != EAGAIN ? 0 : n;
}

bool client_read(struct client *client)
{
    ssize_t n;

    if (client->fd < 0 || client->deaf)
        return false;
    n = receive(client);
    if (n < 0)
        return false;
    if (n == 0) {
        /* The daemon has hung up: only on one that sends no more, does not read, or rages. */
        MUST(client->finished || client->was_deaf || client->wild);
        MUST(client->owed_count == 0 || client->was_deaf || client->wild);
        client_hang_up(client);
        return true;
    }
    client->input_length += (size_t)n;
    take_lines(client);
    return true;
}

void client_check(const struct client *client)
{
    if (client->fd >= 0 && !client->deaf && !client->wild)
        MUST(client->owed_count == 0 && client->input_length == 0);
}
