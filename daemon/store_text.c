/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands in a file of the store: what segment.show tells, who has it open, and a version. Read
 * with doubt. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "describe.h"
#include "json_text.h"
#include "message.h"
#include "opening.h"
#include "store.h"
#include "uuid.h"

#define STORE_VERSION 1

static json_t *describe_openings(const struct segment *segment)
{
    const struct opening *opening;
    json_t *openings = json_array();

    TAILQ_FOREACH(opening, &segment->openings, segment_link)
        describe_append(&openings,
                        json_pack("{s:I, s:I, s:I}", "pid", (json_int_t)opening->process.pid,
                                  "started", (json_int_t)opening->process.started, "uid",
                                  (json_int_t)opening->uid));
    return openings;
}

char *store_text(const struct segment *segment, const struct attachment *except)
{
    _cleanup_(cleanup_json) json_t *object = describe_segment(segment, except);

    if (object && segment->opening_count > 0 &&
        json_object_set_new(object, "openings", describe_openings(segment)) < 0)
        return NULL;
    if (!object || json_object_set_new(object, "version", json_integer(STORE_VERSION)) < 0)
        return NULL;
    return message_text(object);
}

void store_segment_clear(struct store_segment *segment)
{
    free(segment->attachments);
    free(segment->openings);
    *segment = (struct store_segment){ 0 };
}

static int read_text(json_t *object, const char *key, char *ret_text, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (!text || strlen(text) >= size)
        return -EINVAL;
    strcpy(ret_text, text);
    return 0;
}

static int read_number(json_t *object, const char *key, uint64_t max, uint64_t *ret_number)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > max)
        return -EINVAL;
    *ret_number = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_frame(json_t *object, const char *key, uint64_t *ret_frame)
{
    const char *text = json_string_value(json_object_get(object, key));
    uint64_t address;

    if (!text || params_parse_address(text, &address) < 0 || !page_aligned(address))
        return -EINVAL;
    *ret_frame = address >> PAGE_SHIFT;
    return 0;
}

static int read_attachment(json_t *object, uint64_t pages, struct store_attachment *ret_attachment)
{
    json_t *guest = json_object_get(object, "guest");
    char uuid[UUID_TEXT_SIZE], state[16];
    uint64_t domid;

    if (read_text(guest, "name", ret_attachment->guest_name, DOMAIN_NAME_MAX) < 0 ||
        read_number(guest, "domid", UINT32_MAX, &domid) < 0 ||
        read_text(guest, "uuid", uuid, sizeof(uuid)) < 0 ||
        uuid_parse(uuid, ret_attachment->identity.uuid) < 0 ||
        read_frame(object, "guest_address", &ret_attachment->first.v) < 0 ||
        !frames_valid(ret_attachment->first.v, pages) ||
        read_text(object, "state", state, sizeof(state)) < 0 ||
        attachment_state_parse(state, &ret_attachment->state) < 0)
        return -EINVAL;
    ret_attachment->identity.domid = (uint32_t)domid;
    return 0;
}

static int read_attachments(json_t *array, struct store_segment *segment)
{
    size_t count = json_array_size(array);

    if (!json_is_array(array))
        return -EINVAL;
    segment->attachments = calloc(count + 1, sizeof(*segment->attachments));
    if (!segment->attachments)
        return -ENOMEM;
    segment->attachment_count = count;
    for (size_t i = 0; i < count; i++)
        if (read_attachment(json_array_get(array, i), segment->frames.count,
                            &segment->attachments[i]) < 0)
            return -EINVAL;
    return 0;
}

static int read_opening(json_t *object, struct store_opening *ret_opening)
{
    uint64_t pid, uid;

    if (read_number(object, "pid", INT32_MAX, &pid) < 0 || pid == 0 ||
        read_number(object, "started", INT64_MAX, &ret_opening->process.started) < 0 ||
        read_number(object, "uid", UINT32_MAX, &uid) < 0)
        return -EINVAL;
    ret_opening->process.pid = (pid_t)pid;
    ret_opening->uid = (uint32_t)uid;
    return 0;
}

/* There is none unless some program had it open. */
static int read_openings(json_t *array, struct store_segment *segment)
{
    size_t count = json_array_size(array);

    if (!array)
        return 0;
    if (!json_is_array(array))
        return -EINVAL;
    segment->openings = calloc(count + 1, sizeof(*segment->openings));
    if (!segment->openings)
        return -ENOMEM;
    segment->opening_count = count;
    for (size_t i = 0; i < count; i++)
        if (read_opening(json_array_get(array, i), &segment->openings[i]) < 0)
            return -EINVAL;
    return 0;
}

static int read_segment(json_t *object, struct store_segment *segment)
{
    uint64_t size, owner_uid;
    json_t *kept = json_object_get(object, "kept");

    /* Epochs grow: the last one must leave room for more. */
    if (read_text(object, "name", segment->name, sizeof(segment->name)) < 0 ||
        !params_name_valid(segment->name) ||
        read_text(object, "pool", segment->pool, sizeof(segment->pool)) < 0 ||
        read_frame(object, "host_address", &segment->frames.first.v) < 0 ||
        read_number(object, "size", INT64_MAX, &size) < 0 || !page_aligned(size) ||
        read_number(object, "epoch", INT64_MAX / 2, &segment->epoch) < 0 ||
        read_number(object, "owner_uid", UINT32_MAX, &owner_uid) < 0 || !json_is_boolean(kept))
        return -EINVAL;
    segment->frames.count = size >> PAGE_SHIFT;
    segment->kept = json_is_true(kept);
    segment->owner_uid = (uint32_t)owner_uid;
    if (!mfn_range_valid(segment->frames))
        return -EINVAL;
    if (read_openings(json_object_get(object, "openings"), segment) < 0)
        return -EINVAL;
    return read_attachments(json_object_get(object, "attachments"), segment);
}

int store_parse(const char *text, size_t length, struct store_segment *ret_segment,
                const char **ret_why)
{
    _cleanup_(cleanup_json) json_t *object = NULL;
    struct store_segment segment = { 0 };
    uint64_t version;

    *ret_why = "it is not a whole JSON object";
    object = json_text_read(text, length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object))
        return -EINVAL;
    *ret_why = "it has no version";
    if (read_number(object, "version", INT64_MAX, &version) < 0)
        return -EINVAL;
    *ret_why = "it is from another version of xenshmd";
    if (version != STORE_VERSION)
        return -EINVAL;
    *ret_why = "a field is missing or makes no sense";
    if (read_segment(object, &segment) < 0) {
        store_segment_clear(&segment);
        return -EINVAL;
    }
    *ret_segment = segment;
    return 0;
}
