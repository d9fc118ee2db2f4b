/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "describe.h"
#include "methods.h"

struct args {
    const char *name;
};

const struct params_field method_segment_show_fields[] = {
    PARAMS_FIELD(PARAMS_NAME, struct args, name, true, "the segment's name"),
    PARAMS_END,
};

const struct schema method_segment_show_result = SCHEMA_OF("segment");
const int method_segment_show_errors[] = { XENSHM_SEGMENT_UNKNOWN, 0 };

METHOD_ARGS_FIT(struct args);

void method_segment_show(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    const struct segment *segment = segment_find(&request->state->segments, args->name);
    struct error error = { 0 };

    if (!segment)
        error_set(&error, XENSHM_SEGMENT_UNKNOWN, "no segment is called '%s'", args->name);
    request_finish(request, segment ? describe_segment_status(segment, request->state) : NULL,
                   &error);
}
