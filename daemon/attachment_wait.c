/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attachment_wait.h"

#include <string.h>

#include "log.h"
#include "tell.h"

bool attachment_wait(struct state *state, struct attachment *attachment)
{
    int r;

    if (attachment->state == ATTACHMENT_WAITING)
        return true;
    attachment->state = ATTACHMENT_WAITING;
    r = store_write(state->store, attachment->segment, NULL);
    if (r < 0) {
        attachment->state = ATTACHMENT_ATTACHED;
        log_error("segment %s: it cannot be written to the store: %s", attachment->segment->name,
                  strerror(-r));
        return false;
    }
    log_info("segment %s: waits for guest %s to be back", attachment->segment->name,
             attachment->guest_name);
    tell_own_attachment(state, "attachment.waiting", attachment, 0);
    return true;
}
