/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "outgoing.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "cleanup.h"

/* What one call of outgoing_flush() sends, so that others have their turn. */
#define TURN (64 * 1024)
/* Pieces of the buffer in one call. */
#define PARTS 4

struct outgoing_descriptor {
    STAILQ_ENTRY(outgoing_descriptor) link;
    size_t place; /* bytes that wait ahead of its line */
    int fd;       /* owned */
};

int outgoing_init(struct outgoing *outgoing)
{
    *outgoing = (struct outgoing){ .bytes = evbuffer_new() };
    STAILQ_INIT(&outgoing->descriptors);
    return outgoing->bytes ? 0 : -ENOMEM;
}

static void remove_first(struct outgoing *outgoing)
{
    struct outgoing_descriptor *first = STAILQ_FIRST(&outgoing->descriptors);

    STAILQ_REMOVE_HEAD(&outgoing->descriptors, link);
    outgoing->descriptor_count--;
    close(first->fd);
    free(first);
}

void outgoing_clear(struct outgoing *outgoing)
{
    while (outgoing->descriptor_count > 0)
        remove_first(outgoing);
    if (outgoing->bytes)
        evbuffer_free(outgoing->bytes);
    outgoing->bytes = NULL;
}

size_t outgoing_length(const struct outgoing *outgoing)
{
    return outgoing->bytes ? evbuffer_get_length(outgoing->bytes) : 0;
}

/* As sendmsg(), with the descriptor unless it is -1. */
static ssize_t send_parts(int socket, struct iovec *parts, size_t count, int fd)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = { 0 };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };

    if (fd >= 0) {
        struct cmsghdr *header = (struct cmsghdr *)control;

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* The descriptor waits until all bytes that wait now are gone. */
static int add_descriptor(struct outgoing *outgoing, int *fd)
{
    struct outgoing_descriptor *descriptor = calloc(1, sizeof(*descriptor));

    if (!descriptor)
        return -ENOMEM;
    descriptor->place = outgoing_length(outgoing);
    descriptor->fd = steal_fd(fd);
    STAILQ_INSERT_TAIL(&outgoing->descriptors, descriptor, link);
    outgoing->descriptor_count++;
    return 0;
}

int outgoing_send(struct outgoing *outgoing, int socket, const char *text, size_t length, int fd)
{
    _cleanup_(cleanup_close) int owned = fd;
    size_t sent = 0;

    if (outgoing_length(outgoing) == 0) {
        struct iovec part = { (void *)text, length };
        ssize_t n = send_parts(socket, &part, 1, fd);

        sent = n > 0 ? (size_t)n : 0;
    }
    if (sent == length)
        return 0;
    if (fd >= 0 && sent == 0 && add_descriptor(outgoing, &owned) < 0)
        return -ENOMEM;
    return evbuffer_add(outgoing->bytes, text + sent, length - sent) < 0 ? -ENOMEM : 0;
}

void outgoing_send_buffer(struct outgoing *outgoing, int socket, struct evbuffer *text)
{
    evbuffer_add_buffer(outgoing->bytes, text);
    outgoing_flush(outgoing, socket);
}

/* The pieces of what may go out in one call: nothing of a line that has a descriptor but the first.
 */
static size_t collect_parts(const struct outgoing *outgoing, size_t length,
                            struct iovec parts[static PARTS])
{
    struct evbuffer_iovec found[PARTS];
    int count = evbuffer_peek(outgoing->bytes, (ev_ssize_t)length, NULL, found, PARTS);
    size_t used = 0;

    for (; used < PARTS && used < (size_t)count && length > 0; used++) {
        size_t size = found[used].iov_len < length ? found[used].iov_len : length;

        parts[used] = (struct iovec){ found[used].iov_base, size };
        length -= size;
    }
    return used;
}

static void drain(struct outgoing *outgoing, size_t length)
{
    struct outgoing_descriptor *descriptor;

    evbuffer_drain(outgoing->bytes, length);
    STAILQ_FOREACH(descriptor, &outgoing->descriptors, link)
    descriptor->place -= length;
}

/* One call. Returns the bytes sent, or -errno. */
static ssize_t flush_some(struct outgoing *outgoing, int socket)
{
    struct outgoing_descriptor *first = STAILQ_FIRST(&outgoing->descriptors), *next = first;
    struct iovec parts[PARTS];
    size_t length = outgoing_length(outgoing);
    int fd = -1;
    ssize_t n;

    if (first && first->place == 0) {
        fd = first->fd;
        next = STAILQ_NEXT(first, link);
    }
    if (next)
        length = next->place;
    if (length > TURN)
        length = TURN;
    n = send_parts(socket, parts, collect_parts(outgoing, length, parts), fd);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (fd >= 0)
        remove_first(outgoing);
    drain(outgoing, (size_t)n);
    return n;
}

int outgoing_flush(struct outgoing *outgoing, int socket)
{
    size_t sent = 0;

    while (outgoing_length(outgoing) > 0) {
        ssize_t n = sent < TURN ? flush_some(outgoing, socket) : -EAGAIN;

        if (n < 0)
            return (int)n;
        sent += (size_t)n;
    }
    return 0;
}

int outgoing_try_descriptor(void)
{
    _cleanup_(cleanup_close) int from = -1;
    _cleanup_(cleanup_close) int to = -1;
    struct iovec part = { (void *)"", 1 };
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    from = fds[0];
    to = fds[1];
    return send_parts(from, &part, 1, to) < 0 ? -errno : 0;
}

bool outgoing_hung_up(int socket)
{
    struct pollfd poll_fd = { .fd = socket };

    return poll(&poll_fd, 1, 0) > 0;
}
