/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * pulse: how fast the daemon answers while it has something else to do.
 *
 *   pulse SOCKET MILLISECONDS REQUEST
 *
 * Sends REQUEST, a line of JSON, that many milliseconds after each reply, all on one connection,
 * until SIGTERM; then prints how many times, and in microseconds the median, the 99th percentile
 * and the longest time to a reply, and for comparison the same of how much too late it woke up
 * itself, which is the machine's fault alone: "COUNT P50 P99 MAX LATE50 LATE99 LATEMAX".
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TIMES_MAX 100000
#define REPLY_MAX (1 << 20)

static volatile sig_atomic_t is_over;
static long times[TIMES_MAX], delays[TIMES_MAX];

static void end(int number)
{
    (void)number;
    is_over = 1;
}

static long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000L + time.tv_nsec / 1000;
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

/* How long the reply to one request takes. */
static long ask(int fd, const char *line)
{
    static char reply[REPLY_MAX];
    size_t length = strlen(line);
    long start = now();
    ssize_t got;

    if (write(fd, line, length) != (ssize_t)length)
        err(1, "sending");
    do {
        got = read(fd, reply, sizeof(reply));
        if (got <= 0)
            errx(1, "no reply");
    } while (reply[got - 1] != '\n');
    return now() - start;
}

static int compare(const void *a, const void *b)
{
    long x = *(const long *)a;
    long y = *(const long *)b;

    return (x > y) - (x < y);
}

static void print(long *values, size_t count)
{
    qsort(values, count, sizeof(values[0]), compare);
    printf(" %ld %ld %ld", values[count / 2], values[count * 99 / 100], values[count - 1]);
}

int main(int argc, char **argv)
{
    /* SA_RESTART: the reply that is awaited still counts. */
    struct sigaction action = { .sa_handler = end, .sa_flags = SA_RESTART };
    long pause = argc > 2 ? atol(argv[2]) * 1000 : 0;
    size_t count = 0;
    char *line;
    int fd;

    if (argc != 4)
        errx(2, "usage: pulse SOCKET MILLISECONDS REQUEST");
    if (asprintf(&line, "%s\n", argv[3]) < 0)
        err(1, "REQUEST");
    fd = connect_to(argv[1]);
    sigaction(SIGTERM, &action, NULL);
    while (!is_over && count < TIMES_MAX) {
        long start;

        times[count] = ask(fd, line);
        start = now();
        usleep((useconds_t)pause);
        delays[count++] = now() - start - pause;
    }
    printf("%zu", count);
    print(times, count);
    print(delays, count);
    putchar('\n');
    free(line);
    return 0;
}
