/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attach: pages for a guest, as a new segment of a given size or as a share of an existing one. */
#include <inttypes.h>

#include "cleanup.h"
#include "commands.h"
#include "print.h"
#include "range.h"
#include "size.h"

static enum exit_status show_attached(const struct invocation *invocation, json_t *result)
{
    char size[SIZE_TEXT_MAX];
    int r;

    r = print_text("%s: %s at %s in %s (host %s)", print_member(result, "segment"),
                   print_member_size(result, "size", size), print_member(result, "guest_address"),
                   print_member(json_object_get(result, "guest"), "name"),
                   print_member(result, "host_address"));
    return r ? complain_memory(invocation) : STATUS_DONE;
}

/* "-4K": well formed but for its sign, which deserves its own words. */
static bool is_negative(const char *text)
{
    uint64_t bytes;

    return text[0] == '-' && size_parse(text + 1, &bytes) != SIZE_E_SYNTAX;
}

static enum exit_status complain_size(const struct invocation *invocation, const char *text, int r)
{
    if (r == SIZE_E_ZERO)
        complain(invocation, "size '%s' is zero; give at least one page, for example 4K", text);
    else if (r == SIZE_E_RANGE)
        complain(invocation,
                 "size '%s' is too large, less than 8 EiB can be asked for; 'xenshmctl pools' "
                 "shows what is free",
                 text);
    else if (is_negative(text))
        complain(invocation, "size '%s' is negative; give at least one page, for example 4K", text);
    else
        complain(invocation, "size '%s' is not a number of bytes with an optional K, M or G", text);
    return STATUS_USAGE;
}

static void note_rounding(const struct invocation *invocation, uint64_t bytes, uint64_t rounded)
{
    char text[SIZE_TEXT_MAX];

    if (rounded != bytes)
        complain(invocation, "note: %" PRIu64 " byte%s rounded up to %s", bytes,
                 bytes == 1 ? "" : "s", print_size(rounded, text));
}

static enum exit_status add_size(const struct invocation *invocation, json_t *params,
                                 const char *text)
{
    uint64_t bytes, rounded;
    int r;

    r = size_parse(text, &bytes);
    if (r)
        return complain_size(invocation, text, r);
    rounded = pages_to_bytes(bytes_to_pages(bytes));
    if (rounded > SIZE_LIMIT)
        return complain_size(invocation, text, SIZE_E_RANGE);
    note_rounding(invocation, bytes, rounded);
    if (json_object_set_new(params, "size", json_integer((json_int_t)rounded)) != 0)
        return complain_memory(invocation);
    return STATUS_DONE;
}

static enum exit_status add_size_or_segment(const struct invocation *invocation, json_t *params)
{
    const char *size = invocation_argument(invocation, 1);
    const char *segment = options_value(&invocation->options, "segment");

    if (size && segment)
        return complain_usage(invocation, "SIZE and --segment exclude each other");
    if (!size && !segment)
        return complain_usage(invocation, "give a SIZE or --segment NAME");
    return size ? add_size(invocation, params, size)
                : params_add(invocation, params, "segment", segment);
}

enum exit_status cmd_attach(const struct invocation *invocation)
{
    static const char *const texts[] = { "name", "pool", "address" };
    _cleanup_(cleanup_json) json_t *params = json_object();
    enum exit_status status;

    status = params_add(invocation, params, "guest", invocation_argument(invocation, 0));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && status == STATUS_DONE; i++)
        status =
            params_add(invocation, params, texts[i], options_value(&invocation->options, texts[i]));
    if (status == STATUS_DONE)
        status = add_size_or_segment(invocation, params);
    if (status != STATUS_DONE)
        return status;
    return invocation_call(invocation, "guest.attach", params, show_attached);
}
