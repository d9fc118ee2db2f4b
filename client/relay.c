/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "relay.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One direction: bytes on their way, and its two ends. */
struct flow {
    int from; /* -1: it has ended */
    int to;   /* -1: nobody reads there any more */
    size_t start;
    size_t end;
    char bytes[64 * 1024];
};

static bool has_bytes(const struct flow *flow)
{
    return flow->start < flow->end;
}

/* ---- waiting */

static void watch(const struct flow *flow, struct pollfd *from, struct pollfd *to)
{
    *from = (struct pollfd){ .fd = has_bytes(flow) ? -1 : flow->from, .events = POLLIN };
    /* Without anything to write, too: that nobody reads any more shows as an error. */
    *to = (struct pollfd){ .fd = flow->to, .events = has_bytes(flow) ? POLLOUT : 0 };
}

/* ---- moving */

static int flow_read(struct flow *flow)
{
    ssize_t n = read(flow->from, flow->bytes, sizeof(flow->bytes));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n < 0 && errno != ECONNRESET)
        return -errno;
    flow->start = 0;
    flow->end = n > 0 ? (size_t)n : 0;
    if (n <= 0)
        flow->from = -1;
    return 0;
}

/*
 * Never waits, so that the other direction goes on: a socket can be told so for one call, and a
 * pipe that poll() calls ready takes PIPE_BUF bytes.
 */
static ssize_t write_some(int fd, const char *bytes, size_t size)
{
    ssize_t n = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno == ENOTSOCK)
        n = write(fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
    return n;
}

static int flow_write(struct flow *flow)
{
    ssize_t n = write_some(flow->to, flow->bytes + flow->start, flow->end - flow->start);

    if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
        flow->to = -1;
    else if (n < 0 && errno != EINTR && errno != EAGAIN)
        return -errno;
    flow->start += n > 0 ? (size_t)n : 0;
    if (flow->to < 0)
        flow->start = flow->end;
    return 0;
}

static int flow_move(struct flow *flow, short from_ready, short to_ready)
{
    int r = 0;

    if (from_ready)
        r = flow_read(flow);
    if (r == 0 && to_ready && has_bytes(flow))
        r = flow_write(flow);
    else if (r == 0 && to_ready)
        flow->to = -1;
    return r;
}

/* All that came has gone on: the other side may know that no more will come. */
static void pass_on_end(struct flow *up)
{
    if (up->from >= 0 || up->to < 0 || has_bytes(up))
        return;
    shutdown(up->to, SHUT_WR);
    up->to = -1;
}

/* Where nobody reads any more, nothing needs to be read. */
static void stop_reading(struct flow *flow)
{
    if (flow->to < 0)
        flow->from = -1;
}

static int turn(struct flow *up, struct flow *down)
{
    struct pollfd p[4];
    int r;

    watch(up, &p[0], &p[1]);
    watch(down, &p[2], &p[3]);
    if (poll(p, 4, -1) < 0)
        return errno == EINTR ? 0 : -errno;
    r = flow_move(up, p[0].revents, p[1].revents);
    if (r == 0)
        r = flow_move(down, p[2].revents, p[3].revents);
    pass_on_end(up);
    stop_reading(up);
    return r;
}

int relay_run(int socket, int input, int output)
{
    struct flow up = { .from = input, .to = socket }, down = { .from = socket, .to = output };
    int r = 0;

    while (r == 0 && down.to >= 0 && (down.from >= 0 || has_bytes(&down)))
        r = turn(&up, &down);
    return r;
}
