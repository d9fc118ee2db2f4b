/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests by UUID, which survives a reboot, and by what people call them. The daemon's list has
 * domains: the one that a guest was before its reboot may still be there beside the new one.
 */
#include "layout_guests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "print.h"

/* Has it not shut down? One that is being created or made anew counts, as the daemon waits. */
static bool is_up(const char *state)
{
    static const char *const down[] = { "shutdown", "rebooting", "suspended",
                                        "crashed",  "watchdog",  "soft-reset" };

    for (size_t i = 0; state && i < sizeof(down) / sizeof(down[0]); i++)
        if (strcmp(state, down[i]) == 0)
            return false;
    return state != NULL;
}

bool present_guest_is_up(const struct present_guest *guest)
{
    return is_up(guest->state);
}

static struct present_guest *find(const struct present *present, const char *uuid)
{
    for (size_t i = 0; i < present->guest_count; i++)
        if (strcmp(present->guests[i].uuid, uuid) == 0)
            return &present->guests[i];
    return NULL;
}

const struct present_guest *present_guest(const struct present *present, const char *uuid)
{
    return find(present, uuid);
}

/* Of several domains of a guest the one that runs is the guest. */
static void add(struct present *present, const json_t *object, const char *state)
{
    const char *uuid = print_member(object, "uuid");
    struct present_guest *guest = find(present, uuid);
    struct present_guest fresh = {
        .name = print_member(object, "name"),
        .uuid = uuid,
        .domid = json_integer_value(json_object_get(object, "domid")),
        .state = state,
        .domains = is_up(state),
    };

    if (!guest)
        guest = &present->guests[present->guest_count++];
    else if (!is_up(state))
        return;
    else
        fresh.domains += guest->domains;
    *guest = fresh;
}

static size_t count_all(const struct present *present)
{
    size_t count = json_array_size(json_object_get(present->guest_list, "guests"));
    const char *name;
    json_t *segment;

    json_object_foreach(present->segments, name, segment)
        count += json_array_size(json_object_get(segment, "attachments"));
    return count;
}

int layout_guests_gather(struct present *present)
{
    json_t *object, *segment;
    const char *name;
    size_t i;

    present->guest_count = 0;
    present->guests = calloc(count_all(present) + 1, sizeof(*present->guests));
    if (!present->guests)
        return -ENOMEM;
    json_array_foreach(json_object_get(present->guest_list, "guests"), i, object)
        add(present, object, print_member(object, "state"));
    json_object_foreach(present->segments, name, segment)
        json_array_foreach(json_object_get(segment, "attachments"), i, object)
            add(present, json_object_get(object, "guest"), NULL);
    return 0;
}

/* ---- by what they are called */

static bool is_called(const struct present_guest *guest, const char *called)
{
    char domid[24];

    snprintf(domid, sizeof(domid), "%" JSON_INTEGER_FORMAT, guest->domid);
    return strcmp(guest->name, called) == 0 || strcmp(domid, called) == 0 ||
           strcasecmp(guest->uuid, called) == 0;
}

/* Counts those with a domain, or those without. */
static unsigned count_called(const struct present *present, const char *called, bool with_domain,
                             const struct present_guest **ret_guest)
{
    unsigned count = 0;

    for (size_t i = 0; i < present->guest_count; i++) {
        const struct present_guest *guest = &present->guests[i];

        if (with_domain != (guest->state != NULL) || !is_called(guest, called))
            continue;
        count += guest->domains > 1 ? guest->domains : 1;
        *ret_guest = guest;
    }
    return count;
}

int present_resolve(const struct present *present, const char *called,
                    const struct present_guest **ret_guest, struct error *error)
{
    unsigned count = count_called(present, called, true, ret_guest);

    if (count == 0)
        count = count_called(present, called, false, ret_guest);
    if (count > 1)
        return error_set(error, XENSHM_GUEST_AMBIGUOUS,
                         "'%s' means %u guests; name the guest by its UUID", called, count);
    if (count == 1)
        return 0;
    if (strcmp(called, "0") == 0 || strcmp(called, "Domain-0") == 0)
        return error_set(error, XENSHM_GUEST_UNKNOWN,
                         "'%s' is Dom0, which has every segment in its UIO device; leave it out",
                         called);
    return error_set(error, XENSHM_GUEST_UNKNOWN,
                     "no guest is called '%s'; start it first, or leave it out", called);
}

const char *present_guest_text(const struct present *present, const struct present_guest *guest)
{
    const struct present_guest *meant = NULL;
    struct error error = { 0 };

    if (present_resolve(present, guest->name, &meant, &error) == 0 && meant == guest)
        return guest->name;
    return guest->uuid;
}
