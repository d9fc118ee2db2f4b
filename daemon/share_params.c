/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "share_params.h"

#include "message.h"

int share_params_check(const struct share_params *share, const char *where, struct state *state,
                       struct state_pool **ret_pool, struct error *error)
{
    struct state_pool *pool = NULL;

    if (!share->size == !share->segment)
        return error_set(error, MESSAGE_INVALID_PARAMS,
                         "Invalid params: give either 'size' or 'segment'%s", where);
    if (share->segment && (share->name || share->pool))
        return error_set(error, MESSAGE_INVALID_PARAMS,
                         "Invalid params: '%s' is for a new segment, not for an existing one",
                         share->name ? "name" : "pool");
    if (share->pool && !(pool = state_find_pool(state, share->pool)))
        return error_set(error, XENSHM_POOL_UNKNOWN, "no pool is called '%s'", share->pool);
    *ret_pool = pool;
    return 0;
}
