/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The request of an invocation: params, the call, and what is said about its outcome. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "commands.h"
#include "connection.h"
#include "invocation.h"
#include "print.h"
#include "utf8.h"

enum exit_status params_add(const struct invocation *invocation, json_t *params, const char *key,
                            const char *text)
{
    if (!text)
        return STATUS_DONE;
    if (json_object_set_new(params, key, json_string(text)) == 0)
        return STATUS_DONE;
    return complain_usage(invocation, "%s '%s' is not valid UTF-8", key, text);
}

char *unreachable_reason(const struct invocation *invocation, const char *path, int r)
{
    char *text = NULL;
    int n;

    switch (r) {
    case CONNECTION_E_TIMEOUT:
        n = asprintf(&text, "no answer from xenshmd at %s within %u s", path, invocation->timeout);
        break;
    case CONNECTION_E_CLOSED:
        n = asprintf(&text, "xenshmd at %s closed the connection before the reply", path);
        break;
    case CONNECTION_E_GARBLED:
        n = asprintf(&text, "what answers at %s is not xenshmd", path);
        break;
    case CONNECTION_E_TOO_LONG:
        n = asprintf(&text, "the reply of xenshmd at %s is longer than %d MiB", path,
                     CONNECTION_REPLY_MAX / 1024 / 1024);
        break;
    default:
        n = asprintf(&text, "cannot reach xenshmd at %s: %s", path, strerror(-r));
        break;
    }
    return n < 0 ? NULL : text;
}

static const char *unreachable_advice(const struct invocation *invocation, int r)
{
    switch (r) {
    case CONNECTION_E_TIMEOUT:
        if (invocation->command && invocation->command->timeout)
            return "it goes on with what it has begun, see 'xenshmctl guests'";
        return "the request may still be carried out, see the daemon's log";
    case CONNECTION_E_CLOSED:
        return "see the daemon's log";
    case CONNECTION_E_GARBLED:
        return "see --socket";
    case CONNECTION_E_TOO_LONG:
        return NULL;
    case -EACCES:
    case -EPERM:
        return "ask as root, or become a member of the group that may";
    default:
        return "is it running?";
    }
}

/* Nobody answered: which socket, and what to do. */
static enum exit_status complain_unreachable(const struct invocation *invocation, int r)
{
    _cleanup_(cleanup_free) char *reason =
        unreachable_reason(invocation, invocation->socket_path, r);
    const char *advice = unreachable_advice(invocation, r);

    if (reason)
        complain(invocation, "%s%s%s", reason, advice ? "; " : "", advice ? advice : "");
    else
        complain_memory(invocation);
    return STATUS_UNREACHABLE;
}

/* `xenshmctl: attach: pool 'a' is full (POOL_FULL)`, and the remedy for people. */
static enum exit_status complain_refused(const struct invocation *invocation, const json_t *error)
{
    const json_t *data = json_object_get(error, "data");
    const char *name = json_string_value(json_object_get(data, "name"));
    const char *hint = json_string_value(json_object_get(data, "hint"));
    const char *message = print_member(error, "message");
    _cleanup_(cleanup_free) char *remedy = NULL;

    if (name)
        complain(invocation, "%s (%s)", message, name);
    else
        complain(invocation, "%s (error %lld)", message,
                 (long long)json_integer_value(json_object_get(error, "code")));
    if (hint && *hint && isatty(STDERR_FILENO)) {
        remedy = print_value(json_object_get(data, "hint"));
        fprintf(stderr, "  hint: %s\n", remedy ? remedy : "");
    }
    return STATUS_REFUSED;
}

enum exit_status show_json(const struct invocation *invocation, const json_t *result)
{
    /* A failed write is found by print_end(). */
    if (json_dumpf(result, stdout, JSON_COMPACT | JSON_ENCODE_ANY) != 0 && !ferror(stdout))
        return complain_memory(invocation);
    putchar('\n');
    return STATUS_DONE;
}

static void show_warning(const struct invocation *invocation, const json_t *warning)
{
    if (json_is_string(warning))
        complain(invocation, "warning: %s", json_string_value(warning));
}

static enum exit_status show_result(const struct invocation *invocation, json_t *result,
                                    show_fn *show)
{
    json_t *warnings = json_object_get(result, "warnings"), *warning;
    size_t i;

    show_warning(invocation, json_object_get(result, "warning"));
    json_array_foreach(warnings, i, warning)
        show_warning(invocation, warning);
    return invocation->json ? show_json(invocation, result) : show(invocation, result);
}

enum exit_status invocation_ask(const struct invocation *invocation, const char *method,
                                json_t *params, json_t **ret_result)
{
    _cleanup_(connection_clear) struct connection connection = { .fd = -1 };
    _cleanup_(cleanup_json) json_t *no_params = NULL, *reply = NULL;
    json_t *error;
    int r;

    if (!params)
        params = no_params = json_object();
    r = connection_open(&connection, invocation->socket_path, invocation->timeout);
    if (r == 0)
        r = connection_call(&connection, method, params, &reply);
    if (r == -ENOMEM)
        return complain_memory(invocation);
    if (r)
        return complain_unreachable(invocation, r);
    error = json_object_get(reply, "error");
    if (json_is_object(error))
        return complain_refused(invocation, error);
    *ret_result = json_incref(json_object_get(reply, "result"));
    return STATUS_DONE;
}

enum exit_status invocation_call(const struct invocation *invocation, const char *method,
                                 json_t *params, show_fn *show)
{
    _cleanup_(cleanup_json) json_t *result = NULL;
    enum exit_status status = invocation_ask(invocation, method, params, &result);

    return status ? status : show_result(invocation, result, show);
}

enum exit_status show_table(const struct invocation *invocation, const struct table *table)
{
    if (!table || table_print(table, stdout, print_colour(), print_limit()) != 0)
        return complain_memory(invocation);
    return STATUS_DONE;
}
