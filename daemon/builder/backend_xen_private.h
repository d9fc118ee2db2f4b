/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the real toolstack share. */
#pragma once

#include "backend.h"
#include "hypervisor_xen_private.h"

/*
 * libxl's and libxc's log: warnings and errors go to ours with the guest's name, the first error
 * is remembered for the refusal.
 */
struct xen_log {
    xentoollog_logger logger; /* must be the first */
    char guest[DOMAIN_NAME_MAX];
    char first_error[256]; /* "": none */
    bool quiet;            /* errors that are judged here and would only frighten */
};

void xen_log_init(struct xen_log *log);
/* Forgets the first error. */
void xen_log_forget(struct xen_log *log);
/* The first error since then, or `otherwise`. */
const char *xen_log_reason(const struct xen_log *log, const char *otherwise);

struct backend {
    struct xen_log log;
    libxl_ctx *xl;
    libxl_domain_config config;
    uint64_t needed; /* KiB, to build it */
    uint32_t domid;  /* of the one that was built */
};

/* libxl's configuration in our words. Returns 0 or error->code. */
int xen_config_plan(const libxl_domain_config *config, struct plan *ret_plan, struct error *error);
/* Adds what the order asks for. Returns 0 or -ENOMEM. */
int xen_config_add(libxl_domain_config *config, const struct build_order *order);
