/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many segments and pages each user has: counted with the segments themselves as they come and
 * go, so that a quota costs no look at all of them. Pure bookkeeping; one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tree.h"

/* What one user has. */
struct owner {
    uint32_t uid;
    size_t segments;
    uint64_t pages;
    RB_ENTRY(owner) link; /* in the tree */
};

/* By uid; those who have something, owned. Zeroed is empty. */
RB_HEAD(owner_tree, owner);

/* One segment of so many pages more. Returns 0 or -ENOMEM. */
int owner_add(struct owner_tree *owners, uint32_t uid, uint64_t pages);
/* One less, that was added before. */
void owner_remove(struct owner_tree *owners, uint32_t uid, uint64_t pages);
/* What the user has; zeros for one who has nothing. */
struct owner owner_find(const struct owner_tree *owners, uint32_t uid);
/* Forgets all of them. */
void owners_clear(struct owner_tree *owners);
