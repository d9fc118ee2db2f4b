/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Long results, made in slices, once for all who ask at the same time, and kept once for all who
 * have not read them yet.
 *
 * Whoever asks gets a result that was begun afterwards: so each object is told as it was at some
 * moment between request and reply. Who asks while a result is in the making waits for the next
 * one. The asker's connection waits with its further lines and its events. One thread.
 */
#pragma once

#include <stdbool.h>

#include "dispatch.h"
#include "segment.h"

TAILQ_HEAD(request_queue, request);

struct listing;
struct listing_text;
struct listings;

/* Where the making is; zeroed at its start. Objects come and go between two slices. */
struct listing_place {
    char segment[PARAMS_NAME_MAX + 1]; /* the last one told; "": none yet */
    struct domain_identity guest;      /* the last one begun */
    bool began_guest;                  /* there is such */
    bool inside_guest;                 /* not all of its attachments are told: */
    uint64_t address;                  /* those before this one are */
    size_t pool;
    uint64_t frame; /* of the pool, what is before it is told; 0: nothing */
};

struct listing_kind {
    /* Returns 0 or a refusal; NULL: nothing is to be prepared. */
    int (*begin)(struct state *state, struct error *error);
    /*
     * Adds to the text while listing_has_time(), and then once more at least: returns whether
     * anything is left.
     */
    bool (*step)(struct listing *listing);
};

/* One kind of result, of one pool or of all. */
struct listing {
    TAILQ_ENTRY(listing) link; /* in listings.idle or .busy */
    struct listings *listings;
    const struct listing_kind *kind;
    struct state *state;
    const struct dispatcher *dispatcher;
    const struct state_pool *pool; /* only this one; NULL: all */
    struct request_queue arriving; /* have to wait for the next result */
    struct request_queue waiting;  /* for the one in the making, or made */
    struct listing_place place;
    uint64_t slice_end; /* clock_microseconds() */
    bool making;
    bool failed;               /* no memory: this result is none */
    bool separate;             /* the next object stands behind another one */
    char *text;                /* owned */
    size_t length, size;       /* of the text */
    struct listing_text *made; /* what those who wait get; held */
    struct listing_text *last; /* the last one made, as long as somebody has it; not held */
};

/* Answers the request with a result of this kind, later. */
void listing_request(struct request *request, const struct listing_kind *kind,
                     const struct state_pool *pool);
/* Refuses what still waits. */
void listings_free(struct listings *listings);

/* For listing_kind.step: is there time for one more object? */
bool listing_has_time(const struct listing *listing);
/* Adds a piece of text. */
void listing_add_text(struct listing *listing, const char *text);
/* Begins an array. */
void listing_begin_list(struct listing *listing, const char *text);
/* Adds an object (stolen; NULL: no memory), behind a comma if it is not the list's first. */
void listing_add(struct listing *listing, json_t *object);
/* The same with an object that is left open, for listing_begin_list() and listing_end_list(). */
void listing_add_open(struct listing *listing, json_t *object);
void listing_end_list(struct listing *listing, const char *text);
