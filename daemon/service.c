/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service.h"

#include <errno.h>

#ifdef HAVE_SYSTEMD

#include <fcntl.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <systemd/sd-daemon.h>

static int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int service_socket(void)
{
    /* The variables go: builders are not to take the socket for theirs. */
    int count = sd_listen_fds(1), fd = SD_LISTEN_FDS_START, r;

    if (count <= 0)
        return count < 0 ? count : -1;
    if (count > 1 || sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0)
        return -EINVAL;
    r = set_nonblocking(fd);
    return r < 0 ? r : fd;
}

static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
    sd_notify(0, "WATCHDOG=1");
}

int service_open(struct service *service, struct event_base *base)
{
    uint64_t limit;
    struct timeval interval;

    *service = (struct service){ 0 };
    if (sd_watchdog_enabled(0, &limit) <= 0)
        return 0;
    service->interval = limit / 2;
    interval = (struct timeval){ .tv_sec = (time_t)(service->interval / 1000000),
                                 .tv_usec = (suseconds_t)(service->interval % 1000000) };
    service->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, service);
    if (!service->watchdog || event_add(service->watchdog, &interval) < 0)
        return -ENOMEM;
    return 0;
}

void service_clear(struct service *service)
{
    if (service->watchdog)
        event_free(service->watchdog);
    *service = (struct service){ 0 };
}

void service_ready(void)
{
    sd_notify(0, "READY=1\nSTATUS=serving clients");
}

void service_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

#else

int service_socket(void)
{
    return -1;
}

int service_open(struct service *service, struct event_base *base)
{
    *service = (struct service){ 0 };
    return 0;
}

void service_clear(struct service *service)
{
}

void service_ready(void)
{
}

void service_stopping(void)
{
}

#endif
