/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The request of an invocation: params, the call, and what is said about its outcome. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "commands.h"
#include "invocation.h"
#include "link.h"
#include "message.h"
#include "print.h"
#include "xenshm.h"

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
    case -ETIMEDOUT:
        n = asprintf(&text, "no answer from xenshmd at %s within %u s", path, invocation->timeout);
        break;
    case -ECONNRESET:
        n = asprintf(&text, "xenshmd at %s closed the connection before the reply", path);
        break;
    case -EPROTO:
        n = asprintf(&text, "what answers at %s is not xenshmd", path);
        break;
    case -EMSGSIZE:
        n = asprintf(&text, "the reply of xenshmd at %s is longer than 256 MiB", path);
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
    case -ETIMEDOUT:
        if (invocation->command && invocation->command->timeout)
            return "it goes on with what it has begun, see 'xenshmctl guests'";
        return "the request may still be carried out, see the daemon's log";
    case -ECONNRESET:
        return "see the daemon's log";
    case -EPROTO:
        if (invocation->host)
            return "does a login script over there print something?";
        return "see --socket";
    case -EMSGSIZE:
        return NULL;
    case -EACCES:
    case -EPERM:
        return "ask as root, or become a member of the group that may";
    default:
        return invocation->host ? NULL : "is it running?";
    }
}

/* Nobody answered: which socket, and what to do. */
static enum exit_status complain_unreachable(const struct invocation *invocation, int r)
{
    _cleanup_(cleanup_free) char *reason = unreachable_reason(invocation, invocation->place, r);
    const char *advice = unreachable_advice(invocation, r);

    if (r == -ECONNRESET && link_explain(invocation))
        return STATUS_UNREACHABLE;
    link_close(invocation);
    if (reason)
        complain(invocation, "%s%s%s", reason, advice ? "; " : "", advice ? advice : "");
    else
        complain_memory(invocation);
    return STATUS_UNREACHABLE;
}

/* `xenshmctl: attach: pool 'a' is full (POOL_FULL)`, and the remedy for people. */
static enum exit_status complain_refused(const struct invocation *invocation,
                                         const struct xenshm *connection, int code)
{
    const char *name = xenshm_last_name(connection), *hint = xenshm_hint(connection);

    if (*name)
        complain(invocation, "%s (%s)", xenshm_message(connection), name);
    else
        complain(invocation, "%s (error %d)", xenshm_message(connection), code);
    if (*hint && isatty(STDERR_FILENO))
        fprintf(stderr, "  hint: %s\n", hint);
    return STATUS_REFUSED;
}

enum exit_status complain_call(const struct invocation *invocation, int r)
{
    const struct xenshm *connection = link_connection(invocation);

    if (r == -ENOMEM)
        return complain_memory(invocation);
    if (xenshm_is_refusal(r))
        return complain_refused(invocation, connection, r);
    if (connection && (r == -E2BIG || r == -EINVAL)) {
        complain(invocation, "%s", xenshm_message(connection));
        return STATUS_REFUSED;
    }
    return complain_unreachable(invocation, r);
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

void cleanup_xenshm(struct xenshm **connection)
{
    xenshm_close(*connection);
}

int request_call(struct xenshm *connection, const char *method, const json_t *params,
                 json_t **ret_result)
{
    _cleanup_(cleanup_free) char *text = NULL, *result = NULL;
    int r;

    if (params) {
        text = message_text(params);
        if (!text)
            return -ENOMEM;
    }
    r = xenshm_call(connection, method, text, &result);
    if (r)
        return r;
    *ret_result = json_loads(result, JSON_DECODE_ANY, NULL);
    return *ret_result ? 0 : -ENOMEM;
}

enum exit_status invocation_ask(const struct invocation *invocation, const char *method,
                                json_t *params, json_t **ret_result)
{
    int r = link_open(invocation);

    if (r == 0)
        r = request_call(link_connection(invocation), method, params, ret_result);
    return r ? complain_call(invocation, r) : STATUS_DONE;
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
