/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cells.h"

#include "sysfs.h"

int cells_read(const char *root, const char *path, struct cells *ret_cells)
{
    size_t length;
    int r;

    r = sysfs_read(root, path, (char *)ret_cells->bytes, sizeof(ret_cells->bytes), &length);
    if (r)
        return r;
    ret_cells->count = length / 4;
    return length % 4 == 0 ? 0 : SYSFS_E_CONTENT;
}

uint64_t cells_value(const struct cells *cells, size_t index, unsigned width)
{
    uint64_t value = 0;

    for (size_t i = index * 4; i < (index + width) * 4; i++)
        value = value << 8 | cells->bytes[i];
    return value;
}

/* One of the properties; where it is missing, the specification says what it is. */
static bool read_width(const char *root, const char *node, const char *property, unsigned missing,
                       unsigned *ret_width)
{
    struct cells cells;
    char path[PATH_MAX];
    uint64_t width = missing;

    if (sysfs_path(path, "%s/%s", node, property) != 0)
        return false;
    if (sysfs_exists(root, path) > 0) {
        if (cells_read(root, path, &cells) != 0 || cells.count != 1)
            return false;
        width = cells_value(&cells, 0, 1);
    }
    *ret_width = (unsigned)width;
    return width == 1 || width == 2;
}

bool cells_widths(const char *root, const char *node, unsigned *ret_address, unsigned *ret_size)
{
    return read_width(root, node, "#address-cells", 2, ret_address) &&
           read_width(root, node, "#size-cells", 1, ret_size);
}
