/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Apart from message.c, since the client library uses that and must not end its program. */
#include "json_text.h"
#include "message.h"

int message_parse(const char *line, size_t length, json_t **ret_value, struct error *error)
{
    json_error_t why;
    json_t *value;

    value = json_text_read(line, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!value)
        return error_set(error, MESSAGE_PARSE_ERROR, "Parse error at byte %d: %s", why.position,
                         why.text);
    *ret_value = value;
    return 0;
}
