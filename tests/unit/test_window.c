/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guest addresses. The expected layout is written down here a second time, from Xen's
 * arch-arm.h: a slip in one of the two tables shows.
 */
#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "window.h"

#define MIB(n) (UINT64_C(n) << 20)
#define GIB(n) (UINT64_C(n) << 30)
#define MAXMEM_MIB(n) (UINT64_C(n) * 1024)

static struct gfn_range frames(uint64_t address, uint64_t pages)
{
    assert_true(page_aligned(address));
    return (struct gfn_range){ gfn(address >> PAGE_SHIFT), pages };
}

static int check(const struct window_guest *guest, uint64_t address, uint64_t pages)
{
    struct window_clash clash = { .what = NULL };
    int r = window_check(guest, frames(address, pages), &clash);

    assert_int_equal(window_check(guest, frames(address, pages), NULL), r);
    if (r) {
        assert_non_null(clash.what);
        assert_true(gfn_range_overlaps(clash.range, frames(address, pages)));
    } else {
        assert_null(clash.what);
    }
    return r;
}

/* One page below, at and above `boundary`, alone and as ranges that straddle it. */
static void check_boundary(const struct window_guest *guest, uint64_t boundary, int below,
                           int above)
{
    int straddling = below && above ? (below < above ? below : above) : below + above;

    assert_int_equal(check(guest, boundary - PAGE_SIZE, 1), below);
    assert_int_equal(check(guest, boundary - 2 * PAGE_SIZE, 2), below);
    assert_int_equal(check(guest, boundary, 1), above);
    assert_int_equal(check(guest, boundary + PAGE_SIZE, 1), above);
    assert_int_equal(check(guest, boundary, 2), above);
    assert_int_equal(check(guest, boundary - PAGE_SIZE, 2), straddling);
    assert_int_equal(check(guest, boundary - PAGE_SIZE, 3), straddling);
}

/* Outside the RAM banks; result without and with virtual PCI. */
static const struct row {
    uint64_t base, end;
    int without, with;
    const char *what;
} layout[] = {
    { 0x00000000, 0x02000000, WINDOW_E_RESERVED, WINDOW_E_RESERVED,
      "an unassigned platform range" },
    { 0x02000000, 0x02100000, WINDOW_E_RESERVED, WINDOW_E_RESERVED, "the virtio devices" },
    { 0x02100000, 0x03001000, WINDOW_E_RESERVED, WINDOW_E_RESERVED,
      "an unassigned platform range" },
    { 0x03001000, 0x04020000, WINDOW_E_RESERVED, WINDOW_E_RESERVED, "the interrupt controller" },
    { 0x04020000, 0x10000000, 0, 0, NULL },
    { 0x10000000, 0x20000000, WINDOW_E_RESERVED, WINDOW_E_RESERVED,
      "virtual PCI (configuration space)" },
    { 0x20000000, 0x22000000, WINDOW_E_RESERVED, WINDOW_E_RESERVED, "the ACPI tables" },
    { 0x22000000, 0x22001000, WINDOW_E_RESERVED, WINDOW_E_RESERVED, "the virtual UART" },
    { 0x22001000, 0x23000000, 0, 0, NULL },
    { 0x23000000, 0x33000000, WINDOW_E_RESERVED, WINDOW_E_RESERVED, "virtual PCI (memory)" },
    { 0x33000000, 0x38000000, 0, 0, NULL },
    { 0x38000000, 0x39000000, WINDOW_E_RESERVED, WINDOW_E_RESERVED, "the grant table" },
    { 0x39000000, 0x3a000000, WINDOW_E_RESERVED, WINDOW_E_RESERVED,
      "magic pages (console, xenstore)" },
    { 0x3a000000, 0x40000000, 0, 0, NULL },
    { 0x100000000, 0x200000000, 0, WINDOW_E_RESERVED, "virtual PCI (prefetchable memory)" },
    { 0x10000000000, 0, WINDOW_E_RESERVED, WINDOW_E_RESERVED,
      "outside the guest's physical address space" },
};

static void check_row(const struct window_guest *guest, const struct row *row)
{
    int expected = guest->has_vpci ? row->with : row->without;
    struct window_clash clash;
    uint64_t last = row->end - PAGE_SIZE; /* of the whole address space when end is 0 */

    assert_int_equal(check(guest, row->base, 1), expected);
    assert_int_equal(check(guest, last, 1), expected);
    assert_int_equal(check(guest, row->base, (row->end - row->base) >> PAGE_SHIFT), expected);
    if (!expected)
        return;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(window_check(guest, frames(i ? last : row->base, 1), &clash), expected);
        assert_string_equal(clash.what, row->what);
        assert_int_equal(gfn_address(clash.range.first), row->base);
        assert_int_equal(pages_to_bytes(clash.range.count), row->end - row->base);
    }
}

static void test_layout(void **state)
{
    for (int vpci = 0; vpci < 2; vpci++) {
        const struct window_guest guest = { .maxmem_kib = MAXMEM_MIB(128), .has_vpci = vpci };

        for (size_t i = 0; i < ELEMENTS(layout); i++)
            check_row(&guest, &layout[i]);
    }
}

static void test_layout_boundaries(void **state)
{
    for (int vpci = 0; vpci < 2; vpci++) {
        const struct window_guest guest = { .maxmem_kib = MAXMEM_MIB(128), .has_vpci = vpci };

        for (size_t i = 1; i < ELEMENTS(layout); i++) {
            const struct row *a = &layout[i - 1], *b = &layout[i];

            /* The page at 0x22000000 is too small for a neighbour of its own kind. */
            if (a->end != b->base || b->end - b->base == PAGE_SIZE || a->end - a->base == PAGE_SIZE)
                continue;
            check_boundary(&guest, b->base, vpci ? a->with : a->without,
                           vpci ? b->with : b->without);
        }
        check_boundary(&guest, 0x100000000, 0, vpci ? WINDOW_E_RESERVED : 0);
        check_boundary(&guest, 0x200000000, vpci ? WINDOW_E_RESERVED : 0, 0);
        check_boundary(&guest, 0x40000000, 0, WINDOW_E_RAM);
        check_boundary(&guest, 0x10000000000, 0, WINDOW_E_RESERVED);
        assert_int_equal(check(&guest, 0x22001000, 2), 0);
        assert_int_equal(check(&guest, 0x22000000, 2), WINDOW_E_RESERVED);
    }
}

/* Where RAM ends in each bank, by maxmem. */
static void test_ram(void **state)
{
    static const struct {
        uint64_t maxmem_kib, end0, end1; /* end1: 0 for none */
    } rows[] = {
        { 4, 0x40001000, 0 },
        { MAXMEM_MIB(32), 0x42000000, 0 },
        { MAXMEM_MIB(160), 0x4a000000, 0 },
        { MAXMEM_MIB(1022), 0x7fe00000, 0 },
        { MAXMEM_MIB(1023), 0x7ff00000, 0 },
        { MAXMEM_MIB(1024) - 5, 0x7ffff000, 0 }, /* a started page counts whole */
        { MAXMEM_MIB(1024) - 4, 0x7ffff000, 0 },
        { MAXMEM_MIB(1024) - 3, 0x80000000, 0 },
        { MAXMEM_MIB(1024), 0x80000000, 0 },
        { MAXMEM_MIB(1024) + 1, 0x80001000, 0 },
        { MAXMEM_MIB(2048), 0xc0000000, 0 },
        { MAXMEM_MIB(3072) - 4, 0xfffff000, 0 },
        { MAXMEM_MIB(3072), 0x100000000, 0 },
        { MAXMEM_MIB(3072) + 4, 0x100000000, 0x200001000 },
        { MAXMEM_MIB(4096), 0x100000000, 0x240000000 },
        { MAXMEM_MIB(1024 * 1019) - 4, 0x100000000, 0xfffffff000 },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        const struct window_guest guest = { .maxmem_kib = rows[i].maxmem_kib };

        assert_int_equal(check(&guest, 0x40000000, 1), WINDOW_E_RAM);
        assert_int_equal(check(&guest, rows[i].end0 - PAGE_SIZE, 1), WINDOW_E_RAM);
        assert_int_equal(check(&guest, rows[i].end0, 1), 0);
        assert_int_equal(check(&guest, rows[i].end0 + PAGE_SIZE, 1), 0);
        assert_int_equal(check(&guest, rows[i].end0 - PAGE_SIZE, 2), WINDOW_E_RAM);
        if (rows[i].end1 == 0) {
            assert_int_equal(check(&guest, 0x200000000, 1), 0);
            continue;
        }
        assert_int_equal(check(&guest, 0x200000000, 1), WINDOW_E_RAM);
        assert_int_equal(check(&guest, rows[i].end1 - PAGE_SIZE, 2), WINDOW_E_RAM);
        assert_int_equal(check(&guest, rows[i].end1 - PAGE_SIZE, 1), WINDOW_E_RAM);
        assert_int_equal(check(&guest, rows[i].end1, 1), 0);
    }
}

/* As much RAM as fits, more than fits, and nothing known: nowhere in the banks. */
static void test_ram_everywhere(void **state)
{
    static const uint64_t maxmems[] = { MAXMEM_MIB(1024 * 1019), MAXMEM_MIB(1024 * 1019) + 1,
                                        UINT64_MAX, UINT64_MAX - 3, 0 };

    for (size_t i = 0; i < ELEMENTS(maxmems); i++) {
        const struct window_guest guest = { .maxmem_kib = maxmems[i] };

        check_boundary(&guest, 0x40000000, 0, WINDOW_E_RAM);
        check_boundary(&guest, 0x100000000, WINDOW_E_RAM, 0);
        check_boundary(&guest, 0x200000000, 0, WINDOW_E_RAM);
        check_boundary(&guest, 0x10000000000, WINDOW_E_RAM, WINDOW_E_RESERVED);
        assert_int_equal(check(&guest, 0x3a000000, 1), 0);
    }
}

static void test_classic_identity(void **state)
{
    static const struct {
        uint64_t maxmem_kib;
        int result;
    } rows[] = {
        { MAXMEM_MIB(128), 0 },
        { MAXMEM_MIB(1023), 0 },
        { MAXMEM_MIB(1024) - 4, 0 },
        { MAXMEM_MIB(1024), WINDOW_E_RAM },
        { MAXMEM_MIB(2048), WINDOW_E_RAM },
    };
    struct window_clash clash;

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        const struct window_guest guest = { .maxmem_kib = rows[i].maxmem_kib };

        assert_int_equal(window_check(&guest, frames(0x7ffff000, 1), &clash), rows[i].result);
    }
    assert_string_equal(clash.what, "guest RAM");
    assert_int_equal(gfn_address(clash.range.first), 0x40000000);
    assert_int_equal(pages_to_bytes(clash.range.count), GIB(2));
}

static void test_taken(void **state)
{
    const struct gfn_range taken[] = {
        frames(0x3a010000, 4),
        frames(0x3a002000, 2),
        frames(0x3a020000, 1),
        frames(0x80000000, 1),
        { gfn(0x3b000), 0 },          /* empty: takes nothing */
        { gfn(0x3c000), UINT64_MAX }, /* runs over the end: takes all behind it */
        { gfn(UINT64_MAX - 1), UINT64_MAX },
    };
    struct window_guest guest = { .maxmem_kib = MAXMEM_MIB(128),
                                  .taken = taken,
                                  .taken_count = ELEMENTS(taken) };
    struct window_clash clash;

    check_boundary(&guest, 0x3a002000, 0, WINDOW_E_IN_USE);
    check_boundary(&guest, 0x3a004000, WINDOW_E_IN_USE, 0);
    check_boundary(&guest, 0x3a010000, 0, WINDOW_E_IN_USE);
    check_boundary(&guest, 0x3a014000, WINDOW_E_IN_USE, 0);
    check_boundary(&guest, 0x3c000000, 0, WINDOW_E_IN_USE);
    assert_int_equal(check(&guest, 0x3b000000, 16), 0);

    /* The lowest of several, whole. */
    assert_int_equal(window_check(&guest, frames(0x3a000000, 256), &clash), WINDOW_E_IN_USE);
    assert_int_equal(clash.range.first.v, 0x3a002);
    assert_int_equal(clash.range.count, 2);
    assert_string_equal(clash.what, "another mapping of the guest");

    guest.taken_count = 4;
    assert_int_equal(check(&guest, 0x7ffff000, 1), 0);
    assert_int_equal(check(&guest, 0x80000000, 1), WINDOW_E_IN_USE);
    assert_int_equal(check(&guest, 0x80001000, 1), 0);
    assert_int_equal(check(&guest, 0x3c000000, 16), 0);
}

/* RAM before reserved before in use; the lowest of each kind. */
static void test_order_of_clashes(void **state)
{
    const struct gfn_range everything = { gfn(0), FRAME_MAX };
    const struct window_guest guest = {
        .maxmem_kib = MAXMEM_MIB(4096), .taken = &everything, .taken_count = 1, .has_vpci = true
    };
    struct window_clash clash;

    assert_int_equal(window_check(&guest, frames(0, GIB(1024) >> PAGE_SHIFT), &clash),
                     WINDOW_E_RAM);
    assert_int_equal(gfn_address(clash.range.first), 0x40000000);
    assert_int_equal(pages_to_bytes(clash.range.count), GIB(3));

    assert_int_equal(window_check(&guest, frames(GIB(4), GIB(8) >> PAGE_SHIFT), &clash),
                     WINDOW_E_RAM);
    assert_int_equal(gfn_address(clash.range.first), 0x200000000);
    assert_int_equal(pages_to_bytes(clash.range.count), GIB(1));

    assert_int_equal(window_check(&guest, frames(0, GIB(1) >> PAGE_SHIFT), &clash),
                     WINDOW_E_RESERVED);
    assert_int_equal(clash.range.first.v, 0);
    assert_int_equal(window_check(&guest, frames(0x04020000, 0x10000), &clash), WINDOW_E_RESERVED);
    assert_string_equal(clash.what, "virtual PCI (configuration space)");
    assert_int_equal(window_check(&guest, frames(0x04020000, 1), &clash), WINDOW_E_IN_USE);
    assert_int_equal(clash.range.first.v, 0);
    assert_int_equal(clash.range.count, FRAME_MAX);
}

static void test_invalid_ranges(void **state)
{
    static const struct gfn_range ranges[] = {
        { { 0x3a000 }, 0 },    { { 0x3a000 }, UINT64_MAX },    { { FRAME_MAX }, 2 },
        { { UINT64_MAX }, 1 }, { { UINT64_MAX }, UINT64_MAX }, { { 1 }, FRAME_MAX + 1 },
    };
    const struct window_guest guest = { .maxmem_kib = MAXMEM_MIB(128) };

    for (size_t i = 0; i < ELEMENTS(ranges); i++) {
        struct window_clash clash = { .what = NULL };

        assert_int_equal(window_check(&guest, ranges[i], &clash), WINDOW_E_RESERVED);
        assert_string_equal(clash.what, "outside the guest's physical address space");
        assert_int_equal(window_check(&guest, ranges[i], NULL), WINDOW_E_RESERVED);
    }
}

/* From the first 2 MiB boundary behind the RAM to the end of the bank; 0 for none. */
static void test_extended_regions(void **state)
{
    static const struct {
        uint64_t maxmem_kib, first0, first1;
    } rows[] = {
        { MAXMEM_MIB(160), 0x4a000000, 0x200000000 },
        { MAXMEM_MIB(161), 0x4a200000, 0x200000000 },
        { MAXMEM_MIB(160) + 1023, 0x4a000000, 0x200000000 }, /* libxl counts whole MiB */
        { MAXMEM_MIB(1023), 0x80000000, 0x200000000 },
        { MAXMEM_MIB(1024), 0x80000000, 0x200000000 },
        { MAXMEM_MIB(3008), 0xfc000000, 0x200000000 }, /* 64 MiB are just enough */
        { MAXMEM_MIB(3009), 0, 0x200000000 },
        { MAXMEM_MIB(3072), 0, 0x200000000 },
        { MAXMEM_MIB(4096), 0, 0x240000000 },
        { MAXMEM_MIB(1024 * 1019), 0, 0 },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        const struct window_guest guest = { .maxmem_kib = rows[i].maxmem_kib };
        const uint64_t firsts[] = { rows[i].first0, rows[i].first1 };
        const uint64_t ends[] = { 0x100000000, 0x10000000000 };

        for (int bank = 0; bank < 2; bank++) {
            uint64_t last = ends[bank] - PAGE_SIZE, first = firsts[bank];

            assert_int_equal(window_in_extended_region(&guest, frames(last, 1)), first != 0);
            assert_int_equal(window_in_extended_region(&guest, frames(last, 2)), first != 0);
            assert_false(window_in_extended_region(&guest, frames(ends[bank], 1)));
            if (first == 0)
                continue;
            assert_false(window_in_extended_region(&guest, frames(first - PAGE_SIZE, 1)));
            assert_true(window_in_extended_region(&guest, frames(first - PAGE_SIZE, 2)));
            assert_true(window_in_extended_region(&guest, frames(first, 1)));
        }
        assert_false(window_in_extended_region(&guest, frames(0x3a000000, 0x6000)));
        assert_false(window_in_extended_region(&guest, frames(0x100000000, 0x100000)));
    }
}

/* The classic address lies in an extended region of a small guest, not of one with 1023 MiB. */
static void test_extended_classic_identity(void **state)
{
    const struct window_guest small = { .maxmem_kib = MAXMEM_MIB(160) };
    const struct window_guest large = { .maxmem_kib = MAXMEM_MIB(1023) };

    assert_true(window_in_extended_region(&small, frames(0x7ffff000, 1)));
    assert_false(window_in_extended_region(&large, frames(0x7ffff000, 1)));
}

static struct window_pool pool(uint64_t address, uint64_t bytes, uint64_t place)
{
    return (struct window_pool){ { mfn(address >> PAGE_SHIFT), bytes >> PAGE_SHIFT },
                                 gfn(place >> PAGE_SHIFT) };
}

static void expect_places(struct window_pool *pools, size_t count, const uint64_t *places)
{
    window_place_pools(pools, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(gfn_address(pools[i].place), places[i]);
}

static void test_place_in_order(void **state)
{
    struct window_pool pools[] = {
        pool(0x60000000, MIB(2), 0),
        pool(0x70000000, MIB(2) + PAGE_SIZE, 0),
        pool(0x7ffff000, PAGE_SIZE, 0),
        pool(0x90000000, MIB(1), 0),
    };
    const uint64_t places[] = { 0x3a000000, 0x3a200000, 0x3a600000, 0x3a800000 };

    expect_places(pools, ELEMENTS(pools), places);
    expect_places(pools, ELEMENTS(pools), places); /* and they stay */
    window_place_pools(NULL, 0);
}

static void test_place_single(void **state)
{
    static const struct {
        uint64_t bytes, place;
    } rows[] = {
        { PAGE_SIZE, 0x3a000000 }, { MIB(96), 0x3a000000 },   { MIB(96) + PAGE_SIZE, 0x100000000 },
        { GIB(4), 0x100000000 },   { GIB(4) + PAGE_SIZE, 0 }, { GIB(1) << 20, 0 },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct window_pool one = pool(0x80000000, rows[i].bytes, 0);

        expect_places(&one, 1, &rows[i].place);
    }
}

static void test_place_overflow_to_high(void **state)
{
    struct window_pool pools[] = {
        pool(0x050000000, MIB(64), 0),
        pool(0x060000000, MIB(64), 0), /* does not fit behind the first */
        pool(0x070000000, MIB(32), 0), /* just does */
        pool(0x080000000, PAGE_SIZE, 0),
        pool(0x800000000, GIB(4) - MIB(66), 0),
        pool(0xa00000000, PAGE_SIZE, 0), /* nothing is left */
    };
    const uint64_t places[] = { 0x3a000000, 0x100000000, 0x3e000000, 0x104000000, 0x104200000, 0 };

    expect_places(pools, ELEMENTS(pools), places);
}

static void test_place_around_configured(void **state)
{
    struct window_pool pools[] = {
        pool(0x50000000, MIB(2), 0),
        pool(0x60000000, MIB(1), 0x3a200000), /* just behind the first */
        pool(0x70000000, MIB(4), 0),          /* would overlap both configured ones */
        pool(0x80000000, MIB(1), 0x3a5ff000), /* not aligned: kept as it is */
        pool(0x90000000, PAGE_SIZE, 0),
        pool(0xa0000000, MIB(1), 0x04020000), /* outside both windows: kept too */
        pool(0xb0000000, MIB(88), 0),
        pool(0xc0000000, PAGE_SIZE, 0),
    };
    const uint64_t places[] = { 0x3a000000, 0x3a200000, 0x3a800000,  0x3a5ff000,
                                0x3a400000, 0x04020000, 0x100000000, 0x3ac00000 };

    expect_places(pools, ELEMENTS(pools), places);
}

/* Configured places need no sense to be avoided without overflow. */
static void test_place_hostile_configuration(void **state)
{
    struct window_pool pools[] = {
        { { mfn(0x50000), FRAME_MAX - 0x50000 }, gfn(0x3a100) },
        { { mfn(0x60000), 1 }, gfn(UINT64_MAX) },
        { { mfn(0x70000), 1 }, gfn(0) },
        { { mfn(0x80000), 1 }, gfn(0x3a100) }, /* overlaps the first: not ours to judge */
    };
    const uint64_t low = 0x3a000000;

    window_place_pools(pools, ELEMENTS(pools));
    assert_int_equal(gfn_address(pools[2].place), low);
    pools[2] = pools[3];
    pools[3] = pool(0x90000000, MIB(2), 0);
    window_place_pools(pools, ELEMENTS(pools));
    assert_int_equal(pools[3].place.v, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_layout_boundaries),
        cmocka_unit_test(test_ram),
        cmocka_unit_test(test_ram_everywhere),
        cmocka_unit_test(test_classic_identity),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_order_of_clashes),
        cmocka_unit_test(test_invalid_ranges),
        cmocka_unit_test(test_extended_regions),
        cmocka_unit_test(test_extended_classic_identity),
        cmocka_unit_test(test_place_in_order),
        cmocka_unit_test(test_place_single),
        cmocka_unit_test(test_place_overflow_to_high),
        cmocka_unit_test(test_place_around_configured),
        cmocka_unit_test(test_place_hostile_configuration),
    };

    return RUN_TESTS("window", tests);
}
