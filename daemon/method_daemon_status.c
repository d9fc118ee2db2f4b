/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "methods.h"

#include "clock.h"
#include "describe.h"
#include "operation_segment.h"
#include "store.h"

const struct params_field method_daemon_status_fields[] = { PARAMS_END };

static const struct schema members_counts[] = {
    { "pools", SCHEMA_INTEGER },           { "segments", SCHEMA_INTEGER },
    { "attachments", SCHEMA_INTEGER },     { "openings", SCHEMA_INTEGER },
    { "guests", SCHEMA_INTEGER },          { "connections", SCHEMA_INTEGER },
    { "operations", SCHEMA_INTEGER },      { "builders", SCHEMA_INTEGER },
    { "bad_store_files", SCHEMA_INTEGER }, { NULL },
};

static const struct schema members_limits[] = {
    { "line", SCHEMA_INTEGER },
    { "batch", SCHEMA_INTEGER },
    { "batch_replies", SCHEMA_INTEGER },
    { "connections", SCHEMA_INTEGER },
    { "segments", SCHEMA_INTEGER },
    { "attachments_per_guest", SCHEMA_INTEGER },
    { "operations", SCHEMA_INTEGER },
    { "builders", SCHEMA_INTEGER },
    { "openings", SCHEMA_INTEGER },
    { "openings_per_connection", SCHEMA_INTEGER },
    { NULL },
};

static const struct schema members_quotas[] = {
    { "connections", SCHEMA_INTEGER },
    { "segments", SCHEMA_INTEGER },
    { "memory", SCHEMA_SIZE },
    { "requests", SCHEMA_INTEGER },
    { NULL },
};

static const struct schema members[] = {
    { "version", SCHEMA_STRING },
    { "uptime", SCHEMA_NUMBER, 0, "seconds" },
    { "xen_version", SCHEMA_STRING },
    { "counts", SCHEMA_OBJECT, .members = members_counts },
    { "limits", SCHEMA_OBJECT, .members = members_limits },
    { "quotas", SCHEMA_OBJECT, 0, "of each user; 0: none", .members = members_quotas },
    { "orders", SCHEMA_REFERENCE, SCHEMA_LIST, .reference = "order" },
    { NULL },
};

const struct schema method_daemon_status_result = SCHEMA_WITH(members);
const int method_daemon_status_errors[] = { 0 };

static json_t *counts(const struct dispatcher *dispatcher)
{
    const struct state *state = dispatcher->state;

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "pools",
                     (json_int_t)state->pool_count, "segments", (json_int_t)state->segments.count,
                     "attachments", (json_int_t)state->segments.attachment_count, "openings",
                     (json_int_t)state->segments.opening_count, "guests",
                     (json_int_t)state->guests.count, "connections",
                     (json_int_t)dispatcher->connections->count, "operations",
                     (json_int_t)state->operations.count, "builders", (json_int_t)state->builders,
                     "bad_store_files", (json_int_t)store_bad_count(state->store));
}

static json_t *limits(const struct dispatcher *dispatcher)
{
    const struct state_limits *limits = &dispatcher->state->limits;

    return json_pack("{s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:i, s:i}", "line", XENSHM_LINE_MAX,
                     "batch", DISPATCH_BATCH_MAX, "batch_replies", DISPATCH_BATCH_REPLIES,
                     "connections", (json_int_t)dispatcher->max_connections, "segments",
                     (json_int_t)limits->segments, "attachments_per_guest",
                     (json_int_t)limits->attachments, "operations", (json_int_t)limits->operations,
                     "builders", (json_int_t)limits->builders, "openings", OPENINGS_MAX,
                     "openings_per_connection", OPENINGS_OF_CONNECTION);
}

static json_t *quotas(const struct quotas *quotas)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "connections", (json_int_t)quotas->connections,
                     "segments", (json_int_t)quotas->segments, "memory", (json_int_t)quotas->memory,
                     "requests", (json_int_t)quotas->requests);
}

static json_t *orders(const struct orders *orders)
{
    json_t *array = json_array();

    for (size_t i = 0; i < orders->count; i++)
        describe_append(&array, describe_order(&orders->items[i]));
    return array;
}

void method_daemon_status(struct request *request, const void *args)
{
    const struct dispatcher *dispatcher = request->dispatcher;

    request_reply(request, json_pack("{s:s, s:f, s:s, s:o, s:o, s:o, s:o}", "version",
                                     XENSHMD_VERSION, "uptime",
                                     (double)(clock_milliseconds() - dispatcher->started_at) / 1000,
                                     "xen_version", hypervisor_version(request->state->hypervisor),
                                     "counts", counts(dispatcher), "limits", limits(dispatcher),
                                     "quotas", quotas(&request->state->limits.quotas), "orders",
                                     orders(&request->state->orders)));
}
