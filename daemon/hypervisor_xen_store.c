/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenstore: names of domains, and the guests' nodes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor_xen_private.h"

#define PATH_MAX_XS 192
/* A transaction that collides with others this often meets an xenstore that does not work. */
#define TRIES 32

static int read_name(struct hypervisor *hypervisor, uint32_t domid,
                     char ret_name[static DOMAIN_NAME_MAX])
{
    char path[PATH_MAX_XS], *name;
    unsigned length;

    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    errno = 0;
    name = xs_read(hypervisor->xs, XBT_NULL, path, &length);
    if (!name && errno != ENOENT)
        return hypervisor_xen_failure();
    snprintf(ret_name, DOMAIN_NAME_MAX, "%s", name ? name : "");
    free(name);
    return 0;
}

int hypervisor_domain_name(struct hypervisor *hypervisor, uint32_t domid,
                           char ret_name[static DOMAIN_NAME_MAX])
{
    int r = hypervisor_xen_reach(hypervisor);

    return r < 0 ? r : hypervisor_xen_judge(hypervisor, read_name(hypervisor, domid, ret_name));
}

/* Whether xenstore knows the domain: 0, -ESRCH, or another -errno when that cannot be told. */
static int find_domain(struct hypervisor *hypervisor, xs_transaction_t transaction, uint32_t domid)
{
    char path[PATH_MAX_XS];
    unsigned count;
    char **entries;

    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    errno = 0;
    entries = xs_directory(hypervisor->xs, transaction, path, &count);
    if (!entries)
        return errno == ENOENT ? -ESRCH : hypervisor_xen_failure();
    free(entries);
    return 0;
}

/* In the transaction: only for a domain that xenstore knows, since writing creates folders. */
static int write_nodes(struct hypervisor *hypervisor, xs_transaction_t transaction, uint32_t domid,
                       const char *segment, const struct hypervisor_node *nodes, size_t count)
{
    char path[PATH_MAX_XS];
    int r = find_domain(hypervisor, transaction, domid);

    for (size_t i = 0; r == 0 && i < count; i++) {
        snprintf(path, sizeof(path), "/local/domain/%u/xenshm/%s/%s", domid, segment, nodes[i].key);
        if (!xs_write(hypervisor->xs, transaction, path, nodes[i].value,
                      (unsigned)strlen(nodes[i].value)))
            r = hypervisor_xen_failure();
    }
    return r;
}

static int publish(struct hypervisor *hypervisor, uint32_t domid, const char *segment,
                   const struct hypervisor_node *nodes, size_t count)
{
    for (int i = 0; i < TRIES; i++) {
        xs_transaction_t transaction;
        int r;

        errno = 0;
        transaction = xs_transaction_start(hypervisor->xs);
        if (transaction == XBT_NULL)
            return hypervisor_xen_failure();
        r = write_nodes(hypervisor, transaction, domid, segment, nodes, count);
        if (xs_transaction_end(hypervisor->xs, transaction, r < 0))
            return r;
        if (r < 0 || errno != EAGAIN)
            return r < 0 ? r : hypervisor_xen_failure();
    }
    return -EAGAIN;
}

int hypervisor_publish(struct hypervisor *hypervisor, uint32_t domid, const char *segment,
                       const struct hypervisor_node *nodes, size_t count)
{
    int r = hypervisor_xen_reach(hypervisor);

    if (r == 0)
        r = publish(hypervisor, domid, segment, nodes, count);
    return hypervisor_xen_judge(hypervisor, r);
}

int hypervisor_unpublish(struct hypervisor *hypervisor, uint32_t domid, const char *segment)
{
    char path[PATH_MAX_XS];
    int r = hypervisor_xen_reach(hypervisor);

    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "/local/domain/%u/xenshm/%s", domid, segment);
    errno = 0;
    if (xs_rm(hypervisor->xs, XBT_NULL, path) || errno == ENOENT)
        return 0;
    return hypervisor_xen_judge(hypervisor, hypervisor_xen_failure());
}
