/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a line to a method and back: batches, notifications, authorisation, decoding.
 *
 * A method is called only through its row in a table, and only after the caller's level has been
 * checked and all parameters decoded. Exactly one reply goes out for each request. One thread.
 */
#pragma once

#include <sys/queue.h>

#include <jansson.h>

#include "access.h"
#include "connection.h"
#include "error.h"
#include "params.h"
#include "schema.h"
#include "state.h"

struct request;
struct listings;
struct evbuffer;

/* Room for the struct that a method's fields decode into; each method asserts that it fits. */
#define METHOD_ARGS_MAX 512
#define METHOD_ARGS_FIT(type)                                                                      \
    _Static_assert(sizeof(type) <= METHOD_ARGS_MAX, "the parameters of a method are too large")

/* One row. A table ends with a row whose name is NULL. */
struct method {
    const char *name;
    enum access_level level;
    const struct params_field *fields; /* NULL: takes parameters as they come, see decode() */
    /* Must end in exactly one request_reply() or request_refuse(), now or later. */
    void (*call)(struct request *request, const void *args);
    const char *text;            /* one line for rpc.discover */
    const struct schema *result; /* for rpc.discover */
    const int *errors; /* its own refusals for rpc.discover, then 0; see dispatch_errors too */
};

/* Of a dispatcher: those that change something. */
LIST_HEAD(request_list, request);

struct dispatcher {
    struct state *state;
    struct connections *connections;
    const struct method *tables[2]; /* the methods; those of the simulator, or NULL */
    struct request_list changes;    /* begun, and not answered; does not own them */
    uint64_t started_at;            /* clock_milliseconds() */
    double start_time;              /* the same moment in seconds of Unix time */
    uint64_t max_connections;
    struct listings *listings; /* NULL before the first one, see listing.h */
};

/* A call in progress. */
struct request {
    struct dispatcher *dispatcher;
    struct state *state; /* the dispatcher's, at hand */
    const struct method *method;
    size_t number;           /* of the method, see dispatch_method() */
    uint64_t taken_at;       /* when its line came to be looked at; clock_microseconds() */
    struct access_peer peer; /* from the kernel, never from the message */
    struct connection *connection;
    struct batch *batch;      /* NULL: a single request */
    json_t *message;          /* keeps id and parameters alive; owned */
    json_t *id;               /* in message; NULL: a notification */
    LIST_ENTRY(request) link; /* in dispatcher.changes, if `changes` */
    bool changes;
    TAILQ_ENTRY(request) waiting; /* of a listing's, while it waits for that */
    _Alignas(8) char args[METHOD_ARGS_MAX];
};

/* Requests in one batch at most. */
#define DISPATCH_BATCH_MAX 100
/* Further requests of a batch are refused when its replies have so many bytes. */
#define DISPATCH_BATCH_REPLIES (1024 * 1024)

/* Requests without a method of ours have this number. */
#define DISPATCH_NO_METHOD METRICS_NO_METHOD
/* The rows of all tables, numbered from 1; NULL past the last, and for 0. */
const struct method *dispatch_method(const struct dispatcher *dispatcher, size_t number);
/* The refusals that any method may answer with, besides its own; then 0. */
extern const int dispatch_errors[];
/* And by each that changes something, one that needs more than the right to read. */
extern const int dispatch_change_errors[];

/* For connections.on_line; the connection's context is the dispatcher. */
void dispatch_line(struct connection *connection, const char *line, size_t length);
/* For connections.on_fault: answers what is not even a line. */
void dispatch_fault(struct connection *connection, const struct error *error);

/* End a request. `result` is stolen; NULL is an internal error. */
void request_reply(struct request *request, json_t *result);
void request_refuse(struct request *request, const struct error *error);
/* With a descriptor (taken over) beside the reply; not for notifications, nor in a batch. */
void request_reply_descriptor(struct request *request, json_t *result, int fd);
/*
 * Subscribes the request's client to these types of events, see connection_subscribe(). They go out
 * after the request's reply. Returns 0 or -ENOMEM.
 */
int request_subscribe(struct request *request, events_set types);
/*
 * With the text of the result, which is taken out of the buffer. `shared`: bytes in it that are
 * kept for others as well.
 */
void request_reply_text(struct request *request, struct evbuffer *text, size_t shared);
/* As operation_done_fn; the context is the request. */
void request_done(void *context, json_t *result, const struct error *error);

/* A reply without parameters or waiting: result, or the error that is set. */
void request_finish(struct request *request, json_t *result, const struct error *error);
