/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "placement.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "message.h"
#include "quota.h"
#include "window.h"

static int no_memory(struct error *error)
{
    return error_set(error, MESSAGE_INTERNAL_ERROR, "out of memory");
}

/* Takes the pages from `pool`. Returns 0, POOL_E_FULL or -ENOMEM. */
static int claim_pages(struct state_pool *pool, const struct placement_request *request,
                       struct segment *segment)
{
    int r = pool_allocate(pool->pool, request->pages, request->align, segment, &segment->run);

    if (r == 0)
        segment->pool = pool;
    return r;
}

static int claim_anywhere(struct state *state, const struct placement_request *request,
                          struct segment *segment)
{
    int r = POOL_E_FULL;

    for (size_t i = 0; i < state->pool_count && r == POOL_E_FULL; i++)
        r = claim_pages(&state->pools[i], request, segment);
    return r;
}

static bool is_roomier(const struct state_pool *a, const struct state_pool *b)
{
    uint64_t free_a = pool_largest_free(a->pool), free_b = pool_largest_free(b->pool);

    return free_a > free_b || (free_a == free_b && a->frames.count > b->frames.count);
}

/* Which pool to name: the one with the largest free run, of several the largest. There is one. */
static const struct state_pool *roomiest(const struct state *state)
{
    const struct state_pool *best = &state->pools[0];

    for (size_t i = 1; i < state->pool_count; i++)
        if (is_roomier(&state->pools[i], best))
            best = &state->pools[i];
    return best;
}

/* Pages that would be free but for a holder that is not one of our attachments. */
struct held {
    uint64_t pages;
    const char *guest; /* one that holds some; NULL: nobody does */
    const char *how;
};

static const char *foreign_guest(const struct state *state, struct mfn_range frames)
{
    const struct guest *guest = guest_holding(&state->guests, frames);

    return guest ? guest->name : NULL;
}

/* It waits for a guest that is just being created: it is as good as attached. */
static bool is_being_created(const struct state *state, const struct segment *segment)
{
    const struct created *created =
        created_find(&state->created, TAILQ_FIRST(&segment->attachments)->identity.uuid);

    return created && created->state == CREATED_BUILDING;
}

static struct held count_held(const struct state *state, const struct state_pool *pool)
{
    const struct pool_run *run = pool_first_run(pool->pool);
    struct held held = { 0 };

    for (; run; run = pool_next_run(run)) {
        const struct segment *segment = pool_run_owner(run);

        if (pool_run_state(run) == POOL_FOREIGN) {
            held.guest = foreign_guest(state, pool_run_frames(run));
            held.how = "by its own iomem";
        } else if (pool_run_state(run) == POOL_QUARANTINED && segment) {
            held.guest = TAILQ_FIRST(&segment->attachments)->guest_name;
            held.how = "in quarantine";
        } else if (segment && segment_waiting(segment) && !is_being_created(state, segment)) {
            held.guest = TAILQ_FIRST(&segment->attachments)->guest_name;
            held.how = "while it reboots";
        } else {
            continue;
        }
        held.pages += pool_run_frames(run).count;
    }
    return held;
}

static int refuse_full(const struct state *state, const struct state_pool *pool,
                       const struct placement_request *request, struct error *error)
{
    uint64_t pages = request->pages;
    uint64_t free_pages = pool_free_pages(pool->pool);
    uint64_t largest = pool_largest_free(pool->pool);
    struct held held = count_held(state, pool);
    const char *plural = free_pages == 1 ? "" : "s";

    if (largest >= pages)
        return error_set(error, XENSHM_POOL_FULL,
                         "pool '%s' has %" PRIu64 " free pages in a row, but not %" PRIu64
                         " from a multiple of 0x%" PRIx64 " on",
                         pool->name, largest, pages, pages_to_bytes(request->align));
    if (free_pages >= pages)
        return error_set(error, XENSHM_POOL_FULL,
                         "pool '%s' has %" PRIu64 " free pages, at most %" PRIu64
                         " of them in a row, %" PRIu64 " wanted",
                         pool->name, free_pages, largest, pages);
    if (held.guest && free_pages + held.pages >= pages)
        return error_set(error, XENSHM_PAGES_HELD,
                         "pool '%s' has %" PRIu64 " free page%s, %" PRIu64
                         " wanted: guest '%s' holds pages %s",
                         pool->name, free_pages, plural, pages, held.guest, held.how);
    if (held.guest && pages <= pool->frames.count)
        return error_set(error, XENSHM_POOL_FULL,
                         "pool '%s' has %" PRIu64 " free page%s, %" PRIu64
                         " wanted; guest '%s' holds %" PRIu64 " %s",
                         pool->name, free_pages, plural, pages, held.guest, held.pages, held.how);
    return error_set(error, XENSHM_POOL_FULL,
                     "pool '%s' has %" PRIu64 " free page%s, %" PRIu64 " wanted", pool->name,
                     free_pages, plural, pages);
}

static int claim_for_request(struct state *state, const struct placement_request *request,
                             struct segment *segment, struct error *error)
{
    struct state_pool *pool = request->pool;
    int r;

    if (state->pool_count == 0) {
        error_set(error, XENSHM_POOL_UNKNOWN, "there is no pool");
        return error_set_hint(error, "the daemon's log says why no UIO device became one");
    }
    r = pool ? claim_pages(pool, request, segment) : claim_anywhere(state, request, segment);
    if (r == POOL_E_FULL)
        return refuse_full(state, pool ? pool : roomiest(state), request, error);
    return r < 0 ? no_memory(error) : 0;
}

/* Claimed in the same turn: what others ask for meanwhile is counted after this, or before. */
static int check_quota(const struct state *state, const struct placement_request *request,
                       struct error *error)
{
    struct owner owner = owner_find(&state->segments.owners, request->uid);

    return quota_check_segment(&state->limits.quotas, &owner, request->pages, error);
}

int placement_segment(struct state *state, const struct placement_request *request,
                      struct segment **ret_segment, struct error *error)
{
    char name[PARAMS_NAME_MAX + 1];
    struct segment *segment;
    int r;

    if (request->name[0])
        strcpy(name, request->name);
    else
        segment_default_name(&state->segments, request->guest, name);
    if (segment_find(&state->segments, name))
        return error_set(error, XENSHM_SEGMENT_EXISTS, "a segment called '%s' exists", name);
    if (segment_new(&state->segments, name, &segment) < 0)
        return no_memory(error);
    r = check_quota(state, request, error);
    if (r == 0)
        r = claim_for_request(state, request, segment, error);
    if (r == 0 && segment_set_owner(&state->segments, segment, request->uid) < 0)
        r = no_memory(error);
    if (r) {
        segment_remove(&state->segments, segment);
        return r;
    }
    *ret_segment = segment;
    return 0;
}

/* The frame that the request means, before any check. */
static int wanted_frame(const struct segment *segment, const struct params_address *address,
                        gfn_t *ret_first, struct error *error)
{
    uint64_t offset = segment_frames(segment).first.v - segment->pool->frames.first.v;

    switch (address->kind) {
    case PARAMS_ADDRESS_IDENTITY:
        *ret_first = gfn(segment_frames(segment).first.v);
        return 0;
    case PARAMS_ADDRESS_GIVEN:
        if (!page_aligned(address->value))
            return error_set(error, XENSHM_ADDRESS_RESERVED,
                             "0x%" PRIx64 " is not a multiple of the page size, 0x1000",
                             address->value);
        *ret_first = gfn(address->value >> PAGE_SHIFT);
        return 0;
    default:
        if (segment->pool->place.v == 0) {
            error_set(error, XENSHM_ADDRESS_RESERVED,
                      "pool '%s' is too large for the guest's window", segment->pool->name);
            return error_set_hint(error, "give an address, or set one for the pool in "
                                         "xenshmd.conf");
        }
        *ret_first = gfn(segment->pool->place.v + offset);
        return 0;
    }
}

static int refuse_clash(int clash, const struct guest *guest, struct gfn_range frames,
                        const struct window_clash *with, struct error *error)
{
    static const int codes[] = {
        [WINDOW_E_RAM] = XENSHM_ADDRESS_IS_RAM,
        [WINDOW_E_RESERVED] = XENSHM_ADDRESS_RESERVED,
        [WINDOW_E_IN_USE] = XENSHM_ADDRESS_IN_USE,
    };

    return error_set(error, codes[clash],
                     "guest '%s' has %s at 0x%" PRIx64 "-0x%" PRIx64 ", where 0x%" PRIx64
                     "-0x%" PRIx64 " was to go",
                     guest->name, with->what, gfn_address(with->range.first),
                     gfn_address(with->range.first) + pages_to_bytes(with->range.count) - 1,
                     gfn_address(frames.first),
                     gfn_address(frames.first) + pages_to_bytes(frames.count) - 1);
}

/* Xen leaves attachments out of the extended regions from 4.21 on (libxl_arm.c). */
static bool has_extended_regions(const char *version)
{
    unsigned major = 0, minor = 0;

    /* NOLINTNEXTLINE(cert-err34-c): Xen's own text */
    return sscanf(version, "%u.%u", &major, &minor) != 2 || major < 4 || (major == 4 && minor < 21);
}

int placement_address(struct state *state, const struct guest *guest, const struct segment *segment,
                      const struct params_address *address, struct placement *ret_placement,
                      struct error *error)
{
    _cleanup_(cleanup_free) struct gfn_range *taken = NULL;
    struct gfn_range frames = { .count = segment_frames(segment).count };
    struct window_guest window;
    struct window_clash clash;
    int r;

    r = wanted_frame(segment, address, &frames.first, error);
    if (r)
        return r;
    if (!gfn_range_valid(frames))
        return error_set(error, XENSHM_ADDRESS_RESERVED,
                         "0x%" PRIx64 " is outside the guest's physical address space",
                         gfn_address(frames.first));
    if (guest_window(&state->guests, guest, NULL, &window, &taken) < 0)
        return no_memory(error);
    r = window_check(&window, frames, &clash);
    if (r)
        return refuse_clash(r, guest, frames, &clash, error);
    *ret_placement = (struct placement){ .first = frames.first };
    if (window_in_extended_region(&window, frames) &&
        has_extended_regions(hypervisor_version(state->hypervisor)))
        snprintf(ret_placement->warning, sizeof(ret_placement->warning),
                 "0x%" PRIx64 " lies in an extended region, where the guest's Linux may place "
                 "foreign mappings (Xen before 4.21)",
                 gfn_address(frames.first));
    return 0;
}
