/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "segment_bytes.h"

#include <errno.h>
#include <inttypes.h>

#include "cleanup.h"
#include "link.h"
#include "print.h"
#include "size_argument.h"

struct range_wanted {
    uint64_t offset;
    uint64_t length;
    bool to_the_end;
};

static enum exit_status check_name(const struct invocation *invocation)
{
    _cleanup_(cleanup_json) json_t *params = json_object();

    return params_add(invocation, params, "name", invocation_argument(invocation, 0));
}

static enum exit_status read_arguments(const struct invocation *invocation,
                                       struct range_wanted *ret)
{
    const char *offset = invocation_argument(invocation, 1);
    const char *length = invocation_argument(invocation, 2);
    enum exit_status status;

    *ret = (struct range_wanted){ .to_the_end = !length };
    if (invocation->json)
        return complain_usage(invocation, "bytes have no form in JSON; leave out --json");
    status = check_name(invocation);
    if (status == STATUS_DONE && offset)
        status = size_argument_bytes(invocation, "offset", offset, &ret->offset);
    if (status == STATUS_DONE && length)
        status = size_argument_bytes(invocation, "length", length, &ret->length);
    return status;
}

static bool is_no_answer(int r)
{
    return r == -ETIMEDOUT || r == -ECONNRESET || r == -EPROTO || r == -ECONNREFUSED ||
           r == -ENOMEM || xenshm_is_refusal(r);
}

static enum exit_status map(const struct invocation *invocation, struct xenshm_mapping **ret)
{
    const char *name = invocation_argument(invocation, 0);
    int r = link_open(invocation);

    if (r)
        return complain_call(invocation, r);
    r = xenshm_map(link_connection(invocation), name, ret);
    if (r == 0)
        return STATUS_DONE;
    if (is_no_answer(r))
        return complain_call(invocation, r);
    complain(invocation, "%s", xenshm_message(link_connection(invocation)));
    return STATUS_REFUSED;
}

static enum exit_status check(struct segment_bytes *bytes, const struct invocation *invocation,
                              const struct range_wanted *wanted)
{
    const char *name = invocation_argument(invocation, 0);
    uint64_t size = bytes->mapping->size;
    char text[SIZE_TEXT_MAX];

    if (wanted->offset > size) {
        complain(invocation,
                 "offset %" PRIu64 " is beyond the end of '%s', which has %s (%" PRIu64 " bytes)",
                 wanted->offset, name, print_size(size, text), size);
        return STATUS_REFUSED;
    }
    if (wanted->length > size - wanted->offset) {
        complain(invocation,
                 "'%s' has %" PRIu64 " bytes from offset %" PRIu64 " on, %" PRIu64 " are asked for",
                 name, size - wanted->offset, wanted->offset, wanted->length);
        return STATUS_REFUSED;
    }
    bytes->start = (volatile unsigned char *)bytes->mapping->address + wanted->offset;
    bytes->offset = wanted->offset;
    bytes->size = wanted->to_the_end ? size - wanted->offset : wanted->length;
    return STATUS_DONE;
}

enum exit_status segment_bytes_open(struct segment_bytes *bytes,
                                    const struct invocation *invocation)
{
    struct range_wanted wanted;
    enum exit_status status = read_arguments(invocation, &wanted);

    *bytes = (struct segment_bytes){ 0 };
    if (status == STATUS_DONE)
        status = map(invocation, &bytes->mapping);
    return status ? status : check(bytes, invocation, &wanted);
}

void segment_bytes_clear(struct segment_bytes *bytes)
{
    xenshm_unmap(bytes->mapping);
    *bytes = (struct segment_bytes){ 0 };
}
