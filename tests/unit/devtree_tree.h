/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trees for the tests of devtree.h, written and read with libfdt itself. */
#pragma once

#include <libfdt.h>
#include <string.h>

#include "devtree.h"
#include "test.h"

/* The tree in the making, or the one last made. */
static struct {
    char data[1 << 17] __attribute__((aligned(8)));
    unsigned address_cells, size_cells;
} tree;

static inline size_t tree_size(void)
{
    return fdt_totalsize(tree.data);
}

/* Numbers of 32-bit cells from now on, at the root and, by tree_cells(), in other nodes. */
static inline void tree_cells(unsigned address_cells, unsigned size_cells)
{
    tree.address_cells = address_cells;
    tree.size_cells = size_cells;
    assert_int_equal(fdt_property_u32(tree.data, "#address-cells", address_cells), 0);
    assert_int_equal(fdt_property_u32(tree.data, "#size-cells", size_cells), 0);
}

/* A size of 0 leaves out the entry of /memreserve/. */
static inline void tree_begin(unsigned address_cells, unsigned size_cells, uint64_t reserved,
                              uint64_t reserved_size)
{
    assert_int_equal(fdt_create(tree.data, sizeof(tree.data)), 0);
    if (reserved_size)
        assert_int_equal(fdt_add_reservemap_entry(tree.data, reserved, reserved_size), 0);
    assert_int_equal(fdt_finish_reservemap(tree.data), 0);
    assert_int_equal(fdt_begin_node(tree.data, ""), 0);
    tree_cells(address_cells, size_cells);
}

static inline void tree_node(const char *name)
{
    assert_int_equal(fdt_begin_node(tree.data, name), 0);
}

static inline void tree_end(void)
{
    assert_int_equal(fdt_end_node(tree.data), 0);
}

static inline void tree_text(const char *name, const char *value)
{
    assert_int_equal(fdt_property_string(tree.data, name, value), 0);
}

static inline void tree_bytes(const char *name, const void *value, int length)
{
    assert_int_equal(fdt_property(tree.data, name, value, length), 0);
}

static inline char *put_cells(char *to, unsigned cells, uint64_t number)
{
    for (unsigned i = 4 * cells; i > 0; i--)
        *to++ = (char)(i > 8 ? 0 : number >> (8 * (i - 1)));
    return to;
}

/* `count` pairs of address and size, in the cells of the last tree_cells(). */
static inline void tree_reg(size_t count, const uint64_t *pairs)
{
    static char reg[65536];
    char *to = reg;

    for (size_t i = 0; i < count; i++) {
        to = put_cells(to, tree.address_cells, pairs[2 * i]);
        to = put_cells(to, tree.size_cells, pairs[2 * i + 1]);
    }
    tree_bytes("reg", reg, (int)(to - reg));
}

#define TREE_REG(...)                                                                              \
    tree_reg(ELEMENTS(((uint64_t[]){ __VA_ARGS__ })) / 2, (uint64_t[]){ __VA_ARGS__ })

/* A whole node with this one range. */
static inline void tree_range(const char *name, uint64_t address, uint64_t size)
{
    tree_node(name);
    TREE_REG(address, size);
    tree_end();
}

#define TREE_MEMORY(name, ...)                                                                     \
    do {                                                                                           \
        tree_node(name);                                                                           \
        tree_text("device_type", "memory");                                                        \
        TREE_REG(__VA_ARGS__);                                                                     \
        tree_end();                                                                                \
    } while (0)

/* Ends the root node. */
static inline void tree_finish(void)
{
    tree_end();
    assert_int_equal(fdt_finish(tree.data), 0);
}

/* The node's reg is exactly this. */
static inline void assert_reg(const void *data, const char *path, size_t count,
                              const uint64_t *pairs)
{
    int node = fdt_path_offset(data, path), length;
    const char *reg = fdt_getprop(data, node, "reg", &length);
    unsigned a = (unsigned)fdt_address_cells(data, 0), s = (unsigned)fdt_size_cells(data, 0);
    char expected[64], *to;

    assert_non_null(reg);
    assert_int_equal(length, count * (a + s) * 4);
    for (size_t i = 0; i < count; i++) {
        to = put_cells(put_cells(expected, a, pairs[2 * i]), s, pairs[2 * i + 1]);
        assert_memory_equal(reg + i * (a + s) * 4, expected, (size_t)(to - expected));
    }
}

#define ASSERT_REG(data, path, ...)                                                                \
    assert_reg(data, path, ELEMENTS(((uint64_t[]){ __VA_ARGS__ })) / 2, (uint64_t[]){ __VA_ARGS__ })

static inline void assert_text(const void *data, const char *path, const char *name,
                               const char *expected)
{
    int length;
    const char *text = fdt_getprop(data, fdt_path_offset(data, path), name, &length);

    assert_non_null(text);
    assert_int_equal(length, strlen(expected) + 1);
    assert_string_equal(text, expected);
}

#define GIB(n) ((uint64_t)(n) << 30)
#define MIB(n) ((uint64_t)(n) << 20)
