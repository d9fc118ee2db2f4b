/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json_text.h"

#include <stdlib.h>

#include "log.h"

static void *allocate(size_t size)
{
    void *p = malloc(size);

    if (!p) {
        log_error(
            "out of memory while reading JSON: this program ends, so that nothing is misread; "
            "start it again");
        exit(EXIT_FAILURE);
    }
    return p;
}

json_t *json_text_read(const char *text, size_t length, size_t flags, json_error_t *ret_why)
{
    json_malloc_t usual_malloc;
    json_free_t usual_free;
    json_t *value;

    json_get_alloc_funcs(&usual_malloc, &usual_free);
    json_set_alloc_funcs(allocate, usual_free);
    value = json_loadb(text, length, flags, ret_why);
    json_set_alloc_funcs(usual_malloc, usual_free);
    return value;
}
