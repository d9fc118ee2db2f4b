/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the simulated hypervisor share. One thread; for other processes SIM_LOCKED().
 */
#pragma once

#include "cleanup.h"
#include "sim_world.h"

#define FAULTS_MAX 64

struct sim_fault_plan {
    const char *operation;
    uint64_t after;
    int error_number;
    enum sim_fault_kind kind;
};

struct hypervisor {
    struct sim_world *world;
    int world_fd;
    int change_fd;
    unsigned locked; /* how often, one in the other */
    struct sim_fault_plan faults[FAULTS_MAX];
    size_t fault_count;
    struct hypervisor_domain list[SIM_DOMAINS];
};

static inline struct hypervisor *sim_lock(struct hypervisor *hypervisor)
{
    if (hypervisor->locked++ == 0)
        sim_world_lock(hypervisor->world);
    return hypervisor;
}

static inline void sim_unlock(struct hypervisor **hypervisor)
{
    if (--(*hypervisor)->locked == 0)
        sim_world_unlock((*hypervisor)->world);
}

/* From here to the end of the block the world is this process's alone. */
#define SIM_LOCKED(hypervisor)                                                                     \
    _cleanup_(sim_unlock) struct hypervisor *locked_ __attribute__((unused)) = sim_lock(hypervisor)

/* sim_faults.c */
/* The result of a call that has done its work, or failed. */
int sim_ended(struct hypervisor *hypervisor, const char *operation, int r);

/* sim_domains.c */
/* NULL: there is no such domain. */
struct sim_slot *sim_find_slot(struct hypervisor *hypervisor, uint32_t domid);
bool sim_in_pools(const struct hypervisor *hypervisor, struct mfn_range frames);
bool sim_is_ram(const struct sim_slot *slot, uint64_t first, uint64_t count);
void sim_remove_nodes(struct sim_world *world, uint32_t domid, const char *prefix);
