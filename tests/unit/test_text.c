/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Columns of text: wide and combining characters, and breaking into lines. */
#include "test.h"

#include <locale.h>
#include <stdbool.h>
#include <string.h>

#include "text.h"

/* Systems without C.UTF-8 have no widths: each character counts as one column there. */
static bool has_widths(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

    if (locale)
        freelocale(locale);
    return locale != (locale_t)0;
}

static void test_width(void **state)
{
    assert_int_equal(text_width(""), 0);
    assert_int_equal(text_width("guest1"), 6);
    assert_int_equal(text_width("gr\u00fc\u00df"), 4);
    assert_int_equal(text_width("\u2588\u2591"), 2);
    if (!has_widths())
        skip();
    assert_int_equal(text_width("\u4e2d\u6587"), 4);
    assert_int_equal(text_width("e\u0301"), 1);
    assert_int_equal(text_width("\U0001f600x"), 3);
}

static void test_word_width(void **state)
{
    assert_int_equal(text_word_width(""), 0);
    assert_int_equal(text_word_width("  "), 0);
    assert_int_equal(text_word_width("a, bcd, ef"), 4);
    assert_int_equal(text_word_width("  abcd e"), 4);
    assert_int_equal(text_word_width("a  \u00fc\u00fc\u00fc"), 3);
}

/* `lines` is what the text breaks into, parted by '|'. */
static void assert_lines(const char *text, size_t columns, const char *lines)
{
    char got[256] = "";

    while (*text) {
        struct text_line line = text_break(text, columns);

        assert_true(line.bytes > 0);
        strcat(strncat(got, text, line.bytes), "|");
        text = line.rest;
    }
    assert_string_equal(got, lines);
}

static void test_break(void **state)
{
    assert_lines("", 5, "");
    assert_lines("a b", 5, "a b|");
    assert_lines("a, b, c", 5, "a, b,|c|");
    assert_lines("a, b, c", 4, "a,|b, c|");
    assert_lines("exact fits", 5, "exact|fits|");
    assert_lines("exactly fits", 5, "exact|ly|fits|");
    assert_lines("a   b", 1, "a|b|");
    assert_lines("abc", 1, "a|b|c|");
    assert_lines("abc", 0, "a|b|c|");
    assert_lines("  ab", 2, "  |ab|");
}

static void test_break_of_wide_characters(void **state)
{
    if (!has_widths())
        skip();
    assert_lines("\u4e2d\u6587\u4e2d", 5, "\u4e2d\u6587|\u4e2d|");
    assert_lines("\u4e2d\u6587", 1, "\u4e2d|\u6587|");
    assert_lines("e\u0301e\u0301", 1, "e\u0301|e\u0301|");
    assert_int_equal(text_break("\u4e2d\u6587", 3).columns, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_word_width),
        cmocka_unit_test(test_break),
        cmocka_unit_test(test_break_of_wide_characters),
    };

    return RUN_TESTS("text", tests);
}
