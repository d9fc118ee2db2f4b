/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenRPC (https://spec.open-rpc.org), made from the tables that the daemon itself uses. */
#include <string.h>

#include "describe.h"
#include "events.h"
#include "json_text.h"
#include "listing.h"
#include "message.h"
#include "methods.h"

#define OPENRPC_VERSION "1.2.6"

const struct params_field method_rpc_discover_fields[] = { PARAMS_END };

static const struct schema info[] = {
    { "title", SCHEMA_STRING },
    { "version", SCHEMA_STRING, 0, "of xenshmd" },
    { NULL },
};

static const struct schema components[] = {
    { "errors", SCHEMA_ANY, 0, "by name" },
    { "schemas", SCHEMA_ANY, 0, "by name" },
    { NULL },
};

static const struct schema members[] = {
    { "openrpc", SCHEMA_STRING, 0, "version of the specification, see https://open-rpc.org" },
    { "info", SCHEMA_OBJECT, .members = info },
    { "methods", SCHEMA_ANY, SCHEMA_LIST },
    { "components", SCHEMA_OBJECT, .members = components },
    { "x-events", SCHEMA_TEXTS, 0, "what has happened, by the type of event" },
    { NULL },
};

const struct schema method_rpc_discover_result = SCHEMA_WITH(members);
const int method_rpc_discover_errors[] = { 0 };

static json_t *describe_field(const struct params_field *field)
{
    const char *schema = params_schema(field);

    return json_pack("{s:s, s:s, s:b, s:o}", "name", field->name, "description", field->text,
                     "required", field->required, "schema",
                     json_text_read(schema, strlen(schema), 0, NULL));
}

static json_t *describe_fields(const struct params_field *field)
{
    json_t *fields = json_array();

    for (; field && field->name; field++)
        json_array_append_new(fields, describe_field(field));
    return fields;
}

static void append_errors(json_t *list, const int *code)
{
    for (; *code; code++)
        json_array_append_new(
            list, json_pack("{s:s+}", "$ref", "#/components/errors/", error_name(*code)));
}

static json_t *describe_method(const struct method *method)
{
    json_t *errors = json_array();

    append_errors(errors, dispatch_errors);
    if (method->level > ACCESS_READ)
        append_errors(errors, dispatch_change_errors);
    append_errors(errors, method->errors);
    return json_pack("{s:s, s:s, s:s, s:o, s:{s:s, s:o}, s:o, s:s}", "name", method->name,
                     "summary", method->text, "paramStructure", "by-name", "params",
                     describe_fields(method->fields), "result", "name", "result", "schema",
                     schema_json(method->result), "errors", errors, "x-access",
                     access_level_name(method->level));
}

static json_t *describe_methods(const struct dispatcher *dispatcher)
{
    json_t *list = json_array();
    const struct method *method;

    for (size_t i = 1; (method = dispatch_method(dispatcher, i)); i++)
        json_array_append_new(list, describe_method(method));
    return list;
}

static json_t *describe_errors(void)
{
    json_t *errors = json_object();

    for (size_t i = 0; i < ERROR_KINDS; i++) {
        const struct error_kind *kind = &error_kinds[i];

        json_object_set_new(errors, kind->name,
                            json_pack("{s:i, s:s, s:{s:s, s:s}}", "code", kind->code, "message",
                                      kind->name, "data", "name", kind->name, "hint", kind->hint));
    }
    return errors;
}

/* The parameters of the notification `event`: what `object` is depends on the type. */
static json_t *describe_event(void)
{
    json_t *types = json_array(), *rules = json_array();
    const struct schema *event = describe_event_objects;

    for (; event->name; event++) {
        json_array_append_new(types, json_string(event->name));
        json_array_append_new(rules, json_pack("{s:{s:{s:{s:s}}}, s:{s:{s:o}}}", "if", "properties",
                                               "type", "const", event->name, "then", "properties",
                                               "object", schema_json(event)));
    }
    return json_pack("{s:s, s:s, s:{s:{s:s, s:i}, s:{s:s, s:o}, s:{s:s, s:s}, s:{}}, s:[ssss], "
                     "s:o}",
                     "type", "object", "description", "Parameters of the notification `event`.",
                     "properties", "seq", "type", "integer", "minimum", 1, "type", "type", "string",
                     "enum", types, "time", "type", "string", "format", "date-time", "object",
                     "required", "seq", "type", "time", "object", "allOf", rules);
}

static json_t *describe_schemas(void)
{
    json_t *schemas = json_object();
    const struct schema *component = describe_components;

    for (; component->name; component++)
        json_object_set_new(schemas, component->name, schema_json(component));
    json_object_set_new(schemas, "event", describe_event());
    return schemas;
}

#define DESCRIBE_EVENT(name, text) json_object_set_new(types, name, json_string(text));

static json_t *describe_events(void)
{
    json_t *types = json_object();

    EVENTS_TYPES(DESCRIBE_EVENT)
    return types;
}

static bool step(struct listing *listing)
{
    listing_add(listing,
                json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:o, s:o}, s:o}", "openrpc", OPENRPC_VERSION,
                          "info", "title", "xenshmd", "version", XENSHMD_VERSION, "methods",
                          describe_methods(listing->dispatcher), "components", "errors",
                          describe_errors(), "schemas", describe_schemas(), "x-events",
                          describe_events()));
    return false;
}

static const struct listing_kind kind = { .step = step };

void method_rpc_discover(struct request *request, const void *args)
{
    listing_request(request, &kind, NULL);
}
