/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Results as structs: every member in its place, what is missing or of another kind, no memory. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "fault.h"
#include "shapes.h"
#include "xenshm.h"

#define GUEST "\"name\":\"g\",\"domid\":3,\"uuid\":\"u-1\""
#define ATTACHMENT                                                                                 \
    "{\"segment\":\"s\",\"pool\":\"p\",\"guest\":{" GUEST "},\"guest_address\":\"0x3a000000\","    \
    "\"host_address\":\"0xffffffffffffffff\",\"size\":4096,\"epoch\":7,\"state\":\"attached\"}"
#define SEGMENT                                                                                    \
    "{\"name\":\"s\",\"pool\":\"p\",\"host_address\":\"0x7ffff000\",\"size\":8192,\"kept\":true,"  \
    "\"epoch\":9223372036854775807,\"owner_uid\":12,\"state\":\"wiping\",\"new\":{\"a\":[1]},"     \
    "\"attachments\":[" ATTACHMENT "," ATTACHMENT "],\"progress\":{\"step\":\"wiping\","           \
    "\"done\":4096},\"clash\":[{" GUEST "}],\"opened\":2}"
#define BARE                                                                                       \
    "{\"name\":\"\",\"pool\":\"p\",\"host_address\":\"0x0\",\"size\":0,\"kept\":false,"            \
    "\"epoch\":0,\"owner_uid\":0,\"state\":\"ready\",\"attachments\":[]}"

static int decode(const struct shape *shape, const char *text, void *ret_struct)
{
    _cleanup_(cleanup_json) json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    const char *wrong;

    assert_non_null(value);
    return fields_decode(shape, value, ret_struct, &wrong);
}

static void assert_attachment(const struct xenshm_attachment *attachment)
{
    assert_string_equal(attachment->segment, "s");
    assert_string_equal(attachment->pool, "p");
    assert_string_equal(attachment->guest.name, "g");
    assert_int_equal(attachment->guest.domid, 3);
    assert_string_equal(attachment->guest.uuid, "u-1");
    assert_true(attachment->guest_address == 0x3a000000);
    assert_true(attachment->host_address == UINT64_MAX);
    assert_int_equal(attachment->size, 4096);
    assert_int_equal(attachment->epoch, 7);
    assert_string_equal(attachment->state, "attached");
    assert_null(attachment->warning);
}

static void test_segment(void **state)
{
    _cleanup_(cleanup_free) struct xenshm_segment *segment = NULL;

    assert_int_equal(decode(&shape_segment, SEGMENT, &segment), 0);
    assert_string_equal(segment->name, "s");
    assert_true(segment->host_address == 0x7ffff000);
    assert_int_equal(segment->size, 8192);
    assert_true(segment->kept);
    assert_true(segment->epoch == INT64_MAX);
    assert_int_equal(segment->owner_uid, 12);
    assert_string_equal(segment->progress->step, "wiping");
    assert_int_equal(segment->progress->done, 4096);
    assert_int_equal(segment->attachment_count, 2);
    assert_attachment(segment->attachments[0]);
    assert_attachment(segment->attachments[1]);
    assert_int_equal(segment->clash_count, 1);
    assert_string_equal(segment->clash[0]->name, "g");
    assert_int_equal(segment->opened, 2);
}

static void test_bare_segment(void **state)
{
    _cleanup_(cleanup_free) struct xenshm_segment *segment = NULL;

    assert_int_equal(decode(&shape_segment, BARE, &segment), 0);
    assert_string_equal(segment->name, "");
    assert_false(segment->kept);
    assert_null(segment->progress);
    assert_int_equal(segment->attachment_count, 0);
    assert_non_null(segment->attachments);
    assert_int_equal(segment->clash_count, 0);
    assert_non_null(segment->clash);
    assert_int_equal(segment->opened, 0);
}

static void test_lists(void **state)
{
    _cleanup_(cleanup_free) struct xenshm_segments *segments = NULL, *none = NULL;
    _cleanup_(cleanup_free) struct xenshm_pools *pools = NULL;

    assert_int_equal(decode(&shape_segments, "{\"segments\":[" BARE "," SEGMENT "]}", &segments),
                     0);
    assert_int_equal(segments->count, 2);
    assert_string_equal(segments->items[0]->state, "ready");
    assert_attachment(segments->items[1]->attachments[1]);
    assert_int_equal(decode(&shape_segments, "{\"segments\":[]}", &none), 0);
    assert_int_equal(none->count, 0);
    assert_non_null(none->items);
    assert_int_equal(decode(&shape_pools,
                            "{\"pools\":[{\"name\":\"a\",\"device\":\"/dev/uio0\","
                            "\"host_address\":\"0x1000\",\"size\":3,\"free\":2,"
                            "\"largest_free\":1,\"guest_address\":null}]}",
                            &pools),
                     0);
    assert_int_equal(pools->items[0]->free, 2);
    assert_int_equal(pools->items[0]->guest_address, 0);
}

static void test_status(void **state)
{
    _cleanup_(cleanup_free) struct xenshm_status *status = NULL;

    assert_int_equal(
        decode(&shape_status,
               "{\"version\":\"1\",\"uptime\":1.5,\"xen_version\":\"4.17\",\"counts\":{"
               "\"pools\":1,\"segments\":2,\"attachments\":3,\"guests\":4,\"connections\":5,"
               "\"operations\":6,\"builders\":7,\"bad_store_files\":8},\"limits\":{\"line\":1,"
               "\"batch\":2,\"batch_replies\":3,\"connections\":4,\"segments\":5,"
               "\"attachments_per_guest\":6,\"operations\":7,\"builders\":8},\"orders\":["
               "{\"segment\":\"s\",\"guests\":[\"a\",\"b\"],\"problem\":null},"
               "{\"segment\":\"t\",\"guests\":[],\"problem\":\"why\"}]}",
               &status),
        0);
    assert_true(status->uptime == 1.5);
    assert_int_equal(status->counts->bad_store_files, 8);
    assert_int_equal(status->limits->attachments_per_guest, 6);
    assert_int_equal(status->order_count, 2);
    assert_int_equal(status->orders[0]->guest_count, 2);
    assert_string_equal(status->orders[0]->guests[1], "b");
    assert_null(status->orders[0]->problem);
    assert_string_equal(status->orders[1]->problem, "why");
}

/* The state of a guest stands with its identity on the wire, beside it in the struct. */
static void test_created(void **state)
{
    _cleanup_(cleanup_free) struct xenshm_created *created = NULL;
    _cleanup_(cleanup_free) struct xenshm_destroyed *destroyed = NULL;

    assert_int_equal(decode(&shape_created,
                            "{\"guest\":{" GUEST
                            ",\"state\":\"running\"},\"attachments\":[" ATTACHMENT
                            "],\"warnings\":[\"mind\"]}",
                            &created),
                     0);
    assert_string_equal(created->guest.uuid, "u-1");
    assert_string_equal(created->state, "running");
    assert_attachment(created->attachments[0]);
    assert_string_equal(created->warnings[0], "mind");
    assert_int_equal(
        decode(&shape_destroyed, "{\"guest\":{" GUEST ",\"state\":\"destroyed\"}}", &destroyed), 0);
    assert_string_equal(destroyed->state, "destroyed");
}

static void assert_wrong(const struct shape *shape, const char *text, const char *member)
{
    _cleanup_(cleanup_json) json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    void *untouched = &value;
    const char *wrong = NULL;

    assert_int_equal(fields_decode(shape, value, &untouched, &wrong), -EPROTO);
    assert_ptr_equal(untouched, &value);
    assert_string_equal(wrong, member);
}

static void test_what_does_not_fit(void **state)
{
    assert_wrong(&shape_segments, "[]", "result");
    assert_wrong(&shape_segments, "null", "result");
    assert_wrong(&shape_segments, "{}", "segments");
    assert_wrong(&shape_segments, "{\"segments\":{}}", "segments");
    assert_wrong(&shape_segments, "{\"segments\":[7]}", "segments");
    assert_wrong(&shape_segments, "{\"segments\":[{}]}", "name");
    assert_wrong(&shape_segments, "{\"segments\":[{\"name\":1}]}", "name");
    assert_wrong(&shape_subscribed, "{\"seq\":-1}", "seq");
    assert_wrong(&shape_subscribed, "{\"seq\":1.0}", "seq");
    assert_wrong(&shape_subscribed, "{\"seq\":null}", "seq");
    assert_wrong(&shape_destroyed, "{\"guest\":[]}", "guest");
    assert_wrong(&shape_destroyed, "{\"guest\":{" GUEST "}}", "state");
    assert_wrong(&shape_pools, "{\"pools\":[{\"name\":\"a\",\"device\":\"d\",\"host_address\":1}]}",
                 "host_address");
    assert_wrong(&shape_pools,
                 "{\"pools\":[{\"name\":\"a\",\"device\":\"d\",\"host_address\":\"7\"}]}",
                 "host_address");
}

/* Each allocation fails once: nothing leaks, and nothing is half there. */
static void test_no_memory(void **state)
{
    _cleanup_(cleanup_json) json_t *value = json_loads(SEGMENT, 0, NULL);
    bool hit = true;

    for (long successes = 0; hit; successes++) {
        struct xenshm_segment *segment = NULL;
        const char *wrong;
        int r;

        fault_after(successes);
        r = fields_decode(&shape_segment, value, &segment, &wrong);
        hit = fault_end();
        assert_int_equal(r, hit ? -ENOMEM : 0);
        assert_true(hit == (segment == NULL));
        free(segment);
    }
}

static bool jansson_fails;

/* Once. */
static void *jansson_malloc(size_t size)
{
    bool fails = jansson_fails;

    jansson_fails = false;
    return fails ? NULL : malloc(size);
}

/* jansson has no memory for measuring a text, and some again for writing it. */
static void test_no_memory_for_text(void **state)
{
    struct xenshm_event *event = NULL;
    const char *wrong;
    json_t *value;

    json_set_alloc_funcs(jansson_malloc, free);
    value = json_loads("{\"seq\":1,\"type\":\"t\",\"time\":\"t\",\"object\":"
                       "{\"path\":\"/a/path/that/is/longer/than/the/rest/of/the/block\"}}",
                       0, NULL);
    jansson_fails = true;
    assert_int_equal(fields_decode(&shape_event, value, &event, &wrong), -ENOMEM);
    assert_false(jansson_fails);
    assert_null(event);
    json_decref(value);
    json_set_alloc_funcs(malloc, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment),   cmocka_unit_test(test_bare_segment),
        cmocka_unit_test(test_lists),     cmocka_unit_test(test_status),
        cmocka_unit_test(test_created),   cmocka_unit_test(test_what_does_not_fit),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_no_memory_for_text),
    };

    return RUN_TESTS("libxenshm_fields", tests);
}
