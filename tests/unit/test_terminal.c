/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the environment says about the terminal; what a terminal says itself is in views.bats. */
#include "test.h"

#include <stdbool.h>
#include <stdlib.h>

#include "terminal.h"

static void assert_columns(const char *text, size_t expected)
{
    setenv("COLUMNS", text, 1);
    assert_int_equal(terminal_columns(), expected);
}

static void test_columns(void **state)
{
    assert_columns("80", 80);
    assert_columns("132", 132);
    assert_columns("500", 500);
    assert_columns("1", TERMINAL_COLUMNS_MIN);
    assert_columns("99999999999999999999999", TERMINAL_COLUMNS_MAX);
}

/* What is no number counts as not there. */
static void test_columns_that_are_none(void **state)
{
    static const char *const texts[] = { "", "0", "x", "-5", "80x", " 80" };
    size_t otherwise;

    unsetenv("COLUMNS");
    otherwise = terminal_columns();
    assert_true(otherwise >= TERMINAL_COLUMNS_MIN && otherwise <= TERMINAL_COLUMNS_MAX);
    for (size_t i = 0; i < ELEMENTS(texts); i++)
        assert_columns(texts[i], otherwise);
}

static void set_or_unset(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void assert_utf8(const char *all, const char *ctype, const char *lang, bool expected)
{
    set_or_unset("LC_ALL", all);
    set_or_unset("LC_CTYPE", ctype);
    set_or_unset("LANG", lang);
    assert_int_equal(terminal_utf8(), expected);
}

static void test_utf8(void **state)
{
    assert_utf8(NULL, NULL, NULL, false);
    assert_utf8(NULL, NULL, "de_DE.UTF-8", true);
    assert_utf8(NULL, NULL, "C.utf8", true);
    assert_utf8(NULL, NULL, "sr_RS.UTF-8@latin", true);
    assert_utf8(NULL, NULL, "de_DE", false);
    assert_utf8(NULL, NULL, "de_DE.ISO-8859-1", false);
    assert_utf8(NULL, NULL, "UTF-8", false);
    assert_utf8(NULL, "C", "de_DE.UTF-8", false);
    assert_utf8(NULL, "", "de_DE.UTF-8", true);
    assert_utf8("C", "de_DE.UTF-8", "de_DE.UTF-8", false);
    assert_utf8("", "en_GB.UTF-8", "C", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_columns_that_are_none),
        cmocka_unit_test(test_utf8),
    };

    return RUN_TESTS("terminal", tests);
}
