/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Properties of the running host's device tree that are numbers in cells of 32 bits, big-endian,
 * read from /sys/firmware/devicetree or /proc/device-tree below `root`. One thread per object.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cells {
    uint8_t bytes[4096];
    size_t count; /* whole cells in them */
};

/* Returns 0, SYSFS_E_CONTENT (empty, too long, no whole cells) or -errno. */
int cells_read(const char *root, const char *path, struct cells *ret_cells);
/* The number of `width` (1 or 2) cells from cell `index` on, which the caller has bounded. */
uint64_t cells_value(const struct cells *cells, size_t index, unsigned width);
/*
 * How the children of `node` write addresses and sizes: its #address-cells and #size-cells, 2 and 1
 * where they are missing. False when they make no sense; 1 and 2 do.
 */
bool cells_widths(const char *root, const char *node, unsigned *ret_address, unsigned *ret_size);
