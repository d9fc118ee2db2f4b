/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "size_argument.h"

#include <inttypes.h>

#include "hex.h"
#include "print.h"
#include "range.h"
#include "size.h"

/* "-4K": well formed but for its sign, which deserves its own words. */
static bool is_negative(const char *text)
{
    uint64_t bytes;

    return text[0] == '-' && size_parse(text + 1, &bytes) != SIZE_E_SYNTAX;
}

static enum exit_status complain_size(const struct invocation *invocation, const char *key,
                                      const char *text, int r)
{
    if (r == SIZE_E_ZERO)
        complain(invocation, "%s '%s' is zero; give at least one page, for example 4K", key, text);
    else if (r == SIZE_E_RANGE)
        complain(invocation,
                 "%s '%s' is too large, less than 8 EiB can be asked for; 'xenshmctl pools' "
                 "shows what is free",
                 key, text);
    else if (is_negative(text))
        complain(invocation, "%s '%s' is negative; give at least one page, for example 4K", key,
                 text);
    else
        complain(invocation, "%s '%s' is not a number of bytes with an optional K, M or G", key,
                 text);
    return STATUS_USAGE;
}

static void note_rounding(const struct invocation *invocation, uint64_t bytes, uint64_t rounded)
{
    char text[SIZE_TEXT_MAX];

    if (rounded != bytes)
        complain(invocation, "note: %" PRIu64 " byte%s rounded up to %s", bytes,
                 bytes == 1 ? "" : "s", print_size(rounded, text));
}

static enum exit_status add(const struct invocation *invocation, json_t *params, const char *key,
                            uint64_t bytes)
{
    if (json_object_set_new(params, key, json_integer((json_int_t)bytes)) != 0)
        return complain_memory(invocation);
    return STATUS_DONE;
}

enum exit_status size_argument_pages(const struct invocation *invocation, const char *text,
                                     uint64_t *ret_bytes)
{
    uint64_t bytes, rounded;
    int r;

    r = size_parse(text, &bytes);
    if (r)
        return complain_size(invocation, "size", text, r);
    rounded = pages_to_bytes(bytes_to_pages(bytes));
    if (rounded > SIZE_LIMIT)
        return complain_size(invocation, "size", text, SIZE_E_RANGE);
    note_rounding(invocation, bytes, rounded);
    *ret_bytes = rounded;
    return STATUS_DONE;
}

enum exit_status params_add_pages(const struct invocation *invocation, json_t *params,
                                  const char *text)
{
    uint64_t bytes;
    enum exit_status status = size_argument_pages(invocation, text, &bytes);

    return status ? status : add(invocation, params, "size", bytes);
}

enum exit_status params_add_bytes(const struct invocation *invocation, json_t *params,
                                  const char *key, const char *text)
{
    uint64_t bytes;
    int r;

    if (!text)
        return STATUS_DONE;
    r = size_parse(text, &bytes);
    return r ? complain_size(invocation, key, text, r) : add(invocation, params, key, bytes);
}

static bool is_hexadecimal(const char *text)
{
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

/* Returns 0 or a refusal of size_parse(). */
static int parse_hexadecimal(const char *digits, uint64_t *ret_bytes)
{
    uint64_t value = 0;

    if (!*digits)
        return SIZE_E_SYNTAX;
    for (; *digits; digits++) {
        if (hex_digit(*digits) < 0)
            return SIZE_E_SYNTAX;
        if (value > SIZE_LIMIT >> 4)
            return SIZE_E_RANGE;
        value = value << 4 | (uint64_t)hex_digit(*digits);
    }
    *ret_bytes = value;
    return 0;
}

enum exit_status size_argument_bytes(const struct invocation *invocation, const char *what,
                                     const char *text, uint64_t *ret_bytes)
{
    int r =
        is_hexadecimal(text) ? parse_hexadecimal(text + 2, ret_bytes) : size_parse(text, ret_bytes);

    if (r == SIZE_E_ZERO)
        *ret_bytes = 0;
    if (r == 0 || r == SIZE_E_ZERO)
        return STATUS_DONE;
    if (r == SIZE_E_RANGE)
        return complain_usage(invocation, "%s '%s' is too large, no segment has 8 EiB", what, text);
    return complain_usage(invocation,
                          "%s '%s' is not a number of bytes: digits with an optional K, M or G, "
                          "or 0x...",
                          what, text);
}
