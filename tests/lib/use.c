/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program of somebody else's, linked with the installed library: C99, only the public headers. It
 * goes once through everything, on a simulated daemon with the guest alpha and a pool of 1 MiB.
 *
 * usage: use SOCKET cycle CONFIG   every method; CONFIG is a file with libxl's JSON of a guest
 *        use SOCKET map            the bytes of a segment, as Dom0 and the guest see them
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenshm-memory.h>
#include <xenshm.h>

static struct xenshm *connection;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: %s; the last failure was: %s\n", __LINE__, #condition,                \
                   xenshm_message(connection));                                                    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void check_daemon(void)
{
    struct xenshm_status *status;
    struct xenshm_pools *pools;
    struct xenshm_runs *runs;
    char *text;

    CHECK(xenshm_daemon_status(connection, &status) == 0);
    CHECK(*status->version && status->counts->pools == 1 &&
          status->limits->line == XENSHM_LINE_MAX);
    xenshm_free(status);
    CHECK(xenshm_pool_list(connection, &pools) == 0);
    CHECK(pools->count == 1 && pools->items[0]->size == 1 << 20);
    CHECK(xenshm_pool_map(connection, pools->items[0]->name, &runs) == 0);
    CHECK(runs->count == 1 && strcmp(runs->items[0]->state, "free") == 0);
    xenshm_free(pools);
    xenshm_free(runs);
    CHECK(xenshm_pool_map(connection, "none", &runs) == XENSHM_POOL_UNKNOWN);
    CHECK(strcmp(xenshm_last_name(connection), "POOL_UNKNOWN") == 0 && *xenshm_hint(connection));
    CHECK(strstr(xenshm_message(connection), "'none'") != NULL);
    CHECK(xenshm_rpc_discover(connection, &text) == 0);
    CHECK(strstr(text, "openrpc") != NULL);
    xenshm_free(text);
    CHECK(xenshm_daemon_metrics(connection, &text) == 0);
    CHECK(strstr(text, "# EOF\n") != NULL);
    xenshm_free(text);
}

static void check_segments(void)
{
    struct xenshm_alloc_options options = XENSHM_ALLOC_OPTIONS_INIT;
    struct xenshm_segment *segment;
    struct xenshm_segments *segments;

    options.align = 65536;
    CHECK(xenshm_segment_alloc(connection, "data", 5000, &options, &segment) == 0);
    CHECK(segment->size == 8192 && segment->kept && segment->host_address % 65536 == 0);
    xenshm_free(segment);
    CHECK(xenshm_segment_alloc(connection, "data", 1, NULL, &segment) == XENSHM_SEGMENT_EXISTS);
    CHECK(xenshm_segment_show(connection, "data", &segment) == 0);
    CHECK(strcmp(segment->state, "ready") == 0 && segment->attachment_count == 0);
    xenshm_free(segment);
    CHECK(xenshm_segment_list(connection, &segments) == 0);
    CHECK(segments->count == 1 && strcmp(segments->items[0]->name, "data") == 0);
    xenshm_free(segments);
    CHECK(xenshm_segment_free(connection, "data", NULL) == 0);
    CHECK(xenshm_segment_free(connection, "data", NULL) == XENSHM_SEGMENT_UNKNOWN);
}

static void check_guests(void)
{
    struct xenshm_share share = XENSHM_SHARE_INIT;
    struct xenshm_attachment *attachment;
    struct xenshm_attachments *detached;
    struct xenshm_guests *guests;

    share.size = 4096;
    share.name = "one";
    CHECK(xenshm_guest_attach(connection, "alpha", &share, &attachment) == 0);
    CHECK(attachment->guest_address != 0 && strcmp(attachment->guest.name, "alpha") == 0);
    CHECK(strcmp(attachment->state, "attached") == 0 && attachment->guest.domid > 0);
    xenshm_free(attachment);
    share.name = "two";
    share.address = "identity";
    CHECK(xenshm_guest_attach(connection, "alpha", &share, NULL) == 0);
    CHECK(xenshm_guest_list(connection, &guests) == 0);
    CHECK(guests->count == 1 && guests->items[0]->attachment_count == 2);
    CHECK(guests->items[0]->config_known && !guests->items[0]->created);
    xenshm_free(guests);
    CHECK(xenshm_guest_detach(connection, "alpha", NULL, NULL) == XENSHM_INVALID_PARAMS);
    CHECK(xenshm_guest_detach(connection, "alpha", "one", &detached) == 0);
    CHECK(detached->count == 1 && strcmp(detached->items[0]->segment, "one") == 0);
    xenshm_free(detached);
    CHECK(xenshm_guest_detach_all(connection, "alpha", &detached) == 0);
    CHECK(detached->count == 1 && strcmp(detached->items[0]->segment, "two") == 0);
    xenshm_free(detached);
    CHECK(xenshm_guest_detach(connection, "alpha", NULL, NULL) == XENSHM_NOT_ATTACHED);
}

static char *read_file(const char *path)
{
    char *text = calloc(1, 65536);
    FILE *file = fopen(path, "r");

    if (!text || !file || fread(text, 1, 65535, file) == 0)
        exit(2);
    fclose(file);
    return text;
}

static void check_created(const char *config_path)
{
    struct xenshm_share first = XENSHM_SHARE_INIT, second = XENSHM_SHARE_INIT;
    const struct xenshm_share *shares[2];
    struct xenshm_destroyed *destroyed;
    struct xenshm_created *created;
    char *config = read_file(config_path);

    first.size = 4096;
    second.size = 8192;
    second.name = "big";
    shares[0] = &first;
    shares[1] = &second;
    CHECK(xenshm_guest_create(connection, config, shares, 2, true, &created) == 0);
    CHECK(created->attachment_count == 2 && created->attachments[1]->size == 8192);
    CHECK(strcmp(created->attachments[1]->segment, "big") == 0);
    CHECK(strcmp(created->state, "paused") == 0);
    CHECK(xenshm_guest_destroy(connection, created->guest.uuid, &destroyed) == 0);
    CHECK(strcmp(destroyed->guest.uuid, created->guest.uuid) == 0);
    CHECK(strcmp(destroyed->state, "destroyed") == 0);
    xenshm_free(created);
    xenshm_free(destroyed);
    CHECK(xenshm_guest_destroy(connection, "alpha", NULL) == XENSHM_GUEST_FOREIGN);
    free(config);
}

/* Waits for events until one of this type comes. */
static void await_event(const char *type)
{
    struct pollfd p;
    int found = 0;

    while (!found) {
        struct xenshm_event *event;
        int r = xenshm_next_event(connection, &event);

        p.fd = xenshm_fd(connection);
        p.events = POLLIN;
        if (r == -EAGAIN) {
            CHECK(poll(&p, 1, 30000) == 1);
            continue;
        }
        CHECK(r == 0);
        found = strcmp(event->type, type) == 0;
        CHECK(strncmp(event->type, "segment.", 8) != 0 || event->segment != NULL);
        CHECK(strncmp(event->type, "attachment.", 11) != 0 || event->attachment != NULL);
        CHECK(strcmp(event->type, "guest.created") != 0 || event->created != NULL);
        xenshm_free(event);
    }
}

static void cycle(const char *config_path)
{
    const char *types[] = { "segment.allocated" };
    uint64_t seq = 1;

    CHECK(xenshm_subscribe(connection, NULL, 0, &seq) == 0);
    CHECK(seq == 0);
    check_daemon();
    check_segments();
    await_event("segment.freed");
    check_guests();
    await_event("attachment.detached");
    check_created(config_path);
    await_event("guest.created");
    await_event("guest.ended");
    CHECK(xenshm_subscribe(connection, types, 1, NULL) == 0);
}

/* A page of a guest, one way and back. */
static void map(void)
{
    struct xenshm_share share = XENSHM_SHARE_INIT;
    struct xenshm_mapping *mapping;
    struct xenshm_attachment *attachment;
    char params[256], *result;

    share.size = 8192;
    CHECK(xenshm_guest_attach(connection, "alpha", &share, &attachment) == 0);
    CHECK(xenshm_map(connection, attachment->segment, &mapping) == 0);
    CHECK(mapping->size == 8192);
    snprintf(params, sizeof(params),
             "{\"name\":\"alpha\",\"address\":\"0x%llx\",\"data\":\"0123456789abcdef\"}",
             (unsigned long long)attachment->guest_address + 4096);
    CHECK(xenshm_call(connection, "sim.guest.write", params, &result) == 0);
    xenshm_free(result);
    CHECK(xenshm_load8((volatile char *)mapping->address + 4096 + 7) == 0xef);
    xenshm_copy_in((volatile char *)mapping->address + 4097, "hello", 5);
    snprintf(params, sizeof(params), "{\"name\":\"alpha\",\"address\":\"0x%llx\",\"length\":8}",
             (unsigned long long)attachment->guest_address + 4096);
    CHECK(xenshm_call(connection, "sim.guest.read", params, &result) == 0);
    CHECK(strstr(result, "0168656c6c6fcdef") != NULL);
    xenshm_free(result);
    /* The pages stay ours when the guest gives them up, until they are unmapped. */
    CHECK(xenshm_guest_detach_all(connection, "alpha", NULL) == 0);
    CHECK(xenshm_load8(mapping->address) == 0);
    CHECK(xenshm_load8((volatile char *)mapping->address + 4097) == 'h');
    xenshm_unmap(mapping);
    CHECK(xenshm_map(connection, "none", &mapping) == XENSHM_SEGMENT_UNKNOWN);
    xenshm_free(attachment);
}

int main(int argc, char **argv)
{
    int r = argc < 3 ? -EINVAL : xenshm_connect(argv[1], &connection);

    if (r) {
        printf("%s: %s\n", xenshm_error_name(r), xenshm_error_text(r));
        return 2;
    }
    if (strcmp(argv[2], "map") == 0)
        map();
    else
        cycle(argv[3]);
    xenshm_close(connection);
    return 0;
}
