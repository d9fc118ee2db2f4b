/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* detach: one segment, the only one, or all of a guest's. */
#include "cleanup.h"
#include "commands.h"
#include "print.h"

static enum exit_status show_detached(const struct invocation *invocation, json_t *result)
{
    json_t *attachments = json_object_get(result, "detached"), *attachment;
    size_t i;

    if (json_array_size(attachments) == 0)
        complain(invocation, "note: nothing was attached to '%s'",
                 invocation_argument(invocation, 0));
    json_array_foreach(attachments, i, attachment)
        if (print_text("%s: detached from %s", print_member(attachment, "segment"),
                       print_member(json_object_get(attachment, "guest"), "name")) != 0)
            return complain_memory(invocation);
    return STATUS_DONE;
}

enum exit_status cmd_detach(const struct invocation *invocation)
{
    const char *segment = invocation_argument(invocation, 1);
    _cleanup_(cleanup_json) json_t *params = json_object();
    enum exit_status status;

    if (segment && options_has(&invocation->options, "all"))
        return complain_usage(invocation, "NAME and --all exclude each other");
    status = params_add(invocation, params, "guest", invocation_argument(invocation, 0));
    if (status == STATUS_DONE)
        status = params_add(invocation, params, "segment", segment);
    if (status != STATUS_DONE)
        return status;
    if (options_has(&invocation->options, "all") &&
        json_object_set_new(params, "all", json_true()) != 0)
        return complain_memory(invocation);
    return invocation_call(invocation, "guest.detach", params, show_detached);
}
