/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scrub.h"

#include "clock.h"

/* The clock is read once in this many words: 4 KiB, a few microseconds on the slowest boards. */
#define SCRUB_WORDS 512

/* The zeros must reach memory before the pages are mapped into another domain. */
static void complete_stores(void)
{
#ifdef __aarch64__
    __asm__ volatile("dsb sy" ::: "memory");
#else
    __sync_synchronize();
#endif
}

void scrub_start(struct scrub *scrub, volatile void *address, uint64_t bytes)
{
    scrub->next = address;
    scrub->words = bytes / sizeof(uint64_t);
}

bool scrub_slice(struct scrub *scrub, unsigned microseconds)
{
    uint64_t end = clock_microseconds() + microseconds;

    while (scrub->words > 0) {
        uint64_t words = scrub->words < SCRUB_WORDS ? scrub->words : SCRUB_WORDS;

        for (uint64_t i = 0; i < words; i++)
            scrub->next[i] = 0;
        scrub->next += words;
        scrub->words -= words;
        if (scrub->words > 0 && clock_microseconds() >= end)
            return false;
    }
    complete_stores();
    return true;
}
