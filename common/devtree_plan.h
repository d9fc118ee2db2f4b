/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What devtree_reserve() is going to change. It is worked out on the tree as it was given
 * (devtree_reserve.c), written down as an overlay, and that is applied (devtree_overlay.c): the
 * overlay and the tree cannot differ.
 */
#pragma once

#include "devtree_private.h"

struct plan {
    const void *tree;
    const struct devtree_reserve *wanted;
    struct cells cells;      /* of the top level */
    struct objects memory;   /* as it will be; `node` as in the tree */
    struct objects before;   /* as it is */
    struct objects occupied; /* what must not be touched */
    struct objects devices;  /* the nodes of the top level */
    struct devtree_pool pools[DEVTREE_POOLS_MAX];
    int nodes[DEVTREE_POOLS_MAX]; /* of a pool that is there already, else -1 */
    char *arguments;              /* the new value of wanted->bootargs; NULL: it stays */
    bool changed;
};

static inline struct span pool_span(const struct devtree_pool *pool)
{
    return (struct span){ pool->address, pool->size };
}

/* True when this memory node's ranges are not what they were. */
bool plan_memory_changed(const struct plan *plan, int node);

/* The memory that the tree has: some, and no two ranges of it overlap. */
int plan_check_banks(const struct plan *plan, struct error *error);
/* No memory node may be left without a range, or with one that its cells cannot tell. */
int plan_check_memory_left(const struct plan *plan, struct error *error);
/* Nothing else may be there; the node `except` (-1: none) may. */
int plan_check_free(const struct plan *plan, struct span span, int except, struct error *error);
/* Takes these bytes out of the memory; they need not be in it. */
int plan_cut(struct plan *plan, struct span span, struct error *error);
/* Finds the place of a new pool, and takes it out of the memory. */
int plan_place(struct plan *plan, unsigned index, struct error *error);

/* Writes the overlay and the tree with it. */
int plan_carry_out(const struct plan *plan, size_t tree_size, struct devtree_reservation *ret,
                   struct error *error);
