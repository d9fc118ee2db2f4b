/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Device trees: reserving pages in a host's tree, finding the mistakes in one, and making the
 * partial tree that shows a guest its segments.
 *
 * Functions on buffers: no I/O, no logging, no globals; any thread. A tree comes from anywhere, so
 * each function looks at the whole of it before anything else, and everything is bounded: 2 MiB (as
 * in Xen and Linux), 32 levels, 1024 ranges of a kind, 255 bytes in a property's name. Results are
 * 0, -ENOMEM, or error->code with the node or the offset named; after anything but 0 the ret_
 * parameters are as they were.
 *
 * Addresses in a tree count as #address-cells and #size-cells say; a node that does not say it
 * inherits its parent's, as Xen and Linux read it. One and two cells are understood.
 *
 * devtree*.c are the only files that know libfdt.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define DEVTREE_SIZE_MAX (2 * 1024 * 1024)
#define DEVTREE_POOLS_MAX 64 /* of one call of devtree_reserve() */
#define DEVTREE_MAPS_MAX 5   /* ranges of a node that UIO shows (MAX_UIO_MAPS in Linux) */
#define DEVTREE_NAME_MAX 31  /* of a node, without its unit address, as the specification says */
#define DEVTREE_COMPATIBLE_MAX 127

/* What devtree_*() made; data is malloc()ed. */
struct devtree_blob {
    void *data;
    size_t size;
};

void devtree_blob_clear(struct devtree_blob *blob);

/* Returns 0 when the buffer holds a tree that is well-formed from its header to its last node. */
int devtree_validate(const void *tree, size_t size, struct error *error);

/* ---- reserving pages */

struct devtree_reserve {
    const char *name;        /* of the node, without unit address: "shared_mem" */
    const char *compatible;  /* "uio-dev" */
    const char *bootargs;    /* property of /chosen: "xen,dom0-bootargs" or "bootargs" */
    uint64_t size;           /* of each pool: whole pages */
    unsigned count;          /* pools: NAME, NAME-1, NAME-2 ... */
    const uint64_t *at;      /* place of the first pool, the next ones follow it; NULL: choose */
    const uint64_t *tree_at; /* where the boot loader puts the tree; NULL: not known */
};

struct devtree_pool {
    char name[DEVTREE_NAME_MAX + 1];
    uint64_t address, size;
    bool added; /* false: it was there already */
};

struct devtree_reservation {
    struct devtree_blob tree;    /* the whole tree; the input, byte for byte, if nothing changed */
    struct devtree_blob overlay; /* what changed, as an overlay on "/" */
    struct devtree_pool pools[DEVTREE_POOLS_MAX];
    unsigned pool_count;
    unsigned tuple; /* cells of one range in the overlay, for devtree_source() */
    bool changed;
};

/*
 * Takes pages out of the tree's memory and describes them to UIO.
 *
 * Place: without `at`, the banks (ranges of the memory nodes) are looked at from the lowest address
 * on, and the first one that has room gives its highest free pages. A bank is never used up.
 * Memory: the pages leave the reg of every memory node, whose ranges are shortened or split.
 * Node: NAME@ADDRESS at the top level (Xen gives Dom0 no right to pass on what lies under
 * /reserved-memory), with compatible and reg. One that is there already stays if its size (and
 * `at`) are as wanted; what is wrong otherwise (memory that was not shrunk, status) is mended.
 * Arguments: uio_pdrv_genirq.of_id=COMPATIBLE is added to `bootargs`, all else in it stays. Where
 * "xen,dom0-bootargs" does not exist, Dom0 gets "bootargs" until now: it begins as a copy of that.
 *
 * Refused: pages that overlap /memreserve/, /reserved-memory, boot modules, the initrd, the tree
 * itself at `tree_at`, or another node at the top level; and whatever else would not work.
 */
int devtree_reserve(const void *tree, size_t size, const struct devtree_reserve *wanted,
                    struct devtree_reservation *ret, struct error *error);
void devtree_reservation_clear(struct devtree_reservation *reservation);

/* ---- finding mistakes */

struct devtree_finding {
    const char *node;   /* path; "/" for the tree as a whole */
    const char *rule;   /* stable name: "reserved-memory", "passthrough", "memory" ... */
    const char *what;   /* what is wrong */
    const char *remedy; /* what to change */
};

typedef void devtree_finding_fn(void *context, const struct devtree_finding *finding);

struct devtree_check {
    const char *name;       /* pattern of the pools' names, as for fnmatch(3): "shared_mem*" */
    const char *compatible; /* nodes with it are pools too; NULL: with what of_id names */
};

/*
 * Tells every mistake that keeps shared memory from working; *ret_pools counts the nodes that are
 * meant as pools. Findings are mistakes of the person; a tree that cannot be read is an error.
 */
int devtree_check(const void *tree, size_t size, const struct devtree_check *how,
                  devtree_finding_fn *found, void *context, unsigned *ret_pools,
                  struct error *error);

/* ---- a guest's partial tree */

struct devtree_segment {
    const char *name;
    uint64_t address; /* in the guest */
    uint64_t size;
};

/*
 * The tree for `device_tree=` of an xl config: /passthrough as libxl wants it, with a node
 * NAME@ADDRESS for each segment. Refused: segments that overlap, twice the same name, addresses
 * that are not whole pages.
 *
 * With `base`, such a tree that is there already (NULL: none), the nodes are added at the end of
 * its /passthrough, in the cells and the addresses that this has; all else in it stays as it is.
 * Refused then, too: no /passthrough or one without ranges, cells or ranges that cannot tell a
 * segment's address, a node of the same name, and an overlap with what another node has.
 */
int devtree_guest(const void *base, size_t base_size, const struct devtree_segment *segments,
                  size_t count, const char *compatible, struct devtree_blob *ret,
                  struct error *error);

struct devtree_range {
    uint64_t address, size;
};

/*
 * What the nodes below /passthrough of such a tree have in the guest, byte by byte as their reg
 * tells it (of a PCI host bridge also its ranges), in the order of the tree; they may overlap.
 * Addresses are translated by the ranges of the buses above; what lies on a bus without any (a
 * chip on I2C) has no address. Refused: a reg or ranges that cannot be read, and an address outside
 * the ranges of its bus. The caller frees *ret_ranges; it is NULL for none.
 */
int devtree_guest_ranges(const void *tree, size_t size, struct devtree_range **ret_ranges,
                         size_t *ret_count, struct error *error);

/* ---- the arguments of a kernel */

/*
 * What the last uio_pdrv_genirq.of_id= among them says, as for the kernel: the compatible string of
 * its UIO devices. Returns false if there is none.
 */
bool arguments_of_id(const char *text, char value[static DEVTREE_COMPATIBLE_MAX + 1]);
/* `text` with it, before a "--" that ends what the kernel reads; to be freed. NULL: no memory. */
char *arguments_with_of_id(const char *text, const char *value);

/* ---- reading what was made */

/*
 * The node at `path` and all below it as device tree source, "/" in the place of its name: what
 * dtc takes, also at the end of the source that it belongs to. `tuple`: cells of one range of a
 * reg. The caller frees *ret_text.
 */
int devtree_source(const struct devtree_blob *blob, const char *path, unsigned tuple,
                   char **ret_text, struct error *error);
/* Where the overlay of a reservation has its changes. */
#define DEVTREE_OVERLAY_ROOT "/fragment@0/__overlay__"
