/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mapping a segment, from a daemon of this test: a child that answers one segment.open with what
 * the test says. Its pool is a file in memory, whose pages tell their number.
 */
#include "test.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "xenshm.h"
#include "xenshm-memory.h"

#define PAGES 8

static char directory[] = "/tmp/xenshm-test-XXXXXX";
static char path[64];
static size_t page;
static int pool;

static int setup(void **state)
{
    page = (size_t)sysconf(_SC_PAGESIZE);
    pool = memfd_create("pool", MFD_CLOEXEC);
    if (!mkdtemp(directory) || pool < 0 || ftruncate(pool, (off_t)(PAGES * page)) < 0)
        return -1;
    for (unsigned i = 0; i < PAGES; i++)
        if (pwrite(pool, &i, sizeof(i), (off_t)(i * page)) != sizeof(i))
            return -1;
    snprintf(path, sizeof(path), "%s/socket", directory);
    return 0;
}

static int teardown(void **state)
{
    close(pool);
    unlink(path);
    return rmdir(directory);
}

/* One message with so many descriptors of the pool. */
static void send_with_descriptors(int fd, const char *text, unsigned count)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control = { .header = { .cmsg_len = CMSG_LEN(count * sizeof(int)),
                              .cmsg_level = SOL_SOCKET,
                              .cmsg_type = SCM_RIGHTS } };
    struct iovec part = { .iov_base = (char *)text, .iov_len = strlen(text) };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = count ? &control : NULL,
                              .msg_controllen = count ? CMSG_SPACE(count * sizeof(int)) : 0 };

    for (unsigned i = 0; i < count; i++)
        memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &pool, sizeof(int));
    if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)strlen(text))
        _exit(1);
}

/* A first connection that asks nothing, and a second one that opens a segment. */
static void serve(int listener, const char *reply, unsigned count)
{
    int first = accept(listener, NULL, NULL), second = accept(listener, NULL, NULL);
    char request[256] = "";

    (void)first;
    for (size_t n = 0; n < sizeof(request) - 1 && (n == 0 || request[n - 1] != '\n'); n++)
        if (read(second, request + n, 1) != 1)
            _exit(1);
    if (!strstr(request, "\"method\":\"segment.open\",\"params\":{\"name\":\"buffer\"}"))
        _exit(1);
    send_with_descriptors(second, reply, count);
    /* Until the other side hangs up: the exit status tells the test that it did. */
    _exit(read(second, request, 1) == 0 ? 0 : 1);
}

static struct xenshm *start(const char *reply, unsigned count, pid_t *ret_pid)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct xenshm *connection = NULL;

    unlink(path);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 2), 0);
    *ret_pid = fork();
    if (*ret_pid == 0)
        serve(listener, reply, count);
    close(listener);
    assert_int_equal(xenshm_connect(path, &connection), 0);
    return connection;
}

/* The daemon saw the connection of the mapping end. */
static void assert_hung_up(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void make_reply(char *text, size_t size, size_t offset, size_t bytes, size_t map_offset)
{
    snprintf(text, size, "{\"id\":1,\"result\":{\"offset\":%zu,\"size\":%zu,\"map_offset\":%zu}}\n",
             offset, bytes, map_offset);
}

static size_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static bool is_mapped(const volatile void *address)
{
    unsigned char resident;

    return mincore((void *)(uintptr_t)address, page, &resident) == 0;
}

static void test_bytes(void **state)
{
    size_t descriptors = count_descriptors();
    struct xenshm_mapping *mapping = NULL;
    struct xenshm *connection;
    const volatile char *before;
    unsigned number = 0;
    char reply[128];
    pid_t pid;

    make_reply(reply, sizeof(reply), 2 * page, 2 * page, page);
    connection = start(reply, 1, &pid);
    assert_int_equal(xenshm_map(connection, "buffer", &mapping), 0);
    xenshm_close(connection); /* the mapping has its own */
    assert_int_equal(mapping->size, 2 * page);
    assert_int_equal(xenshm_load32(mapping->address), 3); /* map_offset and offset */
    assert_int_equal(xenshm_load32((const volatile char *)mapping->address + page), 4);
    xenshm_store32(mapping->address, 77);
    assert_int_equal(pread(pool, &number, sizeof(number), (off_t)(3 * page)), sizeof(number));
    assert_int_equal(number, 77);
    xenshm_store32(mapping->address, 3);
    /* The pages of others before it are not left mapped. */
    before = (const volatile char *)mapping->address - page;
    assert_false(is_mapped(before));
    assert_false(is_mapped(before - page));
    /* One connection, no descriptor of the pool. */
    assert_int_equal(count_descriptors(), descriptors + 1);
    before += page;
    xenshm_unmap(mapping);
    assert_false(is_mapped(before));
    assert_int_equal(count_descriptors(), descriptors);
    assert_hung_up(pid);
}

/* Of a segment of 4 KiB where the kernel's pages are larger: what cannot be given back stays. */
static void test_amid_a_page(void **state)
{
    struct xenshm_mapping *mapping = NULL;
    struct xenshm *connection;
    char reply[128];
    unsigned number;
    pid_t pid;

    make_reply(reply, sizeof(reply), page + page / 2, page / 2, 0);
    connection = start(reply, 1, &pid);
    assert_int_equal(xenshm_map(connection, "buffer", &mapping), 0);
    xenshm_store32(mapping->address, 5);
    assert_int_equal(pread(pool, &number, sizeof(number), (off_t)(page + page / 2)),
                     sizeof(number));
    assert_int_equal(number, 5);
    xenshm_unmap(mapping);
    xenshm_close(connection);
    assert_hung_up(pid);
}

/* A child would have the pages without the promise. */
static void test_fork(void **state)
{
    struct xenshm_mapping *mapping = NULL;
    struct xenshm *connection;
    char reply[128];
    pid_t pid, child;
    int status;

    make_reply(reply, sizeof(reply), 0, page, 0);
    connection = start(reply, 1, &pid);
    assert_int_equal(xenshm_map(connection, "buffer", &mapping), 0);
    child = fork();
    if (child == 0)
        _exit(is_mapped(mapping->address) ? 1 : 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(is_mapped(mapping->address));
    xenshm_unmap(mapping);
    xenshm_close(connection);
    assert_hung_up(pid);
}

/* That a child has the socket, too, keeps nothing; nor does it end what is its parent's. */
static void test_child_lives_on(void **state)
{
    struct xenshm_mapping *mapping = NULL;
    struct xenshm *connection;
    struct pollfd p = { .events = POLLIN };
    pid_t pid, child, other;
    char reply[128];
    int status;

    make_reply(reply, sizeof(reply), 0, page, 0);
    connection = start(reply, 1, &pid);
    assert_int_equal(xenshm_map(connection, "buffer", &mapping), 0);
    other = fork();
    if (other == 0) {
        xenshm_unmap(mapping);
        _exit(0);
    }
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    p.fd = xenshm_mapping_fd(mapping);
    assert_int_equal(poll(&p, 1, 0), 0);
    child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    xenshm_unmap(mapping);
    assert_hung_up(pid); /* waits for ever otherwise */
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    xenshm_close(connection);
}

/* The end of the daemon shows, and the mapping is still there to be ended in order. */
static void test_daemon_gone(void **state)
{
    struct xenshm_mapping *mapping = NULL;
    struct xenshm *connection;
    struct pollfd p = { .events = POLLIN };
    char reply[128];
    pid_t pid;

    make_reply(reply, sizeof(reply), 0, page, 0);
    connection = start(reply, 1, &pid);
    assert_int_equal(xenshm_map(connection, "buffer", &mapping), 0);
    p.fd = xenshm_mapping_fd(mapping);
    assert_int_equal(poll(&p, 1, 0), 0);
    kill(pid, SIGKILL);
    assert_int_equal(poll(&p, 1, 30000), 1);
    assert_int_equal(xenshm_load32(mapping->address), 0);
    xenshm_unmap(mapping);
    xenshm_close(connection);
    waitpid(pid, NULL, 0);
}

/* Nothing is mapped, nothing stays open, and the caller's connection says why. */
static void assert_refused(const char *reply, unsigned count, int why, const char *message)
{
    size_t descriptors = count_descriptors();
    struct xenshm_mapping *mapping = NULL;
    pid_t pid;
    struct xenshm *connection = start(reply, count, &pid);

    assert_int_equal(xenshm_map(connection, "buffer", &mapping), why);
    assert_null(mapping);
    assert_non_null(strstr(xenshm_message(connection), message));
    assert_true(xenshm_fd(connection) >= 0);
    assert_hung_up(pid);
    xenshm_close(connection);
    assert_int_equal(count_descriptors(), descriptors);
}

static void test_refused(void **state)
{
    char reply[128];

    make_reply(reply, sizeof(reply), 0, page, 0);
    assert_refused(reply, 0, -EOPNOTSUPP, "no descriptor");
    assert_refused("{\"id\":1,\"error\":{\"code\":4,\"message\":\"no segment\",\"data\":"
                   "{\"name\":\"SEGMENT_UNKNOWN\"}}}\n",
                   0, XENSHM_SEGMENT_UNKNOWN, "no segment");
    /* A descriptor that comes with a refusal, or with a result that is none. */
    assert_refused("{\"id\":1,\"error\":{\"code\":4,\"message\":\"no segment\"}}\n", 1,
                   XENSHM_SEGMENT_UNKNOWN, "no segment");
    assert_refused("{\"id\":1,\"result\":{\"offset\":0,\"size\":4096}}\n", 1, -EPROTO,
                   "'map_offset'");
    make_reply(reply, sizeof(reply), 0, 0, 0);
    assert_refused(reply, 1, -EPROTO, "buffer");
    make_reply(reply, sizeof(reply), 0, page, 1);
    assert_refused(reply, 1, -EINVAL, "'buffer' cannot be mapped: Invalid argument");
    make_reply(reply, sizeof(reply), INT64_MAX - page + 1, page, 0);
    assert_refused(reply, 1, -ENOMEM, "buffer");
}

/* Of several descriptors the first counts, and the others do not stay open. */
static void test_several_descriptors(void **state)
{
    size_t descriptors = count_descriptors();
    struct xenshm_mapping *mapping = NULL;
    struct xenshm *connection;
    char reply[128];
    pid_t pid;

    make_reply(reply, sizeof(reply), page, page, 0);
    connection = start(reply, 4, &pid);
    assert_int_equal(xenshm_map(connection, "buffer", &mapping), 0);
    xenshm_close(connection);
    assert_int_equal(count_descriptors(), descriptors + 1);
    xenshm_unmap(mapping);
    assert_hung_up(pid);
}

/* One that nobody asked for, with the reply to another call. */
static void test_unwanted_descriptor(void **state)
{
    size_t descriptors = count_descriptors();
    struct xenshm *connection = NULL;
    char *result = NULL;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(xenshm_connect_fd(fds[0], &connection), 0);
    send_with_descriptors(fds[1], "{\"id\":1,\"result\":1}\n", 2);
    assert_int_equal(xenshm_call(connection, "m", NULL, &result), 0);
    xenshm_free(result);
    assert_int_equal(count_descriptors(), descriptors + 2);
    xenshm_close(connection);
    close(fds[1]);
}

static void test_not_from_elsewhere(void **state)
{
    struct xenshm_mapping *mapping = NULL;
    struct xenshm *connection = NULL;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(xenshm_connect_fd(fds[0], &connection), 0);
    assert_int_equal(xenshm_map(connection, "buffer", &mapping), -EOPNOTSUPP);
    assert_true(*xenshm_message(connection));
    xenshm_close(connection);
    close(fds[1]);
}

static void test_daemon_not_there(void **state)
{
    struct xenshm_mapping *mapping = NULL;
    struct xenshm *connection;
    pid_t pid;

    connection = start("", 0, &pid);
    unlink(path);
    assert_int_equal(xenshm_map(connection, "buffer", &mapping), -ENOENT);
    assert_string_equal(xenshm_last_name(connection), "ENOENT");
    xenshm_close(connection);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    xenshm_unmap(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_amid_a_page),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_child_lives_on),
        cmocka_unit_test(test_daemon_gone),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_several_descriptors),
        cmocka_unit_test(test_unwanted_descriptor),
        cmocka_unit_test(test_not_from_elsewhere),
        cmocka_unit_test(test_daemon_not_there),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("libxenshm_map", tests, setup, teardown);
}
