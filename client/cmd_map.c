/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* map: the pages of the pools, as a picture or run by run. */
#include <unistd.h>

#include "cleanup.h"
#include "commands.h"
#include "map_picture.h"
#include "print.h"
#include "segment_state.h"

static const struct column columns[] = {
    { "POOL" },  { "HOST" }, { "SIZE", COLUMN_NUMBER }, { "STATE", COLUMN_STATE }, { "SEGMENT" },
    { "GUEST" }, { 0 },
};

static enum exit_status show_rows(const struct invocation *invocation, json_t *result)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);
    json_t *run;
    size_t i;

    json_array_foreach(json_object_get(result, "runs"), i, run) {
        const json_t *guest = json_object_get(run, "guest");

        if (!table)
            break;
        table_add_member(table, run, "pool");
        table_add_member(table, run, "host_address");
        table_add_size(table, run, "size");
        if (json_array_size(json_object_get(run, "clash")) > 0)
            table_add_owned(table, clash_text(run));
        else
            table_add_member(table, run, "state");
        table_add_member(table, run, "segment");
        if (json_is_object(guest))
            table_add_member(table, guest, "name");
        else
            table_add_member(table, run, "guest");
    }
    return show_table(invocation, table);
}

enum exit_status cmd_map(const struct invocation *invocation)
{
    bool picture = options_has(&invocation->options, "picture");
    bool table = options_has(&invocation->options, "table");
    _cleanup_(cleanup_json) json_t *params = json_object();
    enum exit_status status;

    if (picture && table)
        return complain_usage(invocation, "--picture and --table exclude each other");
    if (!table)
        picture = picture || isatty(STDOUT_FILENO);
    status = params_add(invocation, params, "pool", invocation_argument(invocation, 0));
    return status ? status
                  : invocation_call(invocation, "pool.map", params,
                                    picture ? show_map_picture : show_rows);
}
