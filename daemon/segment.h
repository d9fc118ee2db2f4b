/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Segments and their attachments: what is shared, and with whom.
 *
 * A segment is a named run of pages of one pool, an attachment one segment in one guest at one
 * guest address. Pure bookkeeping: no I/O, no logging, no globals; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "hypervisor.h"
#include "owner.h"
#include "params.h"
#include "pool.h"
#include "range.h"
#include "tree.h"

struct guest;
struct opening;
struct operation;

/* One pool with its window into this process. */
struct state_pool {
    char name[64];
    char device[64];
    struct mfn_range frames;
    struct pool *pool;      /* owned */
    volatile void *address; /* the whole pool, mapped; Device memory: see scrub.h */
    int fd;                 /* of what is mapped; not owned */
    uint64_t map_offset;    /* where in it the pool begins, for mmap() */
    gfn_t place;            /* guest address of its first page by default; 0: none */
};

/* A domain as it can be told from every other: domids are reused, UUIDs survive a reboot. */
struct domain_identity {
    uint32_t domid;
    uint8_t uuid[DOMAIN_UUID_SIZE];
};

bool domain_identity_equal(const struct domain_identity *a, const struct domain_identity *b);

enum attachment_state {
    ATTACHMENT_ATTACHING, /* in the store, not confirmed in the guest */
    ATTACHMENT_ATTACHED,
    ATTACHMENT_WAITING, /* its guest is rebooting: it is not in the guest that comes, or not whole
                         */
    ATTACHMENT_DETACHING,
    ATTACHMENT_QUARANTINED, /* taking it away failed: the guest may still have the pages */
};
#define ATTACHMENT_STATES (ATTACHMENT_QUARANTINED + 1)

struct attachment {
    struct segment *segment;
    struct guest *guest; /* alive or not */
    struct domain_identity identity;
    char guest_name[DOMAIN_NAME_MAX]; /* as it was when attached */
    gfn_t first;
    enum attachment_state state;
    struct operation *busy;               /* the operation that changes it now; else NULL */
    TAILQ_ENTRY(attachment) segment_link; /* in segment.attachments */
    TAILQ_ENTRY(attachment) guest_link;   /* in guest.attachments while guest is set */
};

TAILQ_HEAD(attachment_list, attachment);
TAILQ_HEAD(opening_list, opening);

/* What is being done to a segment's pages, a slice at a time. */
struct segment_progress {
    const char *step; /* "wiping", "mapping", "unmapping"; NULL: nothing */
    uint64_t pages;   /* done */
    uint64_t told_at; /* the last event; clock_milliseconds() */
};

struct segment {
    char name[PARAMS_NAME_MAX + 1];
    struct state_pool *pool;
    struct pool_run *run; /* owned by pool->pool, with this segment as its owner */
    bool kept;            /* lives until it is freed, not only while attached */
    uint64_t epoch;
    uint32_t owner_uid; /* segment_set_owner() */
    bool owned;         /* counted in segments.owners */
    bool clash;         /* a guest has some of its pages by its own iomem: see holders.h */
    struct segment_progress progress;
    struct attachment_list attachments;
    size_t attachment_count;
    struct opening_list openings; /* owns them: see opening.h */
    size_t opening_count;
    RB_ENTRY(segment) link; /* in segments.tree */
};

RB_HEAD(segment_tree, segment);

struct segments {
    struct segment_tree tree; /* owns the segments; by name */
    size_t count;
    size_t attachment_count;
    size_t opening_count;
    struct opening_list left; /* of the openings, those whose connection has ended */
    uint64_t last_epoch;
    struct owner_tree owners; /* of the segments, by user */
};

void segments_init(struct segments *segments);
/* Frees every segment, attachment and opening; their runs stay with their pools. */
void segments_clear(struct segments *segments);

struct segment *segment_find(struct segments *segments, const char *name);
struct segment *segment_first(struct segments *segments);
struct segment *segment_next(struct segment *segment);
/* The first whose name comes after this one, which need not be there; or NULL. */
struct segment *segment_after(struct segments *segments, const char *name);

/*
 * A new segment without pages. `name` is valid and not in use. The epoch is later than that of
 * every segment before it in this boot of the host. Returns 0 or -ENOMEM; owned by `segments`.
 */
int segment_new(struct segments *segments, const char *name, struct segment **ret_segment);
/* Removes and frees a segment without attachments and openings; its run goes back to the pool. */
void segment_remove(struct segments *segments, struct segment *segment);

/*
 * Whose it is, and counted for: once for each segment, after it has got its pages. Returns 0 or
 * -ENOMEM.
 */
int segment_set_owner(struct segments *segments, struct segment *segment, uint32_t uid);

/* The lowest free `<guest>-<n>`, characters that a name must not have replaced by '_'. */
void segment_default_name(struct segments *segments, const char *guest,
                          char ret_name[static PARAMS_NAME_MAX + 1]);

struct mfn_range segment_frames(const struct segment *segment);
/*
 * True when nothing keeps it any more but `attachment` (may be NULL): it is not kept, no other
 * guest has it, and no program has it open.
 */
bool segment_unused_but(const struct segment *segment, const struct attachment *attachment);
/* True when it only still exists because taking it away from its last guests failed. */
bool segment_quarantined(const struct segment *segment);
/* True when it only still exists because its guests may come back from a reboot. */
bool segment_waiting(const struct segment *segment);
/* Shows quarantine in the pool: after a change of its attachments' states. */
void segment_mark_run(struct segment *segment);

/* A new attachment, in state ATTACHING, of no guest yet. Owned by the segment. */
int attachment_new(struct segments *segments, struct segment *segment,
                   const struct domain_identity *identity, struct attachment **ret_attachment);
void attachment_remove(struct segments *segments, struct attachment *attachment);
/* Puts the attachment into the guest's list, by guest address, or takes it out (NULL). */
void attachment_set_guest(struct attachment *attachment, struct guest *guest);
struct gfn_range attachment_frames(const struct attachment *attachment);
struct attachment *segment_attachment(struct segment *segment, const struct guest *guest);
/* The same by UUID, under whatever domid: an attachment that waits has the one of before. */
struct attachment *segment_attachment_of(struct segment *segment,
                                         const uint8_t uuid[static DOMAIN_UUID_SIZE]);

/* "attached" and so on, as in the protocol and in the store. */
const char *attachment_state_name(enum attachment_state state);
/* Returns 0 or -EINVAL. */
int attachment_state_parse(const char *name, enum attachment_state *ret_state);
