/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int options_init(struct options *options, char **argv, const struct option *global)
{
    size_t words = 0;

    *options = (struct options){ .tables = { global }, .next = argv };
    while (argv[words])
        words++;
    options->given = calloc(words + 1, sizeof(*options->given));
    return options->given ? 0 : -ENOMEM;
}

void options_clear(struct options *options)
{
    free(options->given);
    *options = (struct options){ 0 };
}

bool options_is_option(const char *word)
{
    bool number = word[0] == '-' && word[1] >= '0' && word[1] <= '9';

    return word[0] == '-' && word[1] != '\0' && !number;
}

static bool names(const struct option *option, const char *word)
{
    size_t length = strlen(option->name);

    if (word[1] != '-')
        return option->letter && word[1] == option->letter && word[2] == '\0';
    return strncmp(word + 2, option->name, length) == 0 &&
           (word[2 + length] == '\0' || word[2 + length] == '=');
}

const struct option *options_find(const struct options *options, const char *word)
{
    for (size_t i = 0; i < 2; i++)
        for (const struct option *o = options->tables[i]; o && o->name; o++)
            if (names(o, word))
                return o;
    return NULL;
}

static int take_option(struct options *options)
{
    const struct option *option = options_find(options, options->word);
    const char *value = strchr(options->word, '=');

    if (!option)
        return OPTIONS_E_UNKNOWN;
    if (value && !option->value)
        return OPTIONS_E_TAKES_NO_VALUE;
    if (value)
        value++;
    else if (option->value && !(value = *options->next))
        return OPTIONS_E_NEEDS_VALUE;
    else if (option->value)
        options->next++;
    options->given[options->given_count++] =
        (struct option_given){ option, value, options->argument_count };
    return 0;
}

int options_next(struct options *options, const char **ret_argument)
{
    int r;

    while (*options->next) {
        options->word = *options->next++;
        if (options->only_arguments || !options_is_option(options->word)) {
            *ret_argument = options->word;
            options->argument_count++;
            return 0;
        }
        if (strcmp(options->word, "--") == 0) {
            options->only_arguments = true;
            continue;
        }
        r = take_option(options);
        if (r)
            return r;
    }
    *ret_argument = NULL;
    return 0;
}

static const struct option_given *last_given(const struct options *options, const char *name)
{
    for (size_t i = options->given_count; i > 0; i--)
        if (strcmp(options->given[i - 1].option->name, name) == 0)
            return &options->given[i - 1];
    return NULL;
}

bool options_has(const struct options *options, const char *name)
{
    return last_given(options, name) != NULL;
}

const char *options_value(const struct options *options, const char *name)
{
    const struct option_given *given = last_given(options, name);

    return given ? given->value : NULL;
}
