/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What people read: aligned tables, sizes, `key: value` lines.
 *
 * Text from the daemon holds names that guests' owners chose: everything that goes through here is
 * made printable. Members that are missing show as "-", because a result may come from another
 * version of the daemon.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "size.h"

/*
 * Call first. A standard descriptor that is closed is filled by one that cannot be used, so that
 * the socket to the daemon never becomes stdout.
 */
void print_begin(void);

enum {
    PRINT_E_LOST = 1, /* an earlier write failed, the reason is gone */
};

/* Writes out what is left on stdout and closes it. Returns 0, PRINT_E_LOST or -errno. */
int print_end(void);

/* Colour on stdout: only on a terminal, never with NO_COLOR. */
bool print_colour(void);

/* How long a line on stdout may be; 0: it is no terminal, where each record is one line. */
size_t print_limit(void);

/* A line on stdout, made printable. Returns 0 or -ENOMEM. */
int print_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * A text, made printable, in lines of at most `limit` columns (0: in one), which are indented from
 * the second on. Returns 0 or -ENOMEM.
 */
int print_paragraph(FILE *out, size_t limit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Like size_format() where that is exact; otherwise in a smaller unit that is: "1028 KiB". Returns
 * `buffer`.
 */
const char *print_size(uint64_t bytes, char buffer[static SIZE_TEXT_MAX]);

/* A string, number or boolean as printable text; "-" for anything else. NULL: no memory. */
char *print_value(const json_t *value);
/* The text of a string member; "-" when it has none. Not made printable. */
const char *print_member(const json_t *object, const char *key) __attribute__((returns_nonnull));
/* The size in an integer member, "-" when it has none; by print_size(). Returns `buffer`. */
const char *print_member_size(const json_t *object, const char *key,
                              char buffer[static SIZE_TEXT_MAX]);

/*
 * Writes a value as `key: value` lines, members of nested objects and arrays as `outer.inner`.
 * `key` is "" for the outermost object. Returns 0 or -ENOMEM.
 */
int print_flat(FILE *out, const char *key, const json_t *value);

enum column_kind {
    COLUMN_TEXT,
    COLUMN_NUMBER, /* to the right */
    COLUMN_STATE,  /* coloured by what it says */
};

/* A column without a heading ends the list. */
struct column {
    const char *heading;
    enum column_kind kind;
    /*
     * Where a row does not fit into a line, this column begins another one; what stands before it
     * is left out where it says the same as in the row before.
     */
    bool folds;
};

struct table;

/* `columns` must outlive the table. NULL: no memory. */
struct table *table_new(const struct column *columns);
void table_free(struct table *table); /* NULL is allowed */
void cleanup_table(struct table **table);

/*
 * Fills the next cell, row by row; the text is copied. A failed allocation is remembered until
 * table_print().
 */
void table_add(struct table *table, const char *text);
void table_add_owned(struct table *table, char *text); /* takes it over; NULL: no memory */
void table_add_member(struct table *table, const json_t *object, const char *key);
void table_add_size(struct table *table, const json_t *object, const char *key);

/*
 * The headings and the rows, in lines of at most `limit` columns (0: no limit). Where a row is
 * longer, its last cell goes on below itself, or the row is folded into several lines, the headings
 * likewise. Returns 0 or -ENOMEM.
 */
int table_print(const struct table *table, FILE *out, bool colour, size_t limit);
