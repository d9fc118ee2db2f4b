/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fields.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "params.h"

/* Of everything that a block holds beside bytes of texts. */
#define BLOCK_ALIGNMENT 8

struct decoder {
    char *block; /* NULL: only counting */
    size_t used;
    const char *wrong; /* the first member that is not as the table says */
    bool no_memory;
};

static int decode_fields(struct decoder *decoder, const struct shape *shape, const json_t *object,
                         char *target);

/* Room in the block; NULL while counting. */
static void *take(struct decoder *decoder, size_t size, size_t alignment)
{
    size_t start = (decoder->used + alignment - 1) & ~(alignment - 1);

    decoder->used = start + size;
    return decoder->block ? decoder->block + start : NULL;
}

static const char *take_text(struct decoder *decoder, const json_t *value)
{
    size_t size = json_string_length(value) + 1;
    char *text = take(decoder, size, 1);

    return text ? memcpy(text, json_string_value(value), size) : NULL;
}

/* jansson's functions need memory of their own even for this, and say 0 without. */
static const char *take_json(struct decoder *decoder, const json_t *value)
{
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    size_t size = json_dumpb(value, NULL, 0, flags);
    char *text = take(decoder, size + 1, 1);

    if (size == 0 || (text && json_dumpb(value, text, size, flags) != size))
        decoder->no_memory = true;
    if (text)
        text[size] = '\0';
    return text;
}

static void *take_struct(struct decoder *decoder, const struct shape *shape, const json_t *object,
                         int *r)
{
    char *target = take(decoder, shape->size, BLOCK_ALIGNMENT);

    if (target)
        memset(target, 0, shape->size);
    *r = decode_fields(decoder, shape, object, target);
    return target;
}

/* Stores a value of any type, unless only counting. */
static void put(char *target, size_t offset, const void *value, size_t size)
{
    if (target)
        memcpy(target + offset, value, size);
}

static bool item_fits(const struct field *field, const json_t *item)
{
    return field->type == FIELD_TEXTS ? json_is_string(item) : json_is_object(item);
}

static int decode_array(struct decoder *decoder, const struct field *field, const json_t *array,
                        char *target)
{
    size_t count = json_array_size(array), i;
    const void **items = take(decoder, count * sizeof(*items), BLOCK_ALIGNMENT);
    const json_t *item;
    int r = 0;

    json_array_foreach(array, i, item) {
        const void *member;

        if (!item_fits(field, item))
            return -EPROTO;
        member = field->type == FIELD_TEXTS ? take_text(decoder, item)
                                            : take_struct(decoder, field->shape, item, &r);
        if (r)
            return r;
        if (items)
            items[i] = member;
    }
    put(target, field->offset, &items, sizeof(items));
    put(target, field->count_offset, &count, sizeof(count));
    return 0;
}

static int decode_number(const struct field *field, const json_t *value, char *target)
{
    int64_t number = json_integer_value(value);

    if (!json_is_integer(value) || (field->type == FIELD_NUMBER && number < 0))
        return -EPROTO;
    put(target, field->offset, &number, sizeof(number));
    return 0;
}

static int decode_address(const struct field *field, const json_t *value, char *target)
{
    uint64_t address;

    if (!json_is_string(value) || params_parse_address(json_string_value(value), &address) < 0)
        return -EPROTO;
    put(target, field->offset, &address, sizeof(address));
    return 0;
}

static int decode_real(const struct field *field, const json_t *value, char *target)
{
    double number = json_number_value(value);

    if (!json_is_number(value))
        return -EPROTO;
    put(target, field->offset, &number, sizeof(number));
    return 0;
}

static int decode_flag(const struct field *field, const json_t *value, char *target)
{
    bool flag = json_is_true(value);

    if (!json_is_boolean(value))
        return -EPROTO;
    put(target, field->offset, &flag, sizeof(flag));
    return 0;
}

static int decode_text(struct decoder *decoder, const struct field *field, const json_t *value,
                       char *target)
{
    const char *text;

    if (field->type == FIELD_TEXT && !json_is_string(value))
        return -EPROTO;
    text = field->type == FIELD_TEXT ? take_text(decoder, value) : take_json(decoder, value);
    put(target, field->offset, &text, sizeof(text));
    return 0;
}

static int decode_object(struct decoder *decoder, const struct field *field, const json_t *value,
                         char *target)
{
    const void *object;
    int r;

    if (!json_is_object(value))
        return -EPROTO;
    if (field->type == FIELD_INSIDE)
        return decode_fields(decoder, field->shape, value, target ? target + field->offset : NULL);
    object = take_struct(decoder, field->shape, value, &r);
    put(target, field->offset, &object, sizeof(object));
    return r;
}

static int decode_value(struct decoder *decoder, const struct field *field, const json_t *value,
                        char *target)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_JSON:
        return decode_text(decoder, field, value, target);
    case FIELD_NUMBER:
    case FIELD_INTEGER:
        return decode_number(field, value, target);
    case FIELD_REAL:
        return decode_real(field, value, target);
    case FIELD_ADDRESS:
        return decode_address(field, value, target);
    case FIELD_FLAG:
        return decode_flag(field, value, target);
    case FIELD_INSIDE:
    case FIELD_OBJECT:
        return decode_object(decoder, field, value, target);
    case FIELD_OBJECTS:
    case FIELD_TEXTS:
        return json_is_array(value) ? decode_array(decoder, field, value, target) : -EPROTO;
    }
    return -EPROTO;
}

static int decode_fields(struct decoder *decoder, const struct shape *shape, const json_t *object,
                         char *target)
{
    for (const struct field *field = shape->fields; field->name; field++) {
        const json_t *value = json_object_get(object, field->name);
        bool absent = !value || json_is_null(value);
        int r = 0;

        if (!absent)
            r = decode_value(decoder, field, value, target);
        else if (!field->optional)
            r = -EPROTO;
        else if (field->type == FIELD_OBJECTS || field->type == FIELD_TEXTS)
            r = decode_array(decoder, field, NULL, target);
        if (r && !decoder->wrong)
            decoder->wrong = field->name;
        if (r)
            return r;
    }
    return 0;
}

int fields_decode(const struct shape *shape, const json_t *object, void *ret_struct,
                  const char **ret_wrong)
{
    struct decoder decoder = { 0 };
    void *result;
    int r;

    *ret_wrong = "result";
    if (!json_is_object(object))
        return -EPROTO;
    take_struct(&decoder, shape, object, &r);
    if (r && decoder.wrong)
        *ret_wrong = decoder.wrong;
    if (r)
        return r;
    if (decoder.no_memory) /* what was counted is too little */
        return -ENOMEM;
    decoder.block = malloc(decoder.used + BLOCK_ALIGNMENT); /* an empty array at its end, too */
    decoder.used = 0;
    if (!decoder.block)
        return -ENOMEM;
    result = take_struct(&decoder, shape, object, &r);
    if (decoder.no_memory) {
        free(decoder.block);
        return -ENOMEM;
    }
    memcpy(ret_struct, &result, sizeof(result));
    return 0;
}
