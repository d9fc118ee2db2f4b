/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dt reserve: pages for shared memory, taken out of a host's device tree. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "params.h"
#include "print.h"
#include "size_argument.h"
#include "tree_file.h"

/* ---- the wish */

static const char *value_or(const struct invocation *invocation, const char *name,
                            const char *otherwise)
{
    const char *value = options_value(&invocation->options, name);

    return value ? value : otherwise;
}

static enum exit_status read_address(const struct invocation *invocation, const char *option,
                                     uint64_t *value, const uint64_t **ret)
{
    const char *text = options_value(&invocation->options, option);

    if (!text)
        return STATUS_DONE;
    if (params_parse_address(text, value) != 0)
        return complain_usage(invocation, "'%s' is not an address such as 0x7ffff000", text);
    *ret = value;
    return STATUS_DONE;
}

static enum exit_status read_count(const struct invocation *invocation, unsigned *ret)
{
    const char *text = value_or(invocation, "count", "1");
    size_t digits = strspn(text, "0123456789");
    unsigned long count = strtoul(text, NULL, 10);

    if (digits == 0 || text[digits] || count < 1 || count > DEVTREE_POOLS_MAX)
        return complain_usage(invocation, "count '%s' is not a number from 1 to %d", text,
                              DEVTREE_POOLS_MAX);
    *ret = (unsigned)count;
    return STATUS_DONE;
}

/* `numbers`: room for the two addresses, which the wish points to. */
static enum exit_status read_wanted(const struct invocation *invocation,
                                    struct devtree_reserve *wanted, uint64_t numbers[static 2])
{
    const char *size = options_value(&invocation->options, "size");
    enum exit_status status;

    *wanted = (struct devtree_reserve){
        .name = value_or(invocation, "name", "shared_mem"),
        .compatible = value_or(invocation, "compatible", "uio-dev"),
        .bootargs = value_or(invocation, "bootargs", "xen,dom0-bootargs"),
    };
    if (!size)
        return complain_usage(invocation, "how many pages? give --size SIZE");
    status = size_argument_pages(invocation, size, &wanted->size);
    if (status == STATUS_DONE)
        status = read_count(invocation, &wanted->count);
    if (status == STATUS_DONE)
        status = read_address(invocation, "at", &numbers[0], &wanted->at);
    if (status == STATUS_DONE)
        status = read_address(invocation, "dtb-at", &numbers[1], &wanted->tree_at);
    return status;
}

/* ---- the result */

static enum exit_status print_json(const struct invocation *invocation,
                                   const struct devtree_reservation *reservation)
{
    _cleanup_(cleanup_json) json_t *pools = json_array(), *result = NULL;

    for (unsigned i = 0; i < reservation->pool_count; i++) {
        const struct devtree_pool *pool = &reservation->pools[i];
        char address[20];

        snprintf(address, sizeof(address), "0x%" PRIx64, pool->address);
        if (json_array_append_new(pools,
                                  json_pack("{s:s, s:s, s:I, s:b}", "name", pool->name,
                                            "host_address", address, "size", (json_int_t)pool->size,
                                            "added", (int)pool->added)) != 0)
            return complain_memory(invocation);
    }
    result = json_pack("{s:b, s:O}", "changed", (int)reservation->changed, "pools", pools);
    return show_json(invocation, result);
}

static enum exit_status print_pools(const struct invocation *invocation,
                                    const struct devtree_reservation *reservation)
{
    char size[SIZE_TEXT_MAX];

    for (unsigned i = 0; i < reservation->pool_count; i++) {
        const struct devtree_pool *pool = &reservation->pools[i];

        if (print_text("%s: %s at 0x%" PRIx64 "%s", pool->name, print_size(pool->size, size),
                       pool->address, pool->added ? "" : ", there already") != 0)
            return complain_memory(invocation);
    }
    return STATUS_DONE;
}

static enum exit_status deliver(const struct invocation *invocation,
                                const struct devtree_reservation *reservation)
{
    const char *output = options_value(&invocation->options, "output");
    bool overlay = options_has(&invocation->options, "overlay");
    enum exit_status status = STATUS_DONE;

    if (output)
        status = tree_file_write(invocation, output,
                                 overlay ? &reservation->overlay : &reservation->tree);
    if (status != STATUS_DONE)
        return status;
    if (invocation->json)
        return print_json(invocation, reservation);
    if (options_has(&invocation->options, "dts"))
        return tree_file_print_source(invocation, &reservation->overlay, DEVTREE_OVERLAY_ROOT,
                                      reservation->tuple);
    return print_pools(invocation, reservation);
}

static void note_name(const struct invocation *invocation, const char *name)
{
    if (fnmatch("shared_mem*", name, 0) != 0)
        complain(invocation,
                 "note: xenshmd looks for shared_mem*; name %s in [pools] names of xenshmd.conf",
                 name);
}

enum exit_status cmd_dt_reserve(const struct invocation *invocation)
{
    const char *input = invocation_argument(invocation, 0);
    _cleanup_(devtree_reservation_clear) struct devtree_reservation reservation = { 0 };
    _cleanup_(devtree_blob_clear) struct devtree_blob tree = { 0 };
    struct devtree_reserve wanted;
    struct error error = { 0 };
    uint64_t numbers[2];
    enum exit_status status;
    int r;

    status = read_wanted(invocation, &wanted, numbers);
    if (status != STATUS_DONE)
        return status;
    if (!options_has(&invocation->options, "output") && !options_has(&invocation->options, "dts"))
        return complain_usage(invocation, "where to? give --output FILE or --dts");
    status = tree_file_read(invocation, input, &tree);
    if (status != STATUS_DONE)
        return status;
    r = devtree_reserve(tree.data, tree.size, &wanted, &reservation, &error);
    if (r)
        return tree_file_refuse(invocation, input, r, &error);
    note_name(invocation, wanted.name);
    return deliver(invocation, &reservation);
}
