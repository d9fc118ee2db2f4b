/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder of small files, each there whole or not at all: what the stores are made of.
 *
 * A file is written under a temporary name and renamed. No fsync: the folders are in /run, and
 * nothing in them outlives a boot of the host. One thread.
 */
#pragma once

#include <stddef.h>

#define STORE_SUFFIX ".json"

/*
 * Opens `folder` in `state_dir`; both are made if missing, mode 0755 and 0700. Returns a descriptor
 * of the folder, or -errno.
 */
int store_file_open_folder(const char *state_dir, const char *folder);

/* Writes NAME.json. Returns 0 or -errno; then the file is as it was. */
int store_file_write(int dir, const char *name, const char *text);
/* Removes NAME.json, as store_file_remove_entry(). */
int store_file_remove(int dir, const char *name);
/* Removes an entry; a missing one is no error. Returns 0 or -errno. */
int store_file_remove_entry(int dir, const char *entry);

/* The content of an entry; the caller frees it. -EINVAL: not a regular file, or too large. */
int store_file_read(int dir, const char *entry, char **ret_text, size_t *ret_length);

/*
 * Calls `each` with the name of every entry until one returns other than 0, which is returned.
 * Leftover temporary files are removed. Returns 0 or -errno.
 */
int store_file_each(int dir, int (*each)(void *context, const char *entry), void *context);
