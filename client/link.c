/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "remote.h"

/* After its stream has ended, ssh gets so long to end as well. */
#define END_MS 5000

static int open_through_ssh(struct link *link, const struct invocation *invocation)
{
    _cleanup_(cleanup_free) char *command = remote_proxy_command(invocation);
    int r;

    if (!command)
        return -ENOMEM;
    r = ssh_start(&link->ssh, invocation, command, SSH_STREAM);
    if (r == 0)
        connection_take(&link->connection, steal_fd(&link->ssh.fd), invocation->timeout);
    return r;
}

int link_open(struct link *link, const struct invocation *invocation)
{
    *link = (struct link){ .connection.fd = -1, .ssh.fd = -1 };
    if (invocation->host)
        return open_through_ssh(link, invocation);
    return connection_open(&link->connection, invocation->socket_path, invocation->timeout);
}

void link_clear(struct link *link)
{
    connection_clear(&link->connection);
    ssh_end(&link->ssh, END_MS);
}

/* ---- complaints */

static const char *advice(const struct invocation *invocation, int r)
{
    switch (r) {
    case CONNECTION_E_TIMEOUT:
        if (invocation->command && invocation->command->timeout)
            return "it goes on with what it has begun, see 'xenshmctl guests'";
        return "the request may still be carried out, see the daemon's log";
    case CONNECTION_E_CLOSED:
        return "see the daemon's log";
    case CONNECTION_E_GARBLED:
        if (invocation->host)
            return "does a login script over there print something?";
        return "see --socket";
    case CONNECTION_E_TOO_LONG:
        return NULL;
    case -EACCES:
    case -EPERM:
        return "ask as root, or become a member of the group that may";
    default:
        return invocation->host ? NULL : "is it running?";
    }
}

static void complain_unreachable(const struct invocation *invocation, int r)
{
    _cleanup_(cleanup_free) char *reason = unreachable_reason(invocation, invocation->place, r);
    const char *what_to_do = advice(invocation, r);

    if (reason)
        complain(invocation, "%s%s%s", reason, what_to_do ? "; " : "",
                 what_to_do ? what_to_do : "");
    else
        complain_memory(invocation);
}

/* The stream from ssh ended: is that ssh's end, the proxy's, or the daemon's? True: said. */
static bool explain_ssh(struct link *link, const struct invocation *invocation)
{
    enum exit_status status;

    connection_clear(&link->connection);
    ssh_end(&link->ssh, END_MS);
    status = ssh_judge(&link->ssh, invocation);
    if (status == STATUS_REFUSED || status == STATUS_USAGE)
        complain(invocation,
                 "the xenshmctl at %s did not let this one through; install this "
                 "version there",
                 invocation->place);
    return status != STATUS_DONE;
}

enum exit_status link_complain(struct link *link, const struct invocation *invocation, int r)
{
    if (!invocation->host || r != CONNECTION_E_CLOSED || !explain_ssh(link, invocation))
        complain_unreachable(invocation, r);
    return STATUS_UNREACHABLE;
}
