/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* list: segments with their attachments, a row for each attachment. */
#include "cleanup.h"
#include "commands.h"
#include "print.h"
#include "segment_state.h"

static const struct column columns[] = {
    { "SEGMENT" },
    { "POOL" },
    { "HOST" },
    { "SIZE", COLUMN_NUMBER },
    { "GUEST", .folds = true },
    { "ADDRESS" },
    { "STATE", COLUMN_STATE },
    { 0 },
};

/* Every row is complete, so that grep finds all there is to know about a guest or a segment. */
static void add_row(struct table *table, const json_t *segment, const json_t *attachment)
{
    table_add_member(table, segment, "name");
    table_add_member(table, segment, "pool");
    table_add_member(table, segment, "host_address");
    table_add_size(table, segment, "size");
    table_add_member(table, json_object_get(attachment, "guest"), "name");
    table_add_member(table, attachment, "guest_address");
    table_add_owned(table, segment_state_text(segment, attachment));
}

static void add_segment(struct table *table, const json_t *segment)
{
    json_t *attachments = json_object_get(segment, "attachments"), *attachment;
    size_t i;

    if (json_array_size(attachments) == 0)
        add_row(table, segment, NULL);
    json_array_foreach(attachments, i, attachment)
        add_row(table, segment, attachment);
}

static enum exit_status show_one(const struct invocation *invocation, json_t *result)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);

    if (table)
        add_segment(table, result);
    return show_table(invocation, table);
}

static enum exit_status show_all(const struct invocation *invocation, json_t *result)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);
    json_t *segment;
    size_t i;

    json_array_foreach(json_object_get(result, "segments"), i, segment)
        if (table)
            add_segment(table, segment);
    return show_table(invocation, table);
}

enum exit_status cmd_list(const struct invocation *invocation)
{
    const char *name = invocation_argument(invocation, 0);
    _cleanup_(cleanup_json) json_t *params = json_object();
    enum exit_status status;

    if (!name)
        return invocation_call(invocation, "segment.list", NULL, show_all);
    status = params_add(invocation, params, "name", name);
    return status ? status : invocation_call(invocation, "segment.show", params, show_one);
}
