/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding pools. Each test builds a small /sys and /proc below a temporary root, laid out as on a
 * board: class links into the device, of_node links into the device tree.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "uio.h"
#include "uio_open.h"

#define NODE "shared_mem@7ffff000"
#define IOMEM                                                                                      \
    "00000000-7fefffff : System RAM\n"                                                             \
    "  00210000-0139ffff : Kernel code\n"                                                          \
    "80000000-8fffffff : reserved\n"                                                               \
    "ff000000-ff000fff : serial\n"

static char root[64];
static struct uio_maps maps;

static const char *const default_names[] = { "shared_mem*", NULL };
static const struct uio_match default_match = { .names = default_names };

/* Creates a file, and the directories that lead to it. `size` 0: the text as it is. */
static void make_file(const char *path, const char *content, size_t size)
{
    char full[1024];
    FILE *file;

    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *p = strchr(full + strlen(root) + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
        *p = '/';
    }
    file = fopen(full, "w");
    assert_non_null(file);
    size = size > 0 ? size : strlen(content);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void make_directory(const char *path)
{
    char inside[1024];

    snprintf(inside, sizeof(inside), "%s/keep", path);
    make_file(inside, "", 0);
    snprintf(inside, sizeof(inside), "%s%s/keep", root, path);
    assert_int_equal(unlink(inside), 0);
}

static void make_link(const char *path, const char *target)
{
    char full[1024];

    snprintf(full, sizeof(full), "%s%s", root, path);
    (void)unlink(full);
    assert_int_equal(symlink(target, full), 0);
}

static void remove_file(const char *path)
{
    char full[1024];

    snprintf(full, sizeof(full), "%s%s", root, path);
    assert_int_equal(remove(full), 0);
}

static const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *text(const char *format, ...)
{
    static char buffers[8][512];
    static unsigned next;
    char *buffer = buffers[next++ % ELEMENTS(buffers)];
    va_list args;

    va_start(args, format);
    vsnprintf(buffer, sizeof(buffers[0]), format, args);
    va_end(args);
    return buffer;
}

/* A device without maps; `node` is its path in the device tree, NULL for none. */
static void add_device(const char *id, const char *node, const char *driver_name)
{
    const char *dir = text("/sys/devices/platform/dev-%s/uio/%s", id, id);

    make_file(text("%s/name", dir), text("%s\n", driver_name), 0);
    make_file(text("%s/version", dir), "devicetree\n", 0);
    make_link(text("%s/device", dir), text("../../../dev-%s", id));
    make_directory("/sys/class/uio");
    make_link(text("/sys/class/uio/%s", id), text("../../devices/platform/dev-%s/uio/%s", id, id));
    if (!node)
        return;
    make_file(text("/sys/firmware/devicetree/base/%s/compatible", node), "uio-dev\0acme,pool", 18);
    make_link(text("/sys/devices/platform/dev-%s/of_node", id),
              text("../../../firmware/devicetree/base/%s", node));
}

static const char *map_file(const char *id, unsigned index, const char *file)
{
    return text("/sys/devices/platform/dev-%s/uio/%s/maps/map%u/%s", id, id, index, file);
}

static void add_map(const char *id, unsigned index, uint64_t address, uint64_t size)
{
    make_file(map_file(id, index, "addr"), text("0x%016llx\n", (unsigned long long)address), 0);
    make_file(map_file(id, index, "size"), text("0x%016llx\n", (unsigned long long)size), 0);
    make_file(map_file(id, index, "offset"), "0x0\n", 0);
    make_file(map_file(id, index, "name"), NODE "\n", 0);
}

static void add_pool(const char *id, const char *node, uint64_t address, uint64_t size)
{
    add_device(id, node, "shared_mem");
    add_map(id, 0, address, size);
}

static void discover(const struct uio_match *match, size_t count)
{
    uio_maps_clear(&maps);
    assert_int_equal(uio_discover(root, match, &maps), 0);
    assert_int_equal(maps.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(maps.items[i].refusal) < sizeof(maps.items[i].refusal) - 1);
        assert_null(strchr(maps.items[i].refusal, '\n'));
        if (maps.items[i].refusal[0]) /* what is wrong: the remedy */
            assert_non_null(strstr(maps.items[i].refusal, ": "));
        assert_int_equal(maps.items[i].ram, strstr(maps.items[i].refusal, "RAM") != NULL);
    }
}

static void expect_usable(size_t i, const char *name, const char *device, uint64_t address,
                          uint64_t pages)
{
    assert_string_equal(maps.items[i].refusal, "");
    assert_string_equal(maps.items[i].name, name);
    assert_string_equal(maps.items[i].device, device);
    assert_int_equal(mfn_address(maps.items[i].frames.first), address);
    assert_int_equal(maps.items[i].frames.count, pages);
}

static void expect_refused(size_t i, const char *reason)
{
    if (!strstr(maps.items[i].refusal, reason))
        fail_msg("wanted \"%s\", got \"%s\"", reason, maps.items[i].refusal);
}

/* The one pool of the tests is refused for this reason. */
static void expect_one_refused(const char *reason)
{
    discover(&default_match, 1);
    expect_refused(0, reason);
}

static int setup(void **state)
{
    strcpy(root, "/tmp/test-uio-XXXXXX");
    assert_non_null(mkdtemp(root));
    make_file("/proc/iomem", IOMEM, 0);
    return 0;
}

static int setup_pool(void **state)
{
    setup(state);
    add_pool("uio0", NODE, 0x7ffff000, 0x1000);
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static int teardown(void **state)
{
    uio_maps_clear(&maps);
    return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void test_board(void **state)
{
    discover(&default_match, 1);
    expect_usable(0, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
    assert_int_equal(maps.items[0].map_index, 0);
    uio_maps_clear(&maps);
    assert_int_equal(maps.count, 0);
    assert_null(maps.items);
    uio_maps_clear(&maps);
}

/* Linux 6.12 shows the unit address, linux,uio-name anything: the node decides. */
static void test_driver_name_does_not_matter(void **state)
{
    static const char *const names[] = { NODE "\n", "renamed\n", "\n", "" };

    for (size_t i = 0; i < ELEMENTS(names); i++) {
        make_file("/sys/devices/platform/dev-uio0/uio/uio0/name", names[i], 0);
        discover(&default_match, 1);
        expect_usable(0, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
    }
    remove_file("/sys/devices/platform/dev-uio0/uio/uio0/name");
    discover(&default_match, 1);
    assert_string_equal(maps.items[0].refusal, "");
}

static void test_no_uio(void **state)
{
    struct uio_maps untouched = { (struct uio_map *)&root, 42 }, result = untouched;

    assert_int_equal(uio_discover(root, &default_match, &result), -ENOENT);
    make_file("/sys/class/uio", "", 0);
    assert_int_equal(uio_discover(root, &default_match, &result), -ENOTDIR);
    assert_memory_equal(&result, &untouched, sizeof(result));
    remove_file("/sys/class/uio");
    make_directory("/sys/class/uio");
    discover(&default_match, 0);
}

static void test_no_match_lists(void **state)
{
    static const struct uio_match none = { 0 };
    static const char *const empty[] = { NULL };
    static const struct uio_match empties = { empty, empty };

    discover(&none, 0);
    discover(&empties, 0);
}

static void test_match_by_name(void **state)
{
    static const struct {
        const char *pattern;
        size_t count;
    } rows[] = {
        { "shared_mem", 1 },
        { "shared_mem@7ffff000", 1 },
        { "shared_mem@*", 1 },
        { "*", 1 },
        { "shared_me?", 1 },
        { "shared_mem@7fffe000", 0 },
        { "shared", 0 },
        { "hared_mem", 0 },
        { "Shared_mem", 0 },
        { "shared_mem1*", 0 },
        { "", 0 },
        { "uio0", 0 },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        const char *const names[] = { "other", rows[i].pattern, NULL };
        const struct uio_match match = { .names = names };

        discover(&match, rows[i].count);
    }
}

static void test_match_by_compatible(void **state)
{
    static const struct {
        const char *compatible;
        size_t count;
    } rows[] = {
        { "uio-dev", 1 },  { "acme,pool", 1 }, { "acme,poo", 0 }, { "acme,pool2", 0 },
        { "uio-dev*", 0 }, { "*", 0 },         { "pool", 0 },     { "shared_mem", 0 },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        const char *const compatibles[] = { "other", rows[i].compatible, NULL };
        const struct uio_match match = { .compatibles = compatibles };

        discover(&match, rows[i].count);
    }
}

static void test_hostile_compatible(void **state)
{
    static const char *const compatibles[] = { "acme,pool", NULL };
    static const struct uio_match match = { .compatibles = compatibles };
    const char *file = "/sys/firmware/devicetree/base/" NODE "/compatible";
    char large[5000];

    make_file(file, "acme,pool", 9); /* without a terminator */
    discover(&match, 1);
    expect_usable(0, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
    make_file(file, "\0\0acme,pool", 12);
    discover(&match, 1);
    make_file(file, "acme,pool\n", 0);
    discover(&match, 0);
    make_file(file, "", 0);
    discover(&match, 0);
    memset(large, 0, sizeof(large));
    strcpy(large, "acme,pool");
    make_file(file, large, sizeof(large)); /* longer than any: not believed */
    discover(&match, 0);
    remove_file(file);
    discover(&match, 0);
    make_directory(file);
    discover(&match, 0);
}

/* The driver's name counts only where there is no node. */
static void test_without_node(void **state)
{
    static const char *const compatibles[] = { "uio-dev", NULL };
    static const struct uio_match match = { .compatibles = compatibles };

    add_device("uio0", "ethernet@ff0e0000", "shared_mem");
    add_map("uio0", 0, 0x70000000, 0x1000);
    discover(&default_match, 0);

    add_pool("uio1", NULL, 0x90000000, 0x2000);
    add_device("uio2", NULL, "shared_mem@a0000000");
    add_map("uio2", 0, 0xa0000000, 0x1000);
    discover(&default_match, 2);
    expect_usable(0, "shared_mem@90000000", "/dev/uio1", 0x90000000, 2);
    expect_usable(1, "shared_mem@a0000000", "/dev/uio2", 0xa0000000, 1);
    discover(&match, 1); /* the one with the node; nobody knows what the others are */

    remove_file("/sys/devices/platform/dev-uio1/uio/uio1/device");
    discover(&default_match, 2);
    expect_usable(0, "shared_mem@90000000", "/dev/uio1", 0x90000000, 2);
}

static void test_without_node_hostile_name(void **state)
{
    static const char *const names[] = { "*", NULL };
    static const struct uio_match all = { .names = names };
    static const struct {
        const char *name;
        size_t size;
        const char *reason; /* NULL: nothing that could match at all */
    } rows[] = {
        { "\n", 1, "its name is empty" },
        { "two\nlines\n", 10, "rename the node" },
        { "a b\n", 4, "rename the node" },
        { "caf\303\251\n", 6, "rename the node" },
        { "@7ffff000\n", 10, "rename the node" },
        { "mem@7ff ff\n", 11, "rename the node" },
        { "a/b\n", 4, "rename the node" },
        { "0123456789012345678901234567890123456789012345678901234567890123\n", 65, "too long" },
        { "mem@01234567890123456789012345678901\n", 37, "too long" },
        { "", 0, NULL },
        { "shared\0mem\n", 11, NULL },
    };
    char large[300];

    add_pool("uio0", NULL, 0x90000000, 0x1000);
    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        make_file("/sys/devices/platform/dev-uio0/uio/uio0/name", rows[i].name, rows[i].size);
        discover(&all, rows[i].reason ? 1 : 0);
        if (rows[i].reason)
            expect_refused(0, rows[i].reason);
        for (const char *p = rows[i].reason ? maps.items[0].name : ""; *p; p++)
            assert_true(*p > ' ' && *p < 127 && *p != '/');
    }
    memset(large, 'a', sizeof(large));
    make_file("/sys/devices/platform/dev-uio0/uio/uio0/name", large, sizeof(large));
    discover(&all, 0);
    remove_file("/sys/devices/platform/dev-uio0/uio/uio0/name");
    discover(&all, 0);
}

static void test_broken_node_link(void **state)
{
    const char *link = "/sys/devices/platform/dev-uio0/of_node";

    make_link(link, "../../../firmware/devicetree/base/nowhere");
    expect_one_refused("its device tree node cannot be read (No such file");
    make_link(link, "of_node");
    expect_one_refused("its device tree node cannot be read (Too many levels");
    make_file("/sys/devices/platform/dev-uio0/uio/uio0/name", "other\n", 0);
    discover(&default_match, 0);
}

/* Links mean what they would mean on a system whose root directory is `root`. */
static void test_links_below_root(void **state)
{
    make_link("/sys/devices/platform/dev-uio0/of_node", "/sys/firmware/devicetree/base/" NODE);
    discover(&default_match, 1);
    expect_usable(0, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
    make_link("/sys/devices/platform/dev-uio0/of_node",
              "../../../firmware/devicetree/base/" NODE "/.");
    discover(&default_match, 1);
    expect_usable(0, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
    make_link("/sys/class/uio/uio0", "/sys/./devices//platform/dev-uio0/uio/uio0/");
    discover(&default_match, 1);
    expect_usable(0, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
    make_link("/sys/class/uio/uio0",
              "../../../../../../../../../sys/class/../devices/platform/dev-uio0/uio/uio0");
    discover(&default_match, 1);
    expect_usable(0, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
    make_link("/sys/class/uio/uio0", "nowhere");
    discover(&default_match, 0);
    make_link("/sys/class/uio/uio0", "uio0");
    discover(&default_match, 0);
}

static void test_link_too_long(void **state)
{
    char target[4091] = "";

    for (size_t i = 0; i < 2035; i++)
        strcat(target, "./");
    strcat(target, "../../../dev-uio0");
    make_link("/sys/devices/platform/dev-uio0/uio/uio0/device", target);
    expect_one_refused("its device tree node cannot be read (File name too long");
}

/* Only uio and a number is a device; the kernel writes no other names there. */
static void test_strange_entries(void **state)
{
    static const char *const ids[] = { "uio",   "uio00",          "uio0x", "xuio1",
                                       "uio-1", "uio99999999999", "map0",  "uio 1" };

    for (size_t i = 0; i < ELEMENTS(ids); i++)
        add_pool(ids[i], text("shared_mem@9000%zu000", i), 0x90000000 + i * 0x1000, 0x1000);
    make_file("/sys/devices/platform/dev-uio0/uio/uio0/maps/map/addr", "0x1000\n", 0);
    make_file("/sys/devices/platform/dev-uio0/uio/uio0/maps/map01/addr", "0x1000\n", 0);
    make_file("/sys/devices/platform/dev-uio0/uio/uio0/maps/map9999999/addr", "0x1000\n", 0);
    make_file("/sys/devices/platform/dev-uio0/uio/uio0/maps/other", "0x1000\n", 0);
    discover(&default_match, 1);
    expect_usable(0, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
}

static void test_several_pools(void **state)
{
    add_pool("uio10", "shared_mem_b@a0000000", 0xa0000000, 0x200000);
    add_pool("uio2", "axi/shared_mem_c@91000000", 0x91000000, 0x3000);
    add_pool("uio1", "axi/dma@ff000000", 0xff000000, 0x1000);
    discover(&default_match, 3);
    expect_usable(0, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
    expect_usable(1, "shared_mem_c", "/dev/uio2", 0x91000000, 3);
    expect_usable(2, "shared_mem_b", "/dev/uio10", 0xa0000000, 512);
}

/* What has no address comes first, in the order of devices and maps. */
static void test_order_without_address(void **state)
{
    add_pool("uio10", "shared_mem_a@a0000000", 0, 0);
    add_pool("uio9", "shared_mem_b@91000000", 0, 0);
    for (unsigned i = 8; i > 0; i--)
        add_map("uio9", i % 5, 0, 0);
    discover(&default_match, 7);
    for (unsigned i = 0; i < 5; i++) {
        assert_string_equal(maps.items[i].device, "/dev/uio9");
        assert_int_equal(maps.items[i].map_index, i);
    }
    assert_string_equal(maps.items[5].device, "/dev/uio10");
    expect_usable(6, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
}

static void test_names_made_unique(void **state)
{
    add_pool("uio1", "shared_mem@90000000", 0x90000000, 0x1000);
    add_pool("uio2", "axi/shared_mem", 0xa0000000, 0x1000);
    add_pool("uio3", "shared_memory@b0000000", 0xb0000000, 0x1000);
    discover(&default_match, 4);
    expect_usable(0, "shared_mem@7ffff000", "/dev/uio0", 0x7ffff000, 1);
    expect_usable(1, "shared_mem@90000000", "/dev/uio1", 0x90000000, 1);
    expect_usable(2, "shared_mem@a0000000", "/dev/uio2", 0xa0000000, 1);
    expect_usable(3, "shared_memory", "/dev/uio3", 0xb0000000, 1);
}

/* The same unit address on two buses, and a name that looks like another's map. */
static void test_names_that_stay_equal(void **state)
{
    add_pool("uio1", "bus/" NODE, 0x90000000, 0x1000);
    add_pool("uio2", "shared_mem_m@b0000000", 0xb0000000, 0x1000);
    add_map("uio2", 1, 0xc0000000, 0x1000);
    add_pool("uio3", "shared_mem_m.1@d0000000", 0xd0000000, 0x1000);
    discover(&default_match, 5);
    expect_refused(0, "map 0 of /dev/uio1 has the same name: rename");
    expect_refused(1, "map 0 of /dev/uio0 has the same name: rename");
    expect_usable(2, "shared_mem_m.0", "/dev/uio2", 0xb0000000, 1);
    expect_refused(3, "map 0 of /dev/uio3 has the same name");
    expect_refused(4, "map 1 of /dev/uio2 has the same name");
}

static void test_several_maps(void **state)
{
    add_map("uio0", 2, 0x92000000, 0x1000);
    add_map("uio0", 1, 0x91000000, 0x2000);
    discover(&default_match, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(maps.items[i].map_index, i);
    expect_usable(0, "shared_mem.0", "/dev/uio0", 0x7ffff000, 1);
    expect_usable(1, "shared_mem.1", "/dev/uio0", 0x91000000, 2);
    expect_usable(2, "shared_mem.2", "/dev/uio0", 0x92000000, 1);

    add_pool("uio1", "shared_mem@a0000000", 0xa0000000, 0x1000);
    make_file(map_file("uio0", 1, "size"), "0x0\n", 0);
    discover(&default_match, 4);
    expect_refused(0, "no physical memory"); /* what has no address comes first */
    assert_string_equal(maps.items[0].name, "shared_mem@7ffff000.1");
    expect_usable(1, "shared_mem@7ffff000.0", "/dev/uio0", 0x7ffff000, 1);
    expect_usable(2, "shared_mem@7ffff000.2", "/dev/uio0", 0x92000000, 1);
    expect_usable(3, "shared_mem@a0000000", "/dev/uio1", 0xa0000000, 1);
}

static void test_no_maps(void **state)
{
    add_device("uio0", NODE, "shared_mem");
    expect_one_refused("it has no map, No such file or directory: give its node a reg");
    assert_string_equal(maps.items[0].name, "shared_mem");
    assert_int_equal(maps.items[0].frames.count, 0);
    make_directory("/sys/devices/platform/dev-uio0/uio/uio0/maps");
    expect_one_refused("it has no map: give its node a reg");
}

static void test_name_too_long_with_suffix(void **state)
{
    char name[64];

    memset(name, 'a', sizeof(name));
    memcpy(name, "shared_mem", 10);
    name[63] = '\0';
    add_pool("uio0", name, 0x90000000, 0x1000);
    discover(&default_match, 1);
    expect_usable(0, name, "/dev/uio0", 0x90000000, 1);
    add_map("uio0", 1, 0x91000000, 0x1000);
    discover(&default_match, 2);
    expect_refused(0, "its name is too long");
    expect_refused(1, "its name is too long");
}

static void test_geometry(void **state)
{
    static const struct {
        const char *address, *size, *offset, *reason; /* NULL: usable */
        uint64_t first, pages;
    } rows[] = {
        { "0x80000000", "0x1000", "0x0", NULL, 0x80000, 1 },
        { "0x80000000\n", "0x1000\n", "0x0\n", NULL, 0x80000, 1 },
        { "0xFFFFF000", "0xA000", "0x0", NULL, 0xfffff, 10 },
        { "0x80000800", "0x1000", "0x0", "not whole pages", 0x80000, 2 },
        { "0x80000001", "0x1000", "0x0", "not whole pages", 0x80000, 2 },
        { "0x80000000", "0x1800", "0x0", "not whole pages", 0x80000, 2 },
        { "0x80000000", "0x1", "0x0", "not whole pages", 0x80000, 1 },
        { "0x80000000", "0x1000", "0x800", "not whole pages", 0x80000, 1 },
        { "0x80000000", "0x1000", "0x1000", "not whole pages", 0x80000, 1 },
        { "0x80000000", "0x0", "0x0", "no physical memory", 0, 0 },
        { "0x80000000", "0xffffffffffffffff", "0x0", "no physical memory", 0, 0 },
        { "0x80000000", "0xffffffff80000000", "0x0", "no physical memory", 0, 0 },
        { "0xffffffffffffe000", "0x1000", "0x0", "no physical memory", 0, 0 },
        { "0xfffffffffffff000", "0x2000", "0x0", "no physical memory", 0, 0 },
        { "0xffff800012340000", "0x1000", "0x0", "no physical memory", 0, 0 },
        { "0x10000000000000", "0x1000", "0x0", "no physical memory", 0, 0 },
        { "0xffffffffff000", "0x2000", "0x0", "no physical memory", 0, 0 },
        { "0xffffffffff000", "0x1000", "0x0", NULL, 0xffffffffff, 1 },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        make_file(map_file("uio0", 0, "addr"), rows[i].address, 0);
        make_file(map_file("uio0", 0, "size"), rows[i].size, 0);
        make_file(map_file("uio0", 0, "offset"), rows[i].offset, 0);
        discover(&default_match, 1);
        if (rows[i].reason)
            expect_refused(0, rows[i].reason);
        else
            assert_string_equal(maps.items[0].refusal, "");
        assert_int_equal(maps.items[0].frames.first.v, rows[i].first);
        assert_int_equal(maps.items[0].frames.count, rows[i].pages);
    }
}

static void test_hostile_numbers(void **state)
{
    static const struct {
        const char *content;
        size_t size;
    } rows[] = {
        { "", 0 },
        { "\n", 1 },
        { "0x", 2 },
        { "0x\n", 3 },
        { "80000000\n", 9 },
        { "0X80000000\n", 11 },
        { " 0x80000000\n", 12 },
        { "0x80000000 \n", 12 },
        { "0x80000000\n\n", 12 },
        { "0x80000000\n1", 12 },
        { "0x80000000\r\n", 12 },
        { "0x8000000g\n", 11 },
        { "0x-80000000\n", 12 },
        { "0x+80000000\n", 12 },
        { "-0x80000000\n", 12 },
        { "0x0x8000\n", 9 },
        { "0x00000000080000000\n", 20 },
        { "0x8000\0000000\n", 12 },
        { "0x80000000\0", 11 },
        { "\0000x80000000", 11 },
        { "0x80000000                              \n", 41 },
        { "\377\377\377\377", 4 },
    };
    static const char *const files[] = { "addr", "size", "offset" };

    for (size_t f = 0; f < ELEMENTS(files); f++) {
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
            make_file(map_file("uio0", 0, files[f]), rows[i].content, rows[i].size);
            expect_one_refused(text("uio0/maps/map0/%s makes no sense", files[f]));
            assert_int_equal(maps.items[0].frames.count, 0);
        }
        add_map("uio0", 0, 0x80000000, 0x1000);
    }
    discover(&default_match, 1);
    assert_string_equal(maps.items[0].refusal, "");
}

static void test_missing_numbers(void **state)
{
    static const char *const files[] = { "addr", "size", "offset" };

    for (size_t f = 0; f < ELEMENTS(files); f++) {
        remove_file(map_file("uio0", 0, files[f]));
        expect_one_refused(text("uio0/maps/map0/%s cannot be read (No such file", files[f]));
        make_directory(map_file("uio0", 0, files[f]));
        expect_one_refused(text("uio0/maps/map0/%s cannot be read (Is a directory", files[f]));
        remove_file(map_file("uio0", 0, files[f]));
        add_map("uio0", 0, 0x80000000, 0x1000);
    }
    remove_file(map_file("uio0", 0, "addr"));
    assert_int_equal(mkfifo(text("%s%s", root, map_file("uio0", 0, "addr")), 0600), 0);
    expect_one_refused("uio0/maps/map0/addr makes no sense"); /* and does not hang */
    remove_file(map_file("uio0", 0, "addr"));
    add_map("uio0", 0, 0x80000000, 0x1000);
    remove_file(map_file("uio0", 0, "name")); /* not needed */
    discover(&default_match, 1);
    assert_string_equal(maps.items[0].refusal, "");
}

static void test_reserved_memory(void **state)
{
    static const char *const names[] = { "reserved-memory", NULL };
    static const struct uio_match match = { .names = names };

    add_pool("uio0", "reserved-memory/" NODE, 0x80000000, 0x1000);
    add_pool("uio1", "bus/reserved-memory/deep/shared_mem_b@81000000", 0x81000000, 0x1000);
    add_pool("uio2", "reserved-memory-like/shared_mem_c@82000000", 0x82000000, 0x1000);
    add_pool("uio3", "not-reserved-memory/shared_mem_d@83000000", 0x83000000, 0x1000);
    discover(&default_match, 4);
    expect_refused(0, "/reserved-memory, where Xen gives Dom0 no right");
    expect_refused(1, "/reserved-memory, where Xen gives Dom0 no right");
    assert_string_equal(maps.items[2].refusal, "");
    assert_string_equal(maps.items[3].refusal, "");

    add_pool("uio4", "reserved-memory", 0x84000000, 0x1000); /* the folder itself */
    discover(&match, 1);
    expect_refused(0, "/reserved-memory, where Xen gives Dom0 no right");
}

static void test_passthrough(void **state)
{
    make_file("/sys/firmware/devicetree/base/" NODE "/xen,passthrough", "", 0);
    expect_one_refused("xen,passthrough");
}

/* The driver rounds a range up, and shows whole pages. */
static void test_part_pages(void **state)
{
    static const char two[] = { 0, 0, 0, 2 };
    static const char whole[] = { 0, 0, 0, 0, 0x7f, (char)0xff, (char)0xf0, 0,
                                  0, 0, 0, 0, 0,    0,          0x10,       0 };
    static const char part[] = {
        0, 0, 0, 0, 0x7f, (char)0xff, (char)0xf0, 0, 0, 0, 0, 0, 0, 0, 8, 0
    };

    make_file("/sys/firmware/devicetree/base/#address-cells", two, sizeof(two));
    make_file("/sys/firmware/devicetree/base/#size-cells", two, sizeof(two));
    make_file("/sys/firmware/devicetree/base/" NODE "/reg", part, sizeof(part));
    expect_one_refused("not made of whole pages");
    make_file("/sys/firmware/devicetree/base/" NODE "/reg", whole, sizeof(whole));
    discover(&default_match, 1);
    assert_string_equal(maps.items[0].refusal, "");
    /* Without the cells of its parent nobody can tell. */
    make_file("/sys/firmware/devicetree/base/" NODE "/reg", "\0\0\0", 3);
    discover(&default_match, 1);
    assert_string_equal(maps.items[0].refusal, "");
}

static void test_system_ram(void **state)
{
    static const struct {
        const char *iomem;
        bool overlaps; /* with 0x7ffff000, one page */
    } rows[] = {
        { "00000000-7fffefff : System RAM\n", false },
        { "00000000-7fffffff : System RAM\n", true },
        { "00000000-7ffff000 : System RAM\n", true }, /* one byte of the page */
        { "80000000-ffffffff : System RAM\n", false },
        { "7fffffff-ffffffff : System RAM\n", true },
        { "7ffff800-7ffff80f : System RAM\n", true },
        { "00000000-ffffffffffffffff : System RAM\n", true },
        { "40000000-4fffffff : System RAM\n7ffff000-7fffffff : System RAM\n", true },
        { "40000000-4fffffff : System RAM\n  7ffff000-7fffffff : System RAM (kmem)\n", true },
        { "40000000-4fffffff : System RAM\n7ffff000-7fffffff : reserved\n", false },
        { "40000000-4fffffff : System RAM\n7ffff000-7fffffff : shared_mem\n", false },
        { "40000000-4fffffff : System RAM", false },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        make_file("/proc/iomem", rows[i].iomem, 0);
        discover(&default_match, 1);
        if (rows[i].overlaps)
            expect_refused(0, "Linux uses its pages as System RAM (0x");
        else
            expect_usable(0, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
    }
}

/* A pool of several pages of which only some are RAM, at either end or inside. */
static void test_system_ram_in_part(void **state)
{
    static const char *const lines[] = {
        "00000000-80000fff : System RAM\n",
        "80003fff-ffffffff : System RAM\n",
        "80002000-80002fff : System RAM\n",
    };

    add_pool("uio0", NODE, 0x80000000, 0x4000);
    for (size_t i = 0; i < ELEMENTS(lines); i++) {
        make_file("/proc/iomem", lines[i], 0);
        expect_one_refused("Linux uses its pages as System RAM (0x");
    }
}

static void test_unknown_ram(void **state)
{
    static const struct {
        const char *iomem, *reason;
    } rows[] = {
        { "", "shows no System RAM" },
        { "ff000000-ff000fff : serial\n", "shows no System RAM" },
        { "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n",
          "hides its addresses" },
        { "40000000-4fffffff : System RAM\n00000000-00000000 : System RAM\n",
          "hides its addresses" },
        { "40000000-4fffffff : System RAM\n\n", "makes no sense" },
        { "4fffffff-40000000 : System RAM\n", "makes no sense" },
        { "0x40000000-0x4fffffff : System RAM\n", "makes no sense" },
        { "40000000-4fffffff: System RAM\n", "makes no sense" },
        { "40000000 4fffffff : System RAM\n", "makes no sense" },
        { "-4fffffff : System RAM\n", "makes no sense" },
        { "40000000- : System RAM\n", "makes no sense" },
        { "00000000040000000-4fffffff : System RAM\n", "makes no sense" },
        { "40000000-4fffffff : System RAM\ngarbage", "makes no sense" },
        { "40000000-4fffffff : System RAM\n50000000-5fff", "makes no sense" },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        make_file("/proc/iomem", rows[i].iomem, 0);
        expect_one_refused(rows[i].reason);
        expect_refused(0, "CAP_SYS_ADMIN");
    }
    remove_file("/proc/iomem");
    expect_one_refused("/proc/iomem cannot be read");
    make_directory("/proc/iomem");
    expect_one_refused("/proc/iomem cannot be read");
}

static void test_overlaps(void **state)
{
    add_pool("uio0", "shared_mem_a", 0x80000000, 0x4000);
    add_pool("uio1", "shared_mem_b", 0x80003000, 0x1000);
    add_pool("uio2", "shared_mem_c", 0x80004000, 0x1000); /* adjacent */
    add_pool("uio3", "shared_mem_d", 0x90000000, 0x1000);
    add_map("uio3", 1, 0x90000000, 0x1000);
    discover(&default_match, 5);
    expect_refused(0, "it overlaps map 0 of /dev/uio1");
    expect_refused(1, "it overlaps map 0 of /dev/uio0");
    expect_usable(2, "shared_mem_c", "/dev/uio2", 0x80004000, 1);
    expect_refused(3, "it overlaps map 1 of /dev/uio3");
    expect_refused(4, "it overlaps map 0 of /dev/uio3");
}

/* A map that is refused for another reason still stands on its pages; a stranger's is not asked. */
static void test_overlaps_with_unusable(void **state)
{
    add_pool("uio0", "shared_mem_a", 0x80000000, 0x1000);
    add_pool("uio1", "shared_mem_b", 0x80000800, 0x1000);
    add_pool("uio2", "shared_mem_c", 0x90000000, 0x1000);
    add_device("uio3", "serial@90000000", "serial");
    add_map("uio3", 0, 0x90000000, 0x1000);
    discover(&default_match, 3);
    expect_refused(0, "it overlaps map 0 of /dev/uio1");
    expect_refused(1, "not whole pages");
    expect_usable(2, "shared_mem_c", "/dev/uio2", 0x90000000, 1);
}

/* A stranger's files are hostile pipes: opening one would block, reading would give nonsense. */
static void test_strangers_are_left_alone(void **state)
{
    add_device("uio1", "serial@ff000000", "serial");
    make_directory("/sys/devices/platform/dev-uio1/uio/uio1/maps/map0");
    assert_int_equal(mkfifo(text("%s%s", root, map_file("uio1", 0, "addr")), 0600), 0);
    discover(&default_match, 1);
    expect_usable(0, "shared_mem", "/dev/uio0", 0x7ffff000, 1);
}

static void test_without_memory(void **state)
{
    struct uio_maps untouched = { (struct uio_map *)&root, 42 }, result;
    int failures = 0;

    add_map("uio0", 1, 0x91000000, 0x2000);
    for (;; failures++) {
        int r;

        result = untouched;
        fault_after(failures);
        r = uio_discover(root, &default_match, &result);
        if (!fault_end()) {
            assert_int_equal(r, 0);
            break;
        }
        assert_int_equal(r, -ENOMEM);
        assert_memory_equal(&result, &untouched, sizeof(result));
    }
    assert_true(failures >= 3);
    uio_maps_clear(&result);
}

static void test_open(void **state)
{
    long page = sysconf(_SC_PAGESIZE);
    char *content = calloc(3, (size_t)page);
    struct uio_map map = { .device = "/dev/uio0", .frames = { mfn(0x7ffff), 1 } };
    volatile char *bytes;
    void *address;
    int fd;

    assert_non_null(content);
    content[0] = 'a';
    content[page] = 'b';
    content[2 * page] = 'c';
    make_file("/dev/uio0", content, 3 * (size_t)page);
    free(content);

    for (unsigned i = 0; i < 3; i++) {
        map.map_index = i;
        assert_int_equal(uio_open(root, &map, &fd, &address), 0);
        bytes = address;
        assert_int_equal(bytes[0], "abc"[i]);
        bytes[1] = 'x';
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
        assert_int_equal(munmap(address, PAGE_SIZE), 0);
        assert_int_equal(pread(fd, &map.name, 2, i * page), 2);
        assert_int_equal(map.name[1], 'x'); /* the mapping is shared */
        assert_int_equal(close(fd), 0);
    }
}

static void test_open_fails(void **state)
{
    struct uio_map map = { .device = "/dev/uio0", .frames = { mfn(0x7ffff), 1 } };
    void *address = &map;
    int fd = 42;

    assert_int_equal(uio_open(root, &map, &fd, &address), -ENOENT);
    make_directory("/dev/uio0");
    assert_int_equal(uio_open(root, &map, &fd, &address), -EISDIR);
    remove_file("/dev/uio0");
    make_file("/dev/uio0", "x", 0);
    strcpy(map.refusal, "refused");
    assert_int_equal(uio_open(root, &map, &fd, &address), -EINVAL);
    map.refusal[0] = '\0';
    map.frames.count = 0;
    assert_int_equal(uio_open(root, &map, &fd, &address), -EINVAL);
    map.frames = (struct mfn_range){ mfn(0), FRAME_MAX + 1 };
    assert_int_equal(uio_open(root, &map, &fd, &address), -EINVAL);
    map.frames.count = FRAME_MAX;
    assert_int_equal(uio_open(root, &map, &fd, &address), -EINVAL);
    map.frames.count = UINT64_C(1) << 40;
    assert_int_equal(uio_open(root, &map, &fd, &address), -ENOMEM);
    assert_int_equal(fd, 42);
    assert_ptr_equal(address, &map);
}

/* /dev/null has the number 1:3 everywhere; what is a map of it is in the root of the test. */
static void test_check(void **state)
{
    const struct mfn_range frames = { mfn(0x7fff0), 16 };
    const uint64_t second = (uint64_t)sysconf(_SC_PAGESIZE);
    int device = open("/dev/null", O_RDWR | O_CLOEXEC), file;

    assert_true(device >= 0);
    assert_int_equal(uio_check(root, device, 0, frames), -ENODEV);
    make_directory("/sys/dev/char");
    make_link("/sys/dev/char/1:3", "../../devices/platform/x/uio/uio0");
    make_file("/sys/devices/platform/x/uio/uio0/maps/map0/addr", "0x7fff0000\n", 0);
    assert_int_equal(uio_check(root, device, 0, frames), -ENODEV);
    make_file("/sys/devices/platform/x/uio/uio0/maps/map0/size", "0x10000\n", 0);
    assert_int_equal(uio_check(root, device, 0, frames), 0);
    assert_int_equal(uio_check(root, device, second, frames), -ENODEV);
    make_file("/sys/devices/platform/x/uio/uio0/maps/map1/addr", "0xff000000\n", 0);
    make_file("/sys/devices/platform/x/uio/uio0/maps/map1/size", "0x10000\n", 0);
    assert_int_equal(uio_check(root, device, second, frames), -ENODEV);
    make_file("/sys/devices/platform/x/uio/uio0/maps/map1/addr", "0x7fff0000\n", 0);
    assert_int_equal(uio_check(root, device, second, frames), 0);
    make_file("/sys/devices/platform/x/uio/uio0/maps/map1/size", "0xf000\n", 0);
    assert_int_equal(uio_check(root, device, second, frames), -ENODEV);
    make_file("/sys/devices/platform/x/uio/uio0/maps/map1/size", "none\n", 0);
    assert_int_equal(uio_check(root, device, second, frames), -ENODEV);
    assert_int_equal(uio_check(root, -1, 0, frames), -EBADF);
    close(device);
    file = memfd_create("world", MFD_CLOEXEC);
    assert_int_equal(uio_check(root, file, 0, frames), 0);
    close(file);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
#define TEST_POOL(function) cmocka_unit_test_setup_teardown(function, setup_pool, teardown)
    const struct CMUnitTest tests[] = {
        TEST_POOL(test_board),
        TEST(test_check),
        TEST_POOL(test_driver_name_does_not_matter),
        TEST(test_no_uio),
        TEST_POOL(test_no_match_lists),
        TEST_POOL(test_match_by_name),
        TEST_POOL(test_match_by_compatible),
        TEST_POOL(test_hostile_compatible),
        TEST(test_without_node),
        TEST(test_without_node_hostile_name),
        TEST_POOL(test_broken_node_link),
        TEST_POOL(test_links_below_root),
        TEST_POOL(test_link_too_long),
        TEST_POOL(test_strange_entries),
        TEST_POOL(test_several_pools),
        TEST_POOL(test_order_without_address),
        TEST_POOL(test_names_made_unique),
        TEST_POOL(test_names_that_stay_equal),
        TEST_POOL(test_several_maps),
        TEST(test_no_maps),
        TEST(test_name_too_long_with_suffix),
        TEST_POOL(test_geometry),
        TEST_POOL(test_hostile_numbers),
        TEST_POOL(test_missing_numbers),
        TEST(test_reserved_memory),
        TEST_POOL(test_passthrough),
        TEST_POOL(test_part_pages),
        TEST_POOL(test_system_ram),
        TEST(test_system_ram_in_part),
        TEST_POOL(test_unknown_ram),
        TEST(test_overlaps),
        TEST(test_overlaps_with_unusable),
        TEST_POOL(test_strangers_are_left_alone),
        TEST_POOL(test_without_memory),
        TEST(test_open),
        TEST(test_open_fails),
    };

    return RUN_TESTS("uio", tests);
}
