/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* apply: segments and attachments as a layout has them, all of it or nothing. */
#include <inttypes.h>

#include "cleanup.h"
#include "commands.h"
#include "layout.h"
#include "layout_file.h"
#include "layout_plan.h"
#include "layout_present.h"
#include "layout_run.h"
#include "print.h"

static enum exit_status refuse(const struct invocation *invocation, const char *where,
                               const struct error *error, int r)
{
    if (r < 0)
        return complain_memory(invocation);
    complain(invocation, "%s%s%s (%s)", where, *where ? ": " : "", error->message,
             error_name(error->code));
    return STATUS_REFUSED;
}

static void note_rounding(const struct invocation *invocation, const struct layout *layout)
{
    char size[SIZE_TEXT_MAX];

    for (size_t i = 0; i < layout->segment_count; i++) {
        const struct layout_segment *segment = &layout->segments[i];

        if (segment->size != segment->size_said)
            complain(invocation, "note: segment '%s': %" PRIu64 " bytes rounded up to %s",
                     segment->name, segment->size_said, print_size(segment->size, size));
    }
}

static enum exit_status read_layout(const struct invocation *invocation, json_t **ret_json,
                                    struct layout *ret_layout)
{
    const char *path = invocation_argument(invocation, 0);
    struct error error = { 0 };
    enum exit_status status;
    int r;

    status = layout_file_read(invocation, path, ret_json);
    if (status != STATUS_DONE)
        return status;
    r = layout_read(*ret_json, ret_layout, &error);
    if (r)
        return refuse(invocation, layout_file_name(path), &error, r);
    note_rounding(invocation, ret_layout);
    return STATUS_DONE;
}

/* Those whose state matters: without --prune others may do with the rest what they like. */
static enum exit_status gather_names(const struct invocation *invocation,
                                     const struct layout *layout, json_t **ret_names)
{
    if (options_has(&invocation->options, "prune"))
        return STATUS_DONE;
    *ret_names = json_object();
    for (size_t i = 0; i < layout->segment_count; i++)
        if (json_object_set_new(*ret_names, layout->segments[i].name, json_true()) != 0)
            return complain_memory(invocation);
    return *ret_names ? STATUS_DONE : complain_memory(invocation);
}

/* ---- the plan */

static enum exit_status make_plan(const struct invocation *invocation, const struct layout *layout,
                                  const struct present *present, json_t *names, struct plan *plan)
{
    bool prune = options_has(&invocation->options, "prune");
    struct error error = { 0 };
    int r;

    r = present_check_settled(present, names, &error);
    if (r == 0)
        r = plan_make(layout, present, prune, plan, &error);
    return r ? refuse(invocation, "", &error, r) : STATUS_DONE;
}

/* Nothing is done that could not be told: main() says why. */
static enum exit_status show_plan(const struct invocation *invocation, const struct plan *plan)
{
    const struct step *step;

    TAILQ_FOREACH(step, &plan->steps, link) {
        _cleanup_(cleanup_free) char *text = step_text(step);

        if (!text || print_text("%s", text) != 0)
            return complain_memory(invocation);
    }
    if (plan->step_count == 0)
        puts("nothing to do");
    return fflush(stdout) == 0 ? STATUS_DONE : STATUS_REFUSED;
}

static enum exit_status show_plan_json(const struct invocation *invocation, const struct plan *plan)
{
    _cleanup_(cleanup_json) json_t *object = NULL;
    bool dry_run = options_has(&invocation->options, "dry-run");
    json_t *steps = json_array();
    const struct step *step;

    TAILQ_FOREACH(step, &plan->steps, link)
        if (json_array_append_new(steps, step_json(step)) != 0)
            break;
    object = json_pack("{s:o, s:b}", "steps", steps, "applied", !dry_run);
    if (!object || json_array_size(steps) != plan->step_count)
        return complain_memory(invocation);
    return show_json(invocation, object);
}

/* As JSON it is told when it is done, with the addresses that came of it. */
static enum exit_status carry_out(const struct invocation *invocation, struct plan *plan,
                                  json_t *names)
{
    enum exit_status status = STATUS_DONE;

    if (!invocation->json)
        status = show_plan(invocation, plan);
    if (status == STATUS_DONE && !options_has(&invocation->options, "dry-run"))
        status = plan_run(invocation, plan, names);
    if (status == STATUS_DONE && invocation->json)
        status = show_plan_json(invocation, plan);
    return status;
}

static enum exit_status apply(const struct invocation *invocation, const struct layout *layout,
                              json_t *names)
{
    _cleanup_(present_clear) struct present present = { 0 };
    _cleanup_(plan_clear) struct plan plan = { 0 };
    enum exit_status status;

    TAILQ_INIT(&plan.steps);
    status = present_look(invocation, names, &present);
    if (status == STATUS_DONE)
        status = make_plan(invocation, layout, &present, names, &plan);
    return status ? status : carry_out(invocation, &plan, names);
}

enum exit_status cmd_apply(const struct invocation *invocation)
{
    _cleanup_(cleanup_json) json_t *json = NULL, *names = NULL;
    _cleanup_(layout_clear) struct layout layout = { 0 };
    enum exit_status status;

    status = read_layout(invocation, &json, &layout);
    if (status == STATUS_DONE)
        status = gather_names(invocation, &layout, &names);
    return status ? status : apply(invocation, &layout, names);
}
