/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command table: what it says about itself must be true, since the help is made of it. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"

static bool form_has(const struct command *command, const char *text)
{
    for (size_t i = 0; i < COMMAND_FORMS_MAX; i++)
        if (command->forms[i] && strstr(command->forms[i], text))
            return true;
    return command->notes && strstr(command->notes, text);
}

/* Every option stands in a form, or in the notes, as `--name` or `--name VALUE`. */
static void test_options_are_in_the_forms(void **state)
{
    const struct command *command;

    for (size_t i = 0; (command = command_at(i)); i++)
        for (const struct option *o = command->options; o && o->name; o++) {
            char text[64];

            snprintf(text, sizeof(text), "--%s%s%s", o->name, o->value ? " " : "",
                     o->value ? o->value : "");
            assert_true(form_has(command, text));
        }
}

static bool has_option(const struct option *table, const char *name, size_t length)
{
    for (const struct option *o = table; o && o->name; o++)
        if (strlen(o->name) == length && strncmp(o->name, name, length) == 0)
            return true;
    return false;
}

static void assert_only_options(const struct command *command, const char *text)
{
    for (const char *s = text; (s = strstr(s, "--")); s += 2) {
        size_t length = strcspn(s + 2, " ]|\n");

        assert_true(has_option(command->options, s + 2, length) ||
                    has_option(global_options, s + 2, length));
    }
}

/* Every `--name` in a form or in the notes is an option. */
static void test_forms_have_only_options(void **state)
{
    const struct command *command;

    for (size_t i = 0; (command = command_at(i)); i++) {
        for (size_t f = 0; f < COMMAND_FORMS_MAX && command->forms[f]; f++)
            assert_only_options(command, command->forms[f]);
        if (command->notes)
            assert_only_options(command, command->notes);
    }
}

/* An option of a command would hide behind a global one of the same name. */
static void test_no_option_hides_another(void **state)
{
    const struct command *command;

    for (size_t i = 0; (command = command_at(i)); i++)
        for (const struct option *o = command->options; o && o->name; o++)
            for (const struct option *g = global_options; g->name; g++)
                assert_string_not_equal(o->name, g->name);
}

static void test_rows(void **state)
{
    const struct command *command;

    for (size_t i = 0; (command = command_at(i)); i++) {
        assert_ptr_equal(command_find(command->name), command);
        assert_non_null(command->forms[0]);
        assert_true(command->min_arguments <= command->max_arguments);
        assert_true(strlen(command->help) > 0 && strlen(command->help) <= 50);
        assert_null(strchr(command->help, '\n'));
        assert_non_null(command->run);
    }
}

static void assert_nearest(const char *name, const char *expected)
{
    const struct command *command = command_nearest(name);

    if (!expected) {
        assert_null(command);
        return;
    }
    assert_non_null(command);
    assert_string_equal(command->name, expected);
}

static void test_nearest(void **state)
{
    assert_nearest("atach", "attach");
    assert_nearest("attachh", "attach");
    assert_nearest("attacj", "attach");
    assert_nearest("attahc", "attach");
    assert_nearest("at", "attach");
    assert_nearest("stat", "status");
    assert_nearest("pool", "pools");
    assert_nearest("guest", "guests");
    assert_nearest("lsit", "list");
    assert_nearest("detac", "detach");
    assert_nearest("", NULL);
    assert_nearest("a", NULL);
    assert_nearest("frobnicate", NULL);
    assert_nearest("attachment", NULL);
    assert_nearest("\xff", NULL);
}

/* The help of everything fits a terminal of 80 columns, the usage lines aside. */
static void test_help_is_narrow(void **state)
{
    _cleanup_(cleanup_free) char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    char *rest, *line;

    assert_non_null(out);
    help_print(out, NULL);
    for (size_t i = 0; command_at(i); i++)
        help_print(out, command_at(i));
    assert_int_equal(fclose(out), 0);
    rest = text;
    while ((line = strsep(&rest, "\n")))
        if (!strstr(line, " xenshmctl "))
            assert_true(strlen(line) <= 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_are_in_the_forms),
        cmocka_unit_test(test_forms_have_only_options),
        cmocka_unit_test(test_no_option_hides_another),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_help_is_narrow),
    };

    return RUN_TESTS("client_commands", tests);
}
