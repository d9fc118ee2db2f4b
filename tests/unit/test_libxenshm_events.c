/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events, and calls among them, on a socketpair: what the daemon says is written before it is
 * asked, since all of it fits into the socket. Only what does not fit needs a process of its own.
 */
#include "test.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "queue.h"
#include "xenshm.h"

#define EVENT(seq, type, object)                                                                   \
    "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"seq\":" #seq ",\"type\":\"" type      \
    "\",\"time\":\"2026-03-01T12:00:00.123Z\",\"object\":" object "}}\n"
#define ATTACHMENT                                                                                 \
    "{\"segment\":\"s\",\"pool\":\"p\",\"guest\":{\"name\":\"g\",\"domid\":3,\"uuid\":\"u\"},"     \
    "\"guest_address\":\"0x1\",\"host_address\":\"0x2\",\"size\":4096,\"epoch\":7,"                \
    "\"state\":\"attached\"}"
#define SEGMENT                                                                                    \
    "{\"name\":\"s\",\"pool\":\"p\",\"host_address\":\"0x0\",\"size\":0,\"kept\":false,"           \
    "\"epoch\":0,\"owner_uid\":0,\"state\":\"ready\",\"attachments\":[]}"
#define CREATED                                                                                    \
    "{\"guest\":{\"name\":\"g\",\"domid\":3,\"uuid\":\"u\",\"state\":\"running\"},"                \
    "\"attachments\":[]}"

struct pair {
    struct xenshm *connection;
    int daemon;
};

static int setup(void **state)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    int fds[2];

    assert(pair);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    pair->daemon = fds[1];
    assert_int_equal(xenshm_connect_fd(fds[0], &pair->connection), 0);
    *state = pair;
    return 0;
}

static int teardown(void **state)
{
    struct pair *pair = *state;

    xenshm_close(pair->connection);
    cleanup_close(&pair->daemon);
    free(pair);
    return 0;
}

static void say(struct pair *pair, const char *text)
{
    assert_int_equal(write(pair->daemon, text, strlen(text)), strlen(text));
}

static void hang_up(struct pair *pair)
{
    close(pair->daemon);
    pair->daemon = -1;
}

static int next(struct pair *pair, uint64_t *ret_seq)
{
    struct xenshm_event *event = NULL;
    int r = xenshm_next_event(pair->connection, &event);

    assert_true((r == 0) == (event != NULL));
    if (event)
        *ret_seq = event->seq;
    xenshm_free(event);
    return r;
}

static void assert_next(struct pair *pair, uint64_t seq)
{
    uint64_t found = 0;

    assert_int_equal(next(pair, &found), 0);
    assert_int_equal(found, seq);
}

static void assert_none(struct pair *pair, int why)
{
    uint64_t found;

    assert_int_equal(next(pair, &found), why);
}

/* What was sent to the daemon until now. */
static void assert_sent(struct pair *pair, const char *text)
{
    char buffer[512] = "";

    assert_true(read(pair->daemon, buffer, sizeof(buffer) - 1) > 0);
    assert_string_equal(buffer, text);
}

static void test_subscribe(void **state)
{
    const char *types[] = { "segment.freed", "guest.ended" };
    struct pair *pair = *state;
    uint64_t seq = 0;

    say(pair, "{\"id\":1,\"result\":{\"seq\":41}}\n" EVENT(42, "x", "null"));
    assert_int_equal(xenshm_subscribe(pair->connection, types, 2, &seq), 0);
    assert_int_equal(seq, 41);
    assert_sent(pair, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events.subscribe\",\"params\":"
                      "{\"types\":[\"segment.freed\",\"guest.ended\"]}}\n");
    assert_next(pair, 42);
    assert_none(pair, -EAGAIN);
    say(pair, "{\"id\":2,\"result\":{\"seq\":42}}\n{\"id\":3,\"result\":{\"seq\":42}}\n");
    assert_int_equal(xenshm_subscribe(pair->connection, NULL, 0, NULL), 0);
    assert_sent(pair, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"events.subscribe\",\"params\":"
                      "{}}\n");
    /* No types at all, as opposed to all of them. */
    assert_int_equal(xenshm_subscribe(pair->connection, types, 0, NULL), 0);
    assert_sent(pair, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"events.subscribe\",\"params\":"
                      "{\"types\":[]}}\n");
}

static struct xenshm_event *take(struct pair *pair, const char *line)
{
    struct xenshm_event *event = NULL;

    say(pair, line);
    assert_int_equal(xenshm_next_event(pair->connection, &event), 0);
    assert_string_equal(event->time, "2026-03-01T12:00:00.123Z");
    return event;
}

static void test_objects(void **state)
{
    struct xenshm_event *event;

    event = take(*state, EVENT(1, "attachment.attached", ATTACHMENT));
    assert_string_equal(event->type, "attachment.attached");
    assert_string_equal(event->object, ATTACHMENT);
    assert_string_equal(event->attachment->guest.name, "g");
    assert_null(event->segment);
    assert_null(event->created);
    xenshm_free(event);
    event = take(*state, EVENT(2, "segment.freed", SEGMENT));
    assert_string_equal(event->segment->name, "s");
    assert_null(event->attachment);
    xenshm_free(event);
    event = take(*state, EVENT(3, "guest.restarted", CREATED));
    assert_string_equal(event->created->state, "running");
    xenshm_free(event);
    event = take(*state, EVENT(4, "config.reloaded", "{\"path\":\"\\u00e4\"}"));
    assert_string_equal(event->object, "{\"path\":\"\xc3\xa4\"}");
    xenshm_free(event);
}

/* No object, one that later versions send, and a type that they have. */
static void test_unknown_objects(void **state)
{
    struct xenshm_event *event;

    event = take(*state, EVENT(1, "segment.freed", "null"));
    assert_null(event->object);
    assert_null(event->segment);
    xenshm_free(event);
    event = take(*state, EVENT(2, "segment.merged", "[\"a\"]"));
    assert_string_equal(event->object, "[\"a\"]");
    assert_null(event->segment);
    xenshm_free(event);
    event = take(*state, EVENT(3, "moon.rose", "\"full\""));
    assert_string_equal(event->object, "\"full\"");
    xenshm_free(event);
}

/* Before a reply, after it, and in pieces. */
static void test_among_replies(void **state)
{
    struct pair *pair = *state;
    char *result = NULL;

    say(pair, EVENT(1, "x", "null") EVENT(2, "x", "null") "{\"id\":1,\"result\":[]}\n" EVENT(
                  3, "x", "null") "{\"jsonrpc\":");
    assert_int_equal(xenshm_call(pair->connection, "m", NULL, &result), 0);
    assert_string_equal(result, "[]");
    xenshm_free(result);
    for (uint64_t seq = 1; seq <= 3; seq++)
        assert_next(pair, seq);
    assert_none(pair, -EAGAIN);
    say(pair, "\"2.0\",\"method\":\"event\",\"params\":{\"seq\":4,\"type\":\"x\",\"time\":\"\","
              "\"object\":null}}\n");
    assert_next(pair, 4);
}

/* What nobody takes goes with the connection. */
static void test_left_behind(void **state)
{
    struct pair *pair = *state;
    char *result = NULL;

    say(pair, EVENT(1, "x", "null") "{\"id\":1,\"result\":[]}\n" EVENT(2, "x", "null"));
    assert_int_equal(xenshm_call(pair->connection, "m", NULL, &result), 0);
    xenshm_free(result);
}

/* Says why, at length, and hangs up with the request unread. */
static void turn_away(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    const char *reply = "{\"id\":null,\"error\":{\"code\":17}}\n";
    char text[100 * 1024];
    size_t start = sizeof(text) - strlen(reply);

    memset(text, ' ', start);
    memcpy(text + start, reply, strlen(reply));
    if (poll(&p, 1, -1) != 1 || write(fd, text, sizeof(text)) != sizeof(text))
        _exit(1);
    _exit(0);
}

/*
 * Of such an end the error comes once, before what was said: it is no end yet. That it comes before
 * all is read depends on the two processes, so there are several tries.
 */
static void test_said_before_the_end(void **state)
{
    for (int i = 0; i < 20; i++) {
        struct xenshm *connection;
        char *result = NULL;
        int fds[2];
        pid_t pid;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        assert_int_equal(xenshm_connect_fd(fds[0], &connection), 0);
        pid = fork();
        if (pid == 0)
            turn_away(fds[1]);
        close(fds[1]);
        assert_int_equal(xenshm_call(connection, "m", NULL, &result), XENSHM_TOO_MANY);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        xenshm_close(connection);
    }
}

/* Other notifications and stray replies are nothing to anybody. */
static void test_what_is_no_event(void **state)
{
    struct pair *pair = *state;

    say(pair, "{\"method\":\"other\",\"params\":{\"seq\":1}}\n{\"method\":\"event\"}\n"
              "{\"id\":9,\"result\":{}}\n" EVENT(5, "x", "null"));
    assert_next(pair, 5);
    assert_none(pair, -EAGAIN);
}

static bool readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) == 1;
}

static void test_poll(void **state)
{
    struct pair *pair = *state;

    assert_false(readable(xenshm_fd(pair->connection)));
    say(pair, EVENT(1, "x", "null"));
    assert_true(readable(xenshm_fd(pair->connection)));
    assert_next(pair, 1);
    assert_false(readable(xenshm_fd(pair->connection)));
    assert_true(fcntl(xenshm_fd(pair->connection), F_GETFD) & FD_CLOEXEC);
    hang_up(pair);
    assert_true(readable(xenshm_fd(pair->connection)));
    assert_none(pair, -ECONNRESET);
    assert_none(pair, -ENOTCONN);
    assert_int_equal(xenshm_fd(pair->connection), -1);
}

/* What came before the end is still there after it. */
static void test_end_in_a_call(void **state)
{
    struct pair *pair = *state;
    char *result = NULL;

    say(pair, EVENT(1, "x", "null") EVENT(2, "x", "null"));
    hang_up(pair);
    assert_int_equal(xenshm_call(pair->connection, "m", NULL, &result), -ECONNRESET);
    assert_int_equal(xenshm_call(pair->connection, "m", NULL, &result), -ENOTCONN);
    assert_string_equal(xenshm_last_name(pair->connection), "ENOTCONN");
    assert_next(pair, 1);
    assert_next(pair, 2);
    assert_none(pair, -ENOTCONN);
}

static void test_garbage(void **state)
{
    struct pair *pair = *state;

    say(pair, EVENT(1, "x", "null") "garbage\n" EVENT(2, "x", "null"));
    assert_next(pair, 1);
    assert_none(pair, -EPROTO);
    assert_none(pair, -ENOTCONN);
}

/* The daemon's word that something was lost: nothing is told after it. */
static void test_overflow_of_the_daemon(void **state)
{
    struct pair *pair = *state;
    struct xenshm_event *event;

    event = take(pair, EVENT(8, "overflow", "null") EVENT(9, "x", "null"));
    assert_string_equal(event->type, "overflow");
    assert_int_equal(event->seq, 8);
    xenshm_free(event);
    assert_none(pair, -ENOTCONN);
}

/* As many events of a kilobyte, and then the reply. */
static void flood(int fd, unsigned count)
{
    char line[1200], *padding = calloc(1, 1001);

    assert(padding);
    memset(padding, 'x', 1000);
    for (unsigned seq = 1; seq <= count; seq++) {
        int n = snprintf(line, sizeof(line),
                         "{\"method\":\"event\",\"params\":{\"seq\":%u,\"type\":\"x\","
                         "\"time\":\"t%u\",\"object\":\"%s\"}}\n",
                         seq, seq, padding);

        if (write(fd, line, (size_t)n) != n)
            _exit(1);
    }
    if (write(fd, "{\"id\":1,\"result\":7}\n", 20) != 20)
        _exit(1);
    _exit(0);
}

/*
 * More than is kept comes before the reply of a call: the call is answered, what was kept is told,
 * then the number of the first that was lost.
 */
static void test_overflow_in_a_call(void **state)
{
    struct pair *pair = *state;
    struct xenshm_event *event;
    char *result = NULL;
    uint64_t seq = 1;
    pid_t pid = fork();

    if (pid == 0)
        flood(pair->daemon, QUEUE_BYTES_MAX / 1000);
    assert_int_equal(xenshm_call(pair->connection, "m", NULL, &result), 0);
    assert_string_equal(result, "7");
    xenshm_free(result);
    for (;; seq++) {
        assert_int_equal(xenshm_next_event(pair->connection, &event), 0);
        assert_int_equal(event->seq, seq);
        if (strcmp(event->type, "overflow") == 0)
            break;
        xenshm_free(event);
    }
    assert_true(seq > QUEUE_BYTES_MAX / 1200 && seq < QUEUE_BYTES_MAX / 1000);
    assert_null(event->object);
    assert_true(event->time[0] == 't' && strtoull(event->time + 1, NULL, 10) == seq);
    xenshm_free(event);
    assert_none(pair, -ENOTCONN);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Only what is kept counts, not what was taken. */
static void test_queue_that_is_emptied(void **state)
{
    _cleanup_(cleanup_free) char *line = calloc(1, QUEUE_BYTES_MAX / 2);
    _cleanup_(cleanup_json) json_t *params = json_pack("{s:i}", "seq", 7);
    struct queue queue;

    queue_init(&queue);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(queue_add(&queue, line, QUEUE_BYTES_MAX / 2, params), 0);
        free(queue_take(&queue));
    }
    assert_false(queue.overflowed);
    assert_null(queue_take(&queue));
    queue_clear(&queue);
}

/* A daemon that takes no request while its events are not read. */
static void serve_stubbornly(int fd)
{
    char line[1000], byte = 0;

    for (unsigned seq = 1; seq <= 2000; seq++) {
        int n = snprintf(line, sizeof(line),
                         "{\"method\":\"event\",\"params\":{\"seq\":%u,\"type\":\"x\","
                         "\"time\":\"%0500u\"}}\n",
                         seq, seq);

        if (write(fd, line, (size_t)n) != n)
            _exit(1);
    }
    while (byte != '\n')
        if (read(fd, &byte, 1) != 1)
            _exit(1);
    if (write(fd, "{\"id\":1,\"result\":7}\n", 20) != 20)
        _exit(1);
    _exit(0);
}

/* Both sides would wait for ever if a long request was only sent. */
static void test_events_while_sending(void **state)
{
    struct pair *pair = *state;
    char params[200 * 1024], *result = NULL;
    int few = 4096;
    pid_t pid;

    memset(params, 'x', sizeof(params));
    params[0] = params[sizeof(params) - 2] = '"';
    params[sizeof(params) - 1] = '\0';
    setsockopt(xenshm_fd(pair->connection), SOL_SOCKET, SO_SNDBUF, &few, sizeof(few));
    pid = fork();
    if (pid == 0)
        serve_stubbornly(pair->daemon);
    assert_int_equal(xenshm_call(pair->connection, "m", params, &result), 0);
    xenshm_free(result);
    for (uint64_t seq = 1; seq <= 2000; seq++)
        assert_next(pair, seq);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_subscribe),
        TEST(test_objects),
        TEST(test_unknown_objects),
        TEST(test_among_replies),
        TEST(test_left_behind),
        TEST(test_said_before_the_end),
        TEST(test_queue_that_is_emptied),
        TEST(test_what_is_no_event),
        TEST(test_poll),
        TEST(test_end_in_a_call),
        TEST(test_garbage),
        TEST(test_overflow_of_the_daemon),
        TEST(test_overflow_in_a_call),
        TEST(test_events_while_sending),
    };

    return RUN_TESTS("libxenshm_events", tests);
}
