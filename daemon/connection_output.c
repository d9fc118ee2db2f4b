/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes out to a client: replies, descriptors, events; and who loses when that is too much. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "cleanup.h"
#include "connection_private.h"
#include "log.h"
#include "message.h"

#define CONNECTION_OUTPUT_MAX (256 * 1024)
/* So little is not counted in connections.output. */
#define CONNECTION_OUTPUT_SMALL 2048
/* Descriptors that wait for clients to read, of all connections: each is one of the daemon's. */
#define CONNECTION_DESCRIPTORS_MAX 8

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
bool connection_output_full(const struct connection *connection)
{
    return outgoing_length(&connection->output) >= CONNECTION_OUTPUT_MAX ||
           connection->shared > 0 || connection->output.descriptor_count > 0 ||
           events_due(connection) ||
           (outgoing_length(&connection->output) > 0 && is_scarce(connection));
}

/* What `output` and the collected replies keep of the daemon's memory. */
void connection_charge_output(struct connection *connection)
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
    connection_log_cut_off(longest, "it does not read, and too many descriptors wait");
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
        connection_log_cut_off(connection, "out of memory");
        connection_close(connection);
        return;
    }
    connection_charge_output(connection);
    if (fd >= 0 && connection->output.descriptor_count > 0)
        wait_with_descriptor(connection);
    if (connection->fd >= 0 && outgoing_length(&connection->output) > 0)
        event_add(connection->writable, NULL);
}

void connection_send_events(struct connection *connection)
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

/* It was too slow for the events: no more of its input is looked at. */
static void cut_off(struct connection *connection)
{
    connection_log_cut_off(connection, "it does not read its events");
    connection->ended = true;
    connection_start_timer(connection, *connection->connections->overflow_wait);
}

void connection_on_event(struct subscriber *subscriber)
{
    struct connection *connection = subscriber->context;

    connection_hold(connection);
    if (subscriber->missed)
        cut_off(connection);
    else
        connection_send_events(connection);
    connection_release(connection);
}

void connection_tell_overflow(struct connection *connection)
{
    size_t length;
    _cleanup_(cleanup_free) char *line = events_overflow_line(&connection->subscriber, &length);

    events_unsubscribe(&connection->subscriber);
    if (!line)
        return;
    outgoing_send(&connection->output, connection->fd, line, length, -1);
    connection_charge_output(connection);
    if (outgoing_length(&connection->output) > 0)
        event_add(connection->writable, NULL);
}

void connection_lose_replies(struct connection *connection)
{
    connection_log_cut_off(connection,
                           "it does not read its replies, which take all of the memory for that");
    connection_close(connection);
}

/* Writes what the socket takes; the rest waits for it to become writable. */
static void flush_output(struct connection *connection)
{
    size_t before = outgoing_length(&connection->output);
    int r = outgoing_flush(&connection->output, connection->fd);

    connection_charge_output(connection);
    if (outgoing_length(&connection->output) < before)
        budget_touch(&connection->connections->output, &connection->output_share);
    if (r == -EAGAIN)
        event_add(connection->writable, NULL);
    else if (r == -ETOOMANYREFS)
        connection_start_timer(connection, CONNECTION_WATCH);
    else if (r < 0)
        connection_close(connection);
}

void connection_on_writable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;

    connection_hold(connection);
    flush_output(connection);
    connection_send_events(connection);
    connection_release(connection);
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
        connection_log_cut_off(connection, "out of memory, its reply is lost");
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
    connection_charge_output(connection);
    if (outgoing_length(&connection->output) > 0)
        event_add(connection->writable, NULL);
}

void connection_collects(struct connection *connection, size_t bytes)
{
    if (connection->fd < 0)
        return;
    connection->collected = bytes;
    connection_charge_output(connection);
}

void connection_hold_events(struct connection *connection)
{
    connection->held_for_events++;
}

void connection_release_events(struct connection *connection)
{
    connection->held_for_events--;
    connection_send_events(connection);
}
