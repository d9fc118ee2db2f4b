/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

bool process_equal(const struct process *a, const struct process *b)
{
    return a->pid == b->pid && a->started == b->started;
}

int process_parse(const char *line, uint64_t *ret_started, bool *ret_lives)
{
    /* The second field is a name that may have anything in it, parentheses too. */
    const char *rest = strrchr(line, ')');
    uint64_t started;
    long threads;
    char state;

    /* NOLINTNEXTLINE(cert-err34-c): the kernel's own text */
    if (!rest || sscanf(rest,
                        ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld "
                        "%*s %" SCNu64,
                        &state, &threads, &started) != 3)
        return -EINVAL;
    *ret_started = started;
    /* A process lives on in its threads when the first of them has ended. */
    *ret_lives = (state != 'Z' && state != 'X') || threads > 1;
    return 0;
}

/* There, but hidden from us (hidepid of proc(5)), is not gone. */
static int not_found(pid_t pid)
{
    return kill(pid, 0) < 0 && errno == ESRCH ? -ESRCH : -EACCES;
}

int process_find(pid_t pid, struct process *ret_process)
{
    _cleanup_(cleanup_fclose) FILE *file = NULL;
    char path[32], line[1024];
    uint64_t started;
    bool lives;
    int r;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? not_found(pid) : -errno;
    errno = 0;
    if (!fgets(line, sizeof(line), file))
        return errno ? -errno : -EIO;
    r = process_parse(line, &started, &lives);
    if (r == 0 && !lives)
        r = -ESRCH;
    if (r == 0)
        *ret_process = (struct process){ pid, started };
    return r;
}

bool process_may_live(const struct process *process)
{
    struct process found = { 0 };
    int r = process_find(process->pid, &found);

    return r == 0 ? process_equal(&found, process) : r != -ESRCH;
}
