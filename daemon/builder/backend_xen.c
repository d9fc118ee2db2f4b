/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxl: reading a configuration and building the domain. */
#include "backend_xen_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "message.h"

int backend_open(struct backend **ret_backend, struct error *error)
{
    struct backend *backend = calloc(1, sizeof(*backend));

    if (!backend)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory");
    xen_log_init(&backend->log);
    libxl_domain_config_init(&backend->config);
    if (libxl_ctx_alloc(&backend->xl, LIBXL_VERSION, 0, &backend->log.logger) != 0) {
        error_set(error, XENSHM_HYPERVISOR_FAILED,
                  "libxl cannot be used: %s; is this Dom0, as root, with xenstored running?",
                  xen_log_reason(&backend->log, "no reason given"));
        free(backend);
        return error->code;
    }
    *ret_backend = backend;
    return 0;
}

void backend_close(struct backend *backend)
{
    if (!backend)
        return;
    libxl_domain_config_dispose(&backend->config);
    libxl_ctx_free(backend->xl);
    free(backend);
}

/* Old places of the same, which only libxl itself would look at. */
static void move_deprecated(libxl_domain_build_info *b_info)
{
    struct {
        char **from, **to;
    } texts[] = {
        { &b_info->u.pv.kernel, &b_info->kernel },
        { &b_info->u.pv.ramdisk, &b_info->ramdisk },
        { &b_info->u.pv.cmdline, &b_info->cmdline },
        { &b_info->u.pv.bootloader, &b_info->bootloader },
    };

    if (b_info->type != LIBXL_DOMAIN_TYPE_PV)
        return;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!*texts[i].to)
            *texts[i].to = steal_pointer(texts[i].from);
}

int backend_read(struct backend *backend, const json_t *config, struct plan *ret_plan,
                 struct error *error)
{
    _cleanup_(cleanup_free) char *text = message_text(config);
    const char *name =
        json_string_value(json_object_get(json_object_get(config, "c_info"), "name"));

    if (!text)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory");
    if (name)
        snprintf(backend->log.guest, sizeof(backend->log.guest), "%s", name);
    xen_log_forget(&backend->log);
    if (libxl_domain_config_from_json(backend->xl, &backend->config, text) != 0)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "the configuration is not libxl's JSON of a domain: %s",
                         xen_log_reason(&backend->log, "no reason given"));
    move_deprecated(&backend->config.b_info);
    /* Any; a number for that would be stored as the guest's. */
    if (!libxl_domid_valid_guest(backend->config.c_info.domid))
        backend->config.c_info.domid = 0;
    if (libxl_uuid_is_nil(&backend->config.c_info.uuid))
        libxl_uuid_generate(&backend->config.c_info.uuid);
    return xen_config_plan(&backend->config, ret_plan, error);
}

/*
 * libxl fills in its defaults on the way: on a copy, what is stored later is the user's. On Arm it
 * populates the whole maximum at once, not only the target (seen in the lab).
 */
int backend_check(struct backend *backend, struct plan *plan, struct error *error)
{
    libxl_domain_config copy;
    int r;

    libxl_domain_config_init(&copy);
    libxl_domain_config_copy(backend->xl, &copy, &backend->config);
    if (copy.b_info.max_memkb != LIBXL_MEMKB_DEFAULT)
        copy.b_info.target_memkb = copy.b_info.max_memkb;
    xen_log_forget(&backend->log);
    r = libxl_domain_need_memory(backend->xl, &copy, INVALID_DOMID, &backend->needed);
    plan->max_memory = copy.b_info.max_memkb;
    libxl_domain_config_dispose(&copy);
    return r == 0 ? 0
                  : error_set(error, XENSHM_CONFIG_INVALID, "guest '%s': %s", plan->name,
                              xen_log_reason(&backend->log, "libxl refuses its configuration"));
}

static int check_room(struct backend *backend, const struct plan *plan, struct error *error)
{
    uint64_t room = 0;

    xen_log_forget(&backend->log);
    if (libxl_get_free_memory(backend->xl, &room) != 0)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "Xen does not tell its free memory: %s",
                         xen_log_reason(&backend->log, "no reason given"));
    if (backend->needed <= room)
        return 0;
    error_set(error, XENSHM_HYPERVISOR_FAILED,
              "guest '%s' needs %" PRIu64 " MiB, Xen has %" PRIu64 " MiB free", plan->name,
              (backend->needed + 1023) >> 10, room >> 10);
    return error_set_hint(error, "give the guest less memory, or destroy another one; Dom0 keeps "
                                 "what it has (dom0_mem=)");
}

int backend_build(struct backend *backend, const struct plan *plan, const struct build_order *order,
                  uint32_t *ret_domid, struct error *error)
{
    struct domain_identity made;

    if (check_room(backend, plan, error))
        return error->code;
    if (xen_config_add(&backend->config, order) < 0)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory");
    backend->domid = INVALID_DOMID;
    xen_log_forget(&backend->log);
    if (libxl_domain_create_new(backend->xl, &backend->config, &backend->domid, NULL, NULL) == 0) {
        *ret_domid = backend->domid;
        return 0;
    }
    error_set(error, XENSHM_HYPERVISOR_FAILED, "building guest '%s' failed: %s", plan->name,
              xen_log_reason(&backend->log, "libxl gives no reason"));
    /* libxl has destroyed it, unless that failed too. */
    made.domid = backend->domid;
    memcpy(made.uuid, plan->uuid, DOMAIN_UUID_SIZE);
    if (libxl_domid_valid_guest(made.domid) && backend_find(backend, &made) == 0)
        backend_destroy(backend, &made, error);
    return error->code;
}

int backend_run(struct backend *backend, struct error *error)
{
    xen_log_forget(&backend->log);
    if (libxl_domain_unpause(backend->xl, backend->domid, NULL) == 0)
        return 0;
    return error_set(error, XENSHM_HYPERVISOR_FAILED, "guest '%s' cannot be unpaused: %s",
                     backend->log.guest, xen_log_reason(&backend->log, "libxl gives no reason"));
}
