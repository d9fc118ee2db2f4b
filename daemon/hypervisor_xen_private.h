/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the real hypervisor share. */
#pragma once

#define LIBXL_API_VERSION 0x041400 /* compiles from Xen 4.17 on */

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
    struct xs_handle *xs;
    /* Apart: libxenstore gives a handle that watches a thread, through which each reply goes then.
     */
    struct xs_handle *watches;
    char version[32];
    struct hypervisor_domain *list; /* of the last hypervisor_list() */
    size_t list_room;
};

/* The iomem ranges of a configuration; the caller frees *ret_iomem. Returns 0 or -ENOMEM. */
int hypervisor_xen_iomem(const libxl_domain_build_info *info, struct hypervisor_iomem **ret_iomem,
                         size_t *ret_count);
