/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes in from a client: bytes, lines, and the work on them in pieces. */
#include <errno.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "clock.h"
#include "connection_private.h"
#include "error.h"
#include "log.h"
#include "message.h"

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

static void charge_input(struct connection *connection)
{
    size_t size = connection->frame.size;

    budget_set(&connection->connections->input, &connection->input_share,
               size > FRAME_SMALL ? size : 0);
}

void connection_forget_input(struct connection *connection)
{
    frame_clear(&connection->frame);
    charge_input(connection);
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
    connection_forget_input(connection);
    connection->drained = true;
    connection_hold(connection);
    end_stream(connection, &error);
    connection_release(connection);
}

/* Who has to give way for what all keep to stay bounded. */
static void limit_memory(struct connections *connections)
{
    struct budget_share *loser;

    while ((loser = budget_loser(&connections->input)))
        lose_line(loser->owner);
    while ((loser = budget_loser(&connections->output)))
        connection_lose_replies(loser->owner);
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

void connection_drop_task(struct connections *connections, const struct connection_task *task)
{
    connections->tasks--;
    task->drop(task->context);
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
        connection_drop_task(connection->connections, &task);
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
    /* The hold of whoever has lines processed is not a request. */
    return connection->requests <= CONNECTION_REQUESTS_MAX && !connection_output_full(connection);
}

/* Long turns make a client wait behind those who have short ones. */
static void charge_time(struct connection *connection, uint64_t started)
{
    uint64_t spent = clock_thread_microseconds() - started;

    if (spent > CONNECTION_LIGHT_TIME)
        connection->heavy_until = clock_milliseconds() + spent * CONNECTION_PENALTY / 1000;
}

/* Works on the complete lines, for `time` in milliseconds; 0: on one line. To be held, once. */
static void process_lines(struct connection *connection, uint64_t time)
{
    uint64_t end = clock_milliseconds() + time, started = clock_thread_microseconds();

    connection->processing = true;
    while (may_go_on(connection) && process_one(connection) &&
           (time > 0 && clock_milliseconds() < end))
        ;
    frame_release(&connection->frame);
    connection->drained |= connection->frame.end == connection->frame.start;
    charge_input(connection);
    charge_time(connection, started);
    connection->processing = false;
}

/* Takes in what there is, up to a bound. The connection may be closed afterwards. */
static void receive(struct connection *connection)
{
    char *buffer;
    size_t room;
    ssize_t n;

    if (frame_reserve(&connection->frame, 1, &buffer, &room) < 0) {
        connection_log_cut_off(connection, "out of memory");
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
void connection_on_readable(evutil_socket_t fd, short what, void *context)
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

void connection_take_turn(struct connection *connection)
{
    limit_memory(connection->connections);
    if (connection->unread && connection->fd >= 0 && !connection->ended)
        receive(connection);
    connection->unread = false;
    if (connection->fd >= 0)
        process_lines(connection, CONNECTION_TIME);
}
