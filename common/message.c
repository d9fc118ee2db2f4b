/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "message.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int invalid_request(struct error *error, const char *why)
{
    return error_set(error, MESSAGE_INVALID_REQUEST, "Invalid Request: %s", why);
}

int message_read_request(json_t *value, struct message_request *ret_request, struct error *error)
{
    json_t *version, *id, *method, *params;

    *ret_request = (struct message_request){ 0 };
    if (!json_is_object(value))
        return invalid_request(error, "not an object");
    id = json_object_get(value, "id");
    if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
        return invalid_request(error, "\"id\" is not a string, a number or null");
    if (json_string_length(id) > MESSAGE_ID_MAX)
        return error_set(error, MESSAGE_INVALID_REQUEST,
                         "Invalid Request: \"id\" is longer than %d bytes", MESSAGE_ID_MAX);
    ret_request->id = id;
    version = json_object_get(value, "jsonrpc");
    if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
        return invalid_request(error, "\"jsonrpc\" is not \"2.0\"");
    method = json_object_get(value, "method");
    if (!json_is_string(method))
        return invalid_request(error, "\"method\" is not a string");
    params = json_object_get(value, "params");
    if (params && !json_is_object(params) && !json_is_array(params))
        return invalid_request(error, "\"params\" is not an object");
    ret_request->method = json_string_value(method);
    /* Many clients send an empty array with a call that has no parameters. */
    if (json_array_size(params) > 0 || json_is_object(params))
        ret_request->params = params;
    return 0;
}

/* A reply with the members that all have; `member` is stolen. */
static json_t *reply(json_t *id, const char *name, json_t *member)
{
    json_t *object = json_object();

    if (!object || !member ||
        json_object_set_new_nocheck(object, "jsonrpc", json_string_nocheck("2.0")) < 0 ||
        json_object_set_nocheck(object, name, member) < 0 ||
        json_object_set_new_nocheck(object, "id", id ? json_incref(id) : json_null()) < 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(member);
    return object;
}

json_t *message_result(json_t *id, json_t *result)
{
    return reply(id, "result", result);
}

json_t *message_error(json_t *id, const struct error *error)
{
    const char *name = error_name(error->code);

    return reply(id, "error",
                 json_pack("{s:i, s:s, s:{s:s, s:s}}", "code", error->code, "message",
                           error->message, "data", "name", name ? name : "UNKNOWN", "hint",
                           error->hint[0] ? error->hint : error_hint(error->code)));
}

struct text {
    char *data;
    size_t length;
    size_t size;
    bool failed;
};

static int append(const char *bytes, size_t count, void *context)
{
    struct text *text = context;

    /* Room for the NUL as well. */
    if (!text->failed && text->size - text->length <= count) {
        size_t size = (text->size + count) * 2;
        char *data = realloc(text->data, size);

        text->failed = !data;
        if (data) {
            text->data = data;
            text->size = size;
        }
    }
    if (text->failed)
        return -1;
    memcpy(text->data + text->length, bytes, count);
    text->length += count;
    return 0;
}

/*
 * Not json_dumps(): jansson 2.14 does not look at every result of writing, and so leaves pieces out
 * when memory runs out on the way.
 */
char *message_text(const json_t *value)
{
    struct text text = { .data = malloc(1024), .size = 1024 };

    if (!text.data)
        return NULL;
    if (json_dump_callback(value, append, &text, JSON_COMPACT | JSON_ENCODE_ANY) < 0 ||
        text.failed) {
        free(text.data);
        return NULL;
    }
    text.data[text.length] = '\0';
    return text.data;
}
