/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the columns of a table stand when a line is shorter than a row. Pure. */
#include <string.h>

#include "table.h"

#define FLOW_MIN 16 /* columns that are worth it to let a text flow in */

/* What lines but the first of a row are indented by. */
static size_t indent_of(size_t limit)
{
    return limit < 40 ? 2 : 4;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The least width in which a column that flows down may begin: words stay whole where they can. */
static size_t flow_width(const struct table *table, size_t column, size_t limit)
{
    const struct table_width *width = &table->widths[column];
    size_t heading = strlen(table->columns[column].heading);
    size_t word = smaller(width->word, limit - indent_of(limit));

    return smaller(width->cell, larger(larger(heading, FLOW_MIN), word));
}

/* True when the rows fit into one line each, the last column flowing down where it must. */
static bool fits_one_line(const struct table *table, size_t limit)
{
    size_t last = table->column_count - 1, used;

    if (limit == 0)
        return true;
    used = flow_width(table, last, limit);
    for (size_t i = 0; i < last; i++)
        used += table->widths[i].cell + TABLE_GAP;
    return used <= limit;
}

/* The columns that there must be left in a line for it to take in this column. */
static size_t least_width(const struct table *table, size_t column, size_t limit)
{
    bool last = column + 1 == table->column_count;
    bool too_wide = table->widths[column].cell > limit - indent_of(limit);

    return last || too_wide ? flow_width(table, column, limit) : table->widths[column].cell;
}

void table_lay_out(const struct table *table, size_t limit, struct table_place *places)
{
    bool fold = !fits_one_line(table, limit);
    size_t line = 0, used = 0; /* columns used in the line, its indent included */

    for (size_t i = 0; i < table->column_count; i++) {
        size_t indent = i ? TABLE_GAP : 0, width = table->widths[i].cell;

        if (i > 0 && fold &&
            (table->columns[i].folds || used + indent + least_width(table, i, limit) > limit)) {
            line++;
            used = 0;
            indent = indent_of(limit);
        }
        if (limit > 0 && used + indent + width > limit)
            width = limit - used - indent;
        places[i] = (struct table_place){ line, indent, width };
        used += indent + width;
    }
}
