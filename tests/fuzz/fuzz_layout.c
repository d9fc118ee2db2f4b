/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layouts of any bytes, against what a daemon says of itself in any bytes: a plan or a refusal, and
 * each step can be told and asked for. The input, cut at each byte 0xff, is the layout, guest.list,
 * segment.list and daemon.status.
 */
#include "fuzz.h"

#include <string.h>

#include "cleanup.h"
#include "layout.h"
#include "layout_export.h"
#include "layout_plan.h"
#include "layout_seen.h"

#define TEXTS 4

static void check_request(json_t *params, const char *method)
{
    MUST(json_is_object(params) && strchr(method, '.'));
    json_decref(params);
}

static void check_step(struct step *step, const struct plan *plan, const struct present *now)
{
    _cleanup_(cleanup_free) char *text = step_text(step);
    _cleanup_(cleanup_json) json_t *json = step_json(step);
    const char *method;
    json_t *params = step_request(step, &method);

    /* Whoever shows the text makes it printable. */
    MUST(text && json && step->segment);
    check_request(params, method);
    step_is_undone(step, now);
    step_is_needless(step, now);
    if (step->action == STEP_ATTACH)
        step_holds_bytes(step, now);
    if (step->action == STEP_FREE)
        step_still_fits(step, &plan->steps, now);
    if (step->final)
        return;
    params = step_undo_request(step, &method);
    check_request(params, method);
}

/* Returns how many steps there are; SIZE_MAX: it was refused. */
static size_t plan(const struct layout *layout, const struct present *present, bool prune)
{
    struct error error = { 0 };
    struct plan plan;
    struct step *step;
    size_t count = 0;
    int r = plan_make(layout, present, prune, &plan, &error);

    MUST(r == 0 || (r > 0 && r == error.code && error.message[0]));
    if (r == 0)
        TAILQ_FOREACH(step, &plan.steps, link) {
            check_step(step, &plan, present);
            count++;
        }
    MUST(r || count == plan.step_count);
    plan_clear(&plan);
    return r ? SIZE_MAX : count;
}

static int read_layout(json_t *json, struct layout *layout)
{
    struct error error = { 0 };
    int r = layout_read(json, layout, &error);

    MUST(r == 0 || (r > 0 && r == error.code && error.message[0]));
    for (size_t i = 0; r == 0 && i < layout->segment_count; i++) {
        MUST(params_name_valid(layout->segments[i].name));
        MUST(layout->segments[i].size >= layout->segments[i].size_said);
    }
    return r;
}

/* What is there is what there is to be: nothing to be done. */
static void check_export(const struct present *present)
{
    _cleanup_(cleanup_json) json_t *json = layout_export(present);
    struct layout layout;
    size_t steps;

    MUST(json);
    if (read_layout(json, &layout) == 0) {
        steps = plan(&layout, present, false);
        MUST(steps == 0 || steps == SIZE_MAX);
    }
    layout_clear(&layout);
}

static void compare(json_t *const values[TEXTS])
{
    struct present present = {
        .guest_list = json_incref(values[1]),
        .segment_list = json_incref(values[2]),
        .status = json_incref(values[3]),
    };
    struct layout layout;

    MUST(present_index(&present) == 0);
    if (read_layout(values[0], &layout) == 0) {
        plan(&layout, &present, false);
        plan(&layout, &present, true);
    }
    layout_clear(&layout);
    check_export(&present);
    present_clear(&present);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *values[TEXTS];

    for (size_t i = 0; i < TEXTS; i++) {
        const uint8_t *end = memchr(data, 0xff, size);
        size_t length = end ? (size_t)(end - data) : size;

        values[i] = json_loadb((const char *)data, length, JSON_REJECT_DUPLICATES, NULL);
        data += length + (end != NULL);
        size -= length + (end != NULL);
    }
    if (values[0])
        compare(values);
    for (size_t i = 0; i < TEXTS; i++)
        json_decref(values[i]);
    return 0;
}
