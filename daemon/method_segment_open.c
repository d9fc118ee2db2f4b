/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "message.h"
#include "methods.h"
#include "operation_segment.h"
#include "outgoing.h"

struct args {
    const char *name;
};

const struct params_field method_segment_open_fields[] = {
    PARAMS_FIELD(PARAMS_NAME, struct args, name, true, "the segment's name"),
    PARAMS_END,
};

static const struct schema members[] = {
    { "offset", SCHEMA_SIZE, 0, "bytes from the start of the mapping to the segment" },
    { "size", SCHEMA_SIZE, 0, "bytes of the segment" },
    { "map_offset", SCHEMA_SIZE, 0, "for mmap(), with the descriptor" },
    { NULL },
};

const struct schema method_segment_open_result = SCHEMA_WITH(members);
const int method_segment_open_errors[] = {
    XENSHM_SEGMENT_UNKNOWN, XENSHM_PAGES_HELD,        XENSHM_TOO_MANY,     XENSHM_BUSY,
    XENSHM_UNSUPPORTED,     XENSHM_HYPERVISOR_FAILED, XENSHM_STORE_FAILED, 0,
};

METHOD_ARGS_FIT(struct args);

/* A call whose descriptor is to come. */
struct call {
    struct request *request;
    int fd;
};

static void done(void *context, json_t *result, const struct error *error)
{
    struct call *call = context;

    if (result)
        request_reply_descriptor(call->request, result, call->fd);
    else
        request_refuse(call->request, error);
    free(call);
}

/* Before the segment is open: a reply that cannot go out would leave it so. */
static int check_descriptors(const char *name, struct error *error)
{
    int r = outgoing_try_descriptor();

    if (r == 0)
        return 0;
    error_set(error, XENSHM_TOO_MANY,
              "segment '%s' cannot be opened: no descriptor can be sent: %s", name, strerror(-r));
    return error_set_hint(error, r == -ETOOMANYREFS
                                     ? "too many are on their way to clients that do not read: ask "
                                       "again later"
                                     : "ask again later");
}

/* The descriptor needs a reply to go with, a line of its own. Returns 0 or a refusal. */
static int check_reply(const struct request *request, const char *name, struct error *error)
{
    if (!request->id)
        return error_set(error, MESSAGE_INVALID_REQUEST,
                         "segment.open needs an id: a notification gets no descriptor");
    if (!request->batch)
        return check_descriptors(name, error);
    error_set(error, XENSHM_UNSUPPORTED,
              "segment.open cannot be part of a batch: a line brings "
              "one descriptor at most");
    return error_set_hint(error, "send it as a line of its own");
}

void method_segment_open(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    struct error error = { 0 };
    struct opener *opener = connection_opener(request->connection);
    struct call *call = calloc(1, sizeof(*call));

    if (!call || !opener)
        error_set(&error, MESSAGE_INTERNAL_ERROR, "out of memory");
    else
        *call = (struct call){ request, -1 };
    if (error.code || check_reply(request, args->name, &error) != 0 ||
        operation_segment_open(request->state,
                               &(struct segment_open_request){
                                   .name = args->name,
                                   .opener = opener,
                                   .pid = request->peer.pid,
                                   .uid = request->peer.uid,
                                   .ret_fd = &call->fd,
                               },
                               done, call, &error) != 0) {
        free(call);
        request_refuse(request, &error);
    }
}
