/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scrub.h"

#include <time.h>

/* The clock is read once in this many words: 4 KiB, a few microseconds on the slowest boards. */
#define SCRUB_WORDS 512

static uint64_t now_microseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

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
    uint64_t end = now_microseconds() + microseconds;

    while (scrub->words > 0) {
        uint64_t words = scrub->words < SCRUB_WORDS ? scrub->words : SCRUB_WORDS;

        for (uint64_t i = 0; i < words; i++)
            scrub->next[i] = 0;
        scrub->next += words;
        scrub->words -= words;
        if (scrub->words > 0 && now_microseconds() >= end)
            return false;
    }
    complete_stores();
    return true;
}
