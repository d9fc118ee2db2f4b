/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export: the present segments and attachments as a layout, for apply. */
#include "cleanup.h"
#include "commands.h"
#include "layout.h"
#include "layout_export.h"
#include "layout_present.h"
#include "print.h"

static enum exit_status print_layout(const struct invocation *invocation, const json_t *layout)
{
    if (invocation->json)
        return show_json(invocation, layout);
    /* A failed write is found by print_end(). */
    if (json_dumpf(layout, stdout, JSON_INDENT(2)) != 0 && !ferror(stdout))
        return complain_memory(invocation);
    putchar('\n');
    return STATUS_DONE;
}

/* What is quarantined is nobody's any more, but for whom it could not be taken from. */
static void note_quarantined(const struct invocation *invocation, const struct present *present)
{
    json_t *segment, *attachment;
    const char *name;
    size_t i;

    json_object_foreach(present->segments, name, segment)
        json_array_foreach(json_object_get(segment, "attachments"), i, attachment)
            if (present_is_in_state(attachment, "quarantined"))
                complain(invocation,
                         "note: left out, as it is quarantined: segment '%s' in guest '%s'", name,
                         print_member(json_object_get(attachment, "guest"), "name"));
}

enum exit_status cmd_export(const struct invocation *invocation)
{
    _cleanup_(present_clear) struct present present = { 0 };
    _cleanup_(cleanup_json) json_t *layout = NULL;
    struct error error = { 0 };
    enum exit_status status;

    status = present_look(invocation, NULL, &present);
    if (status != STATUS_DONE)
        return status;
    if (present_check_settled(&present, NULL, &error) != 0) {
        complain(invocation, "%s (%s)", error.message, error_name(error.code));
        return STATUS_REFUSED;
    }
    note_quarantined(invocation, &present);
    layout = layout_export(&present);
    return layout ? print_layout(invocation, layout) : complain_memory(invocation);
}
