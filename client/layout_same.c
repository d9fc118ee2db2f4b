/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout_same.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layout_present.h"
#include "print.h"

struct pair {
    const json_t *segment;
    const struct layout_segment *wanted;
    struct error *error;
};

/* How the present one is to be got rid of first. */
static const char *remedy(const struct pair *pair)
{
    return json_is_true(json_object_get(pair->segment, "kept"))
               ? "save its bytes and free it first, or give this one another name"
               : "save its bytes and detach it first, or give this one another name";
}

static int refuse_other(const struct pair *pair, const char *has, const char *wanted)
{
    return error_set(pair->error, XENSHM_SEGMENT_EXISTS,
                     "segment '%s' %s, the layout says %s, which cannot be changed without losing "
                     "its bytes; %s",
                     pair->wanted->name, has, wanted, remedy(pair));
}

static int check_size(const struct pair *pair)
{
    char has[SIZE_TEXT_MAX], wants[SIZE_TEXT_MAX], text[SIZE_TEXT_MAX + 8];
    uint64_t size = (uint64_t)json_integer_value(json_object_get(pair->segment, "size"));

    if (size == pair->wanted->size)
        return 0;
    snprintf(text, sizeof(text), "has %s", print_size(size, has));
    return refuse_other(pair, text, print_size(pair->wanted->size, wants));
}

static int check_pool(const struct pair *pair)
{
    const char *pool = print_member(pair->segment, "pool");
    char text[128];

    if (!pair->wanted->pool || strcmp(pool, pair->wanted->pool) == 0)
        return 0;
    snprintf(text, sizeof(text), "is in pool '%.64s'", pool);
    return refuse_other(pair, text, pair->wanted->pool);
}

static int check_kept(const struct pair *pair)
{
    bool kept = json_is_true(json_object_get(pair->segment, "kept"));

    if (kept == pair->wanted->kept)
        return 0;
    return refuse_other(pair, kept ? "is kept" : "is not kept", kept ? "not kept" : "kept");
}

static int check_align(const struct pair *pair)
{
    const char *at = print_member(pair->segment, "host_address");
    char has[64], wants[64];
    uint64_t address = 0;

    if (!pair->wanted->align)
        return 0;
    params_parse_address(at, &address);
    if (address % pair->wanted->align == 0)
        return 0;
    snprintf(has, sizeof(has), "is at host address %.24s", at);
    snprintf(wants, sizeof(wants), "a multiple of 0x%" PRIx64, pair->wanted->align);
    return refuse_other(pair, has, wants);
}

static int check_quarantine(const struct pair *pair)
{
    if (!present_is_in_state(pair->segment, "quarantined"))
        return 0;
    return error_set(pair->error, XENSHM_PAGES_HELD,
                     "segment '%s' is quarantined, as a guest may still hold its pages; end that "
                     "guest first ('xenshmctl list %s' names it), or choose another name",
                     pair->wanted->name, pair->wanted->name);
}

int same_check(const json_t *segment, const struct layout_segment *wanted, struct error *error)
{
    const struct pair pair = { segment, wanted, error };
    int r = check_quarantine(&pair);

    if (r == 0)
        r = check_size(&pair);
    if (r == 0)
        r = check_pool(&pair);
    if (r == 0)
        r = check_kept(&pair);
    return r ? r : check_align(&pair);
}
