/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes by number and start: what the kernel says of them, and which are gone. */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

#define STAT(name, state, threads, started)                                                        \
    "4711 (" name ") " state " 1 4711 4711 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 " threads           \
    " 0 " started " 1000 100 18446744073709551615 1 1 0\n"

static void parse(void **context)
{
    static const struct {
        const char *line;
        int result;
        bool lives;
    } cases[] = {
        { STAT("cat", "R", "1", "123456"), 0, true },
        { STAT("cat", "S", "1", "123456"), 0, true },
        { STAT("a) Z 1 (b", "S", "1", "123456"), 0, true },
        { STAT("a ) ( S", "Z", "1", "123456"), 0, false },
        { STAT("cat", "Z", "2", "123456"), 0, true }, /* its first thread has ended */
        { STAT("cat", "X", "0", "123456"), 0, false },
        { "4711 (cat", -EINVAL, false },
        { "4711 (cat) R 1 4711", -EINVAL, false },
        { "", -EINVAL, false },
    };

    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        uint64_t started = 0;
        bool lives = false;

        assert_int_equal(process_parse(cases[i].line, &started, &lives), cases[i].result);
        assert_int_equal(lives, cases[i].lives);
        assert_int_equal(started, cases[i].result ? 0 : 123456);
    }
}

static void own(void **context)
{
    struct process process, again;

    assert_int_equal(process_find(getpid(), &process), 0);
    assert_int_equal(process_find(getpid(), &again), 0);
    assert_true(process_equal(&process, &again));
    assert_int_equal(process.pid, getpid());
    assert_true(process.started > 0);
    assert_true(process_may_live(&process));
    again.started++;
    assert_false(process_equal(&process, &again));
    assert_false(process_may_live(&again));
}

/* Before its parent has taken notice, and after. */
static void ended(void **context)
{
    struct process process;
    pid_t child = fork();
    siginfo_t info;

    if (child == 0) {
        pause();
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(process_find(child, &process), 0);
    assert_true(process_may_live(&process));
    kill(child, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_false(process_may_live(&process));
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(process_may_live(&process));
    assert_int_equal(process_find(child, &process), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse),
        cmocka_unit_test(own),
        cmocka_unit_test(ended),
    };

    return RUN_TESTS("process", tests);
}
