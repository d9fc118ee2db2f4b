/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tell.h"

#include "audit.h"
#include "describe.h"

void tell_attachment(struct state *state, const char *type, const struct attachment *attachment)
{
    events_emit(&state->events, type,
                events_wanted(&state->events) ? describe_attachment(attachment) : NULL);
}

void tell_own_attachment(struct state *state, const char *type, const struct attachment *attachment,
                         int code)
{
    const struct segment *segment = attachment->segment;

    audit_own(type, attachment->guest_name, segment->name,
              pages_to_bytes(segment_frames(segment).count), code);
    tell_attachment(state, type, attachment);
}

void tell_segment(struct state *state, const char *type, const struct segment *segment)
{
    events_emit(&state->events, type,
                events_wanted(&state->events) ? describe_segment_status(segment, state) : NULL);
}
