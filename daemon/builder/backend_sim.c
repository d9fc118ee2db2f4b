/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The simulated toolstack: what libxl does, step by step, in the daemon's world. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "backend_sim_config.h"
#include "builder.h"
#include "cleanup.h"
#include "hypervisor_sim.h"
#include "log.h"
#include "message.h"

#define WORLD_FD (BUILDER_FD + 1)
#define BELL_FD (BUILDER_FD + 2)

struct backend {
    struct hypervisor *world;
    json_t *config;
    struct sim_config read; /* its plan's ranges went to the caller */
    uint32_t domid;
};

/* ---- planned faults ---- */

__attribute__((noreturn)) static void hang(void)
{
    for (;;)
        pause();
}

static void sleep_for(double seconds)
{
    struct timespec time = { .tv_sec = (time_t)seconds };

    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    while (nanosleep(&time, &time) < 0 && errno == EINTR)
        ;
}

/* Returns 0, or error->code when this step is to fail. */
static int step(struct backend *backend, const char *name, struct error *error)
{
    static const char garbage[] = "{\"built\": }\n";
    struct sim_builder_plan plan;

    if (!sim_take_builder_plan(backend->world, name, &plan))
        return 0;
    if (strcmp(plan.action, "abort") == 0) {
        prctl(PR_SET_DUMPABLE, 0);
        abort();
    }
    if (strcmp(plan.action, "hang") == 0)
        hang();
    if (strcmp(plan.action, "garbage") == 0) {
        send(BUILDER_FD, garbage, strlen(garbage), MSG_NOSIGNAL);
        hang();
    }
    if (strcmp(plan.action, "slow") == 0) {
        sleep_for(plan.seconds);
        return 0;
    }
    return error_set(error, XENSHM_HYPERVISOR_FAILED, "the simulated toolstack fails in step '%s'",
                     name);
}

int backend_open(struct backend **ret_backend, struct error *error)
{
    struct backend *backend = calloc(1, sizeof(*backend));
    int r;

    if (!backend)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory");
    r = sim_join(WORLD_FD, BELL_FD, &backend->world);
    if (r < 0) {
        free(backend);
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "descriptor %d is no simulated world: %s",
                         WORLD_FD, strerror(-r));
    }
    *ret_backend = backend;
    return step(backend, "start", error);
}

void backend_close(struct backend *backend)
{
    if (!backend)
        return;
    hypervisor_close(backend->world);
    json_decref(backend->config);
    free(backend);
}

/* ---- creation ---- */

int backend_read(struct backend *backend, const json_t *config, struct plan *ret_plan,
                 struct error *error)
{
    int r;

    backend->config = json_deep_copy(config);
    r = sim_config_read(backend->config, &backend->read, error);
    *ret_plan = backend->read.plan;
    return r;
}

int backend_check(struct backend *backend, struct plan *plan, struct error *error)
{
    return step(backend, "facts", error);
}

static int check_room(const struct backend *backend, const struct plan *plan, struct error *error)
{
    uint64_t room = sim_free_memory(backend->world);

    if (plan->max_memory <= room)
        return 0;
    return error_set(error, XENSHM_HYPERVISOR_FAILED,
                     "guest '%s' needs %" PRIu64 " MiB, Xen has %" PRIu64 " MiB free", plan->name,
                     (plan->max_memory + 1023) >> 10, room >> 10);
}

static int failed(struct error *error, const struct plan *plan, const char *why)
{
    return error_set(error, XENSHM_HYPERVISOR_FAILED, "building guest '%s' failed: %s", plan->name,
                     why);
}

/* A domain that exists, and no more. */
static int make_domain(struct backend *backend, const struct plan *plan, struct error *error)
{
    struct sim_domain domain = {
        .name = plan->name,
        .memory_kib = backend->read.memory,
        .maxmem_kib = plan->max_memory,
        .paused = true,
        .has_vpci = plan->pci,
    };
    char why[DOMAIN_NAME_MAX + 64];
    int r;

    memcpy(domain.uuid, plan->uuid, DOMAIN_UUID_SIZE);
    r = sim_start(backend->world, &domain, &backend->domid);
    if (r == 0)
        return 0;
    snprintf(why, sizeof(why), "Domain with name \"%s\" already exists.", plan->name);
    return failed(error, plan, r == -EEXIST ? why : strerror(-r));
}

static int write_nodes(struct backend *backend, const struct plan *plan,
                       const struct build_order *order, struct error *error)
{
    int r = 0;

    for (size_t i = 0; i < order->share_count && r == 0; i++) {
        struct hypervisor_node nodes[SHARE_NODES];
        struct share_nodes texts;

        share_describe(&order->shares[i], &texts);
        for (size_t k = 0; k < SHARE_NODES; k++)
            nodes[k] = (struct hypervisor_node){ texts.keys[k], texts.values[k] };
        r = hypervisor_publish(backend->world, backend->domid, order->shares[i].segment, nodes,
                               SHARE_NODES);
    }
    return r < 0 ? failed(error, plan, strerror(-r)) : 0;
}

static int map_range(struct backend *backend, const struct plan *plan,
                     const struct hypervisor_iomem *iomem, struct error *error)
{
    int r = sim_add_iomem(backend->world, backend->domid, *iomem);
    char why[128];

    if (r == 0)
        return 0;
    snprintf(why, sizeof(why),
             "failed give domain access to iomem range %" PRIx64 "-%" PRIx64 ": %s",
             iomem->frames.first.v, iomem->frames.first.v + iomem->frames.count - 1, strerror(-r));
    return failed(error, plan, why);
}

static int map_iomem(struct backend *backend, const struct plan *plan,
                     const struct build_order *order, struct error *error)
{
    int r = 0;

    for (size_t i = 0; i < plan->iomem_count && r == 0; i++)
        r = map_range(backend, plan, &plan->iomem[i], error);
    for (size_t i = 0; i < order->share_count && r == 0; i++) {
        const struct share *share = &order->shares[i];
        struct hypervisor_iomem iomem = { share->frames, share->first };

        if (share->map)
            r = map_range(backend, plan, &iomem, error);
    }
    return r;
}

static int store_config(struct backend *backend, const struct plan *plan, struct error *error)
{
    _cleanup_(cleanup_free) char *text = message_text(backend->config);
    int r = text ? sim_store_config(backend->world, backend->domid, text) : -ENOMEM;

    return r < 0 ? failed(error, plan, strerror(-r)) : 0;
}

static int build(struct backend *backend, const struct plan *plan, const struct build_order *order,
                 struct error *error)
{
    int r;

    r = write_nodes(backend, plan, order, error);
    if (r == 0)
        r = step(backend, "build", error);
    if (r == 0)
        r = map_iomem(backend, plan, order, error);
    if (r == 0)
        r = store_config(backend, plan, error);
    return r ? r : step(backend, "built", error);
}

int backend_build(struct backend *backend, const struct plan *plan, const struct build_order *order,
                  uint32_t *ret_domid, struct error *error)
{
    int r;

    if (check_room(backend, plan, error))
        return error->code;
    if (sim_config_add(backend->config, order) < 0)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory");
    r = make_domain(backend, plan, error);
    if (r)
        return r;
    r = build(backend, plan, order, error);
    if (r)
        sim_destroy(backend->world, backend->domid);
    else
        *ret_domid = backend->domid;
    return r;
}

int backend_run(struct backend *backend, struct error *error)
{
    int r = step(backend, "run", error);

    if (r)
        return r;
    r = sim_pause(backend->world, backend->domid, false);
    return r < 0 ? error_set(error, XENSHM_HYPERVISOR_FAILED, "domain %u cannot be unpaused: %s",
                             backend->domid, strerror(-r))
                 : 0;
}

/* ---- end ---- */

int backend_find(struct backend *backend, const struct domain_identity *domain)
{
    const struct hypervisor_domain *domains;
    size_t count;

    sim_list(backend->world, &domains, &count);
    for (size_t i = 0; i < count; i++)
        if (domains[i].domid == domain->domid &&
            memcmp(domains[i].uuid, domain->uuid, DOMAIN_UUID_SIZE) == 0)
            return 0;
    return -ESRCH;
}

json_t *backend_config(struct backend *backend, const struct domain_identity *domain)
{
    _cleanup_(cleanup_free) char *text = sim_stored_config(backend->world, domain->domid);

    return text ? json_loads(text, 0, NULL) : NULL;
}

void backend_dump_core(struct backend *backend, const struct domain_identity *domain,
                       const char *path)
{
    FILE *file = fopen(path, "we");

    if (!file || fputs("core of a simulated domain\n", file) < 0)
        log_warning("domain %u: core dump to %s: %s", domain->domid, path, strerror(errno));
    if (file)
        fclose(file);
}

int backend_rename(struct backend *backend, const struct domain_identity *domain, const char *name,
                   struct error *error)
{
    int r = step(backend, "end", error);

    if (r)
        return r;
    r = sim_rename(backend->world, domain->domid, name);
    return r < 0 && r != -ESRCH
               ? error_set(error, XENSHM_HYPERVISOR_FAILED, "domain %u cannot be called '%s': %s",
                           domain->domid, name, strerror(-r))
               : 0;
}

int backend_destroy(struct backend *backend, const struct domain_identity *domain,
                    struct error *error)
{
    int r = step(backend, "end", error);

    if (r == 0)
        sim_destroy(backend->world, domain->domid);
    return r;
}
