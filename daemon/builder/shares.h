/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the daemon orders to be built, and what the guest finds about it in xenstore. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "error.h"
#include "range.h"

/* One segment for the guest. */
struct share {
    const char *segment;
    struct mfn_range frames;
    gfn_t first;
    uint64_t epoch;
    bool map; /* by the toolstack, as the guest's own iomem */
};

/* The object "build" of the conversation; texts belong to its JSON. */
struct build_order {
    const char *tree;
    const char *compatible;
    struct share *shares; /* owned */
    size_t share_count;
    char *cmdline; /* owned; the kernel's arguments from now on; NULL: as they are */
};

int build_order_read(json_t *build, struct build_order *ret_order, struct error *error);
void build_order_clear(struct build_order *order);

#define SHARE_NODES 3
#define SHARE_FOLDER "xenshm/" /* below the domain in xenstore */

/* The nodes of a share, xenshm/<segment>/<key>, as publish.c has them; its state comes later. */
struct share_nodes {
    const char *keys[SHARE_NODES];
    char values[SHARE_NODES][24];
};

void share_describe(const struct share *share, struct share_nodes *ret_nodes);
