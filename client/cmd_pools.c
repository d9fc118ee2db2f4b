/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pools: where each lies and how much of it is free. */
#include "cleanup.h"
#include "commands.h"
#include "print.h"

static const struct column columns[] = {
    { "NAME" },
    { "DEVICE" },
    { "HOST" },
    { "SIZE", COLUMN_NUMBER },
    { "FREE", COLUMN_NUMBER },
    { "LARGEST", COLUMN_NUMBER }, /* the largest segment that still fits */
    { 0 },
};

static enum exit_status show_pools(const struct invocation *invocation, json_t *result)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);
    json_t *pool;
    size_t i;

    json_array_foreach(json_object_get(result, "pools"), i, pool) {
        if (!table)
            break;
        table_add_member(table, pool, "name");
        table_add_member(table, pool, "device");
        table_add_member(table, pool, "host_address");
        table_add_size(table, pool, "size");
        table_add_size(table, pool, "free");
        table_add_size(table, pool, "largest_free");
    }
    return show_table(invocation, table);
}

enum exit_status cmd_pools(const struct invocation *invocation)
{
    return invocation_call(invocation, "pool.list", NULL, show_pools);
}
