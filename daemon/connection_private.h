/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of a connection share: its state, and what each does for the others. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "connection.h"
#include "frame.h"
#include "outgoing.h"

/* Beyond that many no more input of the connection is looked at. */
#define CONNECTION_REQUESTS_MAX 32
/* A hang-up is looked for so often when nothing else would show it. */
#define CONNECTION_WATCH 1000 /* milliseconds */

struct connection {
    TAILQ_ENTRY(connection) link; /* in connections.list until closed */
    struct connections *connections;
    int fd; /* -1: closed */
    struct access_peer peer;
    struct event *readable;
    struct event *writable;
    TAILQ_ENTRY(connection) queue_link; /* in a queue of connections while queued */
    bool queued;
    struct frame frame;
    struct outgoing output;
    struct budget_share input_share;
    struct budget_share output_share;
    size_t shared;               /* bytes in `output` that others have, too */
    size_t collected;            /* bytes of replies that are not in it yet */
    uint64_t heavy_until;        /* clock_milliseconds() */
    size_t blocked;              /* connection_block() */
    uint64_t waits_since;        /* of descriptors in it: connections.descriptor_waits then */
    struct connection_task task; /* of the last line; step NULL: none */
    struct subscriber subscriber;
    struct opener opener;
    struct event *timer;    /* see on_timer(); NULL: it never subscribed nor opened anything */
    size_t held_for_events; /* connection_hold_events() */
    size_t requests;        /* held */
    bool reading;
    bool unread;     /* something is there, to be received in its turn */
    bool processing; /* in process_lines(), which updates once at its end */
    bool drained;    /* no complete line is left in the frame */
    bool eof;        /* the client sends no more, but may still read */
    bool ended;      /* no more of its input is looked at: close when all is answered */
};

/* ---- connection.c */

/* The socket goes now, the object when the last request has been answered. */
void connection_close(struct connection *connection);
void connection_start_timer(struct connection *connection, uint64_t milliseconds);

/* ---- connection_cut_off.c */

/* It is going to be closed, and why; of each user a few are told in a span of time, then how many.
 */
void connection_log_cut_off(const struct connection *connection, const char *reason);
/* What was left out so far. */
void connections_log_left_out(struct connections *connections);

/* ---- connection_input.c */

void connection_on_readable(evutil_socket_t fd, short what, void *context);
/* Receives and works on lines for as long as a turn may take. The connection is to be held once. */
void connection_take_turn(struct connection *connection);
void connection_forget_input(struct connection *connection);
void connection_drop_task(struct connections *connections, const struct connection_task *task);

/* ---- connection_turn.c */

/* Makes what all connections share. Returns 0 or -ENOMEM. */
int connection_make_queue(struct connections *connections, size_t number);
/* Returns 0 or -ENOMEM. */
int connection_enter_queue(struct connection *connection);
void connection_leave_queue(struct connection *connection);

/* ---- connection_output.c */

void connection_on_writable(evutil_socket_t fd, short what, void *context);
/* For subscriber.deliver. */
void connection_on_event(struct subscriber *subscriber);
/* As many events as the socket takes. The connection is to be held. */
void connection_send_events(struct connection *connection);
/* All else is answered: the last line for one that is cut off. */
void connection_tell_overflow(struct connection *connection);
/* Not before the client has read more is it to be given work. */
bool connection_output_full(const struct connection *connection);
/* What is kept for it of the daemon's memory has changed. */
void connection_charge_output(struct connection *connection);
/* It gives way to others: cut off, for it does not read its replies. */
void connection_lose_replies(struct connection *connection);
