/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout_export.h"

#include <inttypes.h>
#include <stdio.h>

#include "layout.h"
#include "print.h"

/* Of whole pages: the largest unit in which it is a whole number. */
static json_t *export_size(const json_t *segment)
{
    static const char units[] = "KMG";
    uint64_t size = (uint64_t)json_integer_value(json_object_get(segment, "size")) / 1024;
    unsigned unit = 0;

    while (unit + 2 < sizeof(units) && size && size % 1024 == 0) {
        size /= 1024;
        unit++;
    }
    return json_sprintf("%" PRIu64 "%c", size, units[unit]);
}

/* A failed append makes the array NULL, and all that it is put into. */
static void append(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) == 0)
        return;
    json_decref(*array);
    *array = NULL;
}

static json_t *export_guests(const struct present *present, const json_t *segment)
{
    json_t *guests = json_array(), *attachment;
    size_t i;

    json_array_foreach(json_object_get(segment, "attachments"), i, attachment) {
        const char *uuid = print_member(json_object_get(attachment, "guest"), "uuid");
        const struct present_guest *guest = present_guest(present, uuid);

        if (!present_is_in_state(attachment, "quarantined"))
            append(&guests, json_pack("{s:s, s:s}", "guest", present_guest_text(present, guest),
                                      "address", print_member(attachment, "guest_address")));
    }
    return guests;
}

static json_t *export_segment(const struct present *present, const json_t *segment)
{
    return json_pack("{s:s, s:o, s:s, s:b, s:o}", "name", print_member(segment, "name"), "size",
                     export_size(segment), "pool", print_member(segment, "pool"), "kept",
                     json_is_true(json_object_get(segment, "kept")), "guests",
                     export_guests(present, segment));
}

json_t *layout_export(const struct present *present)
{
    json_t *segments = json_array(), *segment;
    const char *name;

    /* By name, as the guests were gathered: of each attachment here the guest is known. */
    json_object_foreach(present->segments, name, segment) {
        bool kept = json_is_true(json_object_get(segment, "kept"));

        if (kept || !present_is_in_state(segment, "quarantined"))
            append(&segments, export_segment(present, segment));
    }
    return json_pack("{s:i, s:o}", "version", LAYOUT_VERSION, "segments", segments);
}
