/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a toolstack does with a guest: start, shutdown, destroy, and what the guest finds. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "method_sim.h"
#include "sim_guest.h"
#include "uuid.h"

struct start_args {
    const char *name;
    uint64_t memory;
    uint64_t maxmem;
    uint64_t domid;
    const char *uuid;
    json_t *iomem;
    json_t *config;
    bool vpci;
};

struct name_args {
    const char *name;
};

struct rename_args {
    const char *name;
    const char *to;
};

struct pause_args {
    const char *name;
    json_t *paused;
};

struct shutdown_args {
    const char *name;
    const char *reason;
};

const struct params_field method_sim_guest_start_fields[] = {
    PARAMS_FIELD(PARAMS_STRING, struct start_args, name, true, "the guest's name"),
    PARAMS_FIELD(PARAMS_SIZE, struct start_args, memory, false, "bytes; default 128 MiB"),
    PARAMS_FIELD(PARAMS_SIZE, struct start_args, maxmem, false, "bytes; default as memory"),
    PARAMS_FIELD(PARAMS_INTEGER, struct start_args, domid, false,
                 "default: one that no guest had before"),
    PARAMS_FIELD(PARAMS_STRING, struct start_args, uuid, false, "default: made from the name"),
    PARAMS_FIELD(PARAMS_JSON, struct start_args, iomem, false,
                 "array of \"PFN,COUNT[@GFN]\", hexadecimal, as in an xl config"),
    PARAMS_FIELD(PARAMS_JSON, struct start_args, config, false,
                 "false: the configuration is hidden, as while a domain is being built"),
    PARAMS_FIELD(PARAMS_BOOL, struct start_args, vpci, false, "the guest has virtual PCI"),
    PARAMS_END,
};

const struct params_field method_sim_guest_shutdown_fields[] = {
    PARAMS_FIELD(PARAMS_STRING, struct shutdown_args, name, true, "the guest's name"),
    PARAMS_FIELD(PARAMS_STRING, struct shutdown_args, reason, true,
                 "poweroff, reboot, suspend, crash, watchdog or soft_reset"),
    PARAMS_END,
};

const struct params_field method_sim_guest_rename_fields[] = {
    PARAMS_FIELD(PARAMS_STRING, struct rename_args, name, true, "the guest's name"),
    PARAMS_FIELD(PARAMS_STRING, struct rename_args, to, true, "its new name"),
    PARAMS_END,
};

const struct params_field method_sim_guest_pause_fields[] = {
    PARAMS_FIELD(PARAMS_STRING, struct pause_args, name, true, "the guest's name"),
    PARAMS_FIELD(PARAMS_JSON, struct pause_args, paused, false, "false: it goes on"),
    PARAMS_END,
};

#define NAME_FIELDS(method)                                                                        \
    const struct params_field method_##method##_fields[] = {                                       \
        PARAMS_FIELD(PARAMS_STRING, struct name_args, name, true, "the guest's name"),             \
        PARAMS_END,                                                                                \
    }

NAME_FIELDS(sim_guest_resume);
NAME_FIELDS(sim_guest_destroy);
NAME_FIELDS(sim_guest_configure);
NAME_FIELDS(sim_guest_xenstore);

METHOD_ARGS_FIT(struct start_args);

static const struct schema started[] = {
    { "name", SCHEMA_STRING },
    { "domid", SCHEMA_INTEGER },
    { "uuid", SCHEMA_UUID },
    { NULL },
};

static const struct schema xenstore[] = {
    { "nodes", SCHEMA_TEXTS, 0, "values by path, below xenshm/" },
    { NULL },
};

const struct schema method_sim_guest_start_result = SCHEMA_WITH(started);
const int method_sim_guest_start_errors[] = { XENSHM_HYPERVISOR_FAILED, 0 };
const struct schema method_sim_guest_xenstore_result = SCHEMA_WITH(xenstore);
const int method_sim_guest_xenstore_errors[] = { XENSHM_GUEST_UNKNOWN, 0 };

/* A method of a named guest with nothing to tell. */
#define TELLS_NOTHING(method)                                                                      \
    const struct schema method_##method##_result = SCHEMA_EMPTY;                                   \
    const int method_##method##_errors[] = { XENSHM_GUEST_UNKNOWN, 0 }

TELLS_NOTHING(sim_guest_shutdown);
TELLS_NOTHING(sim_guest_resume);
TELLS_NOTHING(sim_guest_destroy);
TELLS_NOTHING(sim_guest_rename);
TELLS_NOTHING(sim_guest_pause);
TELLS_NOTHING(sim_guest_configure);

static int invalid(struct error *error, const char *why)
{
    return error_set(error, MESSAGE_INVALID_PARAMS, "Invalid params: %s", why);
}

static int read_iomem(json_t *array, struct sim_guest *guest, struct error *error)
{
    json_t *item;
    size_t i;

    if (array && !json_is_array(array))
        return invalid(error, "'iomem' must be an array of strings");
    if (json_array_size(array) > SIM_IOMEM_MAX)
        return invalid(error, "'iomem' has too many ranges");
    json_array_foreach(array, i, item)
        if (!json_is_string(item) ||
            sim_guest_parse_iomem(json_string_value(item), &guest->iomem[i]) < 0)
            return invalid(error, "'iomem' must be like [\"0x7ffff,1@0x3a000\"]");
    guest->iomem_count = json_array_size(array);
    return 0;
}

static int read_start(const struct start_args *args, struct sim_guest *guest, struct error *error)
{
    if (strlen(args->name) >= sizeof(guest->name) || !args->name[0])
        return invalid(error, "'name' is empty or too long");
    strcpy(guest->name, args->name);
    guest->memory = args->memory ? args->memory : SIM_GUEST_MEMORY;
    guest->maxmem = args->maxmem;
    guest->has_vpci = args->vpci;
    if (args->config && !json_is_boolean(args->config))
        return invalid(error, "'config' must be true or false");
    guest->hide_config = json_is_false(args->config);
    if (args->domid > SIM_DOMID_MAX)
        return invalid(error, "'domid' is too large");
    guest->domid = (uint32_t)args->domid;
    if (args->uuid && uuid_parse(args->uuid, guest->uuid) < 0)
        return invalid(error, "'uuid' is not a UUID");
    return read_iomem(args->iomem, guest, error);
}

static json_t *describe(struct request *request, const char *name, uint32_t domid)
{
    const struct hypervisor_domain *domains;
    char uuid[UUID_TEXT_SIZE] = "";
    size_t count = 0;

    sim_list(request->state->hypervisor, &domains, &count);
    for (size_t i = 0; i < count; i++)
        if (domains[i].domid == domid)
            uuid_format(domains[i].uuid, uuid);
    return json_pack("{s:s, s:I, s:s}", "name", name, "domid", (json_int_t)domid, "uuid", uuid);
}

void method_sim_guest_start(struct request *request, const void *decoded)
{
    struct sim_guest guest = { 0 };
    struct error error = { 0 };
    uint32_t domid = 0;
    int r;

    if (read_start(decoded, &guest, &error) == 0) {
        r = sim_guest_start(request->state->hypervisor, &guest, &domid);
        if (r == -EEXIST)
            invalid(&error, "a guest of that name or domid is running");
        else if (r < 0)
            error_set(&error, XENSHM_HYPERVISOR_FAILED, "starting guest '%s' failed: %s",
                      guest.name, strerror(-r));
    }
    request_finish(request, error.code ? NULL : describe(request, guest.name, domid), &error);
}

static int parse_reason(const char *text, enum domain_shutdown *ret_reason)
{
    static const char *const reasons[] = { "poweroff", "reboot",   "suspend",
                                           "crash",    "watchdog", "soft_reset" };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (strcmp(reasons[i], text) == 0) {
            *ret_reason = (enum domain_shutdown)i;
            return 0;
        }
    return -EINVAL;
}

void method_sim_guest_shutdown(struct request *request, const void *decoded)
{
    const struct shutdown_args *args = decoded;
    struct error error = { 0 };
    enum domain_shutdown reason;
    uint32_t domid;

    if (parse_reason(args->reason, &reason) < 0)
        invalid(&error, "'reason' must be poweroff, reboot, suspend, crash, watchdog or "
                        "soft_reset");
    else if (sim_method_find(request, args->name, &domid, &error) == 0)
        sim_shutdown(request->state->hypervisor, domid, reason);
    request_finish(request, json_object(), &error);
}

void method_sim_guest_resume(struct request *request, const void *decoded)
{
    const struct name_args *args = decoded;
    struct error error = { 0 };
    uint32_t domid;

    if (sim_method_find(request, args->name, &domid, &error) == 0)
        sim_shutdown(request->state->hypervisor, domid, DOMAIN_RUNNING);
    request_finish(request, json_object(), &error);
}

void method_sim_guest_destroy(struct request *request, const void *decoded)
{
    const struct name_args *args = decoded;
    struct error error = { 0 };
    uint32_t domid;

    if (sim_method_find(request, args->name, &domid, &error) == 0)
        sim_destroy(request->state->hypervisor, domid);
    request_finish(request, json_object(), &error);
}

void method_sim_guest_configure(struct request *request, const void *decoded)
{
    const struct name_args *args = decoded;
    struct error error = { 0 };
    uint32_t domid;

    if (sim_method_find(request, args->name, &domid, &error) == 0)
        sim_reveal_config(request->state->hypervisor, domid);
    request_finish(request, json_object(), &error);
}

void method_sim_guest_rename(struct request *request, const void *decoded)
{
    const struct rename_args *args = decoded;
    struct error error = { 0 };
    uint32_t domid;
    int r;

    if (sim_method_find(request, args->name, &domid, &error) == 0) {
        r = sim_rename(request->state->hypervisor, domid, args->to);
        if (r < 0)
            invalid(&error,
                    r == -EEXIST ? "a guest of that name is running" : "'to' is empty or too long");
    }
    request_finish(request, json_object(), &error);
}

void method_sim_guest_pause(struct request *request, const void *decoded)
{
    const struct pause_args *args = decoded;
    struct error error = { 0 };
    uint32_t domid;

    if (args->paused && !json_is_boolean(args->paused))
        invalid(&error, "'paused' must be true or false");
    else if (sim_method_find(request, args->name, &domid, &error) == 0)
        sim_pause(request->state->hypervisor, domid, !json_is_false(args->paused));
    request_finish(request, json_object(), &error);
}

static void add_node(void *context, const char *path, const char *value)
{
    json_object_set_new(context, path, json_string(value));
}

void method_sim_guest_xenstore(struct request *request, const void *decoded)
{
    const struct name_args *args = decoded;
    struct error error = { 0 };
    json_t *nodes = json_object();
    uint32_t domid;

    if (sim_method_find(request, args->name, &domid, &error) == 0)
        sim_each_node(request->state->hypervisor, domid, add_node, nodes);
    request_finish(request, json_pack("{s:o}", "nodes", nodes), &error);
}
