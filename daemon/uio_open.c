/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uio_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

static int read_number(const char *root, const struct stat *st, unsigned map, const char *file,
                       uint64_t *ret_number)
{
    char path[PATH_MAX];
    int r = sysfs_path(path, "/sys/dev/char/%u:%u/maps/map%u/%s", major(st->st_rdev),
                       minor(st->st_rdev), map, file);

    if (r == 0)
        r = sysfs_read_hex(root, path, ret_number);
    return r > 0 || r == -ENOENT ? -ENODEV : r;
}

int uio_check(const char *root, int fd, uint64_t map_offset, struct mfn_range frames)
{
    unsigned map = (unsigned)(map_offset / (uint64_t)sysconf(_SC_PAGESIZE));
    uint64_t address, size;
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISCHR(st.st_mode))
        return 0;
    r = read_number(root, &st, map, "addr", &address);
    if (r == 0)
        r = read_number(root, &st, map, "size", &size);
    if (r < 0)
        return r;
    return address == mfn_address(frames.first) && size == pages_to_bytes(frames.count) ? 0
                                                                                        : -ENODEV;
}
