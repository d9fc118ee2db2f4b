/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool's pages in this process. */
#pragma once

#include "uio.h"

/*
 * Maps the whole pool into this process: O_CLOEXEC descriptor and address, both owned by the
 * caller (close(), munmap()). The memory is Device memory on Arm: naturally aligned volatile
 * accesses of up to 8 bytes only, see scrub.h. Returns 0 or -errno.
 */
int uio_open(const char *root, const struct uio_map *map, int *ret_fd, void **ret_address);

/*
 * For mmap() of that map's descriptor: UIO takes the offset for the number of the map, counted in
 * pages of this kernel. So a mapping begins where the map begins, wherever its wanted bytes are.
 */
uint64_t uio_map_offset(const struct uio_map *map);

/*
 * Is what that descriptor, opened just now, maps there still these frames? A driver can be taken
 * off its device, and another device, which is real hardware, get the same number. What is no
 * device at all, as the simulator's world, cannot change. Returns 0, -ENODEV or -errno.
 */
int uio_check(const char *root, int fd, uint64_t map_offset, struct mfn_range frames);
