/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a domain's configuration says, as far as it matters to the daemon, in the words of both
 * hypervisors. Pure but for looking at the files that it names. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "error.h"
#include "guest_tree.h"
#include "hypervisor.h"

/* What can happen to a guest, in the order of plan_events[]. */
enum plan_event {
    PLAN_POWEROFF,
    PLAN_REBOOT,
    PLAN_CRASH,
    PLAN_WATCHDOG,
    PLAN_SOFT_RESET,
    PLAN_EVENTS,
};

/* "poweroff" ... "soft_reset". */
extern const char *const plan_events[PLAN_EVENTS];

/* Texts belong to the configuration; NULL where it has none. */
struct plan {
    const char *name;
    uint8_t uuid[DOMAIN_UUID_SIZE]; /* made up where the configuration has none */
    uint64_t max_memory;            /* KiB */
    bool firmware;                  /* of a type that starts without a kernel */
    bool pci;
    struct hypervisor_iomem *iomem; /* owned */
    size_t iomem_count;
    const char *bootloader;
    const char *kernel;
    const char *ramdisk;
    const char *device_tree;
    const char *cmdline;
    const char *actions[PLAN_EVENTS]; /* as in the conversation; NULL: "destroy" */
};

void plan_clear(struct plan *plan);
/* `action` is libxl's name, as in its JSON. Returns 0 or error->code. */
int plan_set_action(struct plan *plan, enum plan_event event, const char *action,
                    struct error *error);
/* All that can be wrong with it before a domain is made. Returns 0 or error->code. */
int plan_check(const struct plan *plan, struct error *error);
/* The object "facts" of the conversation; NULL without memory. */
json_t *plan_facts(const struct plan *plan, const struct guest_tree *tree);
