/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "describe.h"
#include "methods.h"

const struct params_field method_segment_list_fields[] = { PARAMS_END };

static const struct schema members[] = {
    { "segments", SCHEMA_REFERENCE, SCHEMA_LIST, .reference = "segment" },
    { NULL },
};

const struct schema method_segment_list_result = SCHEMA_WITH(members);
const int method_segment_list_errors[] = { 0 };

void method_segment_list(struct request *request, const void *args)
{
    json_t *segments = json_array();
    struct segment *segment = segment_first(&request->state->segments);

    for (; segment; segment = segment_next(segment))
        describe_append(&segments, describe_segment_status(segment, request->state));
    request_reply(request, json_pack("{s:o}", "segments", segments));
}
