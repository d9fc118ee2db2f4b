/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a connection, and the one call that all others are made of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "cleanup.h"
#include "library.h"

static struct xenshm *new_connection(unsigned timeout)
{
    struct xenshm *connection = calloc(1, sizeof(*connection));

    if (!connection)
        return NULL;
    connection->timeout = timeout;
    queue_init(&connection->events);
    return connection;
}

static void cleanup_connection(struct xenshm **connection)
{
    xenshm_close(*connection);
}

static const char *default_path(void)
{
    const char *path = secure_getenv("XENSHM_SOCKET");

    return path && *path ? path : XENSHM_DEFAULT_SOCKET;
}

int xenshm_connect_within(const char *path, unsigned seconds, struct xenshm **ret_connection)
{
    struct stream stream;
    _cleanup_(cleanup_connection) struct xenshm *connection = NULL;
    int r;

    path = path ? path : default_path();
    r = stream_open(&stream, path, seconds);
    if (r == 0)
        connection = new_connection(seconds);
    if (!connection) {
        stream_clear(&stream);
        return r ? r : -ENOMEM;
    }
    connection->stream = stream;
    connection->path = strdup(path);
    if (!connection->path)
        return -ENOMEM;
    *ret_connection = steal_pointer(&connection);
    return 0;
}

int xenshm_connect(const char *path, struct xenshm **ret_connection)
{
    return xenshm_connect_within(path, XENSHM_DEFAULT_TIMEOUT, ret_connection);
}

int xenshm_connect_fd(int fd, struct xenshm **ret_connection)
{
    struct stream stream;
    struct xenshm *connection = NULL;
    int r = stream_take(&stream, fd);

    if (r == 0)
        connection = new_connection(XENSHM_DEFAULT_TIMEOUT);
    if (!connection) {
        stream_clear(&stream);
        return r ? r : -ENOMEM;
    }
    connection->stream = stream;
    *ret_connection = connection;
    return 0;
}

void connection_end(struct xenshm *connection)
{
    connection->ended = true;
    stream_clear(&connection->stream);
}

void xenshm_close(struct xenshm *connection)
{
    if (!connection)
        return;
    stream_clear(&connection->stream);
    queue_clear(&connection->events);
    free(connection->path);
    free(connection);
}

void xenshm_set_timeout(struct xenshm *connection, unsigned seconds)
{
    connection->timeout = seconds;
}

int xenshm_fd(const struct xenshm *connection)
{
    return connection->stream.fd;
}

void xenshm_free(void *result)
{
    free(result);
}

int xenshm_call(struct xenshm *connection, const char *method, const char *params,
                char **ret_result)
{
    struct arguments arguments;

    arguments_begin(&arguments);
    if (params)
        arguments_json(&arguments, NULL, params);
    return arguments_call_text(connection, method, &arguments, ret_result);
}
