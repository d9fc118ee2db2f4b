/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes out on a socket: all bytes in their order, each descriptor with its own first byte. */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "fault.h"
#include "outgoing.h"

struct fixture {
    struct outgoing outgoing;
    int sockets[2];
    size_t before; /* descriptors of this process */
};

static size_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static int setup(void **context)
{
    static struct fixture fixture;
    int size = 4096;

    fixture.before = count_descriptors();
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fixture.sockets), 0);
    setsockopt(fixture.sockets[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    assert_int_equal(outgoing_init(&fixture.outgoing), 0);
    *context = &fixture;
    return 0;
}

/* Nothing is left open. */
static int teardown(void **context)
{
    struct fixture *fixture = *context;

    outgoing_clear(&fixture->outgoing);
    close(fixture->sockets[0]);
    close(fixture->sockets[1]);
    assert_int_equal(count_descriptors(), fixture->before);
    return 0;
}

/* A file that can be told from others by its size. */
static int make_file(unsigned number)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, number), 0);
    return fd;
}

static unsigned file_number(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return (unsigned)st.st_size;
}

/* Reads one byte. Returns it, with the number of the file that came with it, or 0; -1: none. */
static int read_byte(int socket, unsigned *ret_number)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
    unsigned char byte;
    struct iovec part = { &byte, 1 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    struct cmsghdr *header;
    int fd;

    *ret_number = 0;
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
        return -1;
    header = CMSG_FIRSTHDR(&message);
    if (!header)
        return byte;
    assert_int_equal(header->cmsg_len, CMSG_LEN(sizeof(int)));
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    *ret_number = file_number(fd);
    close(fd);
    return byte;
}

/* Line `number`: its letter, `length` times; every third one has a file. */
static int send_line(struct fixture *fixture, unsigned number, size_t length)
{
    char *line = malloc(length);
    int r;

    assert_non_null(line);
    memset(line, 'a' + (int)(number % 26), length);
    line[0] = 'A' + (char)(number % 26);
    r = outgoing_send(&fixture->outgoing, fixture->sockets[0], line, length,
                      number % 3 ? -1 : make_file(number + 1));
    free(line);
    return r;
}

static void check_line(struct fixture *fixture, unsigned number, size_t length)
{
    unsigned file;

    for (size_t i = 0; i < length; i++) {
        int byte = read_byte(fixture->sockets[1], &file);

        if (byte < 0) {
            outgoing_flush(&fixture->outgoing, fixture->sockets[0]);
            byte = read_byte(fixture->sockets[1], &file);
        }
        assert_int_equal(byte, (i ? 'a' : 'A') + (int)(number % 26));
        assert_int_equal(file, i == 0 && number % 3 == 0 ? number + 1 : 0);
    }
}

static void at_once(void **context)
{
    struct fixture *fixture = *context;

    for (unsigned number = 0; number < 9; number++) {
        assert_int_equal(send_line(fixture, number, 10), 0);
        assert_int_equal(outgoing_length(&fixture->outgoing), 0);
        assert_int_equal(fixture->outgoing.descriptor_count, 0);
        check_line(fixture, number, 10);
    }
}

/* The socket is full from the first lines on; they come out in pieces. */
static void queued(void **context)
{
    static const size_t lengths[] = { 1, 2, 5000, 100, 70000, 1, 1, 1, 30000 };
    struct fixture *fixture = *context;

    for (unsigned number = 0; number < 60; number++)
        assert_int_equal(send_line(fixture, number, lengths[number % ELEMENTS(lengths)]), 0);
    assert_true(fixture->outgoing.descriptor_count > 10);
    assert_int_equal(outgoing_flush(&fixture->outgoing, fixture->sockets[0]), -EAGAIN);
    for (unsigned number = 0; number < 60; number++)
        check_line(fixture, number, lengths[number % ELEMENTS(lengths)]);
    assert_int_equal(outgoing_flush(&fixture->outgoing, fixture->sockets[0]), 0);
    assert_int_equal(outgoing_length(&fixture->outgoing), 0);
    assert_int_equal(fixture->outgoing.descriptor_count, 0);
}

/* A batch's replies come as a buffer, among the others. */
static void buffers(void **context)
{
    struct fixture *fixture = *context;
    struct evbuffer *text = evbuffer_new();
    unsigned file;

    for (unsigned number = 0; number < 30; number++) {
        assert_int_equal(send_line(fixture, 3 * number, 1000), 0);
        evbuffer_add(text, "1234567890", 10);
        outgoing_send_buffer(&fixture->outgoing, fixture->sockets[0], text);
        assert_int_equal(evbuffer_get_length(text), 0);
    }
    for (unsigned number = 0; number < 30; number++) {
        check_line(fixture, 3 * number, 1000);
        for (unsigned i = 0; i < 10; i++) {
            int byte = read_byte(fixture->sockets[1], &file);

            if (byte < 0) {
                outgoing_flush(&fixture->outgoing, fixture->sockets[0]);
                byte = read_byte(fixture->sockets[1], &file);
            }
            assert_int_equal(byte, "1234567890"[i]);
            assert_int_equal(file, 0);
        }
    }
    evbuffer_free(text);
}

static void other_end_is_gone(void **context)
{
    struct fixture *fixture = *context;

    assert_false(outgoing_hung_up(fixture->sockets[0]));
    shutdown(fixture->sockets[1], SHUT_WR);
    assert_false(outgoing_hung_up(fixture->sockets[0]));
    for (unsigned number = 0; number < 30; number++)
        assert_int_equal(send_line(fixture, number, 1000), 0);
    shutdown(fixture->sockets[1], SHUT_RDWR);
    assert_true(outgoing_hung_up(fixture->sockets[0]));
    assert_int_equal(outgoing_flush(&fixture->outgoing, fixture->sockets[0]), -EPIPE);
    assert_true(fixture->outgoing.descriptor_count > 0); /* teardown() */
}

static void no_memory(void **context)
{
    struct fixture *fixture = *context;
    long n = 0;

    while (send_line(fixture, 1, 1000) == 0 && outgoing_length(&fixture->outgoing) == 0)
        ;
    for (bool hit = true; hit; n++) {
        int fd = make_file(1), r;

        fault_after(n);
        r = outgoing_send(&fixture->outgoing, fixture->sockets[0], "x", 1, fd);
        hit = fault_end();
        assert_int_equal(r, hit ? -ENOMEM : 0);
    }
    outgoing_clear(&fixture->outgoing);
    outgoing_clear(&fixture->outgoing);
    assert_int_equal(outgoing_length(&fixture->outgoing), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(queued, setup, teardown),
        cmocka_unit_test_setup_teardown(buffers, setup, teardown),
        cmocka_unit_test_setup_teardown(other_end_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(no_memory, setup, teardown),
    };

    return RUN_TESTS("outgoing", tests);
}
