/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "message.h"
#include "methods.h"
#include "operation_create.h"
#include "share_params.h"

struct args {
    json_t *config;
    json_t *shares;
    bool paused;
};

const struct params_field method_guest_create_fields[] = {
    PARAMS_FIELD(PARAMS_JSON, struct args, config, true,
                 "libxl's configuration of a domain, as `xl create --dryrun` prints it"),
    PARAMS_FIELD(PARAMS_JSON, struct args, shares, false,
                 "what it is to have: [{size | segment, [name], [pool], [address]}], as for "
                 "guest.attach"),
    PARAMS_FIELD(PARAMS_BOOL, struct args, paused, false, "leave it paused"),
    PARAMS_END,
};

const struct schema method_guest_create_result = SCHEMA_OF("created");
const int method_guest_create_errors[] = {
    XENSHM_POOL_FULL,         XENSHM_POOL_UNKNOWN,   XENSHM_SEGMENT_EXISTS,
    XENSHM_SEGMENT_UNKNOWN,   XENSHM_GUEST_DYING,    XENSHM_ALREADY_ATTACHED,
    XENSHM_ADDRESS_IN_USE,    XENSHM_ADDRESS_IS_RAM, XENSHM_ADDRESS_RESERVED,
    XENSHM_PAGES_HELD,        XENSHM_HOLDER_UNKNOWN, XENSHM_UNSUPPORTED,
    XENSHM_CONFIG_INVALID,    XENSHM_GUEST_EXISTS,   XENSHM_BUSY,
    XENSHM_HYPERVISOR_FAILED, XENSHM_STORE_FAILED,   0
};

METHOD_ARGS_FIT(struct args);

/* One of `shares`. */
struct one {
    struct share_params share;
};

static const struct params_field share_fields[] = {
    SHARE_PARAMS_FIELDS(struct one, share),
    PARAMS_END,
};

static int read_share(struct request *request, json_t *item, struct create_share *ret_share,
                      struct error *error)
{
    struct one one = { 0 };
    const struct share_params *share = &one.share;
    struct state_pool *pool;

    if (!json_is_object(item))
        return error_set(error, MESSAGE_INVALID_PARAMS,
                         "Invalid params: 'shares' must be an array of objects");
    if (params_decode(share_fields, item, &one, error) ||
        share_params_check(share, " for each of 'shares'", request->state, &pool, error))
        return error->code;
    *ret_share = (struct create_share){
        .size = share->size,
        .segment = share->segment,
        .name = share->name,
        .pool = pool,
        .address = share->address,
    };
    return 0;
}

static int create(struct request *request, const struct args *args, struct error *error)
{
    size_t count = json_array_size(args->shares);
    _cleanup_(cleanup_free) struct create_share *shares = calloc(count + 1, sizeof(*shares));

    if (!shares)
        return error_set(error, MESSAGE_INTERNAL_ERROR, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (read_share(request, json_array_get(args->shares, i), &shares[i], error))
            return error->code;
    return operation_create(request->state,
                            &(struct create_request){
                                .config = args->config,
                                .shares = shares,
                                .share_count = count,
                                .paused = args->paused,
                                .uid = request->peer.uid,
                            },
                            request_done, request, error);
}

void method_guest_create(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    struct error error = { 0 };

    if (!json_is_object(args->config))
        error_set(&error, MESSAGE_INVALID_PARAMS, "Invalid params: 'config' must be an object");
    else if (args->shares && !json_is_array(args->shares))
        error_set(&error, MESSAGE_INVALID_PARAMS,
                  "Invalid params: 'shares' must be an array of objects");
    else if (create(request, args, &error) == 0)
        return;
    request_refuse(request, &error);
}
