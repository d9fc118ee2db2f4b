/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables: each kind with what it takes and what it refuses. */
#include "test.h"

#include <string.h>

#include "message.h"
#include "params.h"

struct args {
    const char *text;
    const char *name;
    char guest[PARAMS_GUEST_MAX];
    uint64_t size;
    uint64_t number;
    bool flag;
    struct params_address address;
    struct params_address place;
    json_t *list;
    json_t *any;
    const char *needed;
};

static const struct params_field fields[] = {
    PARAMS_FIELD(PARAMS_STRING, struct args, text, false, ""),
    PARAMS_FIELD(PARAMS_NAME, struct args, name, false, ""),
    PARAMS_FIELD(PARAMS_GUEST, struct args, guest, false, ""),
    PARAMS_FIELD(PARAMS_SIZE, struct args, size, false, ""),
    PARAMS_FIELD(PARAMS_INTEGER, struct args, number, false, ""),
    PARAMS_FIELD(PARAMS_BOOL, struct args, flag, false, ""),
    PARAMS_FIELD(PARAMS_ADDRESS, struct args, address, false, ""),
    PARAMS_FIELD(PARAMS_PLACE, struct args, place, false, ""),
    PARAMS_FIELD(PARAMS_STRINGS, struct args, list, false, ""),
    PARAMS_FIELD(PARAMS_JSON, struct args, any, false, ""),
    PARAMS_FIELD(PARAMS_STRING, struct args, needed, true, ""),
    PARAMS_END,
};

/* Decodes {"needed": "x", `member`}; *ret_params keeps what it borrows. */
static int decode(const char *member, struct args *args, json_t **ret_params)
{
    struct error error = { 0 };
    char text[70000];
    int r;

    snprintf(text, sizeof(text), "{\"needed\":\"x\"%s%s}", member[0] ? "," : "", member);
    *ret_params = json_loads(text, 0, NULL);
    assert_non_null(*ret_params);
    *args = (struct args){ 0 };
    r = params_decode(fields, *ret_params, args, &error);
    assert_int_equal(r, error.code);
    if (r == 0)
        assert_string_equal(args->needed, "x");
    return r;
}

static void refuse(const char *member)
{
    struct args args;
    json_t *params;
    int r = decode(member, &args, &params);

    if (r != MESSAGE_INVALID_PARAMS)
        fail_msg("%s: %d", member, r);
    json_decref(params);
}

static void accept(const char *member, struct args *args)
{
    json_t *params;
    int r = decode(member, args, &params);

    if (r != 0)
        fail_msg("%s: %d", member, r);
    json_decref(params);
}

static void refuse_all(const char *field, const char *const values[])
{
    char member[512];

    for (size_t i = 0; values[i]; i++) {
        snprintf(member, sizeof(member), "\"%s\":%s", field, values[i]);
        refuse(member);
    }
}

#define REFUSE(field, ...) refuse_all(field, (const char *const[]){ __VA_ARGS__, NULL })

static void test_strings(void **state)
{
    struct args args;
    json_t *params;

    assert_int_equal(decode("\"text\":\"\"", &args, &params), 0);
    assert_string_equal(args.text, "");
    json_decref(params);
    REFUSE("text", "1", "null", "true", "[]", "{}", "1.5");
    assert_int_equal(decode("\"name\":\"a.B_c-9\"", &args, &params), 0);
    assert_string_equal(args.name, "a.B_c-9");
    json_decref(params);
    REFUSE("name", "\"\"", "\".a\"", "\"-a\"", "\"_a\"", "\"a/b\"", "\"a b\"", "\"\xc3\xa4\"",
           "\"a\\n\"", "1", "null");
}

static void test_name_length(void **state)
{
    char name[PARAMS_NAME_MAX + 2];

    memset(name, 'x', sizeof(name));
    name[PARAMS_NAME_MAX] = '\0';
    assert_true(params_name_valid(name));
    name[PARAMS_NAME_MAX] = 'x';
    name[PARAMS_NAME_MAX + 1] = '\0';
    assert_false(params_name_valid(name));
}

static void test_guests(void **state)
{
    char member[600], name[300];
    struct args args;

    accept("\"guest\":\"a b\"", &args);
    assert_string_equal(args.guest, "a b");
    accept("\"guest\":7", &args);
    assert_string_equal(args.guest, "7");
    accept("\"guest\":9223372036854775807", &args);
    assert_string_equal(args.guest, "9223372036854775807");
    memset(name, 'x', sizeof(name));
    name[PARAMS_GUEST_MAX - 1] = '\0';
    snprintf(member, sizeof(member), "\"guest\":\"%s\"", name);
    accept(member, &args);
    assert_string_equal(args.guest, name);
    name[PARAMS_GUEST_MAX - 1] = 'x';
    name[PARAMS_GUEST_MAX] = '\0';
    snprintf(member, sizeof(member), "\"guest\":\"%s\"", name);
    refuse(member);
    REFUSE("guest", "\"\"", "-1", "1.5", "null", "true", "[]", "{}");
}

static void test_numbers(void **state)
{
    struct args args;

    accept("\"size\":1", &args);
    assert_int_equal(args.size, 1);
    accept("\"size\":9223372036854775807", &args);
    assert_true(args.size == INT64_MAX);
    REFUSE("size", "0", "-1", "1.0", "\"1\"", "null", "true", "1e3");
    accept("\"number\":0", &args);
    assert_int_equal(args.number, 0);
    REFUSE("number", "-1", "-9223372036854775808", "0.0", "\"0\"", "null", "false");
    accept("\"flag\":true", &args);
    assert_true(args.flag);
    accept("\"flag\":false", &args);
    assert_false(args.flag);
    REFUSE("flag", "0", "1", "\"true\"", "null");
}

static void test_addresses(void **state)
{
    struct args args;

    accept("", &args);
    assert_int_equal(args.address.kind, PARAMS_ADDRESS_NONE);
    accept("\"address\":\"0x3A000000\"", &args);
    assert_int_equal(args.address.kind, PARAMS_ADDRESS_GIVEN);
    assert_int_equal(args.address.value, 0x3a000000);
    accept("\"address\":\"0xffffffffffffffff\"", &args);
    assert_true(args.address.value == UINT64_MAX);
    REFUSE("address", "\"identity\"", "\"\"", "\"0x\"", "\"3a\"", "\"0X3a\"", "\"0x3g\"",
           "\" 0x3\"", "\"0x3 \"", "\"-0x3\"", "\"0x00000000000000003\"", "4096", "null");
    accept("\"place\":\"identity\"", &args);
    assert_int_equal(args.place.kind, PARAMS_ADDRESS_IDENTITY);
    accept("\"place\":\"0x0\"", &args);
    assert_int_equal(args.place.kind, PARAMS_ADDRESS_GIVEN);
    REFUSE("place", "\"Identity\"", "\"identity \"", "0", "null");
}

static void test_lists(void **state)
{
    struct args args;
    json_t *params;

    assert_int_equal(decode("\"list\":[]", &args, &params), 0);
    assert_int_equal(json_array_size(args.list), 0);
    json_decref(params);
    assert_int_equal(decode("\"list\":[\"a\",\"\",\"a\"]", &args, &params), 0);
    assert_int_equal(json_array_size(args.list), 3);
    json_decref(params);
    REFUSE("list", "1", "null", "true", "{}", "\"a\"", "[1]", "[\"a\",null]", "[[]]");
}

static void test_any(void **state)
{
    struct args args;
    json_t *params;

    assert_int_equal(decode("\"any\":null", &args, &params), 0);
    assert_true(json_is_null(args.any));
    json_decref(params);
    assert_int_equal(decode("\"any\":{\"x\":1}", &args, &params), 0);
    assert_true(json_is_object(args.any));
    json_decref(params);
}

static void check_refusal(json_t *params, const char *part)
{
    struct error error = { 0 };
    struct args args = { 0 };

    assert_int_equal(params_decode(fields, params, &args, &error), MESSAGE_INVALID_PARAMS);
    if (!strstr(error.message, part))
        fail_msg("'%s' does not have '%s'", error.message, part);
    json_decref(params);
}

static void test_refusals_name_the_field(void **state)
{
    struct error error = { 0 };
    struct args args = { 0 };

    check_refusal(NULL, "'needed' is missing");
    check_refusal(json_object(), "'needed' is missing");
    check_refusal(json_pack("{s:s, s:i}", "needed", "x", "Size", 1), "'Size' is not a parameter");
    check_refusal(json_pack("{s:s, s:i}", "needed", "x", "", 1), "'' is not a parameter");
    check_refusal(json_pack("{s:s, s:i}", "needed", "x", "size", 0), "'size' must be");
    check_refusal(json_pack("{s:n}", "needed"), "'needed' must be");
    check_refusal(json_pack("[s]", "x"), "by name");
    check_refusal(json_array(), "by name");
    /* The first refusal of a request wins. */
    error_set(&error, XENSHM_BUSY, "before");
    assert_int_equal(params_decode(fields, NULL, &args, &error), XENSHM_BUSY);
}

/* The schema of each kind takes what the decoder takes, as far as a schema can say. */
static void test_schemas(void **state)
{
    for (const struct params_field *field = fields; field->name; field++) {
        json_t *schema = json_loads(params_schema(field), 0, NULL);

        assert_true(json_is_object(schema));
        assert_true(field->type == PARAMS_JSON || json_object_get(schema, "type"));
        json_decref(schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),   cmocka_unit_test(test_name_length),
        cmocka_unit_test(test_guests),    cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_any),       cmocka_unit_test(test_refusals_name_the_field),
        cmocka_unit_test(test_schemas),
    };

    return RUN_TESTS("params", tests);
}
