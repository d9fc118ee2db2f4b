/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "segment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest.h"
#include "opening.h"

static int compare_names(struct segment *a, struct segment *b)
{
    return strcmp(a->name, b->name);
}

TREE_GENERATE(segment_tree, segment, link, compare_names)

static const char *const state_names[] = {
    [ATTACHMENT_ATTACHING] = "attaching",     [ATTACHMENT_ATTACHED] = "attached",
    [ATTACHMENT_WAITING] = "waiting",         [ATTACHMENT_DETACHING] = "detaching",
    [ATTACHMENT_QUARANTINED] = "quarantined",
};

bool domain_identity_equal(const struct domain_identity *a, const struct domain_identity *b)
{
    return a->domid == b->domid && memcmp(a->uuid, b->uuid, DOMAIN_UUID_SIZE) == 0;
}

void segments_init(struct segments *segments)
{
    *segments = (struct segments){ 0 };
    RB_INIT(&segments->tree);
    RB_INIT(&segments->owners);
    TAILQ_INIT(&segments->left);
}

void segments_clear(struct segments *segments)
{
    struct segment *segment;
    struct attachment *attachment;
    struct opening *opening;

    while ((segment = RB_MIN(segment_tree, &segments->tree))) {
        while ((attachment = TAILQ_FIRST(&segment->attachments)))
            attachment_remove(segments, attachment);
        while ((opening = TAILQ_FIRST(&segment->openings)))
            opening_remove(segments, opening);
        RB_REMOVE(segment_tree, &segments->tree, segment);
        free(segment);
    }
    owners_clear(&segments->owners);
    segments->count = 0;
}

struct segment *segment_find(struct segments *segments, const char *name)
{
    struct segment key;

    if (strlen(name) > PARAMS_NAME_MAX)
        return NULL;
    strcpy(key.name, name);
    return RB_FIND(segment_tree, &segments->tree, &key);
}

struct segment *segment_first(struct segments *segments)
{
    return RB_MIN(segment_tree, &segments->tree);
}

struct segment *segment_next(struct segment *segment)
{
    return RB_NEXT(segment_tree, NULL, segment);
}

struct segment *segment_after(struct segments *segments, const char *name)
{
    struct segment key, *segment;

    snprintf(key.name, sizeof(key.name), "%s", name);
    segment = RB_NFIND(segment_tree, &segments->tree, &key);
    return segment && strcmp(segment->name, name) == 0 ? segment_next(segment) : segment;
}

/*
 * Epochs are microseconds of the host's uptime: they grow across restarts of the daemon without
 * being stored, and neither segments nor guests outlive a boot of the host.
 */
static uint64_t next_epoch(struct segments *segments)
{
    struct timespec now;
    uint64_t epoch;

    clock_gettime(CLOCK_BOOTTIME, &now);
    epoch = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    if (epoch <= segments->last_epoch)
        epoch = segments->last_epoch + 1;
    segments->last_epoch = epoch;
    return epoch;
}

int segment_new(struct segments *segments, const char *name, struct segment **ret_segment)
{
    struct segment *segment = calloc(1, sizeof(*segment));

    if (!segment)
        return -ENOMEM;
    strcpy(segment->name, name);
    segment->epoch = next_epoch(segments);
    TAILQ_INIT(&segment->attachments);
    TAILQ_INIT(&segment->openings);
    RB_INSERT(segment_tree, &segments->tree, segment);
    segments->count++;
    *ret_segment = segment;
    return 0;
}

void segment_remove(struct segments *segments, struct segment *segment)
{
    RB_REMOVE(segment_tree, &segments->tree, segment);
    segments->count--;
    if (segment->owned)
        owner_remove(&segments->owners, segment->owner_uid, segment_frames(segment).count);
    if (segment->run)
        pool_release(segment->pool->pool, segment->run);
    free(segment);
}

int segment_set_owner(struct segments *segments, struct segment *segment, uint32_t uid)
{
    int r = owner_add(&segments->owners, uid, segment_frames(segment).count);

    if (r < 0)
        return r;
    segment->owner_uid = uid;
    segment->owned = true;
    return 0;
}

void segment_default_name(struct segments *segments, const char *guest,
                          char ret_name[static PARAMS_NAME_MAX + 1])
{
    /* Room for "-" and ten digits after what is kept of the guest's name. */
    int stem = (int)strnlen(guest, PARAMS_NAME_MAX - 11);
    unsigned n = 0;

    do {
        snprintf(ret_name, PARAMS_NAME_MAX + 1, "%.*s-%u", stem, guest, n++);
        for (char *c = ret_name; *c; c++) {
            char one[] = { 'a', *c, '\0' };

            if (!params_name_valid(c == ret_name ? one + 1 : one))
                *c = c == ret_name ? 'g' : '_';
        }
    } while (segment_find(segments, ret_name));
}

struct mfn_range segment_frames(const struct segment *segment)
{
    return pool_run_frames(segment->run);
}

bool segment_unused_but(const struct segment *segment, const struct attachment *attachment)
{
    return !segment->kept && TAILQ_EMPTY(&segment->openings) &&
           segment->attachment_count == (attachment ? 1 : 0);
}

/* Is it neither kept nor open, and are all its attachments (at least one) in that state? */
static bool exists_only(const struct segment *segment, enum attachment_state state)
{
    struct attachment *attachment;

    if (segment->kept || !TAILQ_EMPTY(&segment->openings) || TAILQ_EMPTY(&segment->attachments))
        return false;
    TAILQ_FOREACH(attachment, &segment->attachments, segment_link)
        if (attachment->state != state)
            return false;
    return true;
}

bool segment_quarantined(const struct segment *segment)
{
    return exists_only(segment, ATTACHMENT_QUARANTINED);
}

bool segment_waiting(const struct segment *segment)
{
    return exists_only(segment, ATTACHMENT_WAITING);
}

void segment_mark_run(struct segment *segment)
{
    if (segment_quarantined(segment) && pool_run_state(segment->run) == POOL_USED)
        pool_quarantine(segment->run);
}

int attachment_new(struct segments *segments, struct segment *segment,
                   const struct domain_identity *identity, struct attachment **ret_attachment)
{
    struct attachment *attachment = calloc(1, sizeof(*attachment));

    if (!attachment)
        return -ENOMEM;
    attachment->segment = segment;
    attachment->identity = *identity;
    attachment->state = ATTACHMENT_ATTACHING;
    TAILQ_INSERT_TAIL(&segment->attachments, attachment, segment_link);
    segment->attachment_count++;
    segments->attachment_count++;
    *ret_attachment = attachment;
    return 0;
}

void attachment_remove(struct segments *segments, struct attachment *attachment)
{
    attachment_set_guest(attachment, NULL);
    TAILQ_REMOVE(&attachment->segment->attachments, attachment, segment_link);
    attachment->segment->attachment_count--;
    segments->attachment_count--;
    free(attachment);
}

void attachment_set_guest(struct attachment *attachment, struct guest *guest)
{
    struct attachment *before;

    if (attachment->guest)
        TAILQ_REMOVE(&attachment->guest->attachments, attachment, guest_link);
    attachment->guest = guest;
    if (!guest)
        return;
    TAILQ_FOREACH_REVERSE(before, &guest->attachments, attachment_list, guest_link)
        if (before->first.v <= attachment->first.v)
            break;
    if (before)
        TAILQ_INSERT_AFTER(&guest->attachments, before, attachment, guest_link);
    else
        TAILQ_INSERT_HEAD(&guest->attachments, attachment, guest_link);
}

struct gfn_range attachment_frames(const struct attachment *attachment)
{
    return (struct gfn_range){ attachment->first, segment_frames(attachment->segment).count };
}

struct attachment *segment_attachment(struct segment *segment, const struct guest *guest)
{
    struct attachment *attachment;

    TAILQ_FOREACH(attachment, &segment->attachments, segment_link)
        if (attachment->guest == guest)
            return attachment;
    return NULL;
}

struct attachment *segment_attachment_of(struct segment *segment,
                                         const uint8_t uuid[static DOMAIN_UUID_SIZE])
{
    struct attachment *attachment;

    TAILQ_FOREACH(attachment, &segment->attachments, segment_link)
        if (memcmp(attachment->identity.uuid, uuid, DOMAIN_UUID_SIZE) == 0)
            return attachment;
    return NULL;
}

const char *attachment_state_name(enum attachment_state state)
{
    return state_names[state];
}

int attachment_state_parse(const char *name, enum attachment_state *ret_state)
{
    for (size_t i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++)
        if (strcmp(state_names[i], name) == 0) {
            *ret_state = (enum attachment_state)i;
            return 0;
        }
    return -EINVAL;
}
