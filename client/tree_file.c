/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "print.h"

static enum exit_status complain_file(const struct invocation *invocation, const char *what,
                                      const char *path)
{
    complain(invocation, "cannot %s '%s': %s", what, path, strerror(errno));
    return STATUS_REFUSED;
}

/* One byte more than a tree may have shows that there is more. */
enum exit_status tree_file_read(const struct invocation *invocation, const char *path,
                                struct devtree_blob *ret)
{
    _cleanup_(cleanup_fclose) FILE *file = fopen(path, "rbe");
    _cleanup_(cleanup_free) char *data = NULL;
    size_t size;

    if (!file)
        return complain_file(invocation, "read", path);
    data = malloc(DEVTREE_SIZE_MAX + 1);
    if (!data)
        return complain_memory(invocation);
    size = fread(data, 1, DEVTREE_SIZE_MAX + 1, file);
    if (ferror(file))
        return complain_file(invocation, "read", path);
    *ret = (struct devtree_blob){ steal_pointer(&data), size };
    return STATUS_DONE;
}

/* ---- writing */

static mode_t new_file_mode(void)
{
    mode_t mask = umask(0);

    umask(mask);
    return 0666 & ~mask;
}

static int write_all(int fd, const struct devtree_blob *blob)
{
    size_t done = 0;
    ssize_t n;

    while (done < blob->size) {
        n = write(fd, (const char *)blob->data + done, blob->size - done);
        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd);
}

/* `target` is no link. Returns 0 or -1 with errno set. */
static int replace(const char *target, mode_t mode, const struct devtree_blob *blob)
{
    _cleanup_(cleanup_free) char *temporary = NULL;
    _cleanup_(cleanup_close) int fd = -1;
    int saved;

    if (asprintf(&temporary, "%s.XXXXXX", target) < 0) {
        temporary = NULL;
        return -1;
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fchmod(fd, mode) == 0 && write_all(fd, blob) == 0 && rename(temporary, target) == 0)
        return 0;
    saved = errno;
    unlink(temporary);
    errno = saved;
    return -1;
}

enum exit_status tree_file_write(const struct invocation *invocation, const char *path,
                                 const struct devtree_blob *blob)
{
    _cleanup_(cleanup_free) char *target = NULL;
    struct stat info;
    bool exists = stat(path, &info) == 0;

    if (exists && !S_ISREG(info.st_mode)) {
        complain(invocation, "cannot write '%s': it is not a regular file", path);
        return STATUS_REFUSED;
    }
    target = exists ? realpath(path, NULL) : strdup(path);
    if (!target || replace(target, exists ? info.st_mode & 07777 : new_file_mode(), blob) != 0)
        return complain_file(invocation, "write", path);
    return STATUS_DONE;
}

/* ---- words */

enum exit_status tree_file_refuse(const struct invocation *invocation, const char *path, int r,
                                  const struct error *error)
{
    if (r < 0)
        return complain_memory(invocation);
    complain(invocation, "%s%s%s (%s)", path ? path : "", path ? ": " : "", error->message,
             error_name(error->code));
    if (*error->hint && isatty(STDERR_FILENO))
        fprintf(stderr, "  hint: %s\n", error->hint);
    return STATUS_REFUSED;
}

enum exit_status tree_file_print_source(const struct invocation *invocation,
                                        const struct devtree_blob *blob, const char *path,
                                        unsigned tuple)
{
    struct error error = { 0 };
    char *text;
    int r;

    r = devtree_source(blob, path, tuple, &text, &error);
    if (r)
        return tree_file_refuse(invocation, NULL, r, &error);
    fputs(text, stdout);
    free(text);
    return STATUS_DONE;
}
