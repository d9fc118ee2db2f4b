/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weight.h"

#include <stdbool.h>

/* That of the parser (jansson's JSON_PARSER_MAX_DEPTH). */
#define WEIGHT_DEPTH_MAX 2048

/* From behind an opening quotation mark to behind the closing one, or to the end. */
static size_t skip_string(const char *line, size_t length, size_t at)
{
    while (at < length && line[at] != '"')
        at += line[at] == '\\' ? 2 : 1;
    return at + 1;
}

/* Every value but the first stands behind one of these. */
static bool begins_value(char c)
{
    return c == '[' || c == '{' || c == ',';
}

static int refuse(struct error *error)
{
    error_set(error, XENSHM_TOO_MANY, "a line of more than %d values", WEIGHT_VALUES_MAX);
    return error_set_hint(error, "send fewer in one line");
}

int weight_check(const char *line, size_t length, struct error *error)
{
    size_t values = 0, depth = 0;

    for (size_t at = 0; at < length; at++) {
        if (line[at] == '"') {
            at = skip_string(line, length, at + 1) - 1;
            continue;
        }
        depth += line[at] == '[' || line[at] == '{';
        depth -= depth > 0 && (line[at] == ']' || line[at] == '}');
        if (depth > WEIGHT_DEPTH_MAX)
            return 0;
        if (begins_value(line[at]) && ++values > WEIGHT_VALUES_MAX)
            return refuse(error);
    }
    return 0;
}
