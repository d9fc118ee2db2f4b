/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout_compare.h"
#include "print.h"

int plan_add(struct plan *plan, enum plan_phase phase, const struct step *step)
{
    struct step *copy = malloc(sizeof(*copy));

    if (!copy)
        return -ENOMEM;
    *copy = *step;
    copy->final = phase >= PHASE_END;
    TAILQ_INSERT_TAIL(&plan->phases[phase], copy, link);
    plan->step_count++;
    return 0;
}

/* What waits cannot be given back while its guest is away; a segment in a clash is not shared. */
static bool can_be_undone(const json_t *segment, const json_t *attachment)
{
    return present_is_in_state(attachment, "attached") && !present_is_in_state(segment, "clash");
}

int plan_detach(struct plan *plan, const struct present *present, enum plan_phase phase,
                const json_t *segment, const json_t *attachment)
{
    struct step step = {
        .action = STEP_DETACH,
        .segment = print_member(segment, "name"),
        .guest = present_guest(present, print_member(json_object_get(attachment, "guest"), "uuid")),
    };

    snprintf(step.address, sizeof(step.address), "%s", print_member(attachment, "guest_address"));
    if (phase < PHASE_END && !can_be_undone(segment, attachment))
        phase = PHASE_END;
    return plan_add(plan, phase, &step);
}

/* ---- what is not listed */

static int check_prune(const struct present *present, const json_t *segment, struct error *error)
{
    const char *name = print_member(segment, "name");
    json_t *attachment;
    size_t i;

    if (present_is_ordered(present, name))
        return error_set(error, XENSHM_SEGMENT_IN_USE,
                         "segment '%s' is not listed, but the configuration of xenshmd keeps it; "
                         "list it, or take its section out of the configuration and reload",
                         name);
    json_array_foreach(json_object_get(segment, "attachments"), i, attachment)
        if (present_is_in_state(attachment, "quarantined"))
            return error_set(error, XENSHM_PAGES_HELD,
                             "segment '%s' is not listed, but cannot be freed: guest '%s' may "
                             "still hold its pages; end that guest first",
                             name, print_member(json_object_get(attachment, "guest"), "name"));
    return 0;
}

static bool is_kept(const json_t *segment)
{
    return json_is_true(json_object_get(segment, "kept"));
}

static int plan_free(struct plan *plan, const json_t *segment)
{
    struct step step = {
        .action = STEP_FREE,
        .segment = print_member(segment, "name"),
        .size = (uint64_t)json_integer_value(json_object_get(segment, "size")),
        .epoch = json_integer_value(json_object_get(segment, "epoch")),
    };

    return plan_add(plan, PHASE_FREE, &step);
}

/* The last guest of one that is not kept takes the bytes with it. */
static int prune_attachments(struct plan *plan, const struct present *present,
                             const json_t *segment)
{
    json_t *attachments = json_object_get(segment, "attachments"), *attachment;
    bool last_is_final = !is_kept(segment);
    int r = 0;

    for (size_t i = json_array_size(attachments); r == 0 && i-- > 0;) {
        attachment = json_array_get(attachments, i);
        r = plan_detach(plan, present, last_is_final ? PHASE_END : PHASE_PRUNE, segment,
                        attachment);
        if (present_is_in_state(attachment, "attached"))
            last_is_final = false;
    }
    return r;
}

/* One in quarantine goes by itself as soon as its last holder lets go of it. */
static int prune(struct plan *plan, const struct present *present, const json_t *segment,
                 struct error *error)
{
    int r;

    if (present_is_in_state(segment, "quarantined") && !is_kept(segment))
        return 0;
    r = check_prune(present, segment, error);
    if (r == 0)
        r = prune_attachments(plan, present, segment);
    if (r == 0 && is_kept(segment))
        r = plan_free(plan, segment);
    return r;
}

static bool is_listed(const struct layout *layout, const char *name)
{
    for (size_t i = 0; i < layout->segment_count; i++)
        if (strcmp(layout->segments[i].name, name) == 0)
            return true;
    return false;
}

/* ---- the whole */

static int fill(const struct layout *layout, const struct present *present, bool prune_others,
                struct plan *plan, struct error *error)
{
    const char *name;
    json_t *segment;
    int r = 0;

    for (size_t i = 0; r == 0 && i < layout->segment_count; i++)
        r = compare_segment(plan, present, &layout->segments[i], error);
    if (!prune_others)
        return r;
    json_object_foreach(present->segments, name, segment)
        if (r == 0 && !is_listed(layout, name))
            r = prune(plan, present, segment, error);
    return r;
}

int plan_make(const struct layout *layout, const struct present *present, bool prune_others,
              struct plan *ret_plan, struct error *error)
{
    int r;

    *ret_plan = (struct plan){ 0 };
    TAILQ_INIT(&ret_plan->steps);
    for (size_t i = 0; i < PHASE_COUNT; i++)
        TAILQ_INIT(&ret_plan->phases[i]);
    r = fill(layout, present, prune_others, ret_plan, error);
    for (size_t i = 0; i < PHASE_COUNT; i++)
        TAILQ_CONCAT(&ret_plan->steps, &ret_plan->phases[i], link);
    return r;
}

void plan_clear(struct plan *plan)
{
    struct step *step;

    while ((step = TAILQ_FIRST(&plan->steps))) {
        TAILQ_REMOVE(&plan->steps, step, link);
        free(step);
    }
    plan->step_count = 0;
}
