/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy: the other end of --host. Joins standard input and output with xenshmd's socket. */
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "link.h"
#include "relay.h"

enum exit_status cmd_proxy(const struct invocation *invocation)
{
    int r = link_open(invocation);

    if (r)
        return complain_call(invocation, r);
    r = relay_run(xenshm_fd(link_connection(invocation)), STDIN_FILENO, STDOUT_FILENO);
    if (r == 0)
        return STATUS_DONE;
    complain(invocation, "cannot pass bytes on: %s", strerror(-r));
    return STATUS_REFUSED;
}
