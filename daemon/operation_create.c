/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A builder reads the configuration; the segments are claimed, wiped and persisted for a guest that
 * does not exist yet; the builder builds it around them, paused; then it is brought up as after any
 * reboot, and let run. A guest that is built anew has its segments already, else it is the same.
 *
 * Killed at whatever step, the next start finds the record "building" (or "restarting") and has
 * every domain with that UUID ended before a page is free.
 */
#include "operation_create.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attachment_wait.h"
#include "building.h"
#include "cleanup.h"
#include "clock.h"
#include "create_check.h"
#include "describe.h"
#include "holders.h"
#include "log.h"
#include "message.h"
#include "operation_attach.h"
#include "operation_end.h"
#include "operation_restore.h"
#include "store_created.h"
#include "suboperation.h"
#include "uuid.h"

/* A guest that cannot be built anew is tried so often, with such a pause (as xl's), in ms. */
#define RESTART_TRIES 3
#define RESTART_PAUSE 2000

enum phase { START, FACTS, RESERVE, RESERVED, SETTLE, BUILT, BRING_UP, RUNS, UNDO, UNDONE };

struct create {
    struct operation operation; /* first member */
    enum phase phase;
    bool restart;
    uint8_t uuid[DOMAIN_UUID_SIZE]; /* once the facts are known */
    bool busy;                      /* the guest is this operation's */
    json_t *config;
    struct create_share *shares;
    size_t share_count, next_share;
    bool paused;
    uint32_t uid;
    uint64_t segments; /* that it was given to be built with */
    json_t *names;     /* of the segments reserved, in the order asked for */
    json_t *warnings;
    struct building building;
    struct suboperation *sub;
};

static struct created *find(const struct create *create)
{
    return create->busy ? created_find(&create->operation.state->created, create->uuid) : NULL;
}

static void create_free(struct operation *operation)
{
    struct create *create = (struct create *)operation;
    struct created *created = find(create);

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

static struct error *error_of(struct create *create)
{
    return &create->operation.error;
}

static int no_memory(struct create *create)
{
    return error_set(error_of(create), MESSAGE_INTERNAL_ERROR, "out of memory");
}

static int persist(struct create *create, const struct created *created)
{
    int r = store_created_write(create->operation.state->store, created);

    return r < 0 ? error_set(error_of(create), XENSHM_STORE_FAILED,
                             "guest '%s' cannot be written to the store: %s", created->facts.name,
                             strerror(-r))
                 : 0;
}

/* ---- what its configuration says */

/* Its own iomem is held from here on. */
static int expect(struct create *create, const struct created *created)
{
    struct state *state = create->operation.state;

    return guest_expect_created(&state->guests, created) < 0 || holders_update(state) < 0
               ? no_memory(create)
               : 0;
}

/* It keeps the UUID that the builder has made up for it. */
static json_t *own_config(const struct create *create, const struct created_facts *facts)
{
    json_t *config = json_deep_copy(create->config);
    char uuid[UUID_TEXT_SIZE];

    if (json_object_set_new(json_object_get(config, "c_info"), "uuid",
                            json_string(uuid_format(facts->uuid, uuid))) == 0)
        return config;
    json_decref(config);
    return NULL;
}

static int adopt_new(struct create *create, struct created_facts *facts)
{
    struct state *state = create->operation.state;
    _cleanup_(cleanup_json) json_t *config = NULL;
    struct created *created;

    if (create_check(state, facts, error_of(create)))
        return error_of(create)->code;
    config = own_config(create, facts);
    if (!config || created_add(&state->created, facts, config, &created) < 0)
        return no_memory(create);
    memcpy(create->uuid, created->facts.uuid, DOMAIN_UUID_SIZE);
    created->busy = &create->operation;
    create->busy = true;
    return persist(create, created) || expect(create, created) ? error_of(create)->code : 0;
}

/* Devices may have come and gone meanwhile; but it is still the same guest. */
static int adopt_again(struct create *create, struct created_facts *facts)
{
    struct created *created = find(create);
    struct created_facts before = created->facts;

    if (memcmp(facts->uuid, before.uuid, DOMAIN_UUID_SIZE) != 0)
        return error_set(error_of(create), XENSHM_CONFIG_INVALID,
                         "the configuration of guest '%s' has another UUID now", before.name);
    created->facts = *facts;
    *facts = before;
    created->domid = 0;
    return persist(create, created) || expect(create, created) ? error_of(create)->code : 0;
}

static int adopt(struct create *create)
{
    struct created_facts facts = { 0 };
    int r;

    if (create->building.error.code) {
        *error_of(create) = create->building.error;
        return error_of(create)->code;
    }
    if (created_facts_parse(json_object_get(create->building.reply, "facts"), &facts) < 0)
        return error_set(error_of(create), XENSHM_HYPERVISOR_FAILED,
                         "the builder's words about the configuration make no sense");
    r = holders_refresh(create->operation.state);
    if (r < 0)
        guests_list_failed(error_of(create), r);
    else if (create->restart)
        adopt_again(create, &facts);
    else
        adopt_new(create, &facts);
    created_facts_clear(&facts);
    return error_of(create)->code;
}

/* ---- its segments */

static int reserve(struct create *create)
{
    const struct create_share *share = &create->shares[create->next_share];
    struct attach_request request = {
        .size = share->size,
        .segment = share->segment,
        .name = share->name,
        .pool = share->pool,
        .address = share->address,
        .uid = create->uid,
        .reserve = true,
    };

    memcpy(request.guest.uuid, create->uuid, DOMAIN_UUID_SIZE);
    create->sub = suboperation_new(&create->operation);
    if (!create->sub)
        return no_memory(create);
    if (operation_attach(create->operation.state, &request, suboperation_done, create->sub,
                         error_of(create))) {
        create->sub->ended = true;
        create->sub = suboperation_drop(create->sub);
    }
    return error_of(create)->code;
}

static int reserved(struct create *create)
{
    json_t *warning = json_object_get(create->sub->result, "warning");

    if (!create->sub->result)
        *error_of(create) = create->sub->error;
    else
        json_array_append(create->names, json_object_get(create->sub->result, "segment"));
    if (warning)
        json_array_append(create->warnings, warning);
    create->sub = suboperation_drop(create->sub);
    create->next_share++;
    return error_of(create)->code;
}

typedef int (*each_fn)(struct create *create, struct attachment *attachment, void *context);

/* Its attachments that are not on their way out. Ends with what `each` returns other than 0. */
static int each_attachment(struct create *create, each_fn each, void *context)
{
    struct state *state = create->operation.state;
    struct segment *segment = segment_first(&state->segments), *next;
    int r = 0;

    for (; segment && r == 0; segment = next) {
        struct attachment *attachment = segment_attachment_of(segment, create->uuid);

        next = segment_next(segment);
        if (attachment &&
            (attachment->state == ATTACHMENT_ATTACHED || attachment->state == ATTACHMENT_WAITING))
            r = each(create, attachment, context);
    }
    return r;
}

static int is_busy(struct create *create, struct attachment *attachment, void *context)
{
    return attachment->busy != NULL;
}

static int let_wait(struct create *create, struct attachment *attachment, void *context)
{
    return attachment_wait(create->operation.state, attachment) ? 0 : -EIO;
}

/* libxl maps what nobody else of the guest's domains has; the rest comes over when it is built. */
static int describe_share(struct create *create, struct attachment *attachment, void *context)
{
    json_t **shares = context;
    const struct segment *segment = attachment->segment;

    create->segments++;
    describe_append(
        shares, json_pack("{s:s, s:I, s:I, s:I, s:I, s:b}", "segment", segment->name,
                          "host_address", (json_int_t)mfn_address(segment_frames(segment).first),
                          "size", (json_int_t)pages_to_bytes(segment_frames(segment).count),
                          "guest_address", (json_int_t)gfn_address(attachment->first), "epoch",
                          (json_int_t)segment->epoch, "map", !attachment->guest->alive));
    return 0;
}

/* ---- building it */

static int build(struct create *create)
{
    struct state *state = create->operation.state;
    const struct created *created = find(create);
    char *tree = store_created_tree(state->store, created);
    const char *compatible = created->facts.compatible;
    json_t *shares = json_array(), *line;

    create->segments = 0;
    each_attachment(create, describe_share, &shares);
    line = tree && shares
               ? json_pack("{s:{s:s, s:s, s:o}}", "build", "tree", tree, "compatible",
                           compatible[0] ? compatible : state->compatible, "shares", shares)
               : NULL;
    free(tree);
    if (!line)
        return no_memory(create);
    building_say(&create->building, line);
    return 0;
}

/* It is there, whole and paused: from here on it is looked at. */
static int built(struct create *create)
{
    struct state *state = create->operation.state;
    struct created *created = find(create);
    json_t *domid = json_object_get(json_object_get(create->building.reply, "built"), "domid");
    const struct guest *guest;
    int r;

    if (create->building.error.code) {
        *error_of(create) = create->building.error;
        return error_of(create)->code;
    }
    r = holders_refresh(state);
    if (r < 0)
        return guests_list_failed(error_of(create), r);
    guest = guest_of_created(&state->guests, created);
    if (!guest || !json_is_integer(domid) ||
        guest->identity.domid != (uint32_t)json_integer_value(domid))
        return error_set(error_of(create), XENSHM_GUEST_DYING, "guest '%s' died while it was built",
                         created->facts.name);
    created->domid = guest->identity.domid;
    return persist(create, created);
}

static int bring_up(struct create *create, struct attachment *attachment, void *context)
{
    if (operation_restore(create->operation.state, attachment, context) < 0)
        return no_memory(create);
    return 0;
}

static int count_attached(struct create *create, struct attachment *attachment, void *context)
{
    uint64_t *count = context;

    *count += attachment->state == ATTACHMENT_ATTACHED;
    return 0;
}

/* Returns 0, or a refusal: a segment did not get into it. */
static int check_brought_up(struct create *create)
{
    uint64_t attached = 0;

    each_attachment(create, count_attached, &attached);
    if (attached == create->segments)
        return 0;
    return error_set(error_of(create), XENSHM_HYPERVISOR_FAILED,
                     "%" PRIu64 " of the %" PRIu64 " segments of guest '%s' could not be brought "
                     "into it",
                     create->segments - attached, create->segments, find(create)->facts.name);
}

/* ---- the ends */

static int append_described(struct create *create, struct attachment *attachment, void *context)
{
    describe_append(context, describe_attachment(attachment));
    return 0;
}

/* In the order asked for; of a guest that is built anew, by name. */
static json_t *describe_attachments(struct create *create)
{
    json_t *attachments = json_array(), *name;
    size_t i;

    if (create->restart)
        each_attachment(create, append_described, &attachments);
    json_array_foreach(create->names, i, name) {
        struct segment *segment =
            segment_find(&create->operation.state->segments, json_string_value(name));
        struct attachment *attachment =
            segment ? segment_attachment_of(segment, create->uuid) : NULL;

        if (attachment)
            describe_append(&attachments, describe_attachment(attachment));
    }
    return attachments;
}

static json_t *describe_result(struct create *create, const struct created *created)
{
    char uuid[UUID_TEXT_SIZE];

    return json_pack("{s:{s:o, s:I, s:s, s:s}, s:o}", "guest", "name",
                     describe_name(created->facts.name), "domid", (json_int_t)created->domid,
                     "uuid", uuid_format(created->facts.uuid, uuid), "state",
                     create->paused ? "paused" : "running", "attachments",
                     describe_attachments(create));
}

/* It runs: what fails from here on is only tried again. */
static enum operation_turn finish(struct create *create)
{
    struct state *state = create->operation.state;
    struct created *created = find(create);
    json_t *result;

    building_dismiss(&create->building);
    created->state = CREATED_RUNNING;
    created->failures = 0;
    created->not_before = clock_milliseconds() + RESTART_PAUSE;
    created->unsaved = store_created_write(state->store, created) < 0;
    result = describe_result(create, created);
    log_info("guest %s: %s as domain %u, with %" PRIu64 " segment%s", created->facts.name,
             create->restart ? "made anew" : "created", created->domid, create->segments,
             create->segments == 1 ? "" : "s");
    events_emit(&state->events, create->restart ? "guest.restarted" : "guest.created",
                json_incref(result));
    if (result && json_array_size(create->warnings) > 0)
        json_object_set(result, "warnings", create->warnings);
    if (!result)
        no_memory(create);
    create->operation.result = result;
    state_request_reconcile(state);
    return OPERATION_DONE;
}

static void give_guest_back(struct create *create)
{
    struct created *created = find(create);

    building_clear(&create->building);
    if (created)
        created->busy = NULL;
    create->busy = false;
}

/* Everything back: the domain, then the segments, then the guest itself. */
static enum operation_turn undo(struct create *create)
{
    struct end_request request = { .then = END_FORGET };
    struct error error = { 0 };

    if (!find(create))
        return OPERATION_DONE;
    memcpy(request.uuid, create->uuid, DOMAIN_UUID_SIZE);
    give_guest_back(create);
    create->phase = UNDONE;
    create->sub = suboperation_new(&create->operation);
    /* Without memory lifecycle_apply() does it. */
    if (!create->sub)
        return OPERATION_DONE;
    if (operation_end(create->operation.state, &request, suboperation_done, create->sub, &error)) {
        create->sub->ended = true;
        create->sub = suboperation_drop(create->sub);
        return OPERATION_DONE;
    }
    return OPERATION_PARK;
}

static enum operation_turn undone(struct create *create)
{
    if (!create->sub->ended)
        return OPERATION_PARK;
    if (!create->sub->result)
        error_set_hint(error_of(create),
                       "what was made of it cannot be taken back yet (%s); it is tried again",
                       create->sub->error.message);
    return OPERATION_DONE;
}

/* A few tries, as libxl now and then fails just after it has destroyed the domain before. */
static enum operation_turn restart_failed(struct create *create)
{
    struct state *state = create->operation.state;
    struct created *created = find(create);
    bool last = !created->unwanted && ++created->failures >= RESTART_TRIES;
    char uuid[UUID_TEXT_SIZE];

    log_error("guest %s: building it anew failed: %s (%s)%s", created->facts.name,
              error_of(create)->message, error_name(error_of(create)->code),
              last ? "; it is given up" : "");
    created->not_before = clock_milliseconds() + RESTART_PAUSE;
    if (last) {
        events_emit(&state->events, "guest.failed",
                    json_pack("{s:{s:o, s:s}, s:s, s:s}", "guest", "name",
                              describe_name(created->facts.name), "uuid",
                              uuid_format(created->facts.uuid, uuid), "error",
                              error_name(error_of(create)->code), "problem",
                              error_of(create)->message));
        created->state = CREATED_ENDING;
        created->not_before = 0;
    }
    give_guest_back(create);
    state_request_reconcile(state);
    return OPERATION_DONE;
}

static enum operation_turn failed(struct create *create)
{
    if (create->restart)
        return restart_failed(create);
    create->phase = UNDO;
    return undo(create);
}

/* ---- one step after the other */

static json_t *first_line(const struct create *create)
{
    return json_pack("{s:s, s:O}", "do", "create", "config", create->config);
}

static enum operation_turn start(struct create *create)
{
    const struct created *created = find(create);

    if ((created && clock_milliseconds() < created->not_before) ||
        !building_possible(create->operation.state))
        return OPERATION_SLEEP;
    if (building_start(&create->building, &create->operation, first_line(create), error_of(create)))
        return failed(create);
    create->phase = FACTS;
    return OPERATION_PARK;
}

static enum operation_turn next_share(struct create *create)
{
    if (create->next_share == create->share_count) {
        create->phase = SETTLE;
        return OPERATION_AGAIN;
    }
    if (reserve(create))
        return failed(create);
    create->phase = RESERVED;
    return OPERATION_PARK;
}

static enum operation_turn settle(struct create *create)
{
    if (each_attachment(create, is_busy, NULL))
        return OPERATION_AGAIN;
    if (each_attachment(create, let_wait, NULL))
        error_set(error_of(create), XENSHM_STORE_FAILED,
                  "the segments of the guest cannot be written to the store");
    else
        build(create);
    create->phase = BUILT;
    return error_of(create)->code ? failed(create) : OPERATION_PARK;
}

static enum operation_turn adopt_domain(struct create *create)
{
    struct state *state = create->operation.state;

    if (built(create) ||
        each_attachment(create, bring_up, guest_of_created(&state->guests, find(create))))
        return failed(create);
    create->phase = BRING_UP;
    return OPERATION_AGAIN;
}

static enum operation_turn let_run(struct create *create)
{
    if (each_attachment(create, is_busy, NULL))
        return OPERATION_AGAIN;
    if (check_brought_up(create))
        return failed(create);
    create->phase = RUNS;
    if (create->paused)
        return finish(create);
    building_say(&create->building, json_pack("{s:{}}", "run"));
    return OPERATION_PARK;
}

static enum operation_turn runs(struct create *create)
{
    if (create->building.error.code) {
        *error_of(create) = create->building.error;
        return failed(create);
    }
    return finish(create);
}

/* What has not reached the hypervisor is given up when the daemon stops, or it is destroyed. */
static bool is_unwanted(struct create *create)
{
    const struct created *created = find(create);

    if (create->phase >= UNDO)
        return false;
    if (created && created->unwanted)
        error_set(error_of(create), XENSHM_GUEST_DYING, "guest '%s' was destroyed meanwhile",
                  created->facts.name);
    else if (create->operation.state->operations.stopping && create->phase < BUILT)
        error_set(error_of(create), XENSHM_BUSY, "the daemon is stopping");
    return error_of(create)->code != 0;
}

static enum operation_turn create_step(struct operation *operation)
{
    struct create *create = (struct create *)operation;

    /* What it reserves just now is not to be left behind: that ends first. */
    if (!(create->phase == RESERVED && !create->sub->ended) && is_unwanted(create)) {
        if (!create->building.waiting)
            return failed(create);
        builder_kill(create->building.builder);
    }
    if (create->building.waiting)
        return OPERATION_PARK;
    switch (create->phase) {
    case START:
        return start(create);
    case FACTS:
        if (adopt(create))
            return failed(create);
        create->phase = RESERVE;
        return OPERATION_AGAIN;
    case RESERVE:
        return next_share(create);
    case RESERVED:
        if (!create->sub->ended)
            return OPERATION_PARK;
        create->phase = RESERVE;
        return reserved(create) ? failed(create) : OPERATION_AGAIN;
    case SETTLE:
        return settle(create);
    case BUILT:
        return adopt_domain(create);
    case BRING_UP:
        return let_run(create);
    case RUNS:
        return runs(create);
    case UNDO:
        return undo(create);
    case UNDONE:
        return undone(create);
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
