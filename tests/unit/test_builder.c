/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's end of a builder, with shell scripts as builders: each way in which one may end. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "builder_spawn.h"

#define LIMIT 10000 /* ms: it does not matter */

struct fixture {
    struct event_base *base;
    struct builder_setup setup;
    char program[64];
    struct builder *builder;
    struct builder_list leaving;
    json_t *reply; /* the last one */
    struct error error;
    unsigned replies;
};

static int setup(void **state)
{
    static struct fixture fixture;
    int fd;

    fixture = (struct fixture){ .program = "/tmp/test-builder-XXXXXX" };
    fixture.base = event_base_new();
    assert_non_null(fixture.base);
    fd = mkstemp(fixture.program);
    assert_true(fd >= 0);
    close(fd);
    fixture.setup.program = fixture.program;
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    json_decref(fixture->reply);
    builders_clear(&fixture->leaving);
    event_base_free(fixture->base);
    unlink(fixture->program);
    /* Nobody is left, not as a zombie either. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return 0;
}

static void on_reply(void *context, json_t *reply, const struct error *error)
{
    struct fixture *fixture = context;

    json_decref(fixture->reply);
    fixture->reply = json_incref(reply);
    fixture->error = error ? *error : (struct error){ 0 };
    fixture->replies++;
    if (reply && json_object_get(reply, "done"))
        builder_dismiss(fixture->builder, &fixture->leaving);
    if (!reply || json_object_get(reply, "done"))
        fixture->builder = NULL;
    event_base_loopbreak(fixture->base);
}

/* The script is read by the shell with the socket as descriptor 3. */
static int start(struct fixture *fixture, const char *script, uint64_t milliseconds)
{
    FILE *file = fopen(fixture->program, "we");

    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(fixture->program, 0700), 0);
    return builder_start(fixture->base, &fixture->setup, json_pack("{s:s}", "do", "something"),
                         milliseconds, on_reply, fixture, &fixture->builder);
}

static void stop_waiting(evutil_socket_t fd, short what, void *context)
{
    fail_msg("no reply came");
}

static void wait_reply(struct fixture *fixture)
{
    const struct timeval limit = { .tv_sec = 20 };
    struct event *event = evtimer_new(fixture->base, stop_waiting, NULL);
    unsigned before = fixture->replies;

    event_add(event, &limit);
    while (fixture->replies == before)
        event_base_dispatch(fixture->base);
    event_free(event);
    assert_int_equal(fixture->replies, before + 1);
}

static void run(struct fixture *fixture, const char *script, uint64_t milliseconds)
{
    assert_int_equal(start(fixture, script, milliseconds), 0);
    wait_reply(fixture);
}

/* It ended in an error of that code, whose message has this text. */
static void assert_failed(struct fixture *fixture, int code, const char *text)
{
    assert_null(fixture->reply);
    assert_int_equal(fixture->error.code, code);
    if (!strstr(fixture->error.message, text))
        fail_msg("'%s' is not in '%s'", text, fixture->error.message);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- all goes well */

static void test_conversation(void **state)
{
    struct fixture *fixture = *state;

    run(fixture,
        "read line <&3; echo \"{\\\"heard\\\": $line}\" >&3\n"
        "read line <&3; echo \"{\\\"done\\\": $line}\" >&3",
        LIMIT);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(fixture->reply, "heard"), "do")),
        "something");
    builder_say(fixture->builder, json_pack("{s:i}", "again", 5));
    wait_reply(fixture);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(fixture->reply, "done"), "again")), 5);
    assert_null(fixture->builder);
}

/* It has nothing to read but the socket, and what it was given beside. */
static void test_descriptors(void **state)
{
    struct fixture *fixture = *state;
    int extra = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    fixture->setup.extra[fixture->setup.extra_count++] = fcntl(extra, F_DUPFD_CLOEXEC, 20);
    run(fixture,
        "read line <&3; read none && exit 1\n"
        "for n in 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && exit 2; done\n"
        "zero=$(readlink /proc/$$/fd/4)\n"
        "echo \"{\\\"done\\\": {\\\"zero\\\": \\\"$zero\\\"}}\" >&3",
        LIMIT);
    assert_non_null(fixture->reply);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(fixture->reply, "done"), "zero")),
        "/dev/zero");
    close(fixture->setup.extra[0]);
    close(extra);
}

static void test_long_lines(void **state)
{
    struct fixture *fixture = *state;

    run(fixture,
        "read line <&3\n"
        "{ printf '{\"done\": \"'; head -c 1000000 /dev/zero | tr '\\0' x; echo '\"}'; } >&3",
        LIMIT);
    assert_non_null(fixture->reply);
    assert_int_equal(json_string_length(json_object_get(fixture->reply, "done")), 1000000);
}

/* ---- it refuses */

static void test_refusal(void **state)
{
    struct fixture *fixture = *state;

    run(fixture,
        "read line <&3; echo '{\"error\": {\"name\": \"CONFIG_INVALID\", \"message\": \"no "
        "kernel\", \"hint\": \"write one\"}}' >&3; exit 1",
        LIMIT);
    assert_failed(fixture, XENSHM_CONFIG_INVALID, "no kernel");
    assert_string_equal(fixture->error.hint, "write one");
    assert_null(fixture->builder);
}

static void test_refusals_that_say_little(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "read line <&3; echo '{\"error\": {}}' >&3; sleep 60", LIMIT);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "does not say why");
    run(fixture,
        "read line <&3; echo '{\"error\": {\"name\": \"NONSENSE\", \"message\": \"x\"}}' >&3",
        LIMIT);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "x");
    run(fixture, "read line <&3; echo '{\"error\": 5}' >&3", LIMIT);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "does not say why");
}

/* ---- it ends as it should not */

static void test_crash(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "read line <&3; kill -ABRT $$", LIMIT);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "crashed: Aborted");
    run(fixture, "read line <&3; kill -SEGV $$", LIMIT);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "crashed: Segmentation fault");
}

static void test_early_end(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "exit 7", LIMIT);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "status 7");
    run(fixture, "read line <&3; exit 0", LIMIT);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "status 0");
    /* Half a line is none. */
    run(fixture, "read line <&3; printf '{\"done\":' >&3; exit 0", LIMIT);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "");
}

/* It hangs up, and lives on: nobody waits for it. */
static void test_hangs_up(void **state)
{
    struct fixture *fixture = *state;
    double begun = seconds();

    run(fixture, "read line <&3; exec 3>&-; sleep 60", LIMIT);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "");
    assert_true(seconds() - begun < 5);
}

static void test_garbage(void **state)
{
    static const char *const lines[] = { "no json", "{", "[]", "5", "{} {}", "{\\\"a\\\":1,}" };
    struct fixture *fixture = *state;
    char script[256];

    for (size_t i = 0; i < ELEMENTS(lines); i++) {
        snprintf(script, sizeof(script), "read line <&3; echo \"%s\" >&3; sleep 60", lines[i]);
        run(fixture, script, LIMIT);
        assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "makes no sense");
    }
}

static void test_a_line_without_end(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "read line <&3; exec tr '\\0' x </dev/zero >&3", LIMIT);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "a line without an end");
}

/* ---- it takes too long */

static void test_limit(void **state)
{
    struct fixture *fixture = *state;
    double begun = seconds();

    run(fixture, "read line <&3; sleep 60", 300);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "took more than");
    assert_true(seconds() - begun > 0.25 && seconds() - begun < 5);
    assert_true(fixture->error.hint[0]);
}

/* The limit is for all of its work: it does not begin anew with each line. */
static void test_limit_of_the_whole(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "while read line <&3; do sleep 0.2; echo '{\"more\": 1}' >&3; done", 300);
    assert_non_null(fixture->reply);
    builder_say(fixture->builder, json_object());
    wait_reply(fixture);
    assert_failed(fixture, XENSHM_HYPERVISOR_FAILED, "took more than");
}

/* ---- it is killed */

static void test_kill(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(start(fixture, "trap '' TERM; read line <&3; sleep 60", LIMIT), 0);
    builder_kill(fixture->builder);
    assert_int_equal(fixture->replies, 0);
    wait_reply(fixture);
    assert_failed(fixture, XENSHM_BUSY, "told to stop");
}

/* What it had said before is not heard any more. */
static void test_kill_after_its_word(void **state)
{
    struct fixture *fixture = *state;
    struct timespec nap = { .tv_nsec = 200000000 };

    assert_int_equal(start(fixture, "read line <&3; echo '{\"done\": {}}' >&3; sleep 60", LIMIT),
                     0);
    nanosleep(&nap, NULL);
    builder_kill(fixture->builder);
    wait_reply(fixture);
    assert_failed(fixture, XENSHM_BUSY, "told to stop");
}

/* Does the process have a command line? */
static bool is_alive(const char *path)
{
    FILE *file = fopen(path, "re");
    bool alive = file && fgetc(file) != EOF;

    if (file)
        fclose(file);
    return alive;
}

/* Nobody waits for the end of one that is through; what it has started goes on. */
static void test_dismissed(void **state)
{
    struct fixture *fixture = *state;
    const char *left;
    pid_t pid;

    run(fixture,
        "read line <&3; sleep 60 3>&- & echo \"{\\\"done\\\": \\\"$!\\\"}\" >&3; sleep 60 3>&-",
        LIMIT);
    left = json_string_value(json_object_get(fixture->reply, "done"));
    pid = (pid_t)atoi(left);
    assert_false(LIST_EMPTY(&fixture->leaving));
    while (!LIST_EMPTY(&fixture->leaving))
        event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_int_equal(fixture->replies, 1);
    assert_int_equal(kill(pid, 0), 0);
    kill(pid, SIGKILL);
}

/* With all that it runs, and without a word. */
static void test_freed(void **state)
{
    struct fixture *fixture = *state;
    char path[80], script[512], text[32] = "";
    struct timespec nap = { .tv_nsec = 10000000 };
    FILE *file = NULL;

    snprintf(path, sizeof(path), "%s.child", fixture->program);
    snprintf(script, sizeof(script), "sleep 60 & echo $! >%s.new; mv %s.new %s; wait", path, path,
             path);
    assert_int_equal(start(fixture, script, LIMIT), 0);
    for (int i = 0; i < 1000 && !(file = fopen(path, "re")); i++)
        nanosleep(&nap, NULL);
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    unlink(path);
    fixture->builder = builder_free(fixture->builder);
    assert_null(fixture->builder);
    assert_int_equal(fixture->replies, 0);
    /* The grandchild is gone in a moment; perhaps nobody has reaped it. */
    snprintf(path, sizeof(path), "/proc/%d/cmdline", atoi(text));
    for (int i = 0; i < 500 && is_alive(path); i++)
        nanosleep(&nap, NULL);
    assert_false(is_alive(path));
    assert_null(builder_free(NULL));
}

/* ---- it does not begin */

static void test_no_program(void **state)
{
    struct fixture *fixture = *state;

    fixture->setup.program = "/no/such/program";
    assert_int_equal(builder_start(fixture->base, &fixture->setup, json_object(), LIMIT, on_reply,
                                   fixture, &fixture->builder),
                     -ENOENT);
    assert_int_equal(fixture->replies, 0);
    assert_null(fixture->builder);
    fixture->setup.program = "/dev/null";
    assert_int_equal(builder_start(fixture->base, &fixture->setup, json_object(), LIMIT, on_reply,
                                   fixture, &fixture->builder),
                     -EACCES);
}

static void test_find(void **state)
{
    char *path = builder_find("test-builder");

    assert_non_null(path);
    assert_int_equal(path[0], '/');
    free(path);
    assert_null(builder_find("no-such-builder"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_conversation),
        TEST(test_descriptors),
        TEST(test_long_lines),
        TEST(test_refusal),
        TEST(test_refusals_that_say_little),
        TEST(test_crash),
        TEST(test_early_end),
        TEST(test_hangs_up),
        TEST(test_garbage),
        TEST(test_a_line_without_end),
        TEST(test_limit),
        TEST(test_limit_of_the_whole),
        TEST(test_kill),
        TEST(test_kill_after_its_word),
        TEST(test_dismissed),
        TEST(test_freed),
        TEST(test_no_program),
        TEST(test_find),
    };

    /* As in the daemon: a builder may be gone before it has read anything. */
    signal(SIGPIPE, SIG_IGN);
    return RUN_TESTS("builder", tests);
}
