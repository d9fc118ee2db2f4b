/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The functions that are one call each: the daemon, pools, segments. Guests are in guests.c. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "library.h"
#include "shapes.h"

/* A method without params. */
static int list(struct xenshm *connection, const char *method, const struct shape *shape,
                void *ret_struct)
{
    struct arguments arguments;

    arguments_begin(&arguments);
    return shapes_call(connection, method, &arguments, shape, ret_struct);
}

int xenshm_daemon_status(struct xenshm *connection, struct xenshm_status **ret_status)
{
    return list(connection, "daemon.status", &shape_status, ret_status);
}

int xenshm_daemon_metrics(struct xenshm *connection, char **ret_text)
{
    _cleanup_(cleanup_json) json_t *result = NULL;
    struct arguments arguments;
    const char *text;
    char *copy;
    int r;

    arguments_begin(&arguments);
    r = arguments_call(connection, "daemon.metrics", &arguments, &result);
    if (r)
        return r;
    text = json_string_value(json_object_get(result, "text"));
    if (!text)
        return failure_note(connection, -EPROTO);
    copy = strdup(text);
    if (!copy)
        return failure_note(connection, -ENOMEM);
    *ret_text = copy;
    return 0;
}

int xenshm_rpc_discover(struct xenshm *connection, char **ret_json)
{
    return xenshm_call(connection, "rpc.discover", NULL, ret_json);
}

int xenshm_pool_list(struct xenshm *connection, struct xenshm_pools **ret_pools)
{
    return list(connection, "pool.list", &shape_pools, ret_pools);
}

int xenshm_pool_map(struct xenshm *connection, const char *pool, struct xenshm_runs **ret_runs)
{
    struct arguments arguments;

    arguments_begin(&arguments);
    arguments_text(&arguments, "pool", pool);
    return shapes_call(connection, "pool.map", &arguments, &shape_runs, ret_runs);
}

int xenshm_segment_list(struct xenshm *connection, struct xenshm_segments **ret_segments)
{
    return list(connection, "segment.list", &shape_segments, ret_segments);
}

/* A method whose only parameter is a segment's name. */
static int call_name(struct xenshm *connection, const char *method, const char *name,
                     struct xenshm_segment **ret_segment)
{
    struct arguments arguments;

    arguments_begin(&arguments);
    arguments_text(&arguments, "name", name);
    return shapes_call(connection, method, &arguments, &shape_segment, ret_segment);
}

int xenshm_segment_show(struct xenshm *connection, const char *name,
                        struct xenshm_segment **ret_segment)
{
    return call_name(connection, "segment.show", name, ret_segment);
}

int xenshm_segment_free(struct xenshm *connection, const char *name,
                        struct xenshm_segment **ret_segment)
{
    return call_name(connection, "segment.free", name, ret_segment);
}

int xenshm_segment_alloc(struct xenshm *connection, const char *name, uint64_t size,
                         const struct xenshm_alloc_options *options,
                         struct xenshm_segment **ret_segment)
{
    struct xenshm_alloc_options own;
    struct arguments arguments;

    arguments_begin(&arguments);
    arguments_options(&arguments, options, &own, sizeof(own));
    arguments_text(&arguments, "name", name);
    arguments_number(&arguments, "size", size);
    arguments_text(&arguments, "pool", own.pool);
    arguments_number(&arguments, "align", own.align);
    return shapes_call(connection, "segment.alloc", &arguments, &shape_segment, ret_segment);
}
