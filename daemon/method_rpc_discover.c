/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenRPC (https://spec.open-rpc.org), made from the method tables. */
#include "events.h"
#include "message.h"
#include "methods.h"

const struct params_field method_rpc_discover_fields[] = { PARAMS_END };

static json_t *describe_field(const struct params_field *field)
{
    return json_pack("{s:s, s:s, s:b, s:o}", "name", field->name, "description", field->text,
                     "required", field->required, "schema", params_schema(field));
}

static json_t *describe_method(const struct method *method)
{
    json_t *fields = json_array();

    for (const struct params_field *field = method->fields; field->name; field++)
        json_array_append_new(fields, describe_field(field));
    return json_pack("{s:s, s:s, s:s, s:o, s:{s:s, s:s, s:{}}, s:s}", "name", method->name,
                     "summary", method->text, "paramStructure", "by-name", "params", fields,
                     "result", "name", "result", "description", method->result, "schema",
                     "x-access", access_level_name(method->level));
}

static json_t *describe_methods(const struct dispatcher *dispatcher)
{
    json_t *list = json_array();

    for (size_t t = 0; t < sizeof(dispatcher->tables) / sizeof(dispatcher->tables[0]); t++)
        for (const struct method *method = dispatcher->tables[t]; method && method->name; method++)
            json_array_append_new(list, describe_method(method));
    return list;
}

#define DESCRIBE_ERROR(name, code, hint)                                                           \
    json_object_set_new(errors, #name,                                                             \
                        json_pack("{s:i, s:s, s:{s:s, s:s}}", "code", code, "message", #name,      \
                                  "data", "name", #name, "hint", hint));

static json_t *describe_errors(void)
{
    json_t *errors = json_object();

    XENSHM_ERRORS(DESCRIBE_ERROR)
    return errors;
}

#define DESCRIBE_EVENT(name, text) json_object_set_new(types, name, json_string(text));

static json_t *describe_events(void)
{
    json_t *types = json_object();

    EVENTS_TYPES(DESCRIBE_EVENT)
    return types;
}

void method_rpc_discover(struct request *request, const void *args)
{
    request_reply(request, json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:o}, s:o}", "openrpc", "1.2.6",
                                     "info", "title", "xenshmd", "version", XENSHMD_VERSION,
                                     "methods", describe_methods(request->dispatcher), "components",
                                     "errors", describe_errors(), "x-events", describe_events()));
}
