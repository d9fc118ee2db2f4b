/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "publish.h"

#include <inttypes.h>
#include <stdio.h>

static int publish(struct hypervisor *hypervisor, const struct attachment *attachment,
                   const struct hypervisor_node *nodes, size_t count)
{
    return hypervisor_publish(hypervisor, attachment->identity.domid, attachment->segment->name,
                              nodes, count);
}

int publish_attached(struct hypervisor *hypervisor, const struct attachment *attachment)
{
    char address[24], size[24], epoch[24];
    const struct hypervisor_node nodes[] = {
        { "address", address },
        { "size", size },
        { "epoch", epoch },
        { "state", "attached" },
    };

    snprintf(address, sizeof(address), "0x%" PRIx64, gfn_address(attachment->first));
    snprintf(size, sizeof(size), "%" PRIu64,
             pages_to_bytes(segment_frames(attachment->segment).count));
    snprintf(epoch, sizeof(epoch), "%" PRIu64, attachment->segment->epoch);
    return publish(hypervisor, attachment, nodes, 4);
}

int publish_detaching(struct hypervisor *hypervisor, const struct attachment *attachment)
{
    const struct hypervisor_node node = { "state", "detaching" };

    return publish(hypervisor, attachment, &node, 1);
}
