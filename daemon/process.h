/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which process a number means: the kernel uses numbers again, but not with the same start. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    uint64_t started; /* in the kernel's ticks since the host's start; field 22 of proc(5)'s stat */
};

bool process_equal(const struct process *a, const struct process *b);

/*
 * What one line of /proc/PID/stat says: the start, and whether its memory is still there, which it
 * is not any more of one that only waits for its parent. Returns 0 or -EINVAL.
 */
int process_parse(const char *line, uint64_t *ret_started, bool *ret_lives);

/* The process of that number. Returns 0, or -ESRCH: it is gone; or -errno: nobody can tell. */
int process_find(pid_t pid, struct process *ret_process);

/* False only when that is certain. */
bool process_may_live(const struct process *process);
