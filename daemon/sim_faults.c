/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls and builders of the simulated hypervisor that are to fail, to hang or to be the last. */
#include "hypervisor_sim_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

const char *const sim_operations[] = {
    "list",  "name",    "config",    "probe",       "permit",       "revoke", "map",
    "unmap", "publish", "unpublish", "store_write", "store_remove", "any",    NULL,
};

static void forget_fault(struct hypervisor *hypervisor, size_t index)
{
    hypervisor->faults[index] = hypervisor->faults[--hypervisor->fault_count];
}

int sim_fail(struct hypervisor *hypervisor, const char *operation, uint64_t after, int error_number,
             enum sim_fault_kind kind)
{
    const char *const *known = sim_operations;

    while (*known && strcmp(*known, operation) != 0)
        known++;
    if (!*known)
        return -EINVAL;
    if (error_number == 0 && kind != SIM_FAULT_KILL) {
        for (size_t i = hypervisor->fault_count; i-- > 0;)
            if (hypervisor->faults[i].operation == *known)
                forget_fault(hypervisor, i);
        return 0;
    }
    if (hypervisor->fault_count == FAULTS_MAX)
        return -ENOSPC;
    hypervisor->faults[hypervisor->fault_count++] =
        (struct sim_fault_plan){ *known, after ? after : 1, error_number, kind };
    return 0;
}

size_t sim_faults_pending(struct hypervisor *hypervisor)
{
    return hypervisor->fault_count;
}

/* Counts one call, at its start or (`late`) at its end. */
static int count_call(struct hypervisor *hypervisor, const char *operation, bool late)
{
    int r = 0;

    for (size_t i = hypervisor->fault_count; i-- > 0;) {
        struct sim_fault_plan *fault = &hypervisor->faults[i];

        if (strcmp(fault->operation, "any") != 0 && strcmp(fault->operation, operation) != 0)
            continue;
        if ((fault->kind == SIM_FAULT_LATE) != late || --fault->after > 0)
            continue;
        if (fault->kind == SIM_FAULT_KILL)
            raise(SIGKILL);
        r = -fault->error_number;
        forget_fault(hypervisor, i);
    }
    return r;
}

int sim_fault(void *hypervisor, const char *operation)
{
    return count_call(hypervisor, operation, false);
}

/* The result of a call that has done its work, or failed. */
int sim_ended(struct hypervisor *hypervisor, const char *operation, int r)
{
    return r < 0 ? r : count_call(hypervisor, operation, true);
}

static bool is_one_of(const char *text, const char *const *words)
{
    while (*words && strcmp(*words, text) != 0)
        words++;
    return *words;
}

static void forget_builder_plans(struct sim_world *world, const char *step)
{
    for (size_t i = 0; i < SIM_BUILDER_PLANS; i++)
        if (strcmp(world->builder_plans[i].step, step) == 0)
            world->builder_plans[i].action[0] = '\0';
}

int sim_plan_builder(struct hypervisor *hypervisor, const struct sim_builder_plan *plan)
{
    static const char *const steps[] = { "start", "facts", "build", "built", "run", "end", NULL };
    static const char *const actions[] = { "abort", "hang", "error", "garbage", "slow", "", NULL };
    SIM_LOCKED(hypervisor);
    struct sim_world *world = hypervisor->world;

    if (!is_one_of(plan->step, steps) || !is_one_of(plan->action, actions))
        return -EINVAL;
    if (!plan->action[0]) {
        forget_builder_plans(world, plan->step);
        return 0;
    }
    for (size_t i = 0; i < SIM_BUILDER_PLANS; i++)
        if (!world->builder_plans[i].action[0]) {
            world->builder_plans[i] = *plan;
            return 0;
        }
    return -ENOSPC;
}

bool sim_take_builder_plan(struct hypervisor *hypervisor, const char *step,
                           struct sim_builder_plan *ret_plan)
{
    SIM_LOCKED(hypervisor);
    struct sim_world *world = hypervisor->world;

    for (size_t i = 0; i < SIM_BUILDER_PLANS; i++) {
        struct sim_builder_plan *plan = &world->builder_plans[i];

        if (!plan->action[0] || strcmp(plan->step, step) != 0)
            continue;
        *ret_plan = *plan;
        plan->action[0] = '\0';
        return true;
    }
    return false;
}

size_t sim_builder_plans_pending(struct hypervisor *hypervisor)
{
    SIM_LOCKED(hypervisor);
    size_t count = 0;

    for (size_t i = 0; i < SIM_BUILDER_PLANS; i++)
        count += hypervisor->world->builder_plans[i].action[0] != '\0';
    return count;
}
