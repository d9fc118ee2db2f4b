/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "params.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "message.h"

#define NAME_PATTERN "[A-Za-z0-9][A-Za-z0-9._-]{0,62}"

/* What a legal value is: for messages (`expected`) and for the schema. */
static const struct {
    const char *expected;
    const char *schema;
} kinds[] = {
    [PARAMS_STRING] = { "a string", "{\"type\":\"string\"}" },
    [PARAMS_NAME] = { "a name: a letter or digit, then up to 62 letters, digits, '.', '_' or '-'",
                      "{\"type\":\"string\",\"pattern\":\"^" NAME_PATTERN "$\"}" },
    [PARAMS_GUEST] = { "a guest's name, domid or UUID",
                       "{\"type\":[\"string\",\"integer\"],\"maxLength\":255}" },
    [PARAMS_SIZE] = { "a number of bytes above 0", "{\"type\":\"integer\",\"minimum\":1}" },
    [PARAMS_INTEGER] = { "an integer not below 0", "{\"type\":\"integer\",\"minimum\":0}" },
    [PARAMS_BOOL] = { "true or false", "{\"type\":\"boolean\"}" },
    [PARAMS_ADDRESS] = { "an address like \"0x3a000000\"",
                         "{\"type\":\"string\",\"pattern\":\"^0x[0-9a-fA-F]{1,16}$\"}" },
    [PARAMS_PLACE] = { "an address like \"0x3a000000\", or \"identity\"",
                       "{\"type\":\"string\",\"pattern\":\"^(0x[0-9a-fA-F]{1,16}|identity)$\"}" },
    [PARAMS_STRINGS] = { "an array of strings",
                         "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}" },
    [PARAMS_JSON] = { "any value", "{}" },
};

static bool name_character(char c, bool first)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return !first && (c == '.' || c == '_' || c == '-');
}

bool params_name_valid(const char *name)
{
    size_t length = 0;

    for (; name[length]; length++)
        if (length == PARAMS_NAME_MAX || !name_character(name[length], length == 0))
            return false;
    return length > 0;
}

int params_parse_address(const char *text, uint64_t *ret_value)
{
    size_t digits;

    if (text[0] != '0' || text[1] != 'x')
        return -EINVAL;
    digits = strspn(text + 2, "0123456789abcdefABCDEF");
    if (digits < 1 || digits > 16 || text[2 + digits])
        return -EINVAL;
    *ret_value = strtoull(text + 2, NULL, 16);
    return 0;
}

static int decode_string(enum params_type type, json_t *value, void *target)
{
    const char *text = json_string_value(value);

    if (!text || (type == PARAMS_NAME && !params_name_valid(text)))
        return -EINVAL;
    *(const char **)target = text;
    return 0;
}

static int decode_guest(json_t *value, char *target)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        snprintf(target, PARAMS_GUEST_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return 0;
    }
    if (!json_is_string(value) || json_string_length(value) < 1 ||
        json_string_length(value) >= PARAMS_GUEST_MAX)
        return -EINVAL;
    strcpy(target, json_string_value(value));
    return 0;
}

static int decode_integer(enum params_type type, json_t *value, uint64_t *target)
{
    if (!json_is_integer(value) || json_integer_value(value) < (type == PARAMS_SIZE ? 1 : 0))
        return -EINVAL;
    *target = (uint64_t)json_integer_value(value);
    return 0;
}

static int decode_address(enum params_type type, json_t *value, struct params_address *target)
{
    const char *text = json_string_value(value);

    if (!text)
        return -EINVAL;
    if (type == PARAMS_PLACE && strcmp(text, "identity") == 0) {
        target->kind = PARAMS_ADDRESS_IDENTITY;
        return 0;
    }
    target->kind = PARAMS_ADDRESS_GIVEN;
    return params_parse_address(text, &target->value);
}

static int decode_strings(json_t *value, json_t **target)
{
    json_t *item;
    size_t i;

    json_array_foreach(value, i, item)
        if (!json_is_string(item))
            return -EINVAL;
    *target = value;
    return json_is_array(value) ? 0 : -EINVAL;
}

static int decode_value(enum params_type type, json_t *value, void *target)
{
    switch (type) {
    case PARAMS_STRING:
    case PARAMS_NAME:
        return decode_string(type, value, target);
    case PARAMS_GUEST:
        return decode_guest(value, target);
    case PARAMS_SIZE:
    case PARAMS_INTEGER:
        return decode_integer(type, value, target);
    case PARAMS_BOOL:
        *(bool *)target = json_is_true(value);
        return json_is_boolean(value) ? 0 : -EINVAL;
    case PARAMS_ADDRESS:
    case PARAMS_PLACE:
        return decode_address(type, value, target);
    case PARAMS_STRINGS:
        return decode_strings(value, target);
    case PARAMS_JSON:
        *(json_t **)target = value;
        return 0;
    }
    return -EINVAL;
}

static int refuse(struct error *error, const char *name, const char *why)
{
    return error_set(error, MESSAGE_INVALID_PARAMS, "Invalid params: '%s' %s", name, why);
}

static int check_unknown(const struct params_field *fields, json_t *params, struct error *error)
{
    const char *key;
    json_t *value;

    json_object_foreach(params, key, value) {
        const struct params_field *field = fields;

        while (field->name && strcmp(field->name, key) != 0)
            field++;
        if (!field->name)
            return refuse(error, key, "is not a parameter of this method");
    }
    return 0;
}

int params_decode(const struct params_field *fields, json_t *params, void *structure,
                  struct error *error)
{
    int r;

    if (params && !json_is_object(params))
        return error_set(error, MESSAGE_INVALID_PARAMS,
                         "Invalid params: parameters go by name, in an object");
    r = check_unknown(fields, params, error);
    for (const struct params_field *field = fields; r == 0 && field->name; field++) {
        json_t *value = json_object_get(params, field->name);

        if (!value && field->required)
            r = refuse(error, field->name, "is missing");
        else if (value && decode_value(field->type, value, (char *)structure + field->offset) < 0)
            r = error_set(error, MESSAGE_INVALID_PARAMS, "Invalid params: '%s' must be %s",
                          field->name, kinds[field->type].expected);
    }
    return r;
}

const char *params_schema(const struct params_field *field)
{
    return kinds[field->type].schema;
}
