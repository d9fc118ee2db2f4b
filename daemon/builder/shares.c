/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shares.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "conversation.h"

void build_order_clear(struct build_order *order)
{
    free(order->shares);
    free(order->cmdline);
    *order = (struct build_order){ 0 };
}

static int read_share(json_t *item, struct share *share, struct error *error)
{
    json_int_t host, size, guest, epoch;
    int map;
    json_error_t why;

    if (json_unpack_ex(item, &why, JSON_STRICT, "{s:s, s:I, s:I, s:I, s:I, s:b}", "segment",
                       &share->segment, "host_address", &host, "size", &size, "guest_address",
                       &guest, "epoch", &epoch, "map", &map) < 0)
        return conversation_misunderstood(error, why.text);
    if (host < 0 || size <= 0 || guest < 0 || epoch < 0 || !page_aligned((uint64_t)host) ||
        !page_aligned((uint64_t)size) || !page_aligned((uint64_t)guest))
        return conversation_misunderstood(error, "a share is not whole pages");
    share->frames.first = mfn((uint64_t)host >> PAGE_SHIFT);
    share->frames.count = (uint64_t)size >> PAGE_SHIFT;
    share->first = gfn((uint64_t)guest >> PAGE_SHIFT);
    share->epoch = (uint64_t)epoch;
    share->map = map;
    return 0;
}

int build_order_read(json_t *build, struct build_order *ret_order, struct error *error)
{
    json_t *shares, *item;
    json_error_t why;
    size_t i;
    int r = 0;

    if (json_unpack_ex(build, &why, JSON_STRICT, "{s:s, s:s, s:o}", "tree", &ret_order->tree,
                       "compatible", &ret_order->compatible, "shares", &shares) < 0)
        return conversation_misunderstood(error, why.text);
    if (!json_is_array(shares))
        return conversation_misunderstood(error, "'shares' is not an array");
    ret_order->shares = calloc(json_array_size(shares) + 1, sizeof(*ret_order->shares));
    if (!ret_order->shares)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory");
    ret_order->share_count = json_array_size(shares);
    json_array_foreach(shares, i, item)
        if (r == 0)
            r = read_share(item, &ret_order->shares[i], error);
    return r;
}

void share_describe(const struct share *share, struct share_nodes *ret_nodes)
{
    char(*values)[24] = ret_nodes->values;

    *ret_nodes = (struct share_nodes){ .keys = { "address", "size", "epoch" } };
    snprintf(values[0], sizeof(values[0]), "0x%" PRIx64, gfn_address(share->first));
    snprintf(values[1], sizeof(values[1]), "%" PRIu64, pages_to_bytes(share->frames.count));
    snprintf(values[2], sizeof(values[2]), "%" PRIu64, share->epoch);
}
