/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"
#include "store_file.h"

/* A file that could not be understood. */
struct bad_file {
    STAILQ_ENTRY(bad_file) link; /* in store.bad */
    char name[NAME_MAX + 1];
};

struct store {
    char *state_dir; /* absolute */
    int dir;
    int guests;
    STAILQ_HEAD(, bad_file) bad;
    store_fault_fn fault;
    void *fault_context;
};

int store_open(const char *state_dir, struct store **ret_store)
{
    _cleanup_(cleanup_close) int dir = store_file_open_folder(state_dir, "segments");
    _cleanup_(cleanup_close) int guests = -1;
    struct store *store;

    if (dir < 0)
        return dir;
    guests = store_file_open_folder(state_dir, "guests");
    if (guests < 0)
        return guests;
    /* Two daemons with one store would give pages away twice. */
    if (flock(dir, LOCK_EX | LOCK_NB) < 0)
        return -EBUSY;
    store = calloc(1, sizeof(*store));
    if (!store)
        return -ENOMEM;
    STAILQ_INIT(&store->bad);
    store->state_dir = realpath(state_dir, NULL);
    store->dir = steal_fd(&dir);
    store->guests = steal_fd(&guests);
    if (!store->state_dir) {
        store_close(store);
        return -ENOMEM;
    }
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
    close(store->guests);
    free(store->state_dir);
    free(store);
    return NULL;
}

void store_set_fault(struct store *store, store_fault_fn fault, void *context)
{
    store->fault = fault;
    store->fault_context = context;
}

int store_fault(const struct store *store, const char *operation)
{
    return store->fault ? store->fault(store->fault_context, operation) : 0;
}

int store_guests_folder(const struct store *store)
{
    return store->guests;
}

const char *store_folder(const struct store *store)
{
    return store->state_dir;
}

int store_write(struct store *store, const struct segment *segment, const struct attachment *except)
{
    _cleanup_(cleanup_free) char *text = NULL;
    int r;

    r = store_fault(store, "store_write");
    if (r < 0)
        return r;
    text = store_text(segment, except);
    return text ? store_file_write(store->dir, segment->name, text) : -ENOMEM;
}

int store_remove(struct store *store, const char *name)
{
    int r;

    r = store_fault(store, "store_remove");
    return r < 0 ? r : store_file_remove(store->dir, name);
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

/* Returns 0, whatever the file is like, or -ENOMEM. */
static int load_file(struct store *store, const char *file,
                     int (*each)(void *, const struct store_segment *, const char *), void *context)
{
    _cleanup_(cleanup_free) char *text = NULL;
    struct store_segment segment = { 0 };
    const char *why = "it cannot be read";
    size_t length = 0;
    int r = 0;

    if (store_file_read(store->dir, file, &text, &length) < 0 ||
        store_parse(text, length, &segment, &why) < 0)
        r = count_bad(store, file, why);
    else if (!name_matches(file, segment.name))
        r = count_bad(store, file, "it describes a segment of another name");
    else if (each(context, &segment, file) != 0)
        r = count_bad(store, file, "what it says cannot be");
    store_segment_clear(&segment);
    return r;
}

struct loading {
    struct store *store;
    int (*each)(void *context, const struct store_segment *segment, const char *file);
    void *context;
};

static int load_entry(void *context, const char *entry)
{
    struct loading *loading = context;

    return load_file(loading->store, entry, loading->each, loading->context);
}

int store_load(struct store *store,
               int (*each)(void *context, const struct store_segment *segment, const char *file),
               void *context)
{
    struct loading loading = { store, each, context };

    return store_file_each(store->dir, load_entry, &loading);
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
