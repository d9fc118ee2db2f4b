/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxl: the end of a domain, whole or half-made. */
#include "backend_xen_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "cleanup.h"
#include "log.h"

/* How long Xen may take until a domain that is being destroyed says so. */
#define GOING_TRIES 300
#define GOING_PAUSE_US 100000

int backend_find(struct backend *backend, const struct domain_identity *domain)
{
    libxl_dominfo info;
    bool there;

    libxl_dominfo_init(&info);
    there = libxl_domain_info(backend->xl, &info, domain->domid) == 0 && !info.dying &&
            memcmp(libxl_uuid_bytearray_const(&info.uuid), domain->uuid, DOMAIN_UUID_SIZE) == 0;
    libxl_dominfo_dispose(&info);
    return there ? 0 : -ESRCH;
}

static void name_log(struct backend *backend, const struct domain_identity *domain)
{
    char *name = libxl_domid_to_name(backend->xl, domain->domid);

    if (name)
        snprintf(backend->log.guest, sizeof(backend->log.guest), "%s", name);
    else
        snprintf(backend->log.guest, sizeof(backend->log.guest), "(domain %u)", domain->domid);
    free(name);
}

json_t *backend_config(struct backend *backend, const struct domain_identity *domain)
{
    _cleanup_(cleanup_free) char *text = NULL;
    libxl_domain_config config;

    name_log(backend, domain);
    libxl_domain_config_init(&config);
    /* One that is half-made has none. */
    backend->log.quiet = true;
    if (libxl_retrieve_domain_configuration(backend->xl, domain->domid, &config, NULL) == 0)
        text = libxl_domain_config_to_json(backend->xl, &config);
    backend->log.quiet = false;
    libxl_domain_config_dispose(&config);
    return text ? json_loads(text, 0, NULL) : NULL;
}

void backend_dump_core(struct backend *backend, const struct domain_identity *domain,
                       const char *path)
{
    /* What it says is in the log. */
    if (libxl_domain_core_dump(backend->xl, domain->domid, path, NULL) != 0)
        log_warning("guest %s: no core dump in %s", backend->log.guest, path);
}

/* The new name begins with the old one, as with xl: else it is renamed first. */
static int prepare_name(struct backend *backend, const struct domain_identity *domain,
                        const char *name, char **old)
{
    if (strncmp(name, *old, strlen(*old)) == 0)
        return 0;
    if (libxl_domain_rename(backend->xl, domain->domid, *old, name) != 0)
        return -EIO;
    free(*old);
    *old = strdup(name);
    return *old ? 0 : -ENOMEM;
}

int backend_rename(struct backend *backend, const struct domain_identity *domain, const char *name,
                   struct error *error)
{
    _cleanup_(cleanup_free) char *old = libxl_domid_to_name(backend->xl, domain->domid);
    libxl_domain_create_info info;
    libxl_uuid uuid;

    libxl_domain_create_info_init(&info);
    libxl_uuid_generate(&uuid);
    xen_log_forget(&backend->log);
    if (old && prepare_name(backend, domain, name, &old) == 0) {
        info.name = old; /* not disposed of */
        if (libxl_domain_preserve(backend->xl, domain->domid, &info, name + strlen(old), uuid) == 0)
            return 0;
    }
    if (backend_find(backend, domain) < 0)
        return 0;
    return error_set(error, XENSHM_HYPERVISOR_FAILED, "guest '%s' cannot be called '%s': %s",
                     backend->log.guest, name,
                     xen_log_reason(&backend->log, "libxl gives no reason"));
}

static void forget_folder(struct xs_handle *xs, const char *parent, uint32_t domid)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/%u", parent, domid);
    xs_rm(xs, XBT_NULL, path);
}

/* What libxl would have removed from xenstore. */
static void forget_nodes(uint32_t domid)
{
    struct xs_handle *xs = xs_open(0);
    _cleanup_(cleanup_free) char *vm = NULL;
    char path[64];

    if (!xs)
        return;
    /* Not by the UUID: another domain may have that by now. */
    snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
    vm = xs_read(xs, XBT_NULL, path, NULL);
    if (vm && strncmp(vm, "/vm/", 4) == 0)
        xs_rm(xs, XBT_NULL, vm);
    forget_folder(xs, "/local/domain", domid);
    forget_folder(xs, "/libxl", domid);
    xs_close(xs);
}

/* By the hypervisor alone, where libxl cannot make sense of what is there. */
static void destroy_plainly(struct backend *backend, const struct domain_identity *domain)
{
    xc_interface *xc = xc_interface_open(&backend->log.logger, NULL, 0);

    if (!xc)
        return;
    log_warning("guest %s: libxl cannot destroy domain %u; Xen is told to", backend->log.guest,
                domain->domid);
    libxl_userdata_unlink(backend->xl, domain->domid, "libxl-json");
    xc_domain_destroy(xc, domain->domid);
    xc_interface_close(xc);
    forget_nodes(domain->domid);
}

int backend_destroy(struct backend *backend, const struct domain_identity *domain,
                    struct error *error)
{
    xen_log_forget(&backend->log);
    if (libxl_domain_destroy(backend->xl, domain->domid, NULL) != 0 &&
        backend_find(backend, domain) == 0)
        destroy_plainly(backend, domain);
    for (unsigned i = 0; i < GOING_TRIES; i++) {
        if (backend_find(backend, domain) < 0)
            return 0;
        usleep(GOING_PAUSE_US);
    }
    return error_set(error, XENSHM_HYPERVISOR_FAILED, "domain %u of guest '%s' does not go: %s",
                     domain->domid, backend->log.guest,
                     xen_log_reason(&backend->log, "Xen gives no reason"));
}
