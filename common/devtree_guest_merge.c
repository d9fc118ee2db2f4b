/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's partial tree, written anew with the nodes of segments at the end of /passthrough.
 * fdt_add_subnode() would put them at its beginning, and Linux numbers devices in the order of the
 * tree: the guest's own /dev/uio0 would become another.
 */
#include "devtree_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* libfdt compares each name with all before it: no longer worth it when they are that many. */
#define SHARED_NAMES_MAX 4096

struct merge {
    const void *base;
    const struct guest_request *request;
    struct bus bus; /* /passthrough */
};

/* ---- may it be? */

static bool window_has(const struct window *window, struct span span)
{
    uint64_t offset = span.start - window->parent.start;

    return span.start >= window->parent.start && offset <= window->parent.size &&
           span.size <= window->parent.size - offset &&
           window->child <= UINT64_MAX - offset - span.size;
}

/*
 * The segment in the addresses of the bus; false when no entry of its ranges has all of it, or
 * when they say something else the other way round.
 */
static bool on_bus(const struct bus *bus, const struct devtree_segment *segment, struct span *ret)
{
    struct span wanted = { segment->address, segment->size }, back;

    *ret = wanted;
    for (size_t i = 0; i < bus->count; i++) {
        struct window window = bus_window(bus, i);

        if (!window_has(&window, wanted))
            continue;
        ret->start = window.child + (wanted.start - window.parent.start);
        back = *ret;
        return bus_to_parent(bus, &back) && back.start == wanted.start;
    }
    return bus->count == 0;
}

static int check_cells(const struct merge *merge, const struct devtree_segment *segment,
                       struct error *error)
{
    struct cells cells = merge->bus.cells;
    struct span span;

    if (!on_bus(&merge->bus, segment, &span))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "%s: 0x%" PRIx64 " bytes at 0x%" PRIx64
                         " lie outside the ranges of /passthrough; make these empty",
                         segment->name, segment->size, segment->address);
    if (!cells_readable(cells) || !reg_fits(cells, span))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "%s: %u address and %u size cells of /passthrough cannot tell 0x%" PRIx64
                         " bytes at 0x%" PRIx64 "; use two of each",
                         segment->name, cells.address, cells.size, segment->size, span.start);
    return 0;
}

static int check_segment(const struct merge *merge, const struct devtree_segment *segment,
                         const struct objects *found, struct error *error)
{
    struct span span = { segment->address, segment->size };
    const struct object *other = objects_overlapping(found, span, -1);
    int r;

    r = check_cells(merge, segment, error);
    if (r)
        return r;
    if (fdt_subnode_offset(merge->base, merge->bus.node, segment->name) >= 0)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "%s: /passthrough has a node of this name already; use another name",
                         segment->name);
    if (other)
        return error_set(error, XENSHM_ADDRESS_IN_USE,
                         "%s at 0x%" PRIx64 " overlaps %s (0x%" PRIx64 " bytes at 0x%" PRIx64
                         "); place it elsewhere",
                         segment->name, segment->address, other->what, other->span.size,
                         other->span.start);
    return 0;
}

/* Each one becomes another range of the tree, whose number is limited. */
static int add_segment(const struct devtree_segment *segment, struct objects *found,
                       struct error *error)
{
    struct object object = { .span = { segment->address, segment->size }, .node = -1 };

    snprintf(object.what, sizeof(object.what), "%s", segment->name);
    return objects_add(found, &object, error);
}

static int check(const struct merge *merge, struct error *error)
{
    const struct guest_request *request = merge->request;
    struct objects found = { 0 };
    int r;

    r = devtree_collect_guest(merge->base, &found, error);
    if (r == 0 && !merge->bus.ranges)
        r = error_set(error, XENSHM_CONFIG_INVALID,
                      "/passthrough has no ranges, without which nothing in it has an address; "
                      "give it the empty property 'ranges'");
    for (size_t i = 0; r == 0 && i < request->count; i++) {
        r = check_segment(merge, &request->segments[i], &found, error);
        if (r == 0)
            r = add_segment(&request->segments[i], &found, error);
    }
    objects_clear(&found);
    return r;
}

/* ---- writing */

static int put_segment(void *buffer, const struct merge *merge,
                       const struct devtree_segment *segment)
{
    uint8_t reg[16];
    char name[128];
    struct span span;
    int r;

    on_bus(&merge->bus, segment, &span);
    snprintf(name, sizeof(name), "%s@%" PRIx64, segment->name, span.start);
    reg_put(reg, merge->bus.cells, span);
    r = fdt_begin_node(buffer, name);
    if (r == 0)
        r = fdt_property_string(buffer, "compatible", merge->request->compatible);
    if (r == 0)
        r = fdt_property(buffer, "reg", reg, (int)reg_entry_size(merge->bus.cells));
    return r ? r : fdt_end_node(buffer);
}

static int put_segments(void *buffer, const struct merge *merge)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < merge->request->count; i++)
        r = put_segment(buffer, merge, &merge->request->segments[i]);
    return r;
}

static int put_property(void *buffer, const void *base, int offset)
{
    const char *name;
    const void *value;
    int length;

    value = fdt_getprop_by_offset(base, offset, &name, &length);
    return value ? fdt_property(buffer, name, value, length) : length;
}

/* Where the node ends. */
static int end_of_node(const void *tree, int node)
{
    int depth = 0, offset, next = node;

    do {
        uint32_t tag;

        offset = next;
        tag = fdt_next_tag(tree, offset, &next);
        depth += (tag == FDT_BEGIN_NODE) - (tag == FDT_END_NODE);
    } while (depth > 0);
    return offset;
}

static int put_nodes(void *buffer, const struct merge *merge)
{
    int end = end_of_node(merge->base, merge->bus.node), next = 0, r = 0;
    uint32_t tag;

    do {
        int offset = next;

        tag = fdt_next_tag(merge->base, offset, &next);
        if (tag == FDT_BEGIN_NODE)
            r = fdt_begin_node(buffer, fdt_get_name(merge->base, offset, NULL));
        else if (tag == FDT_PROP)
            r = put_property(buffer, merge->base, offset);
        else if (tag == FDT_END_NODE && offset == end)
            r = put_segments(buffer, merge);
        if (r == 0 && tag == FDT_END_NODE)
            r = fdt_end_node(buffer);
    } while (r == 0 && tag != FDT_END);
    return r;
}

static int put_reservations(void *buffer, const void *base)
{
    int count = fdt_num_mem_rsv(base), r = 0;
    uint64_t start, size;

    for (int i = 0; r == 0 && i < count; i++) {
        r = fdt_get_mem_rsv(base, i, &start, &size);
        if (r == 0)
            r = fdt_add_reservemap_entry(buffer, start, size);
    }
    return r ? r : fdt_finish_reservemap(buffer);
}

static int put_tree(void *buffer, int size, const void *context)
{
    const struct merge *merge = context;
    bool share = fdt_size_dt_strings(merge->base) <= SHARED_NAMES_MAX;
    int r;

    r = fdt_create_with_flags(buffer, size, share ? 0 : FDT_CREATE_FLAG_NO_NAME_DEDUP);
    if (r == 0)
        r = put_reservations(buffer, merge->base);
    if (r == 0)
        r = put_nodes(buffer, merge);
    if (r == 0)
        r = fdt_finish(buffer);
    if (r == 0)
        fdt_set_boot_cpuid_phys(buffer, fdt_boot_cpuid_phys(merge->base));
    return r;
}

int devtree_guest_merge(const void *base, const struct guest_request *request,
                        struct devtree_blob *ret, struct error *error)
{
    struct merge merge = { .base = base, .request = request };
    struct devtree_blob blob;
    int r;

    r = devtree_passthrough(base, &merge.bus, error);
    if (r == 0)
        r = check(&merge, error);
    if (r == 0)
        r = devtree_build(put_tree, &merge, &blob, error);
    if (r)
        return r;
    if (blob.size > DEVTREE_SIZE_MAX) {
        devtree_blob_clear(&blob);
        return error_set(error, XENSHM_CONFIG_INVALID, "the tree would be larger than %d MiB",
                         DEVTREE_SIZE_MAX >> 20);
    }
    *ret = blob;
    return 0;
}
