/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "describe.h"
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

void method_pool_map(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    const struct state *state = request->state;
    struct error error = { 0 };
    json_t *runs = json_array();
    int r = 0;

    if (args->pool && !state_find_pool(request->state, args->pool))
        error_set(&error, XENSHM_POOL_UNKNOWN, "no pool is called '%s'", args->pool);
    for (size_t i = 0; i < state->pool_count && r == 0; i++)
        if (!args->pool || strcmp(state->pools[i].name, args->pool) == 0)
            r = describe_runs(state, &state->pools[i], runs);
    if (r < 0) {
        json_decref(runs);
        runs = NULL;
    }
    request_finish(request, json_pack("{s:o}", "runs", runs), &error);
}
