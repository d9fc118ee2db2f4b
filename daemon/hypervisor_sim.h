/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulated hypervisor: domains, permissions, mappings, guests' xenstore nodes and the pools'
 * bytes, in one piece of shared memory that can be a file ("world") and then outlives the daemon
 * exactly as Xen does.
 *
 * What it claims about Xen has been seen on Xen: tests/contract runs on both. Fault injection makes
 * the n-th call of an operation fail, or kill the process. One thread.
 */
#pragma once

#include "hypervisor.h"

/* The end of the highest simulated pool: the classic page is 0x7ffff000. */
#define SIM_POOLS_END UINT64_C(0x80000000)

struct sim_pool {
    char name[64];
    struct mfn_range frames;
    uint64_t offset; /* of its bytes in the world */
};

struct sim_pool_request {
    const char *name;
    uint64_t size; /* bytes, whole pages */
};

/*
 * Opens the world in `path` (NULL: one that ends with the process). A new world gets the pools
 * asked for, the first one ending at SIM_POOLS_END, each next one below; an existing one keeps its
 * own, and those asked for (if any) must be the same: else -EEXIST. -EILSEQ: not a world.
 */
int sim_open(const char *path, const struct sim_pool_request *pools, size_t pool_count,
             struct hypervisor **ret_hypervisor);

/*
 * Opens the world of somebody else's descriptors, as its builders do: the world's, and the bell
 * that tells the daemon of domains that come and go. Returns 0, -EILSEQ: not a world, or -errno.
 */
int sim_join(int world_fd, int bell_fd, struct hypervisor **ret_hypervisor);
/* The descriptors for sim_join(), close-on-exec; owned by the handle. */
int sim_world_fd(struct hypervisor *hypervisor);
int sim_bell_fd(struct hypervisor *hypervisor);

size_t sim_pool_count(struct hypervisor *hypervisor);
const struct sim_pool *sim_pool(struct hypervisor *hypervisor, size_t index);
/* The pool's bytes in this process. */
void *sim_pool_address(struct hypervisor *hypervisor, size_t index);

/* What a toolstack does: domains appear, shut down and go. All return 0 or -errno. */
struct sim_domain {
    const char *name;
    uint32_t domid; /* 0: one that no domain had before */
    uint8_t uuid[DOMAIN_UUID_SIZE];
    uint64_t memory_kib;
    uint64_t maxmem_kib;
    bool config_known; /* false: as while the domain is being built */
    bool paused;
    bool has_vpci;
    const struct hypervisor_iomem *iomem;
    size_t iomem_count;
};
#define SIM_IOMEM_MAX 64
#define SIM_DOMID_MAX 0x7fef /* the last one that a domain can have, DOMID_FIRST_RESERVED - 1 */

/* -EEXIST: a domain has that name or domid; -EINVAL: iomem outside the pools or over RAM; -ENOSPC.
 */
int sim_start(struct hypervisor *hypervisor, const struct sim_domain *domain, uint32_t *ret_domid);
/* DOMAIN_RUNNING: it goes on. */
int sim_shutdown(struct hypervisor *hypervisor, uint32_t domid, enum domain_shutdown reason);
int sim_destroy(struct hypervisor *hypervisor, uint32_t domid);
/* -EEXIST: another domain has that name; -EINVAL: it is empty or too long. */
int sim_rename(struct hypervisor *hypervisor, uint32_t domid, const char *name);
int sim_pause(struct hypervisor *hypervisor, uint32_t domid, bool paused);
/* The configuration of a domain started without one appears. */
int sim_reveal_config(struct hypervisor *hypervisor, uint32_t domid);
/*
 * The steps of building one: one more range of its configuration is permitted and mapped (-EPERM:
 * outside the pools; -E2BIG: too many), and libxl's JSON of it is stored and appears.
 */
int sim_add_iomem(struct hypervisor *hypervisor, uint32_t domid, struct hypervisor_iomem iomem);
int sim_store_config(struct hypervisor *hypervisor, uint32_t domid, const char *json);
/* What is stored, to be freed; NULL: nothing that is to be had. */
char *sim_stored_config(struct hypervisor *hypervisor, uint32_t domid);
/* KiB that no domain has. */
uint64_t sim_free_memory(struct hypervisor *hypervisor);
#define SIM_MEMORY_KIB (UINT64_C(16) << 20)
/* The domain of that name: -ESRCH if there is none. */
int sim_find(struct hypervisor *hypervisor, const char *name, uint32_t *ret_domid);

/*
 * The guest's own view of memory: the pool's byte at a guest address. NULL where nothing is mapped
 * (a real guest's process is killed there), and for RAM, which is not simulated.
 */
volatile uint8_t *sim_guest_byte(struct hypervisor *hypervisor, uint32_t domid, uint64_t address);

/* The guest's nodes below xenshm/: calls `each` with "<segment>/<key>" and the value. */
void sim_each_node(struct hypervisor *hypervisor, uint32_t domid,
                   void (*each)(void *context, const char *path, const char *value), void *context);
/* As hypervisor_list(), but no call that a planned fault counts. */
void sim_list(struct hypervisor *hypervisor, const struct hypervisor_domain **ret_domains,
              size_t *ret_count);
/* Pages mapped into a domain and pages that it may map, for comparisons. */
uint64_t sim_mapped_pages(struct hypervisor *hypervisor, uint32_t domid);
uint64_t sim_permitted_pages(struct hypervisor *hypervisor, uint32_t domid);
/* The same as ranges, in no order, perhaps overlapping; a permission has no guest address. */
typedef void (*sim_range_fn)(void *context, struct mfn_range frames, gfn_t first);
void sim_each_mapping(struct hypervisor *hypervisor, uint32_t domid, sim_range_fn each,
                      void *context);
void sim_each_permission(struct hypervisor *hypervisor, uint32_t domid, sim_range_fn each,
                         void *context);

/* The names of the operations that can fail; NULL-terminated. "any" stands for each of them. */
extern const char *const sim_operations[];
enum sim_fault_kind {
    SIM_FAULT_EARLY, /* fails with nothing done */
    SIM_FAULT_KILL,  /* is the process's last */
    SIM_FAULT_LATE,  /* does its work, and fails all the same; what changes nothing cannot */
};
/*
 * The `after`-th call of that operation from now on (0 and 1: the next) returns -error_number.
 * error_number 0 but for SIM_FAULT_KILL: forget what was planned for this operation.
 * -EINVAL: no such operation; -ENOSPC: too many plans.
 */
int sim_fail(struct hypervisor *hypervisor, const char *operation, uint64_t after, int error_number,
             enum sim_fault_kind kind);
/* How many faults are still to come. */
size_t sim_faults_pending(struct hypervisor *hypervisor);
/* For store_set_fault(); the context is the hypervisor. */
int sim_fault(void *hypervisor, const char *operation);

/*
 * Faults of builders, which are other processes: kept in the world until a builder comes to the
 * step, and used once.
 */
#define SIM_BUILDER_PLANS 16
struct sim_builder_plan {
    char step[16];   /* "start", "facts", "build", "built", "run", "end" */
    char action[16]; /* "abort", "hang", "error", "garbage", "slow"; "": none */
    double seconds;  /* "slow": how long */
};
/* Action "": forget the plans for this step. -EINVAL: no such step or action; -ENOSPC: too many. */
int sim_plan_builder(struct hypervisor *hypervisor, const struct sim_builder_plan *plan);
/* Takes a plan for a step. Returns false if there is none. */
bool sim_take_builder_plan(struct hypervisor *hypervisor, const char *step,
                           struct sim_builder_plan *ret_plan);
size_t sim_builder_plans_pending(struct hypervisor *hypervisor);
