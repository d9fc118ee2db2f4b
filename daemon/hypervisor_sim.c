/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hypervisor_sim_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cleanup.h"

int sim_open(const char *path, const struct sim_pool_request *pools, size_t pool_count,
             struct hypervisor **ret_hypervisor)
{
    struct hypervisor *hypervisor = calloc(1, sizeof(*hypervisor));
    int r;

    if (!hypervisor)
        return -ENOMEM;
    hypervisor->world_fd = sim_world_open(path, pools, pool_count, &hypervisor->world);
    if (hypervisor->world_fd < 0) {
        r = hypervisor->world_fd;
        free(hypervisor);
        return r;
    }
    hypervisor->change_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (hypervisor->change_fd < 0) {
        r = -errno;
        hypervisor_close(hypervisor);
        return r;
    }
    *ret_hypervisor = hypervisor;
    return 0;
}

int sim_join(int world_fd, int bell_fd, struct hypervisor **ret_hypervisor)
{
    struct hypervisor *hypervisor = calloc(1, sizeof(*hypervisor));
    int r;

    if (!hypervisor)
        return -ENOMEM;
    hypervisor->world_fd = world_fd;
    hypervisor->change_fd = bell_fd;
    r = sim_world_join(world_fd, &hypervisor->world);
    if (r < 0)
        free(hypervisor);
    else
        *ret_hypervisor = hypervisor;
    return r;
}

int sim_world_fd(struct hypervisor *hypervisor)
{
    return hypervisor->world_fd;
}

int sim_bell_fd(struct hypervisor *hypervisor)
{
    return hypervisor->change_fd;
}

void hypervisor_close(struct hypervisor *hypervisor)
{
    if (!hypervisor)
        return;
    if (hypervisor->change_fd >= 0)
        close(hypervisor->change_fd);
    sim_world_close(hypervisor->world);
    close(hypervisor->world_fd);
    free(hypervisor);
}

const char *hypervisor_version(struct hypervisor *hypervisor)
{
    return "4.17-sim";
}

size_t sim_pool_count(struct hypervisor *hypervisor)
{
    return hypervisor->world->pool_count;
}

const struct sim_pool *sim_pool(struct hypervisor *hypervisor, size_t index)
{
    return &hypervisor->world->pools[index];
}

void *sim_pool_address(struct hypervisor *hypervisor, size_t index)
{
    return sim_world_pool(hypervisor->world, index);
}

int hypervisor_change_fd(struct hypervisor *hypervisor)
{
    return hypervisor->change_fd;
}

int hypervisor_drain_changes(struct hypervisor *hypervisor)
{
    uint64_t count;

    return read(hypervisor->change_fd, &count, sizeof(count)) < 0 && errno != EAGAIN ? -errno : 0;
}

static int compare_domids(const void *a, const void *b)
{
    const struct hypervisor_domain *left = a, *right = b;

    return left->domid < right->domid ? -1 : left->domid > right->domid;
}

void sim_list(struct hypervisor *hypervisor, const struct hypervisor_domain **ret_domains,
              size_t *ret_count)
{
    SIM_LOCKED(hypervisor);
    size_t count = 0;

    for (size_t i = 0; i < hypervisor->world->slot_count; i++) {
        const struct sim_slot *slot = &hypervisor->world->domains[i];
        struct hypervisor_domain *domain = &hypervisor->list[count];

        if (!slot->used)
            continue;
        *domain = (struct hypervisor_domain){
            .domid = slot->domid,
            .paused = slot->paused,
            .shutdown = slot->shutdown,
            .memory_kib = slot->memory_kib,
            .maxmem_kib = slot->maxmem_kib,
        };
        memcpy(domain->uuid, slot->uuid, DOMAIN_UUID_SIZE);
        count++;
    }
    qsort(hypervisor->list, count, sizeof(hypervisor->list[0]), compare_domids);
    *ret_domains = hypervisor->list;
    *ret_count = count;
}

int hypervisor_list(struct hypervisor *hypervisor, const struct hypervisor_domain **ret_domains,
                    size_t *ret_count)
{
    int r = sim_fault(hypervisor, "list");

    if (r < 0)
        return r;
    sim_list(hypervisor, ret_domains, ret_count);
    return 0;
}

int hypervisor_domain_name(struct hypervisor *hypervisor, uint32_t domid,
                           char ret_name[static DOMAIN_NAME_MAX])
{
    SIM_LOCKED(hypervisor);
    const struct sim_slot *slot = sim_find_slot(hypervisor, domid);
    int r = sim_fault(hypervisor, "name");

    if (r < 0)
        return r;
    snprintf(ret_name, DOMAIN_NAME_MAX, "%s", slot ? slot->name : "");
    return 0;
}

int hypervisor_domain_config(struct hypervisor *hypervisor, uint32_t domid,
                             struct hypervisor_config *ret_config)
{
    SIM_LOCKED(hypervisor);
    const struct sim_slot *slot = sim_find_slot(hypervisor, domid);
    struct hypervisor_config config = { 0 };
    int r = sim_fault(hypervisor, "config");

    if (r < 0)
        return r;
    if (!slot)
        return -ESRCH;
    if (slot->config_known) {
        config = (struct hypervisor_config){
            .known = true,
            .maxmem_kib = slot->maxmem_kib,
            .has_vpci = slot->has_vpci,
            .iomem = calloc(slot->iomem_count + 1, sizeof(*config.iomem)),
            .iomem_count = slot->iomem_count,
        };
        if (!config.iomem)
            return -ENOMEM;
        for (size_t i = 0; i < slot->iomem_count; i++)
            config.iomem[i] = slot->iomem[i];
    }
    *ret_config = config;
    return 0;
}

void hypervisor_config_clear(struct hypervisor_config *config)
{
    free(config->iomem);
    *config = (struct hypervisor_config){ 0 };
}

int hypervisor_probe_ram(struct hypervisor *hypervisor, uint32_t domid, struct gfn_range frames,
                         bool *ret_ram)
{
    SIM_LOCKED(hypervisor);
    const struct sim_slot *slot = sim_find_slot(hypervisor, domid);
    int r = sim_fault(hypervisor, "probe");

    if (r < 0)
        return r;
    if (!slot)
        return -ESRCH;
    *ret_ram = sim_is_ram(slot, frames.first.v, frames.count);
    return 0;
}

int hypervisor_permit(struct hypervisor *hypervisor, uint32_t domid, struct mfn_range frames)
{
    SIM_LOCKED(hypervisor);
    struct sim_ranges *permissions = &hypervisor->world->permissions;
    int r = sim_fault(hypervisor, "permit");

    if (r < 0)
        return r;
    if (!sim_find_slot(hypervisor, domid))
        return -ESRCH;
    if (frames.count == 0)
        return -EINVAL;
    if (!sim_in_pools(hypervisor, frames))
        return -EPERM;
    if (!sim_ranges_cover(permissions, domid, frames.first.v, frames.count))
        r = sim_ranges_add(
            permissions, (struct sim_range){ domid, frames.first.v, frames.first.v, frames.count });
    return sim_ended(hypervisor, "permit", r);
}

int hypervisor_revoke(struct hypervisor *hypervisor, uint32_t domid, struct mfn_range frames)
{
    SIM_LOCKED(hypervisor);
    int r = sim_fault(hypervisor, "revoke");

    if (r < 0)
        return r;
    if (!sim_find_slot(hypervisor, domid))
        return -ESRCH;
    r = sim_ranges_remove(&hypervisor->world->permissions, domid, false, frames.first.v,
                          frames.count);
    return sim_ended(hypervisor, "revoke", r);
}

static int check_mapping(struct hypervisor *hypervisor, uint32_t domid, struct mfn_range frames)
{
    if (!sim_find_slot(hypervisor, domid))
        return -ESRCH;
    if (frames.count > HYPERVISOR_RUN_MAX)
        return -E2BIG;
    return sim_ranges_cover(&hypervisor->world->permissions, domid, frames.first.v, frames.count)
               ? 0
               : -EPERM;
}

int hypervisor_map(struct hypervisor *hypervisor, uint32_t domid, gfn_t first,
                   struct mfn_range frames)
{
    SIM_LOCKED(hypervisor);
    struct sim_ranges *mappings = &hypervisor->world->mappings;
    int r = sim_fault(hypervisor, "map");

    if (r == 0)
        r = check_mapping(hypervisor, domid, frames);
    /* Whatever stands there is replaced, as on Arm. */
    if (r == 0)
        r = sim_ranges_remove(mappings, domid, true, first.v, frames.count);
    if (r == 0)
        r = sim_ranges_add(mappings,
                           (struct sim_range){ domid, frames.first.v, first.v, frames.count });
    return sim_ended(hypervisor, "map", r);
}

int hypervisor_unmap(struct hypervisor *hypervisor, uint32_t domid, gfn_t first,
                     struct mfn_range frames)
{
    SIM_LOCKED(hypervisor);
    int r = sim_fault(hypervisor, "unmap");

    if (r == 0)
        r = check_mapping(hypervisor, domid, frames);
    if (r == 0 && sim_is_ram(sim_find_slot(hypervisor, domid), first.v, frames.count))
        r = -EILSEQ;
    if (r == 0)
        r = sim_ranges_remove(&hypervisor->world->mappings, domid, true, first.v, frames.count);
    return sim_ended(hypervisor, "unmap", r);
}

/* A void slot, or a new one; NULL: there is none. */
static struct sim_node *free_node(struct sim_world *world)
{
    for (uint64_t i = 0; i < world->node_count; i++)
        if (world->nodes[i].domid == 0)
            return &world->nodes[i];
    if (world->node_count == SIM_NODES)
        return NULL;
    world->nodes[world->node_count].domid = 0;
    sim_in_order();
    return &world->nodes[world->node_count++];
}

/* The new value is there before the old one is void: a kill leaves one of them, or both. */
static int write_node(struct sim_world *world, uint32_t domid, const char *path, const char *value)
{
    struct sim_node *node = free_node(world);

    if (!node)
        return -ENOSPC;
    snprintf(node->path, sizeof(node->path), "%s", path);
    snprintf(node->value, sizeof(node->value), "%s", value);
    sim_in_order();
    node->domid = domid;
    sim_in_order();
    for (uint64_t i = 0; i < world->node_count; i++) {
        struct sim_node *old = &world->nodes[i];

        if (old != node && old->domid == domid && strcmp(old->path, path) == 0)
            old->domid = 0;
    }
    return 0;
}

int hypervisor_publish(struct hypervisor *hypervisor, uint32_t domid, const char *segment,
                       const struct hypervisor_node *nodes, size_t count)
{
    SIM_LOCKED(hypervisor);
    int r = sim_fault(hypervisor, "publish");

    if (r == 0 && !sim_find_slot(hypervisor, domid))
        r = -ESRCH;
    for (size_t i = 0; i < count && r == 0; i++) {
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", segment, nodes[i].key);
        r = write_node(hypervisor->world, domid, path, nodes[i].value);
    }
    return sim_ended(hypervisor, "publish", r);
}

int hypervisor_unpublish(struct hypervisor *hypervisor, uint32_t domid, const char *segment)
{
    SIM_LOCKED(hypervisor);
    char prefix[128];
    int r = sim_fault(hypervisor, "unpublish");

    if (r < 0)
        return r;
    if (!sim_find_slot(hypervisor, domid))
        return -ESRCH;
    snprintf(prefix, sizeof(prefix), "%s/", segment);
    sim_remove_nodes(hypervisor->world, domid, prefix);
    return sim_ended(hypervisor, "unpublish", 0);
}
