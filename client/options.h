/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options and arguments of a command line, read by tables.
 *
 * Not getopt(): a word such as `-1` or `-4K` is an argument here, so that a negative size reaches
 * the check of sizes and is refused as a size. The words are only pointed at: argv must outlive
 * the struct. No output, no globals.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A row of an option table; a row without a name ends the table. */
struct option {
    const char *name;  /* without the dashes */
    char letter;       /* short form, '\0': none; a value is the next word */
    const char *value; /* what the help calls its value; NULL: takes none */
    const char *help;
};

struct option_given {
    const struct option *option;
    const char *value; /* NULL for an option without a value */
    size_t arguments;  /* how many arguments stand before it */
};

struct options {
    const struct option *tables[2]; /* the global one, and the command's once it is known */
    char **next;                    /* words not read yet, NULL at the end */
    bool only_arguments;            /* after `--` */
    const char *word;               /* the word that options_next() read last, for complaints */
    struct option_given *given;     /* owned; in order, repetitions included */
    size_t given_count;
    size_t argument_count; /* arguments handed out so far */
};

/* Refusals of options_next(); options->word is the culprit. */
enum {
    OPTIONS_E_UNKNOWN = 1,
    OPTIONS_E_NEEDS_VALUE,
    OPTIONS_E_TAKES_NO_VALUE,
};

/* `argv` without the program's name. Returns 0 or -ENOMEM. */
int options_init(struct options *options, char **argv, const struct option *global);
void options_clear(struct options *options);

/* True for a word that is an argument only after `--`. */
bool options_is_option(const char *word);

/*
 * Takes in the options up to the next argument; *ret_argument is NULL at the end of the line.
 * Returns 0 or a refusal.
 */
int options_next(struct options *options, const char **ret_argument);

/* The row of a word such as "--pool", "--pool=x" or "-o"; NULL: none. */
const struct option *options_find(const struct options *options, const char *word);

/* Where an option is given more than once, the last one counts. */
bool options_has(const struct options *options, const char *name);
/* Its value; NULL when it was not given (or has none). */
const char *options_value(const struct options *options, const char *name);
