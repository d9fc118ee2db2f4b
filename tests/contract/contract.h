/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every hypervisor promises (hypervisor.h), as tests that run on both. Prints TAP. */
#pragma once

#include "hypervisor.h"

struct contract_place {
    uint32_t domid;          /* a running domain, without attachments */
    struct mfn_range frames; /* pages of a pool that nobody has; one run at most */
    gfn_t free_gfn;          /* frames.count pages from here on are free in the domain */
    gfn_t ram_gfn;           /* a page of the domain's RAM */
    mfn_t alien;             /* a host page that nobody may give away */
    uint32_t no_domid;       /* there is no such domain */
};

/* Returns the number of failed tests. */
int contract_run(struct hypervisor *hypervisor, const struct contract_place *place);
