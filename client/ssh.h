/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ssh(1) as a child: the system's own, with the user's configuration, keys, and its questions on
 * the terminal. What it says on stderr goes where ours goes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "invocation.h"

struct ssh {
    pid_t pid;  /* 0: none */
    int fd;     /* stream to the command over there; -1: it has our standard input and output */
    int status; /* of waitpid(), once it has ended */
};

#define SSH_FOREVER INT64_MAX

enum ssh_streams {
    SSH_STREAM,   /* ssh->fd */
    SSH_STANDARD, /* ours */
};

/*
 * Starts ssh to invocation->host; `command` is for the shell over there. Returns 0 or -errno. A
 * program that cannot be run complains itself and ends with STATUS_UNREACHABLE. It never outlives
 * this process.
 */
int ssh_start(struct ssh *ssh, const struct invocation *invocation, const char *command,
              enum ssh_streams streams);

/* Waits for its end; false: it had not ended after so many milliseconds. */
bool ssh_wait(struct ssh *ssh, int64_t milliseconds);
/*
 * Hangs up, gives it so many milliseconds to end by itself, then ends it. Allowed on one that was
 * not started, and again.
 */
void ssh_end(struct ssh *ssh, int64_t milliseconds);

/*
 * What became of the command over there, by ssh's exit status: the status of the xenshmctl there,
 * which has said what was wrong, or STATUS_UNREACHABLE after a complaint when there was none.
 */
enum exit_status ssh_judge(const struct ssh *ssh, const struct invocation *invocation);
