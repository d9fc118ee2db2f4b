/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store: one small JSON file a segment, so that a restarted daemon knows what it gave away.
 *
 * A file is written under a temporary name and renamed: it is there whole or not at all. No fsync:
 * the folder is in /run, and neither segments nor guests outlive a boot of the host. Files that
 * cannot be understood are never deleted. One thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "process.h"
#include "range.h"
#include "segment.h"

struct store;

/* One attachment and one segment as a file tells them; all text is owned. */
struct store_attachment {
    struct domain_identity identity;
    char guest_name[DOMAIN_NAME_MAX];
    gfn_t first;
    enum attachment_state state;
};

/* One process that has the segment open, or had when the file was written. */
struct store_opening {
    struct process process;
    uint32_t uid;
};

struct store_segment {
    char name[PARAMS_NAME_MAX + 1];
    char pool[64];
    struct mfn_range frames;
    bool kept;
    uint64_t epoch;
    uint32_t owner_uid;
    struct store_attachment *attachments; /* owned: store_segment_clear() */
    size_t attachment_count;
    struct store_opening *openings; /* owned, too */
    size_t opening_count;
};

/*
 * Opens the folders `segments` and `guests` in `state_dir` (made if missing, mode 0755 and 0700).
 * Returns 0 or -errno; -EBUSY: another process has it open. The caller owns *ret_store:
 * store_close().
 */
int store_open(const char *state_dir, struct store **ret_store);
struct store *store_close(struct store *store); /* NULL is allowed; returns NULL */

/*
 * Writes the segment's file, leaving out the attachment `except` (may be NULL).
 * Returns 0 or -errno; then the file is as it was.
 */
int store_write(struct store *store, const struct segment *segment,
                const struct attachment *except);
/* Removes the segment's file; a missing one is no error. Returns 0 or -errno. */
int store_remove(struct store *store, const char *name);

/*
 * Reads every file. `each` gets each segment, and the file's name for messages; what it returns
 * other than 0 counts the file as bad. Files that are truncated, of a later version, duplicated or
 * not ours are logged and counted. Leftover temporary files are removed.
 * Returns 0 or -errno.
 */
int store_load(struct store *store,
               int (*each)(void *context, const struct store_segment *segment, const char *file),
               void *context);
/*
 * How many files that could not be understood are still there, and one of them (NULL: none). What
 * they describe is unknown, so nothing may be given out while there is one.
 */
size_t store_bad_count(struct store *store);
const char *store_bad_file(struct store *store);

void store_segment_clear(struct store_segment *segment);
/*
 * One file's content: what segment.show tells, and who has it open, without the attachment `except`
 * (may be NULL). The caller frees it; NULL without memory.
 */
char *store_text(const struct segment *segment, const struct attachment *except);
/* Parses one file's content. Returns 0, or -EINVAL with the reason as static text. */
int store_parse(const char *text, size_t length, struct store_segment *ret_segment,
                const char **ret_why);

/*
 * For tests: called before "store_write" and "store_remove"; what it returns other than 0 is the
 * result of that call. Set by the simulator only.
 */
typedef int (*store_fault_fn)(void *context, const char *operation);
void store_set_fault(struct store *store, store_fault_fn fault, void *context);

/* For store_created.c: the planted fault of a call, or 0; the folder `guests`; its parent's path.
 */
int store_fault(const struct store *store, const char *operation);
int store_guests_folder(const struct store *store);
const char *store_folder(const struct store *store);
