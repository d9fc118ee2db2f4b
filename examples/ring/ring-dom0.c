/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of the ring in Dom0: the segment comes from xenshmd, by name. */
#include <err.h>
#include <getopt.h>
#include <stdio.h>

#include <xenshm.h>

#include "arguments.h"
#include "exchange.h"

struct arguments {
    const char *segment;
    const char *socket;
    uint32_t messages;
    unsigned patience;
};

static void usage(void)
{
    errx(2, "usage: ring-dom0 [--messages N] [--timeout SECONDS] [--socket PATH] SEGMENT");
}

static void parse(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = { { "messages", required_argument, NULL, 'm' },
                                             { "timeout", required_argument, NULL, 't' },
                                             { "socket", required_argument, NULL, 's' },
                                             {} };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'm')
            arguments->messages = number_argument(optarg, INT32_MAX);
        else if (option == 't')
            arguments->patience = number_argument(optarg, INT32_MAX);
        else if (option == 's')
            arguments->socket = optarg;
        else
            usage();
    }
    if (argc - optind != 1)
        usage();
    arguments->segment = argv[optind];
}

/* What the daemon says is a line for people; its hint tells what to do. */
static void fail(struct xenshm *daemon, int error)
{
    errx(1, "%s (%s)%s%s", xenshm_message(daemon), xenshm_error_name(error),
         *xenshm_hint(daemon) ? "; " : "", xenshm_hint(daemon));
}

static struct xenshm *connect_to_daemon(const char *path)
{
    struct xenshm *daemon;
    int r = xenshm_connect(path, &daemon);

    if (r)
        errx(1, "%s; is xenshmd running?", xenshm_error_text(r));
    return daemon;
}

static struct xenshm_mapping *map_segment(struct xenshm *daemon, const char *segment)
{
    struct xenshm_mapping *mapping;
    int r = xenshm_map(daemon, segment, &mapping);

    if (r)
        fail(daemon, r);
    return mapping;
}

int main(int argc, char **argv)
{
    struct arguments arguments = { .messages = DEFAULT_MESSAGES, .patience = DEFAULT_PATIENCE };
    struct xenshm_mapping *mapping;
    struct exchange exchange;
    struct xenshm *daemon;
    struct ring ring;
    int status;

    parse(argc, argv, &arguments);
    daemon = connect_to_daemon(arguments.socket);
    mapping = map_segment(daemon, arguments.segment);
    /* The mapping has a connection of its own, which keeps the pages ours. */
    xenshm_close(daemon);

    if (ring_init(&ring, mapping->address, mapping->size, RING_DOM0))
        errx(1, "%s is too small for a ring", arguments.segment);
    exchange = (struct exchange){ .program = "ring-dom0",
                                  .messages = arguments.messages,
                                  .patience = arguments.patience,
                                  .stop_fd = xenshm_mapping_fd(mapping) };
    status = exchange_run(&exchange, &ring);
    xenshm_unmap(mapping);
    return status;
}
