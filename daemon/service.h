/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon says to systemd, and gets from it (libsystemd). Built without libsystemd, or not
 * started by systemd, all of it does nothing, and the daemon binds its own socket. One thread.
 */
#pragma once

#include <stdint.h>

struct event;
struct event_base;

struct service {
    struct event *watchdog; /* NULL: systemd does not ask for a sign of life */
    uint64_t interval;      /* microseconds between two */
};

/*
 * The listening socket that systemd has opened for us (xenshmd.socket): returns its descriptor,
 * close-on-exec and non-blocking, or -1 when there is none. -EINVAL: what there is, is no listening
 * stream socket of the Unix domain, or there are several.
 */
int service_socket(void);

/*
 * From here on a sign of life goes out twice in the time after which systemd takes the daemon for
 * hung (WatchdogSec=): as the loop itself sends it, a loop that hangs sends none. Returns 0 or
 * -ENOMEM; service_clear() in either case.
 */
int service_open(struct service *service, struct event_base *base);
/* Before the base is freed. */
void service_clear(struct service *service);

/* Clients are served: whoever is ordered after the daemon may start. */
void service_ready(void);
void service_stopping(void);
