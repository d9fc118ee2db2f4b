/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a layout may say, and what is refused with its place named. */
#include "test.h"

#include <errno.h>

#include "fault.h"
#include "layout.h"
#include "layout_json.h"

#define SEGMENT(members) "{'version': 1, 'segments': [{'name': 'a', " members "}]}"
#define GUEST(members) SEGMENT("'size': 4096, 'guests': [{'guest': 'g'}, {" members "}]")

static void assert_refused(const char *text, const char *message)
{
    _cleanup_(cleanup_json) json_t *json = quoted_json(text);
    _cleanup_(layout_clear) struct layout layout;
    struct error error = { 0 };

    assert_int_equal(layout_read(json, &layout, &error), XENSHM_CONFIG_INVALID);
    assert_string_equal(error.message, message);
}

/* Its message only has to contain that. */
static void assert_refused_for(const char *text, const char *part)
{
    _cleanup_(cleanup_json) json_t *json = quoted_json(text);
    _cleanup_(layout_clear) struct layout layout;
    struct error error = { 0 };

    assert_int_equal(layout_read(json, &layout, &error), XENSHM_CONFIG_INVALID);
    if (!strstr(error.message, part))
        fail_msg("'%s' is not in '%s'", part, error.message);
}

static void test_everything(void **state)
{
    _cleanup_(cleanup_json) json_t *json =
        quoted_json("{'segments': [{'guests': [{'guest': 'g', 'address': '0x3a000000'},"
                    " {'address': 'identity', 'guest': 7}, {'guest': 'h'}], 'name': 'a.b-c_1',"
                    " 'size': '64K', 'pool': 'p', 'align': 8192, 'kept': true},"
                    " {'name': 'b', 'size': 5000, 'kept': false, 'guests': [{'guest': '1'}]}],"
                    " 'version': 1}");
    _cleanup_(layout_clear) struct layout layout;
    const struct layout_segment *a, *b;
    struct error error = { 0 };

    assert_int_equal(layout_read(json, &layout, &error), 0);
    assert_int_equal(layout.segment_count, 2);
    a = &layout.segments[0];
    b = &layout.segments[1];
    assert_string_equal(a->name, "a.b-c_1");
    assert_string_equal(a->pool, "p");
    assert_int_equal(a->size, 65536);
    assert_int_equal(a->align, 8192);
    assert_true(a->kept);
    assert_int_equal(a->guest_count, 3);
    assert_string_equal(a->guests[0].called, "g");
    assert_int_equal(a->guests[0].address.kind, PARAMS_ADDRESS_GIVEN);
    assert_int_equal(a->guests[0].address.value, 0x3a000000);
    assert_string_equal(a->guests[1].called, "7");
    assert_int_equal(a->guests[1].address.kind, PARAMS_ADDRESS_IDENTITY);
    assert_int_equal(a->guests[2].address.kind, PARAMS_ADDRESS_NONE);
    assert_null(b->pool);
    assert_int_equal(b->size, 8192);
    assert_int_equal(b->size_said, 5000);
    assert_int_equal(b->align, 0);
    assert_false(b->kept);
}

static void test_the_least(void **state)
{
    _cleanup_(cleanup_json) json_t *json = quoted_json(SEGMENT("'size': 4096, 'guests': []"));
    _cleanup_(layout_clear) struct layout layout;
    struct error error = { 0 };

    assert_int_equal(layout_read(json, &layout, &error), 0);
    assert_true(layout.segments[0].kept);
    assert_int_equal(layout.segments[0].guest_count, 0);
}

static void test_the_whole(void **state)
{
    assert_refused_for("[]", "a layout is an object");
    assert_refused_for("null", "a layout is an object");
    assert_refused("{}", "'version' is missing");
    assert_refused("{'version': 1}", "'segments' is missing");
    assert_refused("{'version': 2, 'segments': []}", "version 2 of layouts is not known, only 1");
    assert_refused("{'version': '1', 'segments': []}", "'version' must be the number 1");
    assert_refused("{'version': 1, 'segments': {}}", "'segments' must be an array");
    assert_refused("{'version': 1, 'segments': [], 'more': 1}",
                   "'more' is not known here; what may stand here: version, segments");
    assert_refused_for("{'version': 1, 'segments': [5]}", "segments[0]: a segment is an object");
}

static void test_places(void **state)
{
    assert_refused(SEGMENT("'size': 4096, 'gests': []"),
                   "segments[0] (segment 'a'): 'gests' is not known here; what may stand here: "
                   "name, size, pool, align, kept, guests");
    assert_refused(SEGMENT("'size': 4096"), "segments[0] (segment 'a'): 'guests' is missing");
    assert_refused(GUEST("'guest': 'h', 'adress': 1"),
                   "segments[0].guests[1] (segment 'a'): 'adress' is not known here; what may "
                   "stand here: guest, address");
    assert_refused(GUEST("'address': 'identity'"),
                   "segments[0].guests[1] (segment 'a'): 'guest' is missing");
    assert_refused_for("{'version': 1, 'segments': [{'name': 'a', 'size': 4096, 'guests': []},"
                       " {'size': 4096, 'guests': []}]}",
                       "segments[1]: 'name' is missing");
    assert_refused("{'version': 1, 'segments': [{'name': 'a', 'size': 4096, 'guests': []},"
                   " {'name': 'b', 'size': 4096, 'guests': []},"
                   " {'name': 'a', 'size': 4096, 'guests': []}]}",
                   "segments[2] (segment 'a'): segments[0] has that name already");
}

static void test_names(void **state)
{
    static const char *const names[] = { "''", "'.a'", "'a b'", "'a/b'", "5", "null" };

    for (size_t i = 0; i < ELEMENTS(names); i++) {
        char text[128];

        snprintf(text, sizeof(text),
                 "{'version': 1, 'segments': [{'name': %s, 'size': 4096, 'guests': []}]}",
                 names[i]);
        assert_refused_for(text, "segments[0]: 'name' must be a letter or digit");
    }
}

static void test_sizes(void **state)
{
    assert_refused_for(SEGMENT("'size': 0, 'guests': []"), "'size' is zero");
    assert_refused_for(SEGMENT("'size': '0K', 'guests': []"), "'size' is zero");
    assert_refused_for(SEGMENT("'size': -1, 'guests': []"), "'size' must be a number of bytes");
    assert_refused_for(SEGMENT("'size': '4Q', 'guests': []"), "'size' must be a number of bytes");
    assert_refused_for(SEGMENT("'size': 4096.0, 'guests': []"), "'size' must be a number");
    assert_refused_for(SEGMENT("'size': true, 'guests': []"), "'size' must be a number");
    assert_refused_for(SEGMENT("'size': '8589934592G', 'guests': []"), "'size' is too large");
    assert_refused_for(SEGMENT("'size': 9223372036854775807, 'guests': []"), "is too large");
    assert_refused_for(SEGMENT("'size': 1, 'align': 2048, 'guests': []"), "power of two");
    assert_refused_for(SEGMENT("'size': 1, 'align': '12K', 'guests': []"), "power of two");
    assert_refused_for(SEGMENT("'size': 1, 'align': [], 'guests': []"), "'align' must be");
}

static void test_other_members(void **state)
{
    assert_refused_for(SEGMENT("'size': 1, 'pool': '', 'guests': []"), "'pool' must be the name");
    assert_refused_for(SEGMENT("'size': 1, 'pool': 1, 'guests': []"), "'pool' must be the name");
    assert_refused_for(SEGMENT("'size': 1, 'kept': 1, 'guests': []"), "'kept' must be true or");
    assert_refused_for(SEGMENT("'size': 1, 'guests': 'g'"), "'guests' must be an array");
    assert_refused_for(SEGMENT("'size': 1, 'guests': ['g']"), "guests[0] (segment 'a'): a guest");
    assert_refused_for(SEGMENT("'size': 1, 'kept': false, 'guests': []"), "name a guest");
    assert_refused_for(SEGMENT("'size': 1, 'kept': false, 'align': 4096,"
                               " 'guests': [{'guest': 'g'}]"),
                       "'align' is for kept segments only");
}

static void test_guests(void **state)
{
    static const char *const addresses[] = { "'0x'",   "'3a000000'", "978321408", "'IDENTITY'",
                                             "'0x1g'", "''",         "null" };

    assert_refused_for(GUEST("'guest': ''"), "'guest' must be a guest's name");
    assert_refused_for(GUEST("'guest': -1"), "'guest' must be a guest's name");
    assert_refused_for(GUEST("'guest': 1.5"), "'guest' must be a guest's name");
    assert_refused_for(GUEST("'guest': 'h', 'address': '0x3a000800'"), "not a multiple");
    for (size_t i = 0; i < ELEMENTS(addresses); i++) {
        char text[160];

        snprintf(text, sizeof(text), GUEST("'guest': 'h', 'address': %s"), addresses[i]);
        assert_refused_for(text, "guests[1] (segment 'a'): 'address' must be a string like");
    }
}

/* A name of 255 bytes is the longest. */
static void test_long_guests(void **state)
{
    for (size_t length = 254; length <= 256; length++) {
        _cleanup_(layout_clear) struct layout layout;
        _cleanup_(cleanup_json) json_t *json = quoted_json(GUEST("'guest': 'h'"));
        json_t *segment = json_array_get(json_object_get(json, "segments"), 0);
        json_t *guest = json_array_get(json_object_get(segment, "guests"), 1);
        struct error error = { 0 };
        char name[300] = "";

        memset(name, 'n', length);
        json_object_set_new(guest, "guest", json_string(name));
        assert_int_equal(layout_read(json, &layout, &error),
                         length < 256 ? 0 : XENSHM_CONFIG_INVALID);
    }
}

static void test_no_memory(void **state)
{
    _cleanup_(cleanup_json) json_t *json =
        quoted_json(GUEST("'guest': 'h', 'address': 'identity'"));
    bool hit;

    for (long n = 0;; n++) {
        struct error error = { 0 };
        struct layout layout;
        int r;

        fault_after(n);
        r = layout_read(json, &layout, &error);
        hit = fault_end();
        assert_int_equal(r, hit ? -ENOMEM : 0);
        assert_int_equal(error.code, 0);
        layout_clear(&layout);
        if (!hit)
            break;
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),    cmocka_unit_test(test_the_least),
        cmocka_unit_test(test_the_whole),     cmocka_unit_test(test_places),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_other_members), cmocka_unit_test(test_guests),
        cmocka_unit_test(test_long_guests),   cmocka_unit_test(test_no_memory),
    };

    layout_faults();
    return RUN_TESTS("layout", tests);
}
