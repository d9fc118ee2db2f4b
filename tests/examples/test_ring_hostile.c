/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The other side of the ring writes what it likes. Ours may lose its messages; it touches nothing
 * beside the segment and the caller's buffer, always returns, and works again with a decent peer.
 * The memory around each view is out of bounds, buffers are just as large as told: see them under
 * ASan.
 */
#include "shared.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define STEPS 60000
#define HEADER 128 /* both sides' words */

/* Words of a side, as README.md has them. */
enum word { MAGIC, VERSION, SIZE, SESSION, SEEN, HEAD, TAIL };

struct victim {
    struct ring ring;
    volatile uint32_t *own, *forged; /* its words and those of the other side, in another view */
    volatile uint8_t *memory;        /* what the ring works on */
    volatile uint32_t *words;        /* the other view */
    uint32_t magic, version, size;   /* as our side has written them */
    uint64_t random;
    size_t bytes;
    int fd;
    enum ring_side side;
    unsigned messages, resets, refused, silence;
};

static void begin_victim(struct victim *victim, size_t bytes, enum ring_side side)
{
    *victim = (struct victim){ .bytes = bytes, .side = side, .fd = new_memory(bytes), .random = 7 };
    victim->memory = view(victim->fd, bytes);
    victim->words = (volatile uint32_t *)view(victim->fd, bytes);
    victim->own = victim->words + (side == RING_DOM0 ? 0 : 16);
    victim->forged = victim->words + (side == RING_DOM0 ? 16 : 0);
    assert(!ring_init(&victim->ring, victim->memory, bytes, side));
    victim->magic = victim->own[MAGIC];
    victim->version = victim->own[VERSION];
    victim->size = victim->own[SIZE];
}

static void end_victim(struct victim *victim)
{
    drop_view(victim->memory, victim->bytes);
    drop_view((volatile uint8_t *)victim->words, victim->bytes);
    close(victim->fd);
}

/* As a program does that has heard nothing for long: its words may have been scribbled over. */
static void begin_again(struct victim *victim)
{
    victim->silence = victim->ring.connected ? 0 : victim->silence + 1;
    if (!victim->silence)
        return;
    sched_yield();
    if (victim->silence % 10 == 0)
        assert(!ring_init(&victim->ring, victim->memory, victim->bytes, victim->side));
}

/* One call of each kind, with buffers of any size. */
static void use(struct victim *victim)
{
    uint32_t capacity = next_random(&victim->random) % 600, length = UINT32_MAX;
    uint8_t *buffer = malloc(capacity);
    int r;

    assert(buffer || !capacity);
    r = ring_receive(&victim->ring, buffer, capacity, &length);
    assert_true(r ? length == UINT32_MAX : length <= capacity);
    victim->messages += !r;
    victim->resets += r == -ECONNRESET;
    victim->refused += r == -EMSGSIZE;
    memset(buffer, 0x5a, capacity);
    ring_send(&victim->ring, buffer, capacity);
    ring_flush(&victim->ring);
    free(buffer);
    begin_again(victim);
}

/* What a decent peer would have there, so that the ring goes on to what follows. */
static void shake_hands(struct victim *victim)
{
    victim->forged[MAGIC] = victim->magic;
    victim->forged[VERSION] = victim->version;
    victim->forged[SIZE] = victim->size;
    victim->forged[SESSION] |= 1;
    victim->forged[SEEN] = victim->own[SESSION];
}

/* Numbers at which mistakes are made. */
static uint32_t nasty(struct victim *victim)
{
    uint32_t size = victim->size, any = next_random(&victim->random);

    switch (next_random(&victim->random) % 8) {
    case 0:
        return any;
    case 1:
        return size - any % 32;
    case 2:
        return size + any % 32;
    case 3:
        return UINT32_MAX - any % 32;
    case 4:
        return 1u << any % 32;
    case 5:
        return any % 64;
    default:
        return any % size & ~7u;
    }
}

static void mistreat(struct victim *victim)
{
    uint32_t place = HEADER / 4 + next_random(&victim->random) % ((victim->bytes - HEADER) / 4);

    shake_hands(victim);
    switch (next_random(&victim->random) % 16) {
    case 0:
        victim->forged[next_random(&victim->random) % 16] = nasty(victim);
        break;
    case 1:
        victim->own[next_random(&victim->random) % 16] = nasty(victim);
        break;
    case 2 ... 5:
        victim->forged[HEAD] = nasty(victim);
        break;
    case 6 ... 8:
        victim->forged[TAIL] = nasty(victim);
        break;
    default:
        victim->words[place & ~1u] = nasty(victim);
    }
}

static void report(const struct victim *victim)
{
    print_message("# %u messages, %u resets, %u too long\n", victim->messages, victim->resets,
                  victim->refused);
}

/* A step of the peer, a step of ours: 60,000 of them, always the same. */
static void forge(size_t bytes, enum ring_side side)
{
    struct victim victim;

    begin_victim(&victim, bytes, side);
    for (int step = 0; step < STEPS; step++) {
        mistreat(&victim);
        use(&victim);
    }
    report(&victim);
    assert_true(victim.messages > STEPS / 100 && victim.resets > STEPS / 100);
    end_victim(&victim);
}

static void test_forged_words(void **state)
{
    forge(RING_BYTES_MIN, RING_DOM0);
    forge(PAGE, RING_GUEST);
    forge(PAGE + 24, RING_DOM0);
}

/* A ring on which one message of 8 bytes has come. */
static void receive_one(struct victim *victim)
{
    uint32_t length;
    uint8_t buffer[8];

    begin_victim(victim, PAGE, RING_DOM0);
    shake_hands(victim);
    assert_int_equal(ring_receive(&victim->ring, buffer, 8, &length), -EAGAIN);
    victim->words[(victim->ring.in - victim->memory) / 4] = 8;
    victim->forged[HEAD] = 16;
}

/* Whatever cannot be is told, and begins anew. */
static void test_nonsense(void **state)
{
    static const struct {
        uint32_t head, length;
        int result;
    } cases[] = {
        { 16, 8, 0 },
        { 16, 9, -ECONNRESET }, /* longer than what has come */
        { 8, 8, -ECONNRESET },
        { 16, UINT32_MAX, -ECONNRESET },
        { 16, UINT32_MAX - 7, -ECONNRESET },
        { 1976, 1977, -ECONNRESET }, /* longer than any message */
        { 1976, 9, -EMSGSIZE },
        { 12, 1, -ECONNRESET }, /* not where messages begin */
        { 17, 8, -ECONNRESET },
        { 1984, 8, -ECONNRESET }, /* beyond the ring */
        { UINT32_MAX - 7, 8, -ECONNRESET },
    };

    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        struct victim victim;
        uint8_t buffer[8];
        uint32_t length;

        receive_one(&victim);
        assert_int_equal(victim.size, 1984);
        victim.words[(victim.ring.in - victim.memory) / 4] = cases[i].length;
        victim.forged[HEAD] = cases[i].head;
        assert_int_equal(ring_receive(&victim.ring, buffer, 8, &length), cases[i].result);
        end_victim(&victim);
    }
}

/* The same for what the other side says it has received. */
static void test_nonsense_tail(void **state)
{
    static const uint32_t tails[] = { 4, 1984, 1992, UINT32_MAX, UINT32_MAX - 7 };

    for (size_t i = 0; i < ELEMENTS(tails); i++) {
        struct victim victim;

        receive_one(&victim);
        assert_int_equal(ring_send(&victim.ring, "x", 1), 0);
        victim.forged[TAIL] = tails[i];
        assert_int_equal(ring_send(&victim.ring, "x", 1), -ECONNRESET);
        assert_int_equal(ring_send(&victim.ring, "x", 1), -EAGAIN);
        end_victim(&victim);
    }
}

/* ---- at the same time */

static atomic_bool stop;

/* It stops for nothing: what was read may be another a moment later. */
static void *scribble(void *argument)
{
    while (!atomic_load(&stop))
        mistreat(argument);
    return NULL;
}

static void use_meanwhile(struct victim *victim)
{
    struct victim peer = *victim;
    pthread_t thread;

    peer.random = 99;
    atomic_store(&stop, false);
    assert(!pthread_create(&thread, NULL, scribble, &peer));
    for (int step = 0; step < STEPS; step++)
        use(victim);
    atomic_store(&stop, true);
    assert(!pthread_join(thread, NULL));
}

/* A peer that begins on what is left there, and our side, which begins anew. */
static void works_again(struct victim *victim, enum ring_side side)
{
    struct party ours = { .random = &victim->random }, theirs = ours;

    assert(!ring_init(&theirs.ring, victim->words, victim->bytes,
                      side == RING_DOM0 ? RING_GUEST : RING_DOM0));
    assert(!ring_init(&ours.ring, victim->memory, victim->bytes, side));
    while (ours.received < 1000) {
        party_send(&ours);
        party_send(&theirs);
        party_receive(&theirs);
        party_receive(&ours);
    }
    assert_int_equal(ours.resets + theirs.resets, 0);
}

static void meanwhile(size_t bytes, enum ring_side side)
{
    struct victim victim;

    begin_victim(&victim, bytes, side);
    use_meanwhile(&victim);
    report(&victim);
    works_again(&victim, side);
    end_victim(&victim);
}

static void test_scribbling(void **state)
{
    meanwhile(RING_BYTES_MIN, RING_GUEST);
    meanwhile(PAGE, RING_DOM0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_nonsense_tail),
        cmocka_unit_test(test_forged_words),
        cmocka_unit_test(test_scribbling),
    };

    return RUN_TESTS("ring hostile", tests);
}
