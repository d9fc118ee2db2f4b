/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading small files below an injectable root; see sysfs.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "hex.h"
#include "sysfs.h"

/* As the kernel's own limit. */
#define LINKS_MAX 40

int sysfs_path(char path[static PATH_MAX], const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(path, PATH_MAX, format, args);
    va_end(args);
    return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Cuts the last component off a path that is made of "/name" only. */
static void drop_component(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash)
        *slash = '\0';
}

/* A walk along a path: `done` is resolved, the rest of `todo` from `at` on is still to go. */
struct walk {
    const char *root;
    char done[PATH_MAX], todo[PATH_MAX];
    size_t at;
    int links;
};

/* Goes where a link leads that stands at the end of `done`. */
static int walk_link(struct walk *w, const char *target)
{
    char rest[PATH_MAX];

    if (++w->links > LINKS_MAX)
        return -ELOOP;
    strcpy(rest, w->todo + w->at);
    w->at = 0;
    if (target[0] == '/')
        w->done[0] = '\0';
    else
        drop_component(w->done);
    return sysfs_path(w->todo, "%s/%s", target, rest);
}

/* Takes the next name, of `length` characters, from what is still to go. */
static int walk_name(struct walk *w, size_t length)
{
    char next[PATH_MAX], full[PATH_MAX], target[PATH_MAX];
    ssize_t n;
    int r;

    r = sysfs_path(next, "%s/%.*s", w->done, (int)length, w->todo + w->at);
    if (r == 0)
        r = sysfs_path(full, "%s%s", w->root, next);
    if (r)
        return r;
    strcpy(w->done, next);
    w->at += length;
    n = readlink(full, target, sizeof(target));
    if (n < 0)
        return errno == EINVAL ? 0 : -errno; /* EINVAL: it is there and no link */
    if (n >= PATH_MAX)
        return -ENAMETOOLONG;
    target[n] = '\0';
    return walk_link(w, target);
}

int sysfs_resolve(const char *root, const char *path, char ret_path[static PATH_MAX])
{
    struct walk w = { .root = root };
    int r;

    r = sysfs_path(w.todo, "%s", path);
    while (r == 0) {
        size_t length;

        w.at += strspn(w.todo + w.at, "/");
        length = strcspn(w.todo + w.at, "/");
        if (length == 0)
            break;
        if (length == 2 && memcmp(w.todo + w.at, "..", 2) == 0) {
            drop_component(w.done);
            w.at += length;
        } else if (length == 1 && w.todo[w.at] == '.') {
            w.at += length;
        } else {
            r = walk_name(&w, length);
        }
    }
    if (r == 0)
        strcpy(ret_path, w.done);
    return r;
}

int sysfs_exists(const char *root, const char *path)
{
    char directory[PATH_MAX], full[PATH_MAX];
    const char *name = strrchr(path, '/');
    struct stat st;
    int r;

    if (!name)
        return -EINVAL;
    r = sysfs_path(directory, "%.*s", (int)(name - path), path);
    if (r == 0)
        r = sysfs_resolve(root, directory, directory);
    if (r == 0)
        r = sysfs_path(full, "%s%s%s", root, directory, name);
    if (r)
        return r == -ENOENT ? 0 : r;
    if (lstat(full, &st) == 0)
        return 1;
    return errno == ENOENT ? 0 : -errno;
}

int sysfs_open_directory(const char *root, const char *path, DIR **ret_dir)
{
    char full[PATH_MAX];
    DIR *dir;
    int r;

    r = sysfs_path(full, "%s%s", root, path);
    if (r)
        return r;
    dir = opendir(full);
    if (!dir)
        return -errno;
    *ret_dir = dir;
    return 0;
}

int sysfs_open(const char *root, const char *path)
{
    char full[PATH_MAX];
    int fd, r;

    r = sysfs_path(full, "%s%s", root, path);
    if (r)
        return r;
    /* Not blocking: where a pipe stands in for a file there is nothing to wait for. */
    fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int sysfs_read(const char *root, const char *path, char *buffer, size_t size, size_t *ret_length)
{
    _cleanup_(cleanup_close) int fd = sysfs_open(root, path);
    size_t length = 0;

    if (fd < 0)
        return fd;
    while (length < size) {
        ssize_t n = read(fd, buffer + length, size - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += n;
    }
    if (length == 0 || length == size)
        return SYSFS_E_CONTENT;
    buffer[length] = '\0';
    *ret_length = length;
    return 0;
}

bool sysfs_list_has(const char *root, const char *path, const char *word)
{
    char list[4096];
    size_t length;

    if (sysfs_read(root, path, list, sizeof(list), &length) != 0)
        return false;
    for (const char *p = list; p < list + length; p += strlen(p) + 1)
        if (strcmp(p, word) == 0)
            return true;
    return false;
}

int sysfs_parse_hex(const char **text, uint64_t *ret_value)
{
    const char *p = *text;
    uint64_t value = 0;

    while (hex_digit(*p) >= 0) {
        if (p - *text == 16)
            return SYSFS_E_CONTENT;
        value = value << 4 | (unsigned)hex_digit(*p++);
    }
    if (p == *text)
        return SYSFS_E_CONTENT;
    *text = p;
    *ret_value = value;
    return 0;
}

int sysfs_read_hex(const char *root, const char *path, uint64_t *ret_value)
{
    char text[32];
    const char *p = text + 2;
    uint64_t value;
    size_t length = 0;
    int r;

    r = sysfs_read(root, path, text, sizeof(text), &length);
    if (r)
        return r;
    if (text[0] != '0' || text[1] != 'x' || sysfs_parse_hex(&p, &value) != 0)
        return SYSFS_E_CONTENT;
    if (*p == '\n')
        p++;
    if (p != text + length)
        return SYSFS_E_CONTENT;
    *ret_value = value;
    return 0;
}
