/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a request costs, beside what the machine's sockets cost.
 *
 * Round for round in one run: a bare ping-pong over a Unix socket with a forked process that only
 * reads and writes (request and reply as long as those of daemon.status), daemon.status itself, and
 * pairs of attaching and detaching one page. The client blocks, and its requests are ready made, so
 * that the quotient of the first two is what the daemon adds. Prints one line of numbers a
 * measurement, for `run` to lay out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9
#define PINGS 20000
#define PAIRS 5000
#define WARM 1000
#define CROWD 98 /* guests beside the two that are always there */
#define LINE 65536

static const char status_request[] =
    "{\"jsonrpc\":\"2.0\",\"method\":\"daemon.status\",\"id\":1}              \n";
static const char attach_request[] = "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"guest.attach\","
                                     "\"params\":{\"guest\":\"alpha\",\"size\":4096}}\n";
static const char detach_request[] = "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"guest.detach\","
                                     "\"params\":{\"guest\":\"alpha\"}}\n";

_Static_assert(sizeof(status_request) - 1 == 64, "the request is as long as the ping");

static char line[LINE];

static void die(const char *what)
{
    fprintf(stderr, "bench_rpc: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void send_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, text, length);

        if (n < 0)
            die("write");
        text += n;
        length -= (size_t)n;
    }
}

/* Reads up to and with the newline. Returns the length. */
static size_t read_line(int fd)
{
    size_t length = 0;

    do {
        ssize_t n = read(fd, line + length, LINE - length);

        if (n <= 0)
            die("read");
        length += (size_t)n;
    } while (line[length - 1] != '\n');
    return length;
}

static size_t ask(int fd, const char *request)
{
    size_t length;

    send_all(fd, request, strlen(request));
    length = read_line(fd);
    line[length - 1] = '\0';
    if (!strstr(line, "\"result\"")) {
        fprintf(stderr, "bench_rpc: refused: %s\n", line);
        exit(1);
    }
    return length;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
        die("socket");
    strcpy(address.sun_path, path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        die(path);
    return fd;
}

/* The other end of the bare ping-pong: 64 bytes in, `length` bytes out. */
static void echo(int fd, size_t length)
{
    static char reply[LINE];

    memset(reply, 'x', length);
    reply[length - 1] = '\n';
    for (;;) {
        size_t got = 0;

        while (got < 64) {
            ssize_t n = read(fd, line, 64 - got);

            if (n <= 0)
                _exit(0);
            got += (size_t)n;
        }
        send_all(fd, reply, length);
    }
}

static int start_echo(size_t length)
{
    int fds[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        die("socketpair");
    pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        close(fds[0]);
        echo(fds[1], length);
    }
    close(fds[1]);
    return fds[0];
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_round(const char *name, double *times, size_t count, double total)
{
    qsort(times, count, sizeof(times[0]), compare_double);
    printf("%s %.3f %.3f %.1f\n", name, times[count / 2], times[count * 99 / 100],
           (double)count / total * 1e6);
    fflush(stdout);
}

static void ping_round(const char *name, int fd)
{
    static double times[PINGS];
    double start, total = now_us();

    for (size_t i = 0; i < PINGS; i++) {
        start = now_us();
        send_all(fd, status_request, 64);
        read_line(fd);
        times[i] = now_us() - start;
    }
    print_round(name, times, PINGS, now_us() - total);
}

/* CROWD more guests start, or are destroyed. */
static void crowd(int fd, const char *method)
{
    char request[160];

    for (int i = 0; i < CROWD; i++) {
        snprintf(request, sizeof(request),
                 "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"%s\","
                 "\"params\":{\"name\":\"crowd%d\"}}\n",
                 method, i);
        ask(fd, request);
    }
}

static void pair_round(const char *name, int fd)
{
    static double times[PAIRS];
    double start, total = now_us();

    for (size_t i = 0; i < PAIRS; i++) {
        start = now_us();
        ask(fd, attach_request);
        ask(fd, detach_request);
        times[i] = now_us() - start;
    }
    print_round(name, times, PAIRS, now_us() - total);
}

int main(int argc, char **argv)
{
    int daemon_fd, echo_fd;
    size_t length;

    if (argc != 2) {
        fprintf(stderr, "usage: bench_rpc SOCKET\n");
        return 2;
    }
    daemon_fd = connect_to(argv[1]);
    length = ask(daemon_fd, status_request);
    echo_fd = start_echo(length);
    printf("reply %zu\n", length);
    for (int i = 0; i < WARM; i++) {
        ask(daemon_fd, attach_request);
        ask(daemon_fd, detach_request);
    }
    for (int i = 0; i < ROUNDS; i++) {
        ping_round("bare", echo_fd);
        ping_round("status", daemon_fd);
        pair_round("pair", daemon_fd);
        crowd(daemon_fd, "sim.guest.start");
        pair_round("crowd", daemon_fd);
        crowd(daemon_fd, "sim.guest.destroy");
    }
    close(echo_fd);
    wait(NULL);
    return 0;
}
