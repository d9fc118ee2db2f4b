/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes of pools, as a guest sees them by guest address and Dom0 by host address. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "message.h"
#include "method_sim.h"
#include "hypervisor_sim.h"

/* Bytes that one call reads or writes at most. */
#define LENGTH_MAX 65536

struct memory_args {
    const char *name; /* guest; host methods have none */
    const char *pool; /* host methods */
    struct params_address address;
    uint64_t length;
    const char *data;
};

#define NAME PARAMS_FIELD(PARAMS_STRING, struct memory_args, name, true, "the guest's name")
#define POOL                                                                                       \
    PARAMS_FIELD(PARAMS_STRING, struct memory_args, pool, false, "the pool; default: by address")
#define ADDRESS PARAMS_FIELD(PARAMS_ADDRESS, struct memory_args, address, true, "of the first byte")
#define LENGTH PARAMS_FIELD(PARAMS_SIZE, struct memory_args, length, true, "at most 65536")
#define DATA PARAMS_FIELD(PARAMS_STRING, struct memory_args, data, true, "hexadecimal")

const struct params_field method_sim_guest_read_fields[] = { NAME, ADDRESS, LENGTH, PARAMS_END };
const struct params_field method_sim_guest_write_fields[] = { NAME, ADDRESS, DATA, PARAMS_END };
const struct params_field method_sim_host_read_fields[] = { POOL, ADDRESS, LENGTH, PARAMS_END };
const struct params_field method_sim_host_write_fields[] = { POOL, ADDRESS, DATA, PARAMS_END };

static const struct schema bytes[] = {
    { "data", SCHEMA_STRING, 0, "hexadecimal digits" },
    { NULL },
};

const struct schema method_sim_guest_read_result = SCHEMA_WITH(bytes);
const int method_sim_guest_read_errors[] = { XENSHM_GUEST_UNKNOWN, XENSHM_NOT_ATTACHED, 0 };
const struct schema method_sim_host_read_result = SCHEMA_WITH(bytes);
const int method_sim_host_read_errors[] = { XENSHM_NOT_ATTACHED, 0 };
const struct schema method_sim_guest_write_result = SCHEMA_EMPTY;
const int method_sim_guest_write_errors[] = { XENSHM_GUEST_UNKNOWN, XENSHM_NOT_ATTACHED, 0 };
const struct schema method_sim_host_write_result = SCHEMA_EMPTY;
const int method_sim_host_write_errors[] = { XENSHM_NOT_ATTACHED, 0 };

METHOD_ARGS_FIT(struct memory_args);

/* Where the bytes of one call are: a guest's view (domid set) or the host's. */
struct view {
    struct hypervisor *hypervisor;
    uint32_t domid;
    bool is_guest;
    const char *pool;
};

static volatile uint8_t *host_byte(const struct view *view, uint64_t address)
{
    struct mfn_range page = { mfn(address >> PAGE_SHIFT), 1 };

    for (size_t i = 0; i < sim_pool_count(view->hypervisor); i++) {
        const struct sim_pool *pool = sim_pool(view->hypervisor, i);

        if (mfn_range_contains(pool->frames, page) &&
            (!view->pool || strcmp(view->pool, pool->name) == 0))
            return (uint8_t *)sim_pool_address(view->hypervisor, i) +
                   (address - mfn_address(pool->frames.first));
    }
    return NULL;
}

static volatile uint8_t *view_byte(const struct view *view, uint64_t address)
{
    return view->is_guest ? sim_guest_byte(view->hypervisor, view->domid, address)
                          : host_byte(view, address);
}

/* One step on from `address`, where `byte` is: pages need not lie side by side. */
static volatile uint8_t *next_byte(const struct view *view, uint64_t address,
                                   volatile uint8_t *byte)
{
    return (address & PAGE_MASK) == PAGE_MASK ? view_byte(view, address + 1) : byte + 1;
}

/* Every byte is there, or nothing is touched. */
static int check_view(const struct view *view, uint64_t address, uint64_t length,
                      struct error *error)
{
    if (length > LENGTH_MAX || length > UINT64_MAX - address)
        return error_set(error, MESSAGE_INVALID_PARAMS, "Invalid params: at most %d bytes at once",
                         LENGTH_MAX);
    for (uint64_t i = 0; i < length; i = ((address + i) | PAGE_MASK) + 1 - address)
        if (!view_byte(view, address + i))
            return error_set(error, XENSHM_NOT_ATTACHED, "nothing is mapped at 0x%" PRIx64,
                             address + i);
    return 0;
}

static int open_view(struct request *request, const struct memory_args *args, bool is_guest,
                     struct view *ret_view, struct error *error)
{
    *ret_view = (struct view){
        .hypervisor = request->state->hypervisor,
        .is_guest = is_guest,
        .pool = args->pool,
    };
    return is_guest ? sim_method_find(request, args->name, &ret_view->domid, error) : 0;
}

static void read_memory(struct request *request, const struct memory_args *args, bool is_guest)
{
    static const char digits[] = "0123456789abcdef";
    _cleanup_(cleanup_free) char *text = NULL;
    struct error error = { 0 };
    struct view view;

    if (open_view(request, args, is_guest, &view, &error) == 0 &&
        check_view(&view, args->address.value, args->length, &error) == 0) {
        volatile uint8_t *byte = view_byte(&view, args->address.value);

        text = calloc(1, args->length * 2 + 1);
        for (uint64_t i = 0; text && i < args->length; i++) {
            uint8_t value = *byte;

            text[i * 2] = digits[value >> 4];
            text[i * 2 + 1] = digits[value & 15];
            byte = next_byte(&view, args->address.value + i, byte);
        }
    }
    request_finish(request, text ? json_pack("{s:s}", "data", text) : NULL, &error);
}

/* Two hexadecimal digits; check_data() has seen them. */
static uint8_t parse_byte(const char *text)
{
    char pair[3] = { text[0], text[1], '\0' };

    return (uint8_t)strtoul(pair, NULL, 16);
}

static int check_data(const char *data, struct error *error)
{
    if (data[0] && strlen(data) % 2 == 0 && strspn(data, "0123456789abcdefABCDEF") == strlen(data))
        return 0;
    return error_set(error, MESSAGE_INVALID_PARAMS,
                     "Invalid params: 'data' must be bytes as hexadecimal digits");
}

static void write_memory(struct request *request, const struct memory_args *args, bool is_guest)
{
    struct error error = { 0 };
    struct view view;
    uint64_t length = strlen(args->data) / 2;

    if (check_data(args->data, &error) == 0 &&
        open_view(request, args, is_guest, &view, &error) == 0 &&
        check_view(&view, args->address.value, length, &error) == 0) {
        volatile uint8_t *byte = view_byte(&view, args->address.value);

        for (uint64_t i = 0; i < length; i++) {
            *byte = parse_byte(args->data + i * 2);
            byte = next_byte(&view, args->address.value + i, byte);
        }
    }
    request_finish(request, json_object(), &error);
}

void method_sim_guest_read(struct request *request, const void *args)
{
    read_memory(request, args, true);
}

void method_sim_guest_write(struct request *request, const void *args)
{
    write_memory(request, args, true);
}

void method_sim_host_read(struct request *request, const void *args)
{
    read_memory(request, args, false);
}

void method_sim_host_write(struct request *request, const void *args)
{
    write_memory(request, args, false);
}
