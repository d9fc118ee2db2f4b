/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events about an attachment or a segment as it is now; described only if somebody listens. */
#pragma once

#include "state.h"

/* `type` is one of EVENTS_TYPES. */
void tell_attachment(struct state *state, const char *type, const struct attachment *attachment);
/*
 * The same of what the daemon has done by itself, which the audit is told, too. `code`: of the
 * error that it comes from; 0: none.
 */
void tell_own_attachment(struct state *state, const char *type, const struct attachment *attachment,
                         int code);
void tell_segment(struct state *state, const char *type, const struct segment *segment);
