/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strict reading of the objects of a layout: every member is known, and complaints name the place.
 */
#pragma once

#include "layout.h"

/* Where the reader is, for its complaints. */
struct reader {
    struct error *error;
    const struct layout_segment *segment; /* being read; NULL: outside of segments */
    size_t segment_index;
    const struct layout_guest *guest; /* being read; NULL: outside of guests */
    size_t guest_index;
};

/* One member that an object of a layout may have. */
struct reader_key {
    const char *name;
    bool required;
    int (*take)(struct reader *reader, json_t *value, void *target);
};

/* Refuses (CONFIG_INVALID), the place in front. Returns the code. */
int reader_refuse(struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Reads the members of `object` into `target`, in the order of the keys. One that has no key, or
 * is missing, is refused. Returns 0, a refusal or a negative errno.
 */
int reader_object(struct reader *reader, json_t *object, const struct reader_key *keys,
                  void *target);
