/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "describe.h"
#include "listing.h"
#include "methods.h"

struct args {
    const char *pool;
};

const struct params_field method_pool_map_fields[] = {
    PARAMS_FIELD(PARAMS_STRING, struct args, pool, false, "only this pool"),
    PARAMS_END,
};

static const struct schema members[] = {
    { "runs", SCHEMA_REFERENCE, SCHEMA_LIST, .reference = "run" },
    { NULL },
};

const struct schema method_pool_map_result = SCHEMA_WITH(members);
const int method_pool_map_errors[] = { XENSHM_POOL_UNKNOWN, 0 };

METHOD_ARGS_FIT(struct args);

/* The runs of a pool from place->frame on. Returns whether some are left. */
static bool add_runs(struct listing *listing, const struct state_pool *pool)
{
    const struct pool_run *run = pool_first_run(pool->pool);

    for (; run; run = pool_next_run(run)) {
        struct mfn_range frames = pool_run_frames(run);
        uint64_t end = frames.first.v + frames.count;

        if (end <= listing->place.frame)
            continue;
        if (!listing_has_time(listing))
            return true;
        /* It may have grown towards those that are told already. */
        listing_add(listing, describe_run(listing->state, pool, run, mfn(listing->place.frame)));
        listing->place.frame = end;
    }
    return false;
}

static bool step(struct listing *listing)
{
    const struct state *state = listing->state;
    struct listing_place *place = &listing->place;

    if (listing->length == 0)
        listing_begin_list(listing, "{\"runs\":[");
    for (; place->pool < state->pool_count; place->pool++, place->frame = 0) {
        const struct state_pool *pool = &state->pools[place->pool];

        if ((!listing->pool || listing->pool == pool) && add_runs(listing, pool))
            return true;
    }
    listing_end_list(listing, "]}");
    return false;
}

static const struct listing_kind kind = { .step = step };

void method_pool_map(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    const struct state_pool *pool = args->pool ? state_find_pool(request->state, args->pool) : NULL;
    struct error error = { 0 };

    if (!args->pool || pool) {
        listing_request(request, &kind, pool);
        return;
    }
    error_set(&error, XENSHM_POOL_UNKNOWN, "no pool is called '%s'", args->pool);
    request_refuse(request, &error);
}
