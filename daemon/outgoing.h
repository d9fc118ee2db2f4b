/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client has still to be sent on its Unix socket: bytes, and descriptors among them.
 *
 * A descriptor goes out with the first byte of its line and no byte before it, whatever waits
 * ahead; until then it is owned here. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct evbuffer;
struct outgoing_descriptor;

struct outgoing {
    struct evbuffer *bytes;
    STAILQ_HEAD(, outgoing_descriptor) descriptors; /* in the order of their places */
    size_t descriptor_count;
};

/* Returns 0 or -ENOMEM. outgoing_clear() closes the descriptors, also of one that is all zero. */
int outgoing_init(struct outgoing *outgoing);
void outgoing_clear(struct outgoing *outgoing);
/* Bytes that wait; none after outgoing_clear(). */
size_t outgoing_length(const struct outgoing *outgoing);

/*
 * Sends what the socket takes at once, if nothing waits; the rest waits. `fd`, -1 for none, is
 * taken over: it goes with the first byte. A socket that fails, fails again in outgoing_flush().
 * Returns 0, or -ENOMEM: some of it is lost.
 */
int outgoing_send(struct outgoing *outgoing, int socket, const char *text, size_t length, int fd);
/* The same with all of a buffer, which is taken out of it. */
void outgoing_send_buffer(struct outgoing *outgoing, int socket, struct evbuffer *text);
/*
 * Sends what the socket takes of what waits, up to a bound. Returns 0: it is all gone; -EAGAIN: the
 * rest is to be sent when the socket is writable; -ETOOMANYREFS: too many descriptors are on their
 * way at present; or another -errno.
 */
int outgoing_flush(struct outgoing *outgoing, int socket);

/*
 * Can a descriptor be sent at present, or are too many of this user's on their way to those who do
 * not take them? Returns 0 or -errno.
 */
int outgoing_try_descriptor(void);

/* Has the other end closed both directions? That it sends no more does not mean that it is gone. */
bool outgoing_hung_up(int socket);
