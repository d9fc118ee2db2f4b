/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dispatch.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "audit_request.h"
#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "message.h"
#include "weight.h"

/*
 * The replies of a batch go out together, when the last one is there. Its requests are started one
 * after another, as the connection's task.
 */
struct batch {
    struct connection *connection;
    uint64_t taken_at;        /* its line, see struct request */
    json_t *requests;         /* array; owned */
    size_t next;              /* the first that is not started */
    struct evbuffer *replies; /* as text: trees would need ten times as much */
    size_t shared;            /* bytes of them that others have, too */
    size_t pending;
    bool subscribes; /* events wait until the replies are out */
    bool lost;       /* there was no memory for a reply: none goes out */
};

static void batch_free(struct batch *batch)
{
    json_decref(batch->requests);
    if (batch->replies)
        evbuffer_free(batch->replies);
    free(batch);
}

/* A batch of notifications gets no reply at all. */
static void batch_send(struct batch *batch)
{
    if (evbuffer_get_length(batch->replies) > 0 && evbuffer_add(batch->replies, "]\n", 2) < 0)
        batch->lost = true;
    if (batch->lost)
        connection_send(batch->connection, NULL);
    else if (evbuffer_get_length(batch->replies) > 0)
        connection_send_text(batch->connection, batch->replies, batch->shared);
}

static void batch_release(struct batch *batch)
{
    struct connection *connection = batch->connection;

    if (--batch->pending > 0)
        return;
    batch_send(batch);
    connection_collects(connection, 0);
    if (batch->subscribes)
        connection_release_events(connection);
    batch_free(batch);
    connection_release(connection);
}

static bool batch_begin_reply(struct batch *batch)
{
    return evbuffer_add(batch->replies, evbuffer_get_length(batch->replies) ? "," : "[", 1) == 0;
}

static void batch_end_reply(struct batch *batch, bool added, size_t shared)
{
    batch->lost |= !added;
    batch->shared += shared;
    connection_collects(batch->connection, evbuffer_get_length(batch->replies) - batch->shared);
}

/* All of the text is taken out of the buffer. */
static void batch_add_text(struct batch *batch, struct evbuffer *text, size_t shared)
{
    bool added = batch_begin_reply(batch) && evbuffer_add_buffer(batch->replies, text) == 0;

    batch_end_reply(batch, added, shared);
}

static void batch_add(struct batch *batch, json_t *reply)
{
    _cleanup_(cleanup_free) char *text = reply ? message_text(reply) : NULL;

    json_decref(reply);
    batch_end_reply(batch,
                    text && batch_begin_reply(batch) &&
                        evbuffer_add(batch->replies, text, strlen(text)) == 0,
                    0);
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
    if (request->changes)
        LIST_REMOVE(request, link);
    if (request->batch)
        batch_release(request->batch);
    connection_release(request->connection);
    json_decref(request->message);
    free(request);
}

const int dispatch_errors[] = {
    MESSAGE_INVALID_PARAMS, MESSAGE_INTERNAL_ERROR, XENSHM_PERMISSION_DENIED, XENSHM_TOO_MANY, 0,
};

const int dispatch_change_errors[] = { XENSHM_QUOTA_EXCEEDED, 0 };

static void count(struct state *state, size_t method, int code, uint64_t taken_at)
{
    metrics_count(&state->metrics, &(struct metrics_request){
                                       .method = method,
                                       .code = code,
                                       .microseconds = clock_microseconds() - taken_at,
                                   });
}

/* Whoever has asked, and whether or not it is still there to be answered. */
static void record(const struct request *request, int code, const json_t *reply)
{
    count(request->state, request->number, code, request->taken_at);
    audit_request_end(request, code, json_object_get(reply, "result"));
}

/* `code`: of the error that the reply is; 0: it is a result. */
static void request_end(struct request *request, int code, json_t *reply)
{
    record(request, code, reply);
    if (request->id)
        answer(request->connection, request->batch, reply);
    else
        json_decref(reply);
    request_free(request);
}

void request_refuse(struct request *request, const struct error *error)
{
    /* Not its message: that may quote what was sent. */
    log_debug("%s from uid %u is refused: %s", request->method->name, (unsigned)request->peer.uid,
              error_name(error->code));
    request_end(request, error->code, message_error(request->id, error));
}

void request_reply(struct request *request, json_t *result)
{
    struct error error = { 0 };

    if (!result) {
        error_set(&error, MESSAGE_INTERNAL_ERROR, "out of memory");
        request_refuse(request, &error);
        return;
    }
    request_end(request, 0, message_result(request->id, result));
}

void request_reply_descriptor(struct request *request, json_t *result, int fd)
{
    json_t *reply = message_result(request->id, result);

    record(request, 0, reply);
    connection_send_descriptor(request->connection, reply, fd);
    request_free(request);
}

/* The reply around the text of its result. Returns 0 or -1 without memory. */
static int wrap_text(json_t *id, struct evbuffer *text, struct evbuffer *reply)
{
    _cleanup_(cleanup_free) char *id_text = message_text(id);

    return id_text && evbuffer_add_printf(reply, "{\"jsonrpc\":\"2.0\",\"result\":") > 0 &&
                   evbuffer_add_buffer(reply, text) == 0 &&
                   evbuffer_add_printf(reply, ",\"id\":%s}", id_text) > 0
               ? 0
               : -1;
}

static void answer_text(struct request *request, struct evbuffer *reply, size_t shared)
{
    if (request->batch) {
        batch_add_text(request->batch, reply, shared);
        return;
    }
    evbuffer_add(reply, "\n", 1);
    connection_send_text(request->connection, reply, shared);
}

void request_reply_text(struct request *request, struct evbuffer *text, size_t shared)
{
    struct evbuffer *reply = evbuffer_new();

    if (!reply || (request->id && wrap_text(request->id, text, reply) < 0)) {
        request_reply(request, NULL);
    } else {
        count(request->state, request->number, 0, request->taken_at);
        if (request->id)
            answer_text(request, reply, shared);
        request_free(request);
    }
    if (reply)
        evbuffer_free(reply);
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

/* What was done, but cannot be told for want of memory, has not been refused: no answer at all. */
void request_done(void *context, json_t *result, const struct error *error)
{
    if (result || error->code)
        request_finish(context, result, error);
    else
        request_end(context, MESSAGE_INTERNAL_ERROR, NULL);
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

const struct method *dispatch_method(const struct dispatcher *dispatcher, size_t number)
{
    if (number == DISPATCH_NO_METHOD)
        return NULL;
    for (size_t t = 0; t < sizeof(dispatcher->tables) / sizeof(dispatcher->tables[0]); t++)
        for (const struct method *row = dispatcher->tables[t]; row && row->name; row++)
            if (--number == 0)
                return row;
    return NULL;
}

/* Sets method and number; false: there is none of that name. */
static bool find_method(struct request *request, const char *name)
{
    const struct dispatcher *dispatcher = request->dispatcher;
    size_t number = 0;

    for (size_t t = 0; t < sizeof(dispatcher->tables) / sizeof(dispatcher->tables[0]); t++)
        for (const struct method *row = dispatcher->tables[t]; row && row->name; row++) {
            number++;
            if (strcmp(row->name, name) == 0) {
                request->method = row;
                request->number = number;
                return true;
            }
        }
    return false;
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

/* A method without a table of fields has its parameters as they came: a json_t *, or NULL. */
static int decode(struct request *request, json_t *params, struct error *error)
{
    if (request->method->fields)
        return params_decode(request->method->fields, params, request->args, error);
    memcpy(request->args, &params, sizeof(params));
    return 0;
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

/* Requests that change something and are under way, of one user. */
static int check_quota(const struct request *request, struct error *error)
{
    const struct request *other;
    size_t count = 0;

    if (request->method->level <= ACCESS_READ || quota_exempt(request->peer.uid))
        return 0;
    LIST_FOREACH(other, &request->dispatcher->changes, link)
        count += other->peer.uid == request->peer.uid;
    return quota_check_request(&request->state->limits.quotas, request->peer.uid, count, error);
}

/* From here on it counts for the quota, until it is answered. */
static void begin(struct request *request)
{
    if (request->method->level <= ACCESS_READ)
        return;
    request->changes = true;
    LIST_INSERT_HEAD(&request->dispatcher->changes, request, link);
}

/* Finds, authorises and decodes. Returns 0 with method and args set, or a refusal. */
static int prepare(struct request *request, const struct message_request *message,
                   struct error *error)
{
    if (!find_method(request, message->method))
        return error_set(error, MESSAGE_METHOD_NOT_FOUND, "Method not found: '%s'",
                         message->method);
    if (check_batch(request, error) != 0 ||
        check_level(request->method, &request->peer, error) != 0 ||
        decode(request, message->params, error) != 0)
        return error->code;
    return check_quota(request, error);
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

/* What is refused before there is a request. */
static void refuse(struct connection *connection, struct batch *batch, const struct error *error)
{
    const struct dispatcher *dispatcher = connection_context(connection);

    count(dispatcher->state, DISPATCH_NO_METHOD, error->code, clock_microseconds());
    answer(connection, batch, message_error(NULL, error));
}

void dispatch_fault(struct connection *connection, const struct error *error)
{
    refuse(connection, NULL, error);
}

static void dispatch_one(struct connection *connection, struct batch *batch, json_t *value,
                         uint64_t taken_at)
{
    static const struct method unknown = { .name = "(no method)" };
    struct error error = { 0 };
    struct message_request message;
    struct request *request = request_new(connection, batch, value);

    if (!request) {
        error_set(&error, MESSAGE_INTERNAL_ERROR, "out of memory");
        refuse(connection, batch, &error);
        return;
    }
    request->method = &unknown;
    request->taken_at = taken_at;
    if (message_read_request(value, &message, &error) != 0) {
        /* Due in any case: what is no request is no notification either. */
        answer(connection, batch, message_error(message.id, &error));
        request_end(request, error.code, NULL);
        return;
    }
    request->id = message.id;
    if (prepare(request, &message, &error) != 0) {
        request_refuse(request, &error);
        return;
    }
    begin(request);
    request->method->call(request, request->args);
}

static bool batch_step(void *context)
{
    struct batch *batch = context;

    dispatch_one(batch->connection, batch, json_array_get(batch->requests, batch->next++),
                 batch->taken_at);
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
static struct batch *batch_new(struct connection *connection, json_t *requests, uint64_t taken_at)
{
    struct batch *batch = calloc(1, sizeof(*batch));

    if (!batch)
        return NULL;
    batch->connection = connection;
    batch->taken_at = taken_at;
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

static void dispatch_batch(struct connection *connection, json_t *array, uint64_t taken_at)
{
    struct error error = { 0 };
    struct batch *batch;
    size_t count = json_array_size(array);

    if (count == 0)
        error_set(&error, MESSAGE_INVALID_REQUEST, "Invalid Request: an empty batch");
    if (count > DISPATCH_BATCH_MAX)
        error_set(&error, XENSHM_TOO_MANY, "a batch of %zu requests, at most %d are taken", count,
                  DISPATCH_BATCH_MAX);
    batch = error.code ? NULL : batch_new(connection, array, taken_at);
    if (!batch) {
        if (!error.code)
            error_set(&error, MESSAGE_INTERNAL_ERROR, "out of memory");
        refuse(connection, NULL, &error);
        return;
    }
    connection_start_task(connection, &(struct connection_task){ batch_step, batch_drop, batch });
}

void dispatch_line(struct connection *connection, const char *line, size_t length)
{
    _cleanup_(cleanup_json) json_t *value = NULL;
    uint64_t taken_at = clock_microseconds();
    struct error error = { 0 };

    if (weight_check(line, length, &error) != 0 || message_parse(line, length, &value, &error) != 0)
        refuse(connection, NULL, &error);
    else if (json_is_array(value))
        dispatch_batch(connection, value, taken_at);
    else
        dispatch_one(connection, NULL, value, taken_at);
}
