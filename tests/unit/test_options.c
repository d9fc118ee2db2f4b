/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's options: what stands above what, and reading them again without taking them twice.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "options.h"

#define GO_ON -1

static char path[] = "/tmp/test-options-XXXXXX";
static unsigned taken;

static int make_file(void **state)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int remove_file(void **state)
{
    unlink(path);
    return 0;
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* As the one of the simulator: --guest has several values; a fourth would be one too many. */
static int take(void *context, const char *option, const char *value)
{
    if (strcmp(option, "--guest") != 0)
        return 0;
    taken++;
    return taken > 3 ? -1 : 1;
}

static const struct options_extra extra = { .help = "", .take = take };

/* `arguments` ends with NULL; the file is that of --config FILE among them. */
static int start(char **arguments, struct options *options, struct config *config)
{
    int argc = 0;

    while (arguments[argc])
        argc++;
    taken = 0;
    assert_int_equal(config_init(config), 0);
    return options_read(argc, arguments, &extra, options, config);
}

static void test_the_command_line_stays_above_the_file(void **state)
{
    char *arguments[] = { "test",      "--log-level=error", "--config",
                          path,        "--guest",           "a",
                          "b",         "--socket",          "/x",
                          "--guest=c", "--state-dir=/s",    NULL };
    struct options options;
    struct config config, again;
    struct error error = { 0 };

    write_file(
        "[daemon]\nlog-level = info\nstate-dir = /t\nsocket = /t/s\n[limits]\nsegments = 1\n");
    assert_int_equal(start(arguments, &options, &config), GO_ON);
    assert_int_equal(taken, 3);
    write_file("[daemon]\nlog-level = debug\nsocket = /u\n[limits]\nsegments = 2\n"
               "[segment a]\nsize = 4K\n");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(options_reload(&options, &again, &error), 0);
        assert_int_equal(taken, 3);
        assert_int_equal(again.log_level, LOG_LEVEL_ERROR);
        assert_string_equal(again.socket, "/x");
        assert_string_equal(again.state_dir, "/s");
        assert_int_equal(again.segments, 2);
        assert_int_equal(again.order_count, 1);
        assert_string_equal(again.path, path);
        config_clear(&again);
    }
    /* The one of the start is as it was. */
    assert_int_equal(config.segments, 1);
    assert_int_equal(config.order_count, 0);
    config_clear(&config);
}

/* What is no longer in the file is as by default, not as before. */
static void test_defaults_come_back(void **state)
{
    char *arguments[] = { "test", "--config", path, NULL };
    struct options options;
    struct config config, again;
    struct error error = { 0 };

    write_file("[limits]\nsegments = 1\n[daemon]\nsocket = /x\n");
    assert_int_equal(start(arguments, &options, &config), GO_ON);
    write_file("");
    assert_int_equal(options_reload(&options, &again, &error), 0);
    assert_int_equal(again.segments, 4096);
    assert_null(again.socket);
    config_clear(&again);
    config_clear(&config);
}

static void assert_refused(const struct options *options, const char *why)
{
    struct config config;
    struct error error = { 0 };

    assert_int_equal(options_reload(options, &config, &error), XENSHM_CONFIG_INVALID);
    assert_int_equal(error.code, XENSHM_CONFIG_INVALID);
    assert_memory_equal(error.message, path, strlen(path));
    assert_non_null(strstr(error.message, why));
}

static void test_bad_files(void **state)
{
    char *arguments[] = { "test", "--config", path, "--guest=a", NULL };
    struct options options;
    struct config config;

    write_file("");
    assert_int_equal(start(arguments, &options, &config), GO_ON);
    write_file("\n[segment a]\nsize = x\n");
    assert_refused(&options, ":3: size: ");
    unlink(path);
    assert_refused(&options, "No such file");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(&options, "pipe");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(&options, "directory");
    assert_int_equal(rmdir(path), 0);
    write_file("");
    config_clear(&config);
}

static void test_check_config(void **state)
{
    char *arguments[] = { "test", "--check-config", "--config", path, NULL };
    struct options options;
    struct config config;

    write_file("[segment a]\nsize = 4K\n");
    assert_int_equal(start(arguments, &options, &config), 0);
    config_clear(&config);
}

/* Whichever allocation fails: it is told, with nothing to clear (the sanitizers see to it). */
static void test_without_memory(void **state)
{
    char *arguments[] = { "test", "--config", path, "--socket=/x", "--guest=a", NULL };
    struct options options;
    struct config config;
    bool hit = true;

    write_file("[pools]\nnames = a, b\n[pool p]\nguest-address = 0x1000\n"
               "[segment a]\nsize = 4K\nguests = a, b\n");
    assert_int_equal(start(arguments, &options, &config), GO_ON);
    for (long n = 0; hit; n++) {
        struct error error = { 0 };
        struct config again;
        int r;

        fault_after(n);
        r = options_reload(&options, &again, &error);
        hit = fault_end();
        assert_int_equal(r, hit ? XENSHM_CONFIG_INVALID : 0);
        if (r == 0)
            config_clear(&again);
    }
    config_clear(&config);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_command_line_stays_above_the_file),
        cmocka_unit_test(test_defaults_come_back),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_check_config),
        cmocka_unit_test(test_without_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("options", tests, make_file, remove_file);
}
