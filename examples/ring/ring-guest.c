/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of the ring in a guest. It needs no library, and nothing of Xen: the segment is a device
 * of its own (guests that xenshmd created), or an address (attached ones; xenstore tells it).
 */
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arguments.h"
#include "exchange.h"

#define DEVICES_MAX 256

/* Where the segment is: a file, and a range of it. */
struct place {
    char file[256];
    uint64_t offset;
    uint64_t size;
};

struct arguments {
    const char *segment;
    const char *file;
    const char *address;
    const char *size;
    uint32_t messages;
    unsigned patience;
};

static void usage(void)
{
    errx(2, "usage: ring-guest [--messages N] [--timeout SECONDS]\n"
            "           SEGMENT | [--file FILE] --address ADDRESS --size BYTES");
}

static void parse(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        { "messages", required_argument, NULL, 'm' }, { "timeout", required_argument, NULL, 't' },
        { "file", required_argument, NULL, 'f' },     { "address", required_argument, NULL, 'a' },
        { "size", required_argument, NULL, 's' },     {}
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'm')
            arguments->messages = number_argument(optarg, INT32_MAX);
        else if (option == 't')
            arguments->patience = number_argument(optarg, INT32_MAX);
        else if (option == 'f')
            arguments->file = optarg;
        else if (option == 'a')
            arguments->address = optarg;
        else if (option == 's')
            arguments->size = optarg;
        else
            usage();
    }
    arguments->segment = optind < argc ? argv[optind++] : NULL;
    if (optind < argc || !arguments->segment == !arguments->address ||
        !arguments->address != !arguments->size)
        usage();
}

/* One line of a file of sysfs, "" when there is none. */
static void read_line(const char *path, char *ret_line, int capacity)
{
    FILE *file = fopen(path, "re");

    if (!file || !fgets(ret_line, capacity, file))
        *ret_line = '\0';
    if (file)
        fclose(file);
    ret_line[strcspn(ret_line, "\n")] = '\0';
}

/* Since Linux 6.12 such a device is called by its node's whole name, which has the address. */
static bool is_called(const char *name, const char *segment)
{
    size_t length = strlen(segment);

    return !strncmp(name, segment, length) && (!name[length] || name[length] == '@');
}

/* The first line of /sys/class/uio/uio<number>/<leaf>. */
static void read_leaf(unsigned number, const char *leaf, char *ret_line, int capacity)
{
    char path[64];

    snprintf(path, sizeof(path), "/sys/class/uio/uio%u/%s", number, leaf);
    read_line(path, ret_line, capacity);
}

static bool find_device(const char *segment, struct place *ret_place)
{
    char name[128], size[32];

    for (unsigned number = 0; number < DEVICES_MAX; number++) {
        read_leaf(number, "name", name, sizeof(name));
        if (!is_called(name, segment))
            continue;
        read_leaf(number, "maps/map0/size", size, sizeof(size));
        ret_place->offset = 0;
        ret_place->size = number_argument(size, INT64_MAX);
        snprintf(ret_place->file, sizeof(ret_place->file), "/dev/uio%u", number);
        return true;
    }
    return false;
}

static void find(const struct arguments *arguments, struct place *ret_place)
{
    if (arguments->segment) {
        if (!find_device(arguments->segment, ret_place))
            errx(1,
                 "no UIO device is called '%s'; give --address and --size, as "
                 "`xenstore-ls xenshm/%s` tells them",
                 arguments->segment, arguments->segment);
        return;
    }
    ret_place->offset = number_argument(arguments->address, INT64_MAX);
    ret_place->size = number_argument(arguments->size, INT64_MAX);
    snprintf(ret_place->file, sizeof(ret_place->file), "%s", arguments->file);
}

static volatile void *map(const struct place *place)
{
    int fd = open(place->file, O_RDWR | O_SYNC | O_CLOEXEC);
    void *address;

    if (fd < 0)
        err(1, "cannot open %s", place->file);
    address = mmap(NULL, place->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, place->offset);
    if (address == MAP_FAILED)
        err(1, "cannot map %llu bytes at 0x%llx of %s", (unsigned long long)place->size,
            (unsigned long long)place->offset, place->file);
    close(fd);
    return address;
}

int main(int argc, char **argv)
{
    struct arguments arguments = { .file = "/dev/mem",
                                   .messages = DEFAULT_MESSAGES,
                                   .patience = DEFAULT_PATIENCE };
    struct exchange exchange;
    struct place place;
    struct ring ring;

    parse(argc, argv, &arguments);
    find(&arguments, &place);
    if (ring_init(&ring, map(&place), place.size, RING_GUEST))
        errx(1, "%llu bytes are too small for a ring", (unsigned long long)place.size);
    exchange = (struct exchange){ .program = "ring-guest",
                                  .messages = arguments.messages,
                                  .patience = arguments.patience,
                                  .stop_fd = -1 };
    return exchange_run(&exchange, &ring);
}
