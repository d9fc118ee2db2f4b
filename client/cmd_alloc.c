/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* alloc: a segment that is kept until it is freed, attached or not. */
#include "cleanup.h"
#include "commands.h"
#include "print.h"
#include "size_argument.h"

static enum exit_status show_allocated(const struct invocation *invocation, json_t *result)
{
    char size[SIZE_TEXT_MAX];
    int r;

    r = print_text("%s: %s kept at host %s in pool %s", print_member(result, "name"),
                   print_member_size(result, "size", size), print_member(result, "host_address"),
                   print_member(result, "pool"));
    return r ? complain_memory(invocation) : STATUS_DONE;
}

enum exit_status cmd_alloc(const struct invocation *invocation)
{
    const struct options *options = &invocation->options;
    _cleanup_(cleanup_json) json_t *params = json_object();
    enum exit_status status;

    status = params_add(invocation, params, "name", invocation_argument(invocation, 0));
    if (status == STATUS_DONE)
        status = params_add(invocation, params, "pool", options_value(options, "pool"));
    if (status == STATUS_DONE)
        status = params_add_pages(invocation, params, invocation_argument(invocation, 1));
    if (status == STATUS_DONE)
        status = params_add_bytes(invocation, params, "align", options_value(options, "align"));
    if (status != STATUS_DONE)
        return status;
    return invocation_call(invocation, "segment.alloc", params, show_allocated);
}
