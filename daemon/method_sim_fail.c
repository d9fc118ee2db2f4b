/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Planned faults, and what there is to compare after them. */
#include <errno.h>
#include <string.h>

#include "describe.h"
#include "message.h"
#include "method_sim.h"
#include "hypervisor_sim.h"

struct fail_args {
    const char *operation;
    uint64_t after;
    json_t *errno_;
    bool kill;
    bool late;
};

const struct params_field method_sim_fail_fields[] = {
    PARAMS_FIELD(PARAMS_STRING, struct fail_args, operation, true,
                 "list, name, config, probe, permit, revoke, map, unmap, publish, unpublish, "
                 "store_write, store_remove or any"),
    PARAMS_FIELD(PARAMS_INTEGER, struct fail_args, after, false,
                 "the n-th such call from now on; default 1, the next"),
    { "errno", PARAMS_JSON, offsetof(struct fail_args, errno_), false,
      "number or name; 0 takes planned faults of the operation back; default EIO" },
    PARAMS_FIELD(PARAMS_BOOL, struct fail_args, kill, false,
                 "kill the daemon at that call instead"),
    PARAMS_FIELD(PARAMS_BOOL, struct fail_args, late, false,
                 "fail after the work is done: permit, revoke, map, unmap, publish, unpublish"),
    PARAMS_END,
};

const struct params_field method_sim_status_fields[] = { PARAMS_END };

static const struct schema pending[] = {
    { "pending", SCHEMA_INTEGER, 0, "planned faults" },
    { NULL },
};

static const struct schema mapping[] = {
    { "host_address", SCHEMA_ADDRESS },
    { "guest_address", SCHEMA_ADDRESS },
    { "size", SCHEMA_SIZE },
    { NULL },
};

static const struct schema permission[] = {
    { "host_address", SCHEMA_ADDRESS },
    { "size", SCHEMA_SIZE },
    { NULL },
};

static const struct schema domain[] = {
    { "domid", SCHEMA_INTEGER },
    { "mapped_pages", SCHEMA_INTEGER },
    { "permitted_pages", SCHEMA_INTEGER },
    { "mappings", SCHEMA_OBJECT, SCHEMA_LIST, .members = mapping },
    { "permissions", SCHEMA_OBJECT, SCHEMA_LIST, .members = permission },
    { NULL },
};

static const struct schema status[] = {
    { "domains", SCHEMA_OBJECT, SCHEMA_LIST, .members = domain },
    { "faults_pending", SCHEMA_INTEGER },
    { NULL },
};

const struct schema method_sim_fail_result = SCHEMA_WITH(pending);
const int method_sim_fail_errors[] = { 0 };
const struct schema method_sim_status_result = SCHEMA_WITH(status);
const int method_sim_status_errors[] = { 0 };

METHOD_ARGS_FIT(struct fail_args);

#define ERRNO_MAX 4095

/* 13 or "EACCES". Returns the number, or -1. */
static int parse_errno(const json_t *value)
{
    if (!value)
        return EIO;
    if (json_is_integer(value) && json_integer_value(value) >= 0 &&
        json_integer_value(value) <= ERRNO_MAX)
        return (int)json_integer_value(value);
    for (int number = 1; json_is_string(value) && number < 256; number++) {
        const char *name = strerrorname_np(number);

        if (name && strcmp(name, json_string_value(value)) == 0)
            return number;
    }
    return -1;
}

void method_sim_fail(struct request *request, const void *decoded)
{
    const struct fail_args *args = decoded;
    struct hypervisor *hypervisor = request->state->hypervisor;
    struct error error = { 0 };
    enum sim_fault_kind kind = args->kill   ? SIM_FAULT_KILL
                               : args->late ? SIM_FAULT_LATE
                                            : SIM_FAULT_EARLY;
    int number = parse_errno(args->errno_), r;

    if (number < 0) {
        error_set(&error, MESSAGE_INVALID_PARAMS,
                  "Invalid params: 'errno' must be a number or a name such as \"EIO\"");
    } else {
        r = sim_fail(hypervisor, args->operation, args->after, number, kind);
        if (r == -EINVAL)
            error_set(&error, MESSAGE_INVALID_PARAMS, "Invalid params: no operation is called '%s'",
                      args->operation);
        else if (r < 0)
            error_set(&error, XENSHM_TOO_MANY, "too many faults are planned");
    }
    request_finish(
        request, json_pack("{s:I}", "pending", (json_int_t)sim_faults_pending(hypervisor)), &error);
}

static void add_mapping(void *context, struct mfn_range frames, gfn_t first)
{
    json_array_append_new(context, json_pack("{s:o, s:o, s:I}", "host_address",
                                             describe_address(mfn_address(frames.first)),
                                             "guest_address", describe_address(gfn_address(first)),
                                             "size", (json_int_t)pages_to_bytes(frames.count)));
}

static void add_permission(void *context, struct mfn_range frames, gfn_t first)
{
    json_array_append_new(context, json_pack("{s:o, s:I}", "host_address",
                                             describe_address(mfn_address(frames.first)), "size",
                                             (json_int_t)pages_to_bytes(frames.count)));
}

static json_t *describe_domain(struct hypervisor *hypervisor, uint32_t domid)
{
    json_t *mappings = json_array(), *permissions = json_array();

    sim_each_mapping(hypervisor, domid, add_mapping, mappings);
    sim_each_permission(hypervisor, domid, add_permission, permissions);
    return json_pack("{s:I, s:I, s:I, s:o, s:o}", "domid", (json_int_t)domid, "mapped_pages",
                     (json_int_t)sim_mapped_pages(hypervisor, domid), "permitted_pages",
                     (json_int_t)sim_permitted_pages(hypervisor, domid), "mappings", mappings,
                     "permissions", permissions);
}

void method_sim_status(struct request *request, const void *args)
{
    struct hypervisor *hypervisor = request->state->hypervisor;
    const struct hypervisor_domain *list;
    json_t *domains = json_array();
    size_t count;

    sim_list(hypervisor, &list, &count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(domains, describe_domain(hypervisor, list[i].domid));
    request_reply(request, json_pack("{s:o, s:I}", "domains", domains, "faults_pending",
                                     (json_int_t)sim_faults_pending(hypervisor)));
}
