/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connections to xenstored. A handle whose connection has ended fails for good, and says so
 * nowhere: its reader has gone, and its descriptor is never readable again. So whoever meets the
 * end closes both handles, and the next call opens new ones.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <xenstore_lib.h>

#include "cleanup.h"
#include "hypervisor_xen_private.h"

/* Changes that are taken at once: more may come as fast as they are taken. */
#define DRAIN_MAX 1000

static int watch_domains(struct hypervisor *hypervisor)
{
    struct epoll_event event = { .events = EPOLLIN };
    int fd;

    if (!xs_watch(hypervisor->watches, "@introduceDomain", "new") ||
        !xs_watch(hypervisor->watches, "@releaseDomain", "gone"))
        return hypervisor_xen_failure();
    fd = xs_fileno(hypervisor->watches);
    if (fd < 0 || epoll_ctl(hypervisor->changes, EPOLL_CTL_ADD, fd, &event) < 0)
        return hypervisor_xen_failure();
    return 0;
}

/* The pipe of xs_fileno() leaves `changes` with its last descriptor. */
static void disconnect(struct hypervisor *hypervisor)
{
    if (hypervisor->watches)
        xs_close(hypervisor->watches);
    if (hypervisor->xs)
        xs_close(hypervisor->xs);
    hypervisor->watches = NULL;
    hypervisor->xs = NULL;
}

static int connect_handles(struct hypervisor *hypervisor)
{
    int r;

    errno = 0;
    hypervisor->xs = xs_open(0);
    if (hypervisor->xs)
        hypervisor->watches = xs_open(0);
    r = hypervisor->watches ? watch_domains(hypervisor) : hypervisor_xen_failure();
    if (r < 0)
        disconnect(hypervisor);
    return r;
}

/*
 * Whether somebody listens on xenstored's socket. Where nobody does, xs_open() turns to the
 * kernel's device, which waits for an answer as long as there is none: the loop would stand still.
 */
static int look_for_xenstored(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    _cleanup_(cleanup_close) int fd = -1;
    const char *path = xs_daemon_socket();

    if (!path || strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return 0;
}

int hypervisor_xen_connect(struct hypervisor *hypervisor)
{
    hypervisor->changes = epoll_create1(EPOLL_CLOEXEC);
    return hypervisor->changes < 0 ? -errno : connect_handles(hypervisor);
}

void hypervisor_xen_disconnect(struct hypervisor *hypervisor)
{
    disconnect(hypervisor);
    cleanup_close(&hypervisor->changes);
    hypervisor->changes = -1;
}

int hypervisor_xen_reach(struct hypervisor *hypervisor)
{
    int r;

    if (hypervisor->xs)
        return 0;
    r = look_for_xenstored();
    return r < 0 ? r : connect_handles(hypervisor);
}

int hypervisor_xen_judge(struct hypervisor *hypervisor, int r)
{
    /* None of them is among the errors that xenstored itself can answer (xs_wire.h). */
    if (r != -EBADF && r != -EPIPE && r != -ECONNRESET)
        return r;
    disconnect(hypervisor);
    return -ENOTCONN;
}

int hypervisor_change_fd(struct hypervisor *hypervisor)
{
    return hypervisor->changes;
}

int hypervisor_drain_changes(struct hypervisor *hypervisor)
{
    int r = hypervisor_xen_reach(hypervisor);

    for (int i = 0; r == 0 && i < DRAIN_MAX; i++) {
        char **watch = xs_check_watch(hypervisor->watches);

        if (!watch && errno == EAGAIN)
            return 0;
        if (!watch && errno == EINVAL) { /* what it says when its reader has ended */
            disconnect(hypervisor);
            return hypervisor_xen_reach(hypervisor);
        }
        if (!watch)
            return hypervisor_xen_failure();
        free(watch);
    }
    return r;
}
