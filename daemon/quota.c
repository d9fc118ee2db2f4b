/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quota.h"

#include <inttypes.h>
#include <unistd.h>

#include "range.h"
#include "size.h"

bool quota_exempt(uint32_t uid)
{
    return uid == 0 || uid == geteuid();
}

/* `key`: of the configuration. */
static int raise_hint(struct error *error, const char *what, const char *key)
{
    return error_set_hint(error, "%s, or have `%s` in section [quotas] of xenshmd.conf raised",
                          what, key);
}

int quota_check_connection(const struct quotas *quotas, uint32_t uid, size_t count, uint64_t limit,
                           struct error *error)
{
    uint64_t most = limit - limit / 4, quota = quotas->connections;

    if (quota == 0 || quota_exempt(uid))
        return 0;
    if (quota > most)
        quota = most;
    if (count < quota)
        return 0;
    error_set(error, XENSHM_QUOTA_EXCEEDED, "uid %" PRIu32 " has %zu connections, its quota", uid,
              count);
    return raise_hint(error, "close one of them", "connections");
}

int quota_check_request(const struct quotas *quotas, uint32_t uid, size_t count,
                        struct error *error)
{
    if (quotas->requests == 0 || count < quotas->requests || quota_exempt(uid))
        return 0;
    error_set(error, XENSHM_QUOTA_EXCEEDED,
              "uid %" PRIu32 " has %zu requests for changes under way, its quota is %" PRIu64, uid,
              count, quotas->requests);
    return raise_hint(error, "wait for one of them", "requests");
}

static int refuse_memory(const struct quotas *quotas, const struct owner *owner, uint64_t pages,
                         struct error *error)
{
    char has[SIZE_TEXT_MAX], wanted[SIZE_TEXT_MAX], quota[SIZE_TEXT_MAX];

    error_set(error, XENSHM_QUOTA_EXCEEDED,
              "uid %" PRIu32 " has %s of memory in its segments, and %s more would exceed its "
              "quota, %s",
              owner->uid, size_format(pages_to_bytes(owner->pages), has),
              size_format(pages_to_bytes(pages), wanted), size_format(quotas->memory, quota));
    return raise_hint(error, "free or detach a segment first, or ask for less", "memory");
}

int quota_check_segment(const struct quotas *quotas, const struct owner *owner, uint64_t pages,
                        struct error *error)
{
    uint64_t most = quotas->memory >> PAGE_SHIFT;

    if (quota_exempt(owner->uid))
        return 0;
    if (quotas->segments && owner->segments >= quotas->segments) {
        error_set(error, XENSHM_QUOTA_EXCEEDED,
                  "uid %" PRIu32 " has %zu segments, its quota is %" PRIu64, owner->uid,
                  owner->segments, quotas->segments);
        return raise_hint(error, "free or detach one of them first", "segments");
    }
    /* No sum that could overflow; it may have more already, from before a lower quota. */
    if (quotas->memory && (owner->pages > most || pages > most - owner->pages))
        return refuse_memory(quotas, owner, pages, error);
    return 0;
}
