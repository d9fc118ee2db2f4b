/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables on paper: each row in as many lines as it takes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "colour.h"
#include "table.h"
#include "text.h"

/* A table on its way out. */
struct printer {
    const struct table *table;
    const struct table_place *places;
    const char **rest;    /* of each cell of the row, what has not been printed yet */
    const char **colours; /* of each cell: an escape sequence, "" for none */
    FILE *out;
    bool colour;
};

/*
 * The next piece of a cell. Spaces are printed only when something follows them: `owed` are those
 * that what stands before has left; returns those that it leaves itself.
 */
static size_t print_piece(const struct printer *printer, size_t column, size_t owed)
{
    const struct table_place *place = &printer->places[column];
    bool right = printer->table->columns[column].kind == COLUMN_NUMBER;
    const char *text = printer->rest[column], *colour = printer->colours[column];
    struct text_line line = text_break(text, place->width);
    size_t padding = place->width > line.columns ? place->width - line.columns : 0;

    printer->rest[column] = line.rest;
    owed += place->indent;
    if (line.bytes == 0)
        return owed + padding;
    fprintf(printer->out, "%*s%s%.*s%s", (int)(owed + (right ? padding : 0)), "", colour,
            (int)line.bytes, text, *colour ? COLOUR_RESET : "");
    return right ? 0 : padding;
}

/* Prints the columns from `first` on that share a line with it; returns the first of the next. */
static size_t print_line(const struct printer *printer, size_t first)
{
    size_t count = printer->table->column_count, end = first;
    bool more = true;

    while (end < count && printer->places[end].line == printer->places[first].line)
        end++;
    while (more) {
        size_t owed = 0;

        more = false;
        for (size_t i = first; i < end; i++) {
            owed = print_piece(printer, i, owed);
            more = more || *printer->rest[i];
        }
        fputc('\n', printer->out);
    }
    return end;
}

/* How many columns stand before the one that begins a line of its own; 0: none does. */
static size_t columns_before_fold(const struct printer *printer)
{
    for (size_t i = 1; i < printer->table->column_count; i++)
        if (printer->table->columns[i].folds && printer->places[i].line > 0)
            return i;
    return 0;
}

/* True when the row says the same in its first columns as the row before. */
static bool repeats(const struct table *table, size_t cell, size_t columns)
{
    if (columns == 0 || cell == 0)
        return false;
    for (size_t i = cell; i < cell + columns; i++)
        if (strcmp(table->cells[i], table->cells[i - table->column_count]) != 0)
            return false;
    return true;
}

static void print_headings(const struct printer *printer)
{
    const struct table *table = printer->table;

    for (size_t i = 0; i < table->column_count; i++) {
        printer->rest[i] = table->columns[i].heading;
        printer->colours[i] = printer->colour ? COLOUR_BOLD : "";
    }
    for (size_t i = 0; i < table->column_count;)
        i = print_line(printer, i);
}

/* The row whose first cell is `cell`. */
static void print_row(const struct printer *printer, size_t cell)
{
    const struct table *table = printer->table;
    size_t skipped = columns_before_fold(printer);

    for (size_t i = 0; i < table->column_count; i++) {
        bool state = table->columns[i].kind == COLUMN_STATE;

        printer->rest[i] = table->cells[cell + i];
        printer->colours[i] = printer->colour && state ? state_colour(printer->rest[i]) : "";
    }
    for (size_t i = repeats(table, cell, skipped) ? skipped : 0; i < table->column_count;)
        i = print_line(printer, i);
}

int table_print(const struct table *table, FILE *out, bool colour, size_t limit)
{
    _cleanup_(cleanup_free) struct table_place *places =
        calloc(table->column_count, sizeof(*places));
    _cleanup_(cleanup_free) const char **texts = calloc(table->column_count * 2, sizeof(*texts));
    struct printer printer = {
        .table = table,
        .places = places,
        .rest = texts,
        .colours = texts ? texts + table->column_count : NULL,
        .out = out,
        .colour = colour,
    };

    if (table->failed || !places || !texts)
        return -ENOMEM;
    table_lay_out(table, limit, places);
    print_headings(&printer);
    for (size_t i = 0; i + table->column_count <= table->cell_count; i += table->column_count)
        print_row(&printer, i);
    return 0;
}
