/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "map_legend.h"

#include <string.h>

#include "cleanup.h"
#include "memstream.h"
#include "print.h"
#include "segment_state.h"

static const struct column columns[] = {
    { "" }, /* the letter in the picture */
    { "SEGMENT" }, { "SIZE", COLUMN_NUMBER }, { "HOST" }, { "STATE", COLUMN_STATE }, { "GUESTS" },
    { 0 },
};

/* The sign under which the picture shows the run. */
static void add_mark(struct table *table, const struct picture_run *run)
{
    bool own = run->seen || run->kind == PICTURE_QUARANTINED || run->kind == PICTURE_CLASH;

    table_add(table, own ? (char[]){ run->mark, '\0' } : picture_sign(PICTURE_SEVERAL, false));
}

/* Of a segment in use: "kept", "used", "wiping 40%". */
static void add_segment_state(struct table *table, const json_t *run, const json_t *segment)
{
    bool kept = json_is_true(json_object_get(segment, "kept"));

    if (kept || json_object_get(segment, "progress"))
        table_add_owned(table, segment_state_text(segment, NULL));
    else
        table_add_member(table, run, "state");
}

static void add_state(struct table *table, enum picture_kind kind, const json_t *run,
                      const json_t *segment)
{
    if (kind == PICTURE_CLASH)
        table_add_owned(table, clash_text(run));
    else if (kind == PICTURE_USED)
        add_segment_state(table, run, segment);
    else
        table_add_member(table, run, "state");
}

/* "guest1, guest2 (waiting)" */
static void write_guests(FILE *out, const json_t *attachments)
{
    json_t *attachment;
    size_t i;

    json_array_foreach(attachments, i, attachment) {
        const char *state = print_member(attachment, "state");
        bool attached = strcmp(state, "attached") == 0;

        fprintf(out, "%s%s", i ? ", " : "",
                print_member(json_object_get(attachment, "guest"), "name"));
        if (!attached)
            fprintf(out, " (%s)", state);
    }
}

static void add_guests(struct table *table, const json_t *run, const json_t *segment)
{
    const json_t *attachments = json_object_get(segment, "attachments");
    char *text = NULL;
    size_t length;
    FILE *out;

    if (json_array_size(attachments) == 0) {
        table_add_member(table, run, "guest");
        return;
    }
    out = open_memstream(&text, &length);
    if (out)
        write_guests(out, attachments);
    table_add_owned(table, out ? memstream_end(out, &text) : NULL);
}

static void add_row(struct table *table, const struct picture_run *run, const json_t *json,
                    const json_t *segments)
{
    const json_t *segment = json_object_get(segments, print_member(json, "segment"));

    add_mark(table, run);
    table_add_member(table, json, "segment");
    table_add_size(table, json, "size");
    table_add_member(table, json, "host_address");
    add_state(table, run->kind, json, segment);
    add_guests(table, json, segment);
}

enum exit_status show_map_legend(const struct invocation *invocation, const struct map_pool *pool,
                                 const json_t *runs, const json_t *segments, size_t limit)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);
    size_t more = 0;

    if (!table)
        return complain_memory(invocation);
    for (size_t i = 0; i < pool->run_count; i++) {
        const struct picture_run *run = &pool->runs[i];

        if (run->listed)
            add_row(table, run, json_array_get(runs, pool->first + i), segments);
        else
            more += run->kind != PICTURE_FREE && run->pages > 0;
    }
    if (table_print(table, stdout, print_colour(), limit) != 0 ||
        (more > 0 &&
         print_paragraph(stdout, limit, "and %zu more: 'xenshmctl map --table'", more) != 0))
        return complain_memory(invocation);
    return STATUS_DONE;
}
