/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* help --json: the tables of commands and options, for programs. */
#include "cleanup.h"
#include "commands.h"
#include "xenshm.h"

static json_t *describe_option(const struct option *option)
{
    const char letter[] = { option->letter, '\0' };

    return json_pack("{s:s, s:s*, s:s*, s:s}", "name", option->name, "letter",
                     option->letter ? letter : NULL, "value", option->value, "summary",
                     option->help);
}

/* A table that is missing has no rows. NULL: no memory. */
static json_t *describe_options(const struct option *table)
{
    json_t *list = json_array();

    for (const struct option *o = table; list && o && o->name; o++)
        if (json_array_append_new(list, describe_option(o)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *describe_forms(const struct command *command)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < COMMAND_FORMS_MAX && command->forms[i]; i++)
        if (json_array_append_new(list, json_string(command->forms[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *describe_command(const struct command *command)
{
    return json_pack("{s:s, s:o, s:o, s:s, s:s*}", "name", command->name, "forms",
                     describe_forms(command), "options", describe_options(command->options),
                     "summary", command->help, "notes", command->notes);
}

static json_t *describe_commands(const struct command *only)
{
    json_t *list = json_array();
    const struct command *command;

    for (size_t i = 0; list && (command = command_at(i)); i++)
        if (!command->hidden && (!only || only == command) &&
            json_array_append_new(list, describe_command(command)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

enum exit_status help_show_json(const struct invocation *invocation, const struct command *only)
{
    _cleanup_(cleanup_json) json_t *result =
        json_pack("{s:s, s:s, s:o, s:o}", "program", "xenshmctl", "version", XENSHMD_VERSION,
                  "options", describe_options(global_options), "commands", describe_commands(only));

    return result ? show_json(invocation, result) : complain_memory(invocation);
}
