/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of print.h: cells are gathered first, because a column is as wide as its widest cell. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "print.h"
#include "utf8.h"

#define GAP 2 /* spaces between columns */

#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define RESET "\033[0m"

struct table {
    const struct column *columns;
    size_t column_count;
    size_t *widths; /* of each column, in characters */
    char **cells;   /* row by row */
    size_t cell_count;
    size_t cell_room;
    bool failed; /* an allocation failed: the table is not complete */
};

/* Characters of well-formed UTF-8: bytes that do not continue one. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

struct table *table_new(const struct column *columns)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->columns = columns;
    while (columns[table->column_count].heading)
        table->column_count++;
    table->widths = calloc(table->column_count, sizeof(*table->widths));
    if (!table->widths) {
        table_free(table);
        return NULL;
    }
    for (size_t i = 0; i < table->column_count; i++)
        table->widths[i] = strlen(columns[i].heading);
    return table;
}

void table_free(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table->widths);
    free(table);
}

void cleanup_table(struct table **table)
{
    table_free(*table);
}

static bool make_room(struct table *table)
{
    size_t room = table->cell_room ? table->cell_room * 2 : 64;
    char **cells;

    if (table->cell_count < table->cell_room)
        return true;
    cells = reallocarray(table->cells, room, sizeof(*cells));
    if (!cells)
        return false;
    table->cells = cells;
    table->cell_room = room;
    return true;
}

void table_add_owned(struct table *table, char *text)
{
    size_t column = table->cell_count % table->column_count, width;

    if (!text || !make_room(table)) {
        free(text);
        table->failed = true;
        return;
    }
    utf8_make_printable(text);
    width = width_of(text);
    if (width > table->widths[column])
        table->widths[column] = width;
    table->cells[table->cell_count++] = text;
}

void table_add(struct table *table, const char *text)
{
    table_add_owned(table, strdup(text));
}

void table_add_member(struct table *table, const json_t *object, const char *key)
{
    table_add_owned(table, print_value(json_object_get(object, key)));
}

void table_add_size(struct table *table, const json_t *object, const char *key)
{
    json_t *bytes = json_object_get(object, key);
    char text[SIZE_TEXT_MAX];

    if (!json_is_integer(bytes) || json_integer_value(bytes) < 0)
        table_add_member(table, object, key);
    else
        table_add(table, size_format((uint64_t)json_integer_value(bytes), text));
}

/* By its first word: what follows it tells more. */
static const char *state_colour(const char *state)
{
    static const struct {
        const char *state, *colour;
    } colours[] = {
        { "attached", GREEN },   { "used", GREEN },     { "running", GREEN },
        { "ok", GREEN },         { "warning", YELLOW }, { "problem", RED },
        { "kept", GREEN },       { "waiting", YELLOW }, { "attaching", YELLOW },
        { "detaching", YELLOW }, { "wiping", YELLOW },  { "mapping", YELLOW },
        { "unmapping", YELLOW }, { "paused", YELLOW },  { "rebooting", YELLOW },
        { "foreign", YELLOW },   { "clash", RED },      { "quarantined", RED },
        { "dying", RED },        { "crashed", RED },
    };
    size_t length = strcspn(state, " ,");

    for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
        if (strlen(colours[i].state) == length && strncmp(colours[i].state, state, length) == 0)
            return colours[i].colour;
    return "";
}

/* `colour`: an escape sequence, "" for none. */
static void print_cell(const struct table *table, FILE *out, size_t column, const char *text,
                       const char *colour)
{
    bool last = column + 1 == table->column_count;
    bool right = table->columns[column].kind == COLUMN_NUMBER;
    int padding = (int)(table->widths[column] - width_of(text));

    fprintf(out, "%*s%s%s%s%*s", right ? padding : 0, "", colour, text, *colour ? RESET : "",
            last ? 0 : GAP + (right ? 0 : padding), "");
    if (last)
        fputc('\n', out);
}

int table_print(const struct table *table, FILE *out, bool colour)
{
    if (table->failed)
        return -ENOMEM;
    for (size_t i = 0; i < table->column_count; i++)
        print_cell(table, out, i, table->columns[i].heading, colour ? BOLD : "");
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % table->column_count;
        bool state = table->columns[column].kind == COLUMN_STATE;

        print_cell(table, out, column, table->cells[i],
                   colour && state ? state_colour(table->cells[i]) : "");
    }
    return 0;
}
