/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The examples of section 7 of the JSON-RPC 2.0 specification
 * (https://www.jsonrpc.org/specification) over a real connection, with the methods that they call.
 * Requests are as they are there, without the line breaks; answers may have another order and more
 * members, but each byte is known.
 */
#include "test.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "dispatch.h"

/* ---- the methods of the examples ---- */

static json_t *params_of(const void *args)
{
    return *(json_t *const *)args;
}

static json_int_t operand(json_t *params, const char *name, size_t index)
{
    return json_integer_value(json_is_array(params) ? json_array_get(params, index)
                                                    : json_object_get(params, name));
}

static void subtract(struct request *request, const void *args)
{
    json_t *params = params_of(args);

    request_reply(request,
                  json_integer(operand(params, "minuend", 0) - operand(params, "subtrahend", 1)));
}

static void sum(struct request *request, const void *args)
{
    json_int_t result = 0;
    json_t *item;
    size_t i;

    json_array_foreach(params_of(args), i, item)
        result += json_integer_value(item);
    request_reply(request, json_integer(result));
}

static void get_data(struct request *request, const void *args)
{
    assert_null(params_of(args));
    request_reply(request, json_pack("[s, i]", "hello", 5));
}

static size_t notified;

static void notify(struct request *request, const void *args)
{
    notified++;
    request_reply(request, json_null());
}

static const struct method methods_of_examples[] = {
    { .name = "subtract", .call = subtract },
    { .name = "sum", .call = sum },
    { .name = "get_data", .call = get_data },
    { .name = "update", .call = notify },
    { .name = "notify_hello", .call = notify },
    { .name = "notify_sum", .call = notify },
    { NULL },
};

/* ---- the examples ---- */

#define ERROR(code, message, name, hint, id)                                                       \
    "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":" #code ",\"message\":\"" message                    \
    "\",\"data\":{\"name\":\"" name "\",\"hint\":\"" hint "\"}},\"id\":" id "}"
#define INVALID_REQUEST(why)                                                                       \
    ERROR(-32600, "Invalid Request: " why, "INVALID_REQUEST",                                      \
          "send one JSON-RPC 2.0 object a line", "null")
#define PARSE_ERROR(why)                                                                           \
    ERROR(-32700, "Parse error at byte " why, "PARSE_ERROR",                                       \
          "send one JSON-RPC 2.0 object a line", "null")
#define NOT_FOUND(method, id)                                                                      \
    ERROR(-32601, "Method not found: '" method "'", "METHOD_NOT_FOUND",                            \
          "`rpc.discover` lists the methods", id)

static const struct example {
    const char *request;
    const char *answer; /* "": none */
    size_t notified;    /* methods that are carried out without an answer */
} examples[] = {
    /* rpc call with positional parameters */
    { "{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", \"params\": [42, 23], \"id\": 1}",
      "{\"jsonrpc\":\"2.0\",\"result\":19,\"id\":1}\n", 0 },
    { "{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", \"params\": [23, 42], \"id\": 2}",
      "{\"jsonrpc\":\"2.0\",\"result\":-19,\"id\":2}\n", 0 },
    /* rpc call with named parameters */
    { "{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", "
      "\"params\": {\"subtrahend\": 23, \"minuend\": 42}, \"id\": 3}",
      "{\"jsonrpc\":\"2.0\",\"result\":19,\"id\":3}\n", 0 },
    { "{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", "
      "\"params\": {\"minuend\": 42, \"subtrahend\": 23}, \"id\": 4}",
      "{\"jsonrpc\":\"2.0\",\"result\":19,\"id\":4}\n", 0 },
    /* a Notification */
    { "{\"jsonrpc\": \"2.0\", \"method\": \"update\", \"params\": [1,2,3,4,5]}", "", 1 },
    { "{\"jsonrpc\": \"2.0\", \"method\": \"foobar\"}", "", 0 },
    /* rpc call of non-existent method */
    { "{\"jsonrpc\": \"2.0\", \"method\": \"foobar\", \"id\": \"1\"}",
      NOT_FOUND("foobar", "\"1\"") "\n", 0 },
    /* rpc call with invalid JSON */
    { "{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\": \"bar\", \"baz]",
      PARSE_ERROR("45: '}' expected near 'params'") "\n", 0 },
    /* rpc call with invalid Request object */
    { "{\"jsonrpc\": \"2.0\", \"method\": 1, \"params\": \"bar\"}",
      INVALID_REQUEST("\\\"method\\\" is not a string") "\n", 0 },
    /* rpc call Batch, invalid JSON */
    { "[ {\"jsonrpc\": \"2.0\", \"method\": \"sum\", \"params\": [1,2,4], \"id\": \"1\"}, "
      "{\"jsonrpc\": \"2.0\", \"method\" ]",
      PARSE_ERROR("98: ':' expected near ']'") "\n", 0 },
    /* rpc call with an empty Array */
    { "[]", INVALID_REQUEST("an empty batch") "\n", 0 },
    /* rpc call with an invalid Batch (but not empty) */
    { "[1]", "[" INVALID_REQUEST("not an object") "]\n", 0 },
    /* rpc call with invalid Batch */
    { "[1,2,3]",
      "[" INVALID_REQUEST("not an object") "," INVALID_REQUEST("not an object") "," INVALID_REQUEST(
          "not an object") "]\n",
      0 },
    /* rpc call Batch */
    { "[ {\"jsonrpc\": \"2.0\", \"method\": \"sum\", \"params\": [1,2,4], \"id\": \"1\"}, "
      "{\"jsonrpc\": \"2.0\", \"method\": \"notify_hello\", \"params\": [7]}, "
      "{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", \"params\": [42,23], \"id\": \"2\"}, "
      "{\"foo\": \"boo\"}, "
      "{\"jsonrpc\": \"2.0\", \"method\": \"foo.get\", \"params\": {\"name\": \"myself\"}, "
      "\"id\": \"5\"}, "
      "{\"jsonrpc\": \"2.0\", \"method\": \"get_data\", \"id\": \"9\"} ]",
      "[{\"jsonrpc\":\"2.0\",\"result\":7,\"id\":\"1\"},"
      "{\"jsonrpc\":\"2.0\",\"result\":19,\"id\":\"2\"}," INVALID_REQUEST(
          "\\\"jsonrpc\\\" is not \\\"2.0\\\"") "," NOT_FOUND("foo.get",
                                                              "\"5\"") ","
                                                                       "{\"jsonrpc\":\"2.0\","
                                                                       "\"result\":[\"hello\",5],"
                                                                       "\"id\":\"9\"}]\n",
      1 },
    /* rpc call Batch (all notifications) */
    { "[ {\"jsonrpc\": \"2.0\", \"method\": \"notify_sum\", \"params\": [1,2,4]}, "
      "{\"jsonrpc\": \"2.0\", \"method\": \"notify_hello\", \"params\": [7]} ]",
      "", 2 },
};

/* ---- a connection to send them over ---- */

struct server {
    struct state state;
    struct connections connections;
    struct dispatcher dispatcher;
    int client;
};

static void on_closed(void *context)
{
}

static const uint64_t memory = 1 << 20;

static void open_server(struct server *server)
{
    const struct access_peer peer = { .level = ACCESS_ADMIN };
    int fds[2];

    *server = (struct server){
        .dispatcher = { .state = &server->state,
                        .connections = &server->connections,
                        .tables = { methods_of_examples } },
        .connections = { .base = event_base_new(),
                         .on_line = dispatch_line,
                         .on_fault = dispatch_fault,
                         .context = &server->dispatcher,
                         .on_closed = on_closed },
    };
    TAILQ_INIT(&server->connections.list);
    budget_init(&server->connections.input, &memory);
    budget_init(&server->connections.output, &memory);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(event_base_priority_init(server->connections.base, CONNECTION_PRIORITIES), 0);
    assert_int_equal(connection_new(&server->connections, fds[0], &peer), 0);
    server->client = fds[1];
}

/* The client sends this and no more; the loop ends when everything is answered. */
static void converse(struct server *server, const char *text, char answer[static 4096])
{
    ssize_t n;

    assert_int_equal(write(server->client, text, strlen(text)), strlen(text));
    assert_int_equal(shutdown(server->client, SHUT_WR), 0);
    event_base_dispatch(server->connections.base);
    assert_int_equal(server->connections.count, 0);
    n = read(server->client, answer, 4095);
    assert_true(n >= 0);
    answer[n] = '\0';
}

static void close_server(struct server *server)
{
    close(server->client);
    connections_clear(&server->connections);
    event_base_free(server->connections.base);
}

static void check(const struct example *example, const char *end)
{
    struct server server;
    char answer[4096], request[1024];

    open_server(&server);
    notified = 0;
    snprintf(request, sizeof(request), "%s%s", example->request, end);
    converse(&server, request, answer);
    assert_string_equal(answer, example->answer);
    assert_int_equal(notified, example->notified);
    close_server(&server);
}

static void test_examples(void **state)
{
    for (size_t i = 0; i < ELEMENTS(examples); i++)
        check(&examples[i], "\n");
}

/* The last line needs no newline when nothing follows. */
static void test_without_newline(void **state)
{
    for (size_t i = 0; i < ELEMENTS(examples); i++)
        check(&examples[i], "");
}

/* All of them over one connection: none disturbs another. */
static void test_one_after_another(void **state)
{
    static char requests[8192], answers[8192];
    struct server server;
    char answer[4096];

    for (size_t i = 0; i < ELEMENTS(examples); i++) {
        strcat(strcat(requests, examples[i].request), "\n");
        strcat(answers, examples[i].answer);
    }
    open_server(&server);
    converse(&server, requests, answer);
    assert_string_equal(answer, answers);
    close_server(&server);
}

/* A request that was cut off at any byte is not carried out, unless only blanks are missing. */
static void test_cut_off(void **state)
{
    static const char request[] = "{\"jsonrpc\":\"2.0\",\"method\":\"update\",\"params\":[1]}";
    char part[sizeof(request)], answer[4096];

    for (size_t length = 1; length < strlen(request); length++) {
        struct server server;

        open_server(&server);
        notified = 0;
        snprintf(part, sizeof(part), "%.*s", (int)length, request);
        converse(&server, part, answer);
        assert_non_null(strstr(answer, "\"code\":-32700,"));
        assert_int_equal(notified, 0);
        close_server(&server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_without_newline),
        cmocka_unit_test(test_one_after_another),
        cmocka_unit_test(test_cut_off),
    };

    return RUN_TESTS("jsonrpc_examples", tests);
}
