/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* destroy: the end of a guest, at once. */
#include "cleanup.h"
#include "commands.h"
#include "print.h"

static enum exit_status show_destroyed(const struct invocation *invocation, json_t *result)
{
    const json_t *guest = json_object_get(result, "guest");

    return print_text("%s: destroyed", print_member(guest, "name")) ? complain_memory(invocation)
                                                                    : STATUS_DONE;
}

enum exit_status cmd_destroy(const struct invocation *invocation)
{
    _cleanup_(cleanup_json) json_t *params = json_object();
    enum exit_status status;

    status = params_add(invocation, params, "guest", invocation_argument(invocation, 0));
    return status ? status : invocation_call(invocation, "guest.destroy", params, show_destroyed);
}
