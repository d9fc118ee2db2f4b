/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events.h"
#include "message.h"
#include "methods.h"

struct args {
    json_t *types;
};

const struct params_field method_events_subscribe_fields[] = {
    PARAMS_FIELD(PARAMS_STRINGS, struct args, types, false,
                 "types of events, see x-events; default all, now and in later versions; none: "
                 "ends it"),
    PARAMS_END,
};

static const struct schema members[] = {
    { "seq", SCHEMA_INTEGER, 0, "number of the last event before" },
    { NULL },
};

const struct schema method_events_subscribe_result = SCHEMA_WITH(members);
const int method_events_subscribe_errors[] = { 0 };

METHOD_ARGS_FIT(struct args);

/* The set of these types; 0 with the error set if there is no such type. */
static events_set read_types(json_t *types, struct error *error)
{
    events_set set = 0;
    json_t *item;
    size_t i;

    if (!types)
        return EVENTS_ALL;
    json_array_foreach(types, i, item) {
        events_set type = events_type(json_string_value(item));

        if (!type)
            error_set(error, MESSAGE_INVALID_PARAMS,
                      "Invalid params: 'types' has '%s', which is no type of events",
                      json_string_value(item));
        set |= type;
    }
    return error->code ? 0 : set;
}

void method_events_subscribe(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    struct events *events = &request->state->events;
    struct error error = { 0 };
    events_set types = read_types(args->types, &error);
    json_t *result = NULL;

    /* The result is there before anything changes. */
    if (!error.code)
        result = json_pack("{s:I}", "seq", (json_int_t)events->seq);
    if (result && request_subscribe(request, types) < 0)
        error_set(&error, MESSAGE_INTERNAL_ERROR, "out of memory");
    request_finish(request, result, &error);
}
