/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the example programs say of their messages is true. Between two of them, each with a ring of
 * its own, stands somebody who loses, changes, repeats or reorders what he hands on.
 */
#include "shared.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "exchange.h"

#define MESSAGES 200u
#define VICTIM 50u /* which message something happens to */

enum fault { NONE, LOSE, CHANGE, REPEAT, SWAP, SHORTEN };

struct end {
    struct ring program, relay;
    struct exchange exchange;
    volatile uint8_t *views[2];
    pthread_t thread;
    int fd, status;
};

static atomic_uint ended;

static void *run(void *argument)
{
    struct end *end = argument;

    end->status = exchange_run(&end->exchange, &end->program);
    atomic_fetch_add(&ended, 1);
    return NULL;
}

static void begin(struct end *end, const char *name, enum ring_side side)
{
    *end = (struct end){ .fd = new_memory(PAGE) };
    end->views[0] = view(end->fd, PAGE);
    end->views[1] = view(end->fd, PAGE);
    assert(!ring_init(&end->program, end->views[0], PAGE, side));
    assert(!ring_init(&end->relay, end->views[1], PAGE, !side));
    end->exchange =
        (struct exchange){ .program = name, .messages = MESSAGES, .patience = 60, .stop_fd = -1 };
    assert(!pthread_create(&end->thread, NULL, run, end));
}

static void finish(struct end *end)
{
    assert(!pthread_join(end->thread, NULL));
    drop_view(end->views[0], PAGE);
    drop_view(end->views[1], PAGE);
    close(end->fd);
}

/* One message on its way, and the one before it. */
struct relay {
    uint8_t message[600], before[600];
    uint32_t length, length_before, count;
    bool full;
};

static void hand_on(struct end *to, const uint8_t *message, uint32_t length)
{
    int r;

    while ((r = ring_send(&to->relay, message, length)) == -EAGAIN && atomic_load(&ended) < 2)
        sched_yield();
    assert(!r || r == -EAGAIN);
}

static void relay(struct end *from, struct end *to, struct relay *relay, enum fault fault)
{
    bool now;

    if (ring_receive(&from->relay, relay->message, sizeof(relay->message), &relay->length))
        return;
    now = relay->count++ == VICTIM;
    if (now && fault == LOSE)
        return;
    if (now && fault == CHANGE)
        relay->message[relay->length - 1] ^= 1;
    if (now && fault == SHORTEN)
        relay->length = 7;
    if (fault == SWAP && now) {
        memcpy(relay->before, relay->message, relay->length);
        relay->length_before = relay->length;
        return;
    }
    hand_on(to, relay->message, relay->length);
    if (now && fault == REPEAT)
        hand_on(to, relay->message, relay->length);
    if (fault == SWAP && relay->count == VICTIM + 2)
        hand_on(to, relay->before, relay->length_before);
}

/* The exchange of the side whose messages were tampered with, and its exit status. */
static struct exchange tamper(enum fault fault, int *ret_status)
{
    struct relay there = {}, back = {};
    struct end left, right;

    atomic_store(&ended, 0);
    begin(&left, "# left", RING_DOM0);
    begin(&right, "# right", RING_GUEST);
    while (atomic_load(&ended) < 2) {
        relay(&left, &right, &there, fault);
        relay(&right, &left, &back, NONE);
        sched_yield();
    }
    finish(&left);
    finish(&right);
    assert_int_equal(left.status, 0);
    *ret_status = right.status;
    return right.exchange;
}

static void test_faults(void **state)
{
    static const struct {
        enum fault fault;
        uint32_t lost, torn, repeated;
    } cases[] = {
        { NONE, 0, 0, 0 },   { LOSE, 1, 0, 0 }, { CHANGE, 0, 1, 0 },
        { REPEAT, 0, 0, 1 }, { SWAP, 1, 0, 1 }, { SHORTEN, 0, 1, 0 },
    };

    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        int status;
        struct exchange exchange = tamper(cases[i].fault, &status);

        assert_int_equal(exchange.lost, cases[i].lost);
        assert_int_equal(exchange.torn, cases[i].torn);
        assert_int_equal(exchange.repeated, cases[i].repeated);
        assert_int_equal(exchange.sent, MESSAGES);
        assert_int_equal(exchange.received, MESSAGES);
        assert_int_equal(status, cases[i].fault != NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
    };

    return RUN_TESTS("exchange", tests);
}
