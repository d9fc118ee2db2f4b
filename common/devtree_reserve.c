/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Works out what to change in a tree so that it has the pools that are wanted. */
#include "devtree_plan.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "range.h"

/* ---- is it a sensible wish */

static bool name_valid(const char *name)
{
    size_t length = strlen(name);

    return length >= 1 && length <= DEVTREE_NAME_MAX - 3 && isalpha((unsigned char)name[0]) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,._+-") ==
               length;
}

/* Names of the top level that mean something else. */
static bool name_taken(const char *name)
{
    static const char *const taken[] = { "memory", "reserved-memory", "chosen", "aliases", "cpus" };

    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        if (strcmp(taken[i], name) == 0)
            return true;
    return false;
}

static int check_wanted(const struct devtree_reserve *wanted, struct error *error)
{
    if (!name_valid(wanted->name) || name_taken(wanted->name))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "'%s' cannot be the name of such a node: a letter, then letters, digits "
                         "and ,._+-, up to %d in all",
                         wanted->name, DEVTREE_NAME_MAX - 3);
    if (!compatible_valid(wanted->compatible))
        return error_set(error, XENSHM_CONFIG_INVALID, "'%s' cannot be a compatible string",
                         wanted->compatible);
    if (strcmp(wanted->bootargs, "xen,dom0-bootargs") != 0 &&
        strcmp(wanted->bootargs, "bootargs") != 0)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "'%s' is not a property with Dom0's arguments: xen,dom0-bootargs or "
                         "bootargs",
                         wanted->bootargs);
    if (wanted->size == 0 || !page_aligned(wanted->size))
        return error_set(error, XENSHM_CONFIG_INVALID, "0x%" PRIx64 " bytes are not whole pages",
                         wanted->size);
    if (wanted->count < 1 || wanted->count > DEVTREE_POOLS_MAX)
        return error_set(error, XENSHM_CONFIG_INVALID, "%u pools: 1 to %d can be made at once",
                         wanted->count, DEVTREE_POOLS_MAX);
    if (wanted->at && !page_aligned(*wanted->at))
        return error_set(error, XENSHM_CONFIG_INVALID, "0x%" PRIx64 " is not the address of a page",
                         *wanted->at);
    if (wanted->at && wanted->size > (UINT64_MAX - *wanted->at) / wanted->count)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "%u times 0x%" PRIx64 " bytes from 0x%" PRIx64 " on reach beyond 64 bits",
                         wanted->count, wanted->size, *wanted->at);
    return 0;
}

/* ---- pools that are there already */

static void name_pools(struct plan *plan)
{
    for (unsigned i = 0; i < plan->wanted->count; i++) {
        struct devtree_pool *pool = &plan->pools[i];

        if (i == 0)
            snprintf(pool->name, sizeof(pool->name), "%s", plan->wanted->name);
        else
            snprintf(pool->name, sizeof(pool->name), "%s-%u", plan->wanted->name, i);
        pool->size = plan->wanted->size;
        plan->nodes[i] = -1;
    }
}

/* Notes which nodes of the top level have the pools' names; -2: several have one. */
static void find_nodes(struct plan *plan)
{
    size_t length = strlen(plan->wanted->name);
    int node;

    fdt_for_each_subnode(node, plan->tree, 0)
    {
        const char *name = fdt_get_name(plan->tree, node, NULL);

        if (strncmp(name, plan->wanted->name, length) != 0)
            continue;
        for (unsigned i = 0; i < plan->wanted->count; i++)
            if (base_is(name, plan->pools[i].name))
                plan->nodes[i] = plan->nodes[i] == -1 ? node : -2;
    }
}

static int check_present(const struct plan *plan, unsigned index, struct span span,
                         struct error *error)
{
    const struct devtree_pool *pool = &plan->pools[index];
    const char *name = fdt_get_name(plan->tree, plan->nodes[index], NULL);
    uint64_t at = plan->wanted->at ? *plan->wanted->at + index * pool->size : span.start;

    if (fdt_node_check_compatible(plan->tree, plan->nodes[index], plan->wanted->compatible) != 0)
        error_set(error, XENSHM_CONFIG_INVALID, "/%.100s is there already, not compatible with %s",
                  name, plan->wanted->compatible);
    else if (span.size != pool->size || span.start != at)
        error_set(error, XENSHM_CONFIG_INVALID,
                  "/%.100s is there already, 0x%" PRIx64 " bytes at 0x%" PRIx64, name, span.size,
                  span.start);
    else if (!page_aligned(span.start))
        error_set(error, XENSHM_CONFIG_INVALID, "/%.100s does not begin with a page", name);
    else if (fdt_getprop(plan->tree, plan->nodes[index], "xen,passthrough", NULL))
        error_set(error, XENSHM_CONFIG_INVALID,
                  "/%.100s has xen,passthrough, which takes it away from Dom0: remove that", name);
    if (error->code)
        error_set_hint(error, "give another --name, or remove that node first");
    return error->code;
}

/* The only range of a pool's node. */
static int read_present(struct plan *plan, unsigned index, struct error *error)
{
    struct devtree_pool *pool = &plan->pools[index];
    struct span span;
    const void *reg;
    int length = 0, r;

    reg = fdt_getprop(plan->tree, plan->nodes[index], "reg", &length);
    if (!reg || (size_t)length != reg_entry_size(plan->cells))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "/%.100s is there already, with another reg than one range",
                         fdt_get_name(plan->tree, plan->nodes[index], NULL));
    span = reg_entry(reg, plan->cells, 0);
    r = check_present(plan, index, span, error);
    if (r == 0)
        r = plan_check_free(plan, span, plan->nodes[index], error);
    if (r)
        return r;
    pool->address = span.start;
    return plan_cut(plan, span, error);
}

static int find_present(struct plan *plan, unsigned index, struct error *error)
{
    struct devtree_pool *pool = &plan->pools[index];

    if (plan->nodes[index] == -2)
        return error_set(error, XENSHM_CONFIG_INVALID, "several nodes are called /%s", pool->name);
    pool->added = plan->nodes[index] < 0;
    return pool->added ? 0 : read_present(plan, index, error);
}

/* ---- the arguments */

static int check_own_arguments(const struct plan *plan, const struct arguments *dom0,
                               struct error *error)
{
    if (strcmp(dom0->node, "/chosen") == 0 || strcmp(plan->wanted->bootargs, "bootargs") == 0)
        return 0;
    error_set(error, XENSHM_CONFIG_INVALID,
              "%s has bootargs of its own, so Dom0 does not get those of /chosen", dom0->node);
    return error_set_hint(error, "move them to xen,dom0-bootargs of /chosen");
}

/* What the property says, or where it begins; *ret_own tells which. */
static int read_arguments(const struct plan *plan, const char **ret_text, bool *ret_own,
                          struct error *error)
{
    const char *property = plan->wanted->bootargs, *text = NULL;
    int chosen = fdt_subnode_offset(plan->tree, 0, "chosen");
    struct arguments dom0;

    devtree_dom0_arguments(plan->tree, &dom0);
    if (check_own_arguments(plan, &dom0, error))
        return error->code;
    if (chosen >= 0)
        text = text_property(plan->tree, chosen, property);
    if (!text && chosen >= 0 && fdt_getprop(plan->tree, chosen, property, NULL))
        return error_set(error, XENSHM_CONFIG_INVALID, "%s of /chosen is not a text", property);
    *ret_own = text != NULL;
    if (!text && dom0.text && strcmp(property, "bootargs") != 0)
        text = dom0.text;
    *ret_text = text ? text : "";
    return 0;
}

static int check_arguments(const struct plan *plan, struct error *error)
{
    const char *property = plan->wanted->bootargs;
    char value[DEVTREE_COMPATIBLE_MAX + 1];

    if (!arguments_of_id(plan->arguments, value) || strcmp(value, plan->wanted->compatible) != 0)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "%s of /chosen has a quotation mark that is not closed", property);
    if (strlen(plan->arguments) > ARGUMENTS_MAX)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "%s of /chosen would be longer than the %d bytes that Linux reads",
                         property, ARGUMENTS_MAX);
    return 0;
}

static int plan_arguments(struct plan *plan, struct error *error)
{
    const char *compatible = plan->wanted->compatible, *text = NULL;
    char present[DEVTREE_COMPATIBLE_MAX + 1];
    bool own = false, has_one;
    int r;

    r = read_arguments(plan, &text, &own, error);
    if (r)
        return r;
    has_one = text && arguments_of_id(text, present);
    if (has_one && strcmp(present, compatible) != 0) {
        error_set(error, XENSHM_CONFIG_INVALID, "%s of /chosen has " OF_ID "=%s already",
                  plan->wanted->bootargs, present);
        return error_set_hint(error, "the driver knows one: --compatible %.100s", present);
    }
    if (has_one && own)
        return 0;
    plan->arguments = has_one ? strdup(text) : arguments_with_of_id(text, compatible);
    return plan->arguments ? check_arguments(plan, error) : -ENOMEM;
}

/* ---- all of it */

static int collect(struct plan *plan, struct error *error)
{
    struct object self = { .what = "the device tree itself", .node = -1 };
    int r;

    plan->cells = top_cells(plan->tree);
    r = devtree_collect_memory(plan->tree, &plan->memory, error);
    if (r == 0)
        r = devtree_collect_memory(plan->tree, &plan->before, error);
    if (r == 0)
        r = plan_check_banks(plan, error);
    if (r == 0)
        r = devtree_collect_occupied(plan->tree, &plan->occupied, error);
    if (r == 0)
        r = devtree_collect_devices(plan->tree, &plan->devices, error);
    if (r || !plan->wanted->tree_at)
        return r;
    self.span = (struct span){ *plan->wanted->tree_at, fdt_totalsize(plan->tree) };
    if (self.span.size > UINT64_MAX - self.span.start)
        self.span.size = UINT64_MAX - self.span.start;
    return self.span.size ? objects_add(&plan->occupied, &self, error) : 0;
}

/* An overlay finds nodes by their names; libfdt takes "memory" for "memory@0" too. */
static int note_changes(struct plan *plan, struct error *error)
{
    plan->changed = plan->arguments != NULL;
    for (unsigned i = 0; i < plan->wanted->count; i++)
        if (plan->pools[i].added || !node_enabled(plan->tree, plan->nodes[i]))
            plan->changed = true;
    for (size_t i = 0; i < plan->before.count; i++) {
        int node = plan->before.items[i].node;

        if (!plan_memory_changed(plan, node))
            continue;
        plan->changed = true;
        if (fdt_subnode_offset(plan->tree, 0, fdt_get_name(plan->tree, node, NULL)) != node)
            return error_set(error, XENSHM_CONFIG_INVALID,
                             "%s: another node's name is too like this one's",
                             plan->before.items[i].what);
    }
    return 0;
}

static int make_plan(struct plan *plan, struct error *error)
{
    int r;

    name_pools(plan);
    find_nodes(plan);
    r = collect(plan, error);
    for (unsigned i = 0; r == 0 && i < plan->wanted->count; i++)
        r = find_present(plan, i, error);
    for (unsigned i = 0; r == 0 && i < plan->wanted->count; i++)
        if (plan->pools[i].added)
            r = plan_place(plan, i, error);
    if (r == 0)
        r = plan_check_memory_left(plan, error);
    if (r == 0)
        r = plan_arguments(plan, error);
    return r ? r : note_changes(plan, error);
}

static void plan_clear(struct plan *plan)
{
    objects_clear(&plan->memory);
    objects_clear(&plan->before);
    objects_clear(&plan->occupied);
    objects_clear(&plan->devices);
    free(plan->arguments);
}

int devtree_reserve(const void *tree, size_t size, const struct devtree_reserve *wanted,
                    struct devtree_reservation *ret, struct error *error)
{
    struct plan plan = { .tree = tree, .wanted = wanted };
    int r;

    r = check_wanted(wanted, error);
    if (r == 0)
        r = devtree_validate(tree, size, error);
    if (r == 0)
        r = make_plan(&plan, error);
    if (r == 0)
        r = plan_carry_out(&plan, size, ret, error);
    plan_clear(&plan);
    return r;
}
