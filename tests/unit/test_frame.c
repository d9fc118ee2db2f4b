/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Framing against its enemies: limits from both sides, one byte at a time, lines cut anywhere,
 * many lines at once. All data goes in through frame_reserve() as a reader would do it.
 */
#include "test.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

#define SMALL_LIMIT 10

/* Gives as many bytes as there is room for, at most `chunk`; returns how many. */
static size_t feed(struct frame *frame, const char *data, size_t size, size_t chunk)
{
    char *buffer;
    size_t room;

    assert_int_equal(frame_reserve(frame, chunk, &buffer, &room), 0);
    if (room > chunk)
        room = chunk;
    if (room > size)
        room = size;
    memcpy(buffer, data, room);
    frame_received(frame, room);
    return room;
}

static void feed_all(struct frame *frame, const char *data, size_t size)
{
    assert_int_equal(feed(frame, data, size, size), size);
}

static void assert_line(struct frame *frame, const char *expected)
{
    size_t length;
    char *line;

    assert_int_equal(frame_next(frame, &line, &length), 0);
    assert_non_null(line);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(line, expected, length);
}

static void assert_no_line(struct frame *frame)
{
    size_t length = 99;
    char *line = (char *)"";

    assert_int_equal(frame_next(frame, &line, &length), 0);
    assert_null(line);
    assert_int_equal(length, 0);
}

static void assert_too_long(struct frame *frame)
{
    size_t length;
    char *line;

    assert_int_equal(frame_next(frame, &line, &length), FRAME_E_TOO_LONG);
}

static void test_empty(void **state)
{
    struct frame frame;
    char *buffer;
    size_t room;

    frame_init(&frame, SMALL_LIMIT);
    assert_no_line(&frame);
    assert_int_equal(frame_reserve(&frame, 0, &buffer, &room), 0);
    frame_received(&frame, 0);
    assert_no_line(&frame);
    frame_clear(&frame);
    frame_clear(&frame);
}

static void test_many_lines_at_once(void **state)
{
    struct frame frame;

    frame_init(&frame, XENSHM_LINE_MAX);
    feed_all(&frame, "one\n\ntwo\r\n\nthree", 16);
    assert_line(&frame, "one");
    assert_line(&frame, "");
    assert_line(&frame, "two\r");
    assert_line(&frame, "");
    assert_no_line(&frame);
    assert_no_line(&frame);
    feed_all(&frame, "!\n", 2);
    assert_line(&frame, "three!");
    assert_no_line(&frame);
    frame_clear(&frame);
}

static void test_one_byte_at_a_time(void **state)
{
    static const char text[] = "abc\n\ndefghijklm\n";
    struct frame frame;
    unsigned lines = 0;

    frame_init(&frame, SMALL_LIMIT);
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        feed_all(&frame, text + i, 1);
        if (text[i] != '\n')
            assert_no_line(&frame);
        else
            assert_line(&frame, lines == 0 ? "abc" : lines == 1 ? "" : "defghijklm");
        lines += text[i] == '\n';
    }
    assert_int_equal(lines, 3);
    frame_clear(&frame);
}

/* Bytes are data: NUL and everything above 127 pass. */
static void test_binary(void **state)
{
    static const char text[] = "a\0b\xff\xc3\n";
    struct frame frame;
    size_t length;
    char *line;

    frame_init(&frame, SMALL_LIMIT);
    feed_all(&frame, text, sizeof(text) - 1);
    assert_int_equal(frame_next(&frame, &line, &length), 0);
    assert_int_equal(length, 5);
    assert_memory_equal(line, text, 5);
    frame_clear(&frame);
}

/* Exactly the limit passes, in one piece and byte by byte; one more does not. */
static void check_limit(size_t limit, size_t length, size_t chunk)
{
    char *text = malloc(length + 1);
    struct frame frame;
    size_t done = 0, fed = 1;

    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\n';
    frame_init(&frame, limit);
    while (done < length + 1 && fed > 0) {
        fed = feed(&frame, text + done, length + 1 - done, chunk);
        done += fed;
        if (done <= limit && done <= length)
            assert_no_line(&frame);
    }
    assert_true(frame.size <= limit + 1);
    if (length > limit) {
        assert_too_long(&frame);
        assert_too_long(&frame); /* and stays so */
    } else {
        text[length] = '\0';
        assert_line(&frame, text);
    }
    frame_clear(&frame);
    free(text);
}

static void test_limits(void **state)
{
    static const size_t limits[] = { 1, 2, SMALL_LIMIT, 4094, 4095, 4096, 4097, 8191, 8192, 10000 };
    static const size_t chunks[] = { 1, 2, 3, 4095, 4096, 65536 };

    for (size_t l = 0; l < ELEMENTS(limits); l++)
        for (size_t c = 0; c < ELEMENTS(chunks); c++)
            for (size_t length = limits[l] - 1; length <= limits[l] + 2; length++)
                check_limit(limits[l], length, chunks[c]);
    check_limit(XENSHM_LINE_MAX, XENSHM_LINE_MAX, 5000);
    check_limit(XENSHM_LINE_MAX, XENSHM_LINE_MAX + 1, 5000);
}

/* A reader that asks for far more than the limit gets what the limit allows. */
static void test_room_is_bounded(void **state)
{
    struct frame frame;
    char *buffer;
    size_t room;

    frame_init(&frame, 100000);
    assert_int_equal(frame_reserve(&frame, SIZE_MAX, &buffer, &room), 0);
    assert_int_equal(room, 100001);
    memset(buffer, 'x', room);
    frame_received(&frame, room);
    assert_int_equal(frame_reserve(&frame, SIZE_MAX, &buffer, &room), 0);
    assert_int_equal(room, 0);
    assert_too_long(&frame);
    frame_clear(&frame);
}

/* What an earlier line took does not count against the limit of the next. */
static void test_limit_behind_other_lines(void **state)
{
    struct frame frame;

    frame_init(&frame, SMALL_LIMIT);
    for (unsigned i = 0; i < 1000; i++) {
        feed_all(&frame, "abc\n12345", 9);
        assert_line(&frame, "abc");
        assert_no_line(&frame);
        feed_all(&frame, "67890\n", 6);
        assert_line(&frame, "1234567890");
        assert_no_line(&frame);
    }
    frame_clear(&frame);
}

/* Lines that are handed out stay as they are until the next reserve. */
static void test_lines_stay_valid(void **state)
{
    struct frame frame;
    size_t a_length, b_length;
    char *a, *b;

    frame_init(&frame, SMALL_LIMIT);
    feed_all(&frame, "aaa\nbbb\nc", 9);
    assert_int_equal(frame_next(&frame, &a, &a_length), 0);
    assert_int_equal(frame_next(&frame, &b, &b_length), 0);
    assert_no_line(&frame);
    assert_memory_equal(a, "aaa", 3);
    assert_memory_equal(b, "bbb", 3);
    frame_clear(&frame);
}

/* An idle connection does not keep the buffer of its largest message. */
static void test_large_buffer_is_given_back(void **state)
{
    static char text[100001];
    struct frame frame;
    char *line, *buffer;
    size_t length, room;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\n';
    frame_init(&frame, XENSHM_LINE_MAX);
    feed_all(&frame, text, sizeof(text));
    assert_int_equal(frame_next(&frame, &line, &length), 0);
    assert_int_equal(length, sizeof(text) - 1);
    assert_int_equal(frame_reserve(&frame, 1, &buffer, &room), 0);
    assert_true(frame.size <= 4096);
    assert_int_equal(frame.limit, XENSHM_LINE_MAX);
    frame_clear(&frame);
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16;
}

/* Drains the frame, counting lines; each must be the next one of the numbered stream. */
static void drain(struct frame *frame, unsigned *line_number)
{
    size_t length;
    char *line;

    for (;;) {
        assert_int_equal(frame_next(frame, &line, &length), 0);
        if (!line)
            return;
        assert_int_equal(length, *line_number * 7 % 50);
        for (size_t i = 0; i < length; i++)
            assert_int_equal(line[i], 'a' + (int)(*line_number % 26));
        ++*line_number;
    }
}

/* 2,000 lines of all lengths, received in pieces of every size, come out as they went in. */
static void test_random_pieces(void **state)
{
    static char stream[2000 * 51];
    size_t size = 0;

    for (unsigned i = 0; i < 2000; i++) {
        memset(stream + size, 'a' + (int)(i % 26), i * 7 % 50);
        size += i * 7 % 50;
        stream[size++] = '\n';
    }
    for (unsigned seed = 1; seed <= 50; seed++) {
        unsigned random = seed, lines = 0;
        struct frame frame;

        frame_init(&frame, 50);
        for (size_t done = 0; done < size;) {
            done += feed(&frame, stream + done, size - done, 1 + next_random(&random) % (seed * 4));
            drain(&frame, &lines);
        }
        assert_int_equal(lines, 2000);
        frame_clear(&frame);
    }
}

/* What is behind the last newline is handed out once, and only when it is asked for. */
static void test_rest(void **state)
{
    struct frame frame;
    size_t length;
    char *line;

    frame_init(&frame, 50);
    assert_null(frame_rest(&frame, &length));
    feed(&frame, "ab\ncde", 6, 6);
    assert_int_equal(frame_next(&frame, &line, &length), 0);
    assert_memory_equal(line, "ab", length);
    assert_int_equal(frame_next(&frame, &line, &length), 0);
    assert_null(line);
    line = frame_rest(&frame, &length);
    assert_int_equal(length, 3);
    assert_memory_equal(line, "cde", 3);
    assert_null(frame_rest(&frame, &length));
    assert_int_equal(frame_next(&frame, &line, &length), 0);
    assert_null(line);
    frame_clear(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_many_lines_at_once),
        cmocka_unit_test(test_one_byte_at_a_time),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_room_is_bounded),
        cmocka_unit_test(test_limit_behind_other_lines),
        cmocka_unit_test(test_lines_stay_valid),
        cmocka_unit_test(test_large_buffer_is_given_back),
        cmocka_unit_test(test_random_pieces),
        cmocka_unit_test(test_rest),
    };

    return RUN_TESTS("frame", tests);
}
