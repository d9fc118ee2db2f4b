/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one user may have at a time. Whoever asks is counted by uid, whatever right it has; root and
 * the user that the daemon runs as have no quota, since somebody must be able to put things right.
 * What a user has is looked up where it is, never kept beside it; a refusal changes nothing. Pure;
 * one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "owner.h"

/* Section [quotas] of the configuration; 0: none. */
struct quotas {
    uint64_t connections; /* open at a time */
    uint64_t segments;    /* owned */
    uint64_t memory;      /* bytes in them */
    uint64_t requests;    /* that change something, and are not answered yet */
};

/* Has this user none? */
bool quota_exempt(uint32_t uid);

/* Each returns 0, or a refusal (QUOTA_EXCEEDED) that names the user, the quota and the remedy. */

/*
 * One more connection for a user who has `count`, of `limit` that there can be: of those, one user
 * has three quarters at most, so that others can connect whatever the quota is.
 */
int quota_check_connection(const struct quotas *quotas, uint32_t uid, size_t count, uint64_t limit,
                           struct error *error);
/* One more request for a user who has `count`. */
int quota_check_request(const struct quotas *quotas, uint32_t uid, size_t count,
                        struct error *error);
/* One more segment, of so many pages. */
int quota_check_segment(const struct quotas *quotas, const struct owner *owner, uint64_t pages,
                        struct error *error);
