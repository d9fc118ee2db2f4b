/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of created guests: what a builder says of them, what they are built by, and actions. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "created.h"
#include "fault.h"

#define UUID_TEXT "5a8bd2e6-ae5a-4fd3-9b5b-3c7e2b5f0f6d"

static const uint8_t uuid[DOMAIN_UUID_SIZE] = { 0x5a, 0x8b, 0xd2, 0xe6, 0xae, 0x5a, 0x4f, 0xd3,
                                                0x9b, 0x5b, 0x3c, 0x7e, 0x2b, 0x5f, 0x0f, 0x6d };

static json_t *json(const char *text)
{
    json_error_t error;
    json_t *object = json_loads(text, 0, &error);

    if (!object)
        fail_msg("%s in %s", error.text, text);
    return object;
}

/* All that facts can have. */
static json_t *whole(void)
{
    return json("{\"name\":\"guest1\",\"uuid\":\"" UUID_TEXT "\",\"max_memory\":131072,"
                "\"pci\":true,"
                "\"iomem\":[{\"host_address\":2147479552,\"size\":4096,"
                "\"guest_address\":973078528},"
                "{\"host_address\":1099511627776,\"size\":8192,\"guest_address\":4294967296}],"
                "\"taken\":[{\"address\":973082624,\"size\":12288}],"
                "\"compatible\":\"acme,shared\","
                "\"actions\":{\"poweroff\":\"destroy\",\"reboot\":\"restart\","
                "\"crash\":\"rename-restart\",\"watchdog\":\"coredump-destroy\","
                "\"soft_reset\":\"soft-reset\"}}");
}

static struct created_facts parse(json_t *object)
{
    struct created_facts facts;

    assert_int_equal(created_facts_parse(object, &facts), 0);
    json_decref(object);
    return facts;
}

static void test_facts_are_parsed(void **state)
{
    struct created_facts facts = parse(whole());

    assert_string_equal(facts.name, "guest1");
    assert_memory_equal(facts.uuid, uuid, sizeof(uuid));
    assert_true(facts.config.known);
    assert_true(facts.config.has_vpci);
    assert_int_equal(facts.config.maxmem_kib, 131072);
    assert_int_equal(facts.config.iomem_count, 2);
    assert_int_equal(facts.config.iomem[0].frames.first.v, 0x7ffff);
    assert_int_equal(facts.config.iomem[0].frames.count, 1);
    assert_int_equal(facts.config.iomem[0].gfn.v, 0x3a000);
    assert_int_equal(facts.config.iomem[1].frames.first.v, 0x10000000);
    assert_int_equal(facts.config.iomem[1].frames.count, 2);
    assert_int_equal(facts.taken_count, 1);
    assert_int_equal(facts.taken[0].first.v, 0x3a001);
    assert_int_equal(facts.taken[0].count, 3);
    assert_string_equal(facts.compatible, "acme,shared");
    created_facts_clear(&facts);
    assert_null(facts.taken);
    assert_null(facts.config.iomem);
}

static void test_facts_come_back(void **state)
{
    struct created_facts facts = parse(whole());
    json_t *described = created_facts_describe(&facts), *expected = whole();

    assert_true(json_equal(described, expected));
    json_decref(expected);
    created_facts_clear(&facts);
    facts = parse(described);
    assert_string_equal(facts.compatible, "acme,shared");
    created_facts_clear(&facts);
}

/* What a builder may leave out, and what has no whole pages. */
static void test_facts_with_less(void **state)
{
    json_t *object = whole();
    struct created_facts facts;

    json_object_del(object, "compatible");
    json_object_del(object, "iomem");
    json_object_del(object, "pci");
    json_object_set_new(object, "taken",
                        json("[{\"address\":973083136,\"size\":4096},{\"address\":0,\"size\":0},"
                             "{\"address\":973094911,\"size\":1}]"));
    facts = parse(object);
    assert_string_equal(facts.compatible, "");
    assert_false(facts.config.has_vpci);
    assert_int_equal(facts.config.iomem_count, 0);
    /* Each page that is touched; nothing is nothing. */
    assert_int_equal(facts.taken_count, 2);
    assert_int_equal(facts.taken[0].first.v, 0x3a001);
    assert_int_equal(facts.taken[0].count, 2);
    assert_int_equal(facts.taken[1].first.v, 0x3a003);
    assert_int_equal(facts.taken[1].count, 1);
    created_facts_clear(&facts);
}

/* A device tree may say anything; what is kept of it must be readable after a restart. */
static void test_facts_without_end(void **state)
{
    json_t *object = whole(), *described;
    struct created_facts facts;

    json_object_set_new(object, "taken",
                        json("[{\"address\":4097,\"size\":9223372036854775807},"
                             "{\"address\":9223372036854775807,\"size\":9223372036854775807}]"));
    facts = parse(object);
    described = created_facts_describe(&facts);
    created_facts_clear(&facts);
    facts = parse(described);
    assert_int_equal(facts.taken_count, 2);
    assert_int_equal(facts.taken[0].first.v, 1);
    assert_int_equal(facts.taken[0].count, INT64_MAX >> 12);
    created_facts_clear(&facts);
}

static void refuse(json_t *object)
{
    struct created_facts facts = { .name = "untouched" };

    if (created_facts_parse(object, &facts) != -EINVAL)
        fail_msg("accepted: %s", json_dumps(object, 0));
    assert_string_equal(facts.name, "untouched");
    json_decref(object);
}

/* With one key taken out, or with that text in its place. */
static json_t *spoilt(const char *key, const char *text)
{
    json_t *object = whole();

    if (text)
        json_object_set_new(object, key, json_loads(text, JSON_DECODE_ANY, NULL));
    else
        json_object_del(object, key);
    return object;
}

static void test_facts_that_make_no_sense(void **state)
{
    static const struct {
        const char *key, *text;
    } cases[] = {
        { "name", NULL },
        { "name", "\"\"" },
        { "name", "5" },
        { "uuid", NULL },
        { "uuid", "\"no uuid\"" },
        { "uuid", "\"" UUID_TEXT "0\"" },
        { "max_memory", NULL },
        { "max_memory", "-1" },
        { "max_memory", "\"much\"" },
        { "max_memory", "1.5" },
        { "iomem", "[5]" },
        { "iomem", "[{}]" },
        { "iomem", "[{\"host_address\":4096,\"size\":0,\"guest_address\":4096}]" },
        { "iomem", "[{\"host_address\":-4096,\"size\":4096,\"guest_address\":4096}]" },
        { "iomem", "[{\"host_address\":4096,\"size\":4096}]" },
        { "taken", "[{\"address\":4096}]" },
        { "taken", "[{\"address\":-1,\"size\":4096}]" },
        { "taken", "[\"x\"]" },
        { "compatible", "5" },
        { "actions", NULL },
        { "actions", "{}" },
        { "actions", "[]" },
        { "actions", "{\"poweroff\":\"destroy\",\"reboot\":\"restart\",\"crash\":\"explode\","
                     "\"watchdog\":\"destroy\",\"soft_reset\":\"soft-reset\"}" },
    };
    char text[2 * DOMAIN_NAME_MAX];

    for (size_t i = 0; i < ELEMENTS(cases); i++)
        refuse(spoilt(cases[i].key, cases[i].text));
    memset(text, 'x', sizeof(text));
    text[0] = text[DOMAIN_NAME_MAX + 1] = '"';
    text[DOMAIN_NAME_MAX + 2] = '\0';
    refuse(spoilt("name", text));
    text[CREATED_COMPATIBLE_MAX + 1] = '"';
    text[CREATED_COMPATIBLE_MAX + 2] = '\0';
    refuse(spoilt("compatible", text));
    refuse(json("{}"));
    refuse(json("[]"));
    refuse(NULL);
}

static void test_facts_without_memory(void **state)
{
    json_t *object = whole();
    struct created_facts facts;

    for (long n = 0;; n++) {
        int r;

        fault_after(n);
        r = created_facts_parse(object, &facts);
        if (!fault_end()) {
            assert_int_equal(r, 0);
            created_facts_clear(&facts);
            break;
        }
        assert_int_equal(r, -ENOMEM);
    }
    json_decref(object);
}

/* ---- actions */

static struct created *add(struct created_list *list, json_t *config)
{
    struct created_facts facts = parse(whole());
    struct created *created;

    assert_int_equal(created_add(list, &facts, config, &created), 0);
    json_decref(config);
    /* They were taken over. */
    assert_null(facts.config.iomem);
    return created;
}

static void test_actions(void **state)
{
    struct created_list list = TAILQ_HEAD_INITIALIZER(list);
    struct created *created = add(&list, json_object());

    assert_int_equal(created_action(created, DOMAIN_POWEROFF), CREATED_DESTROY);
    assert_int_equal(created_action(created, DOMAIN_REBOOT), CREATED_RESTART);
    assert_int_equal(created_action(created, DOMAIN_CRASH), CREATED_RENAME_RESTART);
    assert_int_equal(created_action(created, DOMAIN_WATCHDOG), CREATED_COREDUMP_DESTROY);
    assert_int_equal(created_action(created, DOMAIN_SOFT_RESET), CREATED_SOFT_RESET);
    assert_int_equal(created_action(created, (enum domain_shutdown)99), CREATED_DESTROY);
    created_list_clear(&list);
}

static void test_states(void **state)
{
    static const enum created_state states[] = { CREATED_BUILDING, CREATED_RUNNING,
                                                 CREATED_RESTARTING, CREATED_ENDING,
                                                 CREATED_PRESERVED };
    struct created_list list = TAILQ_HEAD_INITIALIZER(list);
    struct created *created = add(&list, json_object());
    enum created_state parsed;

    assert_int_equal(created->state, CREATED_BUILDING);
    for (size_t i = 0; i < ELEMENTS(states); i++) {
        assert_int_equal(created_state_parse(created_state_name(states[i]), &parsed), 0);
        assert_int_equal(parsed, states[i]);
        created->state = states[i];
        assert_int_equal(created_unsettled(created),
                         states[i] != CREATED_RUNNING && states[i] != CREATED_PRESERVED);
    }
    assert_int_equal(created_state_parse("jogging", &parsed), -EINVAL);
    assert_int_equal(created_state_parse("", &parsed), -EINVAL);
    created_list_clear(&list);
}

static void test_list(void **state)
{
    static const uint8_t other[DOMAIN_UUID_SIZE] = { 1 };
    struct created_list list = TAILQ_HEAD_INITIALIZER(list);
    struct created *created = add(&list, json_object());

    assert_ptr_equal(created_find(&list, uuid), created);
    assert_null(created_find(&list, other));
    assert_ptr_equal(created_find_name(&list, "guest1"), created);
    assert_null(created_find_name(&list, "guest"));
    created_remove(&list, created);
    assert_null(created_find(&list, uuid));
}

static void test_preserved(void **state)
{
    struct created_list list = TAILQ_HEAD_INITIALIZER(list);
    struct created *created = add(&list, json_object());

    for (uint32_t domid = 1; domid <= 5; domid++) {
        assert_int_equal(created_add_preserved(created, domid), 0);
        assert_int_equal(created_add_preserved(created, domid), 0);
    }
    assert_int_equal(created->preserved_count, 5);
    created_drop_preserved(created, 2);
    created_drop_preserved(created, 5);
    created_drop_preserved(created, 99);
    assert_int_equal(created->preserved_count, 3);
    for (uint32_t domid = 1; domid <= 5; domid++)
        assert_int_equal(created_has_preserved(created, domid), domid != 2 && domid != 5);
    fault_after(0);
    assert_int_equal(created_add_preserved(created, 7), -ENOMEM);
    assert_true(fault_end());
    assert_false(created_has_preserved(created, 7));
    created_list_clear(&list);
}

/* ---- what it is built by */

static const char before[] =
    "{\"c_info\":{\"name\":\"guest1\",\"uuid\":\"" UUID_TEXT "\",\"xsdata\":{\"vm-data/a\":\"1\"}},"
    "\"b_info\":{\"max_memkb\":131072,\"kernel\":\"/k\",\"cmdline\":\"console=hvc0\","
    "\"iomem\":[{\"start\":7,\"number\":1}]},\"disks\":[]}";
/* As libxl has it in the end: with what was added, a disk that came since, and another name. */
static const char in_the_end[] =
    "{\"c_info\":{\"name\":\"renamed\",\"uuid\":\"00000000-0000-0000-0000-000000000001\","
    "\"xsdata\":{\"vm-data/a\":\"1\",\"xenshm/guest1-0/size\":\"4096\"}},"
    "\"b_info\":{\"max_memkb\":131072,\"kernel\":\"/k\","
    "\"cmdline\":\"console=hvc0 uio_pdrv_genirq.of_id=uio-dev\",\"device_tree\":\"/run/x.dtb\","
    "\"iomem\":[{\"start\":7,\"number\":1},{\"start\":524287,\"number\":1,\"gfn\":237568}]},"
    "\"disks\":[{\"vdev\":\"xvdb\"}]}";
static const char again[] =
    "{\"c_info\":{\"name\":\"guest1\",\"uuid\":\"" UUID_TEXT "\",\"xsdata\":{\"vm-data/a\":\"1\"}},"
    "\"b_info\":{\"max_memkb\":131072,\"kernel\":\"/k\",\"cmdline\":\"console=hvc0\","
    "\"iomem\":[{\"start\":7,\"number\":1}]},\"disks\":[{\"vdev\":\"xvdb\"}]}";

static void update(const char *old, const char *current, const char *wanted)
{
    struct created_list list = TAILQ_HEAD_INITIALIZER(list);
    struct created *created = add(&list, json(old));
    json_t *object = json(current), *expected = json(wanted);

    created_update_config(created, object);
    assert_true(json_equal(created->config, expected));
    json_decref(expected);
    json_decref(object);
    created_list_clear(&list);
}

static void test_update_config(void **state)
{
    update(before, in_the_end, again);
    update(again, in_the_end, again);
}

/* What was not there before is not there afterwards. */
static void test_update_config_of_a_plain_one(void **state)
{
    update("{\"c_info\":{\"name\":\"guest1\",\"uuid\":\"" UUID_TEXT "\"},\"b_info\":{}}",
           in_the_end,
           "{\"c_info\":{\"name\":\"guest1\",\"uuid\":\"" UUID_TEXT "\"},"
           "\"b_info\":{\"max_memkb\":131072,\"kernel\":\"/k\"},\"disks\":[{\"vdev\":\"xvdb\"}]}");
}

static void test_update_config_with_nonsense(void **state)
{
    update(before, "{}", before);
    update(before, "{\"c_info\":{}}", before);
    update(before, "{\"c_info\":[],\"b_info\":{}}", before);
    update(before, "{\"c_info\":{},\"b_info\":5}", before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_are_parsed),
        cmocka_unit_test(test_facts_come_back),
        cmocka_unit_test(test_facts_with_less),
        cmocka_unit_test(test_facts_without_end),
        cmocka_unit_test(test_facts_that_make_no_sense),
        cmocka_unit_test(test_facts_without_memory),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_preserved),
        cmocka_unit_test(test_update_config),
        cmocka_unit_test(test_update_config_of_a_plain_one),
        cmocka_unit_test(test_update_config_with_nonsense),
    };

    return RUN_TESTS("created", tests);
}
