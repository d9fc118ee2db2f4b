/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"

char *builder_find(const char *name)
{
    char self[PATH_MAX], *path = NULL;
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length < 0)
        return NULL;
    self[length] = '\0';
    if (asprintf(&path, "%s/%s", dirname(self), name) < 0)
        return NULL;
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static int prepare_actions(posix_spawn_file_actions_t *actions, const struct builder_setup *setup,
                           int talk)
{
    int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

    /* What it inherits must not lie where it is to be: see inherit(). */
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(actions, talk, BUILDER_FD);
    for (size_t i = 0; r == 0 && i < setup->extra_count; i++)
        r = posix_spawn_file_actions_adddup2(actions, setup->extra[i], BUILDER_FD + 1 + (int)i);
    return -r;
}

/* The daemon's own signals are no concern of the builder and of what it runs. */
static int prepare_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    int r;

    sigemptyset(&none);
    sigfillset(&all);
    r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                 POSIX_SPAWN_SETSIGDEF);
    if (r == 0)
        r = posix_spawnattr_setsigmask(attributes, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(attributes, &all);
    return -r;
}

static int spawn(const struct builder_setup *setup, int talk, pid_t *ret_pid)
{
    char *argv[] = { (char *)setup->program, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int r;

    r = -posix_spawn_file_actions_init(&actions);
    if (r < 0)
        return r;
    r = -posix_spawnattr_init(&attributes);
    if (r == 0) {
        r = prepare_actions(&actions, setup, talk);
        if (r == 0)
            r = prepare_attributes(&attributes);
        if (r == 0)
            r = -posix_spawn(ret_pid, setup->program, &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

/*
 * A socket pair whose ends, and the descriptors of `setup`, are all above those that the builder
 * gets: else one would be overwritten before it is copied.
 */
static int make_talk(int ends[2])
{
    int low[2], r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, low) < 0)
        return -errno;
    for (int i = 0; i < 2; i++)
        ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, BUILDER_FD + 1 + BUILDER_EXTRA_MAX);
    r = ends[0] < 0 || ends[1] < 0 ? -errno : 0;
    close(low[0]);
    close(low[1]);
    return r;
}

/* The builder's own end blocks. */
static int make_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}

int builder_spawn(const struct builder_setup *setup, int *ret_talk, pid_t *ret_pid)
{
    _cleanup_(cleanup_close) int mine = -1, its = -1;
    int ends[2] = { -1, -1 }, r;

    r = make_talk(ends);
    mine = ends[0];
    its = ends[1];
    if (r == 0)
        r = make_blocking(its);
    if (r == 0)
        r = spawn(setup, its, ret_pid);
    if (r == 0)
        *ret_talk = steal_fd(&mine);
    return r;
}
