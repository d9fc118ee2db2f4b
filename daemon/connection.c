/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "closing.h"
#include "connection_private.h"
#include "log.h"

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

void connection_close(struct connection *connection)
{
    struct connections *connections = connection->connections;
    struct connection_task task = connection->task;

    if (connection->fd < 0)
        return;
    connection->task = (struct connection_task){ 0 };
    event_del(connection->readable);
    event_del(connection->writable);
    connection_leave_queue(connection);
    if (connection->timer)
        event_del(connection->timer);
    events_unsubscribe(&connection->subscriber);
    opener_close(&connection->opener);
    close(connection->fd);
    connection->fd = -1;
    /* What was not sent will never be; a request may keep the object alive for long. */
    outgoing_clear(&connection->output);
    connection->collected = 0;
    connection_charge_output(connection);
    connection_forget_input(connection);
    TAILQ_REMOVE(&connections->list, connection, link);
    connections->count--;
    connections->strangers -= connection->peer.level == ACCESS_NONE;
    if (connection->requests == 0)
        connection_free(connection);
    else if (task.step)
        connection_drop_task(connections, &task);
    connections->on_closed(connections->closed_context);
}

static bool congested(const struct connection *connection)
{
    return connection->requests >= CONNECTION_REQUESTS_MAX || connection_output_full(connection);
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

void connection_start_timer(struct connection *connection, uint64_t milliseconds)
{
    struct timeval time = { .tv_sec = (time_t)(milliseconds / 1000) };

    event_add(connection->timer, &time);
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
    connection_start_timer(connection, CONNECTION_WATCH);
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
        connection_start_timer(connection, wait > CONNECTION_WATCH ? wait : CONNECTION_WATCH);
}

/* Closes if nothing more is to come; else goes on if there is room for more. */
static void connection_update(struct connection *connection)
{
    bool waiting = connection->task.step || !connection->drained || connection->unread;

    if (connection->fd < 0 || connection->processing)
        return;
    if (connection->subscriber.missed && connection->requests == 0)
        connection_tell_overflow(connection);
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
    if ((waiting && connection_enter_queue(connection) < 0) ||
        set_reading(connection, !waiting && !connection->eof) < 0) {
        connection_log_cut_off(connection, "out of memory");
        connection_close(connection);
    }
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
        event_new(connections->base, fd, EV_READ | EV_PERSIST, connection_on_readable, connection);
    connection->writable =
        event_new(connections->base, fd, EV_WRITE, connection_on_writable, connection);
    if (r < 0 || !connection->readable || !connection->writable ||
        connection_make_queue(connections, peer->level == ACCESS_NONE) < 0 ||
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
    connections_log_left_out(connections);
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
    connection->subscriber.deliver = connection_on_event;
    connection->subscriber.context = connection;
    if (types)
        events_subscribe(events, &connection->subscriber, types);
    return 0;
}
