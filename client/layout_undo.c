/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout_undo.h"

#include "cleanup.h"
#include "layout_seen.h"

static const char *const states[] = {
    [STEP_PENDING] = "not done",        [STEP_DONE] = "done",     [STEP_REFUSED] = "refused",
    [STEP_UNANSWERED] = "perhaps done", [STEP_UNDONE] = "undone", [STEP_NEEDLESS] = "not needed",
};

/* ---- words */

static void tell_step(const struct invocation *invocation, const char *what,
                      const struct step *step)
{
    _cleanup_(cleanup_free) char *text = step_text(step);

    complain(invocation, "%s: %s", what, text ? text : step->segment);
}

/* Nobody answers: all that is known, step by step. */
static enum exit_status tell_all(const struct invocation *invocation, const struct plan *plan)
{
    const struct step *step;

    TAILQ_FOREACH(step, &plan->steps, link)
        tell_step(invocation, states[step->state], step);
    complain(invocation, "given up in the middle; try again when xenshmd answers: what is done "
                         "already will not be done twice");
    return STATUS_UNREACHABLE;
}

/* Some of it cannot be undone any more: what is still to be done. */
static enum exit_status tell_rest(const struct invocation *invocation, const struct plan *plan)
{
    const struct step *step;

    TAILQ_FOREACH(step, &plan->steps, link)
        if (step->state == STEP_PENDING || step->state == STEP_REFUSED)
            tell_step(invocation, states[step->state], step);
    complain(invocation, "all but this was done, some of it cannot be undone; try again");
    return STATUS_REFUSED;
}

static bool all_undone(const struct plan *plan)
{
    const struct step *step;

    TAILQ_FOREACH(step, &plan->steps, link)
        if (step->state == STEP_DONE)
            return false;
    return true;
}

static void tell_failed(const struct invocation *invocation, const struct step *failed,
                        const char *outcome)
{
    _cleanup_(cleanup_free) char *text = step_text(failed);

    complain(invocation, "'%s' was %s; %s", text ? text : failed->segment,
             failed->state == STEP_REFUSED ? "refused" : "not begun", outcome);
}

/* `left`: by the step itself. */
static enum exit_status tell_undone(const struct invocation *invocation, const struct plan *plan,
                                    const struct step *failed, enum step_left left)
{
    const struct step *step;

    if (!all_undone(plan))
        tell_failed(invocation, failed, "not everything before it could be undone");
    else
        tell_failed(invocation, failed,
                    left ? "what was done before it is undone" : "nothing was changed");
    TAILQ_FOREACH(step, &plan->steps, link)
        if (step->state == STEP_DONE)
            tell_step(invocation, "not undone", step);
    if (left == STEP_LEFT_QUARANTINE)
        complain(invocation,
                 "segment '%s' is quarantined in guest '%s' until it can be taken back; see "
                 "'xenshmctl list %s'",
                 failed->segment, failed->guest->name, failed->segment);
    else if (left == STEP_LEFT_DETACHED)
        complain(invocation, "segment '%s' is in guest '%s' no more, all the same", failed->segment,
                 failed->guest->name);
    return STATUS_REFUSED;
}

/* ---- deeds */

/*
 * Is it to be undone? Not when bytes would go with it: the guest that had them is gone meanwhile,
 * or could not be given them back. That needs a look at what the steps after it have left.
 */
static enum exit_status check_step(const struct invocation *invocation, const struct step *step,
                                   json_t *names, bool *ret_wanted)
{
    _cleanup_(present_clear) struct present now = { 0 };
    enum exit_status status = STATUS_DONE;

    *ret_wanted = step->state == STEP_DONE;
    if (!*ret_wanted || !step->bytes)
        return STATUS_DONE;
    status = present_look(invocation, names, &now);
    *ret_wanted = status == STATUS_DONE && !step_holds_bytes(step, &now);
    return status;
}

static enum exit_status undo_step(const struct invocation *invocation, struct step *step)
{
    _cleanup_(cleanup_json) json_t *params = NULL, *result = NULL;
    enum exit_status status;
    const char *method;

    params = step_undo_request(step, &method);
    if (!params)
        return complain_memory(invocation);
    status = invocation_ask(invocation, method, params, &result);
    if (status == STATUS_DONE)
        step->state = STEP_UNDONE;
    else if (status == STATUS_UNREACHABLE)
        step->state = STEP_UNANSWERED;
    return status;
}

/* What others, or the end of a guest, have undone meanwhile. */
static void mark_undone(struct plan *plan, const struct present *now)
{
    struct step *step;

    TAILQ_FOREACH(step, &plan->steps, link)
        if (step->state == STEP_DONE && step_is_undone(step, now))
            step->state = STEP_UNDONE;
}

/* One that cannot be undone does not keep the others from it. Only no answer ends it. */
static enum exit_status undo_all(const struct invocation *invocation, struct plan *plan,
                                 json_t *names)
{
    struct step *step;

    TAILQ_FOREACH_REVERSE(step, &plan->steps, step_list, link) {
        bool wanted;
        enum exit_status status = check_step(invocation, step, names, &wanted);

        if (wanted)
            status = undo_step(invocation, step);
        if (status == STATUS_UNREACHABLE)
            return status;
    }
    return STATUS_DONE;
}

/* Without a look steps are undone all the same: the daemon refuses what is not there. */
static enum exit_status undo(const struct invocation *invocation, struct plan *plan,
                             const struct step *failed, json_t *names, enum step_left *ret_left)
{
    _cleanup_(present_clear) struct present before = { 0 }, after = { 0 };
    enum exit_status status = present_look(invocation, names, &before);

    if (status == STATUS_DONE)
        mark_undone(plan, &before);
    if (status != STATUS_UNREACHABLE)
        status = undo_all(invocation, plan, names);
    if (status == STATUS_DONE)
        status = present_look(invocation, names, &after);
    if (status == STATUS_DONE) {
        mark_undone(plan, &after);
        *ret_left = step_left(failed, &after);
    }
    return status;
}

static bool is_past_return(const struct plan *plan)
{
    const struct step *step;

    TAILQ_FOREACH(step, &plan->steps, link)
        if (step->final && step->state == STEP_DONE)
            return true;
    return false;
}

enum exit_status plan_give_up(const struct invocation *invocation, struct plan *plan,
                              const struct step *step, enum exit_status status, json_t *names)
{
    enum step_left left = STEP_LEFT_NOTHING;

    if (status == STATUS_UNREACHABLE)
        return tell_all(invocation, plan);
    if (is_past_return(plan))
        return tell_rest(invocation, plan);
    if (undo(invocation, plan, step, names, &left) == STATUS_UNREACHABLE)
        return tell_all(invocation, plan);
    return tell_undone(invocation, plan, step, left);
}
