/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "cleanup.h"
#include "clock.h"
#include "closing.h"
#include "error.h"
#include "frame.h"
#include "log.h"
#include "message.h"
#include "outgoing.h"

/* Beyond these no more input of the connection is looked at. */
#define CONNECTION_REQUESTS_MAX 32
#define CONNECTION_OUTPUT_MAX (256 * 1024)
/*
 * What one readable event takes in at most, and how long lines are worked on in one turn, so that
 * the others have theirs.
 */
#define CONNECTION_READ 16384
#define CONNECTION_TIME 2 /* milliseconds */
/* Descriptors that wait for clients to read, of all connections: each is one of the daemon's. */
#define CONNECTION_DESCRIPTORS_MAX 8
/* A hang-up is looked for so often when nothing else would show it. */
#define CONNECTION_WATCH 1000 /* milliseconds */

struct connection {
    TAILQ_ENTRY(connection) link; /* in connections.list until closed */
    struct connections *connections;
    int fd; /* -1: closed */
    struct access_peer peer;
    struct event *readable;
    struct event *writable;
    struct event *resume; /* goes on with lines that were received before a pause */
    struct frame frame;
    struct outgoing output;
    uint64_t waits_since;        /* of descriptors in it: connections.descriptor_waits then */
    struct connection_task task; /* of the last line; step NULL: none */
    struct subscriber subscriber;
    struct opener opener;
    struct event *timer;    /* see on_timer(); NULL: it never subscribed nor opened anything */
    size_t held_for_events; /* connection_hold_events() */
    size_t requests;        /* held */
    bool reading;
    bool processing; /* in process_lines(), which updates once at its end */
    bool drained;    /* no complete line is left in the frame */
    bool eof;        /* the client sends no more, but may still read */
    bool ended;      /* no more of its input is looked at: close when all is answered */
};

static void connection_free(struct connection *connection)
{
    if (connection->readable)
        event_free(connection->readable);
    if (connection->writable)
        event_free(connection->writable);
    if (connection->resume)
        event_free(connection->resume);
    if (connection->timer)
        event_free(connection->timer);
    outgoing_clear(&connection->output);
    frame_clear(&connection->frame);
    free(connection);
}

static void drop_task(struct connections *connections, const struct connection_task *task)
{
    connections->tasks--;
    task->drop(task->context);
}

/* The socket goes now, the object when the last request has been answered. */
static void connection_close(struct connection *connection)
{
    struct connections *connections = connection->connections;
    struct connection_task task = connection->task;

    if (connection->fd < 0)
        return;
    connection->task = (struct connection_task){ 0 };
    event_del(connection->readable);
    event_del(connection->writable);
    event_del(connection->resume);
    if (connection->timer)
        event_del(connection->timer);
    events_unsubscribe(&connection->subscriber);
    opener_close(&connection->opener);
    close(connection->fd);
    connection->fd = -1;
    /* What was not sent will never be; a request may keep the object alive for long. */
    outgoing_clear(&connection->output);
    TAILQ_REMOVE(&connections->list, connection, link);
    connections->count--;
    connections->strangers -= connection->peer.level == ACCESS_NONE;
    if (connection->requests == 0)
        connection_free(connection);
    else if (task.step)
        drop_task(connections, &task);
    connections->on_closed(connections->closed_context);
}

/* Nothing but the socket holds an event back. */
static bool events_due(const struct connection *connection)
{
    return connection->subscriber.next && connection->held_for_events == 0;
}

/*
 * Not before the client has read more. Without this, replies could keep events from their turn,
 * and descriptors use up those of the daemon.
 */
static bool output_full(const struct connection *connection)
{
    return outgoing_length(&connection->output) >= CONNECTION_OUTPUT_MAX ||
           connection->output.descriptor_count > 0 || events_due(connection);
}

static bool congested(const struct connection *connection)
{
    return connection->requests >= CONNECTION_REQUESTS_MAX || output_full(connection);
}

/* Returns 0 or -ENOMEM: it will not be read, as it was. */
static int set_reading(struct connection *connection, bool reading)
{
    if (connection->reading == reading)
        return 0;
    if (reading && event_add(connection->readable, NULL) < 0)
        return -ENOMEM;
    if (!reading)
        event_del(connection->readable);
    connection->reading = reading;
    return 0;
}

/* One that is not read may wait for ever: who has waited longest goes, not who comes next. */
static void limit_descriptors(const struct connections *connections)
{
    struct connection *connection, *longest = NULL;
    size_t count = 0;

    TAILQ_FOREACH(connection, &connections->list, link) {
        if (connection->output.descriptor_count == 0)
            continue;
        count += connection->output.descriptor_count;
        if (!longest || connection->waits_since < longest->waits_since)
            longest = connection;
    }
    if (count <= CONNECTION_DESCRIPTORS_MAX)
        return;
    log_warning("a client of uid %u is cut off: it does not read, and too many descriptors wait",
                (unsigned)longest->peer.uid);
    connection_close(longest);
}

/* The last of its descriptors waits for the client to read. */
static void wait_with_descriptor(struct connection *connection)
{
    struct connections *connections = connection->connections;

    if (connection->output.descriptor_count == 1)
        connection->waits_since = ++connections->descriptor_waits;
    limit_descriptors(connections);
}

/*
 * Sends what the socket takes at once; the rest waits for it to become writable. `fd` (-1: none) is
 * taken over, and goes with the first byte.
 */
static void send_bytes(struct connection *connection, const char *text, size_t length, int fd)
{
    if (outgoing_send(&connection->output, connection->fd, text, length, fd) < 0) {
        log_error("out of memory: a client is cut off");
        connection_close(connection);
        return;
    }
    if (fd >= 0 && connection->output.descriptor_count > 0)
        wait_with_descriptor(connection);
    if (connection->fd >= 0 && outgoing_length(&connection->output) > 0)
        event_add(connection->writable, NULL);
}

/* As many events as the socket takes. The connection is to be held. */
static void send_events(struct connection *connection)
{
    while (events_due(connection) && outgoing_length(&connection->output) == 0) {
        size_t length;
        const char *line = events_next(&connection->subscriber, &length);

        send_bytes(connection, line, length, -1);
        /* Else that has closed the connection. */
        if (connection->subscriber.next)
            events_take(&connection->subscriber);
    }
}

static void start_timer(struct connection *connection, uint64_t milliseconds)
{
    struct timeval time = { .tv_sec = (time_t)(milliseconds / 1000) };

    event_add(connection->timer, &time);
}

/* It was too slow for the events: no more of its input is looked at. */
static void cut_off(struct connection *connection)
{
    log_info("a client of uid %u is cut off: it does not read its events",
             (unsigned)connection->peer.uid);
    connection->ended = true;
    start_timer(connection, *connection->connections->overflow_wait);
}

/* For subscriber.deliver. */
static void on_event(struct subscriber *subscriber)
{
    struct connection *connection = subscriber->context;

    connection_hold(connection);
    if (subscriber->missed)
        cut_off(connection);
    else
        send_events(connection);
    connection_release(connection);
}

/* All else is answered: the last line for one that is cut off. */
static void tell_overflow(struct connection *connection)
{
    size_t length;
    _cleanup_(cleanup_free) char *line = events_overflow_line(&connection->subscriber, &length);

    events_unsubscribe(&connection->subscriber);
    if (!line)
        return;
    outgoing_send(&connection->output, connection->fd, line, length, -1);
    if (outgoing_length(&connection->output) > 0)
        event_add(connection->writable, NULL);
}

static bool hung_up(const struct connection *connection)
{
    return outgoing_hung_up(connection->fd);
}

/* A client that sends no more may stay: for its events, or for what it has open. */
static bool may_stay(const struct connection *connection)
{
    return connection->subscriber.events || connection->opener.count > 0;
}

/* Everything that was asked for is done and sent. */
static void finish(struct connection *connection)
{
    if (!may_stay(connection) || connection->ended || hung_up(connection)) {
        connection_close(connection);
        return;
    }
    /* Readable for ever since its end of input: the loop cannot tell the hang-up from that. */
    set_reading(connection, false);
    start_timer(connection, CONNECTION_WATCH);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;
    uint64_t wait = connection->ended ? *connection->connections->overflow_wait : 0;

    if (hung_up(connection) || (connection->ended && outgoing_length(&connection->output) > 0))
        connection_close(connection);
    else
        /* What it has asked for before is still under way; the configured wait may be none. */
        start_timer(connection, wait > CONNECTION_WATCH ? wait : CONNECTION_WATCH);
}

/* Closes if nothing more is to come; else goes on if there is room for more. */
static void connection_update(struct connection *connection)
{
    static const struct timeval next_turn = { 0 };
    bool waiting = connection->task.step || !connection->drained;

    if (connection->fd < 0 || connection->processing)
        return;
    if (connection->subscriber.missed && connection->requests == 0)
        tell_overflow(connection);
    if ((connection->ended || (connection->eof && connection->drained)) &&
        connection->requests == 0 && outgoing_length(&connection->output) == 0) {
        finish(connection);
        return;
    }
    /* What its last lines have begun goes on, even if it is cut off. */
    if (congested(connection) || (connection->ended && !connection->task.step)) {
        set_reading(connection, false);
        return;
    }
    /* Lines that were received before a pause come first: the buffer may be full of them. */
    if ((waiting && event_add(connection->resume, &next_turn) < 0) ||
        set_reading(connection, !waiting && !connection->eof) < 0) {
        log_error("out of memory: a client is cut off");
        connection_close(connection);
    }
}

/* What cannot be split into lines: one answer, and no more of it. */
static void end_stream(struct connection *connection)
{
    struct error error = { 0 };

    error_set(&error, MESSAGE_PARSE_ERROR,
              "Parse error at byte %d: the line is longer than 256 KiB", XENSHM_LINE_MAX);
    connection->ended = true;
    events_unsubscribe(&connection->subscriber);
    connection->connections->on_fault(connection, &error);
}

/* Takes the next line; NULL: there is none to be had. */
static char *take_line(struct connection *connection, size_t *ret_length)
{
    char *line;

    if (frame_next(&connection->frame, &line, ret_length) != 0) {
        end_stream(connection);
        return NULL;
    }
    connection->drained = !line;
    /* A request that was cut off is no JSON: only one that is whole can be carried out. */
    if (!line && connection->eof)
        line = frame_rest(&connection->frame, ret_length);
    return line;
}

void connection_start_task(struct connection *connection, const struct connection_task *task)
{
    connection->task = *task;
    connection->connections->tasks++;
}

static void run_task(struct connection *connection)
{
    struct connection_task task = connection->task;

    connection->task = (struct connection_task){ 0 };
    if (!task.step(task.context))
        connection->connections->tasks--;
    else if (connection->fd >= 0)
        connection->task = task;
    else
        drop_task(connection->connections, &task);
}

/* Goes on with the last line or hands on the next. Returns false when there is none. */
static bool process_one(struct connection *connection)
{
    char *line;
    size_t length;

    if (connection->task.step) {
        run_task(connection);
        return true;
    }
    line = take_line(connection, &length);
    if (line)
        connection->connections->on_line(connection, line, length);
    return line;
}

/* Works on the complete lines, as long as there is time and room for replies. */
static void process_lines(struct connection *connection)
{
    uint64_t end = clock_milliseconds() + CONNECTION_TIME;

    connection_hold(connection);
    connection->processing = true;
    while (connection->fd >= 0 && (connection->task.step || !connection->ended)) {
        /* Its own hold is not a request. */
        if (connection->requests > CONNECTION_REQUESTS_MAX || output_full(connection))
            break;
        if (!process_one(connection) || clock_milliseconds() >= end)
            break;
    }
    connection->processing = false;
    connection_release(connection);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;
    char *buffer;
    size_t room;
    ssize_t n;

    if (frame_reserve(&connection->frame, 1, &buffer, &room) < 0) {
        log_error("out of memory: a client is cut off");
        connection_close(connection);
        return;
    }
    n = recv(fd, buffer, room < CONNECTION_READ ? room : CONNECTION_READ, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        connection_close(connection);
        return;
    }
    /* Half-closed: what it asked before is still answered. */
    if (n == 0)
        connection->eof = true;
    else
        frame_received(&connection->frame, (size_t)n);
    connection->drained = false;
    process_lines(connection);
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
    process_lines(context);
}

/* Writes what the socket takes; the rest waits for it to become writable. */
static void flush_output(struct connection *connection)
{
    int r = outgoing_flush(&connection->output, connection->fd);

    if (r == -EAGAIN)
        event_add(connection->writable, NULL);
    else if (r < 0)
        connection_close(connection);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;

    connection_hold(connection);
    flush_output(connection);
    send_events(connection);
    connection_release(connection);
}

int connection_new(struct connections *connections, int fd, const struct access_peer *peer)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    int r;

    if (!connection) {
        close(fd);
        return -ENOMEM;
    }
    connection->connections = connections;
    connection->fd = fd;
    connection->peer = *peer;
    frame_init(&connection->frame, XENSHM_LINE_MAX);
    opener_init(&connection->opener, fd);
    r = outgoing_init(&connection->output);
    connection->readable =
        event_new(connections->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writable = event_new(connections->base, fd, EV_WRITE, on_writable, connection);
    connection->resume = event_new(connections->base, -1, 0, on_resume, connection);
    if (r < 0 || !connection->readable || !connection->writable || !connection->resume ||
        set_reading(connection, true) < 0) {
        connection_free(connection);
        close(fd);
        return -ENOMEM;
    }
    if (peer->level == ACCESS_NONE) {
        event_priority_set(connection->readable, CONNECTION_PRIORITIES - 1);
        event_priority_set(connection->writable, CONNECTION_PRIORITIES - 1);
        event_priority_set(connection->resume, CONNECTION_PRIORITIES - 1);
    }
    TAILQ_INSERT_TAIL(&connections->list, connection, link);
    connections->count++;
    connections->strangers += peer->level == ACCESS_NONE;
    connection->drained = true;
    return 0;
}

void connections_clear(struct connections *connections)
{
    struct connection *connection;

    while ((connection = TAILQ_FIRST(&connections->list)))
        connection_close(connection);
}

void *connection_context(const struct connection *connection)
{
    return connection->connections->context;
}

const struct access_peer *connection_peer(const struct connection *connection)
{
    return &connection->peer;
}

void connection_hold(struct connection *connection)
{
    connection->requests++;
}

void connection_release(struct connection *connection)
{
    connection->requests--;
    if (connection->fd < 0) {
        if (connection->requests == 0)
            connection_free(connection);
        return;
    }
    connection_update(connection);
}

void connection_send(struct connection *connection, json_t *message)
{
    connection_send_descriptor(connection, message, -1);
}

void connection_send_descriptor(struct connection *connection, json_t *message, int fd)
{
    _cleanup_(cleanup_close) int owned = fd;
    bool wanted = connection->fd >= 0;
    _cleanup_(cleanup_free) char *text = wanted && message ? message_text(message) : NULL;
    size_t length;

    json_decref(message);
    if (!wanted)
        return;
    if (!text) {
        log_error("out of memory: a reply is lost, its client is cut off");
        connection_close(connection);
        return;
    }
    length = strlen(text);
    text[length++] = '\n'; /* in the place of the NUL */
    send_bytes(connection, text, length, steal_fd(&owned));
}

void connection_send_text(struct connection *connection, struct evbuffer *text)
{
    if (connection->fd < 0)
        return;
    /* What fails here fails again when it is writable. */
    outgoing_send_buffer(&connection->output, connection->fd, text);
    if (outgoing_length(&connection->output) > 0)
        event_add(connection->writable, NULL);
}

static int make_timer(struct connection *connection)
{
    if (!connection->timer)
        connection->timer = event_new(connection->connections->base, -1, 0, on_timer, connection);
    return connection->timer ? 0 : -ENOMEM;
}

struct opener *connection_opener(struct connection *connection)
{
    return make_timer(connection) < 0 ? NULL : &connection->opener;
}

int connection_subscribe(struct connection *connection, struct events *events, events_set types)
{
    /* Nor when it is cut off: it has its last line, or will have. */
    if (connection->fd < 0 || connection->ended)
        return 0;
    if (make_timer(connection) < 0)
        return -ENOMEM;
    events_unsubscribe(&connection->subscriber);
    connection->subscriber.deliver = on_event;
    connection->subscriber.context = connection;
    if (types)
        events_subscribe(events, &connection->subscriber, types);
    return 0;
}

void connection_hold_events(struct connection *connection)
{
    connection->held_for_events++;
}

void connection_release_events(struct connection *connection)
{
    connection->held_for_events--;
    send_events(connection);
}
