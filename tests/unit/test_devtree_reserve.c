/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reserving pages: places, what becomes of the memory, the arguments, and every refusal. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>

#include "devtree_tree.h"
#include "fault.h"
#include "xenshm.h"

static struct devtree_reservation result;
static struct error error;

static const struct devtree_reserve one_page = {
    .name = "shared_mem",
    .compatible = "uio-dev",
    .bootargs = "xen,dom0-bootargs",
    .size = 4096,
    .count = 1,
};

/* Whatever came of it is the next test's no more. */
static int clear(void **state)
{
    devtree_reservation_clear(&result);
    error = (struct error){ 0 };
    return 0;
}

static void reserve(const struct devtree_reserve *wanted)
{
    int r;

    devtree_reservation_clear(&result);
    error = (struct error){ 0 };
    r = devtree_reserve(tree.data, tree_size(), wanted, &result, &error);
    if (r)
        print_message("# %s\n", error.message);
    assert_int_equal(r, 0);
}

/* The result becomes the tree, as another run of the command reads it. */
static void keep_result(void)
{
    memcpy(tree.data, result.tree.data, result.tree.size);
}

static void assert_settled(const struct devtree_reserve *wanted)
{
    size_t size = result.tree.size;

    keep_result();
    reserve(wanted);
    assert_false(result.changed);
    assert_int_equal(result.tree.size, size);
    assert_memory_equal(result.tree.data, tree.data, size);
}

static void assert_refused(const struct devtree_reserve *wanted, int code, const char *words)
{
    struct devtree_reservation untouched = { 0 };

    error = (struct error){ 0 };
    assert_int_equal(devtree_reserve(tree.data, tree_size(), wanted, &untouched, &error), code);
    assert_int_equal(error.code, code);
    if (!strstr(error.message, words))
        print_message("# %s\n", error.message);
    assert_non_null(strstr(error.message, words));
    assert_null(untouched.tree.data);
}

static void refused_at(uint64_t at, int code, const char *words)
{
    struct devtree_reserve wanted = one_page;

    wanted.at = &at;
    assert_refused(&wanted, code, words);
}

static void reserve_at(uint64_t at, uint64_t size)
{
    struct devtree_reserve wanted = one_page;

    wanted.at = &at;
    wanted.size = size;
    reserve(&wanted);
}

/* ---- places */

static void test_classic(void **state)
{
    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(2), 0x800000000, GIB(2));
    tree_finish();
    reserve(&one_page);
    ASSERT_REG(result.tree.data, "/memory@0", 0, 0x7ffff000, 0x800000000, GIB(2));
    ASSERT_REG(result.tree.data, "/shared_mem@7ffff000", 0x7ffff000, 0x1000);
    assert_text(result.tree.data, "/shared_mem@7ffff000", "compatible", "uio-dev");
    assert_text(result.tree.data, "/chosen", "xen,dom0-bootargs", "uio_pdrv_genirq.of_id=uio-dev");
    assert_true(result.changed && result.pools[0].added);
    assert_int_equal(result.pools[0].address, 0x7ffff000);
    assert_settled(&one_page);
}

static void test_cells(void **state)
{
    for (unsigned cells = 0; cells < 4; cells++) {
        tree_begin(1 + cells % 2, 1 + cells / 2, 0, 0);
        TREE_MEMORY("memory@40000000", 0x40000000, GIB(1));
        tree_finish();
        reserve(&one_page);
        ASSERT_REG(result.tree.data, "/memory@40000000", 0x40000000, 0x3ffff000);
        ASSERT_REG(result.tree.data, "/shared_mem@7ffff000", 0x7ffff000, 0x1000);
        assert_settled(&one_page);
    }
}

/* The lowest bank with room, whatever the order; one that would be used up has none. */
static void test_lowest_bank_with_room(void **state)
{
    struct devtree_reserve wanted = one_page;

    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@100000000", 0x100000000, GIB(4));
    TREE_MEMORY("memory@0", 0, MIB(64), 0x40000000, GIB(1));
    tree_finish();
    reserve(&one_page);
    assert_int_equal(result.pools[0].address, MIB(64) - 4096);
    wanted.size = MIB(64);
    reserve(&wanted);
    assert_int_equal(result.pools[0].address, 0x7c000000);
    wanted.size = GIB(2);
    reserve(&wanted);
    assert_int_equal(result.pools[0].address, 0x180000000);
    wanted.size = GIB(4);
    assert_refused(&wanted, XENSHM_CONFIG_INVALID, "no bank of memory has 0x100000000 free");
}

static void test_splitting(void **state)
{
    tree_begin(2, 1, 0, 0);
    TREE_MEMORY("memory@80000000", 0x80000000, GIB(1));
    tree_finish();
    reserve_at(0x90000000, MIB(1));
    ASSERT_REG(result.tree.data, "/memory@80000000", 0x80000000, 0x10000000, 0x90100000,
               0x2ff00000);
    reserve_at(0x80000000, MIB(1));
    ASSERT_REG(result.tree.data, "/memory@80000000", 0x80100000, 0x3ff00000);
    reserve_at(0xbff00000, MIB(1));
    ASSERT_REG(result.tree.data, "/memory@80000000", 0x80000000, 0x3ff00000);
}

/* Ranges and nodes that follow each other are one memory. */
static void test_across_banks(void **state)
{
    tree_begin(1, 1, 0, 0);
    TREE_MEMORY("memory@0", 0, MIB(16), MIB(16), MIB(16));
    TREE_MEMORY("memory@2000000", MIB(32), MIB(16));
    tree_finish();
    reserve_at(MIB(8), MIB(32));
    ASSERT_REG(result.tree.data, "/memory@0", 0, MIB(8));
    ASSERT_REG(result.tree.data, "/memory@2000000", MIB(40), MIB(8));
    refused_at(MIB(48), XENSHM_CONFIG_INVALID, "0x3000000 to 0x3000fff is not all memory");
}

static void test_several_pools(void **state)
{
    struct devtree_reserve wanted = one_page, other = one_page;

    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(2));
    tree_finish();
    wanted.count = 3;
    reserve(&wanted);
    ASSERT_REG(result.tree.data, "/memory@0", 0, 0x7fffd000);
    ASSERT_REG(result.tree.data, "/shared_mem@7ffff000", 0x7ffff000, 0x1000);
    ASSERT_REG(result.tree.data, "/shared_mem-1@7fffe000", 0x7fffe000, 0x1000);
    ASSERT_REG(result.tree.data, "/shared_mem-2@7fffd000", 0x7fffd000, 0x1000);
    assert_settled(&wanted);
    other.name = "shared_mem_b";
    other.size = MIB(1);
    reserve(&other);
    ASSERT_REG(result.tree.data, "/shared_mem_b@7fefd000", 0x7fefd000, MIB(1));
    assert_settled(&other);
    assert_settled(&wanted);
    wanted.count = 4;
    reserve(&wanted);
    assert_true(!result.pools[2].added && result.pools[3].added);
    wanted.count = 2;
    wanted.at = &(uint64_t){ MIB(16) };
    wanted.name = "pair";
    reserve(&wanted);
    ASSERT_REG(result.tree.data, "/pair-1@1001000", 0x1001000, 0x1000);
    assert_settled(&wanted);
}

static void test_end_of_bank_is_not_a_page(void **state)
{
    tree_begin(1, 1, 0, 0);
    TREE_MEMORY("memory@0", 0x800, 0x3000);
    tree_finish();
    reserve(&one_page);
    ASSERT_REG(result.tree.data, "/memory@0", 0x800, 0x1800, 0x3000, 0x800);
}

/* ---- what is in the way */

static void make_crowded(void)
{
    tree_begin(2, 2, 0x7ffff000, 0x1000);
    TREE_MEMORY("memory@0", 0, GIB(2));
    tree_range("other@7ffda000", 0x7ffda800, 0x100);
    tree_node("reserved-memory");
    tree_bytes("ranges", "", 0);
    tree_cells(2, 2);
    tree_range("firmware@7fffe000", 0x7fffe000, 0x800);
    tree_node("dynamic");
    tree_bytes("size", "\0\0\0\0\0\1\0\0", 8);
    tree_end();
    tree_end();
    tree_node("chosen");
    tree_bytes("linux,initrd-start", "\x7f\xff\xb0\0", 4);
    tree_bytes("linux,initrd-end", "\0\0\0\0\x7f\xff\xb0\1", 8);
    tree_cells(1, 1);
    tree_node("module@7fffd000");
    tree_bytes("compatible", "multiboot,kernel\0multiboot,module", 34);
    TREE_REG(0x7fffd000, 0x1000);
    tree_end();
    tree_node("domU1");
    tree_cells(2, 2);
    tree_node("module@7fffc000");
    tree_text("compatible", "xen,linux-initrd");
    TREE_REG(0x7fffc000, 0xfff);
    tree_end();
    tree_end();
    tree_end();
    tree_finish();
}

static void test_obstacles_are_passed_by(void **state)
{
    struct devtree_reserve wanted = one_page;

    make_crowded();
    wanted.tree_at = &(uint64_t){ 0x7fffaffe };
    reserve(&wanted);
    assert_int_equal(result.pools[0].address, 0x7fff9000);
    assert_settled(&wanted);
    wanted.name = "large";
    wanted.size = 0x10000;
    reserve(&wanted);
    assert_int_equal(result.pools[0].address, 0x7ffe9000);
    wanted.size = 0x20000;
    reserve(&wanted);
    assert_int_equal(result.pools[0].address, 0x7ffba000);
}

static void test_obstacles_are_named(void **state)
{
    struct devtree_reserve wanted = one_page;

    make_crowded();
    refused_at(0x7ffff000, XENSHM_PAGES_HELD, "/memreserve/ 0x7ffff000");
    refused_at(0x7fffe000, XENSHM_PAGES_HELD, "/reserved-memory/firmware@7fffe000");
    refused_at(0x7fffd000, XENSHM_PAGES_HELD, "/chosen/module@7fffd000");
    refused_at(0x7fffc000, XENSHM_PAGES_HELD, "/chosen/domU1/module@7fffc000");
    refused_at(0x7fffb000, XENSHM_PAGES_HELD, "the initrd of /chosen");
    refused_at(0x7ffda000, XENSHM_PAGES_HELD, "/other@7ffda000");
    wanted.at = wanted.tree_at = &(uint64_t){ 0x10000 };
    assert_refused(&wanted, XENSHM_PAGES_HELD, "the device tree itself");
    assert_non_null(strstr(error.hint, "--at"));
}

/* ---- pools that are there already */

static void make_with_pool(uint64_t memory_size, const char *status, const char *of_id)
{
    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, memory_size);
    tree_node("chosen");
    tree_text("xen,dom0-bootargs", of_id);
    tree_end();
    tree_node("shared_mem@7ffff000");
    tree_text("compatible", "uio-dev");
    TREE_REG(0x7ffff000, 0x1000);
    if (status)
        tree_text("status", status);
    tree_end();
    tree_finish();
}

static void test_mended(void **state)
{
    make_with_pool(GIB(2), "disabled", "quiet");
    reserve(&one_page);
    assert_true(result.changed && !result.pools[0].added);
    ASSERT_REG(result.tree.data, "/memory@0", 0, 0x7ffff000);
    assert_text(result.tree.data, "/shared_mem@7ffff000", "status", "okay");
    assert_text(result.tree.data, "/chosen", "xen,dom0-bootargs",
                "quiet uio_pdrv_genirq.of_id=uio-dev");
    assert_settled(&one_page);
    make_with_pool(0x7ffff000, "ok", "uio-pdrv-genirq.of-id=uio-dev");
    reserve(&one_page);
    assert_false(result.changed);
}

static void test_another_pool_of_that_name(void **state)
{
    struct devtree_reserve wanted = one_page;

    make_with_pool(0x7ffff000, NULL, "");
    refused_at(0x10000, XENSHM_CONFIG_INVALID, "/shared_mem@7ffff000 is there already, 0x1000");
    wanted.size = 8192;
    assert_refused(&wanted, XENSHM_CONFIG_INVALID, "is there already, 0x1000 bytes at 0x7ffff000");
    wanted = one_page;
    wanted.compatible = "generic-uio";
    assert_refused(&wanted, XENSHM_CONFIG_INVALID, "not compatible with generic-uio");
}

static void make_odd_pool(const char *property, size_t ranges, uint64_t address)
{
    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(1));
    tree_node("shared_mem@1");
    tree_text("compatible", "uio-dev");
    tree_reg(ranges, (uint64_t[]){ address, 0x1000, 0x90000000, 0x1000 });
    if (property)
        tree_bytes(property, "", 0);
    tree_end();
    tree_finish();
}

static void test_odd_pools(void **state)
{
    make_odd_pool(NULL, 2, 0x80000000);
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "with another reg than one range");
    make_odd_pool(NULL, 1, 0x80000800);
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "does not begin with a page");
    make_odd_pool("xen,passthrough", 1, 0x80000000);
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "xen,passthrough");
    tree_begin(2, 2, 0x80000000, 0x1000);
    TREE_MEMORY("memory@0", 0, GIB(1));
    tree_node("shared_mem@80000000");
    tree_text("compatible", "uio-dev");
    TREE_REG(0x80000000, 0x1000);
    tree_end();
    tree_finish();
    assert_refused(&one_page, XENSHM_PAGES_HELD, "/memreserve/");
    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(1));
    tree_range("shared_mem@80000000", 0x80000000, 0x1000);
    tree_range("shared_mem@90000000", 0x90000000, 0x1000);
    tree_finish();
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "several nodes are called /shared_mem");
}

/* ---- the arguments */

static void make_chosen(const char *dom0, const char *plain)
{
    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(2));
    tree_node("chosen");
    if (dom0)
        tree_text("xen,dom0-bootargs", dom0);
    if (plain)
        tree_text("bootargs", plain);
    tree_end();
    tree_finish();
}

static void test_arguments(void **state)
{
    static const struct {
        const char *before, *after;
    } cases[] = {
        { "", "uio_pdrv_genirq.of_id=uio-dev" },
        { "a b=c", "a b=c uio_pdrv_genirq.of_id=uio-dev" },
        { "a  ", "a   uio_pdrv_genirq.of_id=uio-dev" },
        { "a -- init -x", "a uio_pdrv_genirq.of_id=uio-dev -- init -x" },
        { "--  x", "uio_pdrv_genirq.of_id=uio-dev --  x" },
        { "a=\"b -- c\" d", "a=\"b -- c\" d uio_pdrv_genirq.of_id=uio-dev" },
        { "my.uio_pdrv_genirq.of_id=x",
          "my.uio_pdrv_genirq.of_id=x uio_pdrv_genirq.of_id=uio-dev" },
        { "uio_pdrv_genirq.of_id=uio-dev a", "uio_pdrv_genirq.of_id=uio-dev a" },
        { "uio-pdrv-genirq.of-id=\"uio-dev\"", "uio-pdrv-genirq.of-id=\"uio-dev\"" },
        { "\"uio_pdrv_genirq.of_id=uio-dev\"", "\"uio_pdrv_genirq.of_id=uio-dev\"" },
        { "uio_pdrv_genirq.of_id=x uio_pdrv_genirq.of_id=uio-dev",
          "uio_pdrv_genirq.of_id=x uio_pdrv_genirq.of_id=uio-dev" },
        { "a -- uio_pdrv_genirq.of_id=x",
          "a uio_pdrv_genirq.of_id=uio-dev -- uio_pdrv_genirq.of_id=x" },
    };

    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        make_chosen(cases[i].before, "for something else");
        reserve(&one_page);
        assert_text(result.tree.data, "/chosen", "xen,dom0-bootargs", cases[i].after);
        assert_text(result.tree.data, "/chosen", "bootargs", "for something else");
        assert_settled(&one_page);
    }
}

/* As Xen has it, Dom0 gets bootargs as long as there is nothing of its own. */
static void test_arguments_begin_as_bootargs(void **state)
{
    struct devtree_reserve wanted = one_page;

    make_chosen(NULL, "earlycon");
    reserve(&one_page);
    assert_text(result.tree.data, "/chosen", "xen,dom0-bootargs",
                "earlycon uio_pdrv_genirq.of_id=uio-dev");
    assert_text(result.tree.data, "/chosen", "bootargs", "earlycon");
    make_chosen(NULL, "uio_pdrv_genirq.of_id=uio-dev");
    reserve(&one_page);
    assert_text(result.tree.data, "/chosen", "xen,dom0-bootargs", "uio_pdrv_genirq.of_id=uio-dev");
    wanted.bootargs = "bootargs";
    make_chosen("quiet", "earlycon");
    reserve(&wanted);
    assert_text(result.tree.data, "/chosen", "xen,dom0-bootargs", "quiet");
    assert_text(result.tree.data, "/chosen", "bootargs", "earlycon uio_pdrv_genirq.of_id=uio-dev");
    assert_settled(&wanted);
}

static void test_arguments_refused(void **state)
{
    static char longest[2100];

    make_chosen("uio_pdrv_genirq.of_id=generic-uio", NULL);
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "of_id=generic-uio already");
    assert_non_null(strstr(error.hint, "--compatible generic-uio"));
    make_chosen("a=\"b", NULL);
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "quotation mark");
    memset(longest, 'a', 2047 - strlen(" uio_pdrv_genirq.of_id=uio-dev"));
    make_chosen(longest, NULL);
    reserve(&one_page);
    strcat(longest, "a");
    make_chosen(longest, NULL);
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "longer than the 2047 bytes");
    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(2));
    tree_node("chosen");
    tree_bytes("xen,dom0-bootargs", "ab", 2);
    tree_end();
    tree_finish();
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "is not a text");
}

static void test_arguments_of_the_module(void **state)
{
    struct devtree_reserve wanted = one_page;

    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(2));
    tree_node("chosen");
    tree_node("module@1000");
    tree_text("compatible", "multiboot,kernel");
    tree_text("bootargs", "console=hvc0");
    tree_end();
    tree_end();
    tree_finish();
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "/chosen/module@1000 has bootargs");
    wanted.bootargs = "bootargs";
    reserve(&wanted);
}

/* ---- refusals */

static void test_wishes_refused(void **state)
{
    struct devtree_reserve wanted;

#define REFUSED(member, value, words)                                                              \
    wanted = one_page;                                                                             \
    wanted.member = value;                                                                         \
    assert_refused(&wanted, XENSHM_CONFIG_INVALID, words)

    make_chosen(NULL, NULL);
    REFUSED(name, "", "cannot be the name");
    REFUSED(name, "1", "cannot be the name");
    REFUSED(name, "a/b", "cannot be the name");
    REFUSED(name, "a@b", "cannot be the name");
    REFUSED(name, "memory", "cannot be the name");
    REFUSED(name, "abcdefghijklmnopqrstuvwxyzabc", "cannot be the name");
    REFUSED(compatible, "", "compatible");
    REFUSED(compatible, "a b", "compatible");
    REFUSED(compatible, "a\"b", "compatible");
    REFUSED(bootargs, "args", "'args' is not a property");
    REFUSED(size, 0, "not whole pages");
    REFUSED(size, 4097, "not whole pages");
    REFUSED(count, 0, "1 to 64");
    REFUSED(count, 65, "1 to 64");
    refused_at(0x800, XENSHM_CONFIG_INVALID, "not the address of a page");
    refused_at(UINT64_MAX - 4095, XENSHM_CONFIG_INVALID, "beyond 64 bits");
}

static void test_trees_refused(void **state)
{
    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, 0);
    tree_finish();
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "no memory node has a range");
    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(1));
    TREE_MEMORY("memory@1", MIB(512), GIB(1));
    tree_finish();
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "overlaps that of /memory@1");
    tree_begin(3, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(1));
    tree_finish();
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "/memory@0: a reg of 3 address and 2 size");
    tree_begin(2, 2, 0, 0);
    tree_node("memory@0");
    tree_bytes("reg", "abcd", 4);
    tree_end();
    tree_finish();
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "/memory@0: a reg of 4 bytes");
    tree_begin(1, 1, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(1));
    TREE_MEMORY("memory@40000000", GIB(1), 4096);
    tree_finish();
    refused_at(GIB(1), XENSHM_CONFIG_INVALID, "nothing would be left of /memory@40000000");
    tree_begin(1, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(4) + 0x800);
    tree_finish();
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "from 0x100000000 on cannot be told");
    tree_begin(1, 1, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(1));
    TREE_MEMORY("memory", GIB(1), GIB(1));
    tree_finish();
    refused_at(GIB(1), XENSHM_CONFIG_INVALID, "/memory: another node's name is too like");
}

static void test_too_many_ranges(void **state)
{
    static uint64_t pairs[2 * 1025];

    for (size_t i = 0; i < 1025; i++) {
        pairs[2 * i] = i << 20;
        pairs[2 * i + 1] = 0x2000;
    }
    for (size_t count = 1024; count <= 1025; count++) {
        tree_begin(2, 2, 0, 0);
        tree_node("memory@0");
        tree_reg(count, pairs);
        tree_end();
        tree_finish();
        if (count == 1024)
            reserve(&one_page);
    }
    assert_refused(&one_page, XENSHM_CONFIG_INVALID, "more than 1024 ranges");
}

/* Every allocation that may fail does, once; nothing is left behind (the sanitizer looks). */
static void test_no_memory(void **state)
{
    struct devtree_reserve wanted = one_page;
    int r;

    make_crowded();
    wanted.count = 3;
    for (long n = 0;; n++) {
        struct devtree_reservation made = { 0 };

        error = (struct error){ 0 };
        fault_after(n);
        r = devtree_reserve(tree.data, tree_size(), &wanted, &made, &error);
        if (!fault_end()) {
            assert_int_equal(r, 0);
            assert_true(n > 5);
            devtree_reservation_clear(&made);
            return;
        }
        assert_int_equal(r, -ENOMEM);
        assert_null(made.tree.data);
    }
}

/* ---- the other two forms */

static void test_overlay(void **state)
{
    static char base[1 << 17] __attribute__((aligned(8)));

    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, GIB(2), 0x800000000, GIB(2));
    tree_finish();
    reserve(&one_page);
    assert_int_equal(fdt_open_into(tree.data, base, sizeof(base)), 0);
    assert_int_equal(fdt_overlay_apply(base, result.overlay.data), 0);
    assert_int_equal(fdt_pack(base), 0);
    assert_int_equal(fdt_totalsize(base), result.tree.size);
    assert_memory_equal(base, result.tree.data, result.tree.size);
}

static void test_source(void **state)
{
    char *text;

    make_chosen("a=\"b\\c\"", NULL);
    reserve(&one_page);
    assert_int_equal(
        devtree_source(&result.overlay, DEVTREE_OVERLAY_ROOT, result.tuple, &text, &error), 0);
    assert_string_equal(text, "/ {\n"
                              "\tmemory@0 {\n"
                              "\t\treg = <0x0 0x0 0x0 0x7ffff000>;\n"
                              "\t};\n"
                              "\n"
                              "\tchosen {\n"
                              "\t\txen,dom0-bootargs = \"a=\\\"b\\\\c\\\" "
                              "uio_pdrv_genirq.of_id=uio-dev\";\n"
                              "\t};\n"
                              "\n"
                              "\tshared_mem@7ffff000 {\n"
                              "\t\tcompatible = \"uio-dev\";\n"
                              "\t\treg = <0x0 0x7ffff000 0x0 0x1000>;\n"
                              "\t};\n"
                              "};\n");
    free(text);
    assert_int_equal(devtree_source(&result.overlay, "/none", 4, &text, &error),
                     XENSHM_CONFIG_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_classic, clear),
        cmocka_unit_test_teardown(test_cells, clear),
        cmocka_unit_test_teardown(test_lowest_bank_with_room, clear),
        cmocka_unit_test_teardown(test_splitting, clear),
        cmocka_unit_test_teardown(test_across_banks, clear),
        cmocka_unit_test_teardown(test_several_pools, clear),
        cmocka_unit_test_teardown(test_end_of_bank_is_not_a_page, clear),
        cmocka_unit_test_teardown(test_obstacles_are_passed_by, clear),
        cmocka_unit_test_teardown(test_obstacles_are_named, clear),
        cmocka_unit_test_teardown(test_mended, clear),
        cmocka_unit_test_teardown(test_another_pool_of_that_name, clear),
        cmocka_unit_test_teardown(test_odd_pools, clear),
        cmocka_unit_test_teardown(test_arguments, clear),
        cmocka_unit_test_teardown(test_arguments_begin_as_bootargs, clear),
        cmocka_unit_test_teardown(test_arguments_refused, clear),
        cmocka_unit_test_teardown(test_arguments_of_the_module, clear),
        cmocka_unit_test_teardown(test_wishes_refused, clear),
        cmocka_unit_test_teardown(test_trees_refused, clear),
        cmocka_unit_test_teardown(test_too_many_ranges, clear),
        cmocka_unit_test_teardown(test_no_memory, clear),
        cmocka_unit_test_teardown(test_overlay, clear),
        cmocka_unit_test_teardown(test_source, clear),
    };

    return RUN_TESTS("devtree_reserve", tests);
}
