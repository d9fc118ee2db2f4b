/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which addresses of a guest are taken. */
#include "guest_private.h"

#include <errno.h>
#include <stdlib.h>

/*
 * RAM is laid out by the config's maximum. A domain that Xen built at boot has a config that does
 * not tell one: its memory never grew beyond the hypervisor's limit. For others that limit follows
 * the present target and may lie below the layout, so without a config it says nothing: 0.
 */
static uint64_t maxmem(const struct guest *guest)
{
    if (guest->config.maxmem_kib || !guest->config.known)
        return guest->config.maxmem_kib;
    return guest->list_maxmem_kib;
}

int guest_window(const struct guests *guests, const struct guest *guest,
                 const struct attachment *except, struct window_guest *ret_window,
                 struct gfn_range **ret_taken)
{
    struct attachment *attachment;
    struct gfn_range *taken;
    const struct created *created = guest_created(guests, guest);
    size_t count = guest->config.iomem_count + (created ? created->facts.taken_count : 0);

    TAILQ_FOREACH(attachment, &guest->attachments, guest_link)
        count++;
    taken = calloc(count + 1, sizeof(*taken));
    if (!taken)
        return -ENOMEM;
    count = 0;
    for (size_t i = 0; i < guest->config.iomem_count; i++)
        taken[count++] =
            (struct gfn_range){ guest->config.iomem[i].gfn, guest->config.iomem[i].frames.count };
    for (size_t i = 0; created && i < created->facts.taken_count; i++)
        taken[count++] = created->facts.taken[i];
    TAILQ_FOREACH(attachment, &guest->attachments, guest_link)
        if (attachment != except)
            taken[count++] = attachment_frames(attachment);
    *ret_window = (struct window_guest){
        .maxmem_kib = maxmem(guest),
        .has_vpci = guest->config.has_vpci,
        .taken = taken,
        .taken_count = count,
    };
    *ret_taken = taken;
    return 0;
}
