/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dispatch.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "cleanup.h"
#include "log.h"
#include "message.h"

/*
 * The replies of a batch go out together, when the last one is there. Its requests are started one
 * after another, as the connection's task.
 */
struct batch {
    struct connection *connection;
    json_t *requests;         /* array; owned */
    size_t next;              /* the first that is not started */
    struct evbuffer *replies; /* as text: trees would need ten times as much */
    size_t pending;
    bool subscribes; /* events wait until the replies are out */
};

static void batch_free(struct batch *batch)
{
    json_decref(batch->requests);
    if (batch->replies)
        evbuffer_free(batch->replies);
    free(batch);
}

static void batch_release(struct batch *batch)
{
    struct connection *connection = batch->connection;

    if (--batch->pending > 0)
        return;
    /* A batch of notifications gets no reply at all. */
    if (evbuffer_get_length(batch->replies) > 0) {
        evbuffer_add(batch->replies, "]\n", 2);
        connection_send_text(connection, batch->replies);
    }
    if (batch->subscribes)
        connection_release_events(connection);
    batch_free(batch);
    connection_release(connection);
}

static void batch_add(struct batch *batch, json_t *reply)
{
    _cleanup_(cleanup_free) char *text = reply ? message_text(reply) : NULL;

    json_decref(reply);
    if (!text) {
        log_error("out of memory: a reply is lost");
        return;
    }
    evbuffer_add(batch->replies, evbuffer_get_length(batch->replies) ? "," : "[", 1);
    evbuffer_add(batch->replies, text, strlen(text));
}

static void answer(struct connection *connection, struct batch *batch, json_t *reply)
{
    if (batch)
        batch_add(batch, reply);
    else
        connection_send(connection, reply);
}

static void request_free(struct request *request)
{
    if (request->batch)
        batch_release(request->batch);
    connection_release(request->connection);
    json_decref(request->message);
    free(request);
}

static void request_end(struct request *request, json_t *reply)
{
    if (request->id)
        answer(request->connection, request->batch, reply);
    else
        json_decref(reply);
    request_free(request);
}

void request_refuse(struct request *request, const struct error *error)
{
    log_debug("%s from uid %u: %s", request->method->name, (unsigned)request->peer.uid,
              error->message);
    request_end(request, message_error(request->id, error));
}

void request_reply(struct request *request, json_t *result)
{
    struct error error = { 0 };

    if (!result) {
        error_set(&error, MESSAGE_INTERNAL_ERROR, "out of memory");
        request_refuse(request, &error);
        return;
    }
    request_end(request, message_result(request->id, result));
}

void request_reply_descriptor(struct request *request, json_t *result, int fd)
{
    connection_send_descriptor(request->connection, message_result(request->id, result), fd);
    request_free(request);
}

int request_subscribe(struct request *request, events_set types)
{
    struct batch *batch = request->batch;
    int r = connection_subscribe(request->connection, &request->state->events, types);

    if (r == 0 && batch && !batch->subscribes) {
        batch->subscribes = true;
        connection_hold_events(request->connection);
    }
    return r;
}

void request_done(void *context, json_t *result, const struct error *error)
{
    request_finish(context, result, error);
}

void request_finish(struct request *request, json_t *result, const struct error *error)
{
    if (error->code) {
        json_decref(result);
        request_refuse(request, error);
    } else {
        request_reply(request, result);
    }
}

static const struct method *find_method(const struct dispatcher *dispatcher, const char *name)
{
    for (size_t t = 0; t < sizeof(dispatcher->tables) / sizeof(dispatcher->tables[0]); t++) {
        const struct method *method = dispatcher->tables[t];

        for (; method && method->name; method++)
            if (strcmp(method->name, name) == 0)
                return method;
    }
    return NULL;
}

static int check_level(const struct method *method, const struct access_peer *peer,
                       struct error *error)
{
    if (peer->level >= method->level)
        return 0;
    return error_set(error, XENSHM_PERMISSION_DENIED, "%s needs the right to %s, uid %u has %s",
                     method->name, access_level_name(method->level), (unsigned)peer->uid,
                     peer->level == ACCESS_NONE ? "none" : access_level_name(peer->level));
}

/* Finds, authorises and decodes. Returns 0 with method and args set, or a refusal. */
static int prepare(struct request *request, const struct message_request *message,
                   struct error *error)
{
    const struct method *method = find_method(request->dispatcher, message->method);
    int r;

    if (!method)
        return error_set(error, MESSAGE_METHOD_NOT_FOUND, "Method not found: '%s'",
                         message->method);
    request->method = method;
    r = check_level(method, &request->peer, error);
    if (r)
        return r;
    return params_decode(method->fields, message->params, request->args, error);
}

/* A line is bounded, so what it makes the daemon hold is to be, too. */
static int check_batch(const struct request *request, struct error *error)
{
    if (!request->batch || !request->id ||
        evbuffer_get_length(request->batch->replies) < DISPATCH_BATCH_REPLIES)
        return 0;
    error_set(error, XENSHM_TOO_MANY, "the replies before this one fill the batch, with %zu bytes",
              evbuffer_get_length(request->batch->replies));
    return error_set_hint(error, "ask again, outside of this batch");
}

static struct request *request_new(struct connection *connection, struct batch *batch,
                                   json_t *value)
{
    struct request *request = calloc(1, sizeof(*request));

    if (!request)
        return NULL;
    request->dispatcher = connection_context(connection);
    request->state = request->dispatcher->state;
    request->peer = *connection_peer(connection);
    request->connection = connection;
    request->batch = batch;
    request->message = json_incref(value);
    connection_hold(connection);
    if (batch)
        batch->pending++;
    return request;
}

static void dispatch_one(struct connection *connection, struct batch *batch, json_t *value)
{
    static const struct method unknown = { .name = "(no method)" };
    struct error error = { 0 };
    struct message_request message;
    struct request *request = request_new(connection, batch, value);

    if (!request) {
        error_set(&error, MESSAGE_INTERNAL_ERROR, "out of memory");
        answer(connection, batch, message_error(NULL, &error));
        return;
    }
    request->method = &unknown;
    if (message_read_request(value, &message, &error) != 0) {
        /* Due in any case: what is no request is no notification either. */
        answer(connection, batch, message_error(message.id, &error));
        request_end(request, NULL);
        return;
    }
    request->id = message.id;
    if (check_batch(request, &error) != 0 || prepare(request, &message, &error) != 0)
        request_refuse(request, &error);
    else
        request->method->call(request, request->args);
}

static bool batch_step(void *context)
{
    struct batch *batch = context;

    dispatch_one(batch->connection, batch, json_array_get(batch->requests, batch->next++));
    if (batch->next < json_array_size(batch->requests))
        return true;
    batch_release(batch);
    return false;
}

static void batch_drop(void *context)
{
    batch_release(context);
}

/* Returns the batch, held by its requests that are not started; or NULL without memory. */
static struct batch *batch_new(struct connection *connection, json_t *requests)
{
    struct batch *batch = calloc(1, sizeof(*batch));

    if (!batch)
        return NULL;
    batch->connection = connection;
    batch->requests = json_incref(requests);
    batch->pending = 1;
    batch->replies = evbuffer_new();
    if (!batch->replies) {
        batch_free(batch);
        return NULL;
    }
    connection_hold(connection);
    return batch;
}

static void dispatch_batch(struct connection *connection, json_t *array)
{
    struct error error = { 0 };
    struct batch *batch;
    size_t count = json_array_size(array);

    if (count == 0)
        error_set(&error, MESSAGE_INVALID_REQUEST, "Invalid Request: an empty batch");
    if (count > DISPATCH_BATCH_MAX)
        error_set(&error, XENSHM_TOO_MANY, "a batch of %zu requests, at most %d are taken", count,
                  DISPATCH_BATCH_MAX);
    batch = error.code ? NULL : batch_new(connection, array);
    if (!batch) {
        if (!error.code)
            error_set(&error, MESSAGE_INTERNAL_ERROR, "out of memory");
        connection_send(connection, message_error(NULL, &error));
        return;
    }
    connection_start_task(connection, &(struct connection_task){ batch_step, batch_drop, batch });
}

void dispatch_line(struct connection *connection, const char *line, size_t length)
{
    _cleanup_(cleanup_json) json_t *value = NULL;
    struct error error = { 0 };

    if (message_parse(line, length, &value, &error) != 0)
        connection_send(connection, message_error(NULL, &error));
    else if (json_is_array(value))
        dispatch_batch(connection, value);
    else
        dispatch_one(connection, NULL, value);
}
