/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools in the real world; the rules are in uio.h.
 *
 * Every map of every matching device becomes a candidate. A candidate is refused by the first rule
 * that it breaks and stays in the list, so that an administrator sees why a pool is missing.
 * Devices that do not match drive hardware that is not ours: nothing of theirs is opened but what
 * tells their name.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "iomem.h"
#include "sysfs.h"
#include "uio.h"
#include "uio_device.h"

/* No Arm address is longer. UIO shows kernel addresses too, of memory that is not ours. */
#define ADDRESS_BITS 52

struct candidate {
    struct uio_map map;
    char base[64]; /* the node's name without its unit address */
    char unit[32]; /* the unit address, "" if there is none */
    bool several;  /* its device has more maps */
};

struct candidates {
    struct candidate *items;
    size_t count;
};

/* The first reason is kept. */
static void refuse(struct candidate *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void refuse(struct candidate *c, const char *format, ...)
{
    va_list args;

    if (c->map.refusal[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(c->map.refusal, sizeof(c->map.refusal), format, args);
    va_end(args);
}

/* `name` is `prefix` and a number as the kernel writes it: "uio12" */
static bool parse_numbered(const char *name, const char *prefix, unsigned *ret_number)
{
    size_t length = strlen(prefix), digits;
    const char *number = name + length;

    if (strncmp(name, prefix, length) != 0)
        return false;
    digits = strspn(number, "0123456789");
    if (digits < 1 || digits > 6 || number[digits] != '\0' || (digits > 1 && number[0] == '0'))
        return false;
    *ret_number = (unsigned)strtoul(number, NULL, 10);
    return true;
}

/* Copies what the device tree specification allows in a name. False when that is not all of it. */
static bool copy_name(const char *from, size_t length, char *to, size_t size)
{
    bool clean = length > 0 && length < size;

    for (size_t i = 0; i < length && i < size - 1; i++) {
        bool allowed = (from[i] >= 'a' && from[i] <= 'z') || (from[i] >= 'A' && from[i] <= 'Z') ||
                       (from[i] >= '0' && from[i] <= '9') ||
                       (from[i] != '\0' && strchr(",._+-", from[i]));

        *to++ = allowed ? from[i] : '?';
        clean = clean && allowed;
    }
    *to = '\0';
    return clean;
}

/* The rules about the node, which hold for all maps of the device. */
static void check_node(const struct uio_device *d, struct candidate *c)
{
    size_t length = strcspn(d->name, "@");
    const char *unit = d->name + length + (d->name[length] == '@');
    char path[PATH_MAX];
    int r;

    if (!copy_name(d->name, length, c->base, sizeof(c->base)) ||
        (*unit != '\0' && !copy_name(unit, strlen(unit), c->unit, sizeof(c->unit))))
        refuse(c, "its name is empty, too long or has characters that no device tree node's name "
                  "may have: rename the node");
    if (d->node_error < 0)
        refuse(c, "its device tree node cannot be read (%s): look at %s/device/of_node",
               strerror(-d->node_error), d->id);
    if (d->node[0] == '\0')
        return;

    r = sysfs_path(path, "%s/", d->node);
    if (r == 0 && strstr(path, "/reserved-memory/"))
        refuse(c, "its node lies under /reserved-memory, where Xen gives Dom0 no right to the "
                  "pages: make it a top-level node and take the pages out of the memory node");
    if (r == 0)
        r = sysfs_path(path, "%s/xen,passthrough", d->node);
    if (r == 0)
        r = sysfs_exists(d->root, path);
    if (r > 0)
        refuse(c, "its node has xen,passthrough, which takes the pages away from Dom0: remove the "
                  "property");
    else if (r < 0)
        refuse(c, "its node cannot be searched for xen,passthrough (%s): look at %s/device/of_node",
               strerror(-r), d->id);
}

/* Reads one number of a map; refuses the candidate when there is none. */
static bool read_number(const struct uio_device *d, struct candidate *c, const char *file,
                        uint64_t *ret_value)
{
    char path[PATH_MAX];
    int r;

    r = sysfs_path(path, "%s/maps/map%u/%s", d->dir, c->map.map_index, file);
    if (r == 0)
        r = sysfs_read_hex(d->root, path, ret_value);
    if (r < 0)
        refuse(c, "%s/maps/map%u/%s cannot be read (%s): load the UIO driver again", d->id,
               c->map.map_index, file, strerror(-r));
    else if (r > 0)
        refuse(c, "%s/maps/map%u/%s makes no sense: look at the reg property of its node", d->id,
               c->map.map_index, file);
    return r == 0;
}

static void check_map(const struct uio_device *d, struct candidate *c)
{
    const uint64_t limit = UINT64_C(1) << ADDRESS_BITS;
    uint64_t address, size, offset;

    if (!read_number(d, c, "addr", &address) || !read_number(d, c, "size", &size) ||
        !read_number(d, c, "offset", &offset))
        return;
    if (size == 0 || address >= limit || size > limit - address) {
        refuse(c,
               "0x%" PRIx64 " bytes at 0x%" PRIx64 " are no physical memory: look at the reg "
               "property of its node",
               size, address);
        return;
    }
    if (!page_aligned(address) || !page_aligned(size) || offset != 0)
        refuse(c,
               "0x%" PRIx64 " bytes at 0x%" PRIx64 ", offset 0x%" PRIx64 ", are not whole pages: "
               "align the reg property of its node to 4 KiB",
               size, address, offset);

    /* Also when refused: with all pages that it touches, for the comparison with the others. */
    c->map.frames.first = mfn(address >> PAGE_SHIFT);
    c->map.frames.count = ((address + size - 1) >> PAGE_SHIFT) - c->map.frames.first.v + 1;
}

static struct candidate *add_candidate(struct candidates *all, const struct uio_device *d,
                                       unsigned index)
{
    struct candidate *items, *c;

    items = reallocarray(all->items, all->count + 1, sizeof(*items));
    if (!items)
        return NULL;
    all->items = items;
    c = &items[all->count++];
    *c = (struct candidate){ .map.map_index = index };
    snprintf(c->map.device, sizeof(c->map.device), "/dev/%s", d->id);
    check_node(d, c);
    return c;
}

/* Adds one candidate for each map of the device. Returns 0 or -ENOMEM. */
static int add_maps(struct candidates *all, const struct uio_device *d)
{
    _cleanup_(cleanup_closedir) DIR *dir = NULL;
    size_t first = all->count;
    struct candidate *c;
    struct dirent *entry;
    char path[PATH_MAX];
    unsigned index;
    int r;

    r = sysfs_path(path, "%s/maps", d->dir);
    if (r == 0)
        r = sysfs_open_directory(d->root, path, &dir);
    while (dir && (entry = readdir(dir))) {
        if (!parse_numbered(entry->d_name, "map", &index))
            continue;
        c = add_candidate(all, d, index);
        if (!c)
            return -ENOMEM;
        check_map(d, c);
        if (uio_device_has_part_pages(d))
            refuse(c, "its node's reg is not made of whole pages, and what lies beside is not "
                      "ours: correct the reg property");
    }

    if (all->count == first) {
        c = add_candidate(all, d, 0);
        if (!c)
            return -ENOMEM;
        refuse(c, "it has no map%s%s: give its node a reg property", r < 0 ? ", " : "",
               r < 0 ? strerror(-r) : "");
    }
    for (size_t i = first; i < all->count; i++)
        all->items[i].several = all->count - first > 1;
    return 0;
}

/* Returns 0, or -errno when /sys/class/uio cannot be read or memory is short. */
static int find_candidates(const char *root, const struct uio_match *match, struct candidates *all)
{
    _cleanup_(cleanup_closedir) DIR *dir = NULL;
    struct dirent *entry;
    unsigned number;
    int r;

    r = sysfs_open_directory(root, "/sys/class/uio", &dir);
    if (r)
        return r;
    for (;;) {
        struct uio_device device;

        errno = 0;
        entry = readdir(dir);
        if (!entry)
            return -errno;
        if (!parse_numbered(entry->d_name, "uio", &number) ||
            uio_device_identify(root, number, &device) != 0 || !uio_device_matches(&device, match))
            continue;
        r = add_maps(all, &device);
        if (r)
            return r;
    }
}

/* Refuses what Linux uses as RAM, and everything when that cannot be told. */
static int check_ram(const char *root, struct candidates *all)
{
    _cleanup_(cleanup_free) struct mfn_range *ram = NULL;
    const char *problem = NULL;
    size_t count = 0;
    int r;

    r = iomem_read_ram(root, &ram, &count, &problem);
    if (r < 0)
        return r;
    for (size_t i = 0; i < all->count; i++) {
        struct candidate *c = &all->items[i];
        bool other = c->map.refusal[0] != '\0';

        if (r == IOMEM_E_UNKNOWN)
            refuse(c,
                   "it cannot be told from RAM because /proc/iomem %s: run as root with "
                   "CAP_SYS_ADMIN",
                   problem);
        for (size_t k = 0; k < count; k++)
            if (mfn_range_overlaps(c->map.frames, ram[k]))
                refuse(c,
                       "Linux uses its pages as System RAM (0x%" PRIx64 ", 0x%" PRIx64 " bytes): "
                       "take them out of the memory node of the device tree",
                       mfn_address(ram[k].first), pages_to_bytes(ram[k].count));
        c->map.ram = !other && c->map.refusal[0] != '\0';
    }
    return 0;
}

static void check_overlaps(struct candidates *all)
{
    for (size_t i = 0; i < all->count; i++) {
        struct candidate *a = &all->items[i];

        for (size_t k = 0; k < all->count; k++) {
            const struct candidate *b = &all->items[k];

            if (k != i && mfn_range_overlaps(a->map.frames, b->map.frames))
                refuse(a, "it overlaps map %u of %s: correct the reg property of one of the nodes",
                       b->map.map_index, b->map.device);
        }
    }
}

static bool base_is_shared(const struct candidates *all, const struct candidate *c)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->items[i].map.device, c->map.device) != 0 &&
            strcmp(all->items[i].base, c->base) == 0)
            return true;
    return false;
}

static void name_candidate(const struct candidates *all, struct candidate *c)
{
    char unit[34] = "", suffix[16] = "";
    int n;

    if (base_is_shared(all, c) && c->unit[0] != '\0')
        snprintf(unit, sizeof(unit), "@%s", c->unit);
    else if (base_is_shared(all, c))
        snprintf(unit, sizeof(unit), "@%" PRIx64, mfn_address(c->map.frames.first));
    if (c->several)
        snprintf(suffix, sizeof(suffix), ".%u", c->map.map_index);
    n = snprintf(c->map.name, sizeof(c->map.name), "%s%s%s", c->base, unit, suffix);
    if (n < 0 || (size_t)n >= sizeof(c->map.name))
        refuse(c, "its name is too long: rename the node");
}

static void name_candidates(struct candidates *all)
{
    for (size_t i = 0; i < all->count; i++)
        name_candidate(all, &all->items[i]);
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; k < all->count; k++)
            if (k != i && strcmp(all->items[i].map.name, all->items[k].map.name) == 0)
                refuse(&all->items[i], "map %u of %s has the same name: rename one of the nodes",
                       all->items[k].map.map_index, all->items[k].map.device);
}

/* By host address; what has none, or the same, by device and map. */
static int compare_maps(const void *a, const void *b)
{
    const struct uio_map *x = a, *y = b;
    int order = strverscmp(x->device, y->device);

    if (x->frames.first.v != y->frames.first.v)
        return x->frames.first.v < y->frames.first.v ? -1 : 1;
    if (order != 0)
        return order;
    return x->map_index < y->map_index ? -1 : x->map_index > y->map_index;
}

static int to_maps(const struct candidates *all, struct uio_maps *ret_maps)
{
    struct uio_map *items;

    items = calloc(all->count > 0 ? all->count : 1, sizeof(*items));
    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < all->count; i++)
        items[i] = all->items[i].map;
    qsort(items, all->count, sizeof(*items), compare_maps);
    *ret_maps = (struct uio_maps){ items, all->count };
    return 0;
}

int uio_discover(const char *root, const struct uio_match *match, struct uio_maps *ret_maps)
{
    struct candidates all = { 0 };
    int r;

    r = find_candidates(root, match, &all);
    if (r == 0)
        r = check_ram(root, &all);
    if (r == 0) {
        check_overlaps(&all);
        name_candidates(&all);
        r = to_maps(&all, ret_maps);
    }
    free(all.items);
    return r;
}

void uio_maps_clear(struct uio_maps *maps)
{
    free(maps->items);
    *maps = (struct uio_maps){ 0 };
}
