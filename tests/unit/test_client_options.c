/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Option parsing: every way to write an option, and the words that are none. */
#include "test.h"

#include "cleanup.h"
#include "options.h"

static const struct option global[] = {
    { "json", 0, NULL, "" }, { "help", 'h', NULL, "" }, { "socket", 0, "PATH", "" }, { 0 }
};
static const struct option local[] = { { "name", 0, "NAME", "" }, { "all", 0, NULL, "" }, { 0 } };

static void start(struct options *options, char **argv)
{
    assert_int_equal(options_init(options, argv, global), 0);
    options->tables[1] = local;
}

static void assert_argument(struct options *options, const char *expected)
{
    const char *argument = "untouched";

    assert_int_equal(options_next(options, &argument), 0);
    assert_string_equal(argument, expected);
}

static void assert_end(struct options *options)
{
    const char *argument = "untouched";

    assert_int_equal(options_next(options, &argument), 0);
    assert_null(argument);
}

static void assert_refusal(int refusal, char *word, char *second)
{
    _cleanup_(options_clear) struct options options;
    char *argv[] = { word, second, NULL };
    const char *argument;

    start(&options, argv);
    assert_int_equal(options_next(&options, &argument), refusal);
    assert_string_equal(options.word, word);
}

static void test_values(void **state)
{
    _cleanup_(options_clear) struct options options;
    char *argv[] = { "--name", "a", "x", "--socket=/b=c", "y", "--json", NULL };

    start(&options, argv);
    assert_argument(&options, "x");
    assert_argument(&options, "y");
    assert_end(&options);
    assert_end(&options);
    assert_string_equal(options_value(&options, "name"), "a");
    assert_string_equal(options_value(&options, "socket"), "/b=c");
    assert_true(options_has(&options, "json"));
    assert_null(options_value(&options, "json"));
    assert_false(options_has(&options, "all"));
    assert_null(options_value(&options, "all"));
}

static void test_empty_line(void **state)
{
    _cleanup_(options_clear) struct options options;
    char *argv[] = { NULL };

    start(&options, argv);
    assert_end(&options);
}

static void test_empty_values(void **state)
{
    _cleanup_(options_clear) struct options options;
    char *argv[] = { "--name=", "--socket", "", "", NULL };

    start(&options, argv);
    assert_argument(&options, "");
    assert_string_equal(options_value(&options, "name"), "");
    assert_string_equal(options_value(&options, "socket"), "");
}

static void test_last_one_counts(void **state)
{
    _cleanup_(options_clear) struct options options;
    char *argv[] = { "--name", "a", "--name=b", "--json", "--json", NULL };

    start(&options, argv);
    assert_end(&options);
    assert_string_equal(options_value(&options, "name"), "b");
    assert_int_equal(options.given_count, 4);
}

/* What looks like an option is a value where a value is due. */
static void test_value_with_dashes(void **state)
{
    _cleanup_(options_clear) struct options options;
    char *argv[] = { "--name", "--json", "--socket", "--", NULL };

    start(&options, argv);
    assert_end(&options);
    assert_string_equal(options_value(&options, "name"), "--json");
    assert_string_equal(options_value(&options, "socket"), "--");
    assert_false(options_has(&options, "json"));
}

static void test_words_that_are_no_options(void **state)
{
    _cleanup_(options_clear) struct options options;
    char *argv[] = { "-1", "-4K", "-", "-0x10", "name", "", NULL };

    start(&options, argv);
    for (size_t i = 0; argv[i]; i++)
        assert_argument(&options, argv[i]);
    assert_end(&options);
}

static void test_end_of_options(void **state)
{
    _cleanup_(options_clear) struct options options;
    char *argv[] = { "--json", "--", "--all", "-h", "--", "-1", NULL };

    start(&options, argv);
    for (size_t i = 2; argv[i]; i++)
        assert_argument(&options, argv[i]);
    assert_end(&options);
    assert_true(options_has(&options, "json"));
    assert_false(options_has(&options, "all"));
    assert_false(options_has(&options, "help"));
}

static void test_short(void **state)
{
    _cleanup_(options_clear) struct options options;
    char *argv[] = { "-h", NULL };

    start(&options, argv);
    assert_end(&options);
    assert_true(options_has(&options, "help"));
}

static void test_refusals(void **state)
{
    assert_refusal(OPTIONS_E_UNKNOWN, "--nam", "x");
    assert_refusal(OPTIONS_E_UNKNOWN, "--names", "x");
    assert_refusal(OPTIONS_E_UNKNOWN, "--names=x", NULL);
    assert_refusal(OPTIONS_E_UNKNOWN, "--=x", NULL);
    assert_refusal(OPTIONS_E_UNKNOWN, "---", NULL);
    assert_refusal(OPTIONS_E_UNKNOWN, "--Json", NULL);
    assert_refusal(OPTIONS_E_UNKNOWN, "-x", NULL);
    assert_refusal(OPTIONS_E_UNKNOWN, "-hh", NULL);
    assert_refusal(OPTIONS_E_UNKNOWN, "-h=1", NULL);
    assert_refusal(OPTIONS_E_UNKNOWN, "-json", NULL);
    assert_refusal(OPTIONS_E_UNKNOWN, "-K4", NULL);
    assert_refusal(OPTIONS_E_NEEDS_VALUE, "--name", NULL);
    assert_refusal(OPTIONS_E_NEEDS_VALUE, "--socket", NULL);
    assert_refusal(OPTIONS_E_TAKES_NO_VALUE, "--json=1", NULL);
    assert_refusal(OPTIONS_E_TAKES_NO_VALUE, "--json=", NULL);
}

/* Before the command is known, its options are not. */
static void test_command_option_before_the_command(void **state)
{
    _cleanup_(options_clear) struct options options;
    char *argv[] = { "--all", NULL };
    const char *argument;

    assert_int_equal(options_init(&options, argv, global), 0);
    assert_int_equal(options_next(&options, &argument), OPTIONS_E_UNKNOWN);
}

/* An option knows which arguments stand before it. */
static void test_places(void **state)
{
    _cleanup_(options_clear) struct options options;
    char *argv[] = { "--json", "x", "--name", "a", "--all", "y", "--name=b", NULL };

    start(&options, argv);
    assert_argument(&options, "x");
    assert_argument(&options, "y");
    assert_end(&options);
    assert_int_equal(options.argument_count, 2);
    assert_int_equal(options.given_count, 4);
    assert_int_equal(options.given[0].arguments, 0);
    assert_int_equal(options.given[1].arguments, 1);
    assert_int_equal(options.given[2].arguments, 1);
    assert_int_equal(options.given[3].arguments, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_empty_line),
        cmocka_unit_test(test_empty_values),
        cmocka_unit_test(test_last_one_counts),
        cmocka_unit_test(test_value_with_dashes),
        cmocka_unit_test(test_words_that_are_no_options),
        cmocka_unit_test(test_end_of_options),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_command_option_before_the_command),
    };

    return RUN_TESTS("client_options", tests);
}
