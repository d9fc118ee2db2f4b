/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What has a place in the host's memory: the memory itself, and everything that occupies some. */
#include "devtree_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX 1024

void objects_clear(struct objects *objects)
{
    free(objects->items);
    *objects = (struct objects){ 0 };
}

static int make_room(struct objects *objects, struct error *error)
{
    size_t room = objects->room ? 2 * objects->room : 16;
    struct object *items;

    if (objects->count < objects->room)
        return 0;
    if (room > OBJECTS_MAX)
        return error_set(error, XENSHM_CONFIG_INVALID, "%s: more than %d ranges of this kind",
                         objects->items[objects->count - 1].what, OBJECTS_MAX);
    items = reallocarray(objects->items, room, sizeof(*items));
    if (!items)
        return -ENOMEM;
    objects->items = items;
    objects->room = room;
    return 0;
}

int objects_insert(struct objects *objects, size_t index, const struct object *object,
                   struct error *error)
{
    struct object copy = *object; /* it may be one of the items */
    int r;

    r = make_room(objects, error);
    if (r)
        return r;
    memmove(&objects->items[index + 1], &objects->items[index],
            (objects->count - index) * sizeof(*objects->items));
    objects->items[index] = copy;
    objects->count++;
    return 0;
}

const struct object *objects_overlapping(const struct objects *objects, struct span span,
                                         int except)
{
    for (size_t i = 0; i < objects->count; i++)
        if (spans_overlap(objects->items[i].span, span) &&
            (except < 0 || objects->items[i].node != except))
            return &objects->items[i];
    return NULL;
}

int objects_add_reg(struct objects *objects, const struct walk *walk, struct cells cells,
                    struct error *error)
{
    struct object object = { .node = walk->node };
    const void *reg;
    int length, r;

    reg = fdt_getprop(walk->tree, walk->node, "reg", &length);
    walk_path(walk, object.what);
    if (!reg)
        return 0;
    if (!cells_readable(cells))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "%s: a reg of %u address and %u size cells; one or two are understood",
                         object.what, cells.address, cells.size);
    if ((size_t)length % reg_entry_size(cells))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "%s: a reg of %d bytes is not made of ranges of %zu", object.what, length,
                         reg_entry_size(cells));
    for (size_t i = 0; i < (size_t)length / reg_entry_size(cells); i++) {
        object.span = reg_entry(reg, cells, i);
        r = object.span.size ? objects_add(objects, &object, error) : 0;
        if (r)
            return r;
    }
    return 0;
}

static int add_reg(const struct walk *walk, struct objects *objects, struct error *error)
{
    return objects_add_reg(objects, walk, walk_reg_cells(walk), error);
}

int devtree_collect_memory(const void *tree, struct objects *memory, struct error *error)
{
    struct walk walk;
    int r;

    for (walk_begin(&walk, tree); walk.node >= 0; walk_next(&walk)) {
        if (walk.depth != 1 ||
            !node_is_memory(tree, walk.node, fdt_get_name(tree, walk.node, NULL)))
            continue;
        r = add_reg(&walk, memory, error);
        if (r)
            return r;
    }
    return 0;
}

static int collect_memreserve(const void *tree, struct objects *occupied, struct error *error)
{
    struct object object = { .node = -1 };
    int count = fdt_num_mem_rsv(tree), r;

    for (int i = 0; i < count; i++) {
        if (fdt_get_mem_rsv(tree, i, &object.span.start, &object.span.size) < 0)
            break;
        if (object.span.size > UINT64_MAX - object.span.start)
            object.span.size = UINT64_MAX - object.span.start;
        snprintf(object.what, sizeof(object.what), "/memreserve/ 0x%" PRIx64, object.span.start);
        r = object.span.size ? objects_add(occupied, &object, error) : 0;
        if (r)
            return r;
    }
    return 0;
}

/* A number of one or two cells. */
static bool number_property(const void *tree, int node, const char *name, uint64_t *ret)
{
    int length;
    const void *value = fdt_getprop(tree, node, name, &length);

    if (value && length == 4)
        *ret = fdt32_ld(value);
    else if (value && length == 8)
        *ret = fdt64_ld(value);
    return value && (length == 4 || length == 8);
}

static int collect_initrd(const void *tree, struct objects *occupied, struct error *error)
{
    struct object object = { .what = "the initrd of /chosen (linux,initrd-start)", .node = -1 };
    int chosen = fdt_subnode_offset(tree, 0, "chosen");
    uint64_t end;

    if (chosen < 0 || !number_property(tree, chosen, "linux,initrd-start", &object.span.start) ||
        !number_property(tree, chosen, "linux,initrd-end", &end) || end <= object.span.start)
        return 0;
    object.span.size = end - object.span.start;
    return objects_add(occupied, &object, error);
}

/* Any of the names that Xen gives to what the boot loader has put into memory for it. */
static bool is_boot_module(const void *tree, int node)
{
    int length;
    const char *list = fdt_getprop(tree, node, "compatible", &length);

    for (int i = 0; list && i < length; i += (int)strnlen(list + i, (size_t)(length - i)) + 1)
        if ((length - i >= 10 && strncmp(list + i, "multiboot,", 10) == 0) ||
            (length - i >= 4 && strncmp(list + i, "xen,", 4) == 0))
            return true;
    return false;
}

int devtree_collect_occupied(const void *tree, struct objects *occupied, struct error *error)
{
    struct walk walk;
    int r;

    r = collect_memreserve(tree, occupied, error);
    if (r == 0)
        r = collect_initrd(tree, occupied, error);
    for (walk_begin(&walk, tree); r == 0 && walk.node >= 0; walk_next(&walk))
        if ((walk_is_below(&walk, "reserved-memory") && walk.depth == 2) ||
            (walk_is_below(&walk, "chosen") && is_boot_module(tree, walk.node)))
            r = add_reg(&walk, occupied, error);
    return r;
}

int devtree_collect_devices(const void *tree, struct objects *devices, struct error *error)
{
    struct walk walk;
    int r;

    for (walk_begin(&walk, tree); walk.node >= 0; walk_next(&walk)) {
        struct error unreadable = { 0 }; /* what is no address is in nobody's way */

        if (walk.depth != 1 || node_is_memory(tree, walk.node, fdt_get_name(tree, walk.node, NULL)))
            continue;
        r = add_reg(&walk, devices, &unreadable);
        if (r < 0)
            return r;
        if (r && devices->count == OBJECTS_MAX)
            return error_set(error, r, "%s", unreadable.message);
    }
    return 0;
}
