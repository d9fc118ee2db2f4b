/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the devtree*.c files share, and nobody else. */
#pragma once

#include <libfdt.h>

#include "devtree.h"

#define PATH_TEXT_MAX 160
#define OF_ID "uio_pdrv_genirq.of_id"
/* Linux on arm64 (COMMAND_LINE_SIZE) cuts what is longer. */
#define ARGUMENTS_MAX 2047

/* ---- ranges and cells */

struct span {
    uint64_t start, size; /* start + size does not overflow */
};

struct cells {
    unsigned address, size;
};

static inline uint64_t span_end(struct span s)
{
    return s.start + s.size;
}

static inline bool spans_overlap(struct span a, struct span b)
{
    return a.start < span_end(b) && b.start < span_end(a);
}

/* One or two cells each: 32 or 64 bits. */
bool cells_readable(struct cells cells);
/* So many 32-bit cells as one number; of more than two, the last two. */
uint64_t get_number(const uint8_t *from, unsigned cells);
/* Entry `index` of a reg whose cells are readable and which has that entry. */
struct span reg_entry(const void *reg, struct cells cells, size_t index);
/* Bytes of one entry. */
size_t reg_entry_size(struct cells cells);
/* Writes one entry; the numbers must fit. Returns the byte after it. */
uint8_t *reg_put(uint8_t *to, struct cells cells, struct span span);
bool reg_fits(struct cells cells, struct span span);

/* ---- walking through all nodes */

#define DEPTH_MAX 32

struct walk {
    const void *tree;
    int node;                /* < 0: over */
    int depth;               /* of the node; the root has 0 */
    int path[DEPTH_MAX + 1]; /* the nodes from the root to this one */
};

/*
 * for (walk_begin(&walk, tree); walk.node >= 0; walk_next(&walk)), on a tree that
 * devtree_validate() has accepted.
 */
void walk_begin(struct walk *walk, const void *tree);
void walk_next(struct walk *walk);
/* The cells in which the reg of a node at the top level counts. */
struct cells top_cells(const void *tree);
/* The cells in which the nodes below this one count; `parent`: those in which it does itself. */
struct cells node_cells(const void *tree, int node, struct cells parent);
/* The cells in which this node's reg counts. */
struct cells walk_reg_cells(const struct walk *walk);
/* The path of the node, its end cut off if need be. Returns `buffer`. */
const char *walk_path(const struct walk *walk, char buffer[static PATH_TEXT_MAX]);
/* True when the node is below the top-level node of this name. */
bool walk_is_below(const struct walk *walk, const char *name);

/* "a" of "a@1": its length. */
size_t base_length(const char *name);
/* True when the name without its unit address is `base`. */
bool base_is(const char *name, const char *base);
bool node_is_memory(const void *tree, int node, const char *name);
/* False when status says so. */
bool node_enabled(const void *tree, int node);
/* A property that is a text, NUL included; NULL when there is none. */
const char *text_property(const void *tree, int node, const char *name);

/* ---- things with a place */

struct object {
    char what[PATH_TEXT_MAX]; /* for messages */
    struct span span;         /* not empty */
    int node;                 /* < 0: it is none */
};

struct objects {
    struct object *items;
    size_t count, room;
};

void objects_clear(struct objects *objects);
int objects_insert(struct objects *objects, size_t index, const struct object *object,
                   struct error *error);
static inline int objects_add(struct objects *objects, const struct object *object,
                              struct error *error)
{
    return objects_insert(objects, objects->count, object, error);
}
/* Adds the ranges of the reg, if any, of the node where the walk is, which counts in these cells.
 */
int objects_add_reg(struct objects *objects, const struct walk *walk, struct cells cells,
                    struct error *error);
/* The first one that overlaps, other than `except` (a node; -1: none); NULL: none does. */
const struct object *objects_overlapping(const struct objects *objects, struct span span,
                                         int except);

/* The ranges of the memory nodes, in the order of the tree. */
int devtree_collect_memory(const void *tree, struct objects *memory, struct error *error);
/* What somebody else has: /memreserve/, /reserved-memory, boot modules, the initrd. */
int devtree_collect_occupied(const void *tree, struct objects *occupied, struct error *error);
/* Every other node of the top level that has a reg. */
int devtree_collect_devices(const void *tree, struct objects *devices, struct error *error);

/* ---- a guest's partial tree */

/* A node that gives those below it a place in its parent's addresses, by its property ranges. */
struct bus {
    int node;
    struct cells cells;    /* in which the nodes below it count */
    struct cells parent;   /* in which it counts itself */
    const uint8_t *ranges; /* NULL: none */
    size_t count;          /* entries; 0: the addresses are the parent's */
};

/* Entry of a ranges: these addresses of the parent begin at `child` on the bus. */
struct window {
    uint64_t child;
    struct span parent;
};

struct window bus_window(const struct bus *bus, size_t index);
/* From the bus's addresses to its parent's; false when no window has all of it. */
bool bus_to_parent(const struct bus *bus, struct span *span);
/* /passthrough, found as libxl finds it. */
int devtree_passthrough(const void *tree, struct bus *ret, struct error *error);
/* What the nodes below /passthrough have, in the guest's addresses. */
int devtree_collect_guest(const void *tree, struct objects *found, struct error *error);

/* What devtree_guest() is asked for, with nothing wrong in itself. */
struct guest_request {
    const struct devtree_segment *segments;
    size_t count;
    const char *compatible;
};

/* The base, which is valid, with the nodes of the segments. */
int devtree_guest_merge(const void *base, const struct guest_request *request,
                        struct devtree_blob *ret, struct error *error);

/* ---- kernel arguments */

/* What Dom0's kernel is started with, by Xen's rules; NULL: nothing. */
struct arguments {
    const char *text;
    const char *property; /* where it stands */
    char node[PATH_TEXT_MAX];
};

void devtree_dom0_arguments(const void *tree, struct arguments *ret);

/* ---- writing */

/* Writes with fdt_sw calls, from fdt_create() to fdt_finish(); returns 0 or libfdt's error. */
typedef int build_fn(void *buffer, int size, const void *context);

/* Calls `build` with larger and larger buffers until it has room. */
int devtree_build(build_fn *build, const void *context, struct devtree_blob *ret,
                  struct error *error);

/* The empty list of reservations and the beginning of the root node. */
int build_begin(void *buffer, int size);

/* True for what may stand in `compatible` and in a kernel argument. */
bool compatible_valid(const char *compatible);
