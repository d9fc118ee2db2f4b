/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A builder reads the configuration; the segments are claimed, wiped and persisted for a guest that
 * does not exist yet; the builder builds it around them, paused; then it is brought up as after any
 * reboot, and let run. A guest that is built anew has its segments already, else it is the same.
 *
 * Killed at whatever step, the next start finds the record "building" (or "restarting") and has
 * every domain with that UUID ended before a page is free.
 */
#include "operation_create_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

static void create_free(struct operation *operation)
{
    struct create *create = (struct create *)operation;
    struct created *created = create_find(create);

    building_clear(&create->building);
    suboperation_drop(create->sub);
    if (created)
        created->busy = NULL;
    json_decref(create->config);
    json_decref(create->names);
    json_decref(create->warnings);
    free(create->shares);
    free(create);
}

static json_t *first_line(const struct create *create)
{
    return json_pack("{s:s, s:O}", "do", "create", "config", create->config);
}

static enum operation_turn start(struct create *create)
{
    const struct created *created = create_find(create);

    if ((created && clock_milliseconds() < created->not_before) ||
        !building_possible(create->operation.state))
        return OPERATION_SLEEP;
    if (building_start(&create->building, &create->operation, first_line(create),
                       create_error(create)))
        return create_failed(create);
    create->phase = CREATE_FACTS;
    return OPERATION_PARK;
}

static enum operation_turn next_share(struct create *create)
{
    if (create->next_share == create->share_count) {
        create->phase = CREATE_SETTLE;
        return OPERATION_AGAIN;
    }
    if (create_reserve(create))
        return create_failed(create);
    create->phase = CREATE_RESERVED;
    return OPERATION_PARK;
}

static enum operation_turn settle(struct create *create)
{
    if (create_segments_busy(create))
        return OPERATION_AGAIN;
    create->phase = CREATE_BUILT;
    if (create_segments_wait(create) || create_build(create))
        return create_failed(create);
    return OPERATION_PARK;
}

static enum operation_turn adopt_domain(struct create *create)
{
    if (create_built(create) || create_bring_up(create))
        return create_failed(create);
    create->phase = CREATE_BRING_UP;
    return OPERATION_AGAIN;
}

static enum operation_turn let_run(struct create *create)
{
    if (create_segments_busy(create))
        return OPERATION_AGAIN;
    if (create_check_brought_up(create))
        return create_failed(create);
    create->phase = CREATE_RUNS;
    if (create->paused)
        return create_finish(create);
    building_say(&create->building, json_pack("{s:{}}", "run"));
    return OPERATION_PARK;
}

static enum operation_turn runs(struct create *create)
{
    if (create->building.error.code) {
        *create_error(create) = create->building.error;
        return create_failed(create);
    }
    return create_finish(create);
}

/* What has not reached the hypervisor is given up when the daemon stops, or it is destroyed. */
static bool is_unwanted(struct create *create)
{
    const struct created *created = create_find(create);

    if (create->phase >= CREATE_UNDO)
        return false;
    if (created && created->unwanted)
        error_set(create_error(create), XENSHM_GUEST_DYING, "guest '%s' was destroyed meanwhile",
                  created->facts.name);
    else if (create->operation.state->operations.stopping && create->phase < CREATE_BUILT)
        error_set(create_error(create), XENSHM_BUSY, "the daemon is stopping");
    return create_error(create)->code != 0;
}

static enum operation_turn create_step(struct operation *operation)
{
    struct create *create = (struct create *)operation;

    /* What it reserves just now is not to be left behind: that ends first. */
    if (!(create->phase == CREATE_RESERVED && !create->sub->ended) && is_unwanted(create)) {
        if (!create->building.waiting)
            return create_failed(create);
        builder_kill(create->building.builder);
    }
    if (create->building.waiting)
        return OPERATION_PARK;
    switch (create->phase) {
    case CREATE_START:
        return start(create);
    case CREATE_FACTS:
        if (create_adopt(create))
            return create_failed(create);
        create->phase = CREATE_RESERVE;
        return OPERATION_AGAIN;
    case CREATE_RESERVE:
        return next_share(create);
    case CREATE_RESERVED:
        if (!create->sub->ended)
            return OPERATION_PARK;
        create->phase = CREATE_RESERVE;
        return create_reserved(create) ? create_failed(create) : OPERATION_AGAIN;
    case CREATE_SETTLE:
        return settle(create);
    case CREATE_BUILT:
        return adopt_domain(create);
    case CREATE_BRING_UP:
        return let_run(create);
    case CREATE_RUNS:
        return runs(create);
    case CREATE_UNDO:
        return create_undo(create);
    case CREATE_UNDONE:
        return create_undone(create);
    }
    return OPERATION_DONE;
}

static int copy_request(struct create *create, const struct create_request *request)
{
    create->shares = calloc(request->share_count + 1, sizeof(*create->shares));
    create->names = json_array();
    create->warnings = json_array();
    if (!create->shares || !create->names || !create->warnings)
        return -ENOMEM;
    if (request->share_count)
        memcpy(create->shares, request->shares, request->share_count * sizeof(*create->shares));
    create->share_count = request->share_count;
    create->config = json_incref(request->config);
    create->paused = request->paused;
    create->uid = request->uid;
    return 0;
}

int operation_create(struct state *state, const struct create_request *request,
                     operation_done_fn done, void *context, struct error *error)
{
    struct create *create = operation_new(sizeof(*create),
                                          &(struct operation){
                                              .step = create_step,
                                              .free = create_free,
                                              .state = state,
                                              .no_guest = true,
                                              .done = done,
                                              .done_context = context,
                                          },
                                          error);

    if (!create)
        return error->code;
    if (copy_request(create, request) < 0) {
        create_free(&create->operation);
        return error_set(error, MESSAGE_INTERNAL_ERROR, "out of memory");
    }
    operation_submit(&create->operation);
    return 0;
}

int operation_restart(struct state *state, struct created *created)
{
    struct create_request request = { .config = created->config };
    struct create *create = operation_new_own(sizeof(*create), &(struct operation){
                                                                   .step = create_step,
                                                                   .free = create_free,
                                                                   .state = state,
                                                                   .no_guest = true,
                                                               });

    if (!create)
        return -ENOMEM;
    if (copy_request(create, &request) < 0) {
        create_free(&create->operation);
        return -ENOMEM;
    }
    memcpy(create->uuid, created->facts.uuid, DOMAIN_UUID_SIZE);
    create->restart = true;
    create->busy = true;
    created->busy = &create->operation;
    operation_submit(&create->operation);
    return 0;
}
