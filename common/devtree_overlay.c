/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan, written as an overlay, and the tree with that overlay applied. */
#include "devtree_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t count_ranges(const struct objects *memory, int node)
{
    size_t count = 0;

    for (size_t i = 0; i < memory->count; i++)
        count += memory->items[i].node == node;
    return count;
}

bool plan_memory_changed(const struct plan *plan, int node)
{
    const struct objects *a = &plan->before, *b = &plan->memory;
    size_t j = 0;

    if (count_ranges(a, node) != count_ranges(b, node))
        return true;
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].node != node)
            continue;
        while (b->items[j].node != node)
            j++;
        if (a->items[i].span.start != b->items[j].span.start ||
            a->items[i].span.size != b->items[j].span.size)
            return true;
        j++;
    }
    return false;
}

static int put_reg(void *buffer, const struct plan *plan, int node)
{
    size_t count = count_ranges(&plan->memory, node);
    void *place;
    uint8_t *to;
    int r;

    r = fdt_property_placeholder(buffer, "reg", (int)(count * reg_entry_size(plan->cells)), &place);
    to = place;
    for (size_t i = 0; r == 0 && i < plan->memory.count; i++)
        if (plan->memory.items[i].node == node)
            to = reg_put(to, plan->cells, plan->memory.items[i].span);
    return r;
}

static int put_bank(void *buffer, const struct plan *plan, int node)
{
    int r;

    r = fdt_begin_node(buffer, fdt_get_name(plan->tree, node, NULL));
    if (r == 0)
        r = put_reg(buffer, plan, node);
    return r ? r : fdt_end_node(buffer);
}

/* The ranges of a node follow each other. */
static int put_memory(void *buffer, const struct plan *plan)
{
    int last = -1, r = 0;

    for (size_t i = 0; r == 0 && i < plan->before.count; i++) {
        int node = plan->before.items[i].node;

        if (node != last && plan_memory_changed(plan, node))
            r = put_bank(buffer, plan, node);
        last = node;
    }
    return r;
}

static int put_arguments(void *buffer, const struct plan *plan)
{
    int r;

    if (!plan->arguments)
        return 0;
    r = fdt_begin_node(buffer, "chosen");
    if (r == 0)
        r = fdt_property_string(buffer, plan->wanted->bootargs, plan->arguments);
    return r ? r : fdt_end_node(buffer);
}

static int put_description(void *buffer, const struct plan *plan, const struct devtree_pool *pool)
{
    uint8_t reg[16];
    int r;

    reg_put(reg, plan->cells, pool_span(pool));
    r = fdt_property_string(buffer, "compatible", plan->wanted->compatible);
    return r ? r : fdt_property(buffer, "reg", reg, (int)reg_entry_size(plan->cells));
}

/* A new one whole; of one that was there, the status. */
static int put_pool(void *buffer, const struct plan *plan, unsigned index)
{
    const struct devtree_pool *pool = &plan->pools[index];
    char name[DEVTREE_NAME_MAX + 20];
    int r;

    if (!pool->added && node_enabled(plan->tree, plan->nodes[index]))
        return 0;
    snprintf(name, sizeof(name), "%s@%" PRIx64, pool->name, pool->address);
    r = fdt_begin_node(buffer,
                       pool->added ? name : fdt_get_name(plan->tree, plan->nodes[index], NULL));
    if (r == 0)
        r = pool->added ? put_description(buffer, plan, pool)
                        : fdt_property_string(buffer, "status", "okay");
    return r ? r : fdt_end_node(buffer);
}

static int put_changes(void *buffer, const struct plan *plan)
{
    int r;

    r = put_memory(buffer, plan);
    if (r == 0)
        r = put_arguments(buffer, plan);
    for (unsigned i = 0; r == 0 && i < plan->wanted->count; i++)
        r = put_pool(buffer, plan, i);
    return r;
}

static int put_overlay(void *buffer, int size, const void *context)
{
    int r;

    r = build_begin(buffer, size);
    if (r == 0)
        r = fdt_begin_node(buffer, "fragment@0");
    if (r == 0)
        r = fdt_property_string(buffer, "target-path", "/");
    if (r == 0)
        r = fdt_begin_node(buffer, "__overlay__");
    if (r == 0)
        r = put_changes(buffer, context);
    for (int i = 0; r == 0 && i < 3; i++)
        r = fdt_end_node(buffer);
    return r ? r : fdt_finish(buffer);
}

/* Applying an overlay spoils the overlay's buffer: `overlay` is a copy. */
static int apply(const struct plan *plan, void *overlay, void *tree, size_t room,
                 struct error *error)
{
    int r;

    r = fdt_open_into(plan->tree, tree, (int)room);
    if (r == 0)
        r = fdt_overlay_apply(tree, overlay);
    if (r == 0)
        r = fdt_pack(tree);
    if (r == 0)
        r = fdt_check_full(tree, fdt_totalsize(tree));
    if (r)
        return error_set(error, XENSHM_CONFIG_INVALID, "the tree cannot be changed: %s",
                         fdt_strerror(r));
    if (fdt_totalsize(tree) > DEVTREE_SIZE_MAX)
        return error_set(error, XENSHM_CONFIG_INVALID, "the tree would be larger than %d MiB",
                         DEVTREE_SIZE_MAX >> 20);
    return 0;
}

static void *copy_of(const void *data, size_t size, size_t room)
{
    void *copy = malloc(room);

    return copy ? memcpy(copy, data, size) : NULL;
}

static int make_tree(const struct plan *plan, size_t size, const struct devtree_blob *overlay,
                     struct devtree_blob *ret, struct error *error)
{
    /* All that the overlay adds stands in the overlay, names of properties included. */
    size_t room = size + 2 * overlay->size + 1024;
    void *tree = copy_of(plan->tree, size, room), *spoilt = NULL;
    int r = 0;

    if (tree && plan->changed) {
        spoilt = copy_of(overlay->data, overlay->size, overlay->size);
        r = spoilt ? apply(plan, spoilt, tree, room, error) : -ENOMEM;
        size = r ? 0 : fdt_totalsize(tree);
    }
    free(spoilt);
    if (!tree || r) {
        free(tree);
        return tree ? r : -ENOMEM;
    }
    *ret = (struct devtree_blob){ tree, size };
    return 0;
}

int plan_carry_out(const struct plan *plan, size_t tree_size, struct devtree_reservation *ret,
                   struct error *error)
{
    struct devtree_reservation result = { .changed = plan->changed };
    int r;

    r = devtree_build(put_overlay, plan, &result.overlay, error);
    if (r == 0)
        r = make_tree(plan, tree_size, &result.overlay, &result.tree, error);
    if (r) {
        devtree_reservation_clear(&result);
        return r;
    }
    result.pool_count = plan->wanted->count;
    result.tuple = plan->cells.address + plan->cells.size;
    memcpy(result.pools, plan->pools, sizeof(result.pools));
    *ret = result;
    return 0;
}

void devtree_reservation_clear(struct devtree_reservation *reservation)
{
    devtree_blob_clear(&reservation->tree);
    devtree_blob_clear(&reservation->overlay);
    *reservation = (struct devtree_reservation){ 0 };
}
