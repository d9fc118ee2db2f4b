/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration file: what is read of it, above all its segments, and what is refused. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "fault.h"

static char path[] = "/tmp/test-config-XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int remove_file(void **state)
{
    return unlink(path);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int read_text(const char *text, struct config *config, struct error *error)
{
    *error = (struct error){ 0 };
    write_file(text);
    assert_int_equal(config_init(config), 0);
    return config_read(config, path, error);
}

static void read_good(const char *text, struct config *config)
{
    struct error error;

    if (read_text(text, config, &error) != 0)
        fail_msg("%s: %s", text, error.message);
}

/* It must be refused with "FILE:LINE: KEY: " and, behind that, `reason` somewhere. */
static void assert_bad(const char *text, int line, const char *key, const char *reason)
{
    struct config config;
    struct error error;
    char start[128];

    assert_int_equal(read_text(text, &config, &error), XENSHM_CONFIG_INVALID);
    config_clear(&config);
    snprintf(start, sizeof(start), "%s:%d: %s: ", path, line, key);
    if (strncmp(error.message, start, strlen(start)) != 0 ||
        !strstr(error.message + strlen(start), reason))
        fail_msg("'%s' gives '%s', not '%s...%s'", text, error.message, start, reason);
}

static void assert_list(char **list, size_t count, const char *const *expected)
{
    for (size_t i = 0; i < count; i++)
        assert_string_equal(list[i], expected[i]);
    assert_null(list[count]);
}

#define ASSERT_LIST(list, ...)                                                                     \
    assert_list(list, ELEMENTS(((const char *const[]){ __VA_ARGS__ })),                            \
                (const char *const[]){ __VA_ARGS__ })

static void test_defaults(void **state)
{
    struct config config;

    read_good("", &config);
    assert_string_equal(config.path, path);
    assert_int_equal(config.restart_grace, 60000);
    assert_int_equal(config.holder_wait, 5000);
    assert_int_equal(config.overflow_wait, 60000);
    assert_int_equal(config.event_backlog, 2 << 20);
    assert_int_equal(config.order_count, 0);
    config_clear(&config);
    /* An empty one. */
    config_clear(&config);
    assert_int_equal(config_init(&config), 0);
    assert_null(config.path);
    config_clear(&config);
}

static void test_restart_grace(void **state)
{
    static const char *const bad[] = { "", "-1", "3601", "1.5", "1s", "0x10", "ten" };
    struct config config;
    char text[64];

    read_good("[daemon]\nrestart-grace = 0\n", &config);
    assert_int_equal(config.restart_grace, 0);
    config_clear(&config);
    read_good("[daemon]\nrestart-grace = 3600\n", &config);
    assert_int_equal(config.restart_grace, 3600000);
    config_clear(&config);
    for (size_t i = 0; i < ELEMENTS(bad); i++) {
        snprintf(text, sizeof(text), "[daemon]\nrestart-grace = %s\n", bad[i]);
        assert_bad(text, 2, "restart-grace", "not a legal value");
    }
}

static void test_event_backlog(void **state)
{
    static const char *const bad[] = { "", "0", "65535", "65M", "2 M", "-64K", "much" };
    struct config config;
    char text[64];

    read_good("[limits]\nevent-backlog = 64K\n", &config);
    assert_int_equal(config.event_backlog, 65536);
    config_clear(&config);
    read_good("[limits]\nevent-backlog = 67108864\n", &config);
    assert_int_equal(config.event_backlog, 64 << 20);
    config_clear(&config);
    for (size_t i = 0; i < ELEMENTS(bad); i++) {
        snprintf(text, sizeof(text), "[limits]\nevent-backlog = %s\n", bad[i]);
        assert_bad(text, 2, "event-backlog", "not a legal value");
    }
}

static void test_segments(void **state)
{
    const struct config_order *order;
    struct config config;

    read_good("[segment whole]\nsize = 64K\npool = low\nalign = 2M\n"
              "guests = alpha, 11111111-2222-3333-4444-55555555aaaa beta\naddress = 0x3a000000\n"
              "[daemon]\nlog-level = debug\n"
              "\t[segment a.b_c-9] ; comment\n  size = 4097\n  address = identity\n"
              "[segment last]\nalign=4096\nsize=1G",
              &config);
    assert_int_equal(config.order_count, 3);
    assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);

    order = &config.orders[0];
    assert_string_equal(order->name, "whole");
    assert_string_equal(order->pool, "low");
    assert_int_equal(order->size, 65536);
    assert_int_equal(order->align, 2 << 20);
    ASSERT_LIST(order->guests, "alpha", "11111111-2222-3333-4444-55555555aaaa", "beta");
    assert_int_equal(order->address.kind, PARAMS_ADDRESS_GIVEN);
    assert_int_equal(order->address.value, 0x3a000000);
    assert_int_equal(order->line, 1);

    order = &config.orders[1];
    assert_string_equal(order->name, "a.b_c-9");
    assert_null(order->pool);
    assert_int_equal(order->size, 8192);
    assert_int_equal(order->align, 0);
    assert_non_null(order->guests);
    assert_null(order->guests[0]);
    assert_int_equal(order->address.kind, PARAMS_ADDRESS_IDENTITY);
    assert_int_equal(order->line, 9);

    order = &config.orders[2];
    assert_string_equal(order->name, "last");
    assert_int_equal(order->size, 1 << 30);
    assert_int_equal(order->align, 4096);
    assert_int_equal(order->address.kind, PARAMS_ADDRESS_NONE);
    config_clear(&config);
}

static void test_the_last_key_counts(void **state)
{
    struct config config;

    read_good("[segment a]\nsize = 64K\nsize = 4K\npool = x\npool = y\nguests = a, b\n"
              "guests = c\naddress = 0x3a000000\naddress = identity\nalign = 2M\nalign = 8K\n",
              &config);
    assert_int_equal(config.order_count, 1);
    assert_int_equal(config.orders[0].size, 4096);
    assert_string_equal(config.orders[0].pool, "y");
    ASSERT_LIST(config.orders[0].guests, "c");
    assert_int_equal(config.orders[0].address.kind, PARAMS_ADDRESS_IDENTITY);
    assert_int_equal(config.orders[0].address.value, 0);
    assert_int_equal(config.orders[0].align, 8192);
    config_clear(&config);
    read_good("[segment a]\nsize = 64K\nguests = a\nguests =\n", &config);
    assert_null(config.orders[0].guests[0]);
    config_clear(&config);
}

static void test_names(void **state)
{
    static const char *const bad[] = {
        "[segment ]",    "[segment]",     "[segment  a]", "[segment a ]",  "[segment -a]",
        "[segment a/b]", "[segment a b]", "[segment ..]", "[segment a;b]", "[segment \xc3\xa4]",
    };
    char name[PARAMS_NAME_MAX + 2], text[128];
    struct config config;

    for (size_t i = 0; i < ELEMENTS(bad); i++) {
        snprintf(text, sizeof(text), "\n%s\nsize = 4K\n", bad[i]);
        assert_bad(text, 2, "segment", "is not a name");
        snprintf(text, sizeof(text), "\n%s", bad[i]);
        assert_bad(text, 2, "segment", "is not a name");
    }
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(text, sizeof(text), "[segment %s]\nsize = 4K\n", name);
    assert_bad(text, 1, "segment", "is not a name");
    name[PARAMS_NAME_MAX] = '\0';
    snprintf(text, sizeof(text), "[segment %s]\nsize = 4K\n", name);
    read_good(text, &config);
    assert_string_equal(config.orders[0].name, name);
    config_clear(&config);
}

static void test_a_name_twice(void **state)
{
    struct config config;

    assert_bad("\n[segment a]\nsize = 4K\n[segment b]\nsize = 4K\n[segment a]\n", 6, "segment",
               "'a' is in line 2 already");
    read_good("[segment a]\nsize = 4K\n[segment A]\nsize = 4K\n", &config);
    assert_int_equal(config.order_count, 2);
    config_clear(&config);
}

static void test_a_missing_size(void **state)
{
    assert_bad("[segment a]\n", 1, "size", "'a'");
    assert_bad("[segment a]", 1, "size", "'a'");
    assert_bad("[segment a]\nsize = 4K\n\n[segment b]\nguests = x\n[daemon]\n", 4, "size", "'b'");
    /* What is wrong in a line is told first. */
    assert_bad("[segment a]\nnonsense = 1\n", 2, "nonsense", "not a key of a segment");
}

static void test_bad_values(void **state)
{
    static const struct {
        const char *key, *reason;
        const char *values[16];
    } bad[] = {
        { "size",
          "not a size",
          { "", "0", "0K", "-4K", "4KiB", "4 K", "x", "1.5M", "0x1000", "4T", "9223372036854775807",
            "99999999999999999999", "8796093022208M" } },
        { "align",
          "not a power of two",
          { "", "0", "1", "2048", "4097", "12K", "3M", "x", "-4096", "16777216T" } },
        { "pool", "missing", { "" } },
        { "address",
          "not the address of a page",
          { "", "0", "0x0", "0x800", "0x3a000001", "3a000000", "0X3a000000", "Identity",
            "identity 0x3a000000", "0x11111111111111000", "0x" } },
        { "guests",
          "Dom0",
          { "0", "a, 0", "Domain-0", "a, Domain-0, b", "00000000-0000-0000-0000-000000000000",
            "000" } },
        { "guests", "domid", { "1", "a, 12" } },
        { "guests",
          "twice",
          { "a, a", "a b a",
            "11111111-2222-3333-4444-55555555aaaa,"
            "11111111-2222-3333-4444-55555555AAAA" } },
        { "name", "not a key", { "x" } },
        { "Size", "not a key", { "4K" } },
        { "guest-address", "not a key", { "0x3a000000" } },
    };
    char text[256];

    for (size_t i = 0; i < ELEMENTS(bad); i++)
        for (size_t j = 0; j < ELEMENTS(bad[i].values) && bad[i].values[j]; j++) {
            snprintf(text, sizeof(text), "[segment a]\nsize = 4K\n%s = %s\n", bad[i].key,
                     bad[i].values[j]);
            assert_bad(text, 3, bad[i].key, bad[i].reason);
        }
}

/* After a header that is not understood, keys must not land in a segment that was never begun. */
static void test_a_broken_header(void **state)
{
    static const char *const texts[] = {
        "[segment a\nsize = 4K\n",
        "[segment a ; ]\nsize = 4K\n",
        "[segment\nsize = 4K\npool = x\n",
    };
    struct config config;
    struct error error;
    char start[128];

    snprintf(start, sizeof(start), "%s:1: ", path);
    for (size_t i = 0; i < ELEMENTS(texts); i++) {
        assert_int_equal(read_text(texts[i], &config, &error), XENSHM_CONFIG_INVALID);
        assert_memory_equal(error.message, start, strlen(start));
        config_clear(&config);
    }
    assert_bad("[segment a]\nsize = 4K\n[segments]\nsize = 4K\n", 4, "size", "wrong section");
}

static void test_many_segments(void **state)
{
    FILE *file = fopen(path, "w");
    struct config config;
    struct error error = { 0 };
    char name[16];

    assert_non_null(file);
    for (int i = 0; i < 500; i++)
        fprintf(file, "[segment s%d]\nsize = %dK\nguests = a%d\n", i, 4 * (i + 1), i);
    fclose(file);
    assert_int_equal(config_init(&config), 0);
    assert_int_equal(config_read(&config, path, &error), 0);
    assert_int_equal(config.order_count, 500);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        assert_string_equal(config.orders[i].name, name);
        assert_int_equal(config.orders[i].size, (i + 1) * 4096);
    }
    config_clear(&config);
}

/* Whichever allocation fails: it is told, and nothing is left behind (the sanitizers see to it). */
static void test_without_memory(void **state)
{
    bool hit = true;

    write_file("[daemon]\nsocket = /x\n[pools]\nnames = a, b\n[pool p]\nguest-address = 0x1000\n"
               "[segment a]\nsize = 4K\npool = p\nguests = a, b\n[segment b]\nsize = 4K\n");
    for (long n = 0; hit; n++) {
        struct error error = { 0 };
        struct config config;
        int r;

        fault_after(n);
        r = config_init(&config);
        if (r == 0) {
            r = config_read(&config, path, &error);
            assert_int_equal(r, error.code);
            config_clear(&config);
        }
        hit = fault_end();
        assert_int_equal(hit, r != 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_restart_grace),
        cmocka_unit_test(test_event_backlog),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_the_last_key_counts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_a_name_twice),
        cmocka_unit_test(test_a_missing_size),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_a_broken_header),
        cmocka_unit_test(test_many_segments),
        cmocka_unit_test(test_without_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("config", tests, make_file, remove_file);
}
