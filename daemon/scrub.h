/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Wiping pool memory.
 *
 * A UIO mapping is Device memory on Arm: unaligned accesses, exclusives, atomics and `DC ZVA`
 * (which memset() uses) fault there. So this file, and nothing else, writes zeros to a pool, by
 * xenshm-memory.h: aligned stores of 8 bytes, one instruction each. Tests look at its machine code.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct scrub {
    volatile unsigned char *next;
    uint64_t bytes; /* left */
};

/* `address` is 8-byte aligned, `bytes` a multiple of 8. */
void scrub_start(struct scrub *scrub, volatile void *address, uint64_t bytes);

/*
 * Wipes for about `microseconds` (at least one page). Returns true when all is wiped and the zeros
 * are visible to every observer of the memory.
 */
bool scrub_slice(struct scrub *scrub, unsigned microseconds);
