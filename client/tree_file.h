/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Device trees in files, and what is said when one is refused. */
#pragma once

#include "devtree.h"
#include "invocation.h"

/* Reads a whole file. Returns STATUS_DONE, or STATUS_REFUSED after a complaint. */
enum exit_status tree_file_read(const struct invocation *invocation, const char *path,
                                struct devtree_blob *ret);

/*
 * Writes under a temporary name beside `path`, then renames: whoever reads sees the old file or the
 * new one, whole. A link keeps being one; what is no regular file is refused. Returns the same.
 */
enum exit_status tree_file_write(const struct invocation *invocation, const char *path,
                                 const struct devtree_blob *blob);

/*
 * The complaint for a result of devtree_*() that is not 0; `path` is the file in question, NULL:
 * none. Returns STATUS_REFUSED.
 */
enum exit_status tree_file_refuse(const struct invocation *invocation, const char *path, int r,
                                  const struct error *error);

/* Prints the node at `path` and below as source. */
enum exit_status tree_file_print_source(const struct invocation *invocation,
                                        const struct devtree_blob *blob, const char *path,
                                        unsigned tuple);
