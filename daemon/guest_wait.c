/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that restarts: how long its pages wait for it, and which domain it comes back as. */
#include "guest_private.h"

#include <string.h>

#include "clock.h"

bool guest_shutdown_returns(enum domain_shutdown reason)
{
    return reason == DOMAIN_REBOOT || reason == DOMAIN_CRASH || reason == DOMAIN_WATCHDOG ||
           reason == DOMAIN_SOFT_RESET;
}

void guest_await(struct guest *guest, uint64_t milliseconds)
{
    if (milliseconds == GUEST_AWAIT_ALWAYS)
        guest->awaited_until = GUEST_AWAIT_ALWAYS;
    else
        guest->awaited_until = milliseconds ? clock_milliseconds() + milliseconds : 0;
}

/*
 * Another record of the same guest that runs, after `last` (NULL: the first). One that has shut
 * down and is preserved is nobody's successor.
 */
static struct guest *next_twin(struct guests *guests, const struct guest *guest, struct guest *last)
{
    struct guest *twin = last ? guest_next(last) : guest_first(guests);

    while (twin && (twin == guest || !twin->alive || twin->shutdown != DOMAIN_RUNNING ||
                    memcmp(twin->identity.uuid, guest->identity.uuid, DOMAIN_UUID_SIZE) != 0))
        twin = guest_next(twin);
    return twin;
}

struct guest *guest_successor(struct guests *guests, const struct guest *guest)
{
    struct guest *twin, *successor = NULL;

    for (twin = next_twin(guests, guest, NULL); twin; twin = next_twin(guests, guest, twin)) {
        if (successor)
            return NULL;
        successor = twin;
    }
    return successor && successor->config.known ? successor : NULL;
}

/* Domids grow: that tells of domains that were all there when the daemon started. */
static bool came_later(const struct guest *a, const struct guest *b)
{
    return a->since == b->since ? a->identity.domid > b->identity.domid : a->since > b->since;
}

/* An earlier one, preserved or gone by now, was followed by `guest`, and means nothing. */
static bool will_be_followed(const struct guest *other, const struct guest *guest)
{
    if (other != guest && !came_later(other, guest))
        return false;
    return other->alive ? other != guest && guest_shutdown_returns(other->shutdown)
                        : clock_milliseconds() < other->awaited_until;
}

bool guest_is_awaited(struct guests *guests, const struct guest *guest)
{
    struct guest *other;

    if (next_twin(guests, guest, NULL))
        return true;
    for (other = guest_first(guests); other; other = guest_next(other))
        if (memcmp(other->identity.uuid, guest->identity.uuid, DOMAIN_UUID_SIZE) == 0 &&
            will_be_followed(other, guest))
            return true;
    return false;
}

static bool wait_is_over(struct guests *guests, const struct guest *guest)
{
    const struct guest *twin = next_twin(guests, guest, NULL);

    return clock_milliseconds() >= guest->awaited_until || (twin && twin->config.known);
}

void guests_end_waits(struct guests *guests)
{
    struct guest *guest;

    for (guest = guest_first(guests); guest; guest = guest_next(guest))
        if (guest->awaited_until && wait_is_over(guests, guest)) {
            guest->awaited_until = 0;
            if (guest->config.iomem_count > 0)
                guests->holders_version++;
        }
}

uint64_t guests_next_end(const struct guests *guests)
{
    uint64_t end = UINT64_MAX;
    struct guest *guest;

    for (guest = guest_first((struct guests *)guests); guest; guest = guest_next(guest))
        if (guest->awaited_until && guest->awaited_until < end)
            end = guest->awaited_until;
    return end;
}
