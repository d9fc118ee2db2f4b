/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arguments.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "library.h"
#include "message.h"

void arguments_begin(struct arguments *arguments)
{
    *arguments = (struct arguments){ .params = json_object() };
    if (!arguments->params)
        arguments->failure = -ENOMEM;
}

/* `wrong` goes on where the name of the member stops. */
static void fail(struct arguments *arguments, int failure, const char *key, const char *wrong)
{
    if (arguments->failure)
        return;
    arguments->failure = failure;
    arguments->key = key;
    arguments->wrong = wrong;
}

/* `value` is stolen; NULL: no memory. */
static void set(struct arguments *arguments, const char *key, json_t *value)
{
    if (json_object_set_new(arguments->params, key, value) != 0)
        fail(arguments, -ENOMEM, NULL, NULL);
}

/* A JSON string; NULL after it has failed. */
static json_t *text_value(struct arguments *arguments, const char *key, const char *text)
{
    json_t *value = json_string(text);
    json_t *unchecked = value ? NULL : json_string_nocheck(text);

    if (unchecked)
        fail(arguments, -EINVAL, key, "is not valid UTF-8");
    else if (!value)
        fail(arguments, -ENOMEM, NULL, NULL);
    json_decref(unchecked);
    return value;
}

void arguments_text(struct arguments *arguments, const char *key, const char *text)
{
    json_t *value = text ? text_value(arguments, key, text) : NULL;

    if (value)
        set(arguments, key, value);
}

void arguments_number(struct arguments *arguments, const char *key, uint64_t number)
{
    if (number > INT64_MAX)
        fail(arguments, -EINVAL, key, "is larger than 2^63 - 1");
    else if (number)
        set(arguments, key, json_integer((json_int_t)number));
}

void arguments_flag(struct arguments *arguments, const char *key, bool flag)
{
    if (flag)
        set(arguments, key, json_true());
}

void arguments_texts(struct arguments *arguments, const char *key, const char *const *texts,
                     size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *value = text_value(arguments, key, texts[i]);

        if (value && json_array_append_new(array, value) != 0)
            fail(arguments, -ENOMEM, NULL, NULL);
    }
    set(arguments, key, array);
}

static json_t *parse(struct arguments *arguments, const char *key, const char *text)
{
    json_error_t why;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);

    if (value)
        return value;
    if (json_error_code(&why) == json_error_out_of_memory)
        fail(arguments, -ENOMEM, NULL, NULL);
    else
        fail(arguments, -EINVAL, key, "is not JSON");
    return NULL;
}

void arguments_json(struct arguments *arguments, const char *key, const char *text)
{
    json_t *value = parse(arguments, key ? key : "params", text);

    if (!value)
        return;
    if (key) {
        set(arguments, key, value);
    } else {
        json_decref(arguments->params);
        arguments->params = value;
    }
}

void arguments_options(struct arguments *arguments, const void *options, void *target, size_t size)
{
    const unsigned char *bytes = options;
    size_t given = 0;

    memset(target, 0, size);
    if (!options)
        return;
    memcpy(&given, options, sizeof(given));
    if (given < sizeof(given))
        fail(arguments, -EINVAL, "struct_size",
             "is less than its own size; begin with XENSHM_..._INIT");
    for (size_t i = size; i < given; i++)
        if (bytes[i])
            fail(arguments, -E2BIG, "struct_size",
                 "takes in an option that this version of libxenshm does not know");
    if (!arguments->failure)
        memcpy(target, options, given < size ? given : size);
}

void arguments_share(struct arguments *arguments, const struct xenshm_share *share)
{
    struct xenshm_share own;

    arguments_options(arguments, share, &own, sizeof(own));
    arguments_number(arguments, "size", own.size);
    arguments_text(arguments, "segment", own.segment);
    arguments_text(arguments, "name", own.name);
    arguments_text(arguments, "pool", own.pool);
    arguments_text(arguments, "address", own.address);
}

void arguments_shares(struct arguments *arguments, const char *key,
                      const struct xenshm_share *const *shares, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        struct arguments one;

        arguments_begin(&one);
        arguments_share(&one, shares[i]);
        if (one.failure)
            fail(arguments, one.failure, one.key, one.wrong);
        if (json_array_append_new(array, one.params) != 0)
            fail(arguments, -ENOMEM, NULL, NULL);
    }
    set(arguments, key, array);
}

int arguments_call(struct xenshm *connection, const char *method, struct arguments *arguments,
                   json_t **ret_result)
{
    json_t *name = text_value(arguments, "method", method);

    json_decref(name);
    if (!arguments->failure)
        return call_method(connection, method, arguments->params, ret_result);
    json_decref(arguments->params);
    if (arguments->wrong)
        return failure_say(connection, arguments->failure, "'%s' %s", arguments->key,
                           arguments->wrong);
    return failure_note(connection, arguments->failure);
}

int arguments_call_text(struct xenshm *connection, const char *method, struct arguments *arguments,
                        char **ret_text)
{
    _cleanup_(cleanup_json) json_t *result = NULL;
    char *text;
    int r;

    r = arguments_call(connection, method, arguments, &result);
    if (r)
        return r;
    text = message_text(result);
    if (!text)
        return failure_note(connection, -ENOMEM);
    *ret_text = text;
    return 0;
}
