/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "message.h"
#include "methods.h"
#include "operation_segment.h"

struct args {
    const char *name;
    uint64_t size;
    const char *pool;
    uint64_t align;
};

const struct params_field method_segment_alloc_fields[] = {
    PARAMS_FIELD(PARAMS_NAME, struct args, name, true, "name of the new segment"),
    PARAMS_FIELD(PARAMS_SIZE, struct args, size, true, "bytes, rounded up to whole pages"),
    PARAMS_FIELD(PARAMS_STRING, struct args, pool, false,
                 "its pool; default the first in which it fits"),
    PARAMS_FIELD(
        PARAMS_SIZE, struct args, align, false,
        "its host address is a multiple of so many bytes: a power of two, a page at least"),
    PARAMS_END,
};

const struct schema method_segment_alloc_result = SCHEMA_OF("segment");
const int method_segment_alloc_errors[] = {
    XENSHM_POOL_FULL,         XENSHM_POOL_UNKNOWN,   XENSHM_SEGMENT_EXISTS,
    XENSHM_PAGES_HELD,        XENSHM_HOLDER_UNKNOWN, XENSHM_BUSY,
    XENSHM_HYPERVISOR_FAILED, XENSHM_STORE_FAILED,   0
};

METHOD_ARGS_FIT(struct args);

static int check_align(uint64_t align, struct error *error)
{
    if (align == 0 || (align >= PAGE_SIZE && (align & (align - 1)) == 0))
        return 0;
    return error_set(error, MESSAGE_INVALID_PARAMS,
                     "Invalid params: 'align' must be a power of two, 4096 at least");
}

void method_segment_alloc(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    struct segment_alloc_request alloc = {
        .name = args->name,
        .size = args->size,
        .align = args->align,
        .uid = request->peer.uid,
    };
    struct error error = { 0 };

    if (check_align(args->align, &error) == 0 && args->pool) {
        alloc.pool = state_find_pool(request->state, args->pool);
        if (!alloc.pool)
            error_set(&error, XENSHM_POOL_UNKNOWN, "no pool is called '%s'", args->pool);
    }
    if (error.code ||
        operation_segment_alloc(request->state, &alloc, request_done, request, &error) != 0)
        request_refuse(request, &error);
}
