/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a builder of systemd's leaves behind, and what goes with it: each way in which it may end.
 */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "builder_connect.h"
#include "conversation.h"
#include "keeper.h"
#include "process.h"

/* What the work does when it has started something. */
enum ending { HANG, ABORT, SUCCEED, REFUSE, FAIL };

struct fixture {
    struct builder_setup setup;
    int talk, leash; /* the daemon's */
    pid_t keeper;
    pid_t started; /* by the work */
    FILE *lines;
};

/* A program that the work runs: it has nothing of ours, and never ends. */
static pid_t start_program(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        close(BUILDER_FD);
        for (;;)
            pause();
    }
    return pid;
}

__attribute__((noreturn)) static void work(enum ending ending)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    conversation_say(json_pack("{s:i}", "started", (int)start_program()));
    if (ending == ABORT) {
        signal(SIGABRT, SIG_DFL);
        abort();
    }
    if (ending == HANG)
        for (;;)
            pause();
    _exit(ending == SUCCEED ? 0 : ending == REFUSE ? 1 : 7);
}

__attribute__((noreturn)) static void be_builder(int talk, enum ending ending)
{
    struct conversation conversation;
    int r;

    /* Nothing else of the test's: an end that it holds would be no end. */
    dup2(talk, BUILDER_FD);
    close_range(BUILDER_FD + 1, ~0U, 0);
    if (conversation_open(&conversation) < 0)
        _exit(99);
    r = keeper_run();
    if (r < 0)
        work(ending);
    _exit(r);
}

/* The next line, which has this key; NULL: the end. */
static json_t *hear(struct fixture *fixture, const char *key)
{
    char line[512];
    json_t *object, *value;

    if (!fgets(line, sizeof(line), fixture->lines))
        return NULL;
    object = json_loads(line, 0, NULL);
    value = json_incref(json_object_get(object, key));
    if (!value)
        fail_msg("no '%s' in %s", key, line);
    json_decref(object);
    return value;
}

static void start(struct fixture *fixture, enum ending ending)
{
    json_t *value;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fixture->keeper = fork();
    if (fixture->keeper == 0)
        be_builder(ends[1], ending);
    close(ends[1]);
    fixture->talk = ends[0];
    fixture->lines = fdopen(ends[0], "re");
    assert_non_null(fixture->lines);
    json_decref(hear(fixture, "ready"));
    assert_int_equal(builder_hand_over(fixture->talk, &fixture->setup, &fixture->leash), 0);
    value = hear(fixture, "started");
    fixture->started = (pid_t)json_integer_value(value);
    json_decref(value);
    assert_true(fixture->started > 0);
}

static int setup(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){ .leash = -1 };
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    fclose(fixture->lines);
    if (fixture->leash >= 0)
        close(fixture->leash);
    kill(fixture->started, SIGKILL);
    return 0;
}

/* The end of the socket: then all is over. Returns the keeper's exit status. */
static int wait_end(struct fixture *fixture)
{
    int status;

    assert_null(hear(fixture, "nothing"));
    assert_int_equal(waitpid(fixture->keeper, &status, 0), fixture->keeper);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void assert_message(struct fixture *fixture, const char *text)
{
    json_t *error = hear(fixture, "error");
    const char *message = json_string_value(json_object_get(error, "message"));

    if (!message || !strstr(message, text))
        fail_msg("'%s' is not in '%s'", text, message ? message : "");
    json_decref(error);
}

static bool lives(const struct fixture *fixture)
{
    struct process process;

    return process_find(fixture->started, &process) == 0;
}

/* Killed is gone in a moment. */
static void assert_gone(const struct fixture *fixture)
{
    struct timespec nap = { .tv_nsec = 10000000 };

    for (int i = 0; i < 3000 && lives(fixture); i++)
        nanosleep(&nap, NULL);
    assert_false(lives(fixture));
}

/* ---- what it has started lives on */

static void test_done(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, SUCCEED);
    assert_int_equal(wait_end(fixture), 0);
    assert_true(lives(fixture));
}

static void test_let_go(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, HANG);
    builder_let_go(fixture->leash);
    assert_int_equal(wait_end(fixture), 0);
    assert_true(lives(fixture));
}

/* The word counts that was said first, and the daemon may be gone meanwhile. */
static void test_let_go_and_away(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, HANG);
    builder_let_go(fixture->leash);
    close(fixture->leash);
    fixture->leash = -1;
    assert_int_equal(wait_end(fixture), 0);
    assert_true(lives(fixture));
}

/* ---- it goes too */

static void test_leash(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, HANG);
    close(fixture->leash);
    fixture->leash = -1;
    assert_int_equal(wait_end(fixture), 0);
    assert_gone(fixture);
}

static void test_crash(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, ABORT);
    assert_message(fixture, "crashed: Aborted");
    assert_int_equal(wait_end(fixture), 1);
    assert_gone(fixture);
}

static void test_refusal(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, REFUSE);
    assert_int_equal(wait_end(fixture), 0);
    assert_gone(fixture);
}

static void test_strange_end(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, FAIL);
    assert_message(fixture, "status 7");
    assert_int_equal(wait_end(fixture), 1);
    assert_gone(fixture);
}

/* As systemd does to stop the unit. */
static void test_stopped(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, HANG);
    kill(fixture->keeper, SIGTERM);
    assert_message(fixture, "crashed: Killed");
    assert_int_equal(wait_end(fixture), 1);
    assert_gone(fixture);
}

/* ---- the keeper itself */

/* The work ends with it, so that the socket does. */
static void test_keeper_killed(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, HANG);
    kill(fixture->keeper, SIGKILL);
    assert_int_equal(wait_end(fixture), -SIGKILL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_done),        TEST(test_let_go),  TEST(test_let_go_and_away),
        TEST(test_leash),       TEST(test_crash),   TEST(test_refusal),
        TEST(test_strange_end), TEST(test_stopped), TEST(test_keeper_killed),
    };

    signal(SIGPIPE, SIG_IGN);
    return RUN_TESTS("keeper", tests);
}
