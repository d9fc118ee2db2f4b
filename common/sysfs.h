/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading small files of sysfs and procfs below an injectable root ("" is the real system).
 *
 * What is read is never trusted: the files of a test root are hostile on purpose, and a kernel
 * driver that fills in its own sysfs text is no better.
 */
#pragma once

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Refusals. */
enum {
    SYSFS_E_CONTENT = 1, /* empty, too long, or not what such a file holds */
};

/* Puts a path together. Returns 0 or -ENAMETOOLONG. */
int sysfs_path(char path[static PATH_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Follows all symbolic links in `path` (absolute) as if `root` were the root directory. The result
 * is absolute, without `root`; *path may be the same buffer. Returns 0 or -errno: -ENOENT when the
 * path or what a link points to does not exist.
 */
int sysfs_resolve(const char *root, const char *path, char ret_path[static PATH_MAX]);

/* Does `path` exist, be it a dangling link? Returns 1, 0 or -errno. Its directory is resolved. */
int sysfs_exists(const char *root, const char *path);

/*
 * Reads a whole file of 1 to `size` - 1 bytes; a NUL is put behind it. On failure the buffer holds
 * anything. Returns 0, SYSFS_E_CONTENT or -errno.
 */
int sysfs_read(const char *root, const char *path, char *buffer, size_t size, size_t *ret_length);

/* Returns 0 or -errno; the caller closes *ret_dir. */
int sysfs_open_directory(const char *root, const char *path, DIR **ret_dir);

/* Opens a file for reading, never waiting for a pipe's writer. Returns a descriptor or -errno. */
int sysfs_open(const char *root, const char *path);

/* Is `word` one of the strings in this property of a device tree node? No when it is not there. */
bool sysfs_list_has(const char *root, const char *path, const char *word);

/* Reads a file that holds one "0x..." number and at most a newline. Returns as sysfs_read(). */
int sysfs_read_hex(const char *root, const char *path, uint64_t *ret_value);

/* 1 to 16 hex digits at *text, which is moved behind them. Returns 0 or SYSFS_E_CONTENT. */
int sysfs_parse_hex(const char **text, uint64_t *ret_value);
