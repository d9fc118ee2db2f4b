/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one segment for a guest is asked for by, in guest.attach and in each of guest.create's
 * shares: a new one of a size, or an existing one. One thread.
 */
#pragma once

#include "params.h"
#include "state.h"

struct share_params {
    uint64_t size;       /* bytes; 0: not given */
    const char *segment; /* borrowed from the request, as all texts */
    const char *name;
    const char *pool;
    struct params_address address;
};

/* Rows of a field table, for a struct share_params that is `member` of `structure`. */
/* clang-format off */
#define SHARE_PARAMS_FIELDS(structure, member)                                                     \
    { "size", PARAMS_SIZE, offsetof(structure, member.size), false,                                \
      "bytes of a new segment, rounded up to whole pages" },                                       \
    { "segment", PARAMS_NAME, offsetof(structure, member.segment), false,                          \
      "an existing segment to share" },                                                            \
    { "name", PARAMS_NAME, offsetof(structure, member.name), false,                                \
      "name of the new segment; default <guest>-<n>" },                                            \
    { "pool", PARAMS_STRING, offsetof(structure, member.pool), false,                              \
      "pool of the new segment; default the first in which it fits" },                             \
    { "address", PARAMS_PLACE, offsetof(structure, member.address), false,                         \
      "guest address; \"identity\": the host address; default the pool's place" }
/* clang-format on */

/*
 * Do these go together, and is there such a pool? *ret_pool is NULL where none is named. Returns 0,
 * or the code of a refusal; "of each of 'shares'" is what `where` adds to its text, or "".
 */
int share_params_check(const struct share_params *share, const char *where, struct state *state,
                       struct state_pool **ret_pool, struct error *error);
