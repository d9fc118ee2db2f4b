/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest's partial tree has at which address of the guest, as the guest's Linux will read it
 * (of_translate_address()): libxl copies /passthrough below a root of its own.
 */
#include "devtree_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* libxl's at the root of a guest's tree; what the partial tree's root says is not copied. */
static const struct cells root_cells = { 2, 2 };

/* ---- buses */

static size_t window_size(const struct bus *bus)
{
    return 4 * ((size_t)bus->cells.address + bus->parent.address + bus->cells.size);
}

struct window bus_window(const struct bus *bus, size_t index)
{
    const uint8_t *entry = bus->ranges + index * window_size(bus);
    struct cells parent = { bus->parent.address, bus->cells.size };

    return (struct window){ get_number(entry, bus->cells.address),
                            reg_entry(entry + 4 * bus->cells.address, parent, 0) };
}

/* Three cells: an address of its own kind, with flags. */
static bool on_pci(const struct bus *bus)
{
    return bus->cells.address == 3;
}

static bool ranges_readable(const struct bus *bus)
{
    struct cells cells = { on_pci(bus) ? 2 : bus->cells.address, bus->cells.size };

    return cells_readable(cells) && cells_readable(bus->parent);
}

/* The node where the walk is. */
static int read_bus(const struct walk *walk, struct cells parent, struct bus *ret,
                    struct error *error)
{
    struct bus bus = { walk->node, node_cells(walk->tree, walk->node, parent), parent, NULL, 0 };
    char path[PATH_TEXT_MAX];
    int length;

    bus.ranges = fdt_getprop(walk->tree, walk->node, "ranges", &length);
    *ret = bus;
    if (!bus.ranges || length == 0)
        return 0;
    if (!ranges_readable(&bus))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "%s: ranges of %u address cells, %u above it, and %u size cells; one or "
                         "two are understood",
                         walk_path(walk, path), bus.cells.address, parent.address, bus.cells.size);
    if ((size_t)length % window_size(&bus))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "%s: ranges of %d bytes are not made of entries of %zu",
                         walk_path(walk, path), length, window_size(&bus));
    ret->count = (size_t)length / window_size(&bus);
    return 0;
}

bool bus_to_parent(const struct bus *bus, struct span *span)
{
    for (size_t i = 0; i < bus->count; i++) {
        struct window window = bus_window(bus, i);
        uint64_t offset = span->start - window.child;

        if (span->start < window.child || offset > window.parent.size ||
            span->size > window.parent.size - offset)
            continue;
        span->start = window.parent.start + offset;
        return true;
    }
    return bus->count == 0;
}

/* libxl takes the first node that libfdt finds, and insists on its exact name. */
static int find_passthrough(const void *tree, int *ret, struct error *error)
{
    int node = fdt_path_offset(tree, "/passthrough");

    if (node < 0 || strcmp(fdt_get_name(tree, node, NULL), "passthrough") != 0)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "no /passthrough, which is what a guest gets of a partial device tree; "
                         "put the devices into such a node");
    *ret = node;
    return 0;
}

int devtree_passthrough(const void *tree, struct bus *ret, struct error *error)
{
    struct walk walk = { .tree = tree, .depth = 1 };
    int r;

    r = find_passthrough(tree, &walk.node, error);
    if (r)
        return r;
    walk.path[1] = walk.node;
    return read_bus(&walk, root_cells, ret, error);
}

/* ---- all nodes */

struct reader {
    struct walk walk;
    struct bus buses[DEPTH_MAX + 1]; /* the nodes on the walk's path, as buses */
    bool placed[DEPTH_MAX + 1];      /* what is on that bus has an address in the guest */
    struct objects *found;
};

static int translate(const struct reader *reader, struct object *object, struct error *error)
{
    struct walk bus = reader->walk;
    char path[PATH_TEXT_MAX];

    for (bus.depth--; bus.depth >= 1; bus.depth--)
        if (!bus_to_parent(&reader->buses[bus.depth], &object->span))
            return error_set(error, XENSHM_CONFIG_INVALID,
                             "%s: 0x%" PRIx64 " bytes at 0x%" PRIx64
                             " lie outside the ranges of %s; add them there",
                             object->what, object->span.size, object->span.start,
                             walk_path(&bus, path));
    return 0;
}

static int read_reg(const struct reader *reader, struct error *error)
{
    const struct bus *bus = &reader->buses[reader->walk.depth - 1];
    struct objects *found = reader->found;
    size_t before = found->count;
    int r;

    r = objects_add_reg(found, &reader->walk, bus->cells, error);
    for (size_t i = before; r == 0 && i < found->count; i++)
        r = translate(reader, &found->items[i], error);
    return r;
}

/* What a host bridge passes on to PCI, where whoever is there has no addresses of the guest. */
static int read_windows(const struct reader *reader, struct error *error)
{
    const struct bus *bus = &reader->buses[reader->walk.depth];
    struct object object = { .node = bus->node };
    int r = 0;

    walk_path(&reader->walk, object.what);
    for (size_t i = 0; r == 0 && i < bus->count; i++) {
        object.span = bus_window(bus, i).parent;
        if (object.span.size == 0)
            continue;
        r = translate(reader, &object, error);
        if (r == 0)
            r = objects_add(reader->found, &object, error);
    }
    return r;
}

/*
 * A /passthrough without ranges is against Xen's rules, and Linux does nothing with what is on it;
 * another system may, so that counts as if they were empty.
 */
static int read_node(struct reader *reader, struct error *error)
{
    int depth = reader->walk.depth, r = 0;
    struct bus *bus = &reader->buses[depth];

    reader->placed[depth] = reader->placed[depth - 1];
    if (!reader->placed[depth])
        return 0;
    if (depth > 1)
        r = read_reg(reader, error);
    if (r == 0)
        r = read_bus(&reader->walk, reader->buses[depth - 1].cells, bus, error);
    reader->placed[depth] = r == 0 && (bus->ranges || depth == 1);
    if (!reader->placed[depth] || bus->count == 0 || !on_pci(bus))
        return r;
    reader->placed[depth] = false;
    return read_windows(reader, error);
}

int devtree_collect_guest(const void *tree, struct objects *found, struct error *error)
{
    struct reader reader = { .found = found, .placed = { true } };
    struct walk *walk = &reader.walk;
    int passthrough = -1, r;

    r = find_passthrough(tree, &passthrough, error);
    if (r)
        return r;
    reader.buses[0].cells = root_cells;
    for (walk_begin(walk, tree); r == 0 && walk->node >= 0; walk_next(walk))
        if (walk->depth >= 1 && walk->path[1] == passthrough)
            r = read_node(&reader, error);
    return r;
}

static int copy_ranges(const struct objects *found, struct devtree_range **ret_ranges,
                       size_t *ret_count)
{
    struct devtree_range *ranges = NULL;

    if (found->count) {
        ranges = calloc(found->count, sizeof(*ranges));
        if (!ranges)
            return -ENOMEM;
    }
    for (size_t i = 0; i < found->count; i++)
        ranges[i] = (struct devtree_range){ found->items[i].span.start, found->items[i].span.size };
    *ret_ranges = ranges;
    *ret_count = found->count;
    return 0;
}

int devtree_guest_ranges(const void *tree, size_t size, struct devtree_range **ret_ranges,
                         size_t *ret_count, struct error *error)
{
    struct objects found = { 0 };
    int r;

    r = devtree_validate(tree, size, error);
    if (r == 0)
        r = devtree_collect_guest(tree, &found, error);
    if (r == 0)
        r = copy_ranges(&found, ret_ranges, ret_count);
    objects_clear(&found);
    return r;
}
