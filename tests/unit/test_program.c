/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other programs: what they say, how they end, and those that do neither as they should. */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "cleanup.h"
#include "program.h"

static int run(struct program_result *ret, char *script, size_t output_max, unsigned seconds)
{
    char *argv[] = { "sh", "-c", script, NULL };

    return program_run(argv, output_max, seconds, ret);
}

static void test_outputs(void **state)
{
    _cleanup_(program_result_clear) struct program_result result;

    assert_int_equal(run(&result, "echo out; echo err >&2; exit 3", 100, 60), 0);
    assert_string_equal(result.output, "out\n");
    assert_string_equal(result.errors, "err\n");
    assert_int_equal(result.output_size, 4);
    assert_true(WIFEXITED(result.status));
    assert_int_equal(WEXITSTATUS(result.status), 3);
}

static void test_silence(void **state)
{
    _cleanup_(program_result_clear) struct program_result result;

    assert_int_equal(run(&result, "cat", 0, 60), 0);
    assert_int_equal(result.output_size, 0);
    assert_string_equal(result.output, "");
    assert_string_equal(result.errors, "");
    assert_int_equal(result.status, 0);
}

static void test_killed(void **state)
{
    _cleanup_(program_result_clear) struct program_result result;

    assert_int_equal(run(&result, "kill -TERM $$", 100, 60), 0);
    assert_true(WIFSIGNALED(result.status));
    assert_int_equal(WTERMSIG(result.status), SIGTERM);
}

/* Far more than a pipe holds, on both at once; of the errors only the beginning stays. */
static void test_much(void **state)
{
    _cleanup_(program_result_clear) struct program_result result;

    assert_int_equal(
        run(&result, "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero", 300000, 60), 0);
    assert_int_equal(result.output_size, 300000);
    assert_int_equal(result.errors_size, PROGRAM_ERRORS_MAX);
    assert_int_equal(result.status, 0);
}

static void test_too_much(void **state)
{
    _cleanup_(program_result_clear) struct program_result result;

    assert_int_equal(run(&result, "exec cat /dev/zero", 1000, 60), PROGRAM_E_TOO_LONG);
}

static void test_no_end(void **state)
{
    _cleanup_(program_result_clear) struct program_result result;
    time_t begin = time(NULL);

    assert_int_equal(run(&result, "exec sleep 60", 100, 1), PROGRAM_E_TIMEOUT);
    assert_true(time(NULL) - begin < 30);
}

/* A closed pipe ends the program as it would from a shell, though this process ignores that. */
static void test_closed_pipe(void **state)
{
    _cleanup_(program_result_clear) struct program_result result;

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(run(&result, "kill -PIPE $$; echo alive", 100, 60), 0);
    signal(SIGPIPE, SIG_DFL);
    assert_string_equal(result.output, "");
}

static void test_no_program(void **state)
{
    _cleanup_(program_result_clear) struct program_result result;
    char *argv[] = { "xenshm-no-such-program", NULL };

    assert_int_equal(program_run(argv, 100, 60, &result), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs),     cmocka_unit_test(test_silence),
        cmocka_unit_test(test_killed),      cmocka_unit_test(test_much),
        cmocka_unit_test(test_too_much),    cmocka_unit_test(test_no_end),
        cmocka_unit_test(test_closed_pipe), cmocka_unit_test(test_no_program),
    };

    return RUN_TESTS("program", tests);
}
