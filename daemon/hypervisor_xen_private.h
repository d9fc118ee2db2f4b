/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the real hypervisor share. */
#pragma once

#define LIBXL_API_VERSION 0x041400 /* compiles from Xen 4.17 on */

#include <errno.h>
#include <libxl.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xenstore.h>
#include <xentoollog.h>

#include "hypervisor.h"

struct hypervisor {
    xentoollog_logger *logger;
    libxl_ctx *xl;
    xc_interface *xc;
    xenforeignmemory_handle *memory;
    /* Both NULL when the connection to xenstored has ended: hypervisor_xen_reach() opens them. */
    struct xs_handle *xs;
    /* Apart: libxenstore gives a handle that watches a thread, through which each reply goes then.
     */
    struct xs_handle *watches;
    int changes; /* an epoll of its descriptor, which is another one after each reconnection */
    char version[32];
    struct hypervisor_domain *list; /* of the last hypervisor_list() */
    size_t list_room;
};

/* What errno says after a call of libxenctrl or libxenstore that failed; never 0. */
static inline int hypervisor_xen_failure(void)
{
    return errno > 0 ? -errno : -EIO;
}

/*
 * The connection to xenstored, at the start; 0 or -errno, and then hypervisor_xen_disconnect() is
 * still to be called, which is also allowed where `changes` is -1 and the handles are NULL.
 */
int hypervisor_xen_connect(struct hypervisor *hypervisor);
void hypervisor_xen_disconnect(struct hypervisor *hypervisor);

/*
 * Before a call of libxenstore: connects again after the connection was lost, if xenstored is back.
 * 0, or -errno (-ECONNREFUSED, -ENOENT: nobody is there). Never waits for xenstored to appear.
 */
int hypervisor_xen_reach(struct hypervisor *hypervisor);
/* After it: returns `r`, or -ENOTCONN when that says that the connection is lost. */
int hypervisor_xen_judge(struct hypervisor *hypervisor, int r);

/* The iomem ranges of a configuration; the caller frees *ret_iomem. Returns 0 or -ENOMEM. */
int hypervisor_xen_iomem(const libxl_domain_build_info *info, struct hypervisor_iomem **ret_iomem,
                         size_t *ret_count);
