/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libxl has stored about a domain: its iomem ranges and its maximum of memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor_xen_private.h"

/* A gfn left to its default is not in the JSON; this is what it is then (not public in libxl). */
static uint64_t default_gfn(void)
{
    libxl_iomem_range range;
    uint64_t value;

    libxl_iomem_range_init(&range);
    value = range.gfn;
    libxl_iomem_range_dispose(&range);
    return value;
}

int hypervisor_xen_iomem(const libxl_domain_build_info *info, struct hypervisor_iomem **ret_iomem,
                         size_t *ret_count)
{
    size_t count = info->num_iomem > 0 ? (size_t)info->num_iomem : 0, used = 0;
    struct hypervisor_iomem *iomem = calloc(count + 1, sizeof(*iomem));

    if (!iomem)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const libxl_iomem_range *range = &info->iomem[i];

        iomem[used].frames = (struct mfn_range){ mfn(range->start), range->number };
        iomem[used].gfn = gfn(range->gfn == default_gfn() ? range->start : range->gfn);
        /* Xen has refused what is not a range, or will; it holds nothing. */
        if (mfn_range_valid(iomem[used].frames) &&
            frames_valid(iomem[used].gfn.v, iomem[used].frames.count))
            used++;
    }
    *ret_iomem = iomem;
    *ret_count = used;
    return 0;
}

static int parse(struct hypervisor *hypervisor, const char *json,
                 struct hypervisor_config *ret_config)
{
    struct hypervisor_config config = { 0 };
    libxl_domain_config stored;
    int r = 0;

    libxl_domain_config_init(&stored);
    /* One that this libxl does not understand is as good as none: the holder stays unknown. */
    if (libxl_domain_config_from_json(hypervisor->xl, &stored, json) == 0) {
        config.known = true;
        if (stored.b_info.max_memkb != LIBXL_MEMKB_DEFAULT)
            config.maxmem_kib = stored.b_info.max_memkb;
        config.has_vpci = stored.num_pcidevs > 0;
        r = hypervisor_xen_iomem(&stored.b_info, &config.iomem, &config.iomem_count);
    }
    libxl_domain_config_dispose(&stored);
    if (r == 0)
        *ret_config = config;
    return r;
}

int hypervisor_domain_config(struct hypervisor *hypervisor, uint32_t domid,
                             struct hypervisor_config *ret_config)
{
    uint8_t *data = NULL;
    char *json;
    int length = 0, r;

    if (libxl_userdata_retrieve(hypervisor->xl, domid, "libxl-json", &data, &length) != 0)
        return -EIO;
    if (!data || length <= 0) {
        free(data);
        *ret_config = (struct hypervisor_config){ 0 };
        return 0;
    }
    json = strndup((const char *)data, (size_t)length);
    free(data);
    if (!json)
        return -ENOMEM;
    r = parse(hypervisor, json, ret_config);
    free(json);
    return r;
}

void hypervisor_config_clear(struct hypervisor_config *config)
{
    free(config->iomem);
    *config = (struct hypervisor_config){ 0 };
}
