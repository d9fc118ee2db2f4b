/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What Linux uses as RAM, by /proc/iomem. Unknown is not the same as none. */
#pragma once

#include <stddef.h>

#include "range.h"

/* Refusals. */
enum {
    IOMEM_E_UNKNOWN = 1, /* the file cannot be believed */
};

/*
 * All pages that are System RAM or partly so, in the file's order. `root` as in sysfs.h. The caller
 * frees *ret_ram. Returns 0, -ENOMEM, or IOMEM_E_UNKNOWN with *ret_problem a static text that goes
 * on from "/proc/iomem ...": among others because without CAP_SYS_ADMIN every address reads as
 * zero.
 */
int iomem_read_ram(const char *root, struct mfn_range **ret_ram, size_t *ret_count,
                   const char **ret_problem);
