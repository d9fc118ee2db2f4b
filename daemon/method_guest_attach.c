/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "message.h"
#include "methods.h"
#include "operation_attach.h"

struct args {
    char guest[PARAMS_GUEST_MAX];
    uint64_t size;
    const char *segment;
    const char *name;
    const char *pool;
    struct params_address address;
};

const struct params_field method_guest_attach_fields[] = {
    PARAMS_FIELD(PARAMS_GUEST, struct args, guest, true, "name, domid or UUID"),
    PARAMS_FIELD(PARAMS_SIZE, struct args, size, false,
                 "bytes of a new segment, rounded up to whole pages"),
    PARAMS_FIELD(PARAMS_NAME, struct args, segment, false, "an existing segment to share"),
    PARAMS_FIELD(PARAMS_NAME, struct args, name, false,
                 "name of the new segment; default <guest>-<n>"),
    PARAMS_FIELD(PARAMS_STRING, struct args, pool, false,
                 "pool of the new segment; default the first in which it fits"),
    PARAMS_FIELD(PARAMS_PLACE, struct args, address, false,
                 "guest address; \"identity\": the host address; default the pool's place"),
    PARAMS_END,
};

METHOD_ARGS_FIT(struct args);

static int check_args(const struct args *args, struct error *error)
{
    if (!args->size == !args->segment)
        return error_set(error, MESSAGE_INVALID_PARAMS,
                         "Invalid params: give either 'size' or 'segment'");
    if (args->segment && (args->name || args->pool))
        return error_set(error, MESSAGE_INVALID_PARAMS,
                         "Invalid params: '%s' is for a new segment, not for an existing one",
                         args->name ? "name" : "pool");
    return 0;
}

static int find_pool(struct request *request, const struct args *args, struct state_pool **ret_pool,
                     struct error *error)
{
    if (!args->pool)
        return 0;
    *ret_pool = state_find_pool(request->state, args->pool);
    return *ret_pool ? 0
                     : error_set(error, XENSHM_POOL_UNKNOWN, "no pool is called '%s'", args->pool);
}

void method_guest_attach(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    struct error error = { 0 };
    struct state_pool *pool = NULL;
    struct guest *guest;

    if (check_args(args, &error) == 0 && find_pool(request, args, &pool, &error) == 0 &&
        guest_lookup(&request->state->guests, request->state->hypervisor, args->guest, &guest,
                     &error) == 0) {
        struct attach_request attach = {
            .guest = guest->identity,
            .size = args->size,
            .segment = args->segment,
            .name = args->name,
            .pool = pool,
            .address = args->address,
            .uid = request->peer.uid,
            .looked = true,
        };

        if (operation_attach(request->state, &attach, request_done, request, &error) == 0)
            return;
    }
    request_refuse(request, &error);
}
