/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * strike: kills the daemon at a chosen moment of its work.
 *
 *   strike PID MICROSECONDS [SOCKET REQUEST]
 *
 * Sends REQUEST, a line of JSON, wakes PID in case it was stopped, and that many microseconds
 * later sends it SIGKILL; PID 0 is nobody. Prints how many microseconds after the request the
 * reply came, and the reply; or "-" if the daemon died without one.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REPLY_MAX (1 << 20)
#define ACCEPT_TIME 20000 /* microseconds in which the daemon accepts a connection */

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path))
        errx(2, "'%s' is too long for a socket", path);
    strcpy(address.sun_path, path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        err(1, "%s", path);
    return fd;
}

static void send_line(int fd, const char *request)
{
    size_t length = strlen(request);

    if (write(fd, request, length) != (ssize_t)length || write(fd, "\n", 1) != 1)
        err(1, "sending");
}

/* A daemon that dies with the request unread resets the connection once, before what it said. */
static int receive_line(int fd, char *reply)
{
    size_t length = 0;

    while (length < REPLY_MAX - 1) {
        ssize_t got = read(fd, reply + length, REPLY_MAX - 1 - length);

        if (got < 0 && errno == ECONNRESET)
            continue;
        if (got <= 0)
            return 0;
        length += (size_t)got;
        if (reply[length - 1] == '\n') {
            reply[length - 1] = '\0';
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    static char reply[REPLY_MAX];
    long pid = argc > 2 ? atol(argv[1]) : 0;
    long long start;
    int fd = -1;

    if (argc != 3 && argc != 5)
        errx(2, "usage: strike PID MICROSECONDS [SOCKET REQUEST]");
    if (argc == 5)
        fd = connect_to(argv[3]);
    if (pid > 0 && fd >= 0)
        usleep(ACCEPT_TIME);
    start = now();
    if (fd >= 0)
        send_line(fd, argv[4]);
    if (pid > 0) {
        kill((pid_t)pid, SIGCONT);
        while (now() - start < atoll(argv[2]))
            continue; /* sleeping is too coarse */
        if (kill((pid_t)pid, SIGKILL) < 0)
            err(1, "kill %ld", pid);
    }
    if (fd < 0)
        return 0;
    if (receive_line(fd, reply))
        printf("%lld %s\n", now() - start, reply);
    else
        puts("-");
    return 0;
}
