/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The values that the tables have names for, and those that need no daemon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "complete.h"
#include "utf8.h"

/* A name that would have to be changed to be shown is left out, and so is one that is two lines. */
static bool can_be_typed(const char *text)
{
    _cleanup_(cleanup_free) char *printable = strdup(text);

    if (!printable || !*text)
        return false;
    utf8_make_printable(printable);
    return strcmp(printable, text) == 0;
}

void complete_offer(const struct complete_line *line, const char *value, const char *description)
{
    if (strncmp(value, line->word, strlen(line->word)) == 0 && can_be_typed(value))
        printf("%s\t%s\n", value, can_be_typed(description) ? description : "");
}

/* ---- from here */

static void offer_nothing(const struct complete_line *line)
{
}

static void offer_files(const struct complete_line *line)
{
    puts("\tfiles");
}

static void offer_sizes(const struct complete_line *line)
{
    complete_offer(line, "4K", "a page");
    complete_offer(line, "64K", "");
    complete_offer(line, "1M", "");
}

static void offer_places(const struct complete_line *line)
{
    complete_offer(line, "identity", "as on the host");
}

static void offer_properties(const struct complete_line *line)
{
    complete_offer(line, "xen,dom0-bootargs", "Dom0's arguments");
    complete_offer(line, "bootargs", "the arguments of a host without Xen's own");
}

/* The commands of one word, or the second words of a group. */
static void offer_commands_of(const struct complete_line *line, const char *group)
{
    size_t length = group ? strlen(group) : 0;
    const struct command *command;

    for (size_t i = 0; (command = command_at(i)); i++) {
        const char *space = strchr(command->name, ' ');
        bool fits = group ? strncmp(command->name, group, length) == 0 && space : !space;

        if (fits && !command->hidden)
            complete_offer(line, space ? space + 1 : command->name, command->help);
    }
}

/* The first words of commands that have two, each once: they stand together in the table. */
static void offer_groups(const struct complete_line *line)
{
    const struct command *command;
    char group[32] = "";

    for (size_t i = 0; (command = command_at(i)); i++) {
        size_t length = strcspn(command->name, " ");

        if (!command->name[length] || strncmp(command->name, group, length + 1) == 0)
            continue;
        snprintf(group, sizeof(group), "%.*s", (int)length, command->name);
        complete_offer(line, group, "more commands");
        snprintf(group, sizeof(group), "%.*s ", (int)length, command->name);
    }
}

/* Also what `help` explains. */
static void offer_commands(const struct complete_line *line)
{
    const struct invocation *invocation = &line->invocation;
    const char *group =
        invocation->command ? invocation_argument(invocation, 0) : invocation->group;

    if (group) {
        if (command_is_group(group))
            offer_commands_of(line, group);
        return;
    }
    offer_commands_of(line, NULL);
    offer_groups(line);
}

/* ---- who offers what; the first row that fits counts */

static const struct {
    const char *owner; /* NULL: any */
    const char *name;
    void (*offer)(const struct complete_line *line);
} sources[] = {
    { "--name", "NAME", offer_nothing }, /* of what is to be made */
    { "alloc", "NAME", offer_nothing },
    { "detach", "NAME", complete_segments_of_guest },
    { "destroy", "GUEST", complete_created_guests },
    { NULL, "GUEST", complete_guests },
    { NULL, "NAME", complete_segments },
    { NULL, "SEGMENT", complete_segments },
    { NULL, "POOL", complete_pools },
    { NULL, "SIZE", offer_sizes },
    { NULL, "SHARE", offer_sizes },
    { NULL, "ADDR|identity", offer_places },
    { NULL, "PROPERTY", offer_properties },
    { NULL, "TYPE", complete_event_types },
    { NULL, "COMMAND", offer_commands },
    { NULL, "SUBCOMMAND", offer_commands },
    { NULL, "CONFIG", offer_files },
    { NULL, "FILE", offer_files },
    { NULL, "IN", offer_files },
    { NULL, "PATH", offer_files },
    { NULL, "ADDR", offer_nothing },
    { NULL, "KEY=VALUE", offer_nothing },
    { NULL, "LENGTH", offer_nothing },
    { NULL, "N", offer_nothing },
    { NULL, "OFFSET", offer_nothing },
    { NULL, "PATTERN", offer_nothing },
    { NULL, "SEC", offer_nothing },
    { NULL, "TEXT", offer_nothing },
    { NULL, "URL", offer_nothing },
};

void complete_values(const struct complete_line *line, const char *owner, const char *name)
{
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        if (strcmp(sources[i].name, name) == 0 &&
            (!sources[i].owner || strcmp(sources[i].owner, owner) == 0)) {
            sources[i].offer(line);
            return;
        }
    complain(&line->invocation, "no completion knows what %s is", name);
}
