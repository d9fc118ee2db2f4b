/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"

/* What comes out of one descriptor of the program. */
struct stream {
    int fd; /* -1: at its end */
    char *data;
    size_t size;
    size_t max;
    bool overflowed; /* there was more; that is read, too, or the program would wait for ever */
};

static void stream_clear(struct stream *stream)
{
    cleanup_close(&stream->fd);
    free(stream->data);
}

/* ---- reading */

static int stream_take(struct stream *stream, const char *bytes, size_t count)
{
    size_t room = stream->max - stream->size;
    char *data;

    if (count > room) {
        stream->overflowed = true;
        count = room;
    }
    data = realloc(stream->data, stream->size + count + 1);
    if (!data)
        return -ENOMEM;
    memcpy(data + stream->size, bytes, count);
    stream->data = data;
    stream->size += count;
    data[stream->size] = '\0';
    return 0;
}

static int stream_read(struct stream *stream)
{
    char bytes[16384];
    ssize_t n = read(stream->fd, bytes, sizeof(bytes));

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n == 0) {
        close(stream->fd);
        stream->fd = -1;
        return 0;
    }
    return stream_take(stream, bytes, (size_t)n);
}

/* Both streams at once: a program that waits for one to be read would never end the other. */
static int read_streams(struct stream *streams, int64_t deadline)
{
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
        struct pollfd p[] = { { .fd = streams[0].fd, .events = POLLIN },
                              { .fd = streams[1].fd, .events = POLLIN } };
        int64_t left = deadline - (int64_t)clock_milliseconds();
        int r;

        if (left <= 0)
            return PROGRAM_E_TIMEOUT;
        if (poll(p, 2, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < 2; i++) {
            r = p[i].revents ? stream_read(&streams[i]) : 0;
            if (r)
                return r;
        }
        if (streams[0].overflowed)
            return PROGRAM_E_TOO_LONG;
    }
    return 0;
}

/* ---- the process */

/* A signal that is ignored here would be so in the program. */
static int set_up(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions,
                  const int *outputs)
{
    sigset_t usual;
    int r;

    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    r = posix_spawnattr_setsigdefault(attributes, &usual);
    if (r == 0)
        r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(actions, outputs[0], STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(actions, outputs[1], STDERR_FILENO);
    return r;
}

static int spawn(char *const *argv, const int *outputs, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int r;

    r = posix_spawnattr_init(&attributes);
    if (r)
        return -r;
    r = posix_spawn_file_actions_init(&actions);
    if (r == 0) {
        r = set_up(&attributes, &actions, outputs);
        if (r == 0)
            r = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attributes);
    return -r;
}

static int start(char *const *argv, struct stream *streams, pid_t *ret_pid)
{
    int outputs[2] = { -1, -1 }, r = 0;

    for (int i = 0; i < 2 && r == 0; i++) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0) {
            r = -errno;
        } else {
            streams[i].fd = ends[0];
            outputs[i] = ends[1];
        }
    }
    if (r == 0)
        r = spawn(argv, outputs, ret_pid);
    /* Only the program may hold these, or there is no end to what is read. */
    cleanup_close(&outputs[0]);
    cleanup_close(&outputs[1]);
    return r;
}

static int finish(pid_t pid, bool at_once)
{
    int status = 0;

    if (at_once)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

int program_run(char *const *argv, size_t output_max, unsigned seconds, struct program_result *ret)
{
    struct stream streams[] = { { .fd = -1, .max = output_max },
                                { .fd = -1, .max = PROGRAM_ERRORS_MAX } };
    int64_t deadline = (int64_t)clock_milliseconds() + (int64_t)seconds * 1000;
    pid_t pid = -1;
    int r;

    *ret = (struct program_result){ 0 };
    r = stream_take(&streams[0], "", 0);
    if (r == 0)
        r = stream_take(&streams[1], "", 0);
    if (r == 0)
        r = start(argv, streams, &pid);
    if (r == 0) {
        r = read_streams(streams, deadline);
        ret->status = finish(pid, r != 0);
    }
    ret->output_size = streams[0].size;
    ret->output = steal_pointer(&streams[0].data);
    ret->errors_size = streams[1].size;
    ret->errors = steal_pointer(&streams[1].data);
    stream_clear(&streams[0]);
    stream_clear(&streams[1]);
    return r;
}

void program_result_clear(struct program_result *result)
{
    free(result->output);
    free(result->errors);
    *result = (struct program_result){ 0 };
}
