/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ssh.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "host.h"

#define WORDS_MAX 16
/* How long ssh gets for putting the terminal in order. */
#define TERMINATE_MS 2000

/* ---- starting */

static const char *ssh_program(void)
{
    const char *program = getenv("XENSHM_SSH");

    return program && *program ? program : "ssh";
}

/*
 * No terminal over there, so that bytes pass as they are; a line that is dead is noticed. Nothing
 * after `--` is an option.
 */
static void make_words(const char **words, const struct host *host, const char *command)
{
    *words++ = ssh_program();
    *words++ = "-T";
    *words++ = "-o";
    *words++ = "ServerAliveInterval=15";
    if (host->port) {
        *words++ = "-p";
        *words++ = host->port;
    }
    if (host->user) {
        *words++ = "-l";
        *words++ = host->user;
    }
    *words++ = "--";
    *words++ = host->name;
    *words++ = command;
    *words = NULL;
}

/* In the child: ends with its parent, has no signal blocked or ignored that we do. */
static void prepare(pid_t parent, int stream)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(STATUS_UNREACHABLE);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (stream >= 0 && (dup2(stream, STDIN_FILENO) < 0 || dup2(stream, STDOUT_FILENO) < 0))
        _exit(STATUS_UNREACHABLE);
}

__attribute__((noreturn)) static void become_ssh(const struct invocation *invocation,
                                                 const char *command)
{
    const char *words[WORDS_MAX];

    make_words(words, invocation->host, command);
    execvp(words[0], (char *const *)words);
    complain(invocation,
             "cannot run %s, which leads to %s: %s; install openssh-client, or name "
             "the program in XENSHM_SSH",
             words[0], invocation->place, strerror(errno));
    _exit(STATUS_UNREACHABLE);
}

/*
 * So that ssh_wait() can wait for a child with a limit. Whoever started us may have had it ignored:
 * then nothing would be told of a child's end.
 */
static void block_sigchld(sigset_t *ret_signals)
{
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, ret_signals, NULL);
}

int ssh_start(struct ssh *ssh, const struct invocation *invocation, const char *command,
              enum ssh_streams streams)
{
    int ends[2] = { -1, -1 };
    pid_t parent = getpid();
    sigset_t signals;

    *ssh = (struct ssh){ .fd = -1 };
    if (streams == SSH_STREAM && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    block_sigchld(&signals);
    ssh->pid = fork();
    if (ssh->pid == 0) {
        prepare(parent, ends[1]);
        become_ssh(invocation, command);
    }
    if (ssh->pid < 0) {
        int saved = errno;

        ssh->pid = 0;
        cleanup_close(&ends[0]);
        cleanup_close(&ends[1]);
        return -saved;
    }
    ssh->fd = ends[0];
    cleanup_close(&ends[1]);
    return 0;
}

/* ---- ending */

bool ssh_wait(struct ssh *ssh, int64_t milliseconds)
{
    int64_t now = (int64_t)clock_milliseconds(), deadline = now;
    sigset_t signals;

    if (__builtin_add_overflow(now, milliseconds, &deadline))
        deadline = INT64_MAX;
    block_sigchld(&signals);
    while (ssh->pid > 0) {
        int64_t left = deadline - (int64_t)clock_milliseconds();
        struct timespec limit = { left / 1000, left % 1000 * 1000000 };

        if (waitpid(ssh->pid, &ssh->status, WNOHANG) != 0)
            ssh->pid = 0;
        else if (left <= 0)
            return false;
        else
            sigtimedwait(&signals, NULL, &limit);
    }
    return true;
}

void ssh_end(struct ssh *ssh, int64_t milliseconds)
{
    cleanup_close(&ssh->fd);
    ssh->fd = -1;
    if (ssh_wait(ssh, milliseconds))
        return;
    kill(ssh->pid, SIGTERM);
    if (ssh_wait(ssh, TERMINATE_MS))
        return;
    kill(ssh->pid, SIGKILL);
    ssh_wait(ssh, SSH_FOREVER);
}

/* ---- judging */

/* "ssh -p 22 root@dom0", for people to try. NULL: no memory. */
static char *by_hand(const struct host *host)
{
    char *text;

    if (asprintf(&text, "ssh %s%s%s%s%s%s", host->port ? "-p " : "", host->port ? host->port : "",
                 host->port ? " " : "", host->user ? host->user : "", host->user ? "@" : "",
                 host->name) < 0)
        return NULL;
    return text;
}

static void complain_status(const struct invocation *invocation, int status, const char *hand)
{
    if (status == 255)
        complain(invocation,
                 "ssh has no connection to %s (its exit status is 255); try '%s xenshmctl status'",
                 invocation->place, hand);
    else if (status == 126 || status == 127)
        complain(invocation,
                 "%s cannot run xenshmctl (exit status %d); install it there, in the PATH of "
                 "'%s env'",
                 invocation->place, status, hand);
    else
        complain(invocation,
                 "what ssh ran at %s ended with exit status %d; try '%s xenshmctl status'",
                 invocation->place, status, hand);
}

enum exit_status ssh_judge(const struct ssh *ssh, const struct invocation *invocation)
{
    _cleanup_(cleanup_free) char *hand = by_hand(invocation->host);
    int status = WEXITSTATUS(ssh->status);

    if (!hand)
        return complain_memory(invocation);
    if (WIFSIGNALED(ssh->status))
        complain(invocation, "ssh to %s was ended by signal %d (%s)", invocation->place,
                 WTERMSIG(ssh->status), strsignal(WTERMSIG(ssh->status)));
    else if (status <= STATUS_UNREACHABLE)
        return (enum exit_status)status;
    else
        complain_status(invocation, status, hand);
    return STATUS_UNREACHABLE;
}
