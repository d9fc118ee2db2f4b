/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout_compare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "layout_same.h"
#include "print.h"

/* One guest that is to have the segment, and what it has of it. */
struct match {
    const struct layout_guest *wanted;
    const struct present_guest *guest;
    json_t *attachment; /* borrowed; NULL: none */
    bool fits;          /* it is where it should be */
};

struct comparison {
    struct plan *plan;
    const struct present *present;
    const struct layout_segment *wanted;
    json_t *segment; /* borrowed; NULL: there is none */
    struct match *matches;
    size_t steady; /* attachments that stay, in guests that run */
    size_t stay;   /* attachments that stay */
    struct error *error;
};

/* ---- its guests */

/* Where an attachment of this segment to that guest is to be; 0: anywhere. */
static uint64_t wanted_address(const struct comparison *comparison, const struct match *match)
{
    uint64_t address = match->wanted->address.value;

    if (match->wanted->address.kind == PARAMS_ADDRESS_IDENTITY)
        params_parse_address(print_member(comparison->segment, "host_address"), &address);
    return address;
}

static bool fits(const struct comparison *comparison, const struct match *match)
{
    uint64_t address = 0;

    if (match->wanted->address.kind == PARAMS_ADDRESS_NONE)
        return true;
    params_parse_address(print_member(match->attachment, "guest_address"), &address);
    return address == wanted_address(comparison, match);
}

static int check_twice(const struct comparison *comparison, size_t index)
{
    const struct match *match = &comparison->matches[index];

    for (size_t i = 0; i < index; i++)
        if (comparison->matches[i].guest == match->guest)
            return error_set(comparison->error, XENSHM_CONFIG_INVALID,
                             "segment '%s': '%.64s' and '%.64s' are the same guest; name it once",
                             comparison->wanted->name, comparison->matches[i].wanted->called,
                             match->wanted->called);
    return 0;
}

static int resolve(struct comparison *comparison, size_t index)
{
    struct match *match = &comparison->matches[index];
    struct error error = { 0 };

    match->wanted = &comparison->wanted->guests[index];
    if (present_resolve(comparison->present, match->wanted->called, &match->guest, &error))
        return error_set(comparison->error, error.code, "segment '%s': %s",
                         comparison->wanted->name, error.message);
    match->attachment = present_attachment(comparison->segment, match->guest->uuid);
    match->fits = match->attachment && fits(comparison, match);
    if (match->fits)
        comparison->stay++;
    if (match->fits && present_is_in_state(match->attachment, "attached"))
        comparison->steady++;
    return check_twice(comparison, index);
}

static int resolve_all(struct comparison *comparison)
{
    size_t count = comparison->wanted->guest_count;
    int r = 0;

    comparison->matches = calloc(count + 1, sizeof(*comparison->matches));
    if (!comparison->matches)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = resolve(comparison, i);
    return r;
}

/* Can the segment be attached to that guest? */
static int check_attach(const struct comparison *comparison, const struct match *match)
{
    const char *name = comparison->wanted->name, *guest = match->guest->name;

    if (present_is_in_state(comparison->segment, "clash"))
        return error_set(comparison->error, XENSHM_PAGES_HELD,
                         "segment '%s' cannot be attached to guest '%s': another guest has some "
                         "of its pages by its own iomem; see 'xenshmctl list %s'",
                         name, guest, name);
    if (!present_guest_is_up(match->guest))
        return error_set(comparison->error, XENSHM_GUEST_DYING,
                         "segment '%s' cannot be attached to guest '%s', which does not run "
                         "(%s); try again when it does, or leave it out",
                         name, guest, match->guest->state ? match->guest->state : "rebooting");
    return 0;
}

/* Elsewhere is to be: taken away and attached again, where the bytes stay meanwhile. */
static int check_move(const struct comparison *comparison, const struct match *match)
{
    const char *name = comparison->wanted->name, *guest = match->guest->name;
    const char *at = print_member(match->attachment, "guest_address");

    if (!present_is_in_state(match->attachment, "attached"))
        return error_set(comparison->error, XENSHM_GUEST_DYING,
                         "segment '%s' waits at %s for guest '%s', which reboots; try again when "
                         "it runs, or leave out the address",
                         name, at, guest);
    if (comparison->wanted->kept || comparison->steady)
        return 0;
    return error_set(comparison->error, XENSHM_ALREADY_ATTACHED,
                     "segment '%s' is in guest '%s' at %s; to place it elsewhere would lose its "
                     "bytes, as it is not kept; leave out the address, or save them and detach "
                     "it first",
                     name, guest, at);
}

static int check_not_held(const struct comparison *comparison, const struct match *match)
{
    if (!present_is_in_state(match->attachment, "quarantined"))
        return 0;
    return error_set(comparison->error, XENSHM_PAGES_HELD,
                     "segment '%s' could not be taken away from guest '%s' before (quarantined); "
                     "end that guest first, or leave it out",
                     comparison->wanted->name, match->guest->name);
}

/* ---- steps */

static void write_address(const struct layout_guest *guest, char buffer[static STEP_ADDRESS_MAX])
{
    if (guest->address.kind == PARAMS_ADDRESS_IDENTITY)
        strcpy(buffer, "identity");
    else if (guest->address.kind == PARAMS_ADDRESS_GIVEN)
        snprintf(buffer, STEP_ADDRESS_MAX, "0x%" PRIx64, guest->address.value);
}

/* `first`: makes the segment. */
static int add_attach(const struct comparison *comparison, const struct match *match, bool first)
{
    const struct layout_segment *wanted = comparison->wanted;
    struct step step = {
        .action = STEP_ATTACH,
        .segment = wanted->name,
        .guest = match->guest,
        .size = first ? wanted->size : 0,
        .pool = first ? wanted->pool : NULL,
        .bytes = comparison->segment != NULL,
    };

    write_address(match->wanted, step.address);
    return plan_add(comparison->plan, PHASE_ATTACH, &step);
}

static int add_match(const struct comparison *comparison, const struct match *match)
{
    bool first = !comparison->segment && !comparison->wanted->kept && match == comparison->matches;
    int r = match->attachment ? check_not_held(comparison, match) : 0;

    if (r || match->fits)
        return r;
    r = check_attach(comparison, match);
    if (r == 0 && match->attachment)
        r = check_move(comparison, match);
    if (r == 0 && match->attachment)
        r = plan_detach(comparison->plan, comparison->present, PHASE_DETACH, comparison->segment,
                        match->attachment);
    return r ? r : add_attach(comparison, match, first);
}

static bool is_wanted(const struct comparison *comparison, const json_t *attachment)
{
    for (size_t i = 0; i < comparison->wanted->guest_count; i++)
        if (comparison->matches[i].attachment == attachment)
            return true;
    return false;
}

/* What is quarantined is on its way out already: the daemon tries again by itself. */
static int add_detaches(const struct comparison *comparison)
{
    json_t *attachments = json_object_get(comparison->segment, "attachments"), *attachment;
    bool stays = comparison->wanted->kept || comparison->stay > 0;
    size_t i;
    int r = 0;

    json_array_foreach(attachments, i, attachment)
        if (r == 0 && !is_wanted(comparison, attachment) &&
            !present_is_in_state(attachment, "quarantined"))
            r = plan_detach(comparison->plan, comparison->present,
                            stays ? PHASE_DETACH : PHASE_HAND_OVER, comparison->segment,
                            attachment);
    return r;
}

static int add_alloc(const struct comparison *comparison)
{
    struct step step = {
        .action = STEP_ALLOC,
        .segment = comparison->wanted->name,
        .size = comparison->wanted->size,
        .pool = comparison->wanted->pool,
        .align = comparison->wanted->align,
    };

    return plan_add(comparison->plan, PHASE_ALLOC, &step);
}

static void comparison_clear(struct comparison *comparison)
{
    free(comparison->matches);
}

int compare_segment(struct plan *plan, const struct present *present,
                    const struct layout_segment *wanted, struct error *error)
{
    _cleanup_(comparison_clear) struct comparison comparison = {
        .plan = plan,
        .present = present,
        .wanted = wanted,
        .segment = present_segment(present, wanted->name),
        .error = error,
    };
    int r = comparison.segment ? same_check(comparison.segment, wanted, error) : 0;

    if (r == 0)
        r = resolve_all(&comparison);
    if (r == 0 && !comparison.segment && wanted->kept)
        r = add_alloc(&comparison);
    for (size_t i = 0; r == 0 && i < wanted->guest_count; i++)
        r = add_match(&comparison, &comparison.matches[i]);
    return r ? r : add_detaches(&comparison);
}
