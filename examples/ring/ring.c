/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Before changing anything here: no byte of the segment is ever touched but through
 * xenshm-memory.h, and no value that comes out of it is used before it was checked. README.md has
 * the layout.
 *
 * The order of stores is the protocol. A side that begins makes its session even, clears its words,
 * then makes the session odd; so who reads a word and after it finds the session unchanged has read
 * a word of that session. `seen` is written only when head and tail are 0 for that session.
 */
#include "ring.h"

#include <errno.h>
#include <stddef.h>

#include <xenshm-memory.h>

#define RING_MAGIC 0x676e6952u /* "Ring" */
#define RING_VERSION 1u

/* What each side says of itself, at the start of the segment: Dom0, then the guest. */
struct words {
    uint32_t magic;
    uint32_t version;
    uint32_t size;    /* of each of the two data areas */
    uint32_t session; /* odd: valid */
    uint32_t seen;    /* the other's session for which head and tail count */
    uint32_t head;    /* sent up to here */
    uint32_t tail;    /* received up to here */
    uint32_t reserved[9];
};

/* Before each message; the payload follows, and the next message is aligned to 8. */
struct header {
    uint32_t length;
    uint32_t reserved;
};

/* Positions are 32 bits wide. */
#define RING_SIZE_MAX (1u << 30)

#define LOAD(block, word) xenshm_load32((block) + offsetof(struct words, word))
#define STORE(block, word, value) xenshm_store32((block) + offsetof(struct words, word), value)

static uint32_t record_size(uint32_t length)
{
    return sizeof(struct header) + ((length + 7u) & ~7u);
}

static uint32_t distance(const struct ring *ring, uint32_t from, uint32_t to)
{
    return to >= from ? to - from : ring->size - from + to;
}

static uint32_t advance(const struct ring *ring, uint32_t position, uint32_t bytes)
{
    return (position + bytes) % ring->size;
}

/* ---- beginning, and finding the other side */

static void begin(struct ring *ring)
{
    /* Even, and other than any session that the other side may still know, whatever stands there.
     */
    uint32_t between = (LOAD(ring->mine, session) | 1u) + 1u;

    ring->session = between + 1u;
    ring->peer = 0;
    ring->head = 0;
    ring->tail = 0;
    ring->connected = false;
    STORE(ring->mine, session, between);
    STORE(ring->mine, seen, 0);
    STORE(ring->mine, head, 0);
    STORE(ring->mine, tail, 0);
    STORE(ring->mine, size, ring->size);
    STORE(ring->mine, version, RING_VERSION);
    STORE(ring->mine, magic, RING_MAGIC);
    STORE(ring->mine, session, ring->session);
}

/* The other side is in the session that we know, and knows ours: its words, read before this,
 * count. */
static bool is_joined(const struct ring *ring)
{
    return LOAD(ring->theirs, seen) == ring->session && LOAD(ring->theirs, session) == ring->peer;
}

static int connect_to_peer(struct ring *ring)
{
    uint32_t peer;

    if (LOAD(ring->theirs, magic) != RING_MAGIC)
        return -EAGAIN;
    if (LOAD(ring->theirs, version) != RING_VERSION || LOAD(ring->theirs, size) != ring->size)
        return -EPROTONOSUPPORT;
    peer = LOAD(ring->theirs, session);
    if (!(peer & 1u))
        return -EAGAIN;
    ring->peer = peer;
    STORE(ring->mine, seen, peer);
    ring->connected = is_joined(ring);
    return ring->connected ? 0 : -EAGAIN;
}

static int start_over(struct ring *ring)
{
    begin(ring);
    return -ECONNRESET;
}

/*
 * Copies one index of the other side, once it has one and only if it is one: a position in a ring
 * where messages begin.
 */
static int read_index(struct ring *ring, size_t word, uint32_t *ret_position)
{
    uint32_t position;
    int r = ring->connected ? 0 : connect_to_peer(ring);

    if (r)
        return r;
    position = xenshm_load32(ring->theirs + word);
    if (!is_joined(ring))
        return start_over(ring);
    if (position >= ring->size || position % sizeof(struct header))
        return start_over(ring);
    *ret_position = position;
    return 0;
}

int ring_init(struct ring *ring, volatile void *segment, uint64_t bytes, enum ring_side side)
{
    volatile uint8_t *start = segment;
    uint64_t size;

    if (bytes < RING_BYTES_MIN || (uintptr_t)segment % sizeof(uint64_t))
        return -EINVAL;
    size = (bytes - 2 * sizeof(struct words)) / 2;
    ring->size = (size < RING_SIZE_MAX ? size : RING_SIZE_MAX) & ~7u;
    ring->mine = start + (side == RING_DOM0 ? 0 : sizeof(struct words));
    ring->theirs = start + (side == RING_DOM0 ? sizeof(struct words) : 0);
    start += 2 * sizeof(struct words);
    ring->out = start + (side == RING_DOM0 ? 0 : ring->size);
    ring->in = start + (side == RING_DOM0 ? ring->size : 0);
    begin(ring);
    return 0;
}

/* ---- bytes of a ring, which goes on at its start */

static void put(struct ring *ring, uint32_t position, const uint8_t *bytes, uint32_t length)
{
    uint32_t first = length < ring->size - position ? length : ring->size - position;

    xenshm_copy_in(ring->out + position, bytes, first);
    xenshm_copy_in(ring->out, bytes + first, length - first);
}

static void get(struct ring *ring, uint32_t position, uint8_t *ret_bytes, uint32_t length)
{
    uint32_t first = length < ring->size - position ? length : ring->size - position;

    xenshm_copy_out(ret_bytes, ring->in + position, first);
    xenshm_copy_out(ret_bytes + first, ring->in, length - first);
}

/* ---- messages */

uint32_t ring_message_max(const struct ring *ring)
{
    /* Eight bytes stay free: full must not look like empty. */
    return ring->size - 2 * sizeof(struct header);
}

int ring_send(struct ring *ring, const void *message, uint32_t length)
{
    uint32_t tail;
    int r;

    if (length > ring_message_max(ring))
        return -EMSGSIZE;
    r = read_index(ring, offsetof(struct words, tail), &tail);
    if (r)
        return r;
    if (record_size(length) >= ring->size - distance(ring, tail, ring->head))
        return -EAGAIN;

    xenshm_store32(ring->out + ring->head + offsetof(struct header, length), length);
    put(ring, advance(ring, ring->head, sizeof(struct header)), message, length);
    ring->head = advance(ring, ring->head, record_size(length));
    /* The message first, then the word that tells of it: a store of xenshm-memory.h comes after
     * those before. */
    STORE(ring->mine, head, ring->head);
    return 0;
}

int ring_receive(struct ring *ring, void *buffer, uint32_t capacity, uint32_t *ret_length)
{
    uint32_t head, length;
    int r = read_index(ring, offsetof(struct words, head), &head);

    if (r)
        return r;
    if (head == ring->tail)
        return -EAGAIN;
    /* Read once: the other side may change it while we look. */
    length = xenshm_load32(ring->in + ring->tail + offsetof(struct header, length));
    if (length > ring_message_max(ring) || record_size(length) > distance(ring, ring->tail, head))
        return start_over(ring);

    if (length <= capacity)
        get(ring, advance(ring, ring->tail, sizeof(struct header)), buffer, length);
    ring->tail = advance(ring, ring->tail, record_size(length));
    /* Its place is free only when the copy is made: see ring_send(). */
    STORE(ring->mine, tail, ring->tail);
    if (length > capacity)
        return -EMSGSIZE;
    *ret_length = length;
    return 0;
}

int ring_flush(struct ring *ring)
{
    uint32_t tail;
    int r = read_index(ring, offsetof(struct words, tail), &tail);

    if (r)
        return r;
    return tail == ring->head ? 0 : -EAGAIN;
}
