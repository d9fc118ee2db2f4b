/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The partial device tree of a guest: the one of its configuration, and that with its segments. */
#pragma once

#include <stddef.h>

#include "devtree.h"
#include "shares.h"

struct guest_tree {
    void *data; /* as in the file; NULL: the configuration names none */
    size_t size;
    struct devtree_range *ranges; /* addresses that it gives to devices */
    size_t range_count;
};

void guest_tree_clear(struct guest_tree *tree);
/* Reads the file (NULL: none). Returns 0 or error->code, which names the file. */
int guest_tree_read(const char *path, struct guest_tree *ret_tree, struct error *error);
/*
 * Writes the tree with the shares added to order->tree, which appears whole or not at all. Returns
 * 0 or error->code.
 */
int guest_tree_write(const struct guest_tree *tree, const struct build_order *order,
                     struct error *error);
