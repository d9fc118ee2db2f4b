/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's scrubber with a mistake planted: it begins with a word at an odd address. The pages
 * are Device memory, where that is a fault on a board. test_unaligned.sh has it run, to know
 * whether the emulator is as strict, and so whether all the other tests would show such a mistake.
 */
#include "xenshm-memory.h"

static void fill_unaligned(volatile void *address, uint8_t byte, uint64_t bytes)
{
    *(volatile uint32_t *)((volatile char *)address + 1) = 0;
    xenshm_fill(address, byte, bytes);
}

#define xenshm_fill fill_unaligned
#include "scrub.c"
