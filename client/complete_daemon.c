/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The values that only the running daemon knows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "complete.h"
#include "print.h"

/*
 * The member `list` of what `method` gives. NULL: no answer; else a new reference. Another host is
 * not asked, for ssh might ask for a password.
 */
static json_t *ask(const struct complete_line *line, const char *method, const char *list)
{
    _cleanup_(cleanup_json) json_t *result = NULL;
    const char *host = getenv("XENSHM_HOST");

    if (options_has(&line->invocation.options, "host") || (host && *host))
        return NULL;
    if (invocation_ask(&line->invocation, method, NULL, &result) != STATUS_DONE)
        return NULL;
    return json_incref(json_object_get(result, list));
}

static void offer_guest(const struct complete_line *line, const json_t *guest)
{
    complete_offer(line, print_member(guest, "name"), print_member(guest, "state"));
}

static void offer_created_guest(const struct complete_line *line, const json_t *guest)
{
    if (json_is_true(json_object_get(guest, "created")))
        offer_guest(line, guest);
}

static void offer_sized(const struct complete_line *line, const json_t *object)
{
    char size[SIZE_TEXT_MAX];

    complete_offer(line, print_member(object, "name"), print_member_size(object, "size", size));
}

typedef void offer_fn(const struct complete_line *line, const json_t *object);

/* Each of the list that a method gives. */
static void offer_each(const struct complete_line *line, const char *method, const char *list,
                       offer_fn *offer)
{
    _cleanup_(cleanup_json) json_t *objects = ask(line, method, list);
    json_t *object;
    size_t i;

    json_array_foreach(objects, i, object)
        offer(line, object);
}

void complete_guests(const struct complete_line *line)
{
    offer_each(line, "guest.list", "guests", offer_guest);
}

void complete_created_guests(const struct complete_line *line)
{
    offer_each(line, "guest.list", "guests", offer_created_guest);
}

void complete_segments(const struct complete_line *line)
{
    offer_each(line, "segment.list", "segments", offer_sized);
}

void complete_pools(const struct complete_line *line)
{
    offer_each(line, "pool.list", "pools", offer_sized);
}

/* By its name, its domid or its UUID. */
static bool is_guest(const json_t *guest, const char *text)
{
    char domid[32];

    snprintf(domid, sizeof(domid), "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(guest, "domid")));
    return strcmp(text, domid) == 0 || strcmp(text, print_member(guest, "name")) == 0 ||
           strcmp(text, print_member(guest, "uuid")) == 0;
}

static bool is_attached(const json_t *segment, const char *guest)
{
    json_t *attachments = json_object_get(segment, "attachments"), *attachment;
    size_t i;

    json_array_foreach(attachments, i, attachment)
        if (is_guest(json_object_get(attachment, "guest"), guest))
            return true;
    return false;
}

static void offer_attached(const struct complete_line *line, const json_t *segment)
{
    const char *guest = invocation_argument(&line->invocation, 0);

    if (guest && is_attached(segment, guest))
        offer_sized(line, segment);
}

/* Of the guest that stands before. */
void complete_segments_of_guest(const struct complete_line *line)
{
    offer_each(line, "segment.list", "segments", offer_attached);
}

void complete_event_types(const struct complete_line *line)
{
    _cleanup_(cleanup_json) json_t *types = ask(line, "rpc.discover", "x-events");
    const char *type;
    json_t *text;

    json_object_foreach(types, type, text)
        complete_offer(line, type, json_string_value(text) ? json_string_value(text) : "");
}
