/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "order.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "claim.h"
#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "operation_attach.h"
#include "operation_segment.h"
#include "state.h"

/* Domains can be renamed, and nothing tells. */
#define NAMES_INTERVAL 1000 /* milliseconds */

/* An operation on behalf of an order; the order may be gone when it ends. */
struct errand {
    struct state *state;
    char segment[PARAMS_NAME_MAX + 1];
    struct domain_identity guest; /* of an attach */
};

/* ---- the list ---- */

static struct order *find(struct orders *orders, const char *segment)
{
    for (size_t i = 0; i < orders->count; i++)
        if (strcmp(orders->items[i].config->name, segment) == 0)
            return &orders->items[i];
    return NULL;
}

const struct order *order_find(const struct orders *orders, const char *segment)
{
    return find((struct orders *)orders, segment);
}

void orders_clear(struct orders *orders)
{
    for (size_t i = 0; i < orders->count; i++)
        free(orders->items[i].served);
    free(orders->items);
    *orders = (struct orders){ 0 };
}

int orders_set(struct orders *orders, const struct config *config)
{
    struct order *items = calloc(config->order_count + 1, sizeof(*items));

    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < config->order_count; i++) {
        struct order *before = find(orders, config->orders[i].name);

        if (before) {
            items[i] = *before;
            before->served = NULL;
        }
        items[i].config = &config->orders[i];
    }
    orders_clear(orders);
    orders->items = items;
    orders->count = config->order_count;
    return 0;
}

/* ---- what stands in the way ---- */

/* Says it once, not at every look. `about_guest`: it is not about the segment itself. */
static void set_problem(struct state *state, struct order *order, bool about_guest,
                        const struct error *error)
{
    if (strcmp(error->message, order->problem) == 0)
        return;
    strcpy(order->problem, error->message);
    order->about_guest = about_guest;
    log_error("standing order [segment %s]: %s (%s)", order->config->name, order->problem,
              error_name(error->code));
    audit_own("order.failed", NULL, order->config->name, 0, error->code);
    events_emit(&state->events, "order.failed",
                json_pack("{s:s, s:s, s:s}", "segment", order->config->name, "name",
                          error_name(error->code), "problem", order->problem));
}

/* ---- guests that have got it ---- */

static struct domain_identity *find_served(const struct order *order,
                                           const struct domain_identity *guest)
{
    for (size_t i = 0; i < order->served_count; i++)
        if (domain_identity_equal(&order->served[i], guest))
            return &order->served[i];
    return NULL;
}

static int add_served(struct order *order, const struct domain_identity *guest)
{
    struct domain_identity *served;

    if (find_served(order, guest))
        return 0;
    served = reallocarray(order->served, order->served_count + 1, sizeof(*served));
    if (!served)
        return -ENOMEM;
    order->served = served;
    served[order->served_count++] = *guest;
    return 0;
}

static void drop_served(struct order *order, const struct domain_identity *guest)
{
    struct domain_identity *found = find_served(order, guest);

    if (found)
        *found = order->served[--order->served_count];
}

static void forget_the_dead(struct state *state, struct order *order)
{
    for (size_t i = order->served_count; i-- > 0;) {
        const struct guest *guest = guest_find(&state->guests, &order->served[i]);

        if (!guest || !guest->alive)
            order->served[i] = order->served[--order->served_count];
    }
}

/* ---- errands ---- */

static struct errand *new_errand(struct state *state, const struct order *order)
{
    struct errand *errand = calloc(1, sizeof(*errand));

    if (errand) {
        errand->state = state;
        snprintf(errand->segment, sizeof(errand->segment), "%s", order->config->name);
    }
    return errand;
}

/* Of a segment or an attachment, as it is told. */
static uint64_t size_of(const json_t *object)
{
    return (uint64_t)json_integer_value(json_object_get(object, "size"));
}

static void allocated(void *context, json_t *result, const struct error *error)
{
    struct errand *errand = context;
    struct state *state = errand->state;
    struct order *order = find(&state->orders, errand->segment);

    if (order) {
        order->allocating = false;
        if (!result)
            set_problem(state, order, false, error);
        else
            order->problem[0] = '\0';
    }
    /* Now it can be attached. */
    if (result) {
        audit_own("segment.allocated", NULL, errand->segment, size_of(result), 0);
        state_request_reconcile(state);
    }
    json_decref(result);
    free(errand);
}

static void allocate(struct state *state, struct order *order)
{
    const struct config_order *config = order->config;
    struct segment_alloc_request request = {
        .name = config->name,
        .size = config->size,
        .align = config->align,
        .pool = config->pool ? state_find_pool(state, config->pool) : NULL,
    };
    struct error error = { 0 };
    struct errand *errand;

    if (order->allocating)
        return;
    if (config->pool && !request.pool) {
        error_set(&error, XENSHM_POOL_UNKNOWN, "no pool is called '%s'", config->pool);
        set_problem(state, order, false, &error);
        return;
    }
    errand = new_errand(state, order);
    if (!errand)
        return;
    order->allocating = true;
    if (operation_segment_alloc(state, &request, allocated, errand, &error) != 0) {
        order->allocating = false;
        set_problem(state, order, false, &error);
        free(errand);
    }
}

static void attached(void *context, json_t *result, const struct error *error)
{
    struct errand *errand = context;
    struct state *state = errand->state;
    struct order *order = find(&state->orders, errand->segment);
    const struct guest *guest = guest_find(&state->guests, &errand->guest);

    if (result)
        audit_own("attachment.attached", guest ? guest->name : NULL, errand->segment,
                  size_of(result), 0);
    if (order && result) {
        order->problem[0] = '\0';
    } else if (order) {
        drop_served(order, &errand->guest);
        if (guest && guest->alive)
            set_problem(state, order, true, error);
    }
    json_decref(result);
    free(errand);
}

static void attach(struct state *state, struct order *order, const struct guest *guest)
{
    struct attach_request request = {
        .guest = guest->identity,
        .segment = order->config->name,
        .address = order->config->address,
    };
    struct errand *errand = new_errand(state, order);
    struct error error = { 0 };

    /* Without memory the next look tries again. */
    if (!errand || add_served(order, &guest->identity) < 0) {
        free(errand);
        return;
    }
    errand->guest = guest->identity;
    if (operation_attach(state, &request, attached, errand, &error) != 0) {
        drop_served(order, &guest->identity);
        set_problem(state, order, true, &error);
        free(errand);
    }
}

/* ---- one look ---- */

static bool is_meant(const struct config_order *config, const struct guest *guest)
{
    uint8_t uuid[UUID_SIZE];

    for (char **text = config->guests; *text; text++)
        if (strcmp(guest->name, *text) == 0 ||
            (uuid_parse(*text, uuid) == 0 && memcmp(guest->identity.uuid, uuid, UUID_SIZE) == 0))
            return true;
    return false;
}

/* Has it the segment, or will it get it back? *ret_busy: neither, it is being changed. */
static bool has_it(struct segment *segment, const struct guest *guest, bool *ret_busy)
{
    const struct attachment *attachment = segment_attachment_of(segment, guest->identity.uuid);

    *ret_busy = attachment && attachment->state != ATTACHMENT_ATTACHED &&
                attachment->state != ATTACHMENT_WAITING;
    return attachment && !*ret_busy;
}

static void serve_guests(struct state *state, struct order *order, struct segment *segment)
{
    struct guest *guest, *next;
    bool wanted = false, busy;

    for (guest = guest_first(&state->guests); guest; guest = next) {
        next = guest_next(guest);
        if (!guest->alive || guest->shutdown != DOMAIN_RUNNING || !is_meant(order->config, guest) ||
            find_served(order, &guest->identity))
            continue;
        if ((!guest->config.known && !state->limits.unknown_holders) ||
            claim_check_settled(state, guest->identity.uuid, &(struct error){ 0 }) != 0)
            continue;
        if (has_it(segment, guest, &busy)) {
            add_served(order, &guest->identity);
            continue;
        }
        wanted = true;
        if (!busy)
            attach(state, order, guest);
    }
    if (!wanted && order->about_guest)
        order->problem[0] = '\0';
}

/* Is the segment of that name the one that is ordered? Refuses if not. */
static int check_segment(const struct order *order, const struct segment *segment,
                         struct error *error)
{
    const struct config_order *config = order->config;
    uint64_t size = pages_to_bytes(segment_frames(segment).count);

    if (!segment->kept)
        return error_set(error, XENSHM_SEGMENT_EXISTS,
                         "a segment of that name exists, and is not a kept one");
    if (size != config->size)
        return error_set(error, XENSHM_SEGMENT_EXISTS,
                         "a segment of that name exists with %" PRIu64 " bytes, not %" PRIu64, size,
                         config->size);
    if (config->pool && strcmp(config->pool, segment->pool->name) != 0)
        return error_set(error, XENSHM_SEGMENT_EXISTS,
                         "a segment of that name exists in pool '%s', not '%s'",
                         segment->pool->name, config->pool);
    return 0;
}

static void apply(struct state *state, struct order *order)
{
    struct segment *segment = segment_find(&state->segments, order->config->name);
    struct error error = { 0 };

    forget_the_dead(state, order);
    if (!segment) {
        allocate(state, order);
        return;
    }
    if (order->allocating)
        return;
    if (check_segment(order, segment, &error)) {
        set_problem(state, order, false, &error);
        return;
    }
    if (!order->about_guest)
        order->problem[0] = '\0';
    serve_guests(state, order, segment);
}

static void refresh_names(struct state *state)
{
    uint64_t now = clock_milliseconds();

    if (state->orders.count == 0 || now < state->orders.names_at + NAMES_INTERVAL)
        return;
    state->orders.names_at = now;
    guests_refresh_names(&state->guests, state->hypervisor);
}

void orders_apply(struct state *state)
{
    if (state->operations.stopping)
        return;
    refresh_names(state);
    for (size_t i = 0; i < state->orders.count; i++)
        apply(state, &state->orders.items[i]);
}
