/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "cleanup.h"
#include "log.h"
#include "message.h"

struct builder {
    LIST_ENTRY(builder) link; /* while it is leaving */
    bool leaving;
    pid_t pid;
    struct bufferevent *talk;
    struct event *limit; /* of its time */
    uint64_t milliseconds;
    builder_reply_fn reply;
    void *context;
    struct error why; /* why it was killed */
};

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

/* ---- its end */

/*
 * With all that it runs: a child of libxl's that has not exec'ed yet holds the socket too, and
 * would put off its end.
 */
static void kill_all(const struct builder *builder)
{
    kill(-builder->pid, SIGKILL);
}

/* How the process ended: 0, or a signal or an exit status in *error. */
static void judge_end(int status, struct error *error)
{
    if (WIFSIGNALED(status))
        error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder crashed: %s",
                  strsignal(WTERMSIG(status)));
    else
        error_set(error, XENSHM_HYPERVISOR_FAILED,
                  "the builder ended with status %d before its work was done", WEXITSTATUS(status));
}

/* Its socket is closed, or it was told to die: it is gone in a moment. */
static int bury(struct builder *builder)
{
    int status = 0;

    while (waitpid(builder->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static void release(struct builder *builder)
{
    if (builder->talk)
        bufferevent_free(builder->talk);
    if (builder->limit)
        event_free(builder->limit);
    free(builder);
}

struct builder *builder_free(struct builder *builder)
{
    if (!builder)
        return NULL;
    kill_all(builder);
    bury(builder);
    release(builder);
    return NULL;
}

void builder_dismiss(struct builder *builder, struct builder_list *leaving)
{
    builder->leaving = true;
    LIST_INSERT_HEAD(leaving, builder, link);
    evtimer_del(builder->limit);
    /* It would exit now; alone, not what it has started. */
    kill(builder->pid, SIGKILL);
}

static void leave(struct builder *builder)
{
    LIST_REMOVE(builder, link);
    kill(builder->pid, SIGKILL);
    bury(builder);
    release(builder);
}

void builders_clear(struct builder_list *leaving)
{
    while (!LIST_EMPTY(leaving))
        leave(LIST_FIRST(leaving));
}

/* Ends it, and says so to its owner. Without `error`, the way it ended tells. */
static void end(struct builder *builder, const struct error *error)
{
    builder_reply_fn reply = builder->reply;
    void *context = builder->context;
    struct error why = error ? *error : builder->why;

    /* With all that it ran: nothing of a guest that is not built may go on. */
    kill_all(builder);
    judge_end(bury(builder), &why);
    release(builder);
    reply(context, NULL, &why);
}

void builder_kill(struct builder *builder)
{
    error_set(&builder->why, XENSHM_BUSY, "the builder was told to stop");
    kill_all(builder);
}

static void on_limit(evutil_socket_t fd, short what, void *context)
{
    struct builder *builder = context;

    error_set(&builder->why, XENSHM_HYPERVISOR_FAILED,
              "the builder took more than %" PRIu64 " seconds and was killed",
              builder->milliseconds / 1000);
    error_set_hint(&builder->why, "see the daemon's log, and `builder-timeout` in xenshmd.conf");
    kill_all(builder);
}

/* ---- what it says */

static void read_refusal(json_t *refusal, struct error *error)
{
    const char *name = NULL, *message = NULL, *hint = NULL;
    int code;

    json_unpack(refusal, "{s:s, s:s, s?s}", "name", &name, "message", &message, "hint", &hint);
    code = name ? error_code(name) : 0;
    error_set(error, code ? code : XENSHM_HYPERVISOR_FAILED, "%s",
              message ? message : "the builder does not say why");
    if (hint)
        error_set_hint(error, "%s", hint);
}

static void garbled(struct builder *builder, const char *why)
{
    struct error error = { 0 };

    error_set(&error, XENSHM_HYPERVISOR_FAILED, "the builder said what makes no sense: %s", why);
    end(builder, &error);
}

/* The builder may be gone afterwards. */
static void hear(struct builder *builder, const char *line, size_t length)
{
    _cleanup_(cleanup_json) json_t *object = NULL;
    struct error error = { 0 };

    if (message_parse(line, length, &object, &error) || !json_is_object(object)) {
        garbled(builder, object ? "not an object" : error.message);
    } else if (json_object_get(object, "error")) {
        read_refusal(json_object_get(object, "error"), &error);
        end(builder, &error);
    } else {
        builder->reply(builder->context, object, NULL);
    }
}

/* It speaks only when it is spoken to: there is one line at most. */
static void on_read(struct bufferevent *talk, void *context)
{
    struct builder *builder = context;
    struct evbuffer *input = bufferevent_get_input(talk);
    size_t length = 0;
    char *line;

    /* One that is being killed has nothing more to say. */
    if (builder->why.code || builder->leaving)
        return;
    line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF);
    if (line)
        hear(builder, line, length);
    else if (evbuffer_get_length(input) > BUILDER_LINE_MAX)
        garbled(builder, "a line without an end");
    free(line);
}

/* EOF comes when the process has ended, however that was. */
static void on_event(struct bufferevent *talk, short what, void *context)
{
    struct builder *builder = context;

    if (builder->leaving)
        leave(builder);
    else
        end(builder, NULL);
}

void builder_say(struct builder *builder, json_t *line)
{
    char *text = line ? message_text(line) : NULL;
    struct evbuffer *output = bufferevent_get_output(builder->talk);

    json_decref(line);
    if (!text || evbuffer_add_printf(output, "%s\n", text) < 0) {
        error_set(&builder->why, MESSAGE_INTERNAL_ERROR, "out of memory");
        kill_all(builder);
    }
    free(text);
}

/* ---- its beginning */

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

static int listen_to(struct builder *builder, struct event_base *base, int *talk)
{
    struct timeval limit = { .tv_sec = (time_t)(builder->milliseconds / 1000),
                             .tv_usec = builder->milliseconds % 1000 * 1000 };

    builder->talk = bufferevent_socket_new(base, *talk, BEV_OPT_CLOSE_ON_FREE);
    if (!builder->talk)
        return -ENOMEM;
    steal_fd(talk);
    builder->limit = evtimer_new(base, on_limit, builder);
    if (!builder->limit || evtimer_add(builder->limit, &limit) < 0)
        return -ENOMEM;
    bufferevent_setcb(builder->talk, on_read, NULL, on_event, builder);
    return bufferevent_enable(builder->talk, EV_READ | EV_WRITE) < 0 ? -ENOMEM : 0;
}

int builder_start(struct event_base *base, const struct builder_setup *setup, json_t *request,
                  uint64_t milliseconds, builder_reply_fn reply, void *context,
                  struct builder **ret_builder)
{
    _cleanup_(cleanup_json) json_t *line = request;
    _cleanup_(cleanup_close) int mine = -1, its = -1;
    struct builder *builder;
    int ends[2] = { -1, -1 }, r;

    r = make_talk(ends);
    mine = ends[0];
    its = ends[1];
    if (r == 0)
        r = make_blocking(its);
    if (r < 0)
        return r;
    builder = calloc(1, sizeof(*builder));
    if (!builder)
        return -ENOMEM;
    builder->reply = reply;
    builder->context = context;
    builder->milliseconds = milliseconds;
    r = listen_to(builder, base, &mine);
    if (r == 0)
        r = spawn(setup, its, &builder->pid);
    if (r < 0) {
        release(builder);
        return r;
    }
    log_debug("builder %d started", (int)builder->pid);
    builder_say(builder, json_incref(line));
    *ret_builder = builder;
    return 0;
}
