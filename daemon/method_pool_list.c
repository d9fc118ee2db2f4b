/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "describe.h"
#include "methods.h"

const struct params_field method_pool_list_fields[] = { PARAMS_END };

static const struct schema members[] = {
    { "pools", SCHEMA_REFERENCE, SCHEMA_LIST, .reference = "pool" },
    { NULL },
};

const struct schema method_pool_list_result = SCHEMA_WITH(members);
const int method_pool_list_errors[] = { 0 };

void method_pool_list(struct request *request, const void *args)
{
    json_t *pools = json_array();

    for (size_t i = 0; i < request->state->pool_count; i++)
        describe_append(&pools, describe_pool(&request->state->pools[i]));
    request_reply(request, json_pack("{s:o}", "pools", pools));
}
