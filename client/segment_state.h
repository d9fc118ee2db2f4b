/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The column STATE of segments: one word where all is in order, otherwise what is the matter. */
#pragma once

#include <jansson.h>

/*
 * Of a segment, or of one of its attachments: "attached", "kept", "wiping 40%", "clash guest2",
 * "waiting, clash guest2". The caller frees it; NULL: no memory.
 */
char *segment_state_text(const json_t *segment, const json_t *attachment);

/* "clash guest2, guest3": of an object with the array "clash". The caller frees it; NULL: no
 * memory.
 */
char *clash_text(const json_t *object);
