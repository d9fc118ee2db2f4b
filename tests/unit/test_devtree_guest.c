/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's partial tree: what it has where, and segments added to it. Trees are source that dtc
 * compiles; what must come out is the same source with the new nodes in the place of "%s".
 */
#include "test.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "devtree_tree.h"
#include "fault.h"
#include "xenshm.h"

static struct error error;

/* ---- trees from source */

struct compiled {
    char data[1 << 16] __attribute__((aligned(8)));
    size_t size;
};

static struct compiled base, expected;

static void need_dtc(void)
{
    if (system("dtc --version >/dev/null 2>&1") != 0)
        skip();
}

static void compile(struct compiled *to, const char *source, const char *nodes)
{
    char name[] = "/tmp/test-devtree-guest-XXXXXX", command[128];
    int fd = mkstemp(name);
    ssize_t n;
    FILE *dtc;

    assert_true(fd >= 0);
    snprintf(command, sizeof(command), "dtc -q -@ -b 3 -I dts -O dtb -o %s -", name);
    dtc = popen(command, "w");
    assert_non_null(dtc);
    fputs("/dts-v1/;\n", dtc);
    for (const char *s = source; *s; s++)
        if (s[0] == '%' && s[1] == 's')
            fputs(nodes, dtc), s++;
        else
            fputc(*s, dtc);
    assert_int_equal(pclose(dtc), 0);
    n = read(fd, to->data, sizeof(to->data));
    assert_true(n > 0 && (size_t)n < sizeof(to->data));
    to->size = (size_t)n;
    close(fd);
    unlink(name);
}

static void compile_base(const char *source)
{
    compile(&base, source, "");
}

/* Tag for tag; only the order of the names in the strings block may differ. */
static void assert_same_tree(const void *a, const void *b)
{
    int next_a = 0, next_b = 0;
    uint32_t tag;

    assert_int_equal(fdt_boot_cpuid_phys(a), fdt_boot_cpuid_phys(b));
    assert_int_equal(fdt_num_mem_rsv(a), fdt_num_mem_rsv(b));
    assert_memory_equal((const char *)a + fdt_off_mem_rsvmap(a),
                        (const char *)b + fdt_off_mem_rsvmap(b),
                        (size_t)fdt_num_mem_rsv(a) * sizeof(struct fdt_reserve_entry));
    do {
        int at_a = next_a, at_b = next_b, length_a, length_b;
        const char *name_a, *name_b;
        const void *value_a, *value_b;

        tag = fdt_next_tag(a, at_a, &next_a);
        assert_int_equal(fdt_next_tag(b, at_b, &next_b), tag);
        if (tag == FDT_BEGIN_NODE)
            assert_string_equal(fdt_get_name(a, at_a, NULL), fdt_get_name(b, at_b, NULL));
        if (tag != FDT_PROP)
            continue;
        value_a = fdt_getprop_by_offset(a, at_a, &name_a, &length_a);
        value_b = fdt_getprop_by_offset(b, at_b, &name_b, &length_b);
        assert_string_equal(name_a, name_b);
        assert_int_equal(length_a, length_b);
        assert_memory_equal(value_a, value_b, (size_t)length_a);
    } while (tag != FDT_END);
}

/* ---- what a tree has */

/* "ADDRESS+SIZE" of each range, with a space between. */
static char *ranges_text(const void *data, size_t size)
{
    static char text[1024];
    struct devtree_range *ranges;
    size_t count, used = 0;

    error = (struct error){ 0 };
    text[0] = '\0';
    if (devtree_guest_ranges(data, size, &ranges, &count, &error) != 0)
        return error.message;
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%" PRIx64 "+%" PRIx64,
                                 i ? " " : "", ranges[i].address, ranges[i].size);
    free(ranges);
    return text;
}

static void assert_ranges(const char *source, const char *ranges)
{
    compile_base(source);
    assert_string_equal(ranges_text(base.data, base.size), ranges);
}

/* ---- golden cases */

static const struct devtree_segment pair[] = { { "guest1-0", 0x3a000000, 0x1000 },
                                               { "data", 0x3a200000, 0x10000 } };

static void assert_merged(const char *source, const char *nodes, const char *ranges)
{
    struct devtree_blob blob;

    compile_base(source);
    compile(&expected, source, nodes);
    error = (struct error){ 0 };
    assert_int_equal(devtree_guest(base.data, base.size, pair, 2, "uio-dev", &blob, &error), 0);
    assert_int_equal(devtree_validate(blob.data, blob.size, &error), 0);
    assert_same_tree(expected.data, blob.data);
    assert_true(blob.size <= expected.size + 16); /* libfdt aligns more */
    assert_string_equal(ranges_text(blob.data, blob.size), ranges);
    devtree_blob_clear(&blob);
}

#define PASSTHROUGH(address_cells, size_cells)                                                     \
    "passthrough { compatible = \"simple-bus\"; ranges;\n"                                         \
    "#address-cells = <" #address_cells ">; #size-cells = <" #size_cells ">;\n"
#define NODES(zero)                                                                                \
    "guest1-0@3a000000 { compatible = \"uio-dev\"; reg = <" zero "0x3a000000 " zero "0x1000>; };"  \
    "data@3a200000 { compatible = \"uio-dev\"; reg = <" zero "0x3a200000 " zero "0x10000>; };"

/* Interrupts, phandles both ways, aliases, symbols, reservations, a second level, odd bytes. */
static void test_everything_stays(void **state)
{
    need_dtc();
    assert_merged(
        "/memreserve/ 0x1000 0x2000;\n"
        "/ { #address-cells = <2>; #size-cells = <2>; model = \"partial\";\n"
        "aliases { serial1 = &uart; net = \"/passthrough/ethernet@10000000\"; };\n" //
        PASSTHROUGH(
            2,
            2) "uart: serial@ff010000 { compatible = \"xlnx,xuartps\", \"cdns,uart-r1p12\";\n"
               "  reg = <0 0xff010000 0 0x1000>; interrupts = <0 22 4>;\n"
               "  interrupt-parent = <0xfde8>; clocks = <&clock 1>, <&clock 2>; odd = [00 ff]; };\n"
               "clock: clock { #clock-cells = <1>; compatible = \"fixed-clock\"; };\n"
               "ethernet@10000000 { reg = <0 0x10000000 0 0x1000>, <0 0x10010000 0 0x800>;\n"
               "  status = \"disabled\"; mdio { #address-cells = <1>; #size-cells = <0>;\n"
               "    phy@7 { reg = <7>; }; }; };\n"
               "%s }; other { passthrough { }; }; };",
        NODES("0 "), "ff010000+1000 10000000+1000 10010000+800 3a000000+1000 3a200000+10000");
}

static void test_cells(void **state)
{
    need_dtc();
    assert_merged("/ { " PASSTHROUGH(1, 1) "uart@ff010000 { reg = <0xff010000 0x1000>; }; %s }; };",
                  NODES(""), "ff010000+1000 3a000000+1000 3a200000+10000");
    assert_merged("/ { " PASSTHROUGH(2, 1) " %s }; };",
                  "guest1-0@3a000000 { compatible = \"uio-dev\"; reg = <0 0x3a000000 0x1000>; };"
                  "data@3a200000 { compatible = \"uio-dev\"; reg = <0 0x3a200000 0x10000>; };",
                  "3a000000+1000 3a200000+10000");
    assert_merged("/ { " PASSTHROUGH(1, 2) " %s }; };",
                  "guest1-0@3a000000 { compatible = \"uio-dev\"; reg = <0x3a000000 0 0x1000>; };"
                  "data@3a200000 { compatible = \"uio-dev\"; reg = <0x3a200000 0 0x10000>; };",
                  "3a000000+1000 3a200000+10000");
}

/* Above /passthrough is libxl's root in the guest, not the partial tree's. */
static void test_cells_of_the_root(void **state)
{
    need_dtc();
    assert_merged("/ { #address-cells = <1>; #size-cells = <1>;\n"
                  "passthrough { ranges; a@1000 { reg = <1 0x1000 0 0x1000>; }; %s }; };",
                  NODES("0 "), "100001000+1000 3a000000+1000 3a200000+10000");
}

/* One that translates in another that does not; one that inherits its cells. */
static void test_nested_buses(void **state)
{
    need_dtc();
    assert_merged(
        "/ { " PASSTHROUGH(2, 2) //
        "amba { compatible = \"simple-bus\"; ranges;\n"
        "  gpio@1000 { reg = <1 0x1000 0 0x1000>; };\n"
        "  axi@80000000 { compatible = \"simple-bus\"; #address-cells = <1>;\n"
        "    #size-cells = <1>; reg = <0 0x80000000 0 0x100>;\n"
        "    ranges = <0 0 0x80000000 0x10000>, <0x20000 8 0 0x10000>;\n"
        "    dma@0 { reg = <0x1000 0x1000>; }; dma@20000 { reg = <0x2ff00 0x100>; }; }; };\n"
        "%s }; };",
        NODES("0 "),
        "100001000+1000 80000000+100 80001000+1000 80000ff00+100 3a000000+1000 "
        "3a200000+10000");
}

/* Linux numbers UIO devices as they come: its own one stays the first. */
static void test_existing_uio_node(void **state)
{
    need_dtc();
    assert_merged("/ { " PASSTHROUGH(2, 2) //
                  "mine@3a100000 { compatible = \"uio-dev\"; reg = <0 0x3a100000 0 0x1000>; };"
                  "%s }; };",
                  NODES("0 "), "3a100000+1000 3a000000+1000 3a200000+10000");
}

/* The guest's addresses are those above /passthrough; its nodes count below it. */
static void test_passthrough_with_ranges(void **state)
{
    need_dtc();
    assert_merged("/ { passthrough { #address-cells = <1>; #size-cells = <1>;\n"
                  "ranges = <0x1000 1 0 0x1000>, <0 0 0x3a000000 0x100000>,\n"
                  "         <0x80000000 0 0x3a200000 0x10000>;\n"
                  "a@1800 { reg = <0x1800 0x800>; }; %s }; };",
                  "guest1-0@0 { compatible = \"uio-dev\"; reg = <0 0x1000>; };"
                  "data@80000000 { compatible = \"uio-dev\"; reg = <0x80000000 0x10000>; };",
                  "100000800+800 3a000000+1000 3a200000+10000");
    /* The first entry has only a part of it. */
    assert_merged("/ { passthrough { ranges = <1 0 0 0x3a200000 0 0x1000>,\n"
                  "  <2 0 0 0x3a000000 0 0x300000>; %s }; };",
                  "guest1-0@200000000 { compatible = \"uio-dev\"; reg = <2 0 0 0x1000>; };"
                  "data@200200000 { compatible = \"uio-dev\"; reg = <2 0x200000 0 0x10000>; };",
                  "3a000000+1000 3a200000+10000");
}

/* ---- ranges alone */

static void test_ranges(void **state)
{
    need_dtc();
    assert_ranges("/ { " PASSTHROUGH(2, 2) "}; };", "");
    assert_ranges("/ { uart@1000 { reg = <0x1000 0x1000>; }; " PASSTHROUGH(2, 2) //
                  "none { }; empty@5000 { reg = <0 0x5000 0 0>; };\n"
                  "off@2000 { status = \"disabled\"; reg = <0 0x2000 0 0x10>; }; };\n"
                  "passthrough-b { a@1000 { reg = <0 0x1000 0 0x1000>; }; }; };",
                  "2000+10");
    /* To the end of what there is. */
    assert_ranges("/ { " PASSTHROUGH(2, 2) "a { reg = <0xffffffff 0xfffff000 1 0>; }; }; };",
                  "fffffffffffff000+fff");
}

/* What is on a bus without ranges has no address, at any depth. */
static void test_no_address(void **state)
{
    need_dtc();
    assert_ranges("/ { " PASSTHROUGH(2, 2) //
                  "i2c@4000 { reg = <0 0x4000 0 0x1000>; #address-cells = <1>; #size-cells = <0>;\n"
                  "  mux@70 { reg = <0x70>; i2c@0 { reg = <0>; ranges; e@50 { reg = <0x50>; }; };\n"
                  "    bad { #size-cells = <1>; ranges = [00]; reg = [00]; }; }; };\n"
                  "last@9000 { reg = <0 0x9000 0 0x1000>; }; }; };",
                  "4000+1000 9000+1000");
    /* Only Linux goes without /passthrough's ranges. */
    assert_ranges("/ { passthrough { a@1000 { reg = <0 0x1000 0 0x1000>; }; }; };", "1000+1000");
}

/* Configuration space, and what is passed on; devices on it are found by asking them. */
static void test_pci(void **state)
{
    need_dtc();
    assert_ranges("/ { " PASSTHROUGH(2, 2) //
                  "pcie@fd0e0000 { device_type = \"pci\"; reg = <0 0xfd0e0000 0 0x1000>;\n"
                  "  #address-cells = <3>; #size-cells = <2>;\n"
                  "  ranges = <0x02000000 0 0xe0000000 0 0xe0000000 0 0x10000000>,\n"
                  "           <0x43000000 6 0 6 0 2 0>, <0x01000000 0 0 0 0 0 0>;\n"
                  "  pcie@0 { reg = <0 0 0 0 0>; ranges; x { reg = <1 2 3>; }; }; }; }; };",
                  "fd0e0000+1000 e0000000+10000000 600000000+200000000");
    assert_ranges(
        "/ { " PASSTHROUGH(
            2, 2) "b { ranges = <0 0 1 0 0 0x1000>;\n"
                  "pcie { #address-cells = <3>; ranges = <0 0 0 0 0x800 0 0x1000>; }; }; }; };",
        "/passthrough/b/pcie: 0x1000 bytes at 0x800 lie outside the ranges of "
        "/passthrough/b; add them there");
}

static void test_ranges_refused(void **state)
{
    need_dtc();
    assert_ranges("/ { devices { }; };", "no /passthrough, which is what a guest gets of a partial "
                                         "device tree; put the devices into such a node");
    assert_ranges("/ { passthrough@0 { }; passthrough { }; };",
                  "no /passthrough, which is what a guest gets of a partial device tree; put the "
                  "devices into such a node");
    assert_ranges("/ { " PASSTHROUGH(3, 2) "a { reg = <0 0 0 0 0>; }; }; };",
                  "/passthrough/a: a reg of 3 address and 2 size cells; one or two are understood");
    assert_ranges("/ { " PASSTHROUGH(2, 0) "a { reg = <0 0>; }; }; };",
                  "/passthrough/a: a reg of 2 address and 0 size cells; one or two are understood");
    assert_ranges("/ { " PASSTHROUGH(2, 2) "a { reg = <0 0 0>; }; }; };",
                  "/passthrough/a: a reg of 12 bytes is not made of ranges of 16");
    assert_ranges("/ { " PASSTHROUGH(2, 2) "b { #address-cells = <4>; ranges = <0>; }; }; };",
                  "/passthrough/b: ranges of 4 address cells, 2 above it, and 2 size cells; one or "
                  "two are understood");
    assert_ranges("/ { " PASSTHROUGH(2, 2) "b { ranges = <0 0 0 0 0>; }; }; };",
                  "/passthrough/b: ranges of 20 bytes are not made of entries of 24");
    assert_ranges("/ { " PASSTHROUGH(2, 2) "b { ranges; c { ranges = <0 0 1 0 0 0x1000>;\n"
                                           "d { reg = <0 0x800 0 0x1000>; }; }; }; }; };",
                  "/passthrough/b/c/d: 0x1000 bytes at 0x800 lie outside the ranges of "
                  "/passthrough/b/c; add them there");
    assert_ranges("/ { " PASSTHROUGH(2, 2) "b { ranges = <0 0x10000 0 0 0xffffffff 0xffffffff>;\n"
                                           "d { reg = <0 0 0 0x1000>; }; }; }; };",
                  "/passthrough/b/d: 0x1000 bytes at 0x0 lie outside the ranges of "
                  "/passthrough/b; add them there");
    assert_ranges("/ { " PASSTHROUGH(4, 2) "b { #address-cells = <1>; ranges = <0>; }; }; };",
                  "/passthrough/b: ranges of 1 address cells, 4 above it, and 2 size cells; one or "
                  "two are understood");
}

static void make_ranges(size_t count)
{
    static uint64_t pairs[2 * 1025];

    for (size_t i = 0; i < count; i++) {
        pairs[2 * i] = i << 12;
        pairs[2 * i + 1] = 0x1000;
    }
    tree_begin(2, 2, 0, 0);
    tree_node("passthrough");
    tree_bytes("ranges", "", 0);
    tree_node("many");
    tree_reg(count, pairs);
    tree_end();
    tree_end();
    tree_finish();
}

static void test_ranges_limit(void **state)
{
    struct devtree_segment segment = { "a", 0x3a000000, 0x1000 };
    struct devtree_range *ranges;
    struct devtree_blob blob;
    size_t count;

    make_ranges(1024);
    assert_int_equal(devtree_guest_ranges(tree.data, tree_size(), &ranges, &count, &error), 0);
    assert_int_equal(count, 1024);
    free(ranges);
    error = (struct error){ 0 };
    assert_int_equal(devtree_guest(tree.data, tree_size(), &segment, 1, "uio-dev", &blob, &error),
                     XENSHM_CONFIG_INVALID);
    assert_string_equal(error.message, "/passthrough/many: more than 1024 ranges of this kind");
    make_ranges(1025);
    assert_string_equal(ranges_text(tree.data, tree_size()),
                        "/passthrough/many: more than 1024 ranges of this kind");
}

/* ---- without a base */

static void test_no_base(void **state)
{
    struct devtree_segment segments[] = { { "guest1-0", 0x3a000000, 0x1000 },
                                          { "data", 0x100000000, GIB(8) } };
    struct devtree_blob blob;
    char *text;

    error = (struct error){ 0 };
    assert_int_equal(devtree_guest(NULL, 0, segments, 2, "uio-dev", &blob, &error), 0);
    assert_int_equal(fdt_check_full(blob.data, blob.size), 0);
    assert_text(blob.data, "/passthrough", "compatible", "simple-bus");
    assert_text(blob.data, "/passthrough/data@100000000", "compatible", "uio-dev");
    ASSERT_REG(blob.data, "/passthrough/guest1-0@3a000000", 0x3a000000, 0x1000);
    ASSERT_REG(blob.data, "/passthrough/data@100000000", 0x100000000, GIB(8));
    assert_string_equal(ranges_text(blob.data, blob.size), "3a000000+1000 100000000+200000000");
    assert_int_equal(devtree_source(&blob, "/", 4, &text, &error), 0);
    assert_non_null(strstr(text, "/ {\n"
                                 "\t#address-cells = <0x2>;\n"
                                 "\t#size-cells = <0x2>;\n"
                                 "\n"
                                 "\tpassthrough {\n"
                                 "\t\tcompatible = \"simple-bus\";\n"
                                 "\t\tranges;\n"));
    free(text);
    devtree_blob_clear(&blob);
}

/* ---- refusals */

static void assert_text_refused(const struct compiled *from, const struct devtree_segment *segments,
                                size_t count, const char *compatible, int code, const char *message)
{
    struct devtree_blob blob;

    error = (struct error){ 0 };
    assert_int_equal(devtree_guest(from ? from->data : NULL, from ? from->size : 0, segments, count,
                                   compatible, &blob, &error),
                     code);
    assert_string_equal(error.message, message);
}

static void test_segments_refused(void **state)
{
    struct devtree_segment a = { "a", 0x3a000000, 0x2000 };
    struct devtree_segment two[] = { a, { "b", 0x3a001000, 0x1000 } };

    assert_text_refused(NULL, two, 2, "uio-dev", XENSHM_ADDRESS_IN_USE,
                        "b at 0x3a001000 overlaps a at 0x3a000000");
    two[1].name = "a";
    assert_text_refused(NULL, two, 2, "uio-dev", XENSHM_CONFIG_INVALID, "a is given twice");
    assert_text_refused(NULL, &a, 1, "", XENSHM_CONFIG_INVALID, "'' cannot be a compatible string");
    a.address = 0x800;
    assert_text_refused(NULL, &a, 1, "uio-dev", XENSHM_CONFIG_INVALID,
                        "a: 0x2000 bytes at 0x800 are not whole pages");
    a.address = UINT64_MAX - 4095;
    assert_text_refused(NULL, &a, 1, "uio-dev", XENSHM_CONFIG_INVALID,
                        "a: 0x2000 bytes at 0xfffffffffffff000 are not whole pages");
    a.address = 0;
    a.size = 0;
    assert_text_refused(NULL, &a, 1, "uio-dev", XENSHM_CONFIG_INVALID,
                        "a: 0x0 bytes at 0x0 are not whole pages");
    a.name = "a/b";
    assert_text_refused(NULL, &a, 1, "uio-dev", XENSHM_CONFIG_INVALID,
                        "'a/b' cannot be the name of a node");
}

static void assert_refused(const char *source, struct devtree_segment segment, int code,
                           const char *message)
{
    compile_base(source);
    assert_text_refused(&base, &segment, 1, "uio-dev", code, message);
}

static const struct devtree_segment one = { "data", 0x3a000000, 0x2000 };
static const struct devtree_segment high = { "data", 0x100000000, 0x1000 };
static const struct devtree_segment large = { "data", 0, 0x100000000 };

static void test_base_refused(void **state)
{
    char message[80];

    need_dtc();
    assert_refused("/ { };", one, XENSHM_CONFIG_INVALID,
                   "no /passthrough, which is what a guest gets of a partial device tree; put the "
                   "devices into such a node");
    snprintf(message, sizeof(message), "cut off at offset %zu: the header tells of %zu bytes",
             base.size - 1, base.size);
    base.size--;
    assert_text_refused(&base, &one, 1, "uio-dev", XENSHM_CONFIG_INVALID, message);
    base.data[0] = 0;
    assert_text_refused(&base, &one, 1, "uio-dev", XENSHM_CONFIG_INVALID,
                        "not a device tree: bad header (FDT_ERR_BADMAGIC)");
    assert_refused("/ { passthrough { }; };", one, XENSHM_CONFIG_INVALID,
                   "/passthrough has no ranges, without which nothing in it has an address; give "
                   "it the empty property 'ranges'");
    assert_refused("/ { " PASSTHROUGH(2, 2) "a { reg = [00]; }; }; };", one, XENSHM_CONFIG_INVALID,
                   "/passthrough/a: a reg of 1 bytes is not made of ranges of 16");
}

static void test_cells_refused(void **state)
{
    need_dtc();
    assert_refused("/ { " PASSTHROUGH(1, 2) "}; };", high, XENSHM_CONFIG_INVALID,
                   "data: 1 address and 2 size cells of /passthrough cannot tell 0x1000 bytes at "
                   "0x100000000; use two of each");
    assert_refused("/ { " PASSTHROUGH(2, 1) "}; };", large, XENSHM_CONFIG_INVALID,
                   "data: 2 address and 1 size cells of /passthrough cannot tell 0x100000000 bytes "
                   "at 0x0; use two of each");
    assert_refused("/ { " PASSTHROUGH(3, 2) "}; };", one, XENSHM_CONFIG_INVALID,
                   "data: 3 address and 2 size cells of /passthrough cannot tell 0x2000 bytes at "
                   "0x3a000000; use two of each");
    assert_refused("/ { " PASSTHROUGH(2, 0) "}; };", one, XENSHM_CONFIG_INVALID,
                   "data: 2 address and 0 size cells of /passthrough cannot tell 0x2000 bytes at "
                   "0x3a000000; use two of each");
}

static void test_windows_refused(void **state)
{
    static const char outside[] = "data: 0x2000 bytes at 0x3a000000 lie outside the ranges of "
                                  "/passthrough; make these empty";

    need_dtc();
    assert_refused("/ { passthrough { ranges = <0 0 0 0x3a000000 0 0x1000>; }; };", one,
                   XENSHM_CONFIG_INVALID, outside);
    /* The second entry leads there, but from there the first one leads elsewhere. */
    assert_refused("/ { passthrough { ranges = <0 0 1 0 0 0x2000>, <0 0 0 0x3a000000 0 0x2000>; "
                   "}; };",
                   one, XENSHM_CONFIG_INVALID, outside);
    /* Beyond the end of the addresses below. */
    assert_refused("/ { passthrough { ranges = <0xffffffff 0xfffff000 0 0x3a000000 0 0x2000>; }; "
                   "};",
                   one, XENSHM_CONFIG_INVALID, outside);
}

static void test_nodes_refused(void **state)
{
    need_dtc();
    assert_refused("/ { " PASSTHROUGH(2, 2) "data@5000 { }; }; };", one, XENSHM_CONFIG_INVALID,
                   "data: /passthrough has a node of this name already; use another name");
    assert_refused("/ { " PASSTHROUGH(2, 2) "data { }; }; };", one, XENSHM_CONFIG_INVALID,
                   "data: /passthrough has a node of this name already; use another name");
    assert_refused("/ { " PASSTHROUGH(2, 2) "b { ranges; a@1ff0 { reg = <0 0x3a001ff0 0 0x40>; }; "
                                            "}; }; };",
                   one, XENSHM_ADDRESS_IN_USE,
                   "data at 0x3a000000 overlaps /passthrough/b/a@1ff0 (0x40 bytes at 0x3a001ff0); "
                   "place it elsewhere");
}

/* ---- limits and faults */

/* A base with a property of so many bytes in /passthrough. */
static char *large_base(size_t bytes, size_t *ret_size)
{
    char *data = malloc(bytes + 1024), *value = calloc(1, bytes);

    assert_true(data && value);
    assert_int_equal(fdt_create(data, (int)bytes + 1024), 0);
    assert_int_equal(fdt_finish_reservemap(data), 0);
    assert_int_equal(fdt_begin_node(data, ""), 0);
    assert_int_equal(fdt_begin_node(data, "passthrough"), 0);
    assert_int_equal(fdt_property(data, "ranges", NULL, 0), 0);
    assert_int_equal(fdt_property(data, "bulk", value, (int)bytes), 0);
    assert_int_equal(fdt_end_node(data), 0);
    assert_int_equal(fdt_end_node(data), 0);
    assert_int_equal(fdt_finish(data), 0);
    free(value);
    *ret_size = fdt_totalsize(data);
    return data;
}

static void test_size_limit(void **state)
{
    struct devtree_blob blob;
    size_t size, base_size, added;
    char *data;

    data = large_base(DEVTREE_SIZE_MAX / 2, &base_size);
    error = (struct error){ 0 };
    assert_int_equal(devtree_guest(data, base_size, &one, 1, "uio-dev", &blob, &error), 0);
    added = blob.size - base_size;
    devtree_blob_clear(&blob);
    free(data);
    for (size_t more = 0; more <= 4; more += 4) {
        int wanted = more ? XENSHM_CONFIG_INVALID : 0;

        data = large_base((DEVTREE_SIZE_MAX + DEVTREE_SIZE_MAX / 2 - base_size - added + more) &
                              ~(size_t)3,
                          &size);
        error = (struct error){ 0 };
        assert_int_equal(devtree_guest(data, size, &one, 1, "uio-dev", &blob, &error), wanted);
        if (!wanted)
            devtree_blob_clear(&blob);
        else
            assert_string_equal(error.message, "the tree would be larger than 2 MiB");
        free(data);
    }
}

/* More names than are compared with each other. */
static void test_many_names(void **state)
{
    struct devtree_blob blob;
    char name[32];

    tree_begin(2, 2, 0x1000, 0x1000);
    tree_node("passthrough");
    tree_bytes("ranges", "", 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "property-%d", i);
        tree_text(name, name);
    }
    tree_end();
    tree_finish();
    error = (struct error){ 0 };
    assert_int_equal(devtree_guest(tree.data, tree_size(), &one, 1, "uio-dev", &blob, &error), 0);
    assert_int_equal(devtree_validate(blob.data, blob.size, &error), 0);
    assert_text(blob.data, "/passthrough", "property-999", "property-999");
    assert_string_equal(ranges_text(blob.data, blob.size), "3a000000+2000");
    devtree_blob_clear(&blob);
    error = (struct error){ 0 };
    assert_int_equal(devtree_guest(tree.data, tree_size(), NULL, 0, "uio-dev", &blob, &error), 0);
    assert_same_tree(tree.data, blob.data);
    devtree_blob_clear(&blob);
}

static void make_small(void)
{
    tree_begin(2, 2, 0x1000, 0x1000);
    tree_node("passthrough");
    tree_bytes("ranges", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0", 24);
    tree_range("a@1000", 0x1000, 0x1000);
    tree_end();
    tree_finish();
}

static void test_no_memory(void **state)
{
    struct devtree_range *ranges;
    struct devtree_blob blob;
    size_t count;
    int r;

    make_small();
    for (int with = 0; with < 2; with++)
        for (long n = 0;; n++) {
            error = (struct error){ 0 };
            fault_after(n);
            r = devtree_guest(with ? tree.data : NULL, tree_size(), &one, 1, "uio-dev", &blob,
                              &error);
            if (r == 0)
                devtree_blob_clear(&blob);
            if (!fault_end())
                break;
            assert_int_equal(r, -ENOMEM);
        }
    assert_int_equal(r, 0);
    for (long n = 0;; n++) {
        fault_after(n);
        r = devtree_guest_ranges(tree.data, tree_size(), &ranges, &count, &error);
        if (!fault_end())
            break;
        assert_int_equal(r, -ENOMEM);
    }
    assert_int_equal(r, 0);
    free(ranges);
}

/* Each bit wrong in turn: what is not refused gives a tree, with one range more. */
static void test_broken_bases(void **state)
{
    static char copy[4096] __attribute__((aligned(8)));
    struct devtree_range *ranges;
    struct devtree_blob blob;
    size_t size, before, after;

    make_small();
    size = tree_size();
    memcpy(copy, tree.data, size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        memcpy(tree.data, copy, size);
        tree.data[bit / 8] ^= (char)(1 << bit % 8);
        error = (struct error){ 0 };
        if (devtree_guest(tree.data, size, &one, 1, "uio-dev", &blob, &error) != 0) {
            assert_true(error.code > 0 && error.message[0]);
            continue;
        }
        assert_int_equal(devtree_guest_ranges(tree.data, size, &ranges, &before, &error), 0);
        free(ranges);
        assert_int_equal(devtree_guest_ranges(blob.data, blob.size, &ranges, &after, &error), 0);
        assert_int_equal(after, before + 1);
        assert_int_equal(ranges[after - 1].address, one.address);
        assert_int_equal(ranges[after - 1].size, one.size);
        free(ranges);
        devtree_blob_clear(&blob);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_stays),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_cells_of_the_root),
        cmocka_unit_test(test_nested_buses),
        cmocka_unit_test(test_existing_uio_node),
        cmocka_unit_test(test_passthrough_with_ranges),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_no_address),
        cmocka_unit_test(test_pci),
        cmocka_unit_test(test_ranges_refused),
        cmocka_unit_test(test_ranges_limit),
        cmocka_unit_test(test_no_base),
        cmocka_unit_test(test_segments_refused),
        cmocka_unit_test(test_base_refused),
        cmocka_unit_test(test_cells_refused),
        cmocka_unit_test(test_windows_refused),
        cmocka_unit_test(test_nodes_refused),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_broken_bases),
    };

    return RUN_TESTS("devtree_guest", tests);
}
