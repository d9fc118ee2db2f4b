/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store of the guests that xenshmd created: one file each, guests/UUID.json, beside the device
 * tree that its kernel gets, guests/UUID.dtb. Like the store of segments in all else. One thread.
 */
#pragma once

#include "created.h"
#include "store.h"

/* Returns 0 or -errno; then the file is as it was. */
int store_created_write(struct store *store, const struct created *created);
/* Removes the file and the device tree; missing ones are no error. Returns 0 or -errno. */
int store_created_remove(struct store *store, const struct created *created);
/*
 * Reads every file into the list. One that cannot be understood is logged and left: that guest is
 * not looked after, and what it holds counts as anybody's guest's. Returns 0 or -errno.
 */
int store_created_load(struct store *store, struct created_list *list);

/*
 * Is every builder of earlier daemons gone? A builder that was killed may still be in a hypercall,
 * and a domain may appear that no list has shown yet. Each builder inherits the descriptor of
 * store_created_lock(), and holds the lock as long as it lives.
 */
bool store_created_is_ours(struct store *store);
int store_created_lock(const struct store *store);

/* Where the guest's device tree is to be; the caller frees it. NULL without memory. */
char *store_created_tree(const struct store *store, const struct created *created);
