/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is a segment that is there the one that a layout means? */
#pragma once

#include <jansson.h>

#include "error.h"
#include "layout.h"

/*
 * Refuses when `segment`, of the same name, differs from `wanted` in what cannot be changed without
 * losing its bytes, or is quarantined. Returns 0 or error->code.
 */
int same_check(const json_t *segment, const struct layout_segment *wanted, struct error *error);
