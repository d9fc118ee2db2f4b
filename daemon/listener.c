/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "message.h"

/* Clients taken per turn, so that a flood of them does not hold up the others. */
#define LISTENER_BATCH 16
#define LISTENER_BACKLOG 128

/* One line for a client that cannot be served, then the end. It may not read it: no matter. */
static void turn_away(int fd, struct listener *listener, const struct error *error)
{
    _cleanup_(cleanup_json) json_t *reply = NULL;
    _cleanup_(cleanup_free) char *text = NULL;

    listener->connections->turned_away++;
    reply = message_error(NULL, error);
    text = reply ? message_text(reply) : NULL;
    if (text) {
        text[strlen(text)] = '\n';
        if (send(fd, text, strcspn(text, "\n") + 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            log_debug("a client that is turned away does not read why");
    }
    close(fd);
}

/* Those without any right get a quarter, lest they keep out those who have one. */
static bool is_full(const struct listener *listener, const struct access_peer *peer)
{
    const struct connections *connections = listener->connections;

    return connections->count >= listener->limit ||
           (peer->level == ACCESS_NONE && connections->strangers >= (listener->limit + 3) / 4);
}

/* Is there room for this client? Returns 0 or a refusal. */
static int check_room(const struct listener *listener, const struct access_peer *peer,
                      struct error *error)
{
    const struct connections *connections = listener->connections;
    size_t own = connections_of(connections, peer->uid);

    if (is_full(listener, peer))
        return error_set(error, XENSHM_TOO_MANY, "there are %zu connections, the most for now",
                         connections->count);
    return quota_check_connection(listener->quotas, peer->uid, own, listener->limit, error);
}

static void serve(struct listener *listener, int fd)
{
    struct error error = { 0 };
    struct access_peer peer;
    int r;

    r = access_identify(&listener->policy, fd, &peer);
    if (r < 0) {
        log_warning("a client cannot be identified: %s", strerror(-r));
        close(fd);
        return;
    }
    if (check_room(listener, &peer, &error) != 0) {
        turn_away(fd, listener, &error);
        return;
    }
    r = connection_new(listener->connections, fd, &peer);
    if (r < 0)
        log_warning("a client of uid %u cannot be served: %s", (unsigned)peer.uid, strerror(-r));
}

/*
 * Out of descriptors: a waiting client would keep the listening socket readable, and the loop busy.
 * Stop until a connection closes, or for a second.
 */
static void pause_accepting(struct listener *listener)
{
    struct timeval second = { .tv_sec = 1 };
    uint64_t now = clock_milliseconds();

    /* Whenever a client goes it is tried again. */
    if (now >= listener->silent_until) {
        log_warning("out of file descriptors: accepting no clients for now");
        listener->silent_until = now + REPORT_SPAN;
    }
    event_del(listener->event);
    event_add(listener->retry, &second);
}

static void on_client(evutil_socket_t socket_fd, short what, void *context)
{
    struct listener *listener = context;

    for (int i = 0; i < LISTENER_BATCH; i++) {
        int fd = accept4(socket_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            serve(listener, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(listener);
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
    listener_resume(context);
}

void listener_resume(struct listener *listener)
{
    if (listener->event)
        event_add(listener->event, NULL);
}

/* Does anybody answer there? */
static bool in_use(const struct sockaddr_un *address)
{
    _cleanup_(cleanup_close) int fd =
        socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    /* EAGAIN: its queue is full. */
    return fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
                       errno == EAGAIN);
}

static int remove_stale(const struct sockaddr_un *address)
{
    struct stat st;

    if (lstat(address->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    if (in_use(address))
        return -EADDRINUSE;
    return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int bind_socket(const char *path)
{
    _cleanup_(cleanup_close) int fd = -1;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int r;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    r = remove_stale(&address);
    if (r < 0)
        return r;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(path, 0666) < 0 || listen(fd, LISTENER_BACKLOG) < 0)
        return -errno;
    return steal_fd(&fd);
}

int listener_open(struct listener *listener, struct connections *connections,
                  struct event_base *base, const char *path, const struct access_policy *policy,
                  uint64_t limit, const struct quotas *quotas, int fd)
{
    bool ours = fd < 0;

    if (ours)
        fd = bind_socket(path);
    if (fd < 0)
        return fd;
    *listener = (struct listener){
        .connections = connections,
        .policy = *policy,
        .limit = limit,
        .quotas = quotas,
        .path = ours ? strdup(path) : NULL,
        .fd = fd,
        .event = event_new(base, fd, EV_READ | EV_PERSIST, on_client, listener),
        .retry = event_new(base, -1, 0, on_retry, listener),
    };
    if ((ours && !listener->path) || !listener->event || !listener->retry) {
        listener_close(listener);
        return -ENOMEM;
    }
    event_add(listener->event, NULL);
    return 0;
}

void listener_set_policy(struct listener *listener, const struct access_policy *policy)
{
    listener->policy = *policy;
}

void listener_close(struct listener *listener)
{
    if (listener->event)
        event_free(listener->event);
    if (listener->retry)
        event_free(listener->retry);
    if (listener->path)
        unlink(listener->path);
    free(listener->path);
    cleanup_close(&listener->fd);
    *listener = (struct listener){ .fd = -1 };
}
