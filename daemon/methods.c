/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table: name, right, parameters, handler, and what rpc.discover says. No row, no call. */
#include "methods.h"

/* clang-format off */
#define ROW(name, level, function, text)                                                           \
    { name, level, method_##function##_fields, method_##function, text,                            \
      &method_##function##_result, method_##function##_errors }
/* clang-format on */

const struct method methods[] = {
    ROW("rpc.discover", ACCESS_READ, rpc_discover, "Describes every method."),
    ROW("daemon.status", ACCESS_READ, daemon_status, "Version, uptime, counts and limits."),
    ROW("daemon.metrics", ACCESS_READ, daemon_metrics,
        "Counts and times for a monitoring system, as OpenMetrics text."),
    ROW("pool.list", ACCESS_READ, pool_list, "Lists the pools."),
    ROW("pool.map", ACCESS_READ, pool_map, "Tells the state of every page of one pool or all."),
    ROW("segment.list", ACCESS_READ, segment_list, "Lists the segments with their attachments."),
    ROW("segment.show", ACCESS_READ, segment_show, "Shows one segment."),
    ROW("segment.alloc", ACCESS_OPERATE, segment_alloc,
        "Allocates a segment that is kept until it is freed, attached or not."),
    ROW("segment.free", ACCESS_OPERATE, segment_free,
        "Frees a segment that is attached to no guest."),
    ROW("segment.open", ACCESS_OPERATE, segment_open,
        "Gives a program of this host the segment's memory, with a descriptor beside the reply."),
    ROW("guest.list", ACCESS_READ, guest_list, "Lists the guests and what each holds."),
    ROW("guest.attach", ACCESS_OPERATE, guest_attach,
        "Attaches a new segment, or shares an existing one, with a running guest."),
    ROW("guest.detach", ACCESS_OPERATE, guest_detach,
        "Detaches the only, the named or every segment from a guest."),
    ROW("guest.create", ACCESS_ADMIN, guest_create,
        "Creates a guest with segments, and looks after it from then on."),
    ROW("guest.destroy", ACCESS_ADMIN, guest_destroy, "Destroys a guest that xenshmd created."),
    ROW("events.subscribe", ACCESS_READ, events_subscribe,
        "Sends events on this connection from now on, as notifications."),
    { NULL },
};
