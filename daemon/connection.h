/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One client: lines in, replies out.
 *
 * Requests of a connection are answered as they finish, matched by their id. While replies wait to
 * be read, or many requests are under way, no more of its input is read: a client that floods or
 * never reads holds up only itself. A client that hangs up cancels nothing. Events go out when
 * everything before has been read: those that wait are not copied for each client. One thread.
 *
 * What all of them make the daemon keep is bounded, too: see `input` and `output`.
 */
#pragma once

#include <stddef.h>
#include <sys/queue.h>

#include <jansson.h>

#include "access.h"
#include "budget.h"
#include "error.h"
#include "events.h"
#include "opening.h"
#include "report_limit.h"

struct connection;
struct daemon;
struct evbuffer;
struct event_base;

/* Hands one line to the dispatcher, or what cannot be split into lines, to be answered. */
typedef void (*connection_line_fn)(struct connection *connection, const char *line, size_t length);
typedef void (*connection_fault_fn)(struct connection *connection, const struct error *error);

/* The connections of a listener. */
TAILQ_HEAD(connection_list, connection);

/* Those that have more to be done than a short line: one has a turn in each turn of the loop. */
struct connection_queue {
    struct connection_list list;
    struct event *turn; /* NULL before the first */
    bool busy;          /* in a turn */
};

struct connections {
    struct connection_list list; /* owns them */
    size_t count;
    size_t strangers;                  /* of these: whose client has no right at all */
    size_t tasks;                      /* under way */
    uint64_t turned_away;              /* so far: there were too many */
    uint64_t descriptor_waits;         /* so far: clients whose descriptors had to wait */
    struct connection_queue queues[2]; /* of clients with a right, and of others */
    struct budget input;               /* lines that are not whole, but for a little of each */
    struct budget output;              /* replies that are not read */
    struct event_base *base;
    struct report_limit cut_off;   /* of what is told of them */
    const uint64_t *overflow_wait; /* milliseconds that who is cut off has for the last lines */
    connection_line_fn on_line;
    connection_fault_fn on_fault;
    void *context;                    /* for connection_context() */
    void (*on_closed)(void *context); /* one less: there may be room to accept again */
    void *closed_context;
};

/*
 * Of the event base: everything has the middle one but clients without any right, who have the
 * lowest, so that they delay nobody by flooding the daemon.
 */
#define CONNECTION_PRIORITIES 3

/* Takes over the connected, non-blocking socket `fd`. Returns 0 or -errno (fd is closed). */
int connection_new(struct connections *connections, int fd, const struct access_peer *peer);
void connections_clear(struct connections *connections);
/* How many of them are of that user. */
size_t connections_of(const struct connections *connections, uint32_t uid);

void *connection_context(const struct connection *connection);
const struct access_peer *connection_peer(const struct connection *connection);

/*
 * A request in progress keeps the connection object (not the socket) alive until it is answered:
 * one connection_hold() before, one connection_release() after connection_send().
 */
void connection_hold(struct connection *connection);
void connection_release(struct connection *connection);

/*
 * Sends one message (stolen) as one line, or drops it when the client is gone. NULL: memory was
 * short for it; the client is cut off, since it would wait for ever.
 */
void connection_send(struct connection *connection, json_t *message);
/*
 * The same with a descriptor (taken over; -1: none), which goes with the first byte of the line.
 * When too many descriptors wait, the client that has not read for the longest time is cut off.
 */
void connection_send_descriptor(struct connection *connection, json_t *message, int fd);
/*
 * The same with text, which is taken out of the buffer. `shared`: bytes in it that are kept for
 * others as well.
 */
void connection_send_text(struct connection *connection, struct evbuffer *text, size_t shared);
/* Replies that are collected before they are sent, in bytes, so that they count as well. */
void connection_collects(struct connection *connection, size_t bytes);

/* No further line is looked at from here to connection_unblock(), nor do events go out. */
void connection_block(struct connection *connection);
void connection_unblock(struct connection *connection);

/*
 * What a line asks for in many steps, so that other clients have their turn between them: `step` is
 * called until it returns false, and the next line waits. Instead of going on, `drop` is called
 * when the connection ends.
 */
struct connection_task {
    bool (*step)(void *context);
    void (*drop)(void *context);
    void *context;
};
/* From connection_line_fn only; the connection is to be held. */
void connection_start_task(struct connection *connection, const struct connection_task *task);

/*
 * From now on the client gets the events of these types (0: none any more) instead of those that it
 * had chosen before, until it hangs up or is cut off for not reading them. One that sends no more
 * stays as long as it is there to read. Does nothing when the client is gone. Returns 0 or -ENOMEM.
 */
int connection_subscribe(struct connection *connection, struct events *events, events_set types);
/*
 * For what the client opens: it ends with the connection, which stays while there is such, also of
 * a client that sends no more. NULL without memory.
 */
struct opener *connection_opener(struct connection *connection);
/* Events wait from here to connection_release_events(), so that a reply can go out before. */
void connection_hold_events(struct connection *connection);
void connection_release_events(struct connection *connection);
