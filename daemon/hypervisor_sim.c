/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hypervisor_sim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cleanup.h"
#include "sim_world.h"

#define FAULTS_MAX 64
#define RAM_BASE (UINT64_C(0x40000000) >> PAGE_SHIFT)

const char *const sim_operations[] = {
    "list",  "name",    "config",    "probe",       "permit",       "revoke", "map",
    "unmap", "publish", "unpublish", "store_write", "store_remove", "any",    NULL,
};

struct fault {
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
    struct fault faults[FAULTS_MAX];
    size_t fault_count;
    struct hypervisor_domain list[SIM_DOMAINS];
};

/* ---- the world, and who else is in it ---- */

static struct hypervisor *lock_world(struct hypervisor *hypervisor)
{
    if (hypervisor->locked++ == 0)
        sim_world_lock(hypervisor->world);
    return hypervisor;
}

static void unlock_world(struct hypervisor **hypervisor)
{
    if (--(*hypervisor)->locked == 0)
        sim_world_unlock((*hypervisor)->world);
}

/* From here to the end of the block the world is this process's alone. */
#define LOCKED(hypervisor)                                                                         \
    _cleanup_(unlock_world) struct hypervisor *locked_ __attribute__((unused)) =                   \
        lock_world(hypervisor)

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

/* ---- faults ---- */

static void forget_fault(struct hypervisor *hypervisor, size_t index)
{
    hypervisor->faults[index] = hypervisor->faults[--hypervisor->fault_count];
}

int sim_fail(struct hypervisor *hypervisor, const char *operation, uint64_t after, int error_number,
             enum sim_fault_kind kind)
{
    const char *const *known = sim_operations;

    while (*known && strcmp(*known, operation) != 0)
        known++;
    if (!*known)
        return -EINVAL;
    if (error_number == 0 && kind != SIM_FAULT_KILL) {
        for (size_t i = hypervisor->fault_count; i-- > 0;)
            if (hypervisor->faults[i].operation == *known)
                forget_fault(hypervisor, i);
        return 0;
    }
    if (hypervisor->fault_count == FAULTS_MAX)
        return -ENOSPC;
    hypervisor->faults[hypervisor->fault_count++] =
        (struct fault){ *known, after ? after : 1, error_number, kind };
    return 0;
}

size_t sim_faults_pending(struct hypervisor *hypervisor)
{
    return hypervisor->fault_count;
}

/* Counts one call, at its start or (`late`) at its end. */
static int count_call(struct hypervisor *hypervisor, const char *operation, bool late)
{
    int r = 0;

    for (size_t i = hypervisor->fault_count; i-- > 0;) {
        struct fault *fault = &hypervisor->faults[i];

        if (strcmp(fault->operation, "any") != 0 && strcmp(fault->operation, operation) != 0)
            continue;
        if ((fault->kind == SIM_FAULT_LATE) != late || --fault->after > 0)
            continue;
        if (fault->kind == SIM_FAULT_KILL)
            raise(SIGKILL);
        r = -fault->error_number;
        forget_fault(hypervisor, i);
    }
    return r;
}

int sim_fault(void *hypervisor, const char *operation)
{
    return count_call(hypervisor, operation, false);
}

/* The result of a call that has done its work, or failed. */
static int ended(struct hypervisor *hypervisor, const char *operation, int r)
{
    return r < 0 ? r : count_call(hypervisor, operation, true);
}

/* ---- faults of builders ---- */

static bool is_one_of(const char *text, const char *const *words)
{
    while (*words && strcmp(*words, text) != 0)
        words++;
    return *words;
}

static void forget_builder_plans(struct sim_world *world, const char *step)
{
    for (size_t i = 0; i < SIM_BUILDER_PLANS; i++)
        if (strcmp(world->builder_plans[i].step, step) == 0)
            world->builder_plans[i].action[0] = '\0';
}

int sim_plan_builder(struct hypervisor *hypervisor, const struct sim_builder_plan *plan)
{
    static const char *const steps[] = { "start", "facts", "build", "built", "run", "end", NULL };
    static const char *const actions[] = { "abort", "hang", "error", "garbage", "slow", "", NULL };
    LOCKED(hypervisor);
    struct sim_world *world = hypervisor->world;

    if (!is_one_of(plan->step, steps) || !is_one_of(plan->action, actions))
        return -EINVAL;
    if (!plan->action[0]) {
        forget_builder_plans(world, plan->step);
        return 0;
    }
    for (size_t i = 0; i < SIM_BUILDER_PLANS; i++)
        if (!world->builder_plans[i].action[0]) {
            world->builder_plans[i] = *plan;
            return 0;
        }
    return -ENOSPC;
}

bool sim_take_builder_plan(struct hypervisor *hypervisor, const char *step,
                           struct sim_builder_plan *ret_plan)
{
    LOCKED(hypervisor);
    struct sim_world *world = hypervisor->world;

    for (size_t i = 0; i < SIM_BUILDER_PLANS; i++) {
        struct sim_builder_plan *plan = &world->builder_plans[i];

        if (!plan->action[0] || strcmp(plan->step, step) != 0)
            continue;
        *ret_plan = *plan;
        plan->action[0] = '\0';
        return true;
    }
    return false;
}

size_t sim_builder_plans_pending(struct hypervisor *hypervisor)
{
    LOCKED(hypervisor);
    size_t count = 0;

    for (size_t i = 0; i < SIM_BUILDER_PLANS; i++)
        count += hypervisor->world->builder_plans[i].action[0] != '\0';
    return count;
}

/* ---- domains ---- */

static struct sim_slot *find_slot(struct hypervisor *hypervisor, uint32_t domid)
{
    for (size_t i = 0; i < hypervisor->world->slot_count; i++)
        if (hypervisor->world->domains[i].used && hypervisor->world->domains[i].domid == domid)
            return &hypervisor->world->domains[i];
    return NULL;
}

int sim_find(struct hypervisor *hypervisor, const char *name, uint32_t *ret_domid)
{
    LOCKED(hypervisor);

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

static bool in_pools(const struct hypervisor *hypervisor, struct mfn_range frames)
{
    for (size_t i = 0; i < hypervisor->world->pool_count; i++)
        if (mfn_range_contains(hypervisor->world->pools[i].frames, frames))
            return true;
    return false;
}

static bool is_ram(const struct sim_slot *slot, uint64_t first, uint64_t count)
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

    if (sim_find(hypervisor, domain->name, &domid) == 0 || find_slot(hypervisor, domain->domid))
        return -EEXIST;
    if (domain->iomem_count > SIM_IOMEM_MAX)
        return -E2BIG;
    for (size_t i = 0; i < domain->iomem_count; i++)
        if (!mfn_range_valid(domain->iomem[i].frames) ||
            !frames_valid(domain->iomem[i].gfn.v, domain->iomem[i].frames.count) ||
            !in_pools(hypervisor, domain->iomem[i].frames))
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
    LOCKED(hypervisor);
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
    LOCKED(hypervisor);
    struct sim_slot *slot = find_slot(hypervisor, domid);

    if (!slot)
        return -ESRCH;
    slot->shutdown = reason;
    signal_change(hypervisor);
    return 0;
}

int sim_rename(struct hypervisor *hypervisor, uint32_t domid, const char *name)
{
    LOCKED(hypervisor);
    struct sim_slot *slot = find_slot(hypervisor, domid);
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
    LOCKED(hypervisor);
    struct sim_slot *slot = find_slot(hypervisor, domid);

    if (!slot)
        return -ESRCH;
    slot->paused = paused;
    return 0;
}

int sim_reveal_config(struct hypervisor *hypervisor, uint32_t domid)
{
    LOCKED(hypervisor);
    struct sim_slot *slot = find_slot(hypervisor, domid);

    if (!slot)
        return -ESRCH;
    slot->config_known = true;
    return 0;
}

int sim_add_iomem(struct hypervisor *hypervisor, uint32_t domid, struct hypervisor_iomem iomem)
{
    LOCKED(hypervisor);
    struct sim_slot *slot = find_slot(hypervisor, domid);
    int r;

    if (!slot)
        return -ESRCH;
    if (slot->iomem_count == SIM_IOMEM_MAX)
        return -E2BIG;
    if (!mfn_range_valid(iomem.frames) || !frames_valid(iomem.gfn.v, iomem.frames.count) ||
        !in_pools(hypervisor, iomem.frames))
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
    LOCKED(hypervisor);
    struct sim_slot *slot = find_slot(hypervisor, domid);

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
    LOCKED(hypervisor);
    const struct sim_slot *slot = find_slot(hypervisor, domid);
    const char *json = slot && slot->config_known ? config_of(hypervisor->world, slot) : "";

    return *json ? strdup(json) : NULL;
}

uint64_t sim_free_memory(struct hypervisor *hypervisor)
{
    LOCKED(hypervisor);
    uint64_t left = SIM_MEMORY_KIB;

    for (size_t i = 0; i < hypervisor->world->slot_count; i++) {
        const struct sim_slot *slot = &hypervisor->world->domains[i];

        if (slot->used)
            left -= slot->memory_kib < left ? slot->memory_kib : left;
    }
    return left;
}

static void remove_nodes(struct sim_world *world, uint32_t domid, const char *prefix)
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
    LOCKED(hypervisor);
    struct sim_slot *slot = find_slot(hypervisor, domid);

    if (!slot)
        return -ESRCH;
    /* Whole frames only: no part stays, so this cannot fail. */
    sim_ranges_remove(&hypervisor->world->mappings, domid, false, 0, FRAME_MAX);
    sim_ranges_remove(&hypervisor->world->permissions, domid, false, 0, FRAME_MAX);
    remove_nodes(hypervisor->world, domid, "");
    slot->used = false;
    signal_change(hypervisor);
    return 0;
}

volatile uint8_t *sim_guest_byte(struct hypervisor *hypervisor, uint32_t domid, uint64_t address)
{
    LOCKED(hypervisor);
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
    LOCKED(hypervisor);

    for (uint64_t i = 0; i < hypervisor->world->node_count; i++)
        if (hypervisor->world->nodes[i].domid == domid)
            each(context, hypervisor->world->nodes[i].path, hypervisor->world->nodes[i].value);
}

uint64_t sim_mapped_pages(struct hypervisor *hypervisor, uint32_t domid)
{
    LOCKED(hypervisor);

    return sim_ranges_pages(&hypervisor->world->mappings, domid);
}

uint64_t sim_permitted_pages(struct hypervisor *hypervisor, uint32_t domid)
{
    LOCKED(hypervisor);

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
    LOCKED(hypervisor);

    each_range(&hypervisor->world->mappings, domid, each, context);
}

void sim_each_permission(struct hypervisor *hypervisor, uint32_t domid, sim_range_fn each,
                         void *context)
{
    LOCKED(hypervisor);

    each_range(&hypervisor->world->permissions, domid, each, context);
}

/* ---- hypervisor.h ---- */

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
    LOCKED(hypervisor);
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
    LOCKED(hypervisor);
    const struct sim_slot *slot = find_slot(hypervisor, domid);
    int r = sim_fault(hypervisor, "name");

    if (r < 0)
        return r;
    snprintf(ret_name, DOMAIN_NAME_MAX, "%s", slot ? slot->name : "");
    return 0;
}

int hypervisor_domain_config(struct hypervisor *hypervisor, uint32_t domid,
                             struct hypervisor_config *ret_config)
{
    LOCKED(hypervisor);
    const struct sim_slot *slot = find_slot(hypervisor, domid);
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
    LOCKED(hypervisor);
    const struct sim_slot *slot = find_slot(hypervisor, domid);
    int r = sim_fault(hypervisor, "probe");

    if (r < 0)
        return r;
    if (!slot)
        return -ESRCH;
    *ret_ram = is_ram(slot, frames.first.v, frames.count);
    return 0;
}

int hypervisor_permit(struct hypervisor *hypervisor, uint32_t domid, struct mfn_range frames)
{
    LOCKED(hypervisor);
    struct sim_ranges *permissions = &hypervisor->world->permissions;
    int r = sim_fault(hypervisor, "permit");

    if (r < 0)
        return r;
    if (!find_slot(hypervisor, domid))
        return -ESRCH;
    if (frames.count == 0)
        return -EINVAL;
    if (!in_pools(hypervisor, frames))
        return -EPERM;
    if (!sim_ranges_cover(permissions, domid, frames.first.v, frames.count))
        r = sim_ranges_add(
            permissions, (struct sim_range){ domid, frames.first.v, frames.first.v, frames.count });
    return ended(hypervisor, "permit", r);
}

int hypervisor_revoke(struct hypervisor *hypervisor, uint32_t domid, struct mfn_range frames)
{
    LOCKED(hypervisor);
    int r = sim_fault(hypervisor, "revoke");

    if (r < 0)
        return r;
    if (!find_slot(hypervisor, domid))
        return -ESRCH;
    r = sim_ranges_remove(&hypervisor->world->permissions, domid, false, frames.first.v,
                          frames.count);
    return ended(hypervisor, "revoke", r);
}

static int check_mapping(struct hypervisor *hypervisor, uint32_t domid, struct mfn_range frames)
{
    if (!find_slot(hypervisor, domid))
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
    LOCKED(hypervisor);
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
    return ended(hypervisor, "map", r);
}

int hypervisor_unmap(struct hypervisor *hypervisor, uint32_t domid, gfn_t first,
                     struct mfn_range frames)
{
    LOCKED(hypervisor);
    int r = sim_fault(hypervisor, "unmap");

    if (r == 0)
        r = check_mapping(hypervisor, domid, frames);
    if (r == 0 && is_ram(find_slot(hypervisor, domid), first.v, frames.count))
        r = -EILSEQ;
    if (r == 0)
        r = sim_ranges_remove(&hypervisor->world->mappings, domid, true, first.v, frames.count);
    return ended(hypervisor, "unmap", r);
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
    LOCKED(hypervisor);
    int r = sim_fault(hypervisor, "publish");

    if (r == 0 && !find_slot(hypervisor, domid))
        r = -ESRCH;
    for (size_t i = 0; i < count && r == 0; i++) {
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", segment, nodes[i].key);
        r = write_node(hypervisor->world, domid, path, nodes[i].value);
    }
    return ended(hypervisor, "publish", r);
}

int hypervisor_unpublish(struct hypervisor *hypervisor, uint32_t domid, const char *segment)
{
    LOCKED(hypervisor);
    char prefix[128];
    int r = sim_fault(hypervisor, "unpublish");

    if (r < 0)
        return r;
    if (!find_slot(hypervisor, domid))
        return -ESRCH;
    snprintf(prefix, sizeof(prefix), "%s/", segment);
    remove_nodes(hypervisor->world, domid, prefix);
    return ended(hypervisor, "unpublish", 0);
}
