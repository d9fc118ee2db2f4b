/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scrub.h"

#include "clock.h"
#include "xenshm-memory.h"

/* The clock is read once in this many bytes: a few microseconds on the slowest boards. */
#define SCRUB_BYTES 4096

/* The zeros must reach memory before the pages are mapped into another domain. */
static void complete_stores(void)
{
#ifdef __aarch64__
    __asm__ volatile("dsb sy" ::: "memory");
#else
    __sync_synchronize();
#endif
}

/* Apart from what reads and writes ordinary memory: a test looks at each of its instructions. */
__attribute__((__noinline__)) static void wipe(volatile void *address, uint64_t bytes)
{
    xenshm_fill(address, 0, bytes);
}

void scrub_start(struct scrub *scrub, volatile void *address, uint64_t bytes)
{
    scrub->next = address;
    scrub->bytes = bytes;
}

bool scrub_slice(struct scrub *scrub, unsigned microseconds)
{
    uint64_t end = clock_microseconds() + microseconds;

    while (scrub->bytes > 0) {
        uint64_t bytes = scrub->bytes < SCRUB_BYTES ? scrub->bytes : SCRUB_BYTES;

        wipe(scrub->next, bytes);
        scrub->next += bytes;
        scrub->bytes -= bytes;
        if (scrub->bytes > 0 && clock_microseconds() >= end)
            return false;
    }
    complete_stores();
    return true;
}
