/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events: numbers without gaps, who gets which, and what becomes of those that fall behind. */
#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "fault.h"

#define BACKLOG (256 * 1024)

/* A listener that takes everything at once, or nothing. */
struct listener {
    struct subscriber subscriber;
    bool idle;           /* takes nothing by itself */
    bool leaves;         /* unsubscribes when it is called; an idle one when it is cut off */
    size_t calls;        /* of deliver */
    size_t count;        /* of lines taken */
    uint64_t numbers[8]; /* of the last lines taken, by count */
    char last[512];      /* the last line taken */
};

static uint64_t number_of(const char *line)
{
    return strtoull(strstr(line, "\"seq\":") + strlen("\"seq\":"), NULL, 10);
}

static bool take(struct listener *listener)
{
    size_t length;
    const char *line = events_next(&listener->subscriber, &length);

    if (!line)
        return false;
    snprintf(listener->last, sizeof(listener->last), "%.*s", (int)length, line);
    listener->numbers[listener->count++ % ELEMENTS(listener->numbers)] = number_of(listener->last);
    events_take(&listener->subscriber);
    return true;
}

static void on_delivery(struct subscriber *subscriber)
{
    struct listener *listener = subscriber->context;

    listener->calls++;
    if (listener->leaves && (!listener->idle || subscriber->missed))
        events_unsubscribe(subscriber);
    while (!listener->idle && take(listener))
        ;
}

static void subscribe(struct events *events, struct listener *listener, events_set types)
{
    listener->subscriber.deliver = on_delivery;
    listener->subscriber.context = listener;
    events_subscribe(events, &listener->subscriber, types);
}

static void emit(struct events *events, const char *type)
{
    events_emit(events, type, json_pack("{s:s}", "name", "x"));
}

/* About as many bytes as given. */
static void emit_large(struct events *events, const char *type, size_t size)
{
    char *text = test_malloc(size + 1);

    memset(text, 'x', size);
    text[size] = '\0';
    events_emit(events, type, json_pack("{s:s}", "name", text));
    test_free(text);
}

static void assert_empty(const struct events *events)
{
    assert_true(TAILQ_EMPTY(&events->lines));
    assert_int_equal(events->backlog, 0);
}

static void test_types(void **state)
{
    static const char *const unknown[] = { "", "overflow", "segment", "segment.freed ", "x" };
    events_set all = 0;

#define CHECK_TYPE(name, text)                                                                     \
    assert_true(events_type(name) != 0 && (events_type(name) & all) == 0);                         \
    assert_true(strlen(text) > 0);                                                                 \
    all |= events_type(name);
    EVENTS_TYPES(CHECK_TYPE)
#undef CHECK_TYPE
    for (size_t i = 0; i < ELEMENTS(unknown); i++)
        assert_int_equal(events_type(unknown[i]), 0);
}

static void test_counts_without_listeners(void **state)
{
    struct events events;

    events_init(&events);
    assert_false(events_wanted(&events));
    for (size_t i = 0; i < 5; i++)
        emit(&events, "segment.freed");
    events_emit(&events, "segment.freed", NULL);
    assert_int_equal(events.seq, 6);
    assert_empty(&events);
}

/* So that whoever has no use for events need not set them up. */
static void test_zeroed_ones_count(void **state)
{
    struct events events = { 0 };

    emit(&events, "segment.freed");
    assert_int_equal(events.seq, 1);
    assert_false(events_wanted(&events));
}

static void test_line(void **state)
{
    struct listener listener = { 0 };
    struct events events;
    const char *type, *object, *time;
    int year, month, day, hour, minute, second, thousandth;
    json_t *value;
    json_int_t seq;

    events_init(&events);
    subscribe(&events, &listener, EVENTS_ALL);
    assert_true(events_wanted(&events));
    emit(&events, "segment.freed");
    assert_string_equal(strchr(listener.last, '\n'), "\n");
    value = json_loads(listener.last, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_unpack(value, "{s:s, s:s, s:{s:I, s:s, s:s, s:{s:s !} !} !}", "jsonrpc",
                                 &type, "method", &object, "params", "seq", &seq, "type", &type,
                                 "time", &time, "object", "name", &object),
                     0);
    assert_int_equal(seq, 1);
    assert_string_equal(type, "segment.freed");
    assert_string_equal(object, "x");
    assert_int_equal(sscanf(time, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &year, &month, &day, &hour,
                            &minute, &second, &thousandth),
                     7);
    assert_int_equal(strlen(time), strlen("2026-01-01T00:00:00.000Z"));
    json_decref(value);
    events_emit(&events, "segment.freed", NULL);
    assert_non_null(strstr(listener.last, "\"object\":null}}\n"));
    events_unsubscribe(&listener.subscriber);
    assert_false(events_wanted(&events));
    assert_empty(&events);
}

static void test_choice(void **state)
{
    struct listener one = { 0 }, both = { 0 }, none = { 0 };
    struct events events;

    events_init(&events);
    subscribe(&events, &one, events_type("segment.freed"));
    subscribe(&events, &both, events_type("segment.freed") | events_type("order.failed"));
    subscribe(&events, &none, events_type("config.reloaded"));
    emit(&events, "segment.freed");
    emit(&events, "order.failed");
    emit(&events, "segment.clash");
    emit(&events, "segment.freed");
    assert_int_equal(one.count, 2);
    assert_int_equal(one.numbers[1], 4);
    assert_int_equal(both.count, 3);
    assert_int_equal(both.numbers[1], 2);
    assert_int_equal(none.calls, 0);
    /* Again: instead of the earlier choice. */
    subscribe(&events, &one, events_type("order.failed"));
    emit(&events, "segment.freed");
    emit(&events, "order.failed");
    assert_int_equal(one.count, 3);
    assert_int_equal(one.numbers[2], 6);
    assert_empty(&events);
    events_unsubscribe(&one.subscriber);
    events_unsubscribe(&one.subscriber);
    emit(&events, "order.failed");
    assert_int_equal(one.count, 3);
    assert_int_equal(both.count, 6);
}

/* A line stays until the last of those that it is for has taken it. */
static void test_taken_later(void **state)
{
    struct listener quick = { 0 }, slow = { .idle = true }, choosy = { .idle = true };
    struct events events;

    events_init(&events);
    subscribe(&events, &quick, EVENTS_ALL);
    subscribe(&events, &slow, EVENTS_ALL);
    subscribe(&events, &choosy, events_type("order.failed"));
    emit(&events, "segment.freed");
    emit(&events, "order.failed");
    emit(&events, "segment.freed");
    emit(&events, "order.failed");
    assert_int_equal(quick.count, 4);
    for (uint64_t n = 1; n <= 2; n++) {
        assert_true(take(&choosy));
        assert_int_equal(choosy.numbers[n - 1], 2 * n);
    }
    assert_false(take(&choosy));
    for (uint64_t n = 1; n <= 4; n++) {
        assert_true(take(&slow));
        assert_int_equal(slow.numbers[n - 1], n);
    }
    assert_false(take(&slow));
    assert_empty(&events);
}

static void test_leaving_with_lines_waiting(void **state)
{
    struct listener one = { .idle = true }, other = { .idle = true };
    struct events events;

    events_init(&events);
    subscribe(&events, &one, EVENTS_ALL);
    emit(&events, "segment.freed");
    subscribe(&events, &other, EVENTS_ALL);
    emit(&events, "segment.freed");
    events_unsubscribe(&one.subscriber);
    assert_true(take(&other));
    assert_int_equal(other.numbers[0], 2);
    assert_empty(&events);
    /* A new choice begins with the next event. */
    emit(&events, "segment.freed");
    subscribe(&events, &other, EVENTS_ALL);
    assert_false(take(&other));
    assert_empty(&events);
}

static void test_leaving_on_delivery(void **state)
{
    struct listener listeners[5];
    struct events events;

    events_init(&events);
    memset(listeners, 0, sizeof(listeners));
    for (size_t i = 0; i < ELEMENTS(listeners); i++) {
        listeners[i].leaves = i % 2 == 0;
        subscribe(&events, &listeners[i], EVENTS_ALL);
    }
    emit(&events, "segment.freed");
    emit(&events, "segment.freed");
    for (size_t i = 0; i < ELEMENTS(listeners); i++) {
        assert_int_equal(listeners[i].calls, i % 2 == 0 ? 1 : 2);
        assert_int_equal(listeners[i].count, i % 2 == 0 ? 0 : 2);
    }
    assert_empty(&events);
}

static void assert_overflow(struct listener *listener, uint64_t missed)
{
    size_t length;
    char *line;

    assert_int_equal(listener->subscriber.missed, missed);
    assert_false(take(listener));
    line = events_overflow_line(&listener->subscriber, &length);
    assert_non_null(line);
    assert_int_equal(length, strlen(line));
    assert_int_equal(number_of(line), missed);
    assert_non_null(strstr(line, "\"type\":\"overflow\""));
    assert_string_equal(strchr(line, '\n'), "\n");
    free(line);
}

static void test_too_far_behind(void **state)
{
    struct listener slow = { .idle = true }, later = { .idle = true }, quick = { 0 };
    struct listener leaves = { .idle = true, .leaves = true };
    struct events events;
    uint64_t most;

    events_init(&events);
    events.backlog_max = BACKLOG;
    subscribe(&events, &slow, EVENTS_ALL);
    subscribe(&events, &leaves, EVENTS_ALL);
    subscribe(&events, &quick, EVENTS_ALL);
    emit_large(&events, "segment.freed", 1000);
    most = BACKLOG / events.backlog;
    assert_true(take(&slow));
    for (uint64_t n = 2; n < most; n++)
        emit_large(&events, "segment.freed", 1000);
    subscribe(&events, &later, EVENTS_ALL);
    assert_int_equal(slow.subscriber.missed, 0);
    while (!slow.subscriber.missed) {
        emit_large(&events, "segment.freed", 1000);
        assert_true(events.backlog <= BACKLOG);
    }
    assert_overflow(&slow, 2);
    assert_null(leaves.subscriber.events);
    assert_int_equal(later.subscriber.missed, 0);
    /* It gets nothing any more; the others do. */
    slow.calls = 0;
    emit(&events, "segment.freed");
    assert_int_equal(slow.calls, 0);
    assert_int_equal(quick.count, events.seq);
    while (take(&later))
        ;
    assert_int_equal(later.count, events.seq - (most - 1));
    assert_empty(&events);
    /* It may begin again. */
    subscribe(&events, &slow, EVENTS_ALL);
    emit(&events, "segment.freed");
    assert_true(take(&slow));
    assert_true(take(&later));
    assert_empty(&events);
}

/* One that is larger than all that may wait reaches those who are not behind. */
static void test_a_very_large_one(void **state)
{
    struct listener behind = { .idle = true }, idle = { .idle = true }, quick = { 0 };
    struct events events;

    events_init(&events);
    events.backlog_max = BACKLOG;
    subscribe(&events, &behind, EVENTS_ALL);
    subscribe(&events, &quick, EVENTS_ALL);
    emit(&events, "segment.freed");
    subscribe(&events, &idle, EVENTS_ALL);
    emit_large(&events, "segment.freed", 2 * BACKLOG);
    assert_int_equal(quick.count, 2);
    assert_overflow(&behind, 1);
    assert_int_equal(idle.subscriber.missed, 0);
    assert_true(take(&idle));
    assert_int_equal(idle.numbers[0], 2);
    assert_empty(&events);
}

/* Whichever allocation fails: the event comes, without its object if need be, or is missed. */
static void test_no_memory(void **state)
{
    long successes = 0;
    bool hit;

    do {
        struct listener listener = { 0 }, behind = { .idle = true };
        struct listener other = { 0 };
        struct events events;
        json_t *object = json_pack("{s:s}", "name", "x");

        events_init(&events);
        subscribe(&events, &behind, EVENTS_ALL);
        emit(&events, "segment.freed");
        subscribe(&events, &listener, EVENTS_ALL);
        subscribe(&events, &other, events_type("order.failed"));
        fault_after(successes++);
        events_emit(&events, "segment.freed", object);
        hit = fault_end();
        assert_int_equal(events.seq, 2);
        assert_int_equal(other.subscriber.missed, 0);
        if (listener.count) {
            assert_int_equal(listener.numbers[0], 2);
            assert_int_equal(behind.subscriber.missed, 0);
        } else {
            assert_true(hit);
            assert_overflow(&listener, 2);
            assert_overflow(&behind, 1);
        }
        events_unsubscribe(&behind.subscriber);
        assert_empty(&events);
    } while (hit);
    assert_true(successes > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_counts_without_listeners),
        cmocka_unit_test(test_zeroed_ones_count),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_taken_later),
        cmocka_unit_test(test_leaving_with_lines_waiting),
        cmocka_unit_test(test_leaving_on_delivery),
        cmocka_unit_test(test_too_far_behind),
        cmocka_unit_test(test_a_very_large_one),
        cmocka_unit_test(test_no_memory),
    };

    return RUN_TESTS("events", tests);
}
