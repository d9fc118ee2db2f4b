/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens, told to whoever subscribed: each event is numbered, made into one line of text and
 * kept once, however many listen, until the last of them has taken it. A subscriber takes lines
 * when it has room for them. One that falls behind by more than events.backlog_max bytes is cut
 * off: so the memory is bounded whoever listens, or does not read. Knows nothing of connections.
 * One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <jansson.h>

#include "xenshm.h"

/* Every type: X(wire name, what has happened). At most 31. */
#define EVENTS_TYPES(X)                                                                            \
    X("segment.allocated", "a new segment has its pages")                                          \
    X("segment.freed", "the pages of a segment are free again")                                    \
    X("segment.clash", "pages of a segment are held by somebody else, too")                        \
    X("segment.clash-ended", "nobody else holds pages of the segment any more")                    \
    X("segment.progress", "a long operation on a segment goes on")                                 \
    X("attachment.attached", "a segment is attached to a guest")                                   \
    X("attachment.detached", "a segment was taken away from a guest")                              \
    X("attachment.waiting", "an attachment waits for its guest to come back")                      \
    X("attachment.restored", "an attachment is there again, in a guest that came back")            \
    X("attachment.lost", "an attachment could not be given back to a guest that came back")        \
    X("attachment.quarantined", "taking an attachment back failed, its pages are held")            \
    X("guest.created", "xenshmd has created a guest")                                              \
    X("guest.restarted", "a guest that xenshmd created was made anew, after its shutdown")         \
    X("guest.ended", "a guest that xenshmd created is no more looked after")                       \
    X("guest.failed", "a guest that xenshmd created could not be made anew")                       \
    X("order.failed", "a standing order could not be carried out")                                 \
    X("config.reloaded", "the configuration was read again")

#define EVENTS_ONE(name, text) +1
enum { EVENTS_TYPE_COUNT = 0 EVENTS_TYPES(EVENTS_ONE) };
#undef EVENTS_ONE

/* What follows the last event for a subscriber that is cut off; no type to subscribe to. */
#define EVENTS_OVERFLOW "overflow"

/*
 * Bytes of lines that a subscriber may be behind, by default; the newest line is kept in any case.
 * All share these lines, so this is what the daemon keeps for all of them together: some 5,000
 * events, which is seconds at full speed.
 */
#define EVENTS_BACKLOG (2 * 1024 * 1024)

/* A set of types, a bit each in the order of the table. */
typedef uint32_t events_set;
#define EVENTS_ALL UINT32_MAX

struct events_line;

/* Of a listener; zeroed before its first use. What is set by the listener stays its own. */
struct subscriber {
    TAILQ_ENTRY(subscriber) link;
    /*
     * Set by the listener: events_next() has a line again, or `missed` is set. It may take lines
     * and unsubscribe itself (not others), but not emit.
     */
    void (*deliver)(struct subscriber *subscriber);
    void *context; /* the listener's own */
    /* For the listener to read only. */
    struct events *events; /* NULL: not subscribed */
    events_set types;
    struct events_line *next; /* the first line that it has not taken; NULL: none waits */
    uint64_t missed;          /* number of the first event that it lost: it is cut off; 0: none */
};

TAILQ_HEAD(subscriber_list, subscriber);
TAILQ_HEAD(events_line_list, events_line);

/* Zeroed ones count, but cannot be subscribed to. */
struct events {
    struct subscriber_list subscribers;
    struct events_line_list lines;       /* that somebody has not taken yet, oldest first; owned */
    size_t backlog;                      /* bytes in them */
    size_t backlog_max;                  /* EVENTS_BACKLOG, or what the owner sets */
    uint64_t seq;                        /* number of the last event; 0: none so far */
    uint64_t emitted[EVENTS_TYPE_COUNT]; /* how many there were, by type */
};

/* Nothing is to be freed when the last subscriber is gone. */
void events_init(struct events *events);

/* The set of that one type; 0: there is no such type. */
events_set events_type(const char *name);

/* The wire name of one; `index` counts from 0 to EVENTS_TYPE_COUNT. */
const char *events_type_name(size_t index);

/* Somebody listens: it is worth describing what happens. */
bool events_wanted(const struct events *events);

/*
 * An event of this type (one of EVENTS_TYPES) has happened to `object`, which is stolen; NULL, for
 * want of memory or of listeners, is sent as null. It is counted in any case, and told to those who
 * listen. Without memory for its line they are cut off rather than left with a gap.
 */
void events_emit(struct events *events, const char *type, json_t *object);

/*
 * From now on the subscriber, whose `deliver` is set, gets the events of these types. An earlier
 * subscription of it ends, with what has not been taken.
 */
void events_subscribe(struct events *events, struct subscriber *subscriber, events_set types);
/* Does nothing if it is not subscribed. */
void events_unsubscribe(struct subscriber *subscriber);

/*
 * The line that is to be taken next, with its newline and without a NUL; NULL: none waits. Valid
 * until events_take() or events_unsubscribe() of this subscriber, or the next event.
 */
const char *events_next(const struct subscriber *subscriber, size_t *ret_length);
/* Done with that line: on to the next. */
void events_take(struct subscriber *subscriber);

/*
 * The last line for a subscriber that is cut off, telling the first event that it missed. The
 * caller frees it; NULL without memory.
 */
char *events_overflow_line(const struct subscriber *subscriber, size_t *ret_length);
