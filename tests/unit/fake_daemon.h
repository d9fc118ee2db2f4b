/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Daemons that misbehave, at `path`: each is a child that accepts one connection, reads the request
 * line, sends its script and then hangs up or falls silent. For tests of libxenshm.
 */
#pragma once

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_TEXT (20 * 1024 * 1024)

/* More than the socket takes, and no more than a request may have. */
#define UNSENT_TEXT (250 * 1024)

enum behaviour {
    HANG_UP,
    FALL_SILENT,
    IGNORE_REQUEST, /* sends and hangs up without reading anything */
    DRIP,           /* a byte of the script now and then, for ever */
    LONG_REPLY,     /* instead of a script */
};

static char directory[] = "/tmp/xenshm-test-XXXXXX";
static char path[64];

static int setup(void **state)
{
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/socket", directory);
    return 0;
}

static int teardown(void **state)
{
    unlink(path);
    return rmdir(directory);
}

static int listen_at_path(int backlog)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    unlink(path);
    strcpy(address.sun_path, path);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static void send_text(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

        if (n < 0)
            _exit(0);
        text += n;
        size -= (size_t)n;
    }
}

static void send_long_reply(int fd)
{
    char *text = malloc(LONG_TEXT);

    assert(text);
    memset(text, 'x', LONG_TEXT);
    send_text(fd, "{\"id\":1,\"result\":\"", 18);
    send_text(fd, text, LONG_TEXT);
    send_text(fd, "\"}\n", 3);
}

static void serve(int listener, enum behaviour behaviour, const char *script)
{
    int fd = accept(listener, NULL, NULL);
    char c = 0;

    while (behaviour != IGNORE_REQUEST && c != '\n')
        if (read(fd, &c, 1) != 1)
            _exit(1);
    if (behaviour == LONG_REPLY)
        send_long_reply(fd);
    else if (behaviour != DRIP)
        send_text(fd, script, strlen(script));
    /* NOLINTNEXTLINE(bugprone-infinite-loop): until the test kills it */
    while (behaviour == DRIP) {
        send_text(fd, script, 1);
        usleep(10000);
    }
    if (behaviour == FALL_SILENT)
        pause();
    _exit(0);
}

static pid_t start(enum behaviour behaviour, const char *script)
{
    int listener = listen_at_path(1);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        serve(listener, behaviour, script);
    close(listener);
    return pid;
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
