/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "building.h"

#include <errno.h>
#include <string.h>

#include "store_created.h"

bool building_possible(const struct state *state)
{
    return state->builders < state->limits.builders && store_created_is_ours(state->store);
}

static void drop_reply(struct building *building)
{
    json_decref(building->reply);
    building->reply = NULL;
}

/* It may also die while nothing was asked of it. */
static void on_reply(void *context, json_t *reply, const struct error *error)
{
    struct building *building = context;
    struct state *state = building->operation->state;

    drop_reply(building);
    building->waiting = false;
    building->reply = json_incref(reply);
    building->error = error ? *error : (struct error){ 0 };
    if (!reply) {
        building->builder = NULL;
        state->builders--;
    } else if (json_object_get(reply, "done")) {
        building_dismiss(building);
    }
    /* What a toolstack does to domains shows sooner so than by any hint. */
    state_request_reconcile(state);
    operation_wake(building->operation);
}

static int not_started(const struct builder_setup *setup, int r, struct error *error)
{
    if (!setup->socket)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder %s cannot be started: %s",
                         setup->program, strerror(-r));
    error_set(error, XENSHM_HYPERVISOR_FAILED, "no builder can be reached at %s: %s", setup->socket,
              r == -EPERM ? "it is another user's" : strerror(-r));
    return error_set_hint(error, "`systemctl start xenshm-builder.socket` makes the socket; if it "
                                 "fails, `journalctl -u 'xenshm-builder*'` says why");
}

int building_start(struct building *building, struct operation *operation, json_t *request,
                   struct error *error)
{
    struct state *state = operation->state;
    int r;

    *building = (struct building){ .operation = operation };
    if (!state->builder.program && !state->builder.socket) {
        json_decref(request);
        return error_set(error, XENSHM_UNSUPPORTED, "this daemon has no builder of guests");
    }
    r = builder_start(state->base, &state->builder, request, state->limits.builder_timeout,
                      on_reply, building, &building->builder);
    if (r < 0)
        return not_started(&state->builder, r, error);
    state->builders++;
    building->waiting = true;
    return 0;
}

void building_say(struct building *building, json_t *line)
{
    drop_reply(building);
    building->waiting = building->builder != NULL;
    if (building->builder) {
        builder_say(building->builder, line);
        return;
    }
    /* It has died meanwhile: its error is the reply. */
    json_decref(line);
    operation_wake(building->operation);
}

void building_dismiss(struct building *building)
{
    struct state *state = building->operation->state;

    if (!building->builder)
        return;
    builder_dismiss(building->builder, &state->leaving);
    building->builder = NULL;
    state->builders--;
}

void building_clear(struct building *building)
{
    if (building->builder)
        building->operation->state->builders--;
    building->builder = builder_free(building->builder);
    building->waiting = false;
    drop_reply(building);
}
