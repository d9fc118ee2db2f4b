/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of the simulated hypervisor, as it lies in a world file.
 *
 * A process may be killed between any two stores here, and in the middle of the copy of a struct.
 * So entries are written before they are counted, one that is replaced is made void first, and
 * ranges are split so that every state in between covers at least what it should.
 *
 * The daemon and its builders have it open at the same time: whoever changes it, or looks at more
 * than one entry, holds the lock meanwhile, and waits for nothing. A kill gives the lock back.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "hypervisor_sim.h"

#define SIM_WORLD_MAGIC UINT64_C(0x32444c524f575358) /* "XSWORLD2" */
#define SIM_DOMAINS 256
#define SIM_POOLS 16
#define SIM_RANGES 65536
#define SIM_NODES 65536
#define SIM_CONFIG_MAX 16384 /* of a stored configuration; longer ones are not stored */

struct sim_slot {
    bool used;
    bool paused;
    bool config_known;
    bool has_vpci;
    int shutdown;
    uint32_t domid;
    uint8_t uuid[DOMAIN_UUID_SIZE];
    char name[DOMAIN_NAME_MAX];
    uint64_t memory_kib;
    uint64_t maxmem_kib;
    struct hypervisor_iomem iomem[SIM_IOMEM_MAX];
    size_t iomem_count;
};

/* A mapping (host pages at guest pages) or a permission (host pages; guest unused). */
struct sim_range {
    uint32_t domid;
    uint64_t host;
    uint64_t guest;
    uint64_t count;
};

struct sim_ranges {
    uint64_t count;
    struct sim_range items[SIM_RANGES];
};

struct sim_node {
    uint32_t domid; /* 0: void */
    char path[128];
    char value[64];
};

struct sim_world {
    uint64_t magic;
    uint64_t size;        /* of the whole world, in bytes */
    pthread_mutex_t lock; /* robust: a kill gives it back */
    uint32_t next_domid;
    uint64_t pool_count;
    struct sim_pool pools[SIM_POOLS];
    uint64_t slot_count; /* no slot from here on was ever used */
    struct sim_slot domains[SIM_DOMAINS];
    struct sim_ranges mappings;
    struct sim_ranges permissions;
    uint64_t node_count;
    struct sim_node nodes[SIM_NODES];
    struct sim_builder_plan builder_plans[SIM_BUILDER_PLANS]; /* void without an action */
    char configs[SIM_DOMAINS][SIM_CONFIG_MAX]; /* libxl's JSON of the domain in that slot, or "" */
};

/* Stores before it are done when a kill comes after it. */
static inline void sim_in_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* Maps an existing or new world. Returns its descriptor, to be kept open, or -errno, see
 * sim_open().
 */
int sim_world_open(const char *path, const struct sim_pool_request *pools, size_t pool_count,
                   struct sim_world **ret_world);
/* Maps the world of somebody else's descriptor. Returns 0, -EILSEQ: it is none, or -errno. */
int sim_world_join(int fd, struct sim_world **ret_world);
void sim_world_close(struct sim_world *world);
/* Keeps other processes out, one level deep. Without the lock nothing is worth anything: abort().
 */
void sim_world_lock(struct sim_world *world);
void sim_world_unlock(struct sim_world *world);
void *sim_world_pool(struct sim_world *world, size_t index);

/* -ENOSPC when the table is full. */
int sim_ranges_add(struct sim_ranges *ranges, struct sim_range range);
/*
 * Takes [first, first + count) of one domain out of the ranges: by guest page (`by_guest`) or host
 * page. May need room for the parts that stay: -ENOSPC.
 */
int sim_ranges_remove(struct sim_ranges *ranges, uint32_t domid, bool by_guest, uint64_t first,
                      uint64_t count);
/* True when all pages [host, host + count) are in ranges of the domain. */
bool sim_ranges_cover(const struct sim_ranges *ranges, uint32_t domid, uint64_t host,
                      uint64_t count);
/* The pages of a domain, each counted once. */
uint64_t sim_ranges_pages(const struct sim_ranges *ranges, uint32_t domid);
