/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout_run.h"

#include <signal.h>

#include "cleanup.h"
#include "layout_seen.h"
#include "layout_undo.h"

/* ---- signals */

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
#define SIGNAL_COUNT (sizeof(signals) / sizeof(signals[0]))

/* The one global here: there is no other way out of a signal's handler. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    interrupted = number;
}

/* The second one of a kind ends the program as ever: a daemon that hangs cannot hold it up. */
static void catch_signals(struct sigaction before[static SIGNAL_COUNT])
{
    struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESETHAND };

    interrupted = 0;
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        sigaction(signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}

static void restore_signals(const struct sigaction before[static SIGNAL_COUNT])
{
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigaction(signals[i], &before[i], NULL);
}

/* ---- steps */

static enum exit_status do_step(const struct invocation *invocation, struct step *step)
{
    _cleanup_(cleanup_json) json_t *params = NULL, *result = NULL;
    enum exit_status status;
    const char *method;

    params = step_request(step, &method);
    if (!params)
        return complain_memory(invocation);
    status = invocation_ask(invocation, method, params, &result);
    if (status == STATUS_UNREACHABLE)
        step->state = STEP_UNANSWERED;
    else if (status != STATUS_DONE)
        step->state = STEP_REFUSED;
    else
        step_take_result(step, result);
    if (json_is_string(json_object_get(result, "warning")))
        complain(invocation, "warning: %s", json_string_value(json_object_get(result, "warning")));
    return status;
}

/* Everything that the others may have changed since the plan was made, as there is no way back. */
static enum exit_status check_final(const struct invocation *invocation, struct plan *plan,
                                    struct step *step, json_t *names)
{
    _cleanup_(present_clear) struct present now = { 0 };
    enum exit_status status = present_look(invocation, names, &now);

    for (; status == STATUS_DONE && step; step = TAILQ_NEXT(step, link)) {
        if (step_is_needless(step, &now)) {
            step->state = STEP_NEEDLESS;
        } else if (!step_still_fits(step, &plan->steps, &now)) {
            complain(invocation,
                     "segment '%s' was changed by somebody else meanwhile; try again "
                     "(SEGMENT_IN_USE)",
                     step->segment);
            status = STATUS_REFUSED;
        }
    }
    return status;
}

static bool is_first_final(const struct step *step)
{
    const struct step *before = TAILQ_PREV(step, step_list, link);

    return step->final && !(before && before->final);
}

static enum exit_status run_step(const struct invocation *invocation, struct plan *plan,
                                 struct step *step, json_t *names)
{
    enum exit_status status = STATUS_DONE;

    if (interrupted) {
        complain(invocation, "interrupted by a signal");
        return STATUS_REFUSED;
    }
    if (is_first_final(step))
        status = check_final(invocation, plan, step, names);
    if (status == STATUS_DONE && step->state == STEP_PENDING)
        status = do_step(invocation, step);
    return status;
}

enum exit_status plan_run(const struct invocation *invocation, struct plan *plan, json_t *names)
{
    struct sigaction before[SIGNAL_COUNT];
    enum exit_status status = STATUS_DONE;
    struct step *step;

    catch_signals(before);
    TAILQ_FOREACH(step, &plan->steps, link) {
        status = run_step(invocation, plan, step, names);
        if (status != STATUS_DONE) {
            status = plan_give_up(invocation, plan, step, status, names);
            break;
        }
    }
    restore_signals(before);
    return status;
}
