/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each allocation of a whole conversation fails once: the caller is told so, what it has is whole,
 * and nothing is left (the sanitizers look).
 */
#include "test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "fault.h"
#include "xenshm.h"

static const char replies[] =
    "{\"id\":1,\"result\":{\"seq\":0}}\n"
    "{\"method\":\"event\",\"params\":{\"seq\":1,\"type\":\"segment.freed\",\"time\":\"t\","
    "\"object\":{\"name\":\"s\"}}}\n"
    "{\"id\":2,\"result\":{\"detached\":[]}}\n"
    "{\"method\":\"event\",\"params\":{\"seq\":2,\"type\":\"x\",\"time\":\"t\",\"object\":null}}\n";

/* Everything that was received: *ret_events counts. Returns the first failure. */
static int converse(int fd, unsigned *ret_events)
{
    struct xenshm *connection = NULL;
    struct xenshm_attachments *detached = NULL;
    struct xenshm_event *event;
    int r;

    r = xenshm_connect_fd(fd, &connection);
    if (r)
        return r;
    r = xenshm_subscribe(connection, NULL, 0, NULL);
    if (r == 0)
        r = xenshm_guest_detach_all(connection, "g", &detached);
    assert_true((r == 0) == (detached != NULL));
    xenshm_free(detached);
    while (r == 0) {
        r = xenshm_next_event(connection, &event);
        if (r == 0) {
            xenshm_free(event);
            ++*ret_events;
        }
    }
    if (r == -ENOMEM)
        assert_true(*xenshm_message(connection));
    xenshm_close(connection);
    return r;
}

static void test_each_allocation(void **state)
{
    bool hit = true;
    long successes = 0;

    for (; hit; successes++) {
        unsigned events = 0;
        int fds[2], r;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(write(fds[1], replies, strlen(replies)), strlen(replies));
        fault_after(successes);
        r = converse(fds[0], &events);
        hit = fault_end();
        assert_int_equal(r, hit ? -ENOMEM : -EAGAIN);
        assert_true(hit || events == 2);
        close(fds[1]);
    }
    assert_true(successes > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation),
    };

    return RUN_TESTS("libxenshm_no_memory", tests);
}
