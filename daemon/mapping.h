/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mapping and unmapping of a range in runs that the hypervisor takes, a slice of time at once.
 *
 * libxenctrl undoes a failed request as a whole and may lose its errno, so each run is one
 * request, and what was touched is known from `done`.
 */
#pragma once

#include "hypervisor.h"

struct mapping {
    struct hypervisor *hypervisor;
    uint32_t domid;
    gfn_t first;
    struct mfn_range frames;
    uint64_t done; /* pages */
};

enum {
    MAPPING_MORE = 1, /* time is up: call again */
    MAPPING_E_RAM,    /* guest RAM stands there after all; *ret_gfn of it */
};

/* `frames` is a valid range; the domain has the permission for it. */
void mapping_start(struct mapping *mapping, struct hypervisor *hypervisor, uint32_t domid,
                   gfn_t first, struct mfn_range frames);

/* Maps the next runs. Returns 0 (all mapped), MAPPING_MORE, MAPPING_E_RAM or -errno. */
int mapping_map_slice(struct mapping *mapping, unsigned microseconds);

/*
 * Unmaps the next runs. Returns 0 (all unmapped), MAPPING_MORE or -errno: then that run, and those
 * after it, may still be mapped.
 */
int mapping_unmap_slice(struct mapping *mapping, unsigned microseconds);
