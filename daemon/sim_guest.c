/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim_guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A UUID that a guest of that name has in every run: FNV-1a, twice, marked as version 8. */
static void make_uuid(const char *name, uint8_t uuid[static DOMAIN_UUID_SIZE])
{
    for (unsigned half = 0; half < 2; half++) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325) + half;

        for (const char *c = name; *c; c++)
            hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
        for (unsigned i = 0; i < 8; i++)
            uuid[half * 8 + i] = (uint8_t)(hash >> (8 * i));
    }
    uuid[6] = (uint8_t)(0x80 | (uuid[6] & 0x0f));
    uuid[8] = (uint8_t)(0x80 | (uuid[8] & 0x3f));
}

int sim_guest_start(struct hypervisor *hypervisor, const struct sim_guest *guest,
                    uint32_t *ret_domid)
{
    static const uint8_t none[DOMAIN_UUID_SIZE];
    struct sim_domain domain = {
        .name = guest->name,
        .domid = guest->domid,
        .memory_kib = guest->memory >> 10,
        .maxmem_kib = (guest->maxmem ? guest->maxmem : guest->memory) >> 10,
        .config_known = !guest->hide_config,
        .has_vpci = guest->has_vpci,
        .iomem = guest->iomem,
        .iomem_count = guest->iomem_count,
    };

    if (memcmp(guest->uuid, none, sizeof(none)) == 0)
        make_uuid(guest->name, domain.uuid);
    else
        memcpy(domain.uuid, guest->uuid, DOMAIN_UUID_SIZE);
    return sim_start(hypervisor, &domain, ret_domid);
}

/* A hexadecimal number, with or without 0x, ended by `stop` or the end of the text. */
static int parse_number(const char **text, char stop, uint64_t *ret_number)
{
    char *end;

    if (!strchr("0123456789abcdefABCDEF", (*text)[0]) || !(*text)[0])
        return -EINVAL;
    errno = 0;
    *ret_number = strtoull(*text, &end, 16);
    if (errno || end == *text || (*end && *end != stop))
        return -EINVAL;
    *text = *end ? end + 1 : end;
    return *end ? 1 : 0;
}

int sim_guest_parse_iomem(const char *text, struct hypervisor_iomem *ret_iomem)
{
    struct hypervisor_iomem iomem = { 0 };
    int r;

    if (parse_number(&text, ',', &iomem.frames.first.v) != 1)
        return -EINVAL;
    r = parse_number(&text, '@', &iomem.frames.count);
    if (r < 0)
        return r;
    /* Without a place of its own it goes where it is, as with xl. */
    iomem.gfn = gfn(iomem.frames.first.v);
    if (r == 1 && parse_number(&text, '\0', &iomem.gfn.v) != 0)
        return -EINVAL;
    if (!mfn_range_valid(iomem.frames))
        return -EINVAL;
    *ret_iomem = iomem;
    return 0;
}
