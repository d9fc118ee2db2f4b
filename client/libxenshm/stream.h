/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stream socket to the daemon: lines out, lines in, and a deadline.
 *
 * What waits does so until the deadline at most, connecting included: a daemon that hangs, or whose
 * queue of connections is full, never hangs the caller. One thread per object.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* A reply may be far longer than a request: 1,000,000 runs of a pool make 100 MiB. */
#define STREAM_LINE_MAX (256 * 1024 * 1024)

struct stream {
    int fd;         /* owned; -1: none */
    int descriptor; /* owned: the first that came, when they are wanted; -1: none yet */
    bool wants_descriptor;
    struct frame frame;
    int64_t deadline; /* CLOCK_MONOTONIC, milliseconds */
};

/*
 * Failures are a negative errno: -ETIMEDOUT the deadline, -ECONNRESET closed by the other side,
 * -EMSGSIZE a line longer than STREAM_LINE_MAX. After one the stream is of no use.
 */

/* Connects within `seconds`; 0: no limit. stream_clear() is allowed after a failure. */
int stream_open(struct stream *stream, const char *path, unsigned seconds);
/* Takes over a connected stream socket, also on failure (-ENOTSOCK, ...). */
int stream_take(struct stream *stream, int fd);
void stream_clear(struct stream *stream);

/* What follows waits `seconds` from now on; 0: no limit. */
void stream_set_deadline(struct stream *stream, unsigned seconds);

/* Sends all of it. That the other side has hung up is left for receiving to find out. */
int stream_send(struct stream *stream, const char *data, size_t size);

/* Waits for the next line; see frame_next(). */
int stream_receive(struct stream *stream, char **ret_line, size_t *ret_length);
/* The same without waiting: -EAGAIN when no whole line is there yet. */
int stream_poll(struct stream *stream, char **ret_line, size_t *ret_length);
