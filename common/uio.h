/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools in the real world: the maps of UIO devices that the configuration names.
 *
 * Reads /sys/class/uio and /proc/iomem (below an injectable root, for tests), and refuses with a
 * reason every candidate whose pages could be something else than reserved memory.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "range.h"

/* Which UIO devices are pools. Patterns are fnmatch(3) globs. */
struct uio_match {
    const char *const *names; /* device-tree node names without unit address, NULL-terminated */
    const char *const *compatibles; /* compatible strings, NULL-terminated; matched exactly */
};

/* One UIO map that is a pool, or a candidate that was refused. */
struct uio_map {
    char name[64];      /* pool name: the node's name without unit address; made unique with the
                           unit address (shared_mem@7ffff000) when two candidates share it, and with
                           a suffix `.N` for map N of a device with several maps */
    char device[64];    /* "/dev/uio0" */
    unsigned map_index; /* mmap offset is map_index pages */
    struct mfn_range frames;
    char refusal[192]; /* empty: usable; else one line, "what is wrong: the remedy" */
    bool ram;          /* refused because it is RAM of Linux, or cannot be told from it */
};

struct uio_maps {
    struct uio_map *items; /* ascending host address */
    size_t count;
};

/*
 * Finds all maps of all UIO devices that match. `root` is "" for the real system.
 * A map is refused (refusal set) when: its address or size is not a whole number of pages or its
 * sysfs `offset` is not 0; it overlaps "System RAM" in /proc/iomem; its node lies under
 * /reserved-memory (Xen gives Dom0 no right to those pages: XEN_DOMCTL_iomem_permission says
 * EPERM); its node has `xen,passthrough`; it overlaps another map (both refused); its sysfs files
 * cannot be read or make no sense. A /proc/iomem that cannot be read, or shows only zero addresses
 * (not root), refuses every map: unknown is not free.
 * Returns 0 (also with no map at all) or -errno when /sys/class/uio itself cannot be read
 * (-ENOENT: no UIO in this kernel). The caller owns *ret_maps: uio_maps_clear().
 */
int uio_discover(const char *root, const struct uio_match *match, struct uio_maps *ret_maps);
void uio_maps_clear(struct uio_maps *maps);
