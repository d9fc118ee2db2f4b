/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenstore: names of domains, the guests' nodes, and the hint that domains came or went. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor_xen_private.h"

#define PATH_MAX_XS 192
/* A transaction that collides with others this often meets an xenstore that does not work. */
#define TRIES 32

static int failure(void)
{
    return errno > 0 ? -errno : -EIO;
}

int hypervisor_change_fd(struct hypervisor *hypervisor)
{
    return xs_fileno(hypervisor->watches);
}

int hypervisor_drain_changes(struct hypervisor *hypervisor)
{
    char **watch;

    while ((watch = xs_check_watch(hypervisor->watches)))
        free(watch);
    return errno == EAGAIN ? 0 : failure();
}

int hypervisor_domain_name(struct hypervisor *hypervisor, uint32_t domid,
                           char ret_name[static DOMAIN_NAME_MAX])
{
    char path[PATH_MAX_XS], *name;
    unsigned length;

    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    errno = 0;
    name = xs_read(hypervisor->xs, XBT_NULL, path, &length);
    if (!name && errno != ENOENT)
        return failure();
    snprintf(ret_name, DOMAIN_NAME_MAX, "%s", name ? name : "");
    free(name);
    return 0;
}

static bool exists(struct hypervisor *hypervisor, xs_transaction_t transaction, const char *path)
{
    unsigned count;
    char **entries = xs_directory(hypervisor->xs, transaction, path, &count);
    bool found = entries != NULL;

    free(entries);
    return found;
}

/* In the transaction: only for a domain that xenstore knows, since writing creates folders. */
static int write_nodes(struct hypervisor *hypervisor, xs_transaction_t transaction, uint32_t domid,
                       const char *segment, const struct hypervisor_node *nodes, size_t count)
{
    char path[PATH_MAX_XS];

    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    if (!exists(hypervisor, transaction, path))
        return -ESRCH;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "/local/domain/%u/xenshm/%s/%s", domid, segment, nodes[i].key);
        if (!xs_write(hypervisor->xs, transaction, path, nodes[i].value,
                      (unsigned)strlen(nodes[i].value)))
            return failure();
    }
    return 0;
}

int hypervisor_publish(struct hypervisor *hypervisor, uint32_t domid, const char *segment,
                       const struct hypervisor_node *nodes, size_t count)
{
    for (int i = 0; i < TRIES; i++) {
        xs_transaction_t transaction;
        int r;

        errno = 0;
        transaction = xs_transaction_start(hypervisor->xs);
        if (transaction == XBT_NULL)
            return failure();
        r = write_nodes(hypervisor, transaction, domid, segment, nodes, count);
        if (xs_transaction_end(hypervisor->xs, transaction, r < 0))
            return r;
        if (r < 0 || errno != EAGAIN)
            return r < 0 ? r : failure();
    }
    return -EAGAIN;
}

int hypervisor_unpublish(struct hypervisor *hypervisor, uint32_t domid, const char *segment)
{
    char path[PATH_MAX_XS];

    snprintf(path, sizeof(path), "/local/domain/%u/xenshm/%s", domid, segment);
    errno = 0;
    return xs_rm(hypervisor->xs, XBT_NULL, path) || errno == ENOENT ? 0 : failure();
}
