/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mapping a segment. UIO maps from the start of a device's map only, so what lies before the
 * segment is mapped with it and given back at once. The connection that asked is the promise of the
 * daemon to keep the pages: it stands as long as the mapping, and nothing else is asked on it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "library.h"
#include "shapes.h"

struct mapping {
    struct xenshm_mapping shown; /* first: it is what callers have */
    void *start;
    size_t length;
    pid_t process;             /* whose mapping it is: no child's of fork() */
    struct xenshm *connection; /* owned */
};

static void *map_pages(const struct opened *opened, int fd, size_t *ret_length)
{
    size_t length;
    void *start;

    if (opened->size == 0 || __builtin_add_overflow(opened->offset, opened->size, &length) ||
        opened->map_offset > INT64_MAX) {
        errno = EPROTO;
        return MAP_FAILED;
    }
    start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)opened->map_offset);
    if (start == MAP_FAILED)
        return start;
    /* A child would have the pages without the promise. */
    if (madvise(start, length, MADV_DONTFORK) < 0) {
        int error = errno;

        munmap(start, length);
        errno = error;
        return MAP_FAILED;
    }
    *ret_length = length;
    return start;
}

/* Gives back what lies before the segment, as far as it has pages of its own. */
static void trim(struct mapping *mapping, uint64_t offset)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t before = (size_t)offset & ~(page - 1);

    if (before == 0 || munmap(mapping->start, before) < 0)
        return;
    mapping->start = (char *)mapping->start + before;
    mapping->length -= before;
}

static int fill(struct mapping *mapping, const struct opened *opened, int fd)
{
    mapping->start = map_pages(opened, fd, &mapping->length);
    if (mapping->start == MAP_FAILED)
        return -errno;
    mapping->shown.address = (volatile char *)mapping->start + opened->offset;
    mapping->shown.size = opened->size;
    trim(mapping, opened->offset);
    return 0;
}

static int open_segment(struct xenshm *own, const char *segment, struct opened **ret_opened)
{
    struct arguments arguments;
    int r;

    arguments_begin(&arguments);
    arguments_text(&arguments, "name", segment);
    own->stream.wants_descriptor = true;
    r = shapes_call(own, "segment.open", &arguments, &shape_opened, ret_opened);
    own->stream.wants_descriptor = false;
    if (r == 0 && own->stream.descriptor < 0)
        r = failure_say(own, -EOPNOTSUPP,
                        "segment '%s' cannot be mapped: no descriptor came with the reply, as over "
                        "a socket that only passes bytes on; connect to xenshmd's own, in Dom0",
                        segment);
    return r;
}

/* On failure `own` says why. */
static int map(struct xenshm *own, const char *segment, struct mapping **ret_mapping)
{
    _cleanup_(cleanup_free) struct opened *opened = NULL;
    _cleanup_(cleanup_free) struct mapping *mapping = NULL;
    int r;

    r = open_segment(own, segment, &opened);
    if (r)
        return r;
    mapping = calloc(1, sizeof(*mapping));
    if (!mapping)
        return failure_note(own, -ENOMEM);
    r = fill(mapping, opened, own->stream.descriptor);
    if (r)
        return failure_say(own, r, "segment '%s' cannot be mapped: %s", segment, strerror(-r));
    cleanup_close(&own->stream.descriptor); /* the mapping keeps the device open */
    own->stream.descriptor = -1;
    *ret_mapping = steal_pointer(&mapping);
    return 0;
}

int xenshm_map(struct xenshm *connection, const char *segment, struct xenshm_mapping **ret_mapping)
{
    struct mapping *mapping = NULL;
    struct xenshm *own;
    int r;

    if (!connection->path)
        return failure_say(connection, -EOPNOTSUPP,
                           "segments cannot be mapped over a connection from elsewhere; run this "
                           "in Dom0");
    r = xenshm_connect_within(connection->path, connection->timeout, &own);
    if (r)
        return failure_note(connection, r);
    r = map(own, segment, &mapping);
    if (!mapping) {
        connection->failure = own->failure;
        xenshm_close(own);
        return r;
    }
    mapping->process = getpid();
    mapping->connection = own;
    *ret_mapping = (struct xenshm_mapping *)mapping;
    return 0;
}

int xenshm_mapping_fd(const struct xenshm_mapping *mapping)
{
    return xenshm_fd(((const struct mapping *)mapping)->connection);
}

void xenshm_unmap(struct xenshm_mapping *mapping)
{
    struct mapping *own = (struct mapping *)mapping;

    if (!own)
        return;
    if (own->process == getpid()) {
        munmap(own->start, own->length);
        /* Only now: the pages may go to somebody else. Children of fork() have the socket, too. */
        shutdown(own->connection->stream.fd, SHUT_RDWR);
    }
    xenshm_close(own->connection);
    free(own);
}
