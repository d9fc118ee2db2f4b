/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON as the tests of layouts write it. Include after fault.h, whose allocations jansson gets. */
#pragma once

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* The same text with ' for ", as JSON. */
static inline json_t *quoted_json(const char *text)
{
    _cleanup_(cleanup_free) char *copy = strdup(text);
    json_error_t error;
    json_t *value;

    assert_non_null(copy);
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    value = json_loads(copy, JSON_DECODE_ANY, &error);
    if (!value)
        fail_msg("%s in %s", error.text, copy);
    return value;
}

/* jansson's allocations fail with the others. */
static inline void layout_faults(void)
{
    json_set_alloc_funcs(__wrap_malloc, free);
}
