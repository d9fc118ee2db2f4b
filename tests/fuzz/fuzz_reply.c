/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a daemon, or what stands between, says to a program: any bytes as its replies and events,
 * taken by the client library, and shown by xenshmctl. The first byte chooses the call.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "event_line.h"
#include "map_pool.h"
#include "map_rows.h"
#include "xenshm.h"

/* What comes out is told by a result, a refusal or an errno; and each text has an end. */
#define CALLS 9
static int call(struct xenshm *connection, uint8_t choice)
{
    struct xenshm_share share = XENSHM_SHARE_INIT;
    _cleanup_(cleanup_free) void *result = NULL;

    share.size = 4096;
    switch (choice % CALLS) {
    case 0:
        return xenshm_daemon_status(connection, (struct xenshm_status **)&result);
    case 1:
        return xenshm_pool_list(connection, (struct xenshm_pools **)&result);
    case 2:
        return xenshm_pool_map(connection, NULL, (struct xenshm_runs **)&result);
    case 3:
        return xenshm_segment_list(connection, (struct xenshm_segments **)&result);
    case 4:
        return xenshm_guest_list(connection, (struct xenshm_guests **)&result);
    case 5:
        return xenshm_guest_attach(connection, "guest1", &share,
                                   (struct xenshm_attachment **)&result);
    case 6:
        return xenshm_guest_create(connection, "{}", NULL, 0, false,
                                   (struct xenshm_created **)&result);
    case 7:
        return xenshm_subscribe(connection, NULL, 0, NULL);
    default:
        return xenshm_daemon_metrics(connection, (char **)&result);
    }
}

static void take_events(struct xenshm *connection)
{
    struct xenshm_event *event;
    int r;

    while ((r = xenshm_next_event(connection, &event)) == 0) {
        MUST(event_line_print(event) == 0 && event_line_print_json(event) == 0);
        xenshm_free(event);
    }
    MUST(r < 0 && xenshm_message(connection)[0]);
}

static void talk(uint8_t choice, const uint8_t *data, size_t size)
{
    struct xenshm *connection;
    int ends[2], r;

    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    MUST(send(ends[1], data, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size);
    shutdown(ends[1], SHUT_WR);
    MUST(xenshm_connect_fd(ends[0], &connection) == 0);
    r = call(connection, choice);
    MUST(r == 0 || xenshm_message(connection)[0]);
    take_events(connection);
    xenshm_close(connection);
    close(ends[1]);
}

/* The result of pool.map, drawn. */
static void draw(const uint8_t *data, size_t size)
{
    _cleanup_(cleanup_json) json_t *runs =
        json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    const struct map_view view = { .columns = 80, .rows = 20, .legend = 10 };
    struct map_pool pool;

    for (size_t first = 0, next; first < json_array_size(runs); first = next) {
        MUST(map_pool_read(&pool, runs, first) == 0);
        MUST(pool.run_count > 0 && pool.run_count <= json_array_size(runs) - first);
        next = first + pool.run_count;
        if (pool.pages > 0)
            MUST(map_rows_print(&view, &pool) == 0);
        map_pool_clear(&pool);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    FILE *out = stdout;

    if (!nowhere)
        nowhere = fopen("/dev/null", "we");
    MUST(nowhere);
    if (size < 1 || size > 65536)
        return 0;
    stdout = nowhere;
    if (data[0] == 0xff)
        draw(data + 1, size - 1);
    else
        talk(data[0], data + 1, size - 1);
    stdout = out;
    return 0;
}
