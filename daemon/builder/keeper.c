/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder.h"
#include "conversation.h"
#include "log.h"

/* Above all that the work gets. */
#define LEASH_FD (BUILDER_FD + 1 + BUILDER_EXTRA_MAX)
#define FDS_MAX (BUILDER_EXTRA_MAX + 1)

struct keeper {
    pid_t work;
    int signals; /* a signalfd: the work has ended; systemd wants us to */
};

/* ---- what the daemon hands over */

/* Returns how many descriptors came with the empty line; 0: the daemon has gone. */
static size_t receive(int fds[static FDS_MAX])
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control;
    char byte;
    struct iovec line = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = {
        .msg_iov = &line,
        .msg_iovlen = 1,
        .msg_control = &control,
        /* No more: CMSG_SPACE() may have room for one that there is no place for. */
        .msg_controllen = CMSG_LEN(FDS_MAX * sizeof(int)),
    };
    struct cmsghdr *header;
    ssize_t n;

    do
        n = recvmsg(BUILDER_FD, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return 0;
    memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    return (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
}

/* The leash in its place, the others from BUILDER_FD + 1 on. Returns 0 or -errno. */
static int place(int fds[static FDS_MAX], size_t count)
{
    /* First above all the places: one may lie where another is to be. */
    for (size_t i = 0; i < count; i++) {
        int high = fcntl(fds[i], F_DUPFD_CLOEXEC, LEASH_FD + 1);

        if (high < 0)
            return -errno;
        close(fds[i]);
        fds[i] = high;
    }
    for (size_t i = 0; i < count; i++) {
        if (dup3(fds[i], i == 0 ? LEASH_FD : BUILDER_FD + (int)i, O_CLOEXEC) < 0)
            return -errno;
        close(fds[i]);
    }
    return 0;
}

static int take_over(void)
{
    int fds[FDS_MAX];
    size_t count;

    if (conversation_say(json_pack("{s:{}}", "ready")) != 0)
        return -EPIPE;
    count = receive(fds);
    return count > 0 ? place(fds, count) : -EPIPE;
}

/* ---- the work */

/* In a session of its own, so that all that it runs can be killed. Returns its id; 0 in it. */
static pid_t start_work(int signals)
{
    pid_t keeper = getpid(), work = fork();

    if (work != 0)
        return work;
    /* A keeper that is killed takes it along. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper)
        _exit(EXIT_FAILURE);
    setsid();
    close(LEASH_FD);
    close(signals);
    return 0;
}

/* It may not have come to its own session yet: then it runs nothing. */
static void kill_work(const struct keeper *keeper)
{
    kill(keeper->work, SIGKILL);
    kill(-keeper->work, SIGKILL);
}

static bool work_has_ended(const struct keeper *keeper, int options, siginfo_t *ret_info)
{
    ret_info->si_pid = 0;
    while (waitid(P_PID, (id_t)keeper->work, ret_info, WEXITED | WNOWAIT | options) < 0 &&
           errno == EINTR)
        ;
    return ret_info->si_pid != 0;
}

/* ---- watching it */

/* A byte: let go. Else its other end is closed. */
static void heed_leash(const struct keeper *keeper)
{
    char byte;

    if (read(LEASH_FD, &byte, 1) == 1) {
        kill(keeper->work, SIGKILL);
        return;
    }
    log_info("the daemon has ended this: killed, with all that it ran");
    kill_work(keeper);
}

static void heed_signal(const struct keeper *keeper)
{
    struct signalfd_siginfo info;

    if (read(keeper->signals, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGTERM)
        kill_work(keeper);
}

/* Returns true when the work has ended by itself; else it is being killed. */
static bool watch(const struct keeper *keeper)
{
    struct pollfd fds[] = { { .fd = LEASH_FD, .events = POLLIN },
                            { .fd = keeper->signals, .events = POLLIN } };
    siginfo_t info;

    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents) {
            heed_leash(keeper);
            return false;
        }
        if (fds[1].revents)
            heed_signal(keeper);
        if (work_has_ended(keeper, WNOHANG, &info))
            return true;
    }
}

/* What a child of the daemon's tells by its end. A refusal it has told itself: all is well. */
static int tell_end(const siginfo_t *info)
{
    struct error error = { 0 };

    if (info->si_code != CLD_EXITED)
        error_set(&error, XENSHM_HYPERVISOR_FAILED, "the builder crashed: %s",
                  strsignal(info->si_status));
    else if (info->si_status > EXIT_FAILURE)
        error_set(&error, XENSHM_HYPERVISOR_FAILED,
                  "the builder ended with status %d before its work was done", info->si_status);
    if (!error.code)
        return EXIT_SUCCESS;
    conversation_refuse(&error);
    return EXIT_FAILURE;
}

/* Returns the exit status. */
static int finish(const struct keeper *keeper, bool by_itself)
{
    int status = EXIT_SUCCESS;
    siginfo_t info;

    /* Its number, and its session's, is nobody else's until it is reaped. */
    work_has_ended(keeper, 0, &info);
    if (by_itself && (info.si_code != CLD_EXITED || info.si_status != EXIT_SUCCESS))
        kill(-keeper->work, SIGKILL);
    if (by_itself)
        status = tell_end(&info);
    waitpid(keeper->work, NULL, 0);
    return status;
}

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    signal(SIGCHLD, SIG_DFL); /* an ignored one would leave nothing to wait for */
    /* The work lets them through again, as main() has it. */
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

int keeper_run(void)
{
    struct keeper keeper = { 0 };
    int r = take_over();

    if (r == -EPIPE)
        return EXIT_SUCCESS;
    if (r == 0) {
        keeper.signals = open_signals();
        keeper.work = start_work(keeper.signals);
        r = keeper.signals < 0 || keeper.work < 0 ? -errno : 0;
    }
    if (r < 0) {
        log_error("the work cannot be begun: %s", strerror(-r));
        return EXIT_FAILURE;
    }
    return keeper.work == 0 ? -1 : finish(&keeper, watch(&keeper));
}
