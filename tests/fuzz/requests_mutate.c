/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the fuzzer changes a story: by whole steps, which any other change would shift. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "requests.h"

/* Of libFuzzer. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

#define WHAT_REQUEST 13 /* see act() */

struct steps {
    struct record *records;
    size_t count, max;
    unsigned int seed;
};

static size_t choose(struct steps *steps, size_t below)
{
    return below ? (size_t)rand_r(&steps->seed) % below : 0;
}

/* Makes room for `length` steps at `at`, or less at the end. Returns how many. */
static size_t make_room(struct steps *steps, size_t at, size_t length)
{
    if (length > steps->max - steps->count)
        length = steps->max - steps->count;
    memmove(steps->records + at + length, steps->records + at,
            (steps->count - at) * sizeof(struct record));
    steps->count += length;
    return length;
}

static void insert_request(struct steps *steps)
{
    size_t at = choose(steps, steps->count + 1);
    struct record record = { .what = WHAT_REQUEST, .method = (uint8_t)choose(steps, 64) };

    for (size_t i = 0; i < sizeof(record.choices); i++)
        record.choices[i] = (uint8_t)(choose(steps, 2) ? choose(steps, 256) : 0);
    if (make_room(steps, at, 1))
        steps->records[at] = record;
}

static void repeat_some(struct steps *steps)
{
    struct record some[8];
    size_t from = choose(steps, steps->count), length = 1 + choose(steps, 8);
    size_t at = choose(steps, steps->count + 1);

    if (length > steps->count - from)
        length = steps->count - from;
    memcpy(some, steps->records + from, length * sizeof(*some));
    length = make_room(steps, at, length);
    memcpy(steps->records + at, some, length * sizeof(*some));
}

static void remove_some(struct steps *steps)
{
    size_t from = choose(steps, steps->count), length = 1 + choose(steps, 4);

    if (length > steps->count - from)
        length = steps->count - from;
    memmove(steps->records + from, steps->records + from + length,
            (steps->count - from - length) * sizeof(struct record));
    steps->count -= length;
}

static void swap_two(struct steps *steps)
{
    size_t a = choose(steps, steps->count), b = choose(steps, steps->count);
    struct record record = steps->records[a];

    steps->records[a] = steps->records[b];
    steps->records[b] = record;
}

static void change_byte(struct steps *steps)
{
    uint8_t *bytes = (uint8_t *)&steps->records[choose(steps, steps->count)];

    bytes[choose(steps, RECORD)] = (uint8_t)choose(steps, 256);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    static void (*const ways[])(struct steps *) = { insert_request, repeat_some, remove_some,
                                                    swap_two,       change_byte, change_byte };
    struct steps steps = { (struct record *)data, size / RECORD, max_size / RECORD, seed };
    size_t way = choose(&steps, 2 + sizeof(ways) / sizeof(ways[0]));

    if (way >= sizeof(ways) / sizeof(ways[0]))
        return LLVMFuzzerMutate(data, size, max_size);
    ways[steps.count ? way : 0](&steps);
    return steps.count * RECORD;
}
