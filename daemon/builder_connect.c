/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder_connect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"

/* It gets guests' configurations to run as root, and descriptors: not for just anybody. */
static int check_listener(int fd)
{
    struct ucred cred;
    socklen_t size = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
        return -errno;
    return cred.uid == 0 || cred.uid == geteuid() ? 0 : -EPERM;
}

int builder_connect(const char *path, int *ret_talk)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    _cleanup_(cleanup_close) int fd = -1;
    int r;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Where nobody accepts and the queue is full, this does not wait: EAGAIN. */
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    r = check_listener(fd);
    if (r < 0)
        return r;
    *ret_talk = steal_fd(&fd);
    return 0;
}

/* They go with an empty line, which nothing else is sent with. */
static int send_descriptors(int talk, const int *fds, size_t count)
{
    union {
        char room[CMSG_SPACE((BUILDER_EXTRA_MAX + 1) * sizeof(int))];
        struct cmsghdr header;
    } control = { 0 };
    char newline = '\n';
    struct iovec line = { .iov_base = &newline, .iov_len = 1 };
    struct msghdr message = {
        .msg_iov = &line,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = CMSG_SPACE(count * sizeof(int)),
    };

    control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                       .cmsg_type = SCM_RIGHTS,
                                       .cmsg_len = CMSG_LEN(count * sizeof(int)) };
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    return sendmsg(talk, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int builder_hand_over(int talk, const struct builder_setup *setup, int *ret_leash)
{
    int ends[2], fds[BUILDER_EXTRA_MAX + 1], r;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    fds[0] = ends[0];
    memcpy(fds + 1, setup->extra, setup->extra_count * sizeof(int));
    r = send_descriptors(talk, fds, setup->extra_count + 1);
    close(ends[0]);
    if (r < 0)
        close(ends[1]);
    else
        *ret_leash = ends[1];
    return r;
}

void builder_let_go(int leash)
{
    ssize_t n = write(leash, "", 1);

    /* One that is gone already needs no word. */
    (void)n;
}

void builder_await_end(int talk)
{
    struct pollfd fd = { .fd = talk, .events = POLLIN };
    char scrap[4096];
    ssize_t n;

    do {
        n = recv(talk, scrap, sizeof(scrap), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            poll(&fd, 1, -1);
    } while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
}
