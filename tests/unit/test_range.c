/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Page ranges: above all that nothing overflows at the upper end of the address space. */
#include "test.h"

#include "range.h"

#define TOP FRAME_MAX

static struct mfn_range m(uint64_t first, uint64_t count)
{
    return (struct mfn_range){ mfn(first), count };
}

static struct gfn_range g(uint64_t first, uint64_t count)
{
    return (struct gfn_range){ gfn(first), count };
}

static void test_addresses(void **state)
{
    assert_int_equal(PAGE_SIZE, 4096);
    assert_int_equal(mfn_address(mfn(0x7ffff)), 0x7ffff000);
    assert_int_equal(gfn_address(gfn(0x3a000)), 0x3a000000);
    assert_int_equal(mfn_address(mfn(FRAME_MAX)), UINT64_MAX - 4095);
    assert_int_equal(gfn_address(gfn(FRAME_MAX)), UINT64_MAX - 4095);
    assert_int_equal(pages_to_bytes(3), 12288);
    assert_true(page_aligned(0));
    assert_true(page_aligned(0x7ffff000));
    assert_false(page_aligned(1));
    assert_false(page_aligned(0x7fffffff));
    assert_false(page_aligned(UINT64_MAX));
}

static void test_bytes_to_pages(void **state)
{
    static const struct {
        uint64_t bytes, pages;
    } rows[] = {
        { 0, 0 },
        { 1, 1 },
        { 4095, 1 },
        { 4096, 1 },
        { 4097, 2 },
        { 8192, 2 },
        { UINT64_MAX - 4095, FRAME_MAX },
        { UINT64_MAX - 4094, FRAME_MAX + 1 },
        { UINT64_MAX, FRAME_MAX + 1 },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++)
        assert_int_equal(bytes_to_pages(rows[i].bytes), rows[i].pages);
}

static void test_valid(void **state)
{
    static const struct {
        uint64_t first, count;
        bool valid;
    } rows[] = {
        { 0, 0, false },          { 0, 1, true },           { 5, 0, false },
        { 0, TOP, true },         { 0, TOP + 1, true },     { 0, TOP + 2, false },
        { 0, UINT64_MAX, false }, { 1, TOP, true },         { 1, TOP + 1, false },
        { TOP, 1, true },         { TOP, 2, false },        { TOP, 0, false },
        { TOP + 1, 1, false },    { UINT64_MAX, 1, false }, { UINT64_MAX, UINT64_MAX, false },
        { 2, UINT64_MAX, false },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        assert_int_equal(mfn_range_valid(m(rows[i].first, rows[i].count)), rows[i].valid);
        assert_int_equal(gfn_range_valid(g(rows[i].first, rows[i].count)), rows[i].valid);
    }
}

static void test_end(void **state)
{
    assert_int_equal(mfn_range_end(m(5, 0)), 5);
    assert_int_equal(mfn_range_end(m(5, 3)), 8);
    assert_int_equal(gfn_range_end(g(0, TOP + 1)), TOP + 1);
    assert_int_equal(gfn_range_end(g(TOP, 1)), TOP + 1);
}

/* What two ranges have in common; count 0: nothing. */
static const struct pair {
    uint64_t a, a_count, b, b_count;
    uint64_t both, both_count;
} pairs[] = {
    { 10, 5, 10, 5, 10, 5 },
    { 10, 5, 15, 5, 0, 0 },
    { 10, 5, 14, 5, 14, 1 },
    { 10, 5, 5, 5, 0, 0 },
    { 10, 5, 5, 6, 10, 1 },
    { 10, 5, 11, 2, 11, 2 },
    { 10, 5, 0, 100, 10, 5 },
    { 10, 5, 12, 0, 0, 0 },
    { 10, 0, 10, 0, 0, 0 },
    { 10, 0, 0, 100, 0, 0 },
    { 0, TOP + 1, TOP, 1, TOP, 1 },
    { TOP, 1, TOP, 1, TOP, 1 },
    { TOP - 1, 1, TOP, 1, 0, 0 },
    /* Ranges that run over the end, as another domain's configuration may hold them. */
    { 10, 5, 12, UINT64_MAX, 12, 3 },
    { 10, 5, 0, UINT64_MAX, 10, 5 },
    { 10, UINT64_MAX, 20, UINT64_MAX, 20, UINT64_MAX - 10 },
    { UINT64_MAX, UINT64_MAX, 0, 10, 0, 0 },
    { UINT64_MAX, 1, 0, UINT64_MAX, 0, 0 },
};

static void test_overlaps(void **state)
{
    for (size_t i = 0; i < ELEMENTS(pairs); i++) {
        const struct pair *p = &pairs[i];
        bool overlap = p->both_count > 0;

        assert_int_equal(mfn_range_overlaps(m(p->a, p->a_count), m(p->b, p->b_count)), overlap);
        assert_int_equal(mfn_range_overlaps(m(p->b, p->b_count), m(p->a, p->a_count)), overlap);
        assert_int_equal(gfn_range_overlaps(g(p->a, p->a_count), g(p->b, p->b_count)), overlap);
        assert_int_equal(gfn_range_overlaps(g(p->b, p->b_count), g(p->a, p->a_count)), overlap);
    }
}

static void test_intersect(void **state)
{
    for (size_t i = 0; i < ELEMENTS(pairs); i++) {
        const struct pair *p = &pairs[i];
        struct mfn_range ab = mfn_range_intersect(m(p->a, p->a_count), m(p->b, p->b_count));
        struct mfn_range ba = mfn_range_intersect(m(p->b, p->b_count), m(p->a, p->a_count));

        assert_int_equal(ab.first.v, p->both);
        assert_int_equal(ab.count, p->both_count);
        assert_int_equal(ba.first.v, p->both);
        assert_int_equal(ba.count, p->both_count);
    }
}

static void test_contains(void **state)
{
    static const struct {
        uint64_t outer, outer_count, inner, inner_count;
        bool contains;
    } rows[] = {
        { 10, 5, 10, 5, true },           { 10, 5, 10, 1, true },
        { 10, 5, 14, 1, true },           { 10, 5, 15, 1, false },
        { 10, 5, 14, 2, false },          { 10, 5, 9, 1, false },
        { 10, 5, 9, 2, false },           { 10, 5, 9, 7, false },
        { 10, 5, 12, 0, false },          { 10, 0, 10, 0, false },
        { 10, 0, 10, 1, false },          { 0, TOP + 1, 0, TOP + 1, true },
        { 0, TOP + 1, TOP, 1, true },     { 0, TOP + 1, TOP, 2, false },
        { 10, 5, 12, UINT64_MAX, false }, { 10, 5, 11, UINT64_MAX - 10, false },
        { 10, 5, UINT64_MAX, 1, false },  { 10, 5, UINT64_MAX, UINT64_MAX, false },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct mfn_range outer = m(rows[i].outer, rows[i].outer_count);
        struct mfn_range inner = m(rows[i].inner, rows[i].inner_count);

        assert_int_equal(mfn_range_contains(outer, inner), rows[i].contains);
        assert_int_equal(
            gfn_range_contains(g(outer.first.v, outer.count), g(inner.first.v, inner.count)),
            rows[i].contains);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_bytes_to_pages),
        cmocka_unit_test(test_valid),     cmocka_unit_test(test_end),
        cmocka_unit_test(test_overlaps),  cmocka_unit_test(test_intersect),
        cmocka_unit_test(test_contains),
    };

    return RUN_TESTS("range", tests);
}
