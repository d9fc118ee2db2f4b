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
#include "pace.h"

/* Beyond these no more input of the connection is looked at. */
#define CONNECTION_REQUESTS_MAX 32
#define CONNECTION_OUTPUT_MAX (256 * 1024)
/* So little is not counted in connections.output. */
#define CONNECTION_OUTPUT_SMALL 2048
/*
 * What one readable event takes in at most, and how long lines are worked on in one turn, so that
 * the others have theirs.
 */
#define CONNECTION_READ 16384
#define CONNECTION_TIME 2 /* milliseconds */
/*
 * A client is heavy, and has its turns behind those who are not, while it has more to be done than
 * one short line, and for PENALTY times as long as a turn took that was no short one.
 */
#define CONNECTION_LIGHT_BYTES 4096
#define CONNECTION_LIGHT_TIME 300 /* microseconds of the processor */
#define CONNECTION_PENALTY 50
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

static struct connection_queue *queue_of(struct connection *connection)
{
    return &connection->connections->queues[connection->peer.level == ACCESS_NONE];
}

static void next_turn(struct connection_queue *queue, struct timeval rest)
{
    if (!TAILQ_EMPTY(&queue->list) && !event_pending(queue->turn, EV_TIMEOUT, NULL))
        event_add(queue->turn, &rest);
}

static void enter_queue(struct connection *connection)
{
    struct connection_queue *queue = queue_of(connection);

    if (connection->queued)
        return;
    connection->queued = true;
    TAILQ_INSERT_TAIL(&queue->list, connection, queue_link);
    if (!queue->busy)
        next_turn(queue, (struct timeval){ 0 });
}

static void leave_queue(struct connection *connection)
{
    if (connection->queued)
        TAILQ_REMOVE(&queue_of(connection)->list, connection, queue_link);
    connection->queued = false;
}

/* What `output` and the collected replies keep of the daemon's memory. */
static void charge_output(struct connection *connection)
{
    size_t length = outgoing_length(&connection->output), bytes = connection->collected;

    if (length == 0)
        connection->shared = 0;
    bytes += length > connection->shared ? length - connection->shared : 0;
    /* Who has only a part of what is shared counts as well: it may be the last to have it. */
    if (connection->shared == 0 && bytes <= CONNECTION_OUTPUT_SMALL)
        bytes = 0;
    else
        bytes++;
    budget_set(&connection->connections->output, &connection->output_share, bytes);
}

static void charge_input(struct connection *connection)
{
    size_t size = connection->frame.size;

    budget_set(&connection->connections->input, &connection->input_share,
               size > FRAME_SMALL ? size : 0);
}

static void forget_input(struct connection *connection)
{
    frame_clear(&connection->frame);
    charge_input(connection);
}

static void connection_free(struct connection *connection)
{
    if (connection->readable)
        event_free(connection->readable);
    if (connection->writable)
        event_free(connection->writable);
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
    leave_queue(connection);
    if (connection->timer)
        event_del(connection->timer);
    events_unsubscribe(&connection->subscriber);
    opener_close(&connection->opener);
    close(connection->fd);
    connection->fd = -1;
    /* What was not sent will never be; a request may keep the object alive for long. */
    outgoing_clear(&connection->output);
    connection->collected = 0;
    charge_output(connection);
    forget_input(connection);
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

/* Half of the room for replies is used: who has not read one gets no further ones. */
static bool is_scarce(const struct connection *connection)
{
    const struct budget *budget = &connection->connections->output;

    return budget->total > *budget->limit / 2;
}

/*
 * Not before the client has read more. Without this, replies could keep events from their turn,
 * and descriptors use up those of the daemon.
 */
static bool output_full(const struct connection *connection)
{
    return outgoing_length(&connection->output) >= CONNECTION_OUTPUT_MAX ||
           connection->shared > 0 || connection->output.descriptor_count > 0 ||
           events_due(connection) ||
           (outgoing_length(&connection->output) > 0 && is_scarce(connection));
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
    charge_output(connection);
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
    charge_output(connection);
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

    if (connection->output.descriptor_count > 0)
        event_add(connection->writable, NULL);
    if (hung_up(connection) || (connection->ended && outgoing_length(&connection->output) > 0))
        connection_close(connection);
    else
        /* What it has asked for before is still under way; the configured wait may be none. */
        start_timer(connection, wait > CONNECTION_WATCH ? wait : CONNECTION_WATCH);
}

/* More than one short line is there. */
static bool is_long(const struct connection *connection)
{
    return connection->frame.end - connection->frame.start > CONNECTION_LIGHT_BYTES;
}

/* Does it have more to be done than others should wait for? */
static bool is_heavy(const struct connection *connection)
{
    return is_long(connection) || clock_milliseconds() < connection->heavy_until;
}

/* Closes if nothing more is to come; else goes on if there is room for more. */
static void connection_update(struct connection *connection)
{
    bool waiting = connection->task.step || !connection->drained || connection->unread;

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
    if (connection->blocked || congested(connection) ||
        (connection->ended && !connection->task.step)) {
        set_reading(connection, false);
        return;
    }
    /* Lines that were received before a pause come first: the buffer may be full of them. */
    if (waiting)
        enter_queue(connection);
    if (set_reading(connection, !waiting && !connection->eof) < 0) {
        log_error("out of memory: a client is cut off");
        connection_close(connection);
    }
}

/* One answer to what cannot be gone on with, and no more of it. */
static void end_stream(struct connection *connection, const struct error *error)
{
    connection->ended = true;
    events_unsubscribe(&connection->subscriber);
    connection->connections->on_fault(connection, error);
}

/* What cannot be split into lines. */
static void end_too_long(struct connection *connection)
{
    struct error error = { 0 };

    error_set(&error, MESSAGE_PARSE_ERROR,
              "Parse error at byte %d: the line is longer than 256 KiB", XENSHM_LINE_MAX);
    end_stream(connection, &error);
}

/* Its line gives way to those of others. The connection may be gone afterwards. */
static void lose_line(struct connection *connection)
{
    struct error error = { 0 };

    error_set(&error, XENSHM_TOO_MANY,
              "a line of %zu bytes that has not ended gives way: all of them together may have "
              "%zu KiB",
              connection->frame.end - connection->frame.start,
              (size_t)(*connection->connections->input.limit / 1024));
    error_set_hint(&error, "connect again, and send whole lines without pause");
    log_debug("a line of a client of uid %u gives way", (unsigned)connection->peer.uid);
    forget_input(connection);
    connection->drained = true;
    connection_hold(connection);
    end_stream(connection, &error);
    connection_release(connection);
}

static void lose_replies(struct connection *connection)
{
    log_warning("a client of uid %u is cut off: it does not read its replies, which take all of "
                "the memory for that",
                (unsigned)connection->peer.uid);
    connection_close(connection);
}

/* Who has to give way for what all keep to stay bounded. */
static void limit_memory(struct connections *connections)
{
    struct budget_share *loser;

    while ((loser = budget_loser(&connections->input)))
        lose_line(loser->owner);
    while ((loser = budget_loser(&connections->output)))
        lose_replies(loser->owner);
}

/* Takes the next line; NULL: there is none to be had. */
static char *take_line(struct connection *connection, size_t *ret_length)
{
    char *line;

    if (frame_next(&connection->frame, &line, ret_length) != 0) {
        end_too_long(connection);
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

/* Not without looking at others first, nor without room for the reply. */
static bool may_go_on(const struct connection *connection)
{
    if (connection->fd < 0 || connection->blocked || (connection->ended && !connection->task.step))
        return false;
    /* process_lines()'s own hold is not a request. */
    return connection->requests <= CONNECTION_REQUESTS_MAX && !output_full(connection);
}

/* Long turns make a client wait behind those who have short ones. */
static void charge_time(struct connection *connection, uint64_t started)
{
    uint64_t spent = clock_thread_microseconds() - started;

    if (spent > CONNECTION_LIGHT_TIME)
        connection->heavy_until = clock_milliseconds() + spent * CONNECTION_PENALTY / 1000;
}

/* Works on the complete lines, for `time` in milliseconds; 0: on one line. */
static void process_lines(struct connection *connection, uint64_t time)
{
    uint64_t end = clock_milliseconds() + time, started = clock_thread_microseconds();

    connection_hold(connection);
    connection->processing = true;
    while (may_go_on(connection) && process_one(connection) &&
           (time > 0 && clock_milliseconds() < end))
        ;
    frame_release(&connection->frame);
    connection->drained |= connection->frame.end == connection->frame.start;
    charge_input(connection);
    charge_time(connection, started);
    connection->processing = false;
    connection_release(connection);
}

/* Takes in what there is, up to a bound. The connection may be closed afterwards. */
static void receive(struct connection *connection)
{
    char *buffer;
    size_t room;
    ssize_t n;

    if (frame_reserve(&connection->frame, 1, &buffer, &room) < 0) {
        log_error("out of memory: a client is cut off");
        connection_close(connection);
        return;
    }
    n = recv(connection->fd, buffer, room < CONNECTION_READ ? room : CONNECTION_READ, 0);
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
    charge_input(connection);
    limit_memory(connection->connections);
}

/* The line of one that is light is done at once; more than that waits for its turn, unread. */
static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;

    connection_hold(connection);
    connection->unread = is_heavy(connection);
    if (!connection->unread)
        receive(connection);
    if (connection->fd >= 0 && !connection->ended && !is_heavy(connection))
        process_lines(connection, 0);
    connection_release(connection);
}

/* A turn for the connection that waited longest. */
static void on_turn(evutil_socket_t fd, short what, void *context)
{
    struct connection_queue *queue = context;
    struct connection *connection = TAILQ_FIRST(&queue->list);
    struct pace pace = pace_begin();

    if (!connection)
        return;
    queue->busy = true;
    leave_queue(connection);
    connection_hold(connection);
    limit_memory(connection->connections);
    if (connection->unread && connection->fd >= 0 && !connection->ended)
        receive(connection);
    connection->unread = false;
    if (connection->fd >= 0)
        process_lines(connection, CONNECTION_TIME);
    connection_release(connection);
    queue->busy = false;
    next_turn(queue, pace_rest(pace));
}

/* Makes what all connections share. Returns 0 or -ENOMEM. */
static int make_queue(struct connections *connections, size_t number)
{
    struct connection_queue *queue = &connections->queues[number];

    if (queue->turn)
        return 0;
    TAILQ_INIT(&queue->list);
    queue->turn = event_new(connections->base, -1, 0, on_turn, queue);
    if (!queue->turn)
        return -ENOMEM;
    if (number > 0)
        event_priority_set(queue->turn, CONNECTION_PRIORITIES - 1);
    return 0;
}

/* Writes what the socket takes; the rest waits for it to become writable. */
static void flush_output(struct connection *connection)
{
    size_t before = outgoing_length(&connection->output);
    int r = outgoing_flush(&connection->output, connection->fd);

    charge_output(connection);
    if (outgoing_length(&connection->output) < before)
        budget_touch(&connection->connections->output, &connection->output_share);
    if (r == -EAGAIN)
        event_add(connection->writable, NULL);
    else if (r == -ETOOMANYREFS)
        start_timer(connection, CONNECTION_WATCH);
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
    connection->input_share = connection->output_share =
        (struct budget_share){ .peer = &connection->peer, .owner = connection };
    frame_init(&connection->frame, XENSHM_LINE_MAX);
    opener_init(&connection->opener, fd);
    r = outgoing_init(&connection->output);
    connection->readable =
        event_new(connections->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writable = event_new(connections->base, fd, EV_WRITE, on_writable, connection);
    if (r < 0 || !connection->readable || !connection->writable ||
        make_queue(connections, peer->level == ACCESS_NONE) < 0 ||
        set_reading(connection, true) < 0) {
        connection_free(connection);
        close(fd);
        return -ENOMEM;
    }
    if (peer->level == ACCESS_NONE) {
        event_priority_set(connection->readable, CONNECTION_PRIORITIES - 1);
        event_priority_set(connection->writable, CONNECTION_PRIORITIES - 1);
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
    for (size_t i = 0; i < 2; i++) {
        if (connections->queues[i].turn)
            event_free(connections->queues[i].turn);
        connections->queues[i].turn = NULL;
    }
}

size_t connections_of(const struct connections *connections, uint32_t uid)
{
    const struct connection *connection;
    size_t count = 0;

    TAILQ_FOREACH(connection, &connections->list, link)
        count += connection->peer.uid == uid;
    return count;
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

void connection_send_text(struct connection *connection, struct evbuffer *text, size_t shared)
{
    if (connection->fd < 0)
        return;
    /* What fails here fails again when it is writable. */
    outgoing_send_buffer(&connection->output, connection->fd, text);
    connection->shared += shared;
    charge_output(connection);
    if (outgoing_length(&connection->output) > 0)
        event_add(connection->writable, NULL);
}

void connection_collects(struct connection *connection, size_t bytes)
{
    if (connection->fd < 0)
        return;
    connection->collected = bytes;
    charge_output(connection);
}

void connection_block(struct connection *connection)
{
    connection->blocked++;
    connection->connections->tasks++;
    connection_hold_events(connection);
}

void connection_unblock(struct connection *connection)
{
    connection->blocked--;
    connection->connections->tasks--;
    connection_release_events(connection);
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
