/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* watch: events as they come. A signal ends it as it ends other programs. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "commands.h"
#include "event_line.h"
#include "link.h"
#include "print.h"

struct watch {
    const struct invocation *invocation;
    const char **types; /* owned array */
    size_t type_count;
    uint64_t left; /* events to print; UINT64_MAX: all */
    bool over;     /* enough, or nobody reads any more */
};

static void watch_clear(struct watch *watch)
{
    free(watch->types);
}

static void cleanup_event(struct xenshm_event **event)
{
    xenshm_free(*event);
}

/* ---- the command line */

static enum exit_status read_count(struct watch *watch)
{
    const char *text = options_value(&watch->invocation->options, "count");

    watch->left = UINT64_MAX;
    if (!text)
        return STATUS_DONE;
    errno = 0;
    watch->left = strtoull(text, NULL, 10);
    if (*text && strspn(text, "0123456789") == strlen(text) && !errno && watch->left > 0)
        return STATUS_DONE;
    return complain_usage(watch->invocation, "count '%s' is not a number of events from 1 on",
                          text);
}

/* xenshmd knows which types there are, and says so. */
static enum exit_status read_types(struct watch *watch)
{
    _cleanup_(cleanup_json) json_t *params = json_object();
    const struct options *options = &watch->invocation->options;
    enum exit_status status = STATUS_DONE;

    watch->types = calloc(options->given_count + 1, sizeof(*watch->types));
    if (!watch->types)
        return complain_memory(watch->invocation);
    for (size_t i = 0; status == STATUS_DONE && i < options->given_count; i++)
        if (strcmp(options->given[i].option->name, "type") == 0) {
            status = params_add(watch->invocation, params, "type", options->given[i].value);
            watch->types[watch->type_count++] = options->given[i].value;
        }
    return status;
}

/* ---- the stream */

static int subscribe(const struct watch *watch, uint64_t *ret_seq)
{
    const struct invocation *invocation = watch->invocation;
    int r = link_open(invocation);

    if (r)
        return r;
    return xenshm_subscribe(link_connection(invocation), watch->type_count ? watch->types : NULL,
                            watch->type_count, ret_seq);
}

/* The daemon is gone, in the middle of it. */
static enum exit_status complain_ended(const struct watch *watch, int r)
{
    const struct invocation *invocation = watch->invocation;

    if (r != -ECONNRESET)
        return complain_call(invocation, r);
    if (!link_explain(invocation))
        complain(invocation, "xenshmd at %s has ended; begin again when it runs",
                 invocation->place);
    return STATUS_UNREACHABLE;
}

/*
 * Each line goes out at once. When nobody reads any more that is the end, and no mistake; another
 * failure is found by print_end().
 */
static void flush(struct watch *watch)
{
    if (fflush(stdout) == 0)
        return;
    watch->over = true;
    if (errno != EPIPE)
        return;
    __fpurge(stdout);
    clearerr(stdout);
}

/* `last` is the number of the last one that was missed; of a daemon begun anew it says nothing. */
static int print_missed(const struct watch *watch, const struct xenshm_event *event, uint64_t last)
{
    if (watch->invocation->json) {
        printf("{\"type\":\"overflow\",\"seq\":%" PRIu64 ",\"last\":%" PRIu64 "}\n", event->seq,
               last);
        return 0;
    }
    if (last < event->seq)
        return print_text("overflow: events from %" PRIu64 " on were missed", event->seq);
    return print_text("overflow: events %" PRIu64 " to %" PRIu64 " were missed", event->seq, last);
}

/* The connection has ended: another one, and what came between is lost. */
static enum exit_status begin_again(struct watch *watch, const struct xenshm_event *overflow)
{
    uint64_t last;
    int r;

    complain(watch->invocation, "read too slowly, so that xenshmd gave up; begins again, see "
                                "'xenshmctl list' for the present state");
    link_close(watch->invocation);
    r = subscribe(watch, &last);
    if (r)
        return complain_call(watch->invocation, r);
    if (print_missed(watch, overflow, last) != 0)
        return complain_memory(watch->invocation);
    flush(watch);
    return STATUS_DONE;
}

static enum exit_status show(struct watch *watch, const struct xenshm_event *event)
{
    int r;

    if (strcmp(event->type, "overflow") == 0)
        return begin_again(watch, event);
    r = watch->invocation->json ? event_line_print_json(event) : event_line_print(event);
    if (r)
        return complain_memory(watch->invocation);
    flush(watch);
    if (watch->left != UINT64_MAX && --watch->left == 0)
        watch->over = true;
    return STATUS_DONE;
}

/* Until something came, or nobody reads any more. */
static void wait_input(struct watch *watch)
{
    struct pollfd p[] = {
        { .fd = xenshm_fd(link_connection(watch->invocation)), .events = POLLIN },
        { .fd = STDOUT_FILENO },
    };

    if (poll(p, 2, -1) > 0 && p[1].revents)
        watch->over = true;
}

static enum exit_status follow(struct watch *watch)
{
    enum exit_status status = STATUS_DONE;

    while (status == STATUS_DONE && !watch->over) {
        _cleanup_(cleanup_event) struct xenshm_event *event = NULL;
        int r = xenshm_next_event(link_connection(watch->invocation), &event);

        if (r == 0)
            status = show(watch, event);
        else if (r == -EAGAIN)
            wait_input(watch);
        else
            status = complain_ended(watch, r);
    }
    return status;
}

enum exit_status cmd_watch(const struct invocation *invocation)
{
    _cleanup_(watch_clear) struct watch watch = { .invocation = invocation };
    enum exit_status status = read_count(&watch);
    int r;

    if (status == STATUS_DONE)
        status = read_types(&watch);
    if (status != STATUS_DONE)
        return status;
    r = subscribe(&watch, NULL);
    status = r ? complain_call(invocation, r) : follow(&watch);
    link_close(invocation);
    return status;
}
