/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Segments and attachments: names, epochs, order, and what the pool shows of them. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "guest.h"
#include "opening.h"
#include "segment.h"

struct fixture {
    struct segments segments;
    struct guests guests;
    struct state_pool pool;
};

static int setup(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){ .pool.frames = { mfn(0x7ff00), 256 } };
    segments_init(&fixture.segments);
    guests_init(&fixture.guests);
    strcpy(fixture.pool.name, "pool");
    assert_int_equal(pool_new(fixture.pool.frames, &fixture.pool.pool), 0);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    segments_clear(&fixture->segments);
    guests_clear(&fixture->guests);
    pool_free(fixture->pool.pool);
    return 0;
}

static struct segment *make_segment(struct fixture *fixture, const char *name, uint64_t pages)
{
    struct segment *segment;

    assert_int_equal(segment_new(&fixture->segments, name, &segment), 0);
    segment->pool = &fixture->pool;
    assert_int_equal(pool_allocate(fixture->pool.pool, pages, 1, segment, &segment->run), 0);
    return segment;
}

static struct attachment *make_attachment(struct fixture *fixture, struct segment *segment,
                                          uint32_t domid, uint64_t first)
{
    struct domain_identity identity = { .domid = domid, .uuid = { (uint8_t)domid } };
    struct attachment *attachment;
    struct guest *guest;

    assert_int_equal(guest_expect(&fixture->guests, &identity, &guest), 0);
    assert_int_equal(attachment_new(&fixture->segments, segment, &identity, &attachment), 0);
    attachment->first = gfn(first);
    attachment_set_guest(attachment, guest);
    return attachment;
}

static void test_find(void **state)
{
    struct fixture *fixture = *state;
    char too_long[PARAMS_NAME_MAX + 2];
    char name[16];

    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    assert_null(segment_find(&fixture->segments, "a"));
    assert_null(segment_find(&fixture->segments, too_long));
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "s%d", i * 37 % 100);
        make_segment(fixture, name, 1);
    }
    assert_int_equal(fixture->segments.count, 100);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        assert_string_equal(segment_find(&fixture->segments, name)->name, name);
    }
    too_long[PARAMS_NAME_MAX] = '\0';
    make_segment(fixture, too_long, 1);
    assert_non_null(segment_find(&fixture->segments, too_long));
    assert_null(segment_find(&fixture->segments, "s100"));
    assert_null(segment_find(&fixture->segments, ""));
}

/* In the order of their names, each once. */
static void test_order(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = { "b", "a", "c", "B", "aa", "9", "a-1", "a.1" };
    struct segment *segment, *next;
    size_t count = 1;

    for (size_t i = 0; i < ELEMENTS(names); i++)
        make_segment(fixture, names[i], 1);
    for (segment = segment_first(&fixture->segments); (next = segment_next(segment));
         segment = next, count++)
        assert_true(strcmp(segment->name, next->name) < 0);
    assert_int_equal(count, ELEMENTS(names));
}

static void test_removal_frees_the_pages(void **state)
{
    struct fixture *fixture = *state;
    struct segment *segment = make_segment(fixture, "a", 256);

    assert_int_equal(pool_free_pages(fixture->pool.pool), 0);
    segment_remove(&fixture->segments, segment);
    assert_int_equal(pool_free_pages(fixture->pool.pool), 256);
    assert_int_equal(fixture->segments.count, 0);
    assert_int_equal(segment_new(&fixture->segments, "b", &segment), 0);
    segment_remove(&fixture->segments, segment); /* one that never had any */
}

/* Epochs grow, however fast, and past what an earlier daemon has given. */
static void test_epochs(void **state)
{
    struct fixture *fixture = *state;
    uint64_t last = 0;
    char name[16];

    for (int i = 0; i < 200; i++) {
        struct segment *segment;

        if (i == 100)
            fixture->segments.last_epoch = last += UINT64_C(1) << 60;
        snprintf(name, sizeof(name), "s%d", i);
        assert_int_equal(segment_new(&fixture->segments, name, &segment), 0);
        assert_true(segment->epoch > last);
        last = segment->epoch;
    }
}

static void expect_name(struct fixture *fixture, const char *guest, const char *expected)
{
    char name[PARAMS_NAME_MAX + 1];

    segment_default_name(&fixture->segments, guest, name);
    assert_string_equal(name, expected);
    assert_true(params_name_valid(name));
}

static void test_default_names(void **state)
{
    struct fixture *fixture = *state;
    char long_name[DOMAIN_NAME_MAX], expected[PARAMS_NAME_MAX + 1];

    expect_name(fixture, "guest", "guest-0");
    make_segment(fixture, "guest-0", 1);
    make_segment(fixture, "guest-1", 1);
    make_segment(fixture, "guest-3", 1);
    expect_name(fixture, "guest", "guest-2");
    expect_name(fixture, "a b/c", "a_b_c-0");
    expect_name(fixture, "\xc3\xa4x", "g_x-0");
    expect_name(fixture, ".hidden", "ghidden-0");
    expect_name(fixture, "", "g0");
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    snprintf(expected, sizeof(expected), "%.52s-0", long_name);
    expect_name(fixture, long_name, expected);
}

/* Names that differ only in what is replaced or cut off do not end up the same. */
static void test_default_names_differ(void **state)
{
    struct fixture *fixture = *state;

    expect_name(fixture, "a b", "a_b-0");
    make_segment(fixture, "a_b-0", 1);
    expect_name(fixture, "a/b", "a_b-1");
}

static void test_attachments(void **state)
{
    struct fixture *fixture = *state;
    struct segment *segment = make_segment(fixture, "s", 4);
    struct attachment *one = make_attachment(fixture, segment, 1, 0x3a000);
    struct attachment *two = make_attachment(fixture, segment, 2, 0x3b000);

    assert_int_equal(segment->attachment_count, 2);
    assert_int_equal(fixture->segments.attachment_count, 2);
    assert_ptr_equal(segment_attachment(segment, one->guest), one);
    assert_ptr_equal(segment_attachment(segment, two->guest), two);
    assert_int_equal(attachment_frames(two).first.v, 0x3b000);
    assert_int_equal(attachment_frames(two).count, 4);
    attachment_remove(&fixture->segments, one);
    assert_int_equal(segment->attachment_count, 1);
    assert_int_equal(fixture->segments.attachment_count, 1);
    attachment_remove(&fixture->segments, two);
    assert_true(TAILQ_EMPTY(&segment->attachments));
}

/* A guest's attachments are in the order of their addresses, in whatever order they came. */
static void test_guest_order(void **state)
{
    struct fixture *fixture = *state;
    struct attachment *attachment, *next;
    struct guest *guest = NULL;
    char name[16];

    for (uint64_t i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "s%d", (int)i);
        attachment =
            make_attachment(fixture, make_segment(fixture, name, 1), 1, 0x3a000 + i * 31 % 50);
        guest = attachment->guest;
    }
    TAILQ_FOREACH(attachment, &guest->attachments, guest_link) {
        next = TAILQ_NEXT(attachment, guest_link);
        assert_true(!next || attachment->first.v < next->first.v);
    }
    attachment_set_guest(TAILQ_FIRST(&guest->attachments), NULL);
    assert_int_equal(TAILQ_FIRST(&guest->attachments)->first.v, 0x3a001);
}

/* Quarantined is a segment only when nobody has it in good order, and never one that is kept. */
static void test_quarantine(void **state)
{
    struct fixture *fixture = *state;
    struct segment *segment = make_segment(fixture, "s", 4);
    struct attachment *one = make_attachment(fixture, segment, 1, 0x3a000);
    struct attachment *two = make_attachment(fixture, segment, 2, 0x3a000);

    one->state = two->state = ATTACHMENT_ATTACHED;
    segment_mark_run(segment);
    assert_false(segment_quarantined(segment));
    one->state = ATTACHMENT_QUARANTINED;
    segment_mark_run(segment);
    assert_false(segment_quarantined(segment));
    assert_int_equal(pool_run_state(segment->run), POOL_USED);
    two->state = ATTACHMENT_QUARANTINED;
    segment->kept = true;
    segment_mark_run(segment);
    assert_false(segment_quarantined(segment));
    assert_int_equal(pool_run_state(segment->run), POOL_USED);
    segment->kept = false;
    segment_mark_run(segment);
    assert_true(segment_quarantined(segment));
    assert_int_equal(pool_run_state(segment->run), POOL_QUARANTINED);
    attachment_remove(&fixture->segments, one);
    attachment_remove(&fixture->segments, two);
    segment_remove(&fixture->segments, segment);
    assert_int_equal(pool_free_pages(fixture->pool.pool), 256);
}

/* What a program has open stays, whichever guests come and go; what is left of it, too. */
static void test_openings(void **state)
{
    struct fixture *fixture = *state;
    struct segments *segments = &fixture->segments;
    struct segment *segment = make_segment(fixture, "s", 1);
    struct attachment *attachment = make_attachment(fixture, segment, 1, 0x3a000);
    struct process process = { 4711, 99 };
    struct opener one, other;
    struct opening *opening, *second;

    opener_init(&one, 3);
    opener_init(&other, 4);
    attachment->state = ATTACHMENT_QUARANTINED;
    assert_true(segment_unused_but(segment, attachment));
    assert_false(segment_unused_but(segment, NULL));
    assert_true(segment_quarantined(segment));
    assert_int_equal(opening_new(segments, segment, &one, &process, &opening), 0);
    assert_false(segment_unused_but(segment, attachment));
    assert_false(segment_quarantined(segment));
    assert_ptr_equal(opening_find(segment, &one), opening);
    assert_null(opening_find(segment, &other));
    assert_null(opening_find_left(segment, &process));
    opening_set_opener(segments, opening, NULL);
    assert_int_equal(one.count, 0);
    assert_null(opening_find(segment, &one));
    assert_ptr_equal(opening_find_left(segment, &process), opening);
    opening->over = true;
    assert_null(opening_find_left(segment, &process));
    assert_int_equal(opening_new(segments, segment, &other, &process, &second), 0);
    assert_int_equal(segment->opening_count, 2);
    assert_int_equal(segments->opening_count, 2);
    process.started++;
    assert_null(opening_find_left(segment, &process));
    opening_remove(segments, opening);
    assert_int_equal(other.count, 1);
    opening_remove(segments, second);
    assert_int_equal(other.count, 0);
    assert_int_equal(segments->opening_count, 0);
    attachment_remove(segments, attachment);
    assert_true(segment_unused_but(segment, NULL));
    segment->kept = true;
    assert_false(segment_unused_but(segment, NULL));
    /* One that nobody ends goes with the segments. */
    assert_int_equal(opening_new(segments, segment, NULL, &process, &opening), 0);
}

static void test_states(void **state)
{
    enum attachment_state parsed;

    for (int i = ATTACHMENT_ATTACHING; i <= ATTACHMENT_QUARANTINED; i++) {
        assert_int_equal(attachment_state_parse(attachment_state_name(i), &parsed), 0);
        assert_int_equal(parsed, i);
    }
    assert_true(attachment_state_parse("", &parsed) < 0);
    assert_true(attachment_state_parse("ATTACHED", &parsed) < 0);
    assert_true(attachment_state_parse("attached ", &parsed) < 0);
}

static void test_out_of_memory(void **state)
{
    struct fixture *fixture = *state;
    struct domain_identity identity = { .domid = 7 };
    struct segment *segment = NULL;
    struct attachment *attachment = NULL;
    struct guest *guest = NULL;
    struct process process = { 1, 1 };
    struct opening *opening = NULL;

    fault_after(0);
    assert_true(segment_new(&fixture->segments, "s", &segment) < 0);
    assert_true(fault_end());
    assert_null(segment);
    assert_int_equal(fixture->segments.count, 0);
    segment = make_segment(fixture, "s", 1);
    fault_after(0);
    assert_true(attachment_new(&fixture->segments, segment, &identity, &attachment) < 0);
    assert_true(fault_end());
    assert_int_equal(segment->attachment_count, 0);
    fault_after(0);
    assert_true(opening_new(&fixture->segments, segment, NULL, &process, &opening) < 0);
    assert_true(fault_end());
    assert_int_equal(segment->opening_count, 0);
    fault_after(0);
    assert_true(guest_expect(&fixture->guests, &identity, &guest) < 0);
    assert_true(fault_end());
    assert_null(guest);
    assert_int_equal(fixture->guests.count, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_find),        TEST(test_order),         TEST(test_removal_frees_the_pages),
        TEST(test_epochs),      TEST(test_default_names), TEST(test_default_names_differ),
        TEST(test_attachments), TEST(test_guest_order),   TEST(test_quarantine),
        TEST(test_states),      TEST(test_out_of_memory), TEST(test_openings),
    };

    return RUN_TESTS("segment", tests);
}
