/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bringup.h"

#include "progress.h"
#include "publish.h"

enum { PHASE_PERMIT, PHASE_MAP, PHASE_PUBLISH, PHASE_DONE };

void bringup_start(struct bringup *bringup, struct state *state, struct attachment *attachment)
{
    *bringup = (struct bringup){
        .state = state,
        .attachment = attachment,
        .phase = PHASE_PERMIT,
        .reached = TEARDOWN_PERSISTED,
    };
    mapping_start(&bringup->mapping, state->hypervisor, attachment->identity.domid,
                  attachment->first, segment_frames(attachment->segment));
}

static int map(struct bringup *bringup)
{
    int r;

    bringup->reached = TEARDOWN_MAPPED;
    r = mapping_map_slice(&bringup->mapping, OPERATION_SLICE);
    progress_tell(bringup->state, bringup->attachment->segment, "mapping", bringup->mapping.done);
    return r;
}

static int one_phase(struct bringup *bringup)
{
    struct hypervisor *hypervisor = bringup->state->hypervisor;
    struct attachment *attachment = bringup->attachment;

    switch (bringup->phase) {
    case PHASE_PERMIT:
        /* Should this fail half-way, the permission is to be taken back. */
        bringup->reached = TEARDOWN_PERMITTED;
        return hypervisor_permit(hypervisor, attachment->identity.domid,
                                 segment_frames(attachment->segment));
    case PHASE_MAP:
        return map(bringup);
    default:
        bringup->announced = true;
        return publish_attached(hypervisor, attachment);
    }
}

int bringup_slice(struct bringup *bringup)
{
    for (; bringup->phase < PHASE_DONE; bringup->phase++) {
        int r = one_phase(bringup);

        if (r) {
            if (r != MAPPING_MORE)
                progress_end(bringup->attachment->segment);
            return r;
        }
    }
    progress_end(bringup->attachment->segment);
    return 0;
}
