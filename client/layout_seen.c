/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout_seen.h"

#include <string.h>

#include "print.h"

/* The attachment that it is about, where it says; NULL: there is none. */
static json_t *own_attachment(const struct step *step, const struct present *now)
{
    json_t *attachment = present_attachment(present_segment(now, step->segment), step->guest->uuid);
    const char *address = step->action == STEP_ATTACH ? step->placed : step->address;

    if (strcmp(print_member(attachment, "guest_address"), address) != 0)
        return NULL;
    return attachment;
}

/* The segment with the pages that it is about; NULL: there is none. */
static json_t *own_segment(const struct step *step, const struct present *now)
{
    json_t *segment = present_segment(now, step->segment);

    if (json_integer_value(json_object_get(segment, "epoch")) != step->epoch)
        return NULL;
    return segment;
}

/* A guest that is gone has lost what it had in any case. */
bool step_is_undone(const struct step *step, const struct present *now)
{
    json_t *attachment;

    if (step->action == STEP_ALLOC)
        return !own_segment(step, now);
    if (step->action == STEP_FREE)
        return false;
    attachment = own_attachment(step, now);
    if (step->action == STEP_ATTACH)
        return !attachment;
    return (attachment && !present_is_in_state(attachment, "quarantined")) ||
           !present_guest(now, step->guest->uuid);
}

/* Of a segment that is not kept the last attachment that works is also the last hold on it. */
bool step_holds_bytes(const struct step *step, const struct present *now)
{
    json_t *segment = present_segment(now, step->segment), *attachment;
    size_t i;

    if (!step->bytes || json_is_true(json_object_get(segment, "kept")))
        return false;
    json_array_foreach(json_object_get(segment, "attachments"), i, attachment)
        if (attachment != own_attachment(step, now) && present_is_in_state(attachment, "attached"))
            return false;
    return true;
}

enum step_left step_left(const struct step *step, const struct present *now)
{
    json_t *segment = present_segment(now, step->segment), *attachment;

    if (!step->guest)
        return STEP_LEFT_NOTHING;
    attachment = present_attachment(segment, step->guest->uuid);
    if (present_is_in_state(attachment, "quarantined"))
        return STEP_LEFT_QUARANTINE;
    if (step->action == STEP_DETACH && !attachment && present_guest(now, step->guest->uuid))
        return STEP_LEFT_DETACHED;
    return STEP_LEFT_NOTHING;
}

/* ---- before what cannot be undone */

static bool is_planned(const struct step_list *planned, const char *segment, const char *uuid)
{
    const struct step *step;

    TAILQ_FOREACH(step, planned, link)
        if (step->action == STEP_DETACH && strcmp(step->segment, segment) == 0 &&
            strcmp(step->guest->uuid, uuid) == 0)
            return true;
    return false;
}

bool step_is_needless(const struct step *step, const struct present *now)
{
    json_t *segment = present_segment(now, step->segment);

    if (step->action == STEP_DETACH)
        return !present_attachment(segment, step->guest->uuid);
    return step->action == STEP_FREE && !segment;
}

bool step_still_fits(const struct step *step, const struct step_list *planned,
                     const struct present *now)
{
    json_t *segment = own_segment(step, now), *attachment;
    const char *uuid;
    size_t i;

    if (step->action != STEP_FREE)
        return true;
    json_array_foreach(json_object_get(segment, "attachments"), i, attachment) {
        uuid = print_member(json_object_get(attachment, "guest"), "uuid");
        if (!is_planned(planned, step->segment, uuid))
            return false;
    }
    return segment != NULL;
}
