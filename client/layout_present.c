/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout_present.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "layout_guests.h"
#include "print.h"

#define LOOK_AGAIN 50 /* milliseconds between two looks */

void present_clear(struct present *present)
{
    json_decref(present->guest_list);
    json_decref(present->segment_list);
    json_decref(present->status);
    json_decref(present->segments);
    free(present->guests);
    *present = (struct present){ 0 };
}

json_t *present_segment(const struct present *present, const char *name)
{
    return json_object_get(present->segments, name);
}

bool present_is_ordered(const struct present *present, const char *name)
{
    json_t *orders = json_object_get(present->status, "orders"), *order;
    size_t i;

    json_array_foreach(orders, i, order)
        if (strcmp(print_member(order, "segment"), name) == 0)
            return true;
    return false;
}

json_t *present_attachment(const json_t *segment, const char *uuid)
{
    json_t *attachments = json_object_get(segment, "attachments"), *attachment;
    size_t i;

    json_array_foreach(attachments, i, attachment)
        if (strcmp(print_member(json_object_get(attachment, "guest"), "uuid"), uuid) == 0)
            return attachment;
    return NULL;
}

bool present_is_in_state(const json_t *object, const char *state)
{
    return strcmp(print_member(object, "state"), state) == 0;
}

/* ---- what is under way */

/* One that is attached to no living guest is about to wait for it, or to be taken back. */
static bool attachment_settled(const struct present *present, const json_t *attachment)
{
    const char *uuid = print_member(json_object_get(attachment, "guest"), "uuid");
    const struct present_guest *guest = present_guest(present, uuid);

    if (present_is_in_state(attachment, "attached"))
        return guest && guest->state;
    return present_is_in_state(attachment, "waiting") ||
           present_is_in_state(attachment, "quarantined");
}

static bool segment_settled(const struct present *present, const json_t *segment)
{
    json_t *attachments = json_object_get(segment, "attachments"), *attachment;
    size_t i;

    json_array_foreach(attachments, i, attachment)
        if (!attachment_settled(present, attachment))
            return false;
    return !json_object_get(segment, "progress");
}

int present_check_settled(const struct present *present, json_t *names, struct error *error)
{
    const char *name;
    json_t *segment;

    json_object_foreach(present->segments, name, segment)
        if ((!names || json_object_get(names, name)) && !segment_settled(present, segment))
            return error_set(error, XENSHM_BUSY,
                             "something is under way with segment '%s'; see 'xenshmctl list %s', "
                             "and try again when it is done",
                             name, name);
    return 0;
}

/* ---- looking */

static int index_segments(struct present *present)
{
    json_t *list = json_object_get(present->segment_list, "segments"), *segment;
    size_t i;

    present->segments = json_object();
    json_array_foreach(list, i, segment)
        if (json_object_set(present->segments, print_member(segment, "name"), segment) != 0)
            return -ENOMEM;
    return present->segments ? 0 : -ENOMEM;
}

int present_index(struct present *present)
{
    int r = index_segments(present);

    return r ? r : layout_guests_gather(present);
}

/* The guests first: asking for them makes the daemon look at the domains. */
static enum exit_status look_once(const struct invocation *invocation, struct present *present)
{
    enum exit_status status;

    *present = (struct present){ 0 };
    status = invocation_ask(invocation, "guest.list", NULL, &present->guest_list);
    if (status == STATUS_DONE)
        status = invocation_ask(invocation, "segment.list", NULL, &present->segment_list);
    if (status == STATUS_DONE)
        status = invocation_ask(invocation, "daemon.status", NULL, &present->status);
    if (status == STATUS_DONE && present_index(present) < 0)
        status = complain_memory(invocation);
    return status;
}

enum exit_status present_look(const struct invocation *invocation, json_t *names,
                              struct present *ret_present)
{
    const struct timespec pause = { .tv_nsec = LOOK_AGAIN * 1000000L };
    int64_t deadline = (int64_t)clock_milliseconds() + (int64_t)invocation->timeout * 1000;
    enum exit_status status;

    for (;;) {
        struct error unsettled = { 0 };

        status = look_once(invocation, ret_present);
        if (status != STATUS_DONE || !present_check_settled(ret_present, names, &unsettled) ||
            (int64_t)clock_milliseconds() >= deadline)
            return status;
        present_clear(ret_present);
        nanosleep(&pause, NULL);
    }
}
