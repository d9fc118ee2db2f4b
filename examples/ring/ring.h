/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages between two programs through a shared segment: one ring each way, each with a single
 * sender and a single receiver. No lock, no system call, no allocation; the same code on both
 * sides.
 *
 * The other side is not trusted. What it wrote is copied first and checked then; at worst it spoils
 * the messages of this ring. Either side may end and start again at any moment: both begin anew.
 *
 * There is no interrupt: a side that waits has to look again (backoff.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Who is who. Any two programs may be the sides; they only have to take different ones. */
enum ring_side {
    RING_DOM0,
    RING_GUEST,
};

/* The smallest segment that a ring fits into; pages are larger. */
#define RING_BYTES_MIN 256

/* One side's end. Private to its process: nothing in here is read back from shared memory. */
struct ring {
    volatile uint8_t *mine;   /* words that this side writes, struct words in ring.c */
    volatile uint8_t *theirs; /* words that the other side writes */
    volatile uint8_t *out;    /* messages to the other side */
    volatile uint8_t *in;     /* messages from it */
    uint32_t size;            /* of out and of in */
    uint32_t session;         /* which life of this side */
    uint32_t peer;            /* and of the other; 0: not seen yet */
    uint32_t head;            /* where the next message goes in out */
    uint32_t tail;            /* where the next one comes from in in */
    bool connected;
};

/*
 * Begins on `bytes` of shared memory at `segment`, as `side`. The other side must map as many
 * bytes; neither has to be first. -EINVAL: too small, or not aligned to 8.
 */
int ring_init(struct ring *ring, volatile void *segment, uint64_t bytes, enum ring_side side);

/* The longest message that fits. */
uint32_t ring_message_max(const struct ring *ring);

/*
 * Both never wait. 0: done.
 * -EAGAIN: nothing there, no room, or nobody at the other end yet: try again later.
 * -ECONNRESET: the other side has begun anew, or wrote what cannot be (-EPROTO). Told once. What
 * was under way in either direction is lost; from now on everything is new. -EPROTONOSUPPORT: the
 * other side has another version, or maps another size. -EMSGSIZE: a message to send is too long;
 * one that came is longer than `capacity`, and is dropped.
 */
int ring_send(struct ring *ring, const void *message, uint32_t length);
int ring_receive(struct ring *ring, void *buffer, uint32_t capacity, uint32_t *ret_length);

/* As above; 0: the other side has received everything that was sent. -EAGAIN: not yet. */
int ring_flush(struct ring *ring);
