/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guests: every domain but Dom0, and what it holds. */
#include <stdio.h>

#include "cleanup.h"
#include "commands.h"
#include "memstream.h"
#include "print.h"

static const struct column columns[] = {
    { "NAME" },
    { "DOMID", COLUMN_NUMBER },
    { "STATE", COLUMN_STATE },
    { "MEMORY", COLUMN_NUMBER },
    { "FOREIGN", COLUMN_NUMBER }, /* pages of a pool that its own configuration gives it */
    { "SEGMENTS" },
    { 0 },
};

/* "?": the daemon cannot tell yet, and gives out nothing as long as it cannot. */
static void add_foreign(struct table *table, const json_t *guest)
{
    json_t *ranges = json_object_get(guest, "foreign");
    char text[SIZE_TEXT_MAX];
    uint64_t sum = 0;
    json_t *range;
    size_t i;

    json_array_foreach(ranges, i, range)
        sum += (uint64_t)json_integer_value(json_object_get(range, "size"));
    if (json_is_false(json_object_get(guest, "config_known")))
        table_add(table, "?");
    else
        table_add(table, sum ? print_size(sum, text) : "-");
}

/* "a, b"; last in the row, because there may be any number. */
static void add_segments(struct table *table, const json_t *attachments)
{
    char *names = NULL;
    json_t *attachment;
    size_t i, length;
    FILE *out = open_memstream(&names, &length);

    if (!out) {
        table_add_owned(table, NULL);
        return;
    }
    json_array_foreach(attachments, i, attachment)
        fprintf(out, "%s%s", i ? ", " : "", print_member(attachment, "segment"));
    if (i == 0)
        fputs("-", out);
    table_add_owned(table, memstream_end(out, &names));
}

static enum exit_status show_guests(const struct invocation *invocation, json_t *result)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);
    json_t *guest;
    size_t i;

    json_array_foreach(json_object_get(result, "guests"), i, guest) {
        if (!table)
            break;
        table_add_member(table, guest, "name");
        table_add_member(table, guest, "domid");
        table_add_member(table, guest, "state");
        table_add_size(table, guest, "memory");
        add_foreign(table, guest);
        add_segments(table, json_object_get(guest, "attachments"));
    }
    return show_table(invocation, table);
}

enum exit_status cmd_guests(const struct invocation *invocation)
{
    return invocation_call(invocation, "guest.list", NULL, show_guests);
}
