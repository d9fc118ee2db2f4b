/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* create: a guest from an xl configuration, with its shares from the first moment. */
#include <string.h>

#include "attachment.h"
#include "cleanup.h"
#include "commands.h"
#include "print.h"
#include "remote.h"
#include "shares.h"
#include "xenshm.h"
#include "xl_config.h"

static int print_guest(const json_t *guest)
{
    _cleanup_(cleanup_free) char *domid = print_value(json_object_get(guest, "domid"));
    bool paused = strcmp(print_member(guest, "state"), "paused") == 0;

    return print_text("%s: created, domid %s%s", print_member(guest, "name"), domid ? domid : "-",
                      paused ? ", paused" : "");
}

static enum exit_status show_created(const struct invocation *invocation, json_t *result)
{
    json_t *attachments = json_object_get(result, "attachments"), *attachment;
    size_t i;

    if (print_guest(json_object_get(result, "guest")) != 0)
        return complain_memory(invocation);
    json_array_foreach(attachments, i, attachment)
        if (attachment_print(attachment) != 0)
            return complain_memory(invocation);
    return STATUS_DONE;
}

/* Bytes of the request's line; 0: no memory. */
static size_t request_size(json_t *params)
{
    _cleanup_(cleanup_json) json_t *request =
        json_pack("{s:s, s:i, s:s, s:O}", "jsonrpc", "2.0", "id", 1, "method", "guest.create",
                  "params", params);

    return request ? json_dumpb(request, NULL, 0, JSON_COMPACT) : 0;
}

/* Said here, where the file is known. */
static enum exit_status check_size(const struct invocation *invocation, json_t *params)
{
    size_t size = request_size(params);
    const char *config = invocation_argument(invocation, 0);

    if (size == 0)
        return complain_memory(invocation);
    if (size <= XENSHM_LINE_MAX)
        return STATUS_DONE;
    complain(invocation,
             "'%s' makes a request of %zu bytes, xenshmd takes at most %d; shorten the "
             "configuration",
             strcmp(config, "-") == 0 ? "standard input" : config, size, XENSHM_LINE_MAX);
    return STATUS_REFUSED;
}

static enum exit_status make_params(const struct invocation *invocation, json_t *params)
{
    json_t *config = NULL, *shares = NULL;
    enum exit_status status;

    /* Mistakes in the command line come before those in files. */
    status = shares_read(invocation, &shares);
    if (status == STATUS_DONE && json_object_set_new(params, "shares", shares) != 0)
        status = complain_memory(invocation);
    if (status == STATUS_DONE)
        status = xl_config_read(invocation, invocation_argument(invocation, 0), &config);
    if (status == STATUS_DONE && json_object_set_new(params, "config", config) != 0)
        status = complain_memory(invocation);
    if (status == STATUS_DONE && options_has(&invocation->options, "paused") &&
        json_object_set_new(params, "paused", json_true()) != 0)
        status = complain_memory(invocation);
    return status;
}

enum exit_status cmd_create(const struct invocation *invocation)
{
    _cleanup_(cleanup_json) json_t *params = json_object();
    enum exit_status status;

    /* The file, and xl which translates it, are over there; standard input is here. */
    if (invocation->host && strcmp(invocation_argument(invocation, 0), "-") != 0)
        return remote_run(invocation, NULL, invocation->timeout);
    if (!params)
        return complain_memory(invocation);
    status = make_params(invocation, params);
    if (status == STATUS_DONE)
        status = check_size(invocation, params);
    return status ? status : invocation_call(invocation, "guest.create", params, show_created);
}
