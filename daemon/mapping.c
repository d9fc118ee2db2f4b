/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mapping.h"

#include "clock.h"

void mapping_start(struct mapping *mapping, struct hypervisor *hypervisor, uint32_t domid,
                   gfn_t first, struct mfn_range frames)
{
    *mapping = (struct mapping){
        .hypervisor = hypervisor,
        .domid = domid,
        .first = first,
        .frames = frames,
    };
}

static struct mfn_range next_run(const struct mapping *mapping)
{
    uint64_t left = mapping->frames.count - mapping->done;

    return (struct mfn_range){ mfn(mapping->frames.first.v + mapping->done),
                               left < HYPERVISOR_RUN_MAX ? left : HYPERVISOR_RUN_MAX };
}

static int map_run(struct mapping *mapping, gfn_t first, struct mfn_range run)
{
    bool ram;
    int r;

    r = hypervisor_probe_ram(mapping->hypervisor, mapping->domid,
                             (struct gfn_range){ first, run.count }, &ram);
    if (r < 0)
        return r;
    if (ram)
        return MAPPING_E_RAM;
    return hypervisor_map(mapping->hypervisor, mapping->domid, first, run);
}

static int unmap_run(struct mapping *mapping, gfn_t first, struct mfn_range run)
{
    return hypervisor_unmap(mapping->hypervisor, mapping->domid, first, run);
}

static int slice(struct mapping *mapping, unsigned microseconds,
                 int (*one)(struct mapping *, gfn_t, struct mfn_range))
{
    uint64_t end = clock_microseconds() + microseconds;

    while (mapping->done < mapping->frames.count) {
        struct mfn_range run = next_run(mapping);
        int r = one(mapping, gfn(mapping->first.v + mapping->done), run);

        if (r)
            return r;
        mapping->done += run.count;
        if (mapping->done < mapping->frames.count && clock_microseconds() >= end)
            return MAPPING_MORE;
    }
    return 0;
}

int mapping_map_slice(struct mapping *mapping, unsigned microseconds)
{
    return slice(mapping, microseconds, map_run);
}

int mapping_unmap_slice(struct mapping *mapping, unsigned microseconds)
{
    return slice(mapping, microseconds, unmap_run);
}
