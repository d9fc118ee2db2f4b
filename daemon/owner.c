/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "owner.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static int compare_uids(struct owner *a, struct owner *b)
{
    return (a->uid > b->uid) - (a->uid < b->uid);
}

TREE_GENERATE(owner_tree, owner, link, compare_uids)

static struct owner *find(const struct owner_tree *owners, uint32_t uid)
{
    return RB_FIND(owner_tree, (struct owner_tree *)owners, &(struct owner){ .uid = uid });
}

int owner_add(struct owner_tree *owners, uint32_t uid, uint64_t pages)
{
    struct owner *owner = find(owners, uid);

    if (!owner) {
        owner = calloc(1, sizeof(*owner));
        if (!owner)
            return -ENOMEM;
        owner->uid = uid;
        RB_INSERT(owner_tree, owners, owner);
    }
    owner->segments++;
    owner->pages += pages;
    return 0;
}

void owner_remove(struct owner_tree *owners, uint32_t uid, uint64_t pages)
{
    struct owner *owner = find(owners, uid);

    assert(owner && owner->pages >= pages);
    owner->pages -= pages;
    if (--owner->segments > 0)
        return;
    RB_REMOVE(owner_tree, owners, owner);
    free(owner);
}

struct owner owner_find(const struct owner_tree *owners, uint32_t uid)
{
    const struct owner *owner = find(owners, uid);

    return owner ? *owner : (struct owner){ .uid = uid };
}

void owners_clear(struct owner_tree *owners)
{
    struct owner *owner;

    while ((owner = RB_MIN(owner_tree, owners))) {
        RB_REMOVE(owner_tree, owners, owner);
        free(owner);
    }
}
