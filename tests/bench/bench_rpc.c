/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon over its socket, beside a bare ping-pong over a Unix socket in the same run.
 *
 * bench-rpc SOCKET GUEST: prints one line a measurement, "name p50 p99 unit". Rounds of the three
 * kinds alternate, so that what else the machine does meets all of them alike; each figure is the
 * median of its rounds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9
#define CALLS 2000
#define REPLY_MAX 65536

struct figures {
    double p50[ROUNDS];
    double p99[ROUNDS];
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    return values[ROUNDS / 2];
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die(path);
    return fd;
}

static void send_all(int fd, const char *text, size_t length)
{
    if (send(fd, text, length, MSG_NOSIGNAL) != (ssize_t)length)
        die("send");
}

/* One line; returns its length. */
static size_t receive_line(int fd, char *buffer)
{
    size_t length = 0;

    do {
        ssize_t n = recv(fd, buffer + length, REPLY_MAX - 1 - length, 0);

        if (n <= 0)
            die("recv");
        length += (size_t)n;
    } while (buffer[length - 1] != '\n');
    buffer[length] = '\0';
    return length;
}

static size_t call(int fd, const char *request)
{
    static char reply[REPLY_MAX];
    size_t length;

    send_all(fd, request, strlen(request));
    length = receive_line(fd, reply);
    if (strstr(reply, "\"error\"")) {
        fprintf(stderr, "%s", reply);
        exit(1);
    }
    return length;
}

/* The other end of the ping-pong: a line in, a line of `length` bytes out. */
static int start_echo(size_t length)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        die("socketpair");
    if (fork() == 0) {
        static char buffer[REPLY_MAX], reply[REPLY_MAX];

        close(pair[0]);
        memset(reply, 'x', length);
        reply[length - 1] = '\n';
        while (recv(pair[1], buffer, sizeof(buffer), 0) > 0)
            send_all(pair[1], reply, length);
        _exit(0);
    }
    close(pair[1]);
    return pair[0];
}

/* CALLS times all the requests, each of which is answered before the next. */
static void measure(int fd, const char *const *requests, struct figures *figures, int round)
{
    static double times[CALLS];

    for (int i = 0; i < CALLS; i++) {
        double start = now();

        for (const char *const *request = requests; *request; request++)
            call(fd, *request);
        times[i] = now() - start;
    }
    qsort(times, CALLS, sizeof(times[0]), compare);
    figures->p50[round] = times[CALLS / 2];
    figures->p99[round] = times[CALLS * 99 / 100];
}

int main(int argc, char **argv)
{
    static struct figures ping, status, pair;
    static char attach[256], detach[256];
    const char *status_request[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"daemon.status\"}\n", NULL
    };
    const char *ping_request[] = { "{\"this line is as long as a request for the status\":12345}\n",
                                   NULL };
    const char *pair_requests[] = { attach, detach, NULL };
    int daemon, echo;

    if (argc != 3) {
        fprintf(stderr, "usage: %s SOCKET GUEST\n", argv[0]);
        return 2;
    }
    snprintf(attach, sizeof(attach),
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"guest.attach\","
             "\"params\":{\"guest\":\"%s\",\"size\":4096}}\n",
             argv[2]);
    snprintf(detach, sizeof(detach),
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"guest.detach\","
             "\"params\":{\"guest\":\"%s\"}}\n",
             argv[2]);
    daemon = connect_to(argv[1]);
    echo = start_echo(call(daemon, status_request[0]));
    for (int round = 0; round < ROUNDS; round++) {
        measure(echo, ping_request, &ping, round);
        measure(daemon, status_request, &status, round);
        measure(daemon, pair_requests, &pair, round);
    }
    close(echo);
    wait(NULL);
    printf("ping %.1f %.1f\n", median(ping.p50), median(ping.p99));
    printf("status %.1f %.1f\n", median(status.p50), median(status.p99));
    printf("pair %.1f %.1f\n", median(pair.p50), median(pair.p99));
    return 0;
}
