/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people read: tables, sizes and key-value lines, also from hostile or incomplete results. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "print.h"

static const struct column columns[] = {
    { "NAME" }, { "SIZE", COLUMN_NUMBER }, { "STATE", COLUMN_STATE }, { "LAST" }, { 0 }
};

static void assert_table(const struct table *table, bool colour, const char *expected)
{
    _cleanup_(cleanup_free) char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(table_print(table, out, colour, 0), 0);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
}

static void add_row(struct table *table, const char *a, const char *b, const char *c, const char *d)
{
    table_add(table, a);
    table_add(table, b);
    table_add(table, c);
    table_add(table, d);
}

static void test_table(void **state)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);

    assert_table(table, false, "NAME  SIZE  STATE  LAST\n");
    add_row(table, "a", "4 KiB", "used", "x");
    add_row(table, "longer", "1 MiB", "quarantined", "");
    assert_table(table, false,
                 "NAME     SIZE  STATE        LAST\n"
                 "a       4 KiB  used         x\n"
                 "longer  1 MiB  quarantined\n");
}

/* Escape sequences take no room, and only known states have a colour. */
static void test_table_in_colour(void **state)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);

    add_row(table, "a", "1", "used", "used");
    add_row(table, "b", "1", "odd", "");
    assert_table(table, true,
                 "\033[1mNAME\033[0m  \033[1mSIZE\033[0m  \033[1mSTATE\033[0m  \033[1mLAST\033[0m\n"
                 "a        1  \033[32mused\033[0m   used\n"
                 "b        1  odd\n");
}

/* A name can be anything: the table stays a table, and counts characters, not bytes. */
static void test_table_of_hostile_names(void **state)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);

    add_row(table, "\033[2J\n", "1", "\xc2\x9b", "a\tb");
    add_row(table, "gr\u00fc\u00df", "1", "x\xff", "\u20ac");
    assert_table(table, false,
                 "NAME   SIZE  STATE  LAST\n"
                 "?[2J?     1  ??     a?b\n"
                 "gr\u00fc\u00df      1  x?     \u20ac\n");
}

static void test_table_of_many_rows(void **state)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);
    _cleanup_(cleanup_free) char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    for (unsigned i = 0; i < 10000; i++)
        add_row(table, "a", "b", "c", "d");
    assert_int_equal(table_print(table, out, false, 0), 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(size, 10001 * strlen("NAME  SIZE  STATE  LAST\n") - 10000 * 3);
}

static void test_table_members(void **state)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);
    _cleanup_(cleanup_json) json_t *object =
        json_pack("{s:s, s:I, s:I, s:s, s:n, s:i}", "text", "t", "size", (json_int_t)1536, "bad",
                  (json_int_t)-1, "string", "x", "null", "number", 7);

    table_add_member(table, object, "text");
    table_add_size(table, object, "size");
    table_add_size(table, object, "bad");
    table_add_size(table, object, "string");
    table_add_member(table, object, "missing");
    table_add_size(table, object, "missing");
    table_add_member(table, NULL, "text");
    table_add_member(table, object, "number");
    assert_table(table, false,
                 "NAME     SIZE  STATE  LAST\n"
                 "t     1.5 KiB  -1     x\n"
                 "-           -  -      7\n");
}

static void assert_size(uint64_t bytes, const char *expected)
{
    char text[SIZE_TEXT_MAX];

    assert_string_equal(print_size(bytes, text), expected);
}

static void test_size(void **state)
{
    assert_size(0, "0 bytes");
    assert_size(1, "1 byte");
    assert_size(1023, "1023 bytes");
    assert_size(4096, "4 KiB");
    assert_size(1025, "1025 bytes");
    assert_size(1536, "1.5 KiB");
    assert_size(1537, "1537 bytes");
    assert_size(1536 << 10, "1.5 MiB");
    assert_size(1028 << 10, "1028 KiB"); /* not the 1 MiB of size_format() */
    assert_size((1 << 20) + 512, "1049088 bytes");
    assert_size(UINT64_C(1) << 60, "1 EiB");
    assert_size(UINT64_C(3) << 59, "1.5 EiB");
    assert_size((UINT64_C(1) << 60) + 4096, "1125899906842628 KiB");
    assert_size(UINT64_MAX, "18446744073709551615 bytes");
}

/* Whatever print_size() says is exactly what it was given. */
static void test_size_is_exact(void **state)
{
    for (uint64_t pages = 1; pages < 300000; pages++) {
        char text[SIZE_TEXT_MAX], *end;
        double value, unit;

        print_size(pages * 4096, text);
        value = strtod(text, &end);
        unit = end[1] == 'K' ? 1024. : end[1] == 'M' ? 1024. * 1024 : 1024. * 1024 * 1024;
        assert_true(value * unit == (double)(pages * 4096));
    }
}

static void assert_paragraph(size_t limit, const char *text, const char *expected)
{
    _cleanup_(cleanup_free) char *got = NULL;
    size_t size;
    FILE *out = open_memstream(&got, &size);

    assert_non_null(out);
    assert_int_equal(print_paragraph(out, limit, "%s", text), 0);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(got, expected);
}

static void test_paragraph(void **state)
{
    assert_paragraph(20, "short", "short\n");
    assert_paragraph(20, "twenty characters it\nand more", "twenty characters\n  it?and more\n");
    assert_paragraph(20, "first, exactly this: 18 and this are it: next",
                     "first, exactly this:\n  18 and this are\n  it: next\n");
    assert_paragraph(20, "0123456789012345678901234567890123456789",
                     "01234567890123456789\n  012345678901234567\n  89\n");
    assert_paragraph(0, "as long as it may be, in one line", "as long as it may be, in one line\n");
}

static void assert_flat(json_t *value, const char *expected)
{
    _cleanup_(cleanup_free) char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(value);
    assert_int_equal(print_flat(out, "", value), 0);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    json_decref(value);
}

static void test_flat(void **state)
{
    assert_flat(
        json_loads("{\"version\": \"1\", \"n\": {\"a\": 1, \"b\": {\"c\": true}}, \"f\": 0.5}", 0,
                   NULL),
        "version: 1\n"
        "n.a: 1\n"
        "n.b.c: yes\n"
        "f: 0.5\n");
    assert_flat(
        json_loads("{\"l\": [\"x\", {\"y\": false}, [1]], \"e\": {}, \"m\": [], \"z\": null}", 0,
                   NULL),
        "l.0: x\n"
        "l.1.y: no\n"
        "l.2.0: 1\n"
        "e: -\n"
        "m: -\n"
        "z: -\n");
    assert_flat(json_loads("{\"a\\nb\": \"c\\u001b[1m\\nd\"}", 0, NULL), "a?b: c?[1m?d\n");
}

static void test_members(void **state)
{
    _cleanup_(cleanup_json) json_t *object =
        json_pack("{s:s, s:i, s:i}", "a", "x", "n", 4096, "m", -4096);
    char text[SIZE_TEXT_MAX];

    assert_string_equal(print_member(object, "a"), "x");
    assert_string_equal(print_member(object, "n"), "-");
    assert_string_equal(print_member(object, "none"), "-");
    assert_string_equal(print_member(NULL, "a"), "-");
    assert_string_equal(print_member_size(object, "n", text), "4 KiB");
    assert_string_equal(print_member_size(object, "m", text), "-");
    assert_string_equal(print_member_size(object, "a", text), "-");
    assert_string_equal(print_member_size(NULL, "a", text), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_in_colour),
        cmocka_unit_test(test_table_of_hostile_names),
        cmocka_unit_test(test_table_of_many_rows),
        cmocka_unit_test(test_table_members),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_size_is_exact),
        cmocka_unit_test(test_paragraph),
        cmocka_unit_test(test_flat),
        cmocka_unit_test(test_members),
    };

    return RUN_TESTS("print", tests);
}
