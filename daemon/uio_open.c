/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uio_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
#include "sysfs.h"

uint64_t uio_map_offset(const struct uio_map *map)
{
    return (uint64_t)map->map_index * (uint64_t)sysconf(_SC_PAGESIZE);
}

int uio_open(const char *root, const struct uio_map *map, int *ret_fd, void **ret_address)
{
    _cleanup_(cleanup_close) int fd = -1;
    uint64_t size = pages_to_bytes(map->frames.count);
    char path[PATH_MAX];
    void *address;
    int r;

    if (map->refusal[0] != '\0' || !mfn_range_valid(map->frames) || size > PTRDIFF_MAX)
        return -EINVAL;
    r = sysfs_path(path, "%s%s", root, map->device);
    if (r)
        return r;
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    address = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                   (off_t)uio_map_offset(map));
    if (address == MAP_FAILED)
        return -errno;
    *ret_fd = steal_fd(&fd);
    *ret_address = address;
    return 0;
}
