/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's use of xenstore alone, for a driver that plays xenstored: one command a line on
 * standard input, and for each a line with what came of it. libxenstore finds the socket by
 * XENSTORED_PATH. "race" is a mistake, to see whether a race would be noticed.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor_xen_private.h"

#define WAIT_MAX 60000 /* milliseconds, under a tool on a slow machine */

static struct hypervisor hypervisor = { .changes = -1 };
static int raced;

static int publish(uint32_t domid)
{
    static const struct hypervisor_node nodes[] = {
        { "address", "0x3a000000" },
        { "size", "4096" },
        { "epoch", "1" },
        { "state", "attached" },
    };

    return hypervisor_publish(&hypervisor, domid, "guest1-0", nodes, 4);
}

static int wait_for_change(int timeout)
{
    struct pollfd fd = { .fd = hypervisor_change_fd(&hypervisor), .events = POLLIN };

    return poll(&fd, 1, timeout);
}

/* As the loop does it: what each change leads to, whatever else goes on. */
static int work(unsigned rounds)
{
    char name[DOMAIN_NAME_MAX];
    int r = 0;

    for (unsigned i = 0; r == 0 && i < rounds; i++) {
        r = publish(1);
        if (r == 0 && wait_for_change(0) > 0)
            r = hypervisor_drain_changes(&hypervisor);
        if (r == 0)
            r = hypervisor_domain_name(&hypervisor, 1, name);
        if (r == 0)
            r = hypervisor_unpublish(&hypervisor, 1, "guest1-0");
    }
    return r;
}

static int reconnect(unsigned rounds)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < rounds; i++) {
        hypervisor_xen_disconnect(&hypervisor);
        r = hypervisor_xen_connect(&hypervisor);
        if (r == 0 && i % 2)
            r = work(1);
    }
    return r;
}

static void *count(void *context)
{
    for (int i = 0; i < 1000; i++)
        raced++;
    return NULL;
}

static int race(void)
{
    pthread_t other;
    int r = pthread_create(&other, NULL, count, NULL);

    if (r)
        return -r;
    count(NULL);
    return -pthread_join(other, NULL);
}

static int run(const char *verb, unsigned number)
{
    if (!strcmp(verb, "connect"))
        return hypervisor_xen_connect(&hypervisor);
    if (!strcmp(verb, "publish"))
        return publish(number);
    if (!strcmp(verb, "unpublish"))
        return hypervisor_unpublish(&hypervisor, number, "guest1-0");
    if (!strcmp(verb, "drain"))
        return hypervisor_drain_changes(&hypervisor);
    if (!strcmp(verb, "look"))
        return wait_for_change(0);
    if (!strcmp(verb, "wait"))
        return wait_for_change(WAIT_MAX);
    if (!strcmp(verb, "work"))
        return work(number);
    if (!strcmp(verb, "reconnect"))
        return reconnect(number);
    if (!strcmp(verb, "race"))
        return race();
    abort();
}

int main(void)
{
    char line[64], verb[32], name[DOMAIN_NAME_MAX];
    unsigned number;

    while (fgets(line, sizeof(line), stdin)) {
        number = 0;
        if (sscanf(line, "%31s %u", verb, &number) < 1)
            abort();
        name[0] = '\0';
        if (!strcmp(verb, "name"))
            printf("%d %s\n", hypervisor_domain_name(&hypervisor, number, name), name);
        else
            printf("%d\n", run(verb, number));
        fflush(stdout);
    }
    hypervisor_xen_disconnect(&hypervisor);
    return 0;
}
