/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding mistakes in a host's tree, and trees that are none. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "devtree_tree.h"
#include "fault.h"
#include "xenshm.h"

static struct error error;
static char found[4096]; /* "NODE RULE\n" of each finding */
static char words[4096]; /* what the last one says */

static void take(void *context, const struct devtree_finding *finding)
{
    size_t used = strlen(found);

    snprintf(found + used, sizeof(found) - used, "%s %s\n", finding->node, finding->rule);
    snprintf(words, sizeof(words), "%s; %s", finding->what, finding->remedy);
}

static int check(const char *name, const char *compatible, unsigned *ret_pools)
{
    struct devtree_check how = { name, compatible };

    error = (struct error){ 0 };
    found[0] = '\0';
    return devtree_check(tree.data, tree_size(), &how, take, NULL, ret_pools, &error);
}

static void assert_found(const char *expected)
{
    unsigned pools;

    assert_int_equal(check("shared_mem*", NULL, &pools), 0);
    assert_string_equal(found, expected);
}

static void begin(const char *arguments)
{
    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, 0x7fff0000);
    tree_node("chosen");
    if (arguments)
        tree_text("xen,dom0-bootargs", arguments);
    tree_end();
}

/* One that is right, but for what `property` does. */
static void pool(const char *name, uint64_t address, const char *property, const char *value)
{
    tree_node(name);
    tree_text("compatible", "uio-dev");
    TREE_REG(address, 0x1000);
    if (property)
        tree_text(property, value);
    tree_end();
}

#define OF_ID "uio_pdrv_genirq.of_id="

static void test_clean(void **state)
{
    unsigned pools;

    begin(OF_ID "uio-dev");
    pool("shared_mem@7ffff000", 0x7ffff000, "status", "okay");
    pool("shared_mem_b@7fffe000", 0x7fffe000, NULL, NULL);
    tree_node("other@0");
    tree_text("compatible", "uio-dev");
    tree_text("status", "disabled");
    tree_end();
    tree_finish();
    assert_int_equal(check("shared_mem*", NULL, &pools), 0);
    assert_string_equal(found, "");
    assert_int_equal(pools, 2);
}

static void test_no_pool(void **state)
{
    begin(NULL);
    tree_finish();
    assert_found("/ no-pool\n");
    assert_non_null(strstr(words, "dt reserve"));
}

static void test_reserved_memory(void **state)
{
    begin(OF_ID "uio-dev");
    tree_node("reserved-memory");
    tree_bytes("ranges", "", 0);
    pool("shared_mem@7ffff000", 0x7ffff000, NULL, NULL);
    tree_end();
    tree_finish();
    assert_found("/reserved-memory/shared_mem@7ffff000 reserved-memory\n");
}

static void test_properties(void **state)
{
    begin(OF_ID "uio-dev");
    pool("shared_mem@7ffff000", 0x7ffff000, "xen,passthrough", "");
    pool("shared_mem@7fffe000", 0x7fffe000, "status", "disabled");
    tree_range("shared_mem@7fffd000", 0x7fffd000, 0x1000);
    tree_finish();
    assert_found("/shared_mem@7ffff000 passthrough\n"
                 "/shared_mem@7fffe000 status\n"
                 "/shared_mem@7fffd000 compatible\n");
}

static void test_of_id(void **state)
{
    begin("quiet");
    pool("shared_mem@7ffff000", 0x7ffff000, NULL, NULL);
    tree_finish();
    assert_found("/chosen of-id\n");
    assert_non_null(strstr(words, "xen,dom0-bootargs"));
    begin(OF_ID "generic-uio");
    pool("shared_mem@7ffff000", 0x7ffff000, NULL, NULL);
    tree_finish();
    assert_found("/shared_mem@7ffff000 of-id\n");
    assert_non_null(strstr(words, "\"uio-dev\", but uio_pdrv_genirq.of_id names generic-uio"));
}

/* Xen takes the arguments of the kernel's module before all others. */
static void test_of_id_of_the_module(void **state)
{
    tree_begin(2, 2, 0, 0);
    TREE_MEMORY("memory@0", 0, 0x7fff0000);
    tree_node("chosen");
    tree_text("xen,dom0-bootargs", OF_ID "uio-dev");
    tree_node("module@1");
    tree_text("compatible", "xen,linux-zimage");
    tree_text("bootargs", "quiet");
    tree_end();
    tree_end();
    pool("shared_mem@7ffff000", 0x7ffff000, NULL, NULL);
    tree_finish();
    assert_found("/chosen/module@1 of-id\n");
}

static void test_ranges(void **state)
{
    begin(OF_ID "uio-dev");
    tree_node("shared_mem@0");
    tree_text("compatible", "uio-dev");
    TREE_REG(0x7ffe0000, 0x20000, 0x80000800, 0x1000, 0x80010000, 0x1000, 0x80010000, 0x800,
             0x80020000, 0, 0x80030000, 0x1000);
    tree_end();
    tree_finish();
    assert_found("/shared_mem@0 maps\n"
                 "/shared_mem@0 memory\n"
                 "/shared_mem@0 alignment\n"
                 "/shared_mem@0 alignment\n"
                 "/shared_mem@0 overlap\n"
                 "/shared_mem@0 reg\n");
}

static void test_overlaps(void **state)
{
    tree_begin(1, 1, 0x80000000, 0x2000);
    TREE_MEMORY("memory@0", 0, GIB(1));
    tree_node("chosen");
    tree_text("bootargs", OF_ID "uio-dev");
    tree_node("module@1");
    tree_text("compatible", "multiboot,module");
    TREE_REG(0x80010000, 0x100);
    tree_end();
    tree_end();
    pool("shared_mem@80001000", 0x80001000, NULL, NULL);
    pool("shared_mem@80010000", 0x80010000, NULL, NULL);
    pool("shared_mem@80020000", 0x80020000, NULL, NULL);
    pool("shared_mem_b@80020000", 0x80020000, NULL, NULL);
    tree_finish();
    assert_found("/shared_mem@80001000 overlap\n"
                 "/shared_mem@80010000 overlap\n"
                 "/shared_mem_b@80020000 overlap\n");
    assert_non_null(strstr(words, "overlaps /shared_mem@80020000"));
}

static void test_unreadable_reg(void **state)
{
    begin(OF_ID "uio-dev");
    tree_node("shared_mem@1");
    tree_text("compatible", "uio-dev");
    tree_bytes("reg", "abc", 3);
    tree_end();
    tree_node("shared_mem@2");
    tree_text("compatible", "uio-dev");
    tree_end();
    tree_node("i2c");
    pool("shared_mem@7ffff000", 0x7ffff000, NULL, NULL);
    tree_end();
    tree_finish();
    assert_found("/shared_mem@1 reg\n/shared_mem@2 reg\n/i2c/shared_mem@7ffff000 bus\n");
}

/* By its compatible string too: with what of_id names, or as told. */
static void test_which_nodes(void **state)
{
    unsigned pools;

    begin(OF_ID "uio-dev");
    pool("window@1000", 0x1000, NULL, NULL);
    pool("mine@2000", 0x2000, NULL, NULL);
    tree_finish();
    assert_found("/window@1000 memory\n/mine@2000 memory\n");
    assert_int_equal(check("mine", "other", &pools), 0);
    assert_int_equal(pools, 1);
    assert_string_equal(found, "/mine@2000 memory\n");
    assert_int_equal(check("none", "other", &pools), 0);
    assert_string_equal(found, "/ no-pool\n");
}

static void test_check_no_memory(void **state)
{
    unsigned pools;
    int r;

    begin(OF_ID "uio-dev");
    pool("shared_mem@7ffff000", 0x7ffff000, NULL, NULL);
    tree_finish();
    for (long n = 0;; n++) {
        fault_after(n);
        r = check("shared_mem*", NULL, &pools);
        if (!fault_end())
            break;
        assert_int_equal(r, -ENOMEM);
    }
    assert_int_equal(r, 0);
}

/* ---- trees that are none */

static void assert_invalid(const void *data, size_t size, const char *expected)
{
    error = (struct error){ 0 };
    assert_int_equal(devtree_validate(data, size, &error), XENSHM_CONFIG_INVALID);
    if (!strstr(error.message, expected))
        print_message("# %s\n", error.message);
    assert_non_null(strstr(error.message, expected));
}

static void test_not_a_tree(void **state)
{
    static char large[DEVTREE_SIZE_MAX + 8];
    struct fdt_header *header = (void *)tree.data;
    int offset;

    begin(NULL);
    tree_finish();
    assert_int_equal(devtree_validate(tree.data, tree_size(), &error), 0);
    assert_invalid(tree.data, 39, "39 bytes are less than a header");
    assert_invalid(tree.data, tree_size() - 1, "cut off at offset");
    assert_invalid(large, sizeof(large), "larger than the 2 MiB");
    assert_invalid(large, 100, "not a device tree: bad header");
    offset = fdt_path_offset(tree.data, "/chosen");
    memset(tree.data + fdt_off_dt_struct(tree.data) + offset, 0xff, 4);
    assert_invalid(tree.data, tree_size(), "malformed device tree: offset 0x");
    begin(NULL);
    tree_finish();
    header->off_dt_struct = cpu_to_fdt32(fdt_off_dt_struct(tree.data) + 1);
    header->size_dt_struct = cpu_to_fdt32(fdt_size_dt_struct(tree.data) - 1);
    assert_invalid(tree.data, tree_size(), "");
    begin(NULL);
    tree_finish();
    header->version = cpu_to_fdt32(15);
    header->last_comp_version = cpu_to_fdt32(3);
    assert_invalid(tree.data, tree_size(), "");
}

static void test_depth(void **state)
{
    for (int depth = 32; depth <= 33; depth++) {
        tree_begin(2, 2, 0, 0);
        for (int i = 0; i < depth; i++)
            tree_node("deeper");
        for (int i = 0; i < depth; i++)
            tree_end();
        tree_finish();
        error = (struct error){ 0 };
        if (depth == 32)
            assert_int_equal(devtree_validate(tree.data, tree_size(), &error), 0);
    }
    assert_invalid(tree.data, tree_size(), "node deeper at offset 0x");
}

static void test_long_property_names(void **state)
{
    static char name[300];

    for (size_t length = 255; length <= 256; length++) {
        memset(name, 'a', length);
        tree_begin(2, 2, 0, 0);
        tree_text(name, "");
        tree_finish();
        error = (struct error){ 0 };
        if (length == 255)
            assert_int_equal(devtree_validate(tree.data, tree_size(), &error), 0);
    }
    assert_invalid(tree.data, tree_size(), "a name longer than 255 bytes");
}

/* By its length it would end before it begins. */
static void test_property_that_leads_back(void **state)
{
    for (uint32_t length = 0xffffff00; length >= 0xffffff00; length++) {
        struct fdt_property *property;
        int offset;

        tree_begin(2, 2, 0, 0);
        tree_text("first", "");
        tree_text("second", "");
        tree_finish();
        offset = fdt_next_property_offset(tree.data, fdt_first_property_offset(tree.data, 0));
        property = (void *)(tree.data + fdt_off_dt_struct(tree.data) + offset);
        property->len = cpu_to_fdt32(length);
        error = (struct error){ 0 };
        assert_invalid(tree.data, tree_size(), "malformed device tree");
        /* Nor where the structure ends before the property's name. */
        ((struct fdt_header *)(void *)tree.data)->size_dt_struct =
            cpu_to_fdt32((uint32_t)offset + 8);
        error = (struct error){ 0 };
        assert_invalid(tree.data, tree_size(), "malformed device tree");
    }
}

/* Each byte wrong in turn, each length: refused or not, it comes back. */
static void test_broken_trees(void **state)
{
    static char copy[4096] __attribute__((aligned(8)));
    size_t size;

    begin(OF_ID "uio-dev");
    pool("shared_mem@7ffff000", 0x7ffff000, NULL, NULL);
    tree_finish();
    size = tree_size();
    memcpy(copy, tree.data, size);
    for (size_t i = 0; i < size; i++)
        for (unsigned bit = 0; bit < 8; bit += 7) {
            struct devtree_check how = { "shared_mem*", NULL };
            unsigned pools;

            memcpy(tree.data, copy, size);
            tree.data[i] ^= (char)(1 << bit);
            error = (struct error){ 0 };
            found[0] = '\0';
            devtree_check(tree.data, size, &how, take, NULL, &pools, &error);
            error = (struct error){ 0 };
            assert_int_not_equal(devtree_validate(copy, i, &error), 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_no_pool),
        cmocka_unit_test(test_reserved_memory),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_of_id),
        cmocka_unit_test(test_of_id_of_the_module),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_unreadable_reg),
        cmocka_unit_test(test_which_nodes),
        cmocka_unit_test(test_check_no_memory),
        cmocka_unit_test(test_not_a_tree),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_long_property_names),
        cmocka_unit_test(test_property_that_leads_back),
        cmocka_unit_test(test_broken_trees),
    };

    return RUN_TESTS("devtree_check", tests);
}
