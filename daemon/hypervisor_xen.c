/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxenctrl for the list of domains, permissions and mappings, libxenforeignmemory for the look at
 * what stands at an address. Everything here is a short, synchronous call.
 */
#include "hypervisor_xen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hypervisor_xen_private.h"

static int open_handles(struct hypervisor *hypervisor)
{
    /* Refused calls are judged here; the libraries' own lines would only frighten. */
    hypervisor->logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    if (!hypervisor->logger)
        return -ENOMEM;
    if (libxl_ctx_alloc(&hypervisor->xl, LIBXL_VERSION, 0, hypervisor->logger) != 0)
        return hypervisor_xen_failure();
    hypervisor->xc = xc_interface_open(hypervisor->logger, NULL, 0);
    if (!hypervisor->xc)
        return hypervisor_xen_failure();
    hypervisor->memory = xenforeignmemory_open(hypervisor->logger, 0);
    if (!hypervisor->memory)
        return hypervisor_xen_failure();
    return hypervisor_xen_connect(hypervisor);
}

static int read_version(struct hypervisor *hypervisor)
{
    const libxl_version_info *info = libxl_get_version_info(hypervisor->xl);

    if (!info)
        return -EIO;
    snprintf(hypervisor->version, sizeof(hypervisor->version), "%d.%d%s", info->xen_version_major,
             info->xen_version_minor, info->xen_version_extra ? info->xen_version_extra : "");
    return 0;
}

int hypervisor_xen_open(struct hypervisor **ret_hypervisor)
{
    struct hypervisor *hypervisor = calloc(1, sizeof(*hypervisor));
    int r;

    if (!hypervisor)
        return -ENOMEM;
    hypervisor->changes = -1;
    errno = 0;
    r = open_handles(hypervisor);
    if (r == 0)
        r = read_version(hypervisor);
    if (r < 0) {
        hypervisor_close(hypervisor);
        return r;
    }
    *ret_hypervisor = hypervisor;
    return 0;
}

void hypervisor_close(struct hypervisor *hypervisor)
{
    if (!hypervisor)
        return;
    hypervisor_xen_disconnect(hypervisor);
    if (hypervisor->memory)
        xenforeignmemory_close(hypervisor->memory);
    if (hypervisor->xc)
        xc_interface_close(hypervisor->xc);
    if (hypervisor->xl)
        libxl_ctx_free(hypervisor->xl);
    if (hypervisor->logger)
        xtl_logger_destroy(hypervisor->logger);
    free(hypervisor->list);
    free(hypervisor);
}

const char *hypervisor_version(struct hypervisor *hypervisor)
{
    return hypervisor->version;
}

static int reserve_list(struct hypervisor *hypervisor, size_t count)
{
    struct hypervisor_domain *list;

    if (count <= hypervisor->list_room && hypervisor->list)
        return 0;
    list = reallocarray(hypervisor->list, count + 1, sizeof(*list));
    if (!list)
        return -ENOMEM;
    hypervisor->list = list;
    hypervisor->list_room = count;
    return 0;
}

static void copy_domain(const xc_domaininfo_t *info, struct hypervisor_domain *domain)
{
    uint32_t reason = (info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;

    *domain = (struct hypervisor_domain){
        .domid = info->domain,
        .paused = info->flags & XEN_DOMINF_paused,
        .dying = info->flags & XEN_DOMINF_dying,
        /* What the guest gave as reason; one that is unknown (SHUTDOWN_*) counts as a crash. */
        .shutdown = reason <= DOMAIN_SOFT_RESET ? (enum domain_shutdown)reason : DOMAIN_CRASH,
        .memory_kib = info->tot_pages << (XC_PAGE_SHIFT - 10),
        .maxmem_kib = info->max_pages << (XC_PAGE_SHIFT - 10),
    };
    if (!(info->flags & XEN_DOMINF_shutdown))
        domain->shutdown = DOMAIN_RUNNING;
    memcpy(domain->uuid, info->handle, DOMAIN_UUID_SIZE);
}

/*
 * Not libxl's list: that takes a buffer of 31 fresh pages from the kernel and asks for a label of
 * each domain, 20 to 50 ms each time on an emulated board. What fits into one page is in
 * libxenctrl's cache.
 */
int hypervisor_list(struct hypervisor *hypervisor, const struct hypervisor_domain **ret_domains,
                    size_t *ret_count)
{
    xc_domaininfo_t info[XC_PAGE_SIZE / sizeof(xc_domaininfo_t)];
    const unsigned room = sizeof(info) / sizeof(info[0]);
    uint32_t first = 1; /* not Dom0 */
    size_t count = 0;
    int found, r;

    do {
        errno = 0;
        found = xc_domain_getinfolist(hypervisor->xc, first, room, info);
        if (found < 0)
            return hypervisor_xen_failure();
        r = reserve_list(hypervisor, count + (size_t)found);
        if (r < 0)
            return r;
        for (int i = 0; i < found; i++)
            copy_domain(&info[i], &hypervisor->list[count++]);
        if (found > 0)
            first = info[found - 1].domain + 1u;
    } while (found == (int)room);
    *ret_domains = hypervisor->list;
    *ret_count = count;
    return 0;
}

int hypervisor_probe_ram(struct hypervisor *hypervisor, uint32_t domid, struct gfn_range frames,
                         bool *ret_ram)
{
    xen_pfn_t pages[HYPERVISOR_RUN_MAX] = { 0 };
    int errors[HYPERVISOR_RUN_MAX] = { 0 };
    bool ram = false;
    void *address;
    int r = 0;

    for (uint64_t i = 0; i < frames.count; i++)
        pages[i] = frames.first.v + i;
    errno = 0;
    /* Only RAM can be mapped: what this refuses with EINVAL is a hole or a device mapping. */
    address =
        xenforeignmemory_map(hypervisor->memory, domid, PROT_READ, frames.count, pages, errors);
    if (!address)
        return hypervisor_xen_failure();
    for (uint64_t i = 0; i < frames.count; i++) {
        if (errors[i] == 0)
            ram = true;
        else if (errors[i] != -EINVAL)
            r = errors[i];
    }
    xenforeignmemory_unmap(hypervisor->memory, address, frames.count);
    if (r < 0 && !ram)
        return r;
    *ret_ram = ram;
    return 0;
}

static int set_permission(struct hypervisor *hypervisor, uint32_t domid, struct mfn_range frames,
                          bool allow)
{
    errno = 0;
    return xc_domain_iomem_permission(hypervisor->xc, domid, frames.first.v, frames.count, allow)
               ? hypervisor_xen_failure()
               : 0;
}

int hypervisor_permit(struct hypervisor *hypervisor, uint32_t domid, struct mfn_range frames)
{
    return set_permission(hypervisor, domid, frames, true);
}

int hypervisor_revoke(struct hypervisor *hypervisor, uint32_t domid, struct mfn_range frames)
{
    return set_permission(hypervisor, domid, frames, false);
}

static int change_mapping(struct hypervisor *hypervisor, uint32_t domid, gfn_t first,
                          struct mfn_range frames, uint32_t add)
{
    /* Larger requests are halved by libxenctrl until they fit, but fail as a whole. */
    if (frames.count > HYPERVISOR_RUN_MAX)
        return -E2BIG;
    errno = 0;
    return xc_domain_memory_mapping(hypervisor->xc, domid, first.v, frames.first.v, frames.count,
                                    add)
               ? hypervisor_xen_failure()
               : 0;
}

int hypervisor_map(struct hypervisor *hypervisor, uint32_t domid, gfn_t first,
                   struct mfn_range frames)
{
    return change_mapping(hypervisor, domid, first, frames, DPCI_ADD_MAPPING);
}

int hypervisor_unmap(struct hypervisor *hypervisor, uint32_t domid, gfn_t first,
                     struct mfn_range frames)
{
    return change_mapping(hypervisor, domid, first, frames, DPCI_REMOVE_MAPPING);
}
