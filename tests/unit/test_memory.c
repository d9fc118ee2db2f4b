/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The accessors of xenshm-memory.h: the bytes that they move, and nothing beside them. Compiled so
 * that a misaligned access traps, as it would in Device memory on Arm; tests/lib looks at the
 * machine code for that.
 */
#include "test.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "xenshm-memory.h"

#define ROOM 128
#define LONGEST 40

struct memory {
    _Alignas(8) unsigned char bytes[ROOM];
};

/* Different bytes everywhere. */
static struct memory pattern(unsigned seed)
{
    struct memory memory;

    for (size_t i = 0; i < ROOM; i++)
        memory.bytes[i] = (unsigned char)(seed + i * 7);
    return memory;
}

static void test_loads_and_stores(void **state)
{
    struct memory memory = pattern(1), expected = memory;
    uint64_t value = 0x1122334455667788;
    uint32_t value32 = (uint32_t)value;
    uint16_t value16 = (uint16_t)value;

    xenshm_store64(memory.bytes + 8, value);
    memcpy(expected.bytes + 8, &value, 8);
    xenshm_store32(memory.bytes + 20, value32);
    memcpy(expected.bytes + 20, &value32, 4);
    xenshm_store16(memory.bytes + 30, value16);
    memcpy(expected.bytes + 30, &value16, 2);
    xenshm_store8(memory.bytes + 41, 0x99);
    expected.bytes[41] = 0x99;
    xenshm_barrier();
    assert_memory_equal(memory.bytes, expected.bytes, ROOM);
    assert_true(xenshm_load64(memory.bytes + 8) == value);
    assert_int_equal(xenshm_load32(memory.bytes + 20), value32);
    assert_int_equal(xenshm_load16(memory.bytes + 30), value16);
    assert_int_equal(xenshm_load8(memory.bytes + 41), 0x99);
}

/* Every alignment of both sides and every length that differs. */
static void each_placement(void (*check)(size_t to, size_t from, size_t size))
{
    for (size_t to = 8; to < 16; to++)
        for (size_t from = 8; from < 16; from++)
            for (size_t size = 0; size <= LONGEST; size++)
                check(to, from, size);
}

static void check_copy_in(size_t to, size_t from, size_t size)
{
    struct memory segment = pattern(1), own = pattern(100), expected = segment;

    memcpy(expected.bytes + to, own.bytes + from, size);
    xenshm_copy_in(segment.bytes + to, own.bytes + from, size);
    assert_memory_equal(segment.bytes, expected.bytes, ROOM);
}

static void check_copy_out(size_t to, size_t from, size_t size)
{
    struct memory segment = pattern(1), own = pattern(100), expected = own;

    memcpy(expected.bytes + to, segment.bytes + from, size);
    xenshm_copy_out(own.bytes + to, segment.bytes + from, size);
    assert_memory_equal(own.bytes, expected.bytes, ROOM);
}

static void check_fill(size_t to, size_t byte, size_t size)
{
    struct memory segment = pattern(1), expected = segment;

    memset(expected.bytes + to, (int)(byte * 31), size);
    xenshm_fill(segment.bytes + to, (unsigned char)(byte * 31), size);
    assert_memory_equal(segment.bytes, expected.bytes, ROOM);
}

static void test_copy_in(void **state)
{
    each_placement(check_copy_in);
}

static void test_copy_out(void **state)
{
    each_placement(check_copy_out);
}

static void test_fill(void **state)
{
    each_placement(check_fill);
}

static void test_long(void **state)
{
    size_t size = (1 << 20) + 5;
    unsigned char *segment = malloc(size + 16), *own = malloc(size), *back = malloc(size);

    assert(segment && own && back);
    for (size_t i = 0; i < size; i++)
        own[i] = (unsigned char)(i * 2654435761u >> 13);
    xenshm_copy_in(segment + 3, own, size);
    xenshm_copy_out(back, segment + 3, size);
    assert_memory_equal(own, back, size);
    free(segment);
    free(own);
    free(back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads_and_stores),
        cmocka_unit_test(test_copy_in),
        cmocka_unit_test(test_copy_out),
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_long),
    };

    return RUN_TESTS("memory", tests);
}
