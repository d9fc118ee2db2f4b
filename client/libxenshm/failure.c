/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What failed last: kept for xenshm_message() and its companions; names and texts of failures. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "library.h"
#include "utf8.h"

const char *xenshm_message(const struct xenshm *connection)
{
    return connection->failure.message;
}

const char *xenshm_hint(const struct xenshm *connection)
{
    return connection->failure.hint;
}

const char *xenshm_last_name(const struct xenshm *connection)
{
    return connection->failure.name;
}

static const char *errno_name(int number)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
    return strerrorname_np(number);
#else
    return NULL;
#endif
}

/* Codes of JSON-RPC and errnos are both negative, far apart from each other. */
static bool is_errno(int error)
{
    return error < 0 && error >= -4095;
}

const char *xenshm_error_name(int error)
{
    const char *name = is_errno(error) ? errno_name(-error) : error_name(error);

    return name ? name : "UNKNOWN";
}

static const char *refusal_text(int error)
{
    const char *hint = error_hint(error);

    return *hint ? hint : "an error that this version of libxenshm does not know";
}

const char *xenshm_error_text(int error)
{
    switch (error) {
    case 0:
        return "no error";
    case -ETIMEDOUT:
        return "no answer from xenshmd in time";
    case -ECONNRESET:
        return "xenshmd closed the connection";
    case -EPROTO:
        return "what answers is not xenshmd";
    case -EMSGSIZE:
        return "the reply of xenshmd is longer than 256 MiB";
    case -ENOTCONN:
        return "an earlier failure ended the connection to xenshmd; connect again";
    case -E2BIG:
        return "the request is longer than xenshmd takes";
    case -EINVAL:
        return "an argument cannot be sent to xenshmd";
    default:
        return is_errno(error) ? strerror(-error) : refusal_text(error);
    }
}

static void copy(char *target, size_t size, const char *text)
{
    snprintf(target, size, "%s", text ? text : "");
    utf8_make_printable(target);
}

int failure_note(struct xenshm *connection, int r)
{
    return failure_say(connection, r, "%s", xenshm_error_text(r));
}

int failure_say(struct xenshm *connection, int r, const char *format, ...)
{
    struct failure *failure = &connection->failure;
    va_list ap;

    va_start(ap, format);
    vsnprintf(failure->message, sizeof(failure->message), format, ap);
    va_end(ap);
    utf8_make_printable(failure->message);
    copy(failure->hint, sizeof(failure->hint), NULL);
    copy(failure->name, sizeof(failure->name), xenshm_error_name(r));
    return r;
}

static const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int failure_refusal(struct xenshm *connection, const json_t *error)
{
    json_int_t code = json_integer_value(json_object_get(error, "code"));
    const json_t *data = json_object_get(error, "data");
    struct failure *failure = &connection->failure;
    const char *message = member(error, "message");

    /* A code that callers would take for success, or for a failure of this side. */
    if (code == 0 || code > INT_MAX || code < INT_MIN || is_errno((int)code))
        return failure_note(connection, -EPROTO);
    copy(failure->message, sizeof(failure->message), message ? message : "-");
    copy(failure->hint, sizeof(failure->hint), member(data, "hint"));
    copy(failure->name, sizeof(failure->name), member(data, "name"));
    return (int)code;
}
