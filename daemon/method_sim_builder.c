/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Planned faults of builders, which are processes of their own. */
#include <errno.h>
#include <string.h>

#include "message.h"
#include "method_sim.h"
#include "hypervisor_sim.h"

/* Longer than any builder lives. */
#define SECONDS_MAX 3600

struct builder_args {
    const char *step;
    const char *action;
    json_t *seconds;
};

const struct params_field method_sim_builder_fields[] = {
    PARAMS_FIELD(
        PARAMS_STRING, struct builder_args, step, true,
        "the step of the next builder that comes to it: start, facts, build (the domain is "
        "half-made), built, run or end"),
    PARAMS_FIELD(PARAMS_STRING, struct builder_args, action, true,
                 "abort, hang, error, garbage or slow; empty: nothing is planned for the step any "
                 "more"),
    PARAMS_FIELD(PARAMS_JSON, struct builder_args, seconds, false,
                 "how long \"slow\" takes, perhaps a fraction; default 1"),
    PARAMS_END,
};

METHOD_ARGS_FIT(struct builder_args);

static const struct schema pending[] = {
    { "pending", SCHEMA_INTEGER, 0, "planned faults" },
    { NULL },
};

const struct schema method_sim_builder_result = SCHEMA_WITH(pending);
const int method_sim_builder_errors[] = { 0 };

static int invalid(struct error *error, const char *why)
{
    return error_set(error, MESSAGE_INVALID_PARAMS, "Invalid params: %s", why);
}

static int copy_word(char word[static 16], const char *text)
{
    size_t length = strlen(text);

    if (length >= 16)
        return -EINVAL;
    memcpy(word, text, length + 1);
    return 0;
}

static int read_plan(const struct builder_args *args, struct sim_builder_plan *plan,
                     struct error *error)
{
    plan->seconds = args->seconds ? json_number_value(args->seconds) : 1;
    if (args->seconds &&
        (!json_is_number(args->seconds) || plan->seconds < 0 || plan->seconds > SECONDS_MAX))
        return invalid(error, "'seconds' must be a number from 0 to 3600");
    if (copy_word(plan->step, args->step) < 0 || copy_word(plan->action, args->action) < 0)
        return invalid(error, "no step or action is called so");
    return 0;
}

void method_sim_builder(struct request *request, const void *decoded)
{
    struct hypervisor *hypervisor = request->state->hypervisor;
    struct sim_builder_plan plan = { 0 };
    struct error error = { 0 };
    int r;

    if (read_plan(decoded, &plan, &error) == 0) {
        r = sim_plan_builder(hypervisor, &plan);
        if (r == -EINVAL)
            invalid(&error, "no step or action is called so");
        else if (r < 0)
            error_set(&error, XENSHM_TOO_MANY, "too many faults are planned");
    }
    request_finish(request,
                   json_pack("{s:I}", "pending", (json_int_t)sim_builder_plans_pending(hypervisor)),
                   &error);
}
