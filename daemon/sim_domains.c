/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domains of the simulated hypervisor: how they come, change and go. */
#include "hypervisor_sim_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAM_BASE (UINT64_C(0x40000000) >> PAGE_SHIFT)

struct sim_slot *sim_find_slot(struct hypervisor *hypervisor, uint32_t domid)
{
    for (size_t i = 0; i < hypervisor->world->slot_count; i++)
        if (hypervisor->world->domains[i].used && hypervisor->world->domains[i].domid == domid)
            return &hypervisor->world->domains[i];
    return NULL;
}

int sim_find(struct hypervisor *hypervisor, const char *name, uint32_t *ret_domid)
{
    SIM_LOCKED(hypervisor);

    for (size_t i = 0; i < hypervisor->world->slot_count; i++) {
        const struct sim_slot *slot = &hypervisor->world->domains[i];

        if (slot->used && strcmp(slot->name, name) == 0) {
            *ret_domid = slot->domid;
            return 0;
        }
    }
    return -ESRCH;
}

static void signal_change(struct hypervisor *hypervisor)
{
    uint64_t one = 1;

    /* Full means that a change is announced already. */
    if (write(hypervisor->change_fd, &one, sizeof(one)) < 0)
        return;
}

bool sim_in_pools(const struct hypervisor *hypervisor, struct mfn_range frames)
{
    for (size_t i = 0; i < hypervisor->world->pool_count; i++)
        if (mfn_range_contains(hypervisor->world->pools[i].frames, frames))
            return true;
    return false;
}

bool sim_is_ram(const struct sim_slot *slot, uint64_t first, uint64_t count)
{
    return frames_overlap(RAM_BASE, slot->maxmem_kib >> (PAGE_SHIFT - 10), first, count);
}

/* As libxl does at creation: permission, then mapping. */
static int map_iomem(struct sim_world *world, uint32_t domid, const struct hypervisor_iomem *iomem)
{
    struct sim_range range = { domid, iomem->frames.first.v, iomem->gfn.v, iomem->frames.count };
    int r;

    r = sim_ranges_add(&world->permissions, range);
    return r < 0 ? r : sim_ranges_add(&world->mappings, range);
}

static int map_all_iomem(struct sim_world *world, const struct sim_slot *slot)
{
    int r = 0;

    for (size_t i = 0; i < slot->iomem_count && r == 0; i++)
        r = map_iomem(world, slot->domid, &slot->iomem[i]);
    return r;
}

static int check_start(struct hypervisor *hypervisor, const struct sim_domain *domain)
{
    uint32_t domid;

    if (sim_find(hypervisor, domain->name, &domid) == 0 || sim_find_slot(hypervisor, domain->domid))
        return -EEXIST;
    if (domain->iomem_count > SIM_IOMEM_MAX)
        return -E2BIG;
    for (size_t i = 0; i < domain->iomem_count; i++)
        if (!mfn_range_valid(domain->iomem[i].frames) ||
            !frames_valid(domain->iomem[i].gfn.v, domain->iomem[i].frames.count) ||
            !sim_in_pools(hypervisor, domain->iomem[i].frames))
            return -EINVAL;
    return 0;
}

/* Domids are not used again unless asked for, and never 0. */
static uint32_t choose_domid(struct sim_world *world, uint32_t wanted)
{
    if (wanted >= world->next_domid)
        world->next_domid = wanted + 1;
    return wanted ? wanted : world->next_domid++;
}

static void fill_slot(struct sim_slot *slot, const struct sim_domain *domain, uint32_t domid)
{
    *slot = (struct sim_slot){
        .paused = domain->paused,
        .config_known = domain->config_known,
        .has_vpci = domain->has_vpci,
        .shutdown = DOMAIN_RUNNING,
        .domid = domid,
        .memory_kib = domain->memory_kib,
        .maxmem_kib = domain->maxmem_kib,
        .iomem_count = domain->iomem_count,
    };
    memcpy(slot->uuid, domain->uuid, DOMAIN_UUID_SIZE);
    snprintf(slot->name, sizeof(slot->name), "%s", domain->name);
    for (size_t i = 0; i < domain->iomem_count; i++)
        slot->iomem[i] = domain->iomem[i];
}

int sim_start(struct hypervisor *hypervisor, const struct sim_domain *domain, uint32_t *ret_domid)
{
    SIM_LOCKED(hypervisor);
    struct sim_world *world = hypervisor->world;
    struct sim_slot *slot = NULL;
    int r;

    r = check_start(hypervisor, domain);
    if (r < 0)
        return r;
    for (size_t i = 0; i < SIM_DOMAINS && !slot; i++)
        if (!world->domains[i].used)
            slot = &world->domains[i];
    if (!slot)
        return -ENOSPC;
    /* A slot that is not in use is not looked at. */
    fill_slot(slot, domain, choose_domid(world, domain->domid));
    r = map_all_iomem(world, slot);
    if (r < 0)
        return r;
    world->configs[slot - world->domains][0] = '\0';
    slot->used = true;
    if (slot == &world->domains[world->slot_count])
        world->slot_count++;
    *ret_domid = slot->domid;
    signal_change(hypervisor);
    return 0;
}

int sim_shutdown(struct hypervisor *hypervisor, uint32_t domid, enum domain_shutdown reason)
{
    SIM_LOCKED(hypervisor);
    struct sim_slot *slot = sim_find_slot(hypervisor, domid);

    if (!slot)
        return -ESRCH;
    slot->shutdown = reason;
    signal_change(hypervisor);
    return 0;
}

int sim_rename(struct hypervisor *hypervisor, uint32_t domid, const char *name)
{
    SIM_LOCKED(hypervisor);
    struct sim_slot *slot = sim_find_slot(hypervisor, domid);
    uint32_t other;

    if (!slot)
        return -ESRCH;
    if (!name[0] || strlen(name) >= sizeof(slot->name))
        return -EINVAL;
    if (sim_find(hypervisor, name, &other) == 0 && other != domid)
        return -EEXIST;
    strcpy(slot->name, name);
    return 0;
}

int sim_pause(struct hypervisor *hypervisor, uint32_t domid, bool paused)
{
    SIM_LOCKED(hypervisor);
    struct sim_slot *slot = sim_find_slot(hypervisor, domid);

    if (!slot)
        return -ESRCH;
    slot->paused = paused;
    return 0;
}

int sim_reveal_config(struct hypervisor *hypervisor, uint32_t domid)
{
    SIM_LOCKED(hypervisor);
    struct sim_slot *slot = sim_find_slot(hypervisor, domid);

    if (!slot)
        return -ESRCH;
    slot->config_known = true;
    return 0;
}

int sim_add_iomem(struct hypervisor *hypervisor, uint32_t domid, struct hypervisor_iomem iomem)
{
    SIM_LOCKED(hypervisor);
    struct sim_slot *slot = sim_find_slot(hypervisor, domid);
    int r;

    if (!slot)
        return -ESRCH;
    if (slot->iomem_count == SIM_IOMEM_MAX)
        return -E2BIG;
    if (!mfn_range_valid(iomem.frames) || !frames_valid(iomem.gfn.v, iomem.frames.count) ||
        !sim_in_pools(hypervisor, iomem.frames))
        return -EPERM;
    r = map_iomem(hypervisor->world, domid, &iomem);
    if (r < 0)
        return r;
    slot->iomem[slot->iomem_count] = iomem;
    sim_in_order();
    slot->iomem_count++;
    return 0;
}

static char *config_of(struct sim_world *world, const struct sim_slot *slot)
{
    return world->configs[slot - world->domains];
}

int sim_store_config(struct hypervisor *hypervisor, uint32_t domid, const char *json)
{
    SIM_LOCKED(hypervisor);
    struct sim_slot *slot = sim_find_slot(hypervisor, domid);

    if (!slot)
        return -ESRCH;
    if (strlen(json) < SIM_CONFIG_MAX)
        strcpy(config_of(hypervisor->world, slot), json);
    sim_in_order();
    slot->config_known = true;
    return 0;
}

char *sim_stored_config(struct hypervisor *hypervisor, uint32_t domid)
{
    SIM_LOCKED(hypervisor);
    const struct sim_slot *slot = sim_find_slot(hypervisor, domid);
    const char *json = slot && slot->config_known ? config_of(hypervisor->world, slot) : "";

    return *json ? strdup(json) : NULL;
}

uint64_t sim_free_memory(struct hypervisor *hypervisor)
{
    SIM_LOCKED(hypervisor);
    uint64_t left = SIM_MEMORY_KIB;

    for (size_t i = 0; i < hypervisor->world->slot_count; i++) {
        const struct sim_slot *slot = &hypervisor->world->domains[i];

        if (slot->used)
            left -= slot->memory_kib < left ? slot->memory_kib : left;
    }
    return left;
}

void sim_remove_nodes(struct sim_world *world, uint32_t domid, const char *prefix)
{
    size_t length = strlen(prefix);

    for (uint64_t i = 0; i < world->node_count; i++)
        if (world->nodes[i].domid == domid && strncmp(world->nodes[i].path, prefix, length) == 0)
            world->nodes[i].domid = 0;
    while (world->node_count > 0 && world->nodes[world->node_count - 1].domid == 0)
        world->node_count--;
}

int sim_destroy(struct hypervisor *hypervisor, uint32_t domid)
{
    SIM_LOCKED(hypervisor);
    struct sim_slot *slot = sim_find_slot(hypervisor, domid);

    if (!slot)
        return -ESRCH;
    /* First: a kill amid this must not leave a domain that has lost its mappings. */
    slot->used = false;
    sim_in_order();
    /* Whole frames only: no part stays, so this cannot fail. */
    sim_ranges_remove(&hypervisor->world->mappings, domid, false, 0, FRAME_MAX);
    sim_ranges_remove(&hypervisor->world->permissions, domid, false, 0, FRAME_MAX);
    sim_remove_nodes(hypervisor->world, domid, "");
    signal_change(hypervisor);
    return 0;
}

volatile uint8_t *sim_guest_byte(struct hypervisor *hypervisor, uint32_t domid, uint64_t address)
{
    SIM_LOCKED(hypervisor);
    struct sim_world *world = hypervisor->world;
    uint64_t page = address >> PAGE_SHIFT;

    for (uint64_t i = 0; i < world->mappings.count; i++) {
        const struct sim_range *range = &world->mappings.items[i];
        uint64_t host;

        if (range->domid != domid || page < range->guest || page - range->guest >= range->count)
            continue;
        host = range->host + (page - range->guest);
        for (size_t p = 0; p < world->pool_count; p++)
            if (mfn_range_contains(world->pools[p].frames, (struct mfn_range){ mfn(host), 1 }))
                return (uint8_t *)sim_world_pool(world, p) +
                       pages_to_bytes(host - world->pools[p].frames.first.v) +
                       (address & PAGE_MASK);
    }
    return NULL;
}

void sim_each_node(struct hypervisor *hypervisor, uint32_t domid,
                   void (*each)(void *context, const char *path, const char *value), void *context)
{
    SIM_LOCKED(hypervisor);

    for (uint64_t i = 0; i < hypervisor->world->node_count; i++)
        if (hypervisor->world->nodes[i].domid == domid)
            each(context, hypervisor->world->nodes[i].path, hypervisor->world->nodes[i].value);
}

uint64_t sim_mapped_pages(struct hypervisor *hypervisor, uint32_t domid)
{
    SIM_LOCKED(hypervisor);

    return sim_ranges_pages(&hypervisor->world->mappings, domid);
}

uint64_t sim_permitted_pages(struct hypervisor *hypervisor, uint32_t domid)
{
    SIM_LOCKED(hypervisor);

    return sim_ranges_pages(&hypervisor->world->permissions, domid);
}

static void each_range(const struct sim_ranges *ranges, uint32_t domid, sim_range_fn each,
                       void *context)
{
    for (uint64_t i = 0; i < ranges->count; i++)
        if (ranges->items[i].domid == domid)
            each(context, (struct mfn_range){ mfn(ranges->items[i].host), ranges->items[i].count },
                 gfn(ranges->items[i].guest));
}

void sim_each_mapping(struct hypervisor *hypervisor, uint32_t domid, sim_range_fn each,
                      void *context)
{
    SIM_LOCKED(hypervisor);

    each_range(&hypervisor->world->mappings, domid, each, context);
}

void sim_each_permission(struct hypervisor *hypervisor, uint32_t domid, sim_range_fn each,
                         void *context)
{
    SIM_LOCKED(hypervisor);

    each_range(&hypervisor->world->permissions, domid, each, context);
}
