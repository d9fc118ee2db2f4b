/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "cleanup.h"
#include "clock.h"

#define RECEIVE_SIZE (64 * 1024)

static void init(struct stream *stream)
{
    *stream = (struct stream){ .fd = -1, .descriptor = -1 };
    frame_init(&stream->frame, STREAM_LINE_MAX);
}

void stream_set_deadline(struct stream *stream, unsigned seconds)
{
    stream->deadline =
        seconds ? (int64_t)clock_milliseconds() + (int64_t)seconds * 1000 : INT64_MAX;
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

int stream_open(struct stream *stream, const char *path, unsigned seconds)
{
    /* connect() waits as long as the daemon's queue of connections is full: bound that, too. */
    struct timeval limit = { .tv_sec = seconds };
    struct sockaddr_un address;
    int r;

    init(stream);
    stream_set_deadline(stream, seconds);
    r = set_address(&address, path);
    if (r < 0)
        return r;
    stream->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream->fd < 0 ||
        setsockopt(stream->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
        return -errno;
    do
        r = connect(stream->fd, (struct sockaddr *)&address, sizeof(address));
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return 0;
}

int stream_take(struct stream *stream, int fd)
{
    socklen_t size = sizeof(int);
    int type, flags;

    init(stream);
    stream->fd = fd;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        return -errno;
    if (type != SOCK_STREAM)
        return -ENOTSOCK;
    flags = fcntl(fd, F_GETFD);
    if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}

void stream_clear(struct stream *stream)
{
    cleanup_close(&stream->fd);
    cleanup_close(&stream->descriptor);
    stream->fd = stream->descriptor = -1;
    frame_clear(&stream->frame);
}

/* Waits until the socket is ready for any of `events` or the deadline has passed. */
static int wait_ready(struct stream *stream, short events, short *ret_ready)
{
    struct pollfd p = { .fd = stream->fd, .events = events };

    for (;;) {
        int64_t left = stream->deadline - (int64_t)clock_milliseconds();
        int r;

        if (left <= 0)
            return -ETIMEDOUT;
        r = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (r > 0) {
            *ret_ready = p.revents;
            return 0;
        }
        if (r < 0 && errno != EINTR)
            return -errno;
    }
}

/*
 * Keeps the first descriptor of a message and closes the others. More than fit into the caller's
 * buffer are closed by the kernel.
 */
static void take_descriptors(struct stream *stream, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (stream->descriptor < 0)
                stream->descriptor = fd;
            else
                close(fd);
        }
    }
}

/* Without a place for descriptors the kernel closes those that come: none are wanted then. */
static ssize_t receive_bytes(struct stream *stream, char *buffer, size_t room)
{
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { .iov_base = buffer, .iov_len = room };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = stream->wants_descriptor ? &control : NULL,
        .msg_controllen = stream->wants_descriptor ? sizeof(control) : 0,
    };
    ssize_t n = recvmsg(stream->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n >= 0 && stream->wants_descriptor)
        take_descriptors(stream, &message);
    return n;
}

/* What is there now: 0, or -EAGAIN for nothing. */
static int receive_more(struct stream *stream)
{
    size_t room;
    char *buffer;
    ssize_t n;
    int r;

    r = frame_reserve(&stream->frame, RECEIVE_SIZE, &buffer, &room);
    if (r)
        return r;
    if (room == 0)
        return -EMSGSIZE;
    n = receive_bytes(stream, buffer, room);
    /* A peer that closes with our request unread: the error comes once, before what it sent. */
    if (n < 0 && errno == ECONNRESET)
        n = receive_bytes(stream, buffer, room);
    if (n == 0)
        return -ECONNRESET;
    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    frame_received(&stream->frame, (size_t)n);
    return 0;
}

/*
 * The daemon takes no request while it has events for us that nobody reads: so what comes meanwhile
 * is taken in.
 */
static int wait_for_room(struct stream *stream)
{
    short ready = 0;
    int r = wait_ready(stream, POLLOUT | POLLIN, &ready);

    if (r)
        return r;
    if (ready & POLLIN)
        r = receive_more(stream);
    return r == -EAGAIN ? 0 : r;
}

/*
 * A daemon that hangs up while it is being sent to may have said why before: that is for receiving
 * to find out, so it is no failure here.
 */
int stream_send(struct stream *stream, const char *data, size_t size)
{
    int r = 0;

    while (size > 0 && r == 0) {
        ssize_t n = send(stream->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n >= 0) {
            data += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN) {
            r = wait_for_room(stream);
        } else if (errno == EPIPE) {
            r = -ECONNRESET;
        } else if (errno != EINTR) {
            r = -errno;
        }
    }
    return r == -ECONNRESET ? 0 : r;
}

/* A whole line that has come already; *ret_line is NULL when there is none. */
static int next_line(struct stream *stream, char **ret_line, size_t *ret_length)
{
    return frame_next(&stream->frame, ret_line, ret_length) ? -EMSGSIZE : 0;
}

int stream_poll(struct stream *stream, char **ret_line, size_t *ret_length)
{
    for (;;) {
        int r = next_line(stream, ret_line, ret_length);

        if (r || *ret_line)
            return r;
        r = receive_more(stream);
        if (r)
            return r;
    }
}

int stream_receive(struct stream *stream, char **ret_line, size_t *ret_length)
{
    short ready;

    for (;;) {
        int r = next_line(stream, ret_line, ret_length);

        if (r || *ret_line)
            return r;
        /* Bytes alone do not prolong it: the deadline counts each time. */
        r = wait_ready(stream, POLLIN, &ready);
        if (r == 0)
            r = receive_more(stream);
        if (r && r != -EAGAIN)
            return r;
    }
}
