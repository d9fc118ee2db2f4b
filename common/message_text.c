/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON values -> text.
 *
 * The same text as json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) gives, at a fifth of its cost,
 * which was much of what a request cost: that one looks for loops, which our values cannot have,
 * and at each character of strings that are known to be valid UTF-8.
 */
#include <string.h>

#include "message.h"
#include "text.h"

/* Rare; the library knows how. */
static void put_real(struct text *text, const json_t *number)
{
    char digits[64];
    size_t length = json_dumpb(number, digits, sizeof(digits), JSON_ENCODE_ANY);

    text_put(text, digits, length < sizeof(digits) ? length : 0);
}

static void put_value(struct text *text, const json_t *value);

static void put_array(struct text *text, const json_t *array)
{
    text_put_char(text, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            text_put_char(text, ',');
        put_value(text, json_array_get(array, i));
    }
    text_put_char(text, ']');
}

static void put_object(struct text *text, json_t *object)
{
    void *first = json_object_iter(object);

    text_put_char(text, '{');
    for (void *at = first; at; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);

        if (at != first)
            text_put_char(text, ',');
        text_put_string(text, key, strlen(key));
        text_put_char(text, ':');
        put_value(text, json_object_iter_value(at));
    }
    text_put_char(text, '}');
}

static void put_value(struct text *text, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        put_object(text, (json_t *) value); /* iterators are never const */
        break;
    case JSON_ARRAY:
        put_array(text, value);
        break;
    case JSON_STRING:
        text_put_string(text, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        text_put_integer(text, json_integer_value(value));
        break;
    case JSON_REAL:
        put_real(text, value);
        break;
    case JSON_TRUE:
        text_puts(text, "true");
        break;
    case JSON_FALSE:
        text_puts(text, "false");
        break;
    case JSON_NULL:
        text_puts(text, "null");
        break;
    }
}

char *message_text(const json_t *value)
{
    struct text text;

    text_init(&text);
    put_value(&text, value);
    return text_finish(&text);
}
