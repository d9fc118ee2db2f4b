/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dt guest: the partial device tree with which a guest's Linux has its segments as UIO devices. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "params.h"
#include "print.h"
#include "range.h"
#include "tree_file.h"

struct wanted {
    json_t *answers;                  /* owned; one segment each: they hold the names */
    struct devtree_segment *segments; /* owned */
    uint64_t *hosts;                  /* owned; where each lies on the host */
    size_t count;
};

static void wanted_clear(struct wanted *wanted)
{
    json_decref(wanted->answers);
    free(wanted->segments);
    free(wanted->hosts);
}

/* ---- asking the daemon */

static int member_address(const json_t *object, const char *key, uint64_t *ret)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? params_parse_address(text, ret) : -EINVAL;
}

static const json_t *find_pool(const json_t *pools, const char *name)
{
    json_t *pool;
    size_t i;

    json_array_foreach(json_object_get(pools, "pools"), i, pool)
        if (strcmp(print_member(pool, "name"), name) == 0)
            return pool;
    return NULL;
}

/* Its address in every guest that it is attached to without --address. */
static enum exit_status default_address(const struct invocation *invocation, const json_t *segment,
                                        const json_t *pools, uint64_t host, uint64_t *ret)
{
    const json_t *pool = find_pool(pools, print_member(segment, "pool"));
    uint64_t pool_host, pool_guest;

    if (member_address(pool, "host_address", &pool_host) == 0 &&
        member_address(pool, "guest_address", &pool_guest) == 0 && host >= pool_host) {
        *ret = pool_guest + (host - pool_host);
        return STATUS_DONE;
    }
    complain(invocation, "pool '%s' of segment '%s' has no place in guests; give --address",
             print_member(segment, "pool"), print_member(segment, "name"));
    return STATUS_REFUSED;
}

static enum exit_status take_segment(const struct invocation *invocation, struct wanted *wanted,
                                     json_t *answer, const json_t *pools)
{
    const char *address = options_value(&invocation->options, "address");
    struct devtree_segment *segment = &wanted->segments[wanted->count];
    json_int_t size = json_integer_value(json_object_get(answer, "size"));
    uint64_t *host = &wanted->hosts[wanted->count];

    segment->name = json_string_value(json_object_get(answer, "name"));
    if (!segment->name || size <= 0 || member_address(answer, "host_address", host) != 0) {
        complain(invocation, "xenshmd's answer about a segment is not understood");
        return STATUS_REFUSED;
    }
    segment->size = (uint64_t)size;
    if (json_array_append(wanted->answers, answer) != 0)
        return complain_memory(invocation);
    wanted->count++;
    if (!address)
        return default_address(invocation, answer, pools, *host, &segment->address);
    if (params_parse_address(address, &segment->address) != 0)
        return complain_usage(invocation, "'%s' is not an address such as 0x3a000000", address);
    return STATUS_DONE;
}

static enum exit_status ask_segment(const struct invocation *invocation, struct wanted *wanted,
                                    const char *name, const json_t *pools)
{
    _cleanup_(cleanup_json) json_t *params = json_object(), *answer = NULL;
    enum exit_status status;

    status = params_add(invocation, params, "name", name);
    if (status == STATUS_DONE)
        status = invocation_ask(invocation, "segment.show", params, &answer);
    return status ? status : take_segment(invocation, wanted, answer, pools);
}

static enum exit_status ask_all(const struct invocation *invocation, struct wanted *wanted)
{
    _cleanup_(cleanup_json) json_t *pools = NULL;
    enum exit_status status;

    wanted->answers = json_array();
    wanted->segments = calloc(invocation->argument_count, sizeof(*wanted->segments));
    wanted->hosts = calloc(invocation->argument_count, sizeof(*wanted->hosts));
    if (!wanted->answers || !wanted->segments || !wanted->hosts)
        return complain_memory(invocation);
    status = invocation_ask(invocation, "pool.list", NULL, &pools);
    for (size_t i = 0; status == STATUS_DONE && i < invocation->argument_count; i++)
        status = ask_segment(invocation, wanted, invocation_argument(invocation, i), pools);
    return status;
}

/* ---- the answer */

/* "0x7ffff,1@0x3a000": xl reads all three as hexadecimal. */
static json_t *iomem_item(const struct wanted *wanted, size_t index)
{
    const struct devtree_segment *segment = &wanted->segments[index];
    uint64_t pages = segment->size >> PAGE_SHIFT;

    return json_sprintf("0x%" PRIx64 ",%s%" PRIx64 "@0x%" PRIx64,
                        wanted->hosts[index] >> PAGE_SHIFT, pages > 9 ? "0x" : "", pages,
                        segment->address >> PAGE_SHIFT);
}

static json_t *iomem_list(const struct wanted *wanted)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < wanted->count; i++)
        if (json_array_append_new(list, iomem_item(wanted, i)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static void print_iomem(const json_t *list)
{
    json_t *item;
    size_t i;

    fputs("iomem = [ ", stdout);
    json_array_foreach(list, i, item)
        printf("%s\"%s\"", i ? ", " : "", json_string_value(item));
    fputs(" ]", stdout);
}

/* Either lines for an xl config, or source that dtc takes, with iomem in a comment. */
static enum exit_status print_answer(const struct invocation *invocation,
                                     const struct devtree_blob *blob, const json_t *iomem)
{
    const char *output = options_value(&invocation->options, "output");

    if (!options_has(&invocation->options, "dts")) {
        print_iomem(iomem);
        putchar('\n');
        return print_text("device_tree = \"%s\"", output) ? complain_memory(invocation)
                                                          : STATUS_DONE;
    }
    fputs("/dts-v1/;\n/* ", stdout);
    print_iomem(iomem);
    fputs(" */\n\n", stdout);
    return tree_file_print_source(invocation, blob, "/", 4);
}

static enum exit_status deliver(const struct invocation *invocation, const struct wanted *wanted,
                                const struct devtree_blob *blob)
{
    const char *output = options_value(&invocation->options, "output");
    _cleanup_(cleanup_json) json_t *iomem = iomem_list(wanted), *result = NULL;
    enum exit_status status = STATUS_DONE;

    if (!iomem)
        return complain_memory(invocation);
    if (output)
        status = tree_file_write(invocation, output, blob);
    if (status != STATUS_DONE || !invocation->json)
        return status ? status : print_answer(invocation, blob, iomem);
    result = json_pack("{s:O}", "iomem", iomem);
    return show_json(invocation, result);
}

/* With --base, in a tree that is there already. */
static enum exit_status make_tree(const struct invocation *invocation, const struct wanted *wanted,
                                  struct devtree_blob *ret)
{
    const char *compatible = options_value(&invocation->options, "compatible");
    const char *path = options_value(&invocation->options, "base");
    _cleanup_(devtree_blob_clear) struct devtree_blob base = { 0 };
    struct error error = { 0 };
    enum exit_status status = path ? tree_file_read(invocation, path, &base) : STATUS_DONE;
    int r;

    if (status != STATUS_DONE)
        return status;
    r = devtree_guest(base.data, base.size, wanted->segments, wanted->count,
                      compatible ? compatible : "uio-dev", ret, &error);
    return r ? tree_file_refuse(invocation, path, r, &error) : STATUS_DONE;
}

enum exit_status cmd_dt_guest(const struct invocation *invocation)
{
    _cleanup_(devtree_blob_clear) struct devtree_blob blob = { 0 };
    _cleanup_(wanted_clear) struct wanted wanted = { 0 };
    enum exit_status status;

    if (options_has(&invocation->options, "address") && invocation->argument_count > 1)
        return complain_usage(invocation, "--address places one segment; give one");
    if (!options_has(&invocation->options, "output") && !options_has(&invocation->options, "dts"))
        return complain_usage(invocation, "where to? give --output FILE or --dts");
    status = ask_all(invocation, &wanted);
    if (status == STATUS_DONE)
        status = make_tree(invocation, &wanted, &blob);
    return status ? status : deliver(invocation, &wanted, &blob);
}
