/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A conversation with daemons that misbehave. Each server is a child that accepts one connection,
 * reads the request line, sends its script and then hangs up or falls silent.
 */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "connection.h"

#define GOOD "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":1}}\n"
#define LONG_TEXT (20 * 1024 * 1024)

/* More than the socket takes, and little enough to be made long before the deadline. */
#define UNSENT_TEXT (1024 * 1024)

enum behaviour {
    HANG_UP,
    FALL_SILENT,
    IGNORE_REQUEST, /* sends and hangs up without reading anything */
    DRIP,           /* a byte of the script now and then, for ever */
    LONG_REPLY,     /* instead of a script */
};

static char directory[] = "/tmp/xenshm-test-XXXXXX";
static char path[64];

static int setup(void **state)
{
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/socket", directory);
    return 0;
}

static int teardown(void **state)
{
    unlink(path);
    return rmdir(directory);
}

static int listen_at_path(int backlog)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    unlink(path);
    strcpy(address.sun_path, path);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static void send_text(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

        if (n < 0)
            _exit(0);
        text += n;
        size -= (size_t)n;
    }
}

static void send_long_reply(int fd)
{
    char *text = malloc(LONG_TEXT);

    memset(text, 'x', LONG_TEXT);
    send_text(fd, "{\"id\":1,\"result\":\"", 18);
    send_text(fd, text, LONG_TEXT);
    send_text(fd, "\"}\n", 3);
}

static void serve(int listener, enum behaviour behaviour, const char *script)
{
    int fd = accept(listener, NULL, NULL);
    char c = 0;

    while (behaviour != IGNORE_REQUEST && c != '\n')
        if (read(fd, &c, 1) != 1)
            _exit(1);
    if (behaviour == LONG_REPLY)
        send_long_reply(fd);
    else if (behaviour != DRIP)
        send_text(fd, script, strlen(script));
    while (behaviour == DRIP) {
        send_text(fd, script, 1);
        usleep(10000);
    }
    if (behaviour == FALL_SILENT)
        pause();
    _exit(0);
}

static pid_t start(enum behaviour behaviour, const char *script)
{
    int listener = listen_at_path(1);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        serve(listener, behaviour, script);
    close(listener);
    return pid;
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static int converse(const char *text, json_t **ret_reply)
{
    _cleanup_(connection_clear) struct connection connection = { .fd = -1 };
    _cleanup_(cleanup_json) json_t *params = json_pack("{s:s}", "text", text);
    int r;

    r = connection_open(&connection, path, 1);
    return r ? r : connection_call(&connection, "m", params, ret_reply);
}

static void assert_refusal(enum behaviour behaviour, const char *script, int refusal)
{
    pid_t pid = start(behaviour, script);
    json_t *reply = NULL;

    assert_int_equal(converse("", &reply), refusal);
    assert_null(reply);
    stop(pid);
}

/* The member of the reply that `script` leads to. */
static void assert_reply(const char *script, const char *member)
{
    pid_t pid = start(FALL_SILENT, script);
    _cleanup_(cleanup_json) json_t *reply = NULL;

    assert_int_equal(converse("", &reply), 0);
    assert_non_null(json_object_get(reply, member));
    stop(pid);
}

static void test_reply(void **state)
{
    assert_reply(GOOD, "result");
    assert_reply(GOOD "{\"id\":1,\"error\":{}}\n", "result");
    assert_reply("{\"id\":1,\"result\":null}\n", "result");
    assert_reply("{\"id\":1,\"error\":{\"code\":1}}\r\n", "error");
}

static void test_what_is_not_for_us(void **state)
{
    assert_reply(
        "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"seq\":1}}\n"
        "{\"id\":2,\"result\":{}}\n{\"id\":\"1\",\"result\":{}}\n{\"id\":null,\"result\":{}}\n"
        "{\"id\":7,\"error\":{}}\n{}\n" GOOD,
        "result");
}

/* A daemon that cannot read the request, or has too many connections, knows no id. */
static void test_error_without_id(void **state)
{
    assert_reply("{\"id\":null,\"error\":{\"code\":17}}\n", "error");
}

static void test_refused_before_the_request_was_read(void **state)
{
    pid_t pid = start(IGNORE_REQUEST, "{\"id\":null,\"error\":{\"code\":17}}\n");
    _cleanup_(cleanup_free) char *text = calloc(1, UNSENT_TEXT);
    _cleanup_(cleanup_json) json_t *reply = NULL;

    memset(text, 'x', UNSENT_TEXT - 1);
    assert_int_equal(converse(text, &reply), 0);
    assert_non_null(json_object_get(reply, "error"));
    stop(pid);
}

static void test_closed(void **state)
{
    assert_refusal(HANG_UP, "", CONNECTION_E_CLOSED);
    assert_refusal(HANG_UP, "{\"id\":1,\"result\":", CONNECTION_E_CLOSED);
    assert_refusal(HANG_UP, "{\"id\":1,\"result\":{}}", CONNECTION_E_CLOSED);
    assert_refusal(HANG_UP, "{\"id\":2,\"result\":{}}\n", CONNECTION_E_CLOSED);
    assert_refusal(IGNORE_REQUEST, "", CONNECTION_E_CLOSED);
}

static void test_garbled(void **state)
{
    assert_refusal(FALL_SILENT, "HTTP/1.1 400 Bad Request\r\n\r\n", CONNECTION_E_GARBLED);
    assert_refusal(FALL_SILENT, "\n", CONNECTION_E_GARBLED);
    assert_refusal(FALL_SILENT, "[]\n", CONNECTION_E_GARBLED);
    assert_refusal(FALL_SILENT, "1\n", CONNECTION_E_GARBLED);
    assert_refusal(FALL_SILENT, "{\"id\":1,\"result\":\"\xff\"}\n", CONNECTION_E_GARBLED);
    assert_refusal(FALL_SILENT, "{\"id\":1,\"result\":{}}x\n", CONNECTION_E_GARBLED);
}

static int64_t seconds(void)
{
    return time(NULL);
}

static void test_timeout(void **state)
{
    int64_t before = seconds();

    assert_refusal(FALL_SILENT, "", CONNECTION_E_TIMEOUT);
    assert_refusal(FALL_SILENT, "{\"id\":1,\"result\":", CONNECTION_E_TIMEOUT);
    assert_refusal(DRIP, " ", CONNECTION_E_TIMEOUT); /* bytes alone do not prolong it */
    assert_true(seconds() - before < 10);
}

/* connect() itself waits when the daemon no longer accepts. */
static void test_timeout_of_connect(void **state)
{
    int listener = listen_at_path(0), waiting[8];
    json_t *reply = NULL;
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    strcpy(address.sun_path, path);
    for (size_t i = 0; i < ELEMENTS(waiting); i++) {
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(waiting[i], (struct sockaddr *)&address, sizeof(address)) != 0)
            assert_int_equal(errno, EAGAIN);
    }
    assert_int_equal(converse("", &reply), CONNECTION_E_TIMEOUT);
    for (size_t i = 0; i < ELEMENTS(waiting); i++)
        close(waiting[i]);
    close(listener);
}

/* Far beyond the limit of a request line. */
static void test_long_reply(void **state)
{
    pid_t pid = start(LONG_REPLY, NULL);
    _cleanup_(cleanup_json) json_t *reply = NULL;
    _cleanup_(connection_clear) struct connection connection = { .fd = -1 };
    _cleanup_(cleanup_json) json_t *params = json_object();

    assert_int_equal(connection_open(&connection, path, 60), 0);
    assert_int_equal(connection_call(&connection, "m", params, &reply), 0);
    assert_int_equal(json_string_length(json_object_get(reply, "result")), LONG_TEXT);
    stop(pid);
}

static void assert_unreachable(const char *where, int error)
{
    _cleanup_(connection_clear) struct connection connection = { .fd = -1 };

    assert_int_equal(connection_open(&connection, where, 1), error);
}

static void test_unreachable(void **state)
{
    char long_path[109];

    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_unreachable(long_path, -ENAMETOOLONG);
    long_path[sizeof(long_path) - 2] = '\0'; /* the longest that fits */
    assert_unreachable(long_path, -ENOENT);
    assert_unreachable("", -ENOENT);
    assert_unreachable("/nonexistent/socket", -ENOENT);
    assert_unreachable("/dev/null/socket", -ENOTDIR);
    assert_unreachable("/dev/null", -ECONNREFUSED);
    close(listen_at_path(1));
    assert_unreachable(path, -ECONNREFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply),
        cmocka_unit_test(test_what_is_not_for_us),
        cmocka_unit_test(test_error_without_id),
        cmocka_unit_test(test_refused_before_the_request_was_read),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_garbled),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_timeout_of_connect),
        cmocka_unit_test(test_long_reply),
        cmocka_unit_test(test_unreachable),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("client_connection", tests, setup, teardown);
}
