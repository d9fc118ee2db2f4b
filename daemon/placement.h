/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where things go: which pages a new segment gets, and at which guest address it is attached.
 * Changes memory only; nothing outside. One thread.
 */
#pragma once

#include "error.h"
#include "state.h"

struct placement_request {
    const char *name;        /* "": <guest>-<n> */
    const char *guest;       /* for that; else not looked at */
    struct state_pool *pool; /* NULL: the first, by host address, in which it fits */
    uint64_t pages;
    uint64_t align; /* pages; a power of two */
    uint32_t uid;   /* whose it will be, and for whose quota it counts */
};

/* A new segment with claimed pages. Returns 0, or a refusal in *error and nothing changed. */
int placement_segment(struct state *state, const struct placement_request *request,
                      struct segment **ret_segment, struct error *error);

struct placement {
    gfn_t first;
    char warning[160]; /* "" or one line for the user */
};

/*
 * The checked guest address for a segment: given, identity (guest address = host address), or the
 * default, which is the pool's place plus the segment's offset in the pool.
 * Returns 0, or a refusal: ADDRESS_IS_RAM, ADDRESS_RESERVED, ADDRESS_IN_USE.
 */
int placement_address(struct state *state, const struct guest *guest, const struct segment *segment,
                      const struct params_address *address, struct placement *ret_placement,
                      struct error *error);
