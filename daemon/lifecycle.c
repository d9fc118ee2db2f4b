/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lifecycle.h"

#include <string.h>

#include "clock.h"
#include "log.h"
#include "operation_end.h"
#include "store_created.h"

/* A builder of a daemon that was killed goes within moments; it is looked for so often, in ms. */
#define BUILDERS_LOOK 20

static void end(struct state *state, const struct created *created, struct end_request request)
{
    struct error error = { 0 };

    memcpy(request.uuid, created->facts.uuid, DOMAIN_UUID_SIZE);
    if (operation_end(state, &request, NULL, NULL, &error))
        log_error("guest %s: %s", created->facts.name, error.message);
}

/* Its domain is kept for whoever wants to look at it; it is looked after until that is gone. */
static void preserve(struct state *state, struct created *created)
{
    created->state = CREATED_PRESERVED;
    created->unsaved = store_created_write(state->store, created) < 0;
    log_info("guest %s: kept as it is, as domain %u", created->facts.name, created->domid);
}

static void on_shutdown(struct state *state, struct created *created, enum domain_shutdown reason)
{
    enum created_action action = created_action(created, reason);
    struct end_request request = { .then = END_FORGET, .why = "it has shut down" };

    log_info("guest %s (domain %u) has shut down, reason %d: %s", created->facts.name,
             created->domid, (int)reason, created_action_name(action));
    switch (action) {
    case CREATED_PRESERVE:
        preserve(state, created);
        return;
    case CREATED_COREDUMP_DESTROY:
        request.core = true;
        break;
    case CREATED_COREDUMP_RESTART:
        request.core = true;
        request.then = END_RESTART;
        break;
    case CREATED_RENAME_RESTART:
        request.rename = true;
        request.then = END_RESTART;
        break;
    case CREATED_SOFT_RESET: /* Xen on Arm knows none (arch_domain_soft_reset()) */
    case CREATED_RESTART:
        request.then = END_RESTART;
        break;
    case CREATED_DESTROY:
        break;
    }
    end(state, created, request);
}

/* What a daemon before this one, or a failure, has left. */
static void go_on(struct state *state, struct created *created)
{
    enum end_then then = created->state == CREATED_RESTARTING ? END_RESTART : END_FORGET;

    end(state, created,
        (struct end_request){
            .then = then,
            .rename = created->rename,
            .core = created->core,
            .why = created->state == CREATED_BUILDING ? "its creation was interrupted"
                                                      : "it was to be destroyed",
        });
}

static void follow(struct state *state, struct created *created)
{
    const struct guest *guest = guest_of_created(&state->guests, created);

    if (!guest)
        end(state, created,
            (struct end_request){ .then = END_FORGET, .why = "its domain is gone" });
    else if (created->state == CREATED_RUNNING && guest->shutdown != DOMAIN_RUNNING &&
             guest->shutdown != DOMAIN_SUSPEND)
        on_shutdown(state, created, guest->shutdown);
}

/* Domids are used again: those that somebody has destroyed meanwhile are forgotten. */
static void prune_preserved(struct state *state, struct created *created)
{
    struct domain_identity identity;

    memcpy(identity.uuid, created->facts.uuid, DOMAIN_UUID_SIZE);
    for (size_t i = created->preserved_count; i-- > 0;) {
        const struct guest *guest;

        identity.domid = created->preserved[i];
        guest = guest_find(&state->guests, &identity);
        if (!guest || !guest->alive)
            created_drop_preserved(created, identity.domid);
    }
}

static void apply(struct state *state, struct created *created)
{
    if (created->busy || !store_created_is_ours(state->store) ||
        (created_unsettled(created) && clock_milliseconds() < created->not_before))
        return;
    prune_preserved(state, created);
    if (created->unsaved)
        created->unsaved = store_created_write(state->store, created) < 0;
    if (created_unsettled(created))
        go_on(state, created);
    else
        follow(state, created);
}

void lifecycle_apply(struct state *state)
{
    struct created *created, *next;

    if (state->operations.stopping)
        return;
    for (created = TAILQ_FIRST(&state->created); created; created = next) {
        next = TAILQ_NEXT(created, link);
        apply(state, created);
    }
}

uint64_t lifecycle_next(const struct state *state)
{
    const struct created *created;
    uint64_t next = UINT64_MAX;

    if (!TAILQ_EMPTY(&state->created) && !store_created_is_ours(state->store))
        return clock_milliseconds() + BUILDERS_LOOK;
    TAILQ_FOREACH(created, &state->created, link)
        if (!created->busy && created_unsettled(created) && created->not_before < next)
            next = created->not_before;
    return next;
}
