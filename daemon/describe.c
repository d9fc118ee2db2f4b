/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "describe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cleanup.h"
#include "utf8.h"

json_t *describe_address(uint64_t address)
{
    char text[24];

    snprintf(text, sizeof(text), "0x%" PRIx64, address);
    return json_string_nocheck(text);
}

json_t *describe_name(const char *name)
{
    char text[DOMAIN_NAME_MAX];

    snprintf(text, sizeof(text), "%s", name);
    utf8_make_printable(text);
    return json_string(text);
}

static json_t *describe_pages(uint64_t pages)
{
    return json_integer((json_int_t)pages_to_bytes(pages));
}

json_t *describe_attachment(const struct attachment *attachment)
{
    const struct segment *segment = attachment->segment;
    char uuid[UUID_TEXT_SIZE];

    return json_pack("{s:s, s:s, s:{s:o, s:I, s:s}, s:o, s:o, s:o, s:I, s:s}", "segment",
                     segment->name, "pool", segment->pool->name, "guest", "name",
                     describe_name(attachment->guest_name), "domid",
                     (json_int_t)attachment->identity.domid, "uuid",
                     uuid_format(attachment->identity.uuid, uuid), "guest_address",
                     describe_address(gfn_address(attachment->first)), "host_address",
                     describe_address(mfn_address(segment_frames(segment).first)), "size",
                     describe_pages(segment_frames(segment).count), "epoch",
                     (json_int_t)segment->epoch, "state", attachment_state_name(attachment->state));
}

void describe_append(json_t **array, json_t *object)
{
    if (json_array_append_new(*array, object) == 0)
        return;
    json_decref(*array);
    *array = NULL;
}

json_t *describe_segment(const struct segment *segment, const struct attachment *except)
{
    json_t *attachments = json_array();
    const struct attachment *attachment;

    TAILQ_FOREACH(attachment, &segment->attachments, segment_link)
        if (attachment != except)
            describe_append(&attachments, describe_attachment(attachment));
    return json_pack("{s:s, s:s, s:o, s:o, s:b, s:I, s:I, s:o}", "name", segment->name, "pool",
                     segment->pool->name, "host_address",
                     describe_address(mfn_address(segment_frames(segment).first)), "size",
                     describe_pages(segment_frames(segment).count), "kept", segment->kept, "epoch",
                     (json_int_t)segment->epoch, "owner_uid", (json_int_t)segment->owner_uid,
                     "attachments", attachments);
}

static const char *segment_state_name(const struct segment *segment)
{
    if (segment->clash)
        return "clash";
    if (segment_quarantined(segment))
        return "quarantined";
    return segment->progress.step ? segment->progress.step : "ready";
}

/* The guests that have pages of the segment by their own iomem. */
static json_t *describe_clash(const struct segment *segment, const struct state *state)
{
    json_t *clash = json_array();
    struct guest *guest = guest_first((struct guests *)&state->guests);

    for (; guest; guest = guest_next(guest))
        if (guest_has_iomem(guest, segment_frames(segment)))
            describe_append(&clash, json_pack("{s:o, s:I, s:s}", "name", describe_name(guest->name),
                                              "domid", (json_int_t)guest->identity.domid, "uuid",
                                              guest->uuid_text));
    return clash;
}

json_t *describe_segment_status(const struct segment *segment, const struct state *state)
{
    json_t *object = describe_segment(segment, NULL);
    json_t *clash = segment->clash ? describe_clash(segment, state) : NULL;
    int r = json_object_set_new(object, "state", json_string(segment_state_name(segment)));

    if (r == 0 && segment->clash)
        r = json_object_set_new(object, "clash", clash);
    if (r == 0 && segment->progress.step)
        r = json_object_set_new(object, "progress",
                                json_pack("{s:s, s:o}", "step", segment->progress.step, "done",
                                          describe_pages(segment->progress.pages)));
    if (r == 0 && segment->opening_count)
        r = json_object_set_new(object, "opened", json_integer((json_int_t)segment->opening_count));
    if (r == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* The parts of the guest's own iomem that are pages of our pools. */
static json_t *describe_foreign(const struct guest *guest, const struct state *state)
{
    json_t *foreign = json_array();

    for (size_t i = 0; i < guest->config.iomem_count; i++) {
        const struct hypervisor_iomem *iomem = &guest->config.iomem[i];

        for (size_t p = 0; p < state->pool_count; p++) {
            struct mfn_range part = mfn_range_intersect(iomem->frames, state->pools[p].frames);
            uint64_t offset = part.first.v - iomem->frames.first.v;

            if (part.count)
                describe_append(
                    &foreign, json_pack("{s:o, s:o, s:o}", "host_address",
                                        describe_address(mfn_address(part.first)), "size",
                                        describe_pages(part.count), "guest_address",
                                        describe_address(gfn_address(gfn(iomem->gfn.v + offset)))));
        }
    }
    return foreign;
}

json_t *describe_guest(const struct guest *guest, const struct state *state)
{
    const struct created *created = guest_created(&state->guests, guest);

    return json_pack("{s:o, s:I, s:s, s:s, s:I, s:o, s:b, s:b}", "name", describe_name(guest->name),
                     "domid", (json_int_t)guest->identity.domid, "uuid", guest->uuid_text, "state",
                     created && created_unsettled(created) ? created_state_name(created->state)
                                                           : guest_state_name(guest),
                     "memory", (json_int_t)(guest->memory_kib * 1024), "foreign",
                     describe_foreign(guest, state), "config_known", guest->config.known, "created",
                     created != NULL);
}

json_t *describe_order(const struct order *order)
{
    json_t *guests = json_array();

    for (char **guest = order->config->guests; *guest; guest++)
        describe_append(&guests, json_string(*guest));
    return json_pack("{s:s, s:o, s:o}", "segment", order->config->name, "guests", guests, "problem",
                     order->problem[0] ? json_string(order->problem) : json_null());
}

json_t *describe_pool(const struct state_pool *pool)
{
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", pool->name, "device", pool->device,
        "host_address", describe_address(mfn_address(pool->frames.first)), "size",
        describe_pages(pool->frames.count), "free", describe_pages(pool_free_pages(pool->pool)),
        "largest_free", describe_pages(pool_largest_free(pool->pool)), "guest_address",
        pool->place.v ? describe_address(gfn_address(pool->place)) : json_null());
}

static json_t *describe_frames(const struct state_pool *pool, struct mfn_range frames,
                               const char *kind)
{
    return json_pack("{s:s, s:o, s:o, s:s}", "pool", pool->name, "host_address",
                     describe_address(mfn_address(frames.first)), "size",
                     describe_pages(frames.count), "state", kind);
}

static struct mfn_range frames_from(struct mfn_range frames, mfn_t first)
{
    if (first.v <= frames.first.v)
        return frames;
    frames.count -= first.v - frames.first.v;
    frames.first = first;
    return frames;
}

const char *describe_run_state(enum pool_state state)
{
    static const char *const names[] = {
        [POOL_FREE] = "free",
        [POOL_USED] = "used",
        [POOL_FOREIGN] = "foreign",
        [POOL_QUARANTINED] = "quarantined",
    };

    return names[state];
}

static void add_holder(const struct state *state, struct mfn_range frames, json_t *object)
{
    const struct guest *holder = guest_holding(&state->guests, frames);

    if (holder)
        json_object_set_new(object, "guest", describe_name(holder->name));
}

static void add_segment(const struct state *state, const struct segment *segment, json_t *object)
{
    json_object_set_new(object, "segment", json_string(segment->name));
    /* A shared segment has several guests: segment.show tells them. */
    if (segment->attachment_count == 1)
        json_object_set_new(object, "guest",
                            describe_name(TAILQ_FIRST(&segment->attachments)->guest_name));
    if (segment->clash)
        json_object_set_new(object, "clash", describe_clash(segment, state));
}

json_t *describe_run(const struct state *state, const struct state_pool *pool,
                     const struct pool_run *run, mfn_t first)
{
    enum pool_state run_state = pool_run_state(run);
    struct mfn_range frames = frames_from(pool_run_frames(run), first);
    const struct segment *segment = pool_run_owner(run);
    json_t *object = describe_frames(pool, frames, describe_run_state(run_state));

    if (object && run_state == POOL_FOREIGN)
        add_holder(state, frames, object);
    else if (object && segment)
        add_segment(state, segment, object);
    return object;
}
