/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listing.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "cleanup.h"
#include "clock.h"
#include "listing_text.h"
#include "message.h"
#include "pace.h"

/* What one turn of the loop gives to all listings together. */
#define LISTING_SLICE 2000 /* microseconds */
#define LISTING_ROOM 4096  /* of the text, at first */

TAILQ_HEAD(listing_list, listing);

struct listings {
    struct listing_list busy; /* somebody waits */
    struct listing_list idle;
    struct budget *budget;
    struct event *turn;
};

/* ---- the text */

bool listing_has_time(const struct listing *listing)
{
    return clock_microseconds() < listing->slice_end && !listing->failed;
}

static bool reserve(struct listing *listing, size_t wanted)
{
    size_t size = listing->size ? listing->size : LISTING_ROOM;
    char *text;

    while (size - listing->length < wanted)
        size *= 2;
    if (size == listing->size)
        return true;
    text = realloc(listing->text, size);
    listing->failed = !text;
    if (text) {
        listing->text = text;
        listing->size = size;
    }
    return text;
}

static void add_bytes(struct listing *listing, const char *text, size_t length)
{
    if (listing->failed || !reserve(listing, length))
        return;
    memcpy(listing->text + listing->length, text, length);
    listing->length += length;
}

void listing_add_text(struct listing *listing, const char *text)
{
    add_bytes(listing, text, strlen(text));
}

void listing_begin_list(struct listing *listing, const char *text)
{
    listing_add_text(listing, text);
    listing->separate = false;
}

void listing_end_list(struct listing *listing, const char *text)
{
    listing_add_text(listing, text);
    listing->separate = true;
}

/* Without the last `less` bytes. */
static void add_object(struct listing *listing, json_t *object, size_t less)
{
    _cleanup_(cleanup_free) char *text = object ? message_text(object) : NULL;

    json_decref(object);
    listing->failed |= !text;
    if (!text)
        return;
    if (listing->separate)
        listing_add_text(listing, ",");
    add_bytes(listing, text, strlen(text) - less);
    listing->separate = true;
}

void listing_add(struct listing *listing, json_t *object)
{
    add_object(listing, object, 0);
}

void listing_add_open(struct listing *listing, json_t *object)
{
    add_object(listing, object, strlen("}"));
}

/* ---- those who wait */

/* The request has its answer. */
static void let_go(struct connection *connection)
{
    connection_unblock(connection);
    connection_release(connection);
}

static struct request *take(struct request_queue *list)
{
    struct request *request = TAILQ_FIRST(list);

    if (request)
        TAILQ_REMOVE(list, request, waiting);
    return request;
}

static void refuse_all(struct request_queue *list, const struct error *error)
{
    struct request *request;

    while ((request = take(list))) {
        struct connection *connection = request->connection;

        request_refuse(request, error);
        let_go(connection);
    }
}

static void refuse_without_memory(struct request_queue *list)
{
    struct error error = { 0 };

    error_set(&error, MESSAGE_INTERNAL_ERROR, "out of memory");
    refuse_all(list, &error);
}

static void give(struct request *request, struct listing_text *text)
{
    struct connection *connection = request->connection;
    struct evbuffer *result = evbuffer_new();
    size_t shared;

    if (result && listing_text_append(text, result, &shared) == 0)
        request_reply_text(request, result, shared);
    else
        request_reply(request, NULL);
    if (result)
        evbuffer_free(result);
    let_go(connection);
}

/* ---- the making */

static void begin(struct listing *listing)
{
    struct error error = { 0 };

    TAILQ_CONCAT(&listing->waiting, &listing->arriving, waiting);
    listing->place = (struct listing_place){ 0 };
    listing->length = 0;
    listing->failed = listing->separate = false;
    if (listing->kind->begin && listing->kind->begin(listing->state, &error) != 0)
        refuse_all(&listing->waiting, &error);
    else
        listing->making = true;
}

/* Nothing has changed since the last one, as often: then there is one text less. */
static void take_made(struct listing *listing)
{
    char *text = steal_pointer(&listing->text);
    size_t length = listing->length;
    char *small = realloc(text, length + 1);

    listing->size = 0;
    listing->made = listing_text_same(listing->last, small ? small : text, length);
    if (listing->made) {
        free(small ? small : text);
        return;
    }
    listing_text_supersede(listing->last);
    listing->last = NULL;
    listing->made =
        listing_text_new(small ? small : text, length, listing->listings->budget, &listing->last);
}

static void make(struct listing *listing)
{
    if (listing->kind->step(listing) && !listing->failed)
        return;
    listing->making = false;
    if (!listing->failed)
        take_made(listing);
    if (!listing->made)
        refuse_without_memory(&listing->waiting);
}

static void hand_out(struct listing *listing)
{
    struct request *request;

    while (listing_has_time(listing) && (request = take(&listing->waiting)))
        give(request, listing->made);
    if (TAILQ_EMPTY(&listing->waiting))
        listing->made = listing_text_unref(listing->made);
}

static void slice(struct listing *listing)
{
    listing->slice_end = clock_microseconds() + LISTING_SLICE;
    if (!listing->making && !listing->made)
        begin(listing);
    if (listing->making)
        make(listing);
    if (listing->made)
        hand_out(listing);
}

static bool is_busy(const struct listing *listing)
{
    return listing->making || listing->made || !TAILQ_EMPTY(&listing->arriving);
}

/* One slice to the listing that waited longest. */
static void turn(evutil_socket_t fd, short what, void *context)
{
    struct listings *listings = context;
    struct listing *listing = TAILQ_FIRST(&listings->busy);
    struct pace pace = pace_begin();

    if (!listing)
        return;
    slice(listing);
    TAILQ_REMOVE(&listings->busy, listing, link);
    if (is_busy(listing))
        TAILQ_INSERT_TAIL(&listings->busy, listing, link);
    else
        TAILQ_INSERT_TAIL(&listings->idle, listing, link);
    /* It was added before: the loop has the memory for it. */
    if (!TAILQ_EMPTY(&listings->busy))
        pace_next(listings->turn, pace_rest(pace));
}

/* ---- the listings */

static struct listings *listings_of(struct dispatcher *dispatcher)
{
    struct listings *listings = dispatcher->listings;

    if (listings)
        return listings;
    listings = calloc(1, sizeof(*listings));
    if (!listings)
        return NULL;
    TAILQ_INIT(&listings->busy);
    TAILQ_INIT(&listings->idle);
    listings->budget = &dispatcher->connections->output;
    listings->turn = event_new(dispatcher->state->base, -1, 0, turn, listings);
    if (!listings->turn) {
        free(listings);
        return NULL;
    }
    dispatcher->listings = listings;
    return listings;
}

static struct listing *find(struct listing_list *list, const struct listing_kind *kind,
                            const struct state_pool *pool)
{
    struct listing *listing;

    TAILQ_FOREACH(listing, list, link) {
        if (listing->kind == kind && listing->pool == pool)
            return listing;
    }
    return NULL;
}

static struct listing *listing_new(struct listings *listings, const struct request *request,
                                   const struct listing_kind *kind, const struct state_pool *pool)
{
    struct listing *listing = calloc(1, sizeof(*listing));

    if (!listing)
        return NULL;
    listing->listings = listings;
    listing->kind = kind;
    listing->pool = pool;
    listing->state = request->state;
    listing->dispatcher = request->dispatcher;
    TAILQ_INIT(&listing->arriving);
    TAILQ_INIT(&listing->waiting);
    TAILQ_INSERT_TAIL(&listings->idle, listing, link);
    return listing;
}

/* The one, which is busy from now on; NULL without memory. */
static struct listing *get(struct request *request, const struct listing_kind *kind,
                           const struct state_pool *pool)
{
    struct listings *listings = listings_of(request->dispatcher);
    struct listing *listing = listings ? find(&listings->busy, kind, pool) : NULL;

    if (listing || !listings)
        return listing;
    listing = find(&listings->idle, kind, pool);
    if (!listing)
        listing = listing_new(listings, request, kind, pool);
    /* Without a turn it would keep who asks waiting for ever. */
    if (!listing || pace_next(listings->turn, (struct timeval){ 0 }) < 0)
        return NULL;
    TAILQ_REMOVE(&listings->idle, listing, link);
    TAILQ_INSERT_TAIL(&listings->busy, listing, link);
    return listing;
}

void listing_request(struct request *request, const struct listing_kind *kind,
                     const struct state_pool *pool)
{
    struct listing *listing = get(request, kind, pool);

    if (!listing) {
        request_reply(request, NULL);
        return;
    }
    TAILQ_INSERT_TAIL(&listing->arriving, request, waiting);
    connection_hold(request->connection);
    connection_block(request->connection);
}

static void listing_free(struct listing *listing)
{
    refuse_without_memory(&listing->arriving);
    refuse_without_memory(&listing->waiting);
    listing_text_unref(listing->made);
    free(listing->text);
    free(listing);
}

void listings_free(struct listings *listings)
{
    struct listing *listing;

    if (!listings)
        return;
    TAILQ_CONCAT(&listings->idle, &listings->busy, link);
    while ((listing = TAILQ_FIRST(&listings->idle))) {
        TAILQ_REMOVE(&listings->idle, listing, link);
        listing_free(listing);
    }
    event_free(listings->turn);
    free(listings);
}
