/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel, or whoever writes its sysfs text, says of UIO devices and of memory: a map that
 * is taken for a pool is whole pages, none of them RAM, none of them in two pools. The input, cut
 * at each byte 0xff, fills the files one after the other.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iomem.h"
#include "uio.h"

/* Of each of the two devices, and of its node. */
static const char *const device_files[] = { "maps/map0/addr", "maps/map0/size", "maps/map0/offset",
                                            "name" };
static const char *const node_files[] = { "reg", "compatible" };
#define DEVICE_FILES (sizeof(device_files) / sizeof(device_files[0]))
#define NODE_FILES (sizeof(node_files) / sizeof(node_files[0]))
#define FILES (2 * (DEVICE_FILES + NODE_FILES) + 1)

static char root[] = "/dev/shm/xenshm-fuzz-XXXXXX";
static int fds[FILES];
static size_t fd_count;

/* Deletes no more than it made. */
static void clean_up(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    if (system(command) != 0)
        perror(root);
}

/* Below the root, with the folders that lead to it. Valid until the next call. */
__attribute__((format(printf, 1, 2))) static const char *path_to(const char *format, ...)
{
    static char path[PATH_MAX];
    size_t length = strlen(root);
    va_list ap;

    strcpy(path, root);
    va_start(ap, format);
    vsnprintf(path + length, sizeof(path) - length, format, ap);
    va_end(ap);
    for (char *p = strchr(path + length + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        mkdir(path, 0755);
        *p = '/';
    }
    return path;
}

static void add_file(const char *path)
{
    fds[fd_count] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    MUST(fds[fd_count++] >= 0);
}

static void add_device(int d)
{
    char target[64];

    for (size_t f = 0; f < DEVICE_FILES; f++)
        add_file(path_to("/sys/devices/d%d/uio/uio%d/%s", d, d, device_files[f]));
    for (size_t f = 0; f < NODE_FILES; f++)
        add_file(path_to("/sys/node%d/%s", d, node_files[f]));
    snprintf(target, sizeof(target), "../../devices/d%d/uio/uio%d", d, d);
    MUST(symlink(target, path_to("/sys/class/uio/uio%d", d)) == 0);
    snprintf(target, sizeof(target), "../../../d%d", d);
    MUST(symlink(target, path_to("/sys/devices/d%d/uio/uio%d/device", d, d)) == 0);
    snprintf(target, sizeof(target), "../../node%d", d);
    MUST(symlink(target, path_to("/sys/devices/d%d/of_node", d)) == 0);
}

static void make_world(void)
{
    MUST(mkdtemp(root));
    atexit(clean_up);
    add_device(0);
    add_device(1);
    add_file(path_to("/proc/iomem"));
}

static void fill(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < FILES; i++) {
        const uint8_t *end = memchr(data, 0xff, size);
        size_t length = end ? (size_t)(end - data) : size;

        MUST(pwrite(fds[i], data, length, 0) == (ssize_t)length);
        MUST(ftruncate(fds[i], (off_t)length) == 0);
        data += length + (end != NULL);
        size -= length + (end != NULL);
    }
}

static void check_map(const struct uio_maps *maps, size_t index)
{
    const struct uio_map *map = &maps->items[index];
    struct mfn_range *ram;
    const char *problem;
    size_t count;

    if (map->refusal[0])
        return;
    MUST(mfn_range_valid(map->frames) && map->frames.count > 0 && map->name[0]);
    for (size_t i = 0; i < maps->count; i++)
        MUST(i == index || maps->items[i].refusal[0] ||
             !mfn_range_overlaps(map->frames, maps->items[i].frames));
    MUST(iomem_read_ram(root, &ram, &count, &problem) == 0);
    for (size_t i = 0; i < count; i++)
        MUST(!mfn_range_overlaps(map->frames, ram[i]));
    free(ram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "node*", "uio*", NULL };
    static const char *const compatibles[] = { "uio-dev", NULL };
    static const struct uio_match match = { names, compatibles };
    struct uio_maps maps;

    if (fd_count == 0)
        make_world();
    fill(data, size);
    if (uio_discover(root, &match, &maps) != 0)
        return 0;
    for (size_t i = 0; i < maps.count; i++)
        check_map(&maps, i);
    uio_maps_clear(&maps);
    return 0;
}
