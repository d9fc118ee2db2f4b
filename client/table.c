/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of print.h: cells are gathered first, because a column is as wide as its widest cell. */
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "text.h"
#include "utf8.h"

struct table *table_new(const struct column *columns)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->columns = columns;
    while (columns[table->column_count].heading)
        table->column_count++;
    table->widths = calloc(table->column_count + 1, sizeof(*table->widths));
    if (!table->widths) {
        table_free(table);
        return NULL;
    }
    for (size_t i = 0; i < table->column_count; i++)
        table->widths[i].cell = strlen(columns[i].heading);
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

static void widen(struct table_width *width, const char *text)
{
    size_t cell = text_width(text), word = text_word_width(text);

    if (cell > width->cell)
        width->cell = cell;
    if (word > width->word)
        width->word = word;
}

void table_add_owned(struct table *table, char *text)
{
    if (!text || !make_room(table)) {
        free(text);
        table->failed = true;
        return;
    }
    utf8_make_printable(text);
    widen(&table->widths[table->cell_count % table->column_count], text);
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
