/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A layout: the segments that there are to be, and the guests that are to have them, as a file says
 * it (docs/layout.md). Reading and checking only: no I/O, nothing of the daemon's present state.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "params.h"

#define LAYOUT_VERSION 1

struct layout_guest {
    char called[PARAMS_GUEST_MAX]; /* name, domid or UUID, not looked up yet */
    struct params_address address; /* PARAMS_ADDRESS_NONE: any */
};

struct layout_segment {
    const char *name;   /* in the JSON that the layout was read from, like the next */
    const char *pool;   /* NULL: any */
    uint64_t size;      /* in whole pages */
    uint64_t size_said; /* before it was rounded up */
    uint64_t align;     /* 0: any */
    bool kept;
    struct layout_guest *guests; /* owned */
    size_t guest_count;
};

struct layout {
    struct layout_segment *segments; /* owned */
    size_t segment_count;
};

/*
 * Reads a layout from `json`, which must outlive it. Returns 0; a refusal in *error
 * (CONFIG_INVALID) that names the place, "segments[0].guests[1] (segment 'data')"; or -ENOMEM. In
 * each case *ret_layout is to be cleared.
 */
int layout_read(json_t *json, struct layout *ret_layout, struct error *error);
void layout_clear(struct layout *layout);
