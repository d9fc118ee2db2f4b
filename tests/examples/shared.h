/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests: ordinary memory in the place of a segment, and two programs that talk through it. */
#pragma once

#include "../unit/test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring.h"

#define PAGE 4096u
#define MESSAGE_MAX 300u

/* One view of the memory; touching anything beside it is a fault. */
static inline volatile uint8_t *view(int fd, size_t bytes)
{
    size_t whole = (bytes + PAGE - 1) / PAGE * PAGE;
    uint8_t *space = mmap(NULL, whole + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *middle;

    assert(space != MAP_FAILED);
    middle = mmap(space + PAGE, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    assert(middle == space + PAGE);
    return middle;
}

static inline void drop_view(volatile uint8_t *address, size_t bytes)
{
    munmap((uint8_t *)address - PAGE, (bytes + PAGE - 1) / PAGE * PAGE + 2 * PAGE);
}

static inline int new_memory(size_t bytes)
{
    int fd = memfd_create("segment", MFD_CLOEXEC);

    assert(fd >= 0 && !ftruncate(fd, (bytes + PAGE - 1) / PAGE * PAGE));
    return fd;
}

static inline uint32_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (*state * UINT64_C(2685821657736338717)) >> 32;
}

/* A program at one end: numbers what it sends, and counts what comes. */
struct party {
    struct ring ring;
    uint64_t *random;
    uint32_t sent;
    uint32_t received;
    uint32_t resets;
};

/* What message `number` is: everything follows from the number. Returns its length. */
static inline uint32_t compose(uint8_t *message, uint32_t number, uint32_t longest)
{
    uint64_t state = number + UINT64_C(88172645463325252);
    uint32_t limit = longest < MESSAGE_MAX ? longest : MESSAGE_MAX;
    uint32_t length = next_random(&state) % (limit + 1);

    for (uint32_t i = 0; i < length; i++)
        message[i] = next_random(&state);
    return length;
}

static inline void party_begin(struct party *party)
{
    party->sent = party->received = 0;
}

/* One try to send; true when something was sent. */
static inline bool party_send(struct party *party)
{
    uint8_t message[MESSAGE_MAX];
    uint32_t length = compose(message, party->sent, ring_message_max(&party->ring));
    int r = ring_send(&party->ring, message, length);

    if (r == -ECONNRESET) {
        party->resets++;
        party_begin(party);
        return false;
    }
    assert(!r || r == -EAGAIN);
    party->sent += !r;
    return !r;
}

/* One try to receive: what comes must be the next message, whole. */
static inline bool party_receive(struct party *party)
{
    uint8_t message[MESSAGE_MAX], wanted[MESSAGE_MAX];
    uint32_t length;
    int r = ring_receive(&party->ring, message, sizeof(message), &length);

    if (r == -ECONNRESET) {
        party->resets++;
        party_begin(party);
        return false;
    }
    if (r == -EAGAIN)
        return false;
    assert(!r);
    assert_int_equal(length, compose(wanted, party->received, ring_message_max(&party->ring)));
    assert_memory_equal(message, wanted, length);
    party->received++;
    return true;
}
