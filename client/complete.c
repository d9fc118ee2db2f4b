/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "complete.h"

#include <string.h>

#include "commands.h"

#define TOKEN_MAX 64
#define OFFERED_MAX 8

static void offer_option(const struct complete_line *line, const struct option *option)
{
    const char letter[] = { '-', option->letter, '\0' };
    char name[TOKEN_MAX];

    snprintf(name, sizeof(name), "--%s", option->name);
    complete_offer(line, name, option->help);
    if (option->letter)
        complete_offer(line, letter, option->help);
}

static void offer_options(const struct complete_line *line)
{
    for (size_t i = 0; i < 2; i++)
        for (const struct option *o = line->invocation.options.tables[i]; o && o->name; o++)
            offer_option(line, o);
}

static void offer_value(const struct complete_line *line, const struct option *option)
{
    char owner[TOKEN_MAX];

    snprintf(owner, sizeof(owner), "--%s", option->name);
    if (option->value)
        complete_values(line, owner, option->value);
}

/* ---- arguments, as the forms of the command have them */

/*
 * Takes the next word of a form without its brackets; *ret_repeated tells whether "..." follows.
 * Returns false at the end.
 */
static bool next_token(const char **form, char token[static TOKEN_MAX], bool *ret_repeated)
{
    const char *start = *form + strspn(*form, " [|"), *end = start + strcspn(start, " ");
    size_t length = strcspn(start, " ].");

    *ret_repeated = end - start >= 3 && strncmp(end - 3, "...", 3) == 0;
    snprintf(token, TOKEN_MAX, "%.*s", (int)length, start);
    *form = end;
    return *start != '\0';
}

/* Passes over an option of a form, "--name NAME" or "-o|--output FILE". */
static void skip_option(const struct complete_line *line, const char **form, const char *token)
{
    const char *name = strstr(token, "--");
    const struct option *option = name ? options_find(&line->invocation.options, name) : NULL;
    char value[TOKEN_MAX];
    bool repeated;

    if (option && option->value)
        next_token(form, value, &repeated);
}

/* The arguments offered so far: a command's forms often begin alike. */
struct offered {
    char names[OFFERED_MAX][TOKEN_MAX];
    size_t count;
};

static void offer_once(const struct complete_line *line, struct offered *offered, const char *name)
{
    for (size_t i = 0; i < offered->count; i++)
        if (strcmp(offered->names[i], name) == 0)
            return;
    if (offered->count == OFFERED_MAX)
        return;
    strcpy(offered->names[offered->count++], name);
    complete_values(line, line->invocation.command->name, name);
}

/* Arguments that may be repeated may also be missing, and then the next one stands there. */
static void offer_form(const struct complete_line *line, struct offered *offered, const char *form)
{
    size_t wanted = line->invocation.argument_count, index = 0;
    char token[TOKEN_MAX];
    bool repeated;

    while (next_token(&form, token, &repeated)) {
        if (token[0] == '-') {
            skip_option(line, &form, token);
            continue;
        }
        if (token[0] == '\0')
            continue;
        if (index >= wanted || repeated)
            offer_once(line, offered, token);
        if (index >= wanted && !repeated)
            return;
        index++;
    }
}

static void offer_arguments(const struct complete_line *line)
{
    const struct command *command = line->invocation.command;
    struct offered offered = { 0 };

    if (line->invocation.argument_count < command->max_arguments)
        for (size_t i = 0; i < COMMAND_FORMS_MAX && command->forms[i]; i++)
            offer_form(line, &offered, command->forms[i]);
}

/* ---- the word */

/* "--pool=sh": the shell knows that only what follows the "=" is to be replaced. */
static bool offer_joined_value(const struct complete_line *line)
{
    const struct option *option = options_find(&line->invocation.options, line->word);
    const char *equals = strchr(line->word, '=');
    struct complete_line value = *line;

    if (!equals)
        return false;
    value.word = equals + 1;
    if (option)
        offer_value(&value, option);
    return true;
}

void complete_line(const struct complete_line *line)
{
    bool option = line->word[0] == '-' && !line->invocation.options.only_arguments;

    if (line->open)
        offer_value(line, line->open);
    else if (option && offer_joined_value(line))
        return;
    else if (option)
        offer_options(line);
    else if (line->invocation.command)
        offer_arguments(line);
    else
        complete_values(line, "", "COMMAND");
}
