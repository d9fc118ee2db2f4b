/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text that grows, and JSON values as text: as the JSON library writes them, byte for byte. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "message.h"
#include "text.h"

static void assert_same(json_t *value)
{
    char *ours = message_text(value);
    char *theirs = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    assert_non_null(ours);
    assert_string_equal(ours, theirs);
    free(ours);
    free(theirs);
    json_decref(value);
}

static void test_scalars(void **state)
{
    assert_same(json_null());
    assert_same(json_true());
    assert_same(json_false());
    assert_same(json_integer(0));
    assert_same(json_integer(-1));
    assert_same(json_integer(INT64_MAX));
    assert_same(json_integer(INT64_MIN));
    assert_same(json_integer(1000000));
    assert_same(json_real(0.0));
    assert_same(json_real(-0.1));
    assert_same(json_real(1e300));
    assert_same(json_real(5e-324));
    assert_same(json_real(-1.7976931348623157e308));
}

static void test_every_character(void **state)
{
    char one[2] = "", all[256];
    size_t length = 0;

    for (int c = 1; c < 128; c++) {
        one[0] = all[length++] = (char) c;
        assert_same(json_string(one));
    }
    all[length] = '\0';
    assert_same(json_string(all));
    assert_same(json_string(""));
    assert_same(json_string("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7 \x7f"));
    assert_same(json_stringn("a\0b", 3));
}

static void test_containers(void **state)
{
    assert_same(json_object());
    assert_same(json_array());
    assert_same(json_pack("[[], {}, [[]], {s:[]}, n]", "a"));
    assert_same(json_pack("{s:i, s:[i, s, b, n], s:{s:f}}", "b", 1, "a", -2, "x\"y", 1, "\n", "r",
                          0.5));
}

static uint64_t random_state = 88172645463325252u;

static unsigned random_below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned) (random_state >> 11) % limit;
}

static json_t *random_string(void)
{
    static const char *const pieces[] = { "a", "\"", "\\", "\x01", "\xc3\xa4", "/", "\t", " ", "0" };
    char text[64] = "";

    for (unsigned i = random_below(20); i > 0; i--)
        strcat(text, pieces[random_below(ELEMENTS(pieces))]);
    return json_string(text);
}

static json_t *random_value(unsigned depth)
{
    unsigned kind = random_below(depth > 0 ? 8 : 5), count = random_below(6);
    json_t *value;

    switch (kind) {
    case 0:
        return json_integer((json_int_t) random_state);
    case 1:
        return json_real((double) random_state / 7);
    case 2:
        return random_below(2) ? json_null() : json_boolean(random_below(2));
    case 3:
    case 4:
        return random_string();
    case 5:
        value = json_array();
        while (count-- > 0)
            json_array_append_new(value, random_value(depth - 1));
        return value;
    default:
        value = json_object();
        while (count-- > 0) {
            json_t *key = random_string();

            json_object_set_new(value, json_string_value(key), random_value(depth - 1));
            json_decref(key);
        }
        return value;
    }
}

static void test_random_trees(void **state)
{
    for (int i = 0; i < 20000; i++)
        assert_same(random_value(5));
}

/* Long enough to outgrow the first piece of memory several times, and at each boundary. */
static void test_growth(void **state)
{
    char *long_text = malloc(20001);

    assert_non_null(long_text);
    for (size_t length = 500; length < 530; length++) {
        memset(long_text, 'x', length);
        long_text[length] = '\0';
        assert_same(json_string(long_text));
    }
    memset(long_text, '\n', 20000);
    long_text[20000] = '\0';
    assert_same(json_string(long_text));
    free(long_text);
}

static void test_numbers(void **state)
{
    struct text text;
    char *made;

    text_init(&text);
    text_put_hex(&text, 0);
    text_put_char(&text, ' ');
    text_put_hex(&text, UINT64_MAX);
    text_put_char(&text, ' ');
    text_put_hex(&text, 0x3a000000);
    text_put_char(&text, ' ');
    text_put_integer(&text, INT64_MIN);
    text_puts(&text, "");
    made = text_finish(&text);
    assert_string_equal(made, "0x0 0xffffffffffffffff 0x3a000000 -9223372036854775808");
    free(made);
}

static void test_out_of_memory(void **state)
{
    json_t *value = json_array();
    long successes = 0;
    char *made;

    for (int i = 0; i < 5000; i++)
        json_array_append_new(value, json_integer(i));
    do {
        fault_after(successes++);
        made = message_text(value);
        if (fault_end())
            assert_null(made);
        else
            break;
    } while (!made);
    assert_true(successes > 3);
    assert_non_null(made);
    free(made);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),      cmocka_unit_test(test_every_character),
        cmocka_unit_test(test_containers),   cmocka_unit_test(test_random_trees),
        cmocka_unit_test(test_growth),       cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_out_of_memory),
    };

    return RUN_TESTS("text", tests);
}
