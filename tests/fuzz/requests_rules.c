/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must be so, whatever was asked for: DESIGN's rules of pages, bytes and the store. */
#include "requests.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "hypervisor_sim.h"
#include "uuid.h"

#define SOIL 0xa5

/* ---- the model in itself */

static void check_pool(const struct state_pool *pool)
{
    const struct mfn_range all = pool_frames(pool->pool);
    uint64_t at = all.first.v, free_pages = 0, largest = 0;
    bool was_free = false;

    for (const struct pool_run *run = pool_first_run(pool->pool); run; run = pool_next_run(run)) {
        const struct mfn_range frames = pool_run_frames(run);
        bool is_free = pool_run_state(run) == POOL_FREE;

        MUST(frames.first.v == at && frames.count > 0 && !(is_free && was_free));
        at += frames.count;
        free_pages += is_free ? frames.count : 0;
        largest = is_free && frames.count > largest ? frames.count : largest;
        was_free = is_free;
    }
    MUST(at == all.first.v + all.count);
    MUST(free_pages == pool_free_pages(pool->pool) && largest == pool_largest_free(pool->pool));
}

/* Returns how many attachments the guest has. */
static size_t check_guest(struct guest *guest)
{
    const struct attachment *attachment, *before = NULL;
    size_t count = 0;

    TAILQ_FOREACH(attachment, &guest->attachments, guest_link) {
        MUST(attachment->guest == guest);
        MUST(domain_identity_equal(&attachment->identity, &guest->identity));
        MUST(!before ||
             before->first.v + segment_frames(before->segment).count <= attachment->first.v);
        before = attachment;
        count++;
    }
    return count;
}

static void check_segment(struct segments *segments, struct segment *segment)
{
    struct attachment *attachment;
    size_t count = 0;

    MUST(segment_find(segments, segment->name) == segment &&
         segment->epoch <= segments->last_epoch);
    MUST(pool_run_owner(segment->run) == segment);
    TAILQ_FOREACH(attachment, &segment->attachments, segment_link) {
        MUST(attachment->segment == segment);
        MUST(segment_attachment_of(segment, attachment->identity.uuid));
        count++;
    }
    MUST(count == segment->attachment_count);
}

void rules_check_model(struct state *state)
{
    size_t segments = 0, attachments = 0, of_guests = 0, owned = 0;

    for (struct segment *s = segment_first(&state->segments); s; s = segment_next(s)) {
        check_segment(&state->segments, s);
        attachments += s->attachment_count;
        segments++;
    }
    for (struct guest *guest = guest_first(&state->guests); guest; guest = guest_next(guest))
        of_guests += check_guest(guest);
    for (size_t i = 0; i < state->pool_count; i++) {
        check_pool(&state->pools[i]);
        for (const struct pool_run *run = pool_first_run(state->pools[i].pool); run;
             run = pool_next_run(run))
            owned += pool_run_owner(run) != NULL;
    }
    MUST(segments == state->segments.count && segments == owned);
    MUST(attachments == state->segments.attachment_count && of_guests <= attachments);
}

/* ---- the hypervisor */

/* One domain while its ranges are looked at. */
struct look {
    struct state *state;
    struct guest *guest;
    struct mfn_range wanted; /* which of these pages are there? */
    gfn_t at;                /* and at the address where they belong */
    uint64_t seen, seen_there;
};

/* The segment to which a page belongs; NULL: none. */
static struct segment *owner_of(struct state *state, mfn_t page)
{
    for (struct segment *s = segment_first(&state->segments); s; s = segment_next(s))
        if (mfn_range_overlaps(segment_frames(s), (struct mfn_range){ page, 1 }))
            return s;
    return NULL;
}

/* Nothing but what is the guest's own, or attached to it in some way. */
static void must_be_known(void *context, struct mfn_range frames, gfn_t first)
{
    const struct look *look = context;

    for (uint64_t i = 0; i < frames.count; i++) {
        mfn_t page = mfn(frames.first.v + i);
        struct segment *owner;

        if (guest_has_iomem(look->guest, (struct mfn_range){ page, 1 }))
            continue;
        owner = owner_of(look->state, page);
        MUST(owner && segment_attachment_of(owner, look->guest->identity.uuid));
    }
}

static void look_for(void *context, struct mfn_range frames, gfn_t first)
{
    struct look *look = context;

    for (uint64_t i = 0; i < frames.count; i++) {
        uint64_t page = frames.first.v + i, offset = page - look->wanted.first.v;

        if (page < look->wanted.first.v || offset >= look->wanted.count)
            continue;
        look->seen++;
        look->seen_there += first.v + i == look->at.v + offset;
    }
}

/* What is told to be attached is mapped, where it is told, and permitted. */
static void check_attached(struct look *look, const struct attachment *attachment)
{
    struct hypervisor *hypervisor = look->state->hypervisor;
    uint32_t domid = attachment->identity.domid;

    look->wanted = segment_frames(attachment->segment);
    look->at = attachment->first;
    look->seen = look->seen_there = 0;
    sim_each_mapping(hypervisor, domid, look_for, look);
    MUST(look->seen_there == look->wanted.count);
    look->seen = 0;
    sim_each_permission(hypervisor, domid, look_for, look);
    MUST(look->seen >= look->wanted.count);
}

/* Nobody else gets what a guest has of its own; who has had it before is told to clash. */
static void check_held(struct state *state, struct mfn_range held)
{
    for (size_t i = 0; i < state->pool_count; i++)
        for (const struct pool_run *run = pool_first_run(state->pools[i].pool); run;
             run = pool_next_run(run)) {
            const struct segment *owner = pool_run_owner(run);

            if (mfn_range_overlaps(pool_run_frames(run), held))
                MUST(owner ? owner->clash : pool_run_state(run) == POOL_FOREIGN);
        }
}

static void check_domain(struct state *state, const struct hypervisor_domain *domain)
{
    struct domain_identity identity = { .domid = domain->domid };
    const struct attachment *attachment;
    struct look look = { .state = state };

    memcpy(identity.uuid, domain->uuid, sizeof(identity.uuid));
    look.guest = guest_find(&state->guests, &identity);
    MUST(look.guest && (look.guest->alive || domain->dying));
    if (domain->dying || !look.guest->config.known)
        return;
    for (size_t i = 0; i < look.guest->config.iomem_count; i++)
        check_held(state, look.guest->config.iomem[i].frames);
    sim_each_mapping(state->hypervisor, domain->domid, must_be_known, &look);
    sim_each_permission(state->hypervisor, domain->domid, must_be_known, &look);
    TAILQ_FOREACH(attachment, &look.guest->attachments, guest_link)
        if (attachment->state == ATTACHMENT_ATTACHED)
            check_attached(&look, attachment);
}

/* ---- the store */

static bool is_segment(struct state *state, const char *name)
{
    return segment_find(&state->segments, name);
}

static bool is_created(struct state *state, const char *name)
{
    uint8_t uuid[UUID_SIZE];

    return uuid_parse(name, uuid) == 0 && created_find(&state->created, uuid);
}

/* Each file is of something that there is. Returns how many there are. */
static size_t check_files(struct state *state, const char *folder, const char *name,
                          bool (*is_known)(struct state *state, const char *name))
{
    char path[512];
    struct dirent *entry;
    size_t files = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    dir = opendir(path);
    MUST(dir);
    while ((entry = readdir(dir))) {
        char *end = strstr(entry->d_name, ".json");

        if (!end || end[5])
            continue;
        *end = '\0';
        MUST(is_known(state, entry->d_name));
        files++;
    }
    closedir(dir);
    return files;
}

static void check_store(struct state *state, const char *folder)
{
    const struct created *created;
    size_t records = 0;

    TAILQ_FOREACH(created, &state->created, link)
        records++;
    MUST(check_files(state, folder, "segments", is_segment) == state->segments.count);
    MUST(check_files(state, folder, "guests", is_created) == records);
    MUST(store_bad_count(state->store) == 0);
}

void rules_check_world(struct state *state, const char *folder)
{
    const struct hypervisor_domain *domains;
    size_t count;

    for (struct segment *s = segment_first(&state->segments); s; s = segment_next(s)) {
        struct attachment *attachment;

        MUST(s->kept || s->attachment_count > 0 || s->opening_count > 0);
        TAILQ_FOREACH(attachment, &s->attachments, segment_link)
            MUST(!attachment->busy && attachment->state != ATTACHMENT_ATTACHING &&
                 attachment->state != ATTACHMENT_DETACHING);
    }
    sim_list(state->hypervisor, &domains, &count);
    for (size_t i = 0; i < count; i++)
        check_domain(state, &domains[i]);
    check_store(state, folder);
}

/* ---- the bytes */

static uint64_t newest; /* epoch that was looked at */

static void soil(volatile uint8_t *bytes, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        bytes[i * PAGE_SIZE] = bytes[(i + 1) * PAGE_SIZE - 1] = SOIL;
}

void rules_soil(struct hypervisor *hypervisor)
{
    newest = 0;
    for (size_t i = 0; i < sim_pool_count(hypervisor); i++)
        soil(sim_pool_address(hypervisor, i), sim_pool(hypervisor, i)->frames.count);
}

void rules_check_wiped(struct state *state)
{
    for (struct segment *s = segment_first(&state->segments); s; s = segment_next(s)) {
        volatile uint8_t *bytes = state_pool_address(s->pool, segment_frames(s).first);
        uint64_t pages = segment_frames(s).count;

        if (s->epoch <= newest)
            continue;
        for (uint64_t i = 0; i < pages; i++)
            MUST(bytes[i * PAGE_SIZE] == 0 && bytes[(i + 1) * PAGE_SIZE - 1] == 0);
        soil(bytes, pages);
    }
    if (state->segments.last_epoch > newest)
        newest = state->segments.last_epoch;
}
