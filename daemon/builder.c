/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "builder_connect.h"
#include "builder_spawn.h"
#include "cleanup.h"
#include "log.h"
#include "message.h"

#define JOURNAL "`journalctl -u 'xenshm-builder*'`"

struct builder {
    LIST_ENTRY(builder) link; /* while it is leaving */
    bool leaving;
    pid_t pid;       /* of our child; 0: systemd has started it */
    bool ready;      /* one of systemd's: it has got what it needs */
    json_t *request; /* for it, until then */
    int leash;       /* of it, from then on; else -1 */
    const struct builder_setup *setup;
    struct bufferevent *talk;
    struct event *limit; /* of its time */
    uint64_t milliseconds;
    builder_reply_fn reply;
    void *context;
    struct error why; /* why it was killed */
};

/* ---- its end */

static int talk_fd(const struct builder *builder)
{
    return bufferevent_getfd(builder->talk);
}

/*
 * With all that it runs: a child of libxl's that has not exec'ed yet holds the socket too, and
 * would put off its end. One of systemd's that is not ready has got nothing, and will do nothing.
 */
static void kill_all(struct builder *builder)
{
    if (builder->pid)
        kill(-builder->pid, SIGKILL);
    else if (!builder->ready)
        shutdown(talk_fd(builder), SHUT_RDWR);
    else if (builder->leash >= 0)
        close(steal_fd(&builder->leash));
}

/* It, and not what it has started. */
static void let_go(struct builder *builder)
{
    if (builder->pid)
        kill(builder->pid, SIGKILL);
    else if (builder->leash >= 0)
        builder_let_go(builder->leash);
}

/* How our child ended: 0, or a signal or an exit status in *error. */
static void judge_end(int status, struct error *error)
{
    if (WIFSIGNALED(status))
        error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder crashed: %s",
                  strsignal(WTERMSIG(status)));
    else
        error_set(error, XENSHM_HYPERVISOR_FAILED,
                  "the builder ended with status %d before its work was done", WEXITSTATUS(status));
}

/* How one of systemd's ended, if it has not said so itself. */
static void judge_silence(const struct builder *builder, struct error *error)
{
    if (error->code)
        return;
    if (!builder->ready)
        error_set(error, XENSHM_HYPERVISOR_FAILED, "no builder was started behind %s",
                  builder->setup->socket);
    else
        error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder ended before its work was done");
    error_set_hint(error, "see " JOURNAL);
}

/* Its socket is closed, or it was told to die: it is gone in a moment. */
static int bury(struct builder *builder)
{
    int status = 0;

    if (builder->ready)
        builder_await_end(talk_fd(builder));
    else if (builder->pid)
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
    if (builder->leash >= 0)
        close(builder->leash);
    json_decref(builder->request);
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
    let_go(builder);
}

static void leave(struct builder *builder)
{
    LIST_REMOVE(builder, link);
    let_go(builder);
    bury(builder);
    release(builder);
}

void builders_clear(struct builder_list *leaving)
{
    while (!LIST_EMPTY(leaving))
        leave(LIST_FIRST(leaving));
}

/* It is gone, or our child and about to be: its owner is told why, else the way it ended tells. */
static void conclude(struct builder *builder)
{
    builder_reply_fn reply = builder->reply;
    void *context = builder->context;
    struct error why = builder->why;
    int status = bury(builder);

    if (builder->pid)
        judge_end(status, &why);
    else
        judge_silence(builder, &why);
    release(builder);
    reply(context, NULL, &why);
}

/* Ends it, with all that it ran: nothing of a guest that is not built may go on. */
static void end(struct builder *builder, const struct error *error)
{
    if (!builder->why.code)
        builder->why = *error;
    kill_all(builder);
    /* One of systemd's hangs up when all of it is gone. */
    if (builder->pid)
        conclude(builder);
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
    error_set_hint(&builder->why, "see %s, and `builder-timeout` in xenshmd.conf",
                   builder->pid ? "the daemon's log" : JOURNAL);
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

/* One of systemd's is there: it gets what our children inherit, and its request. */
static void begin(struct builder *builder, const json_t *object)
{
    struct error error = { 0 };
    int r;

    if (!json_object_get(object, "ready")) {
        garbled(builder, "something before it was ready");
        return;
    }
    r = builder_hand_over(talk_fd(builder), builder->setup, &builder->leash);
    if (r < 0) {
        error_set(&error, XENSHM_HYPERVISOR_FAILED, "the builder cannot be given its work: %s",
                  strerror(-r));
        end(builder, &error);
        return;
    }
    builder->ready = true;
    log_debug("a builder behind %s is ready", builder->setup->socket);
    builder_say(builder, steal_pointer(&builder->request));
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
    } else if (!builder->pid && !builder->ready) {
        begin(builder, object);
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
    if (builder->why.code || builder->leaving) {
        evbuffer_drain(input, evbuffer_get_length(input));
        return;
    }
    line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF);
    if (line)
        hear(builder, line, length);
    else if (evbuffer_get_length(input) > BUILDER_LINE_MAX)
        garbled(builder, "a line without an end");
    free(line);
}

/* How one of systemd's ended is the last that is said for it, behind what it may have said. */
static void hear_last(struct builder *builder)
{
    struct evbuffer *input = bufferevent_get_input(builder->talk);
    _cleanup_(cleanup_json) json_t *object = NULL;
    _cleanup_(cleanup_free) char *line = NULL;
    struct error error = { 0 };
    size_t length = 0;

    line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF);
    if (line && !builder->why.code && message_parse(line, length, &object, &error) == 0 &&
        json_object_get(object, "error"))
        read_refusal(json_object_get(object, "error"), &builder->why);
}

/* EOF comes when the process has ended, however that was. */
static void on_event(struct bufferevent *talk, short what, void *context)
{
    struct builder *builder = context;

    /* What one of systemd's has said is read to its end, though it no longer listens. */
    if (!builder->pid && what & BEV_EVENT_WRITING)
        return;
    if (builder->leaving) {
        leave(builder);
        return;
    }
    if (!builder->pid)
        hear_last(builder);
    kill_all(builder);
    conclude(builder);
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

static int open_talk(const struct builder_setup *setup, int *ret_talk, pid_t *ret_pid)
{
    *ret_pid = 0;
    return setup->socket ? builder_connect(setup->socket, ret_talk)
                         : builder_spawn(setup, ret_talk, ret_pid);
}

static struct builder *new_builder(const struct builder_setup *setup, uint64_t milliseconds,
                                   builder_reply_fn reply, void *context)
{
    struct builder *builder = calloc(1, sizeof(*builder));

    if (!builder)
        return NULL;
    builder->setup = setup;
    builder->leash = -1;
    builder->reply = reply;
    builder->context = context;
    builder->milliseconds = milliseconds;
    return builder;
}

int builder_start(struct event_base *base, const struct builder_setup *setup, json_t *request,
                  uint64_t milliseconds, builder_reply_fn reply, void *context,
                  struct builder **ret_builder)
{
    _cleanup_(cleanup_json) json_t *line = request;
    _cleanup_(cleanup_close) int talk = -1;
    struct builder *builder = new_builder(setup, milliseconds, reply, context);
    int r;

    if (!builder)
        return -ENOMEM;
    r = open_talk(setup, &talk, &builder->pid);
    if (r == 0)
        r = listen_to(builder, base, &talk);
    if (r < 0) {
        if (builder->pid)
            builder_free(builder);
        else
            release(builder);
        return r;
    }
    if (builder->pid) {
        log_debug("builder %d started", (int)builder->pid);
        builder_say(builder, steal_pointer(&line));
    } else {
        builder->request = steal_pointer(&line);
    }
    *ret_builder = builder;
    return 0;
}
