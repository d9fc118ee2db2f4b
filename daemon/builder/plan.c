/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devtree.h"
#include "uuid.h"

const char *const plan_events[PLAN_EVENTS] = { "poweroff", "reboot", "crash", "watchdog",
                                               "soft_reset" };

/* libxl's name of an action in its JSON, and ours. */
static const struct {
    const char *libxl, *name;
} actions[] = {
    { "destroy", "destroy" },
    { "restart", "restart" },
    { "restart_rename", "rename-restart" },
    { "preserve", "preserve" },
    { "coredump_destroy", "coredump-destroy" },
    { "coredump_restart", "coredump-restart" },
    { "soft_reset", "soft-reset" },
};

void plan_clear(struct plan *plan)
{
    free(plan->iomem);
    *plan = (struct plan){ 0 };
}

int plan_set_action(struct plan *plan, enum plan_event event, const char *action,
                    struct error *error)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcasecmp(actions[i].libxl, action) == 0) {
            plan->actions[event] = actions[i].name;
            return 0;
        }
    return error_set(error, XENSHM_CONFIG_INVALID, "on_%s = \"%s\" is no action that xl knows",
                     plan_events[event], action);
}

static int check_actions(const struct plan *plan, struct error *error)
{
    for (size_t i = 0; i < PLAN_EVENTS; i++)
        if (i != PLAN_SOFT_RESET && plan->actions[i] && strcmp(plan->actions[i], "soft-reset") == 0)
            return error_set(error, XENSHM_CONFIG_INVALID,
                             "guest '%s': on_%s = \"soft-reset\" is possible for on_soft_reset "
                             "only; choose another action",
                             plan->name, plan_events[i]);
    return 0;
}

static const char *why_unreadable(const char *path)
{
    struct stat st;

    /* The daemon has a working directory of its own. */
    if (path[0] != '/')
        return "the path must begin with '/'";
    if (stat(path, &st) < 0)
        return strerror(errno);
    /* A device is not even opened: some do things then. */
    if (!S_ISREG(st.st_mode))
        return "not a regular file";
    return access(path, R_OK) < 0 ? strerror(errno) : NULL;
}

static int check_file(const struct plan *plan, const char *what, const char *path,
                      struct error *error)
{
    const char *why = path ? why_unreadable(path) : NULL;

    if (!why)
        return 0;
    return error_set(error, XENSHM_CONFIG_INVALID, "guest '%s': %s '%s': %s", plan->name, what,
                     path, why);
}

/* A bootloader finds kernel and ramdisk in the guest's disk; firmware may do without. */
static int check_boot(const struct plan *plan, struct error *error)
{
    int r;

    if (plan->bootloader && !plan->firmware)
        return 0;
    if (!plan->kernel && !plan->firmware)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "guest '%s' has no kernel; write kernel = \"PATH\" into its configuration",
                         plan->name);
    r = check_file(plan, "kernel", plan->kernel, error);
    return r ? r : check_file(plan, "ramdisk", plan->ramdisk, error);
}

int plan_check(const struct plan *plan, struct error *error)
{
    int r;

    if (!plan->name || !plan->name[0])
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "the guest has no name; write name = \"NAME\" into its configuration");
    if (strlen(plan->name) >= DOMAIN_NAME_MAX)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "the guest's name is longer than %d bytes; choose a shorter one",
                         DOMAIN_NAME_MAX - 1);
    r = check_actions(plan, error);
    if (r == 0)
        r = check_boot(plan, error);
    return r ? r : check_file(plan, "device_tree", plan->device_tree, error);
}

static json_t *describe_iomem(const struct plan *plan)
{
    json_t *array = json_array();

    for (size_t i = 0; i < plan->iomem_count; i++) {
        const struct hypervisor_iomem *iomem = &plan->iomem[i];

        json_array_append_new(array,
                              json_pack("{s:I, s:I, s:I}", "host_address",
                                        (json_int_t)mfn_address(iomem->frames.first), "size",
                                        (json_int_t)pages_to_bytes(iomem->frames.count),
                                        "guest_address", (json_int_t)gfn_address(iomem->gfn)));
    }
    return array;
}

/* What JSON cannot tell, from 2^63 on, is beyond what any guest can reach. */
static json_t *describe_taken(const struct guest_tree *tree)
{
    json_t *array = json_array();

    for (size_t i = 0; i < tree->range_count; i++) {
        uint64_t address = tree->ranges[i].address, size = tree->ranges[i].size;

        if (address > INT64_MAX)
            continue;
        json_array_append_new(array, json_pack("{s:I, s:I}", "address", (json_int_t)address, "size",
                                               (json_int_t)(size < INT64_MAX ? size : INT64_MAX)));
    }
    return array;
}

static json_t *describe_actions(const struct plan *plan)
{
    json_t *object = json_object();

    for (size_t i = 0; i < PLAN_EVENTS; i++)
        json_object_set_new(object, plan_events[i],
                            json_string(plan->actions[i] ? plan->actions[i] : "destroy"));
    return object;
}

json_t *plan_facts(const struct plan *plan, const struct guest_tree *tree)
{
    char uuid[UUID_TEXT_SIZE], compatible[DEVTREE_COMPATIBLE_MAX + 1];
    json_t *facts =
        json_pack("{s:s, s:s, s:I, s:b, s:o, s:o, s:o}", "name", plan->name, "uuid",
                  uuid_format(plan->uuid, uuid), "max_memory", (json_int_t)plan->max_memory, "pci",
                  plan->pci, "iomem", describe_iomem(plan), "taken", describe_taken(tree),
                  "actions", describe_actions(plan));

    if (facts && plan->cmdline && arguments_of_id(plan->cmdline, compatible))
        json_object_set_new(facts, "compatible", json_string(compatible));
    return facts;
}
