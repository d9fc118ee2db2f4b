/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* free: the end of a segment that no guest has. */
#include "cleanup.h"
#include "commands.h"
#include "print.h"

static enum exit_status show_freed(const struct invocation *invocation, json_t *result)
{
    char size[SIZE_TEXT_MAX];
    int r;

    r = print_text("%s: freed, %s", print_member(result, "name"),
                   print_member_size(result, "size", size));
    return r ? complain_memory(invocation) : STATUS_DONE;
}

enum exit_status cmd_free(const struct invocation *invocation)
{
    _cleanup_(cleanup_json) json_t *params = json_object();
    enum exit_status status;

    status = params_add(invocation, params, "name", invocation_argument(invocation, 0));
    return status ? status : invocation_call(invocation, "segment.free", params, show_freed);
}
