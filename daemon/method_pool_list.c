/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "describe.h"
#include "methods.h"

const struct params_field method_pool_list_fields[] = { PARAMS_END };

void method_pool_list(struct request *request, const void *args)
{
    json_t *pools = json_array();

    for (size_t i = 0; i < request->state->pool_count; i++)
        describe_append(&pools, describe_pool(&request->state->pools[i]));
    request_reply(request, json_pack("{s:o}", "pools", pools));
}
