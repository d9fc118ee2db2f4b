/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What there is now: pools, segments, guests, clients. */
#include "metrics_families.h"

#include "describe.h"
#include "store.h"

/* A gauge without labels. */
#define GAUGE(name, expression)                                                                    \
    METRICS_SAMPLES(name)                                                                          \
    {                                                                                              \
        exposition_sample(out, family, "", NULL, (double)(expression));                            \
    }

static void labelled(FILE *out, const struct exposition_family *family, const char *name,
                     const char *value, uint64_t count)
{
    exposition_sample(out, family, "", (const char *[]){ name, value, NULL }, (double)count);
}

static void count_pages(const struct pool *pool, uint64_t ret_pages[static POOL_STATES])
{
    const struct pool_run *run = pool_first_run(pool);

    for (; run; run = pool_next_run(run))
        ret_pages[pool_run_state(run)] += pool_run_frames(run).count;
}

METRICS_SAMPLES(pool_bytes)
{
    for (size_t i = 0; i < dispatcher->state->pool_count; i++) {
        const struct state_pool *pool = &dispatcher->state->pools[i];
        uint64_t pages[POOL_STATES] = { 0 };

        count_pages(pool->pool, pages);
        for (enum pool_state s = 0; s < POOL_STATES; s++)
            exposition_sample(
                out, family, "",
                (const char *[]){ "pool", pool->name, "state", describe_run_state(s), NULL },
                (double)pages_to_bytes(pages[s]));
    }
}

METRICS_SAMPLES(pool_largest)
{
    for (size_t i = 0; i < dispatcher->state->pool_count; i++) {
        const struct state_pool *pool = &dispatcher->state->pools[i];

        labelled(out, family, "pool", pool->name, pages_to_bytes(pool_largest_free(pool->pool)));
    }
}

METRICS_SAMPLES(segments)
{
    struct segment *segment = segment_first(&dispatcher->state->segments);
    uint64_t kept = 0;

    for (; segment; segment = segment_next(segment))
        kept += segment->kept;
    labelled(out, family, "kept", "true", kept);
    labelled(out, family, "kept", "false", dispatcher->state->segments.count - kept);
}

METRICS_SAMPLES(attachments)
{
    struct segment *segment = segment_first(&dispatcher->state->segments);
    uint64_t counts[ATTACHMENT_STATES] = { 0 };
    const struct attachment *attachment;

    for (; segment; segment = segment_next(segment))
        TAILQ_FOREACH(attachment, &segment->attachments, segment_link)
            counts[attachment->state]++;
    for (enum attachment_state s = 0; s < ATTACHMENT_STATES; s++)
        labelled(out, family, "state", attachment_state_name(s), counts[s]);
}

static uint64_t count_guests(const struct state *state, bool unknown_only)
{
    struct guest *guest = guest_first((struct guests *)&state->guests);
    uint64_t count = 0;

    for (; guest; guest = guest_next(guest))
        count += guest->alive && !(unknown_only && guest->config.known);
    return count;
}

static uint64_t count_created(const struct created_list *list)
{
    const struct created *created;
    uint64_t count = 0;

    TAILQ_FOREACH(created, list, link)
        count++;
    return count;
}

static uint64_t count_subscribers(const struct events *events)
{
    const struct subscriber *subscriber;
    uint64_t count = 0;

    TAILQ_FOREACH(subscriber, &events->subscribers, link)
        count++;
    return count;
}

static uint64_t count_problems(const struct orders *orders)
{
    uint64_t count = 0;

    for (size_t i = 0; i < orders->count; i++)
        count += orders->items[i].problem[0] != '\0';
    return count;
}

GAUGE(openings, dispatcher->state->segments.opening_count)
GAUGE(guests, count_guests(dispatcher->state, false))
GAUGE(unknown_holders, count_guests(dispatcher->state, true))
GAUGE(created_guests, count_created(&dispatcher->state->created))
GAUGE(connections, dispatcher->connections->count)
GAUGE(subscribers, count_subscribers(&dispatcher->state->events))
GAUGE(builders, dispatcher->state->builders)
GAUGE(operations, dispatcher->state->operations.count)
GAUGE(bad_store_files, store_bad_count(dispatcher->state->store))
GAUGE(failing_orders, count_problems(&dispatcher->state->orders))

const struct metrics_family metrics_of_state[] = {
    { { "xenshmd_pool_bytes", "gauge", "bytes", "Memory of a pool by the state of its pages." },
      pool_bytes },
    { { "xenshmd_pool_largest_free_bytes", "gauge", "bytes", "The largest free run of a pool." },
      pool_largest },
    { { "xenshmd_segments", "gauge", NULL, "Segments, kept until freed or as long as attached." },
      segments },
    { { "xenshmd_attachments", "gauge", NULL, "Attachments of segments to guests by state." },
      attachments },
    { { "xenshmd_openings", "gauge", NULL, "Openings of segments by programs of Dom0." },
      openings },
    { { "xenshmd_guests", "gauge", NULL, "Living domains other than Dom0." }, guests },
    { { "xenshmd_created_guests", "gauge", NULL, "Guests that xenshmd created and looks after." },
      created_guests },
    { { "xenshmd_unknown_holders", "gauge", NULL,
        "Guests whose configuration cannot be read: they may hold any page." },
      unknown_holders },
    { { "xenshmd_connections", "gauge", NULL, "Clients that are connected." }, connections },
    { { "xenshmd_subscribers", "gauge", NULL, "Clients that have subscribed to events." },
      subscribers },
    { { "xenshmd_builders", "gauge", NULL, "Builders at work." }, builders },
    { { "xenshmd_operations", "gauge", NULL, "Operations under way or waiting." }, operations },
    { { "xenshmd_bad_store_files", "gauge", NULL,
        "Files of the store that cannot be understood: nothing is given out." },
      bad_store_files },
    { { "xenshmd_failing_orders", "gauge", NULL,
        "Segments of the configuration that cannot be had or attached." },
      failing_orders },
    { { NULL }, NULL },
};
