/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "cleanup.h"

#define RECEIVE_SIZE (64 * 1024)
#define REQUEST_ID 1

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int set_address(struct sockaddr_un *address, const char *path)
{
    size_t length = strlen(path);

    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (length == 0)
        return -ENOENT; /* the kernel takes an empty path for an abstract name */
    if (length >= sizeof(address->sun_path))
        return -ENAMETOOLONG;
    memcpy(address->sun_path, path, length);
    return 0;
}

void connection_take(struct connection *connection, int fd, unsigned seconds)
{
    *connection = (struct connection){ .fd = fd, .deadline = now() + (int64_t)seconds * 1000 };
    frame_init(&connection->frame, CONNECTION_REPLY_MAX);
}

int connection_open(struct connection *connection, const char *path, unsigned seconds)
{
    /* connect() waits as long as the daemon's queue of connections is full: bound that, too. */
    struct timeval limit = { .tv_sec = seconds };
    struct sockaddr_un address;
    int r;

    connection_take(connection, -1, seconds);
    r = set_address(&address, path);
    if (r < 0)
        return r;
    connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 ||
        setsockopt(connection->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
        return -errno;
    do
        r = connect(connection->fd, (struct sockaddr *)&address, sizeof(address));
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return errno == EAGAIN ? CONNECTION_E_TIMEOUT : -errno;
    return 0;
}

void connection_clear(struct connection *connection)
{
    cleanup_close(&connection->fd);
    connection->fd = -1;
    frame_clear(&connection->frame);
}

/* Waits until the socket is ready for `events` or the deadline has passed. */
static int wait_ready(struct connection *connection, short events)
{
    struct pollfd p = { .fd = connection->fd, .events = events };

    for (;;) {
        int64_t left = connection->deadline - now();
        int r;

        if (left <= 0)
            return CONNECTION_E_TIMEOUT;
        r = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (r > 0)
            return 0;
        if (r < 0 && errno != EINTR)
            return -errno;
    }
}

/*
 * A daemon that hangs up while it is being sent to may have said why before: that is for
 * receive_more() to find out, so it is no failure here.
 */
static int send_all(struct connection *connection, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(connection->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n >= 0) {
            data += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN) {
            int r = wait_ready(connection, POLLOUT);

            if (r)
                return r;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return 0;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

static int receive_more(struct connection *connection)
{
    size_t room;
    char *buffer;
    ssize_t n;
    int r;

    r = wait_ready(connection, POLLIN);
    if (r)
        return r;
    r = frame_reserve(&connection->frame, RECEIVE_SIZE, &buffer, &room);
    if (r)
        return r;
    n = recv(connection->fd, buffer, room, MSG_DONTWAIT);
    /* A peer that closes with our request unread: the error comes once, before what it sent. */
    if (n < 0 && errno == ECONNRESET)
        n = recv(connection->fd, buffer, room, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return CONNECTION_E_CLOSED;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    frame_received(&connection->frame, (size_t)n);
    return 0;
}

static int receive_line(struct connection *connection, char **ret_line, size_t *ret_length)
{
    for (;;) {
        int r = frame_next(&connection->frame, ret_line, ret_length);

        if (r)
            return CONNECTION_E_TOO_LONG;
        if (*ret_line)
            return 0;
        r = receive_more(connection);
        if (r)
            return r;
    }
}

/*
 * The reply to our one request. An error without an id is ours as well: it says that the daemon
 * could not read the request, or turned the connection away before it read any.
 */
static bool is_reply(json_t *message)
{
    json_t *id = json_object_get(message, "id");

    if (json_is_object(json_object_get(message, "error")))
        return json_is_null(id) || json_integer_value(id) == REQUEST_ID;
    return json_integer_value(id) == REQUEST_ID && json_object_get(message, "result");
}

static int receive_reply(struct connection *connection, json_t **ret_reply)
{
    for (;;) {
        _cleanup_(cleanup_json) json_t *message = NULL;
        size_t length;
        char *line;
        int r;

        r = receive_line(connection, &line, &length);
        if (r)
            return r;
        message = json_loadb(line, length, 0, NULL);
        if (!json_is_object(message))
            return CONNECTION_E_GARBLED;
        if (is_reply(message)) {
            *ret_reply = steal_pointer(&message);
            return 0;
        }
        /* A notification, or somebody else's reply: not for us. */
    }
}

static json_t *make_request(const char *method, json_t *params)
{
    return json_pack("{s:s, s:i, s:s, s:O}", "jsonrpc", "2.0", "id", REQUEST_ID, "method", method,
                     "params", params);
}

size_t connection_request_size(const char *method, json_t *params)
{
    _cleanup_(cleanup_json) json_t *request = make_request(method, params);

    return request ? json_dumpb(request, NULL, 0, JSON_COMPACT) : 0;
}

int connection_call(struct connection *connection, const char *method, json_t *params,
                    json_t **ret_reply)
{
    _cleanup_(cleanup_json) json_t *request = NULL;
    _cleanup_(cleanup_free) char *text = NULL;
    int r;

    request = make_request(method, params);
    text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    if (!text)
        return -ENOMEM;
    r = send_all(connection, text, strlen(text));
    if (r == 0)
        r = send_all(connection, "\n", 1);
    if (r)
        return r;
    return receive_reply(connection, ret_reply);
}
