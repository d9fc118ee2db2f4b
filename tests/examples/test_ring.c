/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The example's ring: every message once, whole, in order, whoever restarts when. */
#include "shared.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#define SMALL RING_BYTES_MIN
#define STEPS 200000
#define MANY 5000u
#define RESTARTS 20

struct pair {
    struct party dom0, guest;
    volatile uint8_t *dom0_view, *guest_view;
    uint64_t random;
    size_t bytes;
    int fd;
};

static void begin_party(struct party *party, volatile uint8_t *memory, size_t bytes,
                        enum ring_side side)
{
    assert(!ring_init(&party->ring, memory, bytes, side));
    party_begin(party);
}

static void open_pair(struct pair *pair, size_t bytes)
{
    *pair = (struct pair){ .bytes = bytes, .fd = new_memory(bytes), .random = 42 };
    pair->dom0_view = view(pair->fd, bytes);
    pair->guest_view = view(pair->fd, bytes);
    pair->dom0.random = pair->guest.random = &pair->random;
    begin_party(&pair->dom0, pair->dom0_view, bytes, RING_DOM0);
    begin_party(&pair->guest, pair->guest_view, bytes, RING_GUEST);
}

static void close_pair(struct pair *pair)
{
    drop_view(pair->dom0_view, pair->bytes);
    drop_view(pair->guest_view, pair->bytes);
    close(pair->fd);
}

/* Neither has found the other yet: after two looks of each they have. */
static void join(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ring_flush(&pair->dom0.ring), i ? 0 : -EAGAIN);
        assert_int_equal(ring_flush(&pair->guest.ring), 0);
    }
}

static void test_size(void **state)
{
    _Alignas(8) uint8_t memory[SMALL] = {};
    struct ring ring;

    assert_int_equal(ring_init(&ring, memory, 0, RING_DOM0), -EINVAL);
    assert_int_equal(ring_init(&ring, memory, SMALL - 1, RING_DOM0), -EINVAL);
    assert_int_equal(ring_init(&ring, memory + 4, SMALL, RING_DOM0), -EINVAL);
    assert_int_equal(ring_init(&ring, memory, SMALL, RING_DOM0), 0);
    assert_int_equal(ring_message_max(&ring), 48);
    assert_int_equal(ring_init(&ring, memory, UINT64_MAX, RING_DOM0), 0);
    assert_int_equal(ring_message_max(&ring), (1u << 30) - 16);
}

/* Each end has its own part of the memory and does not go beyond it. */
static void test_layout(void **state)
{
    for (size_t bytes = SMALL; bytes < SMALL + 64; bytes++) {
        struct pair pair;

        open_pair(&pair, bytes);
        assert_int_equal(pair.dom0.ring.size, pair.guest.ring.size);
        assert_ptr_equal(pair.dom0.ring.out, pair.dom0_view + 128);
        assert_ptr_equal(pair.dom0.ring.in, pair.dom0.ring.out + pair.dom0.ring.size);
        assert_ptr_equal(pair.guest.ring.out - pair.guest_view, pair.dom0.ring.in - pair.dom0_view);
        assert_true(pair.dom0.ring.in + pair.dom0.ring.size <= pair.dom0_view + bytes);
        assert_int_equal(pair.dom0.ring.size % 8, 0);
        close_pair(&pair);
    }
}

static void test_nobody_there(void **state)
{
    uint8_t buffer[8];
    uint32_t length;
    struct pair pair;

    open_pair(&pair, PAGE);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ring_send(&pair.dom0.ring, "hello", 5), -EAGAIN);
        assert_int_equal(ring_receive(&pair.dom0.ring, buffer, 8, &length), -EAGAIN);
        assert_int_equal(ring_flush(&pair.dom0.ring), -EAGAIN);
    }
    join(&pair);
    assert_int_equal(pair.dom0.resets + pair.guest.resets, 0);
    close_pair(&pair);
}

static void test_one_message(void **state)
{
    uint8_t buffer[8] = {};
    uint32_t length = 77;
    struct pair pair;

    open_pair(&pair, PAGE);
    join(&pair);
    assert_int_equal(ring_receive(&pair.guest.ring, buffer, 8, &length), -EAGAIN);
    assert_int_equal(ring_send(&pair.dom0.ring, "hello", 5), 0);
    assert_int_equal(ring_flush(&pair.dom0.ring), -EAGAIN);
    assert_int_equal(ring_receive(&pair.guest.ring, buffer, 5, &length), 0);
    assert_int_equal(length, 5);
    assert_memory_equal(buffer, "hello\0\0\0", 8);
    assert_int_equal(ring_flush(&pair.dom0.ring), 0);
    assert_int_equal(ring_receive(&pair.guest.ring, buffer, 8, &length), -EAGAIN);
    assert_int_equal(ring_send(&pair.guest.ring, NULL, 0), 0);
    assert_int_equal(ring_receive(&pair.dom0.ring, NULL, 0, &length), 0);
    assert_int_equal(length, 0);
    close_pair(&pair);
}

static void test_too_long(void **state)
{
    uint8_t message[64] = "123456789", buffer[64] = {};
    uint32_t length = 77;
    struct pair pair;

    open_pair(&pair, SMALL);
    join(&pair);
    assert_int_equal(ring_send(&pair.dom0.ring, message, 49), -EMSGSIZE);
    assert_int_equal(ring_send(&pair.dom0.ring, message, UINT32_MAX), -EMSGSIZE);
    assert_int_equal(ring_send(&pair.dom0.ring, message, 48), 0);
    assert_int_equal(ring_receive(&pair.guest.ring, buffer, 48, &length), 0);
    assert_int_equal(length, 48);
    assert_memory_equal(buffer, message, 48);

    /* Dropped, and the next one comes. */
    length = 77;
    memset(buffer, 0, sizeof(buffer));
    assert_int_equal(ring_send(&pair.dom0.ring, message, 9), 0);
    assert_int_equal(ring_send(&pair.dom0.ring, "x", 1), 0);
    assert_int_equal(ring_receive(&pair.guest.ring, buffer, 8, &length), -EMSGSIZE);
    assert_int_equal(length, 77);
    assert_int_equal(buffer[0], 0);
    assert_int_equal(ring_receive(&pair.guest.ring, buffer, 8, &length), 0);
    assert_int_equal(length, 1);
    close_pair(&pair);
}

/* Full is not empty, at every position. */
static void test_full(void **state)
{
    struct pair pair;

    open_pair(&pair, SMALL);
    join(&pair);
    for (int round = 0; round < 1000; round++) {
        while (party_send(&pair.dom0))
            ;
        assert_true(pair.dom0.sent > pair.guest.received);
        while (party_receive(&pair.guest))
            ;
        assert_int_equal(pair.dom0.sent, pair.guest.received);
        assert_int_equal(ring_flush(&pair.dom0.ring), 0);
    }
    close_pair(&pair);
}

/* Another version, another size: said as long as it is so. */
static void test_stranger(void **state)
{
    uint32_t length;
    struct pair pair;

    open_pair(&pair, 2 * PAGE);
    begin_party(&pair.guest, pair.guest_view, PAGE, RING_GUEST);
    assert_int_equal(ring_send(&pair.dom0.ring, "x", 1), -EPROTONOSUPPORT);
    assert_int_equal(ring_receive(&pair.guest.ring, &length, 4, &length), -EPROTONOSUPPORT);
    begin_party(&pair.guest, pair.guest_view, 2 * PAGE, RING_GUEST);
    pair.guest_view[4] ^= 3; /* Dom0's version */
    assert_int_equal(ring_flush(&pair.guest.ring), -EPROTONOSUPPORT);
    pair.guest_view[4] ^= 3;
    join(&pair);
    close_pair(&pair);
}

/* Random steps, restarts among them: messages are those of the present session, from its first on.
 */
static void test_restarts(void **state)
{
    uint32_t received = 0, resets;
    struct pair pair;

    open_pair(&pair, 512);
    for (int step = 0; step < STEPS; step++) {
        uint32_t choice = next_random(&pair.random) % 1000;

        if (choice == 0)
            begin_party(&pair.dom0, pair.dom0_view, 512, RING_DOM0);
        else if (choice == 1)
            begin_party(&pair.guest, pair.guest_view, 512, RING_GUEST);
        else if (choice % 4 == 0)
            party_send(&pair.dom0);
        else if (choice % 4 == 1)
            party_send(&pair.guest);
        else
            received += party_receive(choice % 4 == 2 ? &pair.dom0 : &pair.guest);
    }
    resets = pair.dom0.resets + pair.guest.resets;
    print_message("# %u messages, told of %u restarts\n", received, resets);
    assert_true(received > STEPS / 8);
    assert_true(resets > STEPS / 2000);
    close_pair(&pair);
}

/* What one end told of a restart is told once, and both then begin anew. */
static void test_restart_is_told_once(void **state)
{
    struct pair pair;

    open_pair(&pair, PAGE);
    join(&pair);
    assert_int_equal(ring_send(&pair.dom0.ring, "lost", 4), 0);
    begin_party(&pair.guest, pair.guest_view, PAGE, RING_GUEST);
    assert_int_equal(ring_flush(&pair.guest.ring), -EAGAIN);
    assert_int_equal(ring_send(&pair.dom0.ring, "x", 1), -ECONNRESET);
    assert_int_equal(ring_flush(&pair.dom0.ring), -EAGAIN);
    assert_int_equal(ring_flush(&pair.guest.ring), 0);
    assert_int_equal(ring_flush(&pair.dom0.ring), 0);
    assert_false(party_receive(&pair.guest));
    close_pair(&pair);
}

/* ---- two at once */

/* Runs one end until it has sent and received `messages`, and the other has all. */
static void run_party(struct party *party, uint32_t messages)
{
    for (;;) {
        bool moved = party->sent < messages && party_send(party);

        moved |= party_receive(party);
        if (party->sent == messages && party->received == messages && !ring_flush(&party->ring))
            return;
        if (!moved)
            sched_yield();
    }
}

static void *run_guest(void *argument)
{
    run_party(argument, MANY);
    return NULL;
}

/* Views at different addresses: a checker of threads sees two programs that share nothing. */
static void test_threads(void **state)
{
    pthread_t guest;
    struct pair pair;

    open_pair(&pair, PAGE);
    assert(!pthread_create(&guest, NULL, run_guest, &pair.guest));
    run_party(&pair.dom0, MANY);
    assert(!pthread_join(guest, NULL));
    assert_int_equal(pair.dom0.resets + pair.guest.resets, 0);
    close_pair(&pair);
}

static pid_t start_guest(struct pair *pair, uint32_t messages)
{
    pid_t pid = fork();

    assert(pid >= 0);
    if (pid)
        return pid;
    begin_party(&pair->guest, pair->guest_view, pair->bytes, RING_GUEST);
    run_party(&pair->guest, messages);
    _exit(0);
}

/* Killed wherever it is, and started again: the other end goes on with the next one. */
static void test_killed(void **state)
{
    struct pair pair;
    int status;
    pid_t pid;

    open_pair(&pair, PAGE);
    for (uint32_t i = 0; i < RESTARTS; i++) {
        pid = start_guest(&pair, UINT32_MAX);
        /* It is there: from now on only its messages come. */
        for (uint32_t before = pair.dom0.resets; i && pair.dom0.resets == before;)
            if (!party_receive(&pair.dom0))
                sched_yield();
        while (pair.dom0.received < 50 + next_random(&pair.random) % 50) {
            party_send(&pair.dom0);
            if (!party_receive(&pair.dom0))
                sched_yield();
        }
        assert(!kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    }
    assert_int_equal(pair.dom0.resets, RESTARTS - 1);
    begin_party(&pair.dom0, pair.dom0_view, pair.bytes, RING_DOM0);
    pid = start_guest(&pair, MANY);
    run_party(&pair.dom0, MANY);
    assert(waitpid(pid, &status, 0) == pid && status == 0);
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_one_message),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_stranger),
        cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_restart_is_told_once),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_killed),
    };

    return RUN_TESTS("ring", tests);
}
