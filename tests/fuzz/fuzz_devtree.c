/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trees of any bytes: nothing may crash, read out of bounds or go on for ever, and what is made
 * must be what devtree.h promises. The whole input is the tree; its last eight bytes, which a tree
 * need not reach, choose what is asked for.
 */
#include "fuzz.h"

#include <string.h>

#include "devtree.h"

static void count_finding(void *context, const struct devtree_finding *finding)
{
    MUST(finding->node[0] == '/' && *finding->rule && *finding->what && *finding->remedy);
    ++*(unsigned *)context;
}

static void print_source(const struct devtree_blob *blob, const char *path)
{
    struct error error = { 0 };
    char *text;

    if (devtree_source(blob, path, 4, &text, &error) == 0)
        free(text);
}

static void check(const void *tree, size_t size)
{
    struct devtree_check how = { .name = "shared_mem*" };
    struct error error = { 0 };
    unsigned findings = 0, pools;
    int r;

    r = devtree_check(tree, size, &how, count_finding, &findings, &pools, &error);
    MUST(r == 0 || (r > 0 && r == error.code && error.message[0]));
}

/* What was reserved is reserved: once more changes nothing, and each pool is whole. */
static void check_result(const struct devtree_reserve *wanted,
                         const struct devtree_reservation *first)
{
    struct devtree_reservation second;
    struct error error = { 0 };

    MUST(devtree_reserve(first->tree.data, first->tree.size, wanted, &second, &error) == 0);
    MUST(!second.changed && second.tree.size == first->tree.size);
    MUST(memcmp(second.tree.data, first->tree.data, first->tree.size) == 0);
    for (unsigned i = 0; i < first->pool_count; i++) {
        MUST(first->pools[i].size == wanted->size && first->pools[i].address % 4096 == 0);
        MUST(first->pools[i].address == second.pools[i].address && !second.pools[i].added);
    }
    devtree_reservation_clear(&second);
}

static void reserve(const void *tree, size_t size, const uint8_t choice[8])
{
    uint64_t at = (uint64_t)(choice[1] | choice[2] << 8 | choice[3] << 16) << 12;
    struct devtree_reserve wanted = {
        .name = choice[0] & 1 ? "shared_mem" : "pool",
        .compatible = choice[0] & 2 ? "uio-dev" : "generic-uio",
        .bootargs = choice[0] & 4 ? "xen,dom0-bootargs" : "bootargs",
        .size = ((uint64_t)choice[4] + 1) << (12 + choice[5] % 24),
        .count = choice[6] % 8 + 1,
        .at = choice[0] & 8 ? &at : NULL,
        .tree_at = choice[0] & 16 ? &at : NULL,
    };
    struct devtree_reservation result;
    struct error error = { 0 };
    int r;

    r = devtree_reserve(tree, size, &wanted, &result, &error);
    MUST(r == 0 || (r > 0 && r == error.code && error.message[0]));
    if (r)
        return;
    check_result(&wanted, &result);
    check(result.tree.data, result.tree.size);
    print_source(&result.overlay, DEVTREE_OVERLAY_ROOT);
    devtree_reservation_clear(&result);
}

/* Names and numbers from the input, up to eight segments. */
static void guest(const uint8_t *data, size_t size)
{
    struct devtree_segment segments[8];
    char names[8][64];
    struct devtree_blob blob;
    struct error error = { 0 };
    size_t count = 0;
    int r;

    for (; count < 8 && size >= 24; count++, data += 24, size -= 24) {
        memcpy(names[count], data, 8);
        names[count][8] = '\0';
        segments[count] = (struct devtree_segment){
            .name = names[count],
            .address = (uint64_t)(data[8] | data[9] << 8) << 12,
            .size = (uint64_t)data[10] << (data[11] & 31),
        };
    }
    r = devtree_guest(NULL, 0, segments, count, "uio-dev", &blob, &error);
    MUST(r == 0 || (r > 0 && r == error.code && error.message[0]));
    if (r)
        return;
    MUST(devtree_validate(blob.data, blob.size, &error) == 0);
    print_source(&blob, "/");
    devtree_blob_clear(&blob);
}

/* Returns how many ranges there are; the caller frees *ret. */
static size_t read_ranges(const struct devtree_blob *tree, struct devtree_range **ret)
{
    struct error error = { 0 };
    size_t count;

    MUST(devtree_guest_ranges(tree->data, tree->size, ret, &count, &error) == 0);
    MUST(!count == !*ret);
    return count;
}

/* What was there is there, and the segments after it. */
static void check_merged(const struct devtree_blob *base, const struct devtree_blob *merged,
                         const struct devtree_segment *segments, size_t count)
{
    struct devtree_range *before, *after;
    size_t before_count = read_ranges(base, &before), after_count;
    struct error error = { 0 };

    MUST(devtree_validate(merged->data, merged->size, &error) == 0);
    after_count = read_ranges(merged, &after);
    MUST(after_count == before_count + count);
    for (size_t i = 0; i < before_count; i++)
        MUST(before[i].address == after[i].address && before[i].size == after[i].size);
    for (size_t i = 0; i < count; i++) {
        const struct devtree_range *range = &after[before_count + i];

        MUST(range->address == segments[i].address && range->size == segments[i].size);
        for (size_t j = 0; j < before_count; j++)
            MUST(before[j].address - range->address >= range->size &&
                 range->address - before[j].address >= before[j].size);
    }
    free(before);
    free(after);
}

/* The tree as a guest's own, up to two segments added to it. */
static void merge(const struct devtree_blob *base, const uint8_t choice[8])
{
    uint64_t address = (uint64_t)(choice[1] | choice[2] << 8 | choice[3] << 16) << 12;
    uint64_t length = ((uint64_t)choice[4] + 1) << (12 + choice[5] % 24);
    struct devtree_segment segments[] = { { "data", address, length },
                                          { "guest1-0", address + length, 4096 } };
    struct devtree_range *ranges;
    struct devtree_blob merged;
    struct error error = { 0 };
    size_t count;
    int r;

    r = devtree_guest_ranges(base->data, base->size, &ranges, &count, &error);
    MUST(r == 0 || (r > 0 && r == error.code && error.message[0]));
    if (r == 0)
        free(ranges);
    error = (struct error){ 0 };
    count = choice[6] % 3;
    r = devtree_guest(base->data, base->size, segments, count, "uio-dev", &merged, &error);
    MUST(r == 0 || (r > 0 && r == error.code && error.message[0]));
    if (r)
        return;
    check_merged(base, &merged, segments, count);
    print_source(&merged, "/");
    devtree_blob_clear(&merged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t choice[8] = { 7 };
    struct devtree_blob tree = { .data = malloc(size ? size : 1), .size = size };

    MUST(tree.data);
    memcpy(tree.data, data, size);
    if (size > sizeof(choice))
        memcpy(choice, data + size - sizeof(choice), sizeof(choice));
    check(tree.data, size);
    reserve(tree.data, size, choice);
    print_source(&tree, "/");
    guest(data, size);
    merge(&tree, choice);
    devtree_blob_clear(&tree);
    return 0;
}
