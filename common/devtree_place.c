/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where pools go, and what is left of the memory. */
#include "devtree_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "range.h"

/* ---- the memory */

int plan_check_banks(const struct plan *plan, struct error *error)
{
    const struct objects *memory = &plan->memory;

    if (memory->count == 0)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "no memory node has a range; the boot loader of this board fills it in, "
                         "so reserve in the tree that it leaves");
    for (size_t i = 0; i < memory->count; i++)
        for (size_t j = i + 1; j < memory->count; j++)
            if (spans_overlap(memory->items[i].span, memory->items[j].span))
                return error_set(error, XENSHM_CONFIG_INVALID,
                                 "%s: its range at 0x%" PRIx64 " overlaps that of %s at 0x%" PRIx64,
                                 memory->items[i].what, memory->items[i].span.start,
                                 memory->items[j].what, memory->items[j].span.start);
    return 0;
}

/* Takes `span` out of one bank; *index goes on to the last of what is left of it. */
static int cut_bank(struct objects *memory, size_t *index, struct span span, struct error *error)
{
    struct object below = memory->items[*index], above = below;
    struct span bank = below.span;

    below.span.size = span.start > bank.start ? span.start - bank.start : 0;
    above.span.start = span_end(span);
    above.span.size = span_end(bank) > span_end(span) ? span_end(bank) - span_end(span) : 0;
    if (below.span.size && above.span.size) {
        memory->items[*index] = below;
        return objects_insert(memory, ++*index, &above, error);
    }
    if (below.span.size || above.span.size) {
        memory->items[*index] = below.span.size ? below : above;
        return 0;
    }
    memmove(&memory->items[*index], &memory->items[*index + 1],
            (memory->count - *index - 1) * sizeof(*memory->items));
    memory->count--;
    --*index; /* wraps at 0, and the loop's ++ brings it back */
    return 0;
}

int plan_cut(struct plan *plan, struct span span, struct error *error)
{
    struct objects *memory = &plan->memory;
    int r;

    for (size_t i = 0; i < memory->count; i++) {
        if (!spans_overlap(memory->items[i].span, span))
            continue;
        r = cut_bank(memory, &i, span, error);
        if (r)
            return r;
    }
    return 0;
}

/* True when every byte is memory. Banks do not overlap, so each can be needed once. */
static bool is_memory(const struct objects *memory, struct span span)
{
    uint64_t left = span.size;

    for (size_t i = 0; i < memory->count; i++) {
        struct span bank = memory->items[i].span;
        uint64_t from = bank.start > span.start ? bank.start : span.start;
        uint64_t to = span_end(bank) < span_end(span) ? span_end(bank) : span_end(span);

        left -= to > from ? to - from : 0;
    }
    return left == 0;
}

int plan_check_memory_left(const struct plan *plan, struct error *error)
{
    for (size_t i = 0; i < plan->before.count; i++) {
        bool left = false;

        for (size_t j = 0; j < plan->memory.count && !left; j++)
            left = plan->memory.items[j].node == plan->before.items[i].node;
        if (!left)
            return error_set(error, XENSHM_CONFIG_INVALID, "nothing would be left of %s",
                             plan->before.items[i].what);
    }
    /* A bank whose addresses have one cell may all the same reach beyond 4 GiB: until it is cut. */
    for (size_t i = 0; i < plan->memory.count; i++)
        if (!reg_fits(plan->cells, plan->memory.items[i].span))
            return error_set(error, XENSHM_CONFIG_INVALID,
                             "%s: what would be left from 0x%" PRIx64
                             " on cannot be told with %u address and %u size cells",
                             plan->memory.items[i].what, plan->memory.items[i].span.start,
                             plan->cells.address, plan->cells.size);
    return 0;
}

/* ---- places */

static const struct object *obstacle(const struct plan *plan, struct span span, int except)
{
    const struct object *object = objects_overlapping(&plan->occupied, span, -1);

    return object ? object : objects_overlapping(&plan->devices, span, except);
}

int plan_check_free(const struct plan *plan, struct span span, int except, struct error *error)
{
    const struct object *object = obstacle(plan, span, except);

    if (!object)
        return 0;
    error_set(error, XENSHM_PAGES_HELD,
              "0x%" PRIx64 " to 0x%" PRIx64 " overlaps %s, 0x%" PRIx64 " to 0x%" PRIx64, span.start,
              span_end(span) - 1, object->what, object->span.start, span_end(object->span) - 1);
    return error_set_hint(error, "choose another place with --at");
}

/* The highest free pages of the bank. */
static bool highest_place(const struct plan *plan, struct span bank, uint64_t size,
                          uint64_t *ret_address)
{
    uint64_t end = span_end(bank) & ~PAGE_MASK;
    const struct object *object;

    if (bank.size <= size)
        return false;
    while (end >= bank.start && end - bank.start >= size) {
        struct span span = { end - size, size };

        object = obstacle(plan, span, -1);
        if (!object) {
            *ret_address = span.start;
            return true;
        }
        end = object->span.start & ~PAGE_MASK;
    }
    return false;
}

/* The bank with the lowest address from `from` on; NULL: no more. */
static const struct object *next_bank(const struct objects *memory, uint64_t from)
{
    const struct object *lowest = NULL;

    for (size_t i = 0; i < memory->count; i++)
        if (memory->items[i].span.start >= from &&
            (!lowest || memory->items[i].span.start < lowest->span.start))
            lowest = &memory->items[i];
    return lowest;
}

static int choose_place(const struct plan *plan, struct devtree_pool *pool, struct error *error)
{
    const struct object *bank;

    for (bank = next_bank(&plan->memory, 0); bank;
         bank = next_bank(&plan->memory, bank->span.start + 1))
        if (highest_place(plan, bank->span, pool->size, &pool->address))
            return 0;
    error_set(error, XENSHM_CONFIG_INVALID,
              "no bank of memory has 0x%" PRIx64 " free bytes in a row for %s", pool->size,
              pool->name);
    return error_set_hint(error, "ask for less, or for several smaller pools");
}

int plan_place(struct plan *plan, unsigned index, struct error *error)
{
    struct devtree_pool *pool = &plan->pools[index];
    struct object device = { .node = -1 };
    int r = 0;

    if (plan->wanted->at)
        pool->address = *plan->wanted->at + index * pool->size;
    else
        r = choose_place(plan, pool, error);
    if (r == 0)
        r = plan_check_free(plan, pool_span(pool), -1, error);
    if (r)
        return r;
    if (!is_memory(&plan->memory, pool_span(pool)))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "0x%" PRIx64 " to 0x%" PRIx64 " is not all memory of this tree",
                         pool->address, pool->address + pool->size - 1);
    if (!reg_fits(plan->cells, pool_span(pool)))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "0x%" PRIx64 " bytes at 0x%" PRIx64
                         " cannot be told with %u address and %u size cells at the top level",
                         pool->size, pool->address, plan->cells.address, plan->cells.size);
    device.span = pool_span(pool);
    snprintf(device.what, sizeof(device.what), "/%s@%" PRIx64, pool->name, pool->address);
    r = objects_add(&plan->devices, &device, error);
    return r ? r : plan_cut(plan, pool_span(pool), error);
}
