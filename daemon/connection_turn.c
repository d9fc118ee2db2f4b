/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Turns of connections that have more to be done than others should wait for. */
#include <errno.h>

#include <event2/event.h>

#include "connection_private.h"
#include "pace.h"

static struct connection_queue *queue_of(struct connection *connection)
{
    return &connection->connections->queues[connection->peer.level == ACCESS_NONE];
}

/* Returns 0 or -ENOMEM. */
static int next_turn(struct connection_queue *queue, struct timeval rest)
{
    return TAILQ_EMPTY(&queue->list) ? 0 : pace_next(queue->turn, rest);
}

int connection_enter_queue(struct connection *connection)
{
    struct connection_queue *queue = queue_of(connection);

    if (connection->queued)
        return 0;
    connection->queued = true;
    TAILQ_INSERT_TAIL(&queue->list, connection, queue_link);
    return queue->busy ? 0 : next_turn(queue, (struct timeval){ 0 });
}

void connection_leave_queue(struct connection *connection)
{
    if (connection->queued)
        TAILQ_REMOVE(&queue_of(connection)->list, connection, queue_link);
    connection->queued = false;
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
    connection_leave_queue(connection);
    connection_hold(connection);
    connection_take_turn(connection);
    connection_release(connection);
    queue->busy = false;
    /* It was added before: the loop has the memory for it. */
    next_turn(queue, pace_rest(pace));
}

int connection_make_queue(struct connections *connections, size_t number)
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
