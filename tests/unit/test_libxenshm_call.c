/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connecting and calling, with daemons that misbehave. */
#include "test.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "cleanup.h"
#include "fake_daemon.h"
#include "xenshm.h"

#define GOOD "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":1}}\n"

static void cleanup_xenshm(struct xenshm **connection)
{
    xenshm_close(*connection);
}

/* Seconds; a machine may be slow, and only the tests of the limit itself wait for it. */
static unsigned patience = 30;

static int converse(const char *params, char **ret_result)
{
    _cleanup_(cleanup_xenshm) struct xenshm *connection = NULL;
    int r;

    r = xenshm_connect_within(path, patience, &connection);
    return r ? r : xenshm_call(connection, "m", params, ret_result);
}

static void assert_failure(enum behaviour behaviour, const char *script, int failure)
{
    pid_t pid = start(behaviour, script);
    char *result = NULL;

    assert_int_equal(converse(NULL, &result), failure);
    assert_null(result);
    stop(pid);
}

static void assert_result(const char *script, const char *text)
{
    pid_t pid = start(FALL_SILENT, script);
    _cleanup_(cleanup_free) char *result = NULL;

    assert_int_equal(converse(NULL, &result), 0);
    assert_string_equal(result, text);
    stop(pid);
}

static void test_reply(void **state)
{
    assert_result(GOOD, "{\"a\":1}");
    assert_result(GOOD "{\"id\":1,\"error\":{\"code\":1}}\n", "{\"a\":1}");
    assert_result("{\"id\":1,\"result\":null}\n", "null");
    assert_result("{\"id\":1,\"result\": [ 1, 2.5, \"\xc3\xa4\" ]}\r\n", "[1,2.5,\"\xc3\xa4\"]");
    assert_failure(FALL_SILENT, "{\"id\":1,\"error\":{\"code\":1}}\r\n", 1);
}

static void test_what_is_not_for_us(void **state)
{
    assert_result(
        "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"seq\":1}}\n"
        "{\"id\":2,\"result\":{}}\n{\"id\":\"1\",\"result\":{}}\n{\"id\":null,\"result\":{}}\n"
        "{\"id\":7,\"error\":{}}\n{}\n" GOOD,
        "{\"a\":1}");
}

/* A daemon that cannot read the request, or has too many connections, knows no id. */
static void test_error_without_id(void **state)
{
    assert_failure(FALL_SILENT, "{\"id\":null,\"error\":{\"code\":17}}\n", XENSHM_TOO_MANY);
}

/* Codes that would look like success, or like a failure of this side. */
static void test_strange_codes(void **state)
{
    assert_failure(FALL_SILENT, "{\"id\":1,\"error\":{}}\n", -EPROTO);
    assert_failure(FALL_SILENT, "{\"id\":1,\"error\":{\"code\":0}}\n", -EPROTO);
    assert_failure(FALL_SILENT, "{\"id\":1,\"error\":{\"code\":\"1\"}}\n", -EPROTO);
    assert_failure(FALL_SILENT, "{\"id\":1,\"error\":{\"code\":-110}}\n", -EPROTO);
    assert_failure(FALL_SILENT, "{\"id\":1,\"error\":{\"code\":4294967297}}\n", -EPROTO);
    assert_failure(FALL_SILENT, "{\"id\":1,\"error\":{\"code\":-32000}}\n", -32000);
    assert_failure(FALL_SILENT, "{\"id\":1,\"error\":{\"code\":2000000}}\n", 2000000);
}

static void test_refused_before_the_request_was_read(void **state)
{
    pid_t pid = start(IGNORE_REQUEST, "{\"id\":null,\"error\":{\"code\":17}}\n");
    _cleanup_(cleanup_free) char *text = malloc(UNSENT_TEXT);
    char *result = NULL;

    memset(text, 'x', UNSENT_TEXT);
    text[0] = text[UNSENT_TEXT - 2] = '"';
    text[UNSENT_TEXT - 1] = '\0';
    assert_int_equal(converse(text, &result), XENSHM_TOO_MANY);
    stop(pid);
}

static void test_closed(void **state)
{
    assert_failure(HANG_UP, "", -ECONNRESET);
    assert_failure(HANG_UP, "{\"id\":1,\"result\":", -ECONNRESET);
    assert_failure(HANG_UP, "{\"id\":1,\"result\":{}}", -ECONNRESET);
    assert_failure(HANG_UP, "{\"id\":2,\"result\":{}}\n", -ECONNRESET);
    assert_failure(IGNORE_REQUEST, "", -ECONNRESET);
}

static void test_garbled(void **state)
{
    assert_failure(FALL_SILENT, "HTTP/1.1 400 Bad Request\r\n\r\n", -EPROTO);
    assert_failure(FALL_SILENT, "\n", -EPROTO);
    assert_failure(FALL_SILENT, "[]\n", -EPROTO);
    assert_failure(FALL_SILENT, "1\n", -EPROTO);
    assert_failure(FALL_SILENT, "{\"id\":1,\"result\":\"\xff\"}\n", -EPROTO);
    assert_failure(FALL_SILENT, "{\"id\":1,\"result\":{}}x\n", -EPROTO);
}

static int64_t seconds(void)
{
    return time(NULL);
}

static void test_timeout(void **state)
{
    int64_t before = seconds();

    patience = 1;
    assert_failure(FALL_SILENT, "", -ETIMEDOUT);
    assert_failure(FALL_SILENT, "{\"id\":1,\"result\":", -ETIMEDOUT);
    assert_failure(DRIP, " ", -ETIMEDOUT); /* bytes alone do not prolong it */
    assert_true(seconds() - before < 30);
    patience = 30;
}

/* connect() itself waits when the daemon no longer accepts. */
static void test_timeout_of_connect(void **state)
{
    int listener = listen_at_path(0), waiting[8];
    char *result = NULL;
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    strcpy(address.sun_path, path);
    for (size_t i = 0; i < ELEMENTS(waiting); i++) {
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(waiting[i], (struct sockaddr *)&address, sizeof(address)) != 0)
            assert_int_equal(errno, EAGAIN);
    }
    patience = 1;
    assert_int_equal(converse(NULL, &result), -ETIMEDOUT);
    patience = 30;
    for (size_t i = 0; i < ELEMENTS(waiting); i++)
        close(waiting[i]);
    close(listener);
}

/* Far beyond the limit of a request line. */
static void test_long_reply(void **state)
{
    pid_t pid = start(LONG_REPLY, NULL);
    _cleanup_(cleanup_xenshm) struct xenshm *connection = NULL;
    _cleanup_(cleanup_free) char *result = NULL;

    assert_int_equal(xenshm_connect(path, &connection), 0);
    assert_true(fcntl(xenshm_fd(connection), F_GETFD) & FD_CLOEXEC);
    assert_int_equal(xenshm_call(connection, "m", NULL, &result), 0);
    assert_int_equal(strlen(result), LONG_TEXT + 2);
    stop(pid);
}

static void assert_unreachable(const char *where, int error)
{
    struct xenshm *connection = NULL;

    assert_int_equal(xenshm_connect_within(where, 1, &connection), error);
    assert_null(connection);
}

/* Where nobody says where. */
static void test_default_path(void **state)
{
    pid_t pid = start(FALL_SILENT, GOOD);
    struct xenshm *connection = NULL;

    setenv("XENSHM_SOCKET", path, 1);
    assert_int_equal(xenshm_connect(NULL, &connection), 0);
    xenshm_close(connection);
    setenv("XENSHM_SOCKET", "/nonexistent/socket", 1);
    assert_unreachable(NULL, -ENOENT);
    unsetenv("XENSHM_SOCKET");
    stop(pid);
}

static void test_descriptor_that_is_no_stream(void **state)
{
    struct xenshm *connection = NULL;
    int fds[2];

    assert_int_equal(xenshm_connect_fd(-1, &connection), -EBADF);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(xenshm_connect_fd(fds[0], &connection), -ENOTSOCK);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* taken over all the same */
    close(fds[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
    assert_int_equal(xenshm_connect_fd(fds[0], &connection), -ENOTSOCK);
    close(fds[1]);
    assert_null(connection);
}

/* A connection whose other end the test reads. */
static struct xenshm *connect_pair(int *ret_daemon)
{
    struct xenshm *connection = NULL;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(xenshm_connect_fd(fds[0], &connection), 0);
    *ret_daemon = fds[1];
    return connection;
}

static void say(int daemon, const char *text)
{
    assert_int_equal(write(daemon, text, strlen(text)), strlen(text));
}

/* What cannot be sent is not sent, and the connection stands. */
static void test_arguments_that_cannot_be_sent(void **state)
{
    struct xenshm_share share = XENSHM_SHARE_INIT;
    const struct xenshm_share *shares[] = { &share };
    _cleanup_(cleanup_free) char *text = malloc(XENSHM_LINE_MAX);
    struct {
        struct xenshm_share share;
        const char *newer;
    } newer = { .share = { .struct_size = sizeof(newer), .size = 4096 }, .newer = "x" };
    int daemon;
    _cleanup_(cleanup_xenshm) struct xenshm *connection = connect_pair(&daemon);
    char *result = NULL, byte;

    share.size = (uint64_t)INT64_MAX + 1;
    assert_int_equal(xenshm_guest_attach(connection, "g", &share, NULL), -EINVAL);
    assert_int_equal(xenshm_guest_create(connection, "{}", shares, 1, false, NULL), -EINVAL);
    share.size = 4096;
    assert_int_equal(xenshm_guest_attach(connection, "\xff", &share, NULL), -EINVAL);
    assert_string_equal(xenshm_message(connection), "'guest' is not valid UTF-8");
    assert_int_equal(xenshm_guest_create(connection, "{", shares, 1, false, NULL), -EINVAL);
    assert_int_equal(xenshm_guest_attach(connection, "g", &newer.share, NULL), -E2BIG);
    share.struct_size = 0;
    assert_int_equal(xenshm_guest_attach(connection, "g", &share, NULL), -EINVAL);
    assert_int_equal(xenshm_call(connection, "\xff", NULL, &result), -EINVAL);
    assert_int_equal(xenshm_call(connection, "m", "{} {}", &result), -EINVAL);
    assert_int_equal(xenshm_call(connection, "m", "{\"a\":1,\"a\":2}", &result), -EINVAL);
    assert_true(*xenshm_message(connection));
    assert(text);
    memset(text, 'x', XENSHM_LINE_MAX - 1);
    text[XENSHM_LINE_MAX - 1] = '\0';
    assert_int_equal(xenshm_segment_show(connection, text, NULL), -E2BIG);
    assert_int_equal(recv(daemon, &byte, 1, MSG_DONTWAIT), -1);
    say(daemon, "{\"id\":2,\"result\":1}\n");
    assert_int_equal(xenshm_call(connection, "m", NULL, &result), 0);
    xenshm_free(result);
    close(daemon);
}

/* What goes out: options only where they are given; those of an older program, too. */
static void test_options(void **state)
{
    struct xenshm_share share = XENSHM_SHARE_INIT;
    char request[512] = "";
    int daemon;
    _cleanup_(cleanup_xenshm) struct xenshm *connection = connect_pair(&daemon);

    share.size = 1;
    share.address = "identity";
    say(daemon, "{\"id\":1,\"result\":1}\n");
    assert_int_equal(xenshm_guest_attach(connection, "g", &share, NULL), 0);
    assert_true(read(daemon, request, sizeof(request)) > 0);
    assert_non_null(strstr(request, "\"params\":{\"guest\":\"g\",\"size\":1,"
                                    "\"address\":\"identity\"}}\n"));
    share.struct_size = offsetof(struct xenshm_share, address);
    memset(request, 0, sizeof(request));
    say(daemon, "{\"id\":2,\"result\":1}\n");
    assert_int_equal(xenshm_guest_attach(connection, "g", &share, NULL), 0);
    assert_true(read(daemon, request, sizeof(request)) > 0);
    assert_non_null(strstr(request, "\"params\":{\"guest\":\"g\",\"size\":1}}\n"));
    close(daemon);
}

static void test_words(void **state)
{
    const char *error = "{\"id\":1,\"error\":{\"code\":99,\"message\":\"a\\u001bb\",\"data\":"
                        "{\"name\":\"LATER\",\"hint\":\"do\\nthis\"}}}\n";
    int daemon;
    _cleanup_(cleanup_xenshm) struct xenshm *connection = connect_pair(&daemon);

    assert_string_equal(xenshm_message(connection), "");
    assert_string_equal(xenshm_hint(connection), "");
    say(daemon, error);
    assert_int_equal(xenshm_segment_show(connection, "s", NULL), 99);
    assert_string_equal(xenshm_message(connection), "a?b");
    assert_string_equal(xenshm_hint(connection), "do?this");
    assert_string_equal(xenshm_last_name(connection), "LATER");
    close(daemon);
    assert_int_equal(xenshm_segment_show(connection, "s", NULL), -ECONNRESET);
    assert_string_equal(xenshm_last_name(connection), "ECONNRESET");
    assert_string_equal(xenshm_hint(connection), "");
    assert_string_equal(xenshm_error_name(XENSHM_POOL_FULL), "POOL_FULL");
    assert_string_equal(xenshm_error_name(XENSHM_INVALID_PARAMS), "INVALID_PARAMS");
    assert_string_equal(xenshm_error_name(-ETIMEDOUT), "ETIMEDOUT");
    assert_string_equal(xenshm_error_name(99), "UNKNOWN");
    assert_string_equal(xenshm_error_name(-4000), "UNKNOWN");
    for (int code = -33000; code < 1000; code++)
        assert_true(*xenshm_error_text(code) && *xenshm_error_name(code));
    assert_true(xenshm_is_refusal(1) && xenshm_is_refusal(-32602));
    assert_false(xenshm_is_refusal(0) || xenshm_is_refusal(-1));
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
        cmocka_unit_test(test_strange_codes),
        cmocka_unit_test(test_refused_before_the_request_was_read),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_garbled),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_timeout_of_connect),
        cmocka_unit_test(test_long_reply),
        cmocka_unit_test(test_default_path),
        cmocka_unit_test(test_descriptor_that_is_no_stream),
        cmocka_unit_test(test_arguments_that_cannot_be_sent),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_unreachable),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("libxenshm_call", tests, setup, teardown);
}
