/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one narrow interface to Xen.
 *
 * Implemented twice: hypervisor_xen.c on libxl, libxenctrl and libxenstore, and hypervisor_sim.c
 * in memory; a program links one of them. tests/contract holds what both promise. Besides these
 * only the builder (builder/backend_xen*.c) includes a Xen header.
 *
 * All calls are short (a hypercall, a file, a xenstore round trip) and return 0 or a negative
 * errno, with these meanings: -ESRCH no such domain, -EPERM no right to these pages, -EINVAL
 * arguments that Xen refuses, anything else: the hypervisor or its tools failed. An error of a call
 * that names a domain is to be judged only after a fresh look at the list: calls on a dying domain
 * fail with misleading errors (xen/common/domctl.c, xen/arch/arm/p2m.c). One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "range.h"

struct hypervisor;

#define DOMAIN_NAME_MAX 128
#define DOMAIN_UUID_SIZE 16 /* UUID_SIZE of uuid.h */

/* Pages that one hypercall maps or unmaps at most on Arm (-E2BIG above; xen/common/domctl.c). */
#define HYPERVISOR_RUN_MAX 64

/* Why a domain has shut down (SHUTDOWN_* of xen/include/public/sched.h). */
enum domain_shutdown {
    DOMAIN_RUNNING = -1, /* it has not */
    DOMAIN_POWEROFF = 0,
    DOMAIN_REBOOT = 1,
    DOMAIN_SUSPEND = 2,
    DOMAIN_CRASH = 3,
    DOMAIN_WATCHDOG = 4,
    DOMAIN_SOFT_RESET = 5,
};

/* One domain as the hypervisor itself reports it. */
struct hypervisor_domain {
    uint32_t domid;
    uint8_t uuid[DOMAIN_UUID_SIZE];
    bool paused;
    bool dying; /* its mappings are torn down and flushed: its pages are free again */
    enum domain_shutdown shutdown;
    uint64_t memory_kib; /* present size */
    uint64_t maxmem_kib; /* the hypervisor's limit: a stand-in where no config tells the maximum */
};

/* A range of host pages in a guest's own configuration (`iomem=`). */
struct hypervisor_iomem {
    struct mfn_range frames;
    gfn_t gfn; /* where the guest sees them */
};

/*
 * What a domain's stored configuration says. It appears only after the domain's pages were mapped,
 * and disappears before the domain does (libxl), so its absence says nothing: see known.
 */
struct hypervisor_config {
    bool known;          /* false: no config to be had now; the domain may hold anything */
    uint64_t maxmem_kib; /* 0: not said */
    bool has_vpci;       /* virtual PCI: its windows in the guest's address space are taken */
    struct hypervisor_iomem *iomem; /* owned: hypervisor_config_clear() */
    size_t iomem_count;
};

/* Text such as "4.17.7"; valid as long as the handle. */
const char *hypervisor_version(struct hypervisor *hypervisor);
void hypervisor_close(struct hypervisor *hypervisor); /* NULL is allowed */

/*
 * A descriptor that becomes readable when domains may have appeared or gone. A hint only: the list
 * is the truth. hypervisor_drain_changes() must be called before the list is read, and every few
 * seconds without a hint, too: -errno while changes are not told, since the hypervisor's tools are
 * gone, which no descriptor shows; it also finds them again.
 */
int hypervisor_change_fd(struct hypervisor *hypervisor);
int hypervisor_drain_changes(struct hypervisor *hypervisor);

/*
 * All domains but Dom0, ascending domid: each that is there all the time is in it. The array is
 * owned by the handle and valid until the next call. -errno: the list is unknown, which is not the
 * same as empty.
 */
int hypervisor_list(struct hypervisor *hypervisor, const struct hypervisor_domain **ret_domains,
                    size_t *ret_count);

/* The domain's name now; "" when it has none (yet). */
int hypervisor_domain_name(struct hypervisor *hypervisor, uint32_t domid,
                           char ret_name[static DOMAIN_NAME_MAX]);
int hypervisor_domain_config(struct hypervisor *hypervisor, uint32_t domid,
                             struct hypervisor_config *ret_config);
void hypervisor_config_clear(struct hypervisor_config *config);

/*
 * A last look before mapping: does a page of RAM (or a grant or magic page) stand in `frames` (at
 * most HYPERVISOR_RUN_MAX)? Holes and device mappings both look free.
 */
int hypervisor_probe_ram(struct hypervisor *hypervisor, uint32_t domid, struct gfn_range frames,
                         bool *ret_ram);

/* Grants or takes back the domain's right to these host pages. Both are idempotent. */
int hypervisor_permit(struct hypervisor *hypervisor, uint32_t domid, struct mfn_range frames);
int hypervisor_revoke(struct hypervisor *hypervisor, uint32_t domid, struct mfn_range frames);

/*
 * Maps or unmaps at most HYPERVISOR_RUN_MAX host pages at `first`. Needs the permission, for
 * unmapping too (Xen up to 4.21). Mapping the same twice and unmapping nothing return 0. Mapping
 * replaces silently whatever stands there; unmapping removes whatever mapping of host pages stands
 * there. After an error the run may be mapped in part.
 */
int hypervisor_map(struct hypervisor *hypervisor, uint32_t domid, gfn_t first,
                   struct mfn_range frames);
int hypervisor_unmap(struct hypervisor *hypervisor, uint32_t domid, gfn_t first,
                     struct mfn_range frames);

/* One node of a segment's folder. */
struct hypervisor_node {
    const char *key;
    const char *value;
};

/*
 * The guest's nodes, /local/domain/<domid>/xenshm/<segment>/<key>, readable by that guest: all of
 * them appear at once, watches fire in their order. Nothing is written for a domain that is gone.
 * hypervisor_unpublish() removes the segment's folder; a missing one is no error.
 */
int hypervisor_publish(struct hypervisor *hypervisor, uint32_t domid, const char *segment,
                       const struct hypervisor_node *nodes, size_t count);
int hypervisor_unpublish(struct hypervisor *hypervisor, uint32_t domid, const char *segment);
