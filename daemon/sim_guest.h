/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting simulated guests: defaults and the xl notation of iomem ranges. One thread. */
#pragma once

#include "hypervisor_sim.h"

#define SIM_GUEST_MEMORY (UINT64_C(128) << 20)

struct sim_guest {
    char name[DOMAIN_NAME_MAX];
    uint32_t domid;                 /* 0: the next */
    uint64_t memory;                /* bytes */
    uint64_t maxmem;                /* bytes; 0: as memory */
    uint8_t uuid[DOMAIN_UUID_SIZE]; /* all zero: made from the name, always the same */
    bool hide_config;               /* as while a domain is being built */
    bool has_vpci;
    struct hypervisor_iomem iomem[SIM_IOMEM_MAX];
    size_t iomem_count;
};

/* As sim_start(). */
int sim_guest_start(struct hypervisor *hypervisor, const struct sim_guest *guest,
                    uint32_t *ret_domid);
/* "PFN,COUNT[@GFN]" in hexadecimal, as in an xl config: "0x7ffff,1@0x3a000". 0 or -EINVAL. */
int sim_guest_parse_iomem(const char *text, struct hypervisor_iomem *ret_iomem);
