/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "remote.h"
#include "ssh.h"

/* After its stream has ended, ssh gets so long to end as well. */
#define END_MS 5000

struct link {
    struct xenshm *connection; /* NULL: none */
    struct ssh ssh;            /* only with --host */
};

struct link *link_new(void)
{
    struct link *link = calloc(1, sizeof(*link));

    if (link)
        link->ssh.fd = -1;
    return link;
}

static void hang_up(struct link *link, unsigned milliseconds)
{
    xenshm_close(link->connection);
    link->connection = NULL;
    ssh_end(&link->ssh, milliseconds);
}

void link_free(struct link *link)
{
    if (link)
        hang_up(link, END_MS);
    free(link);
}

/* ---- opening */

static int open_through_ssh(const struct invocation *invocation, struct xenshm **ret_connection)
{
    _cleanup_(cleanup_free) char *command = remote_proxy_command(invocation);
    struct ssh *ssh = &invocation->link->ssh;
    int r;

    if (!command)
        return -ENOMEM;
    r = ssh_start(ssh, invocation, command, SSH_STREAM);
    if (r == 0)
        r = xenshm_connect_fd(steal_fd(&ssh->fd), ret_connection);
    if (r == 0)
        xenshm_set_timeout(*ret_connection, invocation->timeout);
    return r;
}

int link_open(const struct invocation *invocation)
{
    struct link *link = invocation->link;

    if (link->connection)
        return 0;
    if (invocation->host)
        return open_through_ssh(invocation, &link->connection);
    return xenshm_connect_within(invocation->socket_path, invocation->timeout, &link->connection);
}

void link_close(const struct invocation *invocation)
{
    hang_up(invocation->link, 0);
}

struct xenshm *link_connection(const struct invocation *invocation)
{
    return invocation->link->connection;
}

/* ---- its end */

bool link_explain(const struct invocation *invocation)
{
    enum exit_status status;

    if (!invocation->host)
        return false;
    hang_up(invocation->link, END_MS);
    status = ssh_judge(&invocation->link->ssh, invocation);
    if (status == STATUS_REFUSED || status == STATUS_USAGE)
        complain(invocation,
                 "the xenshmctl at %s did not let this one through; install this version there",
                 invocation->place);
    return status != STATUS_DONE;
}
