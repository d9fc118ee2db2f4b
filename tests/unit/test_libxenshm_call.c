/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connecting and calling, with daemons that misbehave. */
#include "test.h"

#include <errno.h>
#include <time.h>

#include "cleanup.h"
#include "fake_daemon.h"
#include "xenshm.h"

#define GOOD "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":1}}\n"

static void cleanup_xenshm(struct xenshm **connection)
{
    xenshm_close(*connection);
}

static int converse(const char *params, char **ret_result)
{
    _cleanup_(cleanup_xenshm) struct xenshm *connection = NULL;
    int r;

    r = xenshm_connect_within(path, 1, &connection);
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

    assert_failure(FALL_SILENT, "", -ETIMEDOUT);
    assert_failure(FALL_SILENT, "{\"id\":1,\"result\":", -ETIMEDOUT);
    assert_failure(DRIP, " ", -ETIMEDOUT); /* bytes alone do not prolong it */
    assert_true(seconds() - before < 10);
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
    assert_int_equal(converse(NULL, &result), -ETIMEDOUT);
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
        cmocka_unit_test(test_unreachable),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("libxenshm_call", tests, setup, teardown);
}
