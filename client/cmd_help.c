/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* help: everything from the tables of commands and options. */
#include <string.h>

#include "commands.h"
#include "xenshm.h"

static void print_options(FILE *out, const struct option *table)
{
    for (const struct option *o = table; o->name; o++) {
        char letter[] = { '-', o->letter, ',', ' ', '\0' }, left[48];

        snprintf(left, sizeof(left), "%s--%s%s%s", o->letter ? letter : "    ", o->name,
                 o->value ? " " : "", o->value ? o->value : "");
        fprintf(out, "  %-30s %s\n", left, o->help);
    }
}

static void print_command(FILE *out, const struct command *command)
{
    for (size_t i = 0; i < COMMAND_FORMS_MAX && command->forms[i]; i++)
        fprintf(out, "%s xenshmctl %s%s%s\n", i ? "      " : "usage:", command->name,
                *command->forms[i] ? " " : "", command->forms[i]);
    fprintf(out, "\n%s: %s\n", command->name, command->help);
    if (command->notes)
        fprintf(out, "\n%s", command->notes);
    if (command->options) {
        fputs("\noptions:\n", out);
        print_options(out, command->options);
    }
    fputs("\nglobal options:\n", out);
    print_options(out, global_options);
}

static void print_overview(FILE *out)
{
    const struct command *command;

    fputs("usage: xenshmctl [--socket PATH | --host URL] [--json] [--timeout SEC] COMMAND\n"
          "\n"
          "Shares reserved pages of this host with Xen guests, through xenshmd.\n"
          "\n"
          "commands:\n",
          out);
    for (size_t i = 0; (command = command_at(i)); i++)
        if (!command->hidden)
            fprintf(out, "  %-10s %s\n", command->name, command->help);
    fputs("\noptions:\n", out);
    print_options(out, global_options);
    fputs("\nGUEST is a name, a domid or a UUID. SIZE is a number of bytes, or one with K,\n"
          "M or G (powers of 1024). 'xenshmctl COMMAND --help' explains a command.\n"
          "XENSHM_SOCKET is the default of --socket, otherwise " XENSHM_DEFAULT_SOCKET ".\n"
          "XENSHM_HOST is that of --host, with which --socket is a path over there.\n"
          "Exit status: 0 done, 1 refused, 2 usage, 3 daemon not reachable.\n",
          out);
}

void help_print(FILE *out, const struct command *command)
{
    if (command)
        print_command(out, command);
    else
        print_overview(out);
}

void help_print_group(FILE *out, const char *group)
{
    const struct command *command;
    size_t length = strlen(group);

    fprintf(out, "usage: xenshmctl %s COMMAND\n\ncommands:\n", group);
    for (size_t i = 0; (command = command_at(i)); i++)
        if (strncmp(command->name, group, length) == 0 && command->name[length] == ' ')
            fprintf(out, "  %-10s %s\n", command->name, command->help);
    fprintf(out, "\n'xenshmctl %s COMMAND --help' explains a command.\n", group);
}

enum exit_status cmd_help(const struct invocation *invocation)
{
    const char *first = invocation_argument(invocation, 0);
    const char *second = invocation_argument(invocation, 1);
    const struct command *command;
    char name[64];

    if (first && !second && command_is_group(first)) {
        if (invocation->json)
            return help_show_json(invocation, NULL);
        help_print_group(stdout, first);
        return STATUS_DONE;
    }
    snprintf(name, sizeof(name), "%s%s%s", first ? first : "", second ? " " : "",
             second ? second : "");
    command = command_find(name);

    if (first && !command)
        return complain_usage(invocation, "unknown command '%s'", name);
    if (invocation->json)
        return help_show_json(invocation, command);
    help_print(stdout, command);
    return STATUS_DONE;
}
