/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"

#define STORE_SUFFIX ".json"
#define STORE_TEMPORARY ".tmp" /* of a name that begins with a dot, which no segment's does */
/* Longest file that is read; a segment with as many attachments as Xen has domids fits. */
#define STORE_FILE_MAX (16 * 1024 * 1024)

/* A file that could not be understood. */
struct bad_file {
    STAILQ_ENTRY(bad_file) link; /* in store.bad */
    char name[NAME_MAX + 1];
};

struct store {
    int dir;
    STAILQ_HEAD(, bad_file) bad;
    store_fault_fn fault;
    void *fault_context;
};

static int make_folder(int parent, const char *path, mode_t mode)
{
    return mkdirat(parent, path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int store_open(const char *state_dir, struct store **ret_store)
{
    _cleanup_(cleanup_close) int parent = -1, dir = -1;
    struct store *store;
    int r;

    r = make_folder(AT_FDCWD, state_dir, 0755);
    if (r < 0)
        return r;
    parent = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return -errno;
    r = make_folder(parent, "segments", 0700);
    if (r < 0)
        return r;
    dir = openat(parent, "segments", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    /* Two daemons with one store would give pages away twice. */
    if (flock(dir, LOCK_EX | LOCK_NB) < 0)
        return -EBUSY;
    store = calloc(1, sizeof(*store));
    if (!store)
        return -ENOMEM;
    STAILQ_INIT(&store->bad);
    store->dir = steal_fd(&dir);
    *ret_store = store;
    return 0;
}

struct store *store_close(struct store *store)
{
    struct bad_file *bad;

    if (!store)
        return NULL;
    while ((bad = STAILQ_FIRST(&store->bad))) {
        STAILQ_REMOVE_HEAD(&store->bad, link);
        free(bad);
    }
    close(store->dir);
    free(store);
    return NULL;
}

void store_set_fault(struct store *store, store_fault_fn fault, void *context)
{
    store->fault = fault;
    store->fault_context = context;
}

static int planted_fault(const struct store *store, const char *operation)
{
    return store->fault ? store->fault(store->fault_context, operation) : 0;
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

int store_write(struct store *store, const struct segment *segment, const struct attachment *except)
{
    _cleanup_(cleanup_free) char *text = NULL;
    char name[PARAMS_NAME_MAX + 16], temporary[PARAMS_NAME_MAX + 16];
    int r;

    r = planted_fault(store, "store_write");
    if (r < 0)
        return r;
    text = store_text(segment, except);
    if (!text)
        return -ENOMEM;
    snprintf(name, sizeof(name), "%s" STORE_SUFFIX, segment->name);
    snprintf(temporary, sizeof(temporary), ".%s" STORE_TEMPORARY, segment->name);
    return replace_file(store->dir, temporary, name, text);
}

int store_remove(struct store *store, const char *name)
{
    char file[PARAMS_NAME_MAX + 16];
    int r;

    r = planted_fault(store, "store_remove");
    if (r < 0)
        return r;
    snprintf(file, sizeof(file), "%s" STORE_SUFFIX, name);
    return unlinkat(store->dir, file, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int read_file(int dir, const char *name, char **ret_text, size_t *ret_length)
{
    _cleanup_(cleanup_close) int fd = -1;
    _cleanup_(cleanup_free) char *text = NULL;
    struct stat st;
    ssize_t n;

    fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
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

static int count_bad(struct store *store, const char *file, const char *why)
{
    struct bad_file *bad = calloc(1, sizeof(*bad));

    log_error("store file segments/%s: %s; nothing is attached until it is removed", file, why);
    if (!bad)
        return -ENOMEM;
    snprintf(bad->name, sizeof(bad->name), "%s", file);
    STAILQ_INSERT_TAIL(&store->bad, bad, link);
    return 0;
}

/* A segment's file has its name. */
static bool name_matches(const char *file, const char *segment)
{
    size_t length = strlen(segment);

    return strncmp(file, segment, length) == 0 && strcmp(file + length, STORE_SUFFIX) == 0;
}

static bool is_temporary(const char *file)
{
    size_t length = strlen(file), suffix = strlen(STORE_TEMPORARY);

    return file[0] == '.' && length > suffix &&
           strcmp(file + length - suffix, STORE_TEMPORARY) == 0;
}

/* Returns 0, whatever the file is like, or -ENOMEM. */
static int load_file(struct store *store, const char *file,
                     int (*each)(void *, const struct store_segment *, const char *), void *context)
{
    _cleanup_(cleanup_free) char *text = NULL;
    struct store_segment segment = { 0 };
    const char *why = "it cannot be read";
    size_t length = 0;
    int r = 0;

    if (read_file(store->dir, file, &text, &length) < 0 ||
        store_parse(text, length, &segment, &why) < 0)
        r = count_bad(store, file, why);
    else if (!name_matches(file, segment.name))
        r = count_bad(store, file, "it describes a segment of another name");
    else if (each(context, &segment, file) != 0)
        r = count_bad(store, file, "what it says cannot be");
    store_segment_clear(&segment);
    return r;
}

/* Every entry of the folder but "." and "..". Returns 0 or -errno. */
static int load_files(struct store *store, DIR *dir,
                      int (*each)(void *, const struct store_segment *, const char *),
                      void *context)
{
    struct dirent *entry;
    int r = 0;

    while (r == 0 && (errno = 0, entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (is_temporary(entry->d_name))
            unlinkat(store->dir, entry->d_name, 0);
        else
            r = load_file(store, entry->d_name, each, context);
    }
    return r ? r : -errno;
}

int store_load(struct store *store,
               int (*each)(void *context, const struct store_segment *segment, const char *file),
               void *context)
{
    DIR *dir;
    int fd, r;

    fd = fcntl(store->dir, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    dir = fdopendir(fd);
    if (!dir) {
        r = -errno;
        close(fd);
        return r;
    }
    rewinddir(dir);
    r = load_files(store, dir, each, context);
    closedir(dir);
    return r;
}

size_t store_bad_count(struct store *store)
{
    struct bad_file *bad, *next;
    size_t count = 0;

    for (bad = STAILQ_FIRST(&store->bad); bad; bad = next) {
        next = STAILQ_NEXT(bad, link);
        if (faccessat(store->dir, bad->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT) {
            count++;
            continue;
        }
        log_info("store file segments/%s: it has been removed", bad->name);
        STAILQ_REMOVE(&store->bad, bad, bad_file, link);
        free(bad);
    }
    return count;
}

const char *store_bad_file(struct store *store)
{
    return store_bad_count(store) > 0 ? STAILQ_FIRST(&store->bad)->name : NULL;
}
