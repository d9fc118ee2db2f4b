/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of the segment that a command line names, and which of them it means. */
#pragma once

#include <stdint.h>

#include "invocation.h"
#include "xenshm.h"

struct segment_bytes {
    struct xenshm_mapping *mapping; /* owned */
    volatile unsigned char *start;
    uint64_t offset;
    uint64_t size; /* from the offset on, up to the end or as many as are asked for */
};

/*
 * Reads the arguments NAME [OFFSET [LENGTH]], maps the segment, and checks that it has what is
 * asked for. Returns STATUS_DONE, or another status after a complaint.
 */
enum exit_status segment_bytes_open(struct segment_bytes *bytes,
                                    const struct invocation *invocation);
/* Allowed on an object that failed to open. */
void segment_bytes_clear(struct segment_bytes *bytes);
