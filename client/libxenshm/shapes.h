/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tables of the public structs: which member of a result goes where. A struct that grows gets a
 * row here, optional when older daemons do not send it.
 */
#pragma once

#include "arguments.h"
#include "fields.h"

extern const struct shape shape_attachment, shape_attachments, shape_created, shape_destroyed,
    shape_guests, shape_pools, shape_runs, shape_segment, shape_segments, shape_status,
    shape_subscribed, shape_opened;
/* Events by what their object is taken for: text alone, or a struct as well. */
extern const struct shape shape_event, shape_event_segment, shape_event_attachment,
    shape_event_created;

/* The result of events.subscribe. */
struct subscribed {
    uint64_t seq;
};

/* The result of segment.open. */
struct opened {
    uint64_t offset;     /* of the segment in what is to be mapped */
    uint64_t size;       /* of the segment */
    uint64_t map_offset; /* for mmap(): which part of the device */
};

/*
 * Calls `method` with `arguments`, which it frees, and decodes the result. `ret_struct` is the
 * address of a pointer to a struct, which is for xenshm_free(); NULL: the result is not wanted.
 */
int shapes_call(struct xenshm *connection, const char *method, struct arguments *arguments,
                const struct shape *shape, void *ret_struct);
