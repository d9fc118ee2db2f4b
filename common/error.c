/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of error names, and the filling of one refusal. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "utf8.h"

/* clang-format off */
const struct error_kind error_kinds[ERROR_KINDS] = {
#define ERROR_ROW(name, code, hint) { code, #name, hint },
    XENSHM_ERRORS(ERROR_ROW)
#undef ERROR_ROW
    { MESSAGE_PARSE_ERROR, "PARSE_ERROR", "send one JSON-RPC 2.0 object a line" },
    { MESSAGE_INVALID_REQUEST, "INVALID_REQUEST", "send one JSON-RPC 2.0 object a line" },
    { MESSAGE_METHOD_NOT_FOUND, "METHOD_NOT_FOUND", "`rpc.discover` lists the methods" },
    { MESSAGE_INVALID_PARAMS, "INVALID_PARAMS", "`xenshmctl help` and `rpc.discover` describe the parameters" },
    { MESSAGE_INTERNAL_ERROR, "INTERNAL_ERROR", "see the daemon's log" },
};
/* clang-format on */

const char *error_name(int code)
{
    for (size_t i = 0; i < ERROR_KINDS; i++)
        if (error_kinds[i].code == code)
            return error_kinds[i].name;
    return NULL;
}

int error_code(const char *name)
{
    for (size_t i = 0; i < ERROR_KINDS; i++)
        if (strcmp(error_kinds[i].name, name) == 0)
            return error_kinds[i].code;
    return 0;
}

const char *error_hint(int code)
{
    for (size_t i = 0; i < ERROR_KINDS; i++)
        if (error_kinds[i].code == code)
            return error_kinds[i].hint;
    return "";
}

int error_set(struct error *error, int code, const char *format, ...)
{
    va_list ap;

    if (error->code)
        return error->code;
    error->code = code;
    error->hint[0] = '\0';
    va_start(ap, format);
    vsnprintf(error->message, sizeof(error->message), format, ap);
    va_end(ap);
    utf8_make_printable(error->message);
    return code;
}

int error_set_hint(struct error *error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(error->hint, sizeof(error->hint), format, ap);
    va_end(ap);
    utf8_make_printable(error->hint);
    return error->code;
}
