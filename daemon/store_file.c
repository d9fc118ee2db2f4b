/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define STORE_TEMPORARY ".tmp" /* of a name that begins with a dot, which no other does */
/* Longest file that is read; a segment with as many attachments as Xen has domids fits. */
#define STORE_FILE_MAX (16 * 1024 * 1024)

static int make_folder(int parent, const char *path, mode_t mode)
{
    return mkdirat(parent, path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int store_file_open_folder(const char *state_dir, const char *folder)
{
    _cleanup_(cleanup_close) int parent = -1;
    int dir, r;

    r = make_folder(AT_FDCWD, state_dir, 0755);
    if (r < 0)
        return r;
    parent = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return -errno;
    r = make_folder(parent, folder, 0700);
    if (r < 0)
        return r;
    dir = openat(parent, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return dir < 0 ? -errno : dir;
}

static int write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, text, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text += n;
        length -= (size_t)n;
    }
    return 0;
}

/* Writes `temporary` and renames it to `name`; on failure nothing is left behind. */
static int replace_file(int dir, const char *temporary, const char *name, const char *text)
{
    int fd, r;

    fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = write_all(fd, text, strlen(text));
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && renameat(dir, temporary, dir, name) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(dir, temporary, 0);
    return r;
}

int store_file_write(int dir, const char *name, const char *text)
{
    char entry[NAME_MAX + 1], temporary[NAME_MAX + 1];

    snprintf(entry, sizeof(entry), "%s" STORE_SUFFIX, name);
    snprintf(temporary, sizeof(temporary), ".%s" STORE_TEMPORARY, name);
    return replace_file(dir, temporary, entry, text);
}

int store_file_remove_entry(int dir, const char *entry)
{
    return unlinkat(dir, entry, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int store_file_remove(int dir, const char *name)
{
    char entry[NAME_MAX + 1];

    snprintf(entry, sizeof(entry), "%s" STORE_SUFFIX, name);
    return store_file_remove_entry(dir, entry);
}

int store_file_read(int dir, const char *entry, char **ret_text, size_t *ret_length)
{
    _cleanup_(cleanup_close) int fd = -1;
    _cleanup_(cleanup_free) char *text = NULL;
    struct stat st;
    ssize_t n;

    fd = openat(dir, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > STORE_FILE_MAX)
        return -EINVAL;
    text = malloc((size_t)st.st_size + 1);
    if (!text)
        return -ENOMEM;
    n = read(fd, text, (size_t)st.st_size);
    if (n < 0)
        return -errno;
    *ret_length = (size_t)n;
    *ret_text = steal_pointer(&text);
    return 0;
}

static bool is_temporary(const char *entry)
{
    size_t length = strlen(entry), suffix = strlen(STORE_TEMPORARY);

    return entry[0] == '.' && length > suffix &&
           strcmp(entry + length - suffix, STORE_TEMPORARY) == 0;
}

static int each_of(DIR *dir, int (*each)(void *context, const char *entry), void *context)
{
    struct dirent *entry;
    int r = 0;

    while (r == 0 && (errno = 0, entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (is_temporary(entry->d_name))
            unlinkat(dirfd(dir), entry->d_name, 0);
        else
            r = each(context, entry->d_name);
    }
    return r ? r : -errno;
}

int store_file_each(int dir, int (*each)(void *context, const char *entry), void *context)
{
    DIR *stream;
    int fd, r;

    fd = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    stream = fdopendir(fd);
    if (!stream) {
        r = -errno;
        close(fd);
        return r;
    }
    rewinddir(stream);
    r = each_of(stream, each, context);
    closedir(stream);
    return r;
}
