/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parameters of every method, by its own table of fields. The first byte chooses the method,
 * or, past the last, one of guest.create's shares; the rest is the JSON.
 */
#include "fuzz.h"

#include <string.h>

#include "cleanup.h"
#include "message.h"
#include "methods.h"
#include "share_params.h"

struct share {
    struct share_params params;
};

static const struct params_field share_fields[] = {
    SHARE_PARAMS_FIELDS(struct share, params),
    PARAMS_END,
};

static const struct params_field *choose(uint8_t byte)
{
    size_t count = 0;

    while (methods[count].name)
        count++;
    byte %= count + 1;
    return byte < count ? methods[byte].fields : share_fields;
}

/* What a handler relies on. */
static void check_field(const struct params_field *field, const char *args, json_t *params)
{
    const void *at = args + field->offset;
    bool given = json_object_get(params, field->name);
    const struct params_address *address = at;
    const char *text;

    MUST(given || !field->required);
    switch (field->type) {
    case PARAMS_STRING:
        memcpy(&text, at, sizeof(text));
        MUST(!text == !given);
        break;
    case PARAMS_NAME:
        memcpy(&text, at, sizeof(text));
        MUST(!text == !given && (!text || params_name_valid(text)));
        break;
    case PARAMS_GUEST:
        MUST(memchr(at, '\0', PARAMS_GUEST_MAX) && (!given || *(const char *)at));
        break;
    case PARAMS_SIZE:
        MUST(!given || *(const uint64_t *)at > 0);
        break;
    case PARAMS_ADDRESS:
        MUST(address->kind != PARAMS_ADDRESS_IDENTITY);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _Alignas(8) char args[METHOD_ARGS_MAX] = { 0 };
    _cleanup_(cleanup_json) json_t *params = NULL;
    struct error error = { 0 };
    const struct params_field *fields;
    int r;

    if (size < 1 || message_parse((const char *)data + 1, size - 1, &params, &error) != 0)
        return 0;
    /* As message_read_request() lets through. */
    if (!json_is_object(params) && json_array_size(params) == 0)
        return 0;
    fields = choose(data[0]);
    r = params_decode(fields, params, args, &error);
    MUST(r == 0 || (r == MESSAGE_INVALID_PARAMS && r == error.code && error.message[0]));
    for (; r == 0 && fields->name; fields++)
        check_field(fields, args, params);
    return 0;
}
