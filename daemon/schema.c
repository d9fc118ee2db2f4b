/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "schema.h"

#include <string.h>

#include "json_text.h"

static const char *const kinds[] = {
    [SCHEMA_ANY] = "{}",
    [SCHEMA_STRING] = "{\"type\": \"string\"}",
    [SCHEMA_BOOLEAN] = "{\"type\": \"boolean\"}",
    [SCHEMA_NUMBER] = "{\"type\": \"number\"}",
    [SCHEMA_INTEGER] = "{\"type\": \"integer\", \"minimum\": 0}",
    [SCHEMA_SIZE] = "{\"type\": \"integer\", \"minimum\": 0}",
    [SCHEMA_ADDRESS] = "{\"type\": \"string\", \"pattern\": \"^0x(0|[1-9a-f][0-9a-f]{0,15})$\"}",
    [SCHEMA_UUID] = ("{\"type\": \"string\", \"pattern\": "
                     "\"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$\"}"),
    [SCHEMA_TIME] = "{\"type\": \"string\", \"format\": \"date-time\"}",
    [SCHEMA_TEXTS] = "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}}",
};

static json_t *reference(const char *component)
{
    return json_pack("{s:s+}", "$ref", "#/components/schemas/", component);
}

static json_t *values(const char *const *value)
{
    json_t *list = json_array();

    for (; *value; value++)
        json_array_append_new(list, json_string(*value));
    return json_pack("{s:s, s:o}", "type", "string", "enum", list);
}

static json_t *object(const struct schema *member)
{
    json_t *properties = json_object(), *required = json_array();

    for (; member && member->name; member++) {
        json_object_set_new(properties, member->name, schema_json(member));
        if (!(member->how & SCHEMA_OPTIONAL))
            json_array_append_new(required, json_string(member->name));
    }
    return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required",
                     required);
}

static json_t *single(const struct schema *schema)
{
    if (schema->type == SCHEMA_OBJECT)
        return object(schema->members);
    if (schema->type == SCHEMA_REFERENCE)
        return reference(schema->reference);
    return schema->values
               ? values(schema->values)
               : json_text_read(kinds[schema->type], strlen(kinds[schema->type]), 0, NULL);
}

json_t *schema_json(const struct schema *schema)
{
    json_t *json = single(schema);

    if (schema->how & SCHEMA_LIST)
        json = json_pack("{s:s, s:o}", "type", "array", "items", json);
    if (schema->how & SCHEMA_NULLABLE)
        json = json_pack("{s:[o, {s:s}]}", "oneOf", json, "type", "null");
    /* Beside a reference nothing else counts. */
    if (json && schema->text && !json_object_get(json, "$ref"))
        json_object_set_new(json, "description", json_string(schema->text));
    return json;
}
