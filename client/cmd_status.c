/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status: whatever the daemon says about itself, a line a field. */
#include "commands.h"
#include "print.h"

static enum exit_status show_status(const struct invocation *invocation, json_t *result)
{
    return print_flat(stdout, "", result) ? complain_memory(invocation) : STATUS_DONE;
}

enum exit_status cmd_status(const struct invocation *invocation)
{
    return invocation_call(invocation, "daemon.status", NULL, show_status);
}
