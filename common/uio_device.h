/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a UIO device is called, and whether the configuration means it. Only for uio.c. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "uio.h"

/* Paths are resolved and below `root`. */
struct uio_device {
    const char *root;
    char id[16];         /* "uio0" */
    char dir[PATH_MAX];  /* /sys/devices/.../uio/uio0 */
    char node[PATH_MAX]; /* of the device tree; "" when it has none or it cannot be read */
    int node_error;      /* below 0: why it cannot be read */
    char name[256];      /* the node's name, else that of the driver; with any unit address */
};

/* Finds out what device `number` is called. Returns 0, or a failure when that cannot be told. */
int uio_device_identify(const char *root, unsigned number, struct uio_device *ret_device);

/*
 * Does its node's reg have a range that is no whole pages? The driver shows such a one rounded up,
 * with what lies beside it. No when there is no reg to be read.
 */
bool uio_device_has_part_pages(const struct uio_device *device);

/* By the name with or without its unit address, or by a compatible string. */
bool uio_device_matches(const struct uio_device *device, const struct uio_match *match);
