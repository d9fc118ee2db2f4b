/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON-RPC messages: what is a request, what is refused and why, and how replies look. */
#include "test.h"

#include <string.h>

#include "message.h"

static json_t *parse(const char *text, size_t length)
{
    struct error error = { 0 };
    json_t *value = NULL;

    assert_int_equal(message_parse(text, length, &value, &error), 0);
    assert_int_equal(error.code, 0);
    assert_non_null(value);
    return value;
}

static void refuse_parse(const char *text, size_t length, const char *part)
{
    struct error error = { 0 };
    json_t *value = NULL;

    assert_int_equal(message_parse(text, length, &value, &error), MESSAGE_PARSE_ERROR);
    assert_int_equal(error.code, MESSAGE_PARSE_ERROR);
    assert_null(value);
    if (!strstr(error.message, part))
        fail_msg("'%s' does not have '%s'", error.message, part);
}

#define REFUSE_PARSE(text, part) refuse_parse(text, sizeof(text) - 1, part)

static void test_parse_errors(void **state)
{
    REFUSE_PARSE("", "byte 0");
    REFUSE_PARSE("{", "byte 1");
    REFUSE_PARSE("{}x", "byte");
    REFUSE_PARSE("{} {}", "byte");
    REFUSE_PARSE("{\"a\":1,\"a\":2}", "duplicate");
    REFUSE_PARSE("\"\xff\"", "byte 1");
    REFUSE_PARSE("\"\xc0\x80\"", "byte 1");
    REFUSE_PARSE("\"\xed\xa0\x80\"", "byte 1");
    REFUSE_PARSE("\"\\u0000\"", "NUL");
    REFUSE_PARSE("{\"a\\u0000\":1}", "NUL");
    REFUSE_PARSE("\"a\0b\"", "byte");
    REFUSE_PARSE("\0", "byte");
    REFUSE_PARSE("9223372036854775808", "too big");
    REFUSE_PARSE("-9223372036854775809", "too");
    REFUSE_PARSE("1e999", "overflow");
    REFUSE_PARSE("01", "byte");
    REFUSE_PARSE("'a'", "byte");
    REFUSE_PARSE("{\"a\":1,}", "byte");
    REFUSE_PARSE("nul", "byte");
}

/* However deep it goes, it ends in a refusal, not in the end of the stack. */
static void test_depth(void **state)
{
    static char text[200000];

    memset(text, '[', sizeof(text));
    refuse_parse(text, sizeof(text), "depth");
    memset(text, ' ', sizeof(text));
    refuse_parse(text, sizeof(text), "byte");
}

static void test_any_value_is_parsed(void **state)
{
    static const char *const texts[] = { "1", "null", "\"x\"", "[]", "{}", " {} \r", "[1,2]" };

    for (size_t i = 0; i < ELEMENTS(texts); i++)
        json_decref(parse(texts[i], strlen(texts[i])));
}

static int read(const char *text, struct message_request *request, json_t **value)
{
    struct error error = { 0 };
    int r;

    *value = parse(text, strlen(text));
    r = message_read_request(*value, request, &error);
    assert_int_equal(r, error.code);
    return r;
}

static void test_requests(void **state)
{
    static const struct {
        const char *text;
        const char *method; /* NULL: invalid */
        int id;             /* JSON type, -1: none */
    } rows[] = {
        { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1}", "m", JSON_INTEGER },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":\"x\",\"params\":{}}", "m", JSON_STRING },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":null,\"params\":[]}", "m", JSON_NULL },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1.5}", "m", JSON_REAL },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", "m", -1 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"\"}", "", -1 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"more\":1}", "m", -1 },
        { "{\"jsonrpc\":\"2.0\",\"method\":1,\"id\":7}", NULL, JSON_INTEGER },
        { "{\"jsonrpc\":\"2.0\",\"id\":7}", NULL, JSON_INTEGER },
        { "{\"jsonrpc\":\"1.0\",\"method\":\"m\",\"id\":7}", NULL, JSON_INTEGER },
        { "{\"jsonrpc\":2.0,\"method\":\"m\",\"id\":7}", NULL, JSON_INTEGER },
        { "{\"method\":\"m\",\"id\":7}", NULL, JSON_INTEGER },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":7,\"params\":1}", NULL, JSON_INTEGER },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":7,\"params\":null}", NULL, JSON_INTEGER },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":{}}", NULL, -1 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":true}", NULL, -1 },
        { "{}", NULL, -1 },
        { "[]", NULL, -1 },
        { "1", NULL, -1 },
        { "null", NULL, -1 },
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct message_request request;
        json_t *value;
        int r = read(rows[i].text, &request, &value);

        assert_int_equal(r, rows[i].method ? 0 : MESSAGE_INVALID_REQUEST);
        if (rows[i].method)
            assert_string_equal(request.method, rows[i].method);
        assert_int_equal(request.id ? (int)json_typeof(request.id) : -1, rows[i].id);
        json_decref(value);
    }
}

static void assert_text(json_t *message, const char *expected)
{
    char *text = message_text(message);

    assert_string_equal(text, expected);
    free(text);
    json_decref(message);
}

static void test_replies(void **state)
{
    struct error error = { 0 };
    json_t *id = json_string("x");

    assert_text(message_result(id, json_pack("{s:i}", "a", 1)),
                "{\"jsonrpc\":\"2.0\",\"result\":{\"a\":1},\"id\":\"x\"}");
    assert_text(message_result(NULL, json_object()),
                "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":null}");
    error_set(&error, XENSHM_POOL_FULL, "pool '%s' is full", "p");
    error_set_hint(&error, "wait");
    assert_text(message_error(id, &error),
                "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":\"pool 'p' is full\","
                "\"data\":{\"name\":\"POOL_FULL\",\"hint\":\"wait\"}},\"id\":\"x\"}");
    json_decref(id);
    assert_null(message_result(NULL, NULL));
}

/* Every code has a name, and a general hint where none fits better. */
static void test_every_error(void **state)
{
    static const int codes[] = {
#define CODE(name, code, hint) code,
        XENSHM_ERRORS(CODE)
#undef CODE
            MESSAGE_PARSE_ERROR,
        MESSAGE_INVALID_REQUEST,
        MESSAGE_METHOD_NOT_FOUND,
        MESSAGE_INVALID_PARAMS,
        MESSAGE_INTERNAL_ERROR,
    };

    for (size_t i = 0; i < ELEMENTS(codes); i++) {
        struct error error = { 0 };
        json_t *reply, *data;

        error_set(&error, codes[i], "why");
        reply = message_error(NULL, &error);
        data = json_object_get(json_object_get(reply, "error"), "data");
        assert_string_equal(json_string_value(json_object_get(data, "name")), error_name(codes[i]));
        assert_true(json_string_length(json_object_get(data, "hint")) > 0);
        json_decref(reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_errors),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_any_value_is_parsed),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_every_error),
    };

    return RUN_TESTS("message", tests);
}
