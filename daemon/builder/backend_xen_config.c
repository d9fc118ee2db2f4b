/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxl's configuration of a domain: what it says, and what is added to it. */
#include "backend_xen_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_actions(const libxl_domain_config *config, struct plan *plan, struct error *error)
{
    const libxl_action_on_shutdown actions[PLAN_EVENTS] = {
        [PLAN_POWEROFF] = config->on_poweroff,     [PLAN_REBOOT] = config->on_reboot,
        [PLAN_CRASH] = config->on_crash,           [PLAN_WATCHDOG] = config->on_watchdog,
        [PLAN_SOFT_RESET] = config->on_soft_reset,
    };
    int r = 0;

    for (int event = 0; event < PLAN_EVENTS && r == 0; event++) {
        const char *name = libxl_action_on_shutdown_to_string(actions[event]);

        r = plan_set_action(plan, (enum plan_event)event, name ? name : "?", error);
    }
    return r;
}

int xen_config_plan(const libxl_domain_config *config, struct plan *ret_plan, struct error *error)
{
    const libxl_domain_build_info *b_info = &config->b_info;

    *ret_plan = (struct plan){
        .name = config->c_info.name,
        .max_memory = b_info->max_memkb,
        .firmware = config->c_info.type == LIBXL_DOMAIN_TYPE_HVM,
        .pci = config->num_pcidevs > 0,
        .bootloader = b_info->bootloader,
        .kernel = b_info->kernel,
        .ramdisk = b_info->ramdisk,
        .device_tree = b_info->device_tree,
        .cmdline = b_info->cmdline,
    };
    memcpy(ret_plan->uuid, libxl_uuid_bytearray_const(&config->c_info.uuid), DOMAIN_UUID_SIZE);
    if (hypervisor_xen_iomem(b_info, &ret_plan->iomem, &ret_plan->iomem_count) < 0)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory");
    return read_actions(config, ret_plan, error);
}

static int set_text(char **text, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return -ENOMEM;
    free(*text);
    *text = copy;
    return 0;
}

/* libxl frees what is in its configuration with free(). */
static int add_iomem(libxl_domain_build_info *b_info, const struct build_order *order)
{
    size_t room = (size_t)b_info->num_iomem + order->share_count;
    libxl_iomem_range *ranges = reallocarray(b_info->iomem, room + 1, sizeof(*ranges));

    if (!ranges)
        return -ENOMEM;
    b_info->iomem = ranges;
    for (size_t i = 0; i < order->share_count; i++) {
        const struct share *share = &order->shares[i];
        libxl_iomem_range *range = &ranges[b_info->num_iomem];

        if (!share->map)
            continue;
        libxl_iomem_range_init(range);
        range->start = share->frames.first.v;
        range->number = share->frames.count;
        range->gfn = share->first.v;
        b_info->num_iomem++;
    }
    return 0;
}

/* Takes out what an earlier life of the guest has had. Returns how many entries stay. */
static size_t drop_shares(char **list)
{
    size_t kept = 0;

    for (size_t i = 0; list && list[i]; i += 2) {
        if (strncmp(list[i], SHARE_FOLDER, strlen(SHARE_FOLDER)) == 0) {
            free(list[i]);
            free(list[i + 1]);
            continue;
        }
        list[kept] = list[i];
        list[kept + 1] = list[i + 1];
        kept += 2;
    }
    if (list)
        list[kept] = NULL;
    return kept;
}

static int add_nodes(char **list, const struct share *share)
{
    struct share_nodes nodes;

    share_describe(share, &nodes);
    for (size_t i = 0; i < SHARE_NODES; i++) {
        if (asprintf(&list[0], SHARE_FOLDER "%s/%s", share->segment, nodes.keys[i]) < 0) {
            list[0] = NULL;
            return -ENOMEM;
        }
        list[1] = strdup(nodes.values[i]);
        if (!list[1])
            return -ENOMEM;
        list += 2;
    }
    return 0;
}

/* libxl writes them below the domain's path in xenstore when the domain appears. */
static int add_xsdata(libxl_domain_create_info *c_info, const struct build_order *order)
{
    size_t used = drop_shares(c_info->xsdata);
    char **list = reallocarray(c_info->xsdata, used + order->share_count * SHARE_NODES * 2 + 1,
                               sizeof(*list));
    int r = 0;

    if (!list)
        return -ENOMEM;
    c_info->xsdata = list;
    memset(&list[used], 0, (order->share_count * SHARE_NODES * 2 + 1) * sizeof(*list));
    for (size_t i = 0; i < order->share_count && r == 0; i++)
        r = add_nodes(&list[used + i * SHARE_NODES * 2], &order->shares[i]);
    return r;
}

int xen_config_add(libxl_domain_config *config, const struct build_order *order)
{
    int r;

    r = add_iomem(&config->b_info, order);
    if (r == 0)
        r = add_xsdata(&config->c_info, order);
    if (r == 0 && order->share_count > 0)
        r = set_text(&config->b_info.device_tree, order->tree);
    if (r == 0 && order->cmdline)
        r = set_text(&config->b_info.cmdline, order->cmdline);
    return r;
}
