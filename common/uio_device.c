/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a UIO device is called; see uio_device.h.
 *
 * The device tree node decides. The name in sysfs is the driver's: Linux before 6.12 leaves the
 * unit address out, and the property linux,uio-name replaces it. It counts only without a node.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "cells.h"
#include "range.h"
#include "sysfs.h"
#include "uio_device.h"

static int name_from_node(struct uio_device *d)
{
    const char *name = strrchr(d->node, '/') + 1;

    if (strlen(name) >= sizeof(d->name))
        return -ENAMETOOLONG;
    strcpy(d->name, name);
    return 0;
}

static int name_from_driver(struct uio_device *d)
{
    char path[PATH_MAX];
    size_t length;
    int r;

    r = sysfs_path(path, "%s/name", d->dir);
    if (r == 0)
        r = sysfs_read(d->root, path, d->name, sizeof(d->name), &length);
    if (r)
        return r;
    if (strlen(d->name) != length)
        return SYSFS_E_CONTENT;
    if (d->name[length - 1] == '\n')
        d->name[length - 1] = '\0';
    return 0;
}

int uio_device_identify(const char *root, unsigned number, struct uio_device *ret_device)
{
    struct uio_device d = { .root = root };
    char path[PATH_MAX];
    int r;

    snprintf(d.id, sizeof(d.id), "uio%u", number);
    r = sysfs_path(path, "/sys/class/uio/%s", d.id);
    if (r == 0)
        r = sysfs_resolve(root, path, d.dir);
    if (r == 0)
        r = sysfs_path(path, "%s/device/of_node", d.dir);
    if (r)
        return r;

    r = sysfs_exists(root, path);
    if (r > 0)
        r = sysfs_resolve(root, path, d.node);
    d.node_error = r;
    r = d.node[0] != '\0' ? name_from_node(&d) : name_from_driver(&d);
    if (r)
        return r;
    *ret_device = d;
    return 0;
}

static bool is_compatible(const struct uio_device *d, const char *const *compatibles)
{
    char path[PATH_MAX];

    if (!compatibles || d->node[0] == '\0' || sysfs_path(path, "%s/compatible", d->node) != 0)
        return false;
    for (size_t i = 0; compatibles[i]; i++)
        if (sysfs_list_has(d->root, path, compatibles[i]))
            return true;
    return false;
}

bool uio_device_matches(const struct uio_device *device, const struct uio_match *match)
{
    char base[sizeof(device->name)];

    strcpy(base, device->name);
    base[strcspn(base, "@")] = '\0';
    for (size_t i = 0; match->names && match->names[i]; i++)
        if (fnmatch(match->names[i], base, 0) == 0 ||
            fnmatch(match->names[i], device->name, 0) == 0)
            return true;
    return is_compatible(device, match->compatibles);
}

bool uio_device_has_part_pages(const struct uio_device *device)
{
    char path[PATH_MAX], parent[PATH_MAX], *slash;
    struct cells reg;
    unsigned a, s;

    if (device->node[0] == '\0' || sysfs_path(path, "%s/reg", device->node) != 0 ||
        cells_read(device->root, path, &reg) != 0)
        return false;
    snprintf(parent, sizeof(parent), "%s", device->node);
    slash = strrchr(parent, '/');
    if (slash)
        *slash = '\0';
    if (!cells_widths(device->root, parent, &a, &s) || reg.count % (a + s) != 0)
        return false;
    for (size_t i = 0; i < reg.count; i += a + s)
        if (!page_aligned(cells_value(&reg, i, a)) || !page_aligned(cells_value(&reg, i + a, s)))
            return true;
    return false;
}
