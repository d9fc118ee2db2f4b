/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "methods.h"
#include "operation_segment.h"

struct args {
    const char *name;
};

const struct params_field method_segment_free_fields[] = {
    PARAMS_FIELD(PARAMS_NAME, struct args, name, true, "the segment's name"),
    PARAMS_END,
};

const struct schema method_segment_free_result = SCHEMA_OF("segment");
const int method_segment_free_errors[] = {
    XENSHM_SEGMENT_UNKNOWN,   XENSHM_SEGMENT_IN_USE, XENSHM_BUSY,
    XENSHM_HYPERVISOR_FAILED, XENSHM_STORE_FAILED,   0
};

METHOD_ARGS_FIT(struct args);

void method_segment_free(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    struct error error = { 0 };

    if (operation_segment_free(request->state, args->name, request_done, request, &error) != 0)
        request_refuse(request, &error);
}
