/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of operation_create share. A function that returns int returns 0, or the code of a
 * refusal, which it has set in the operation's error. One thread.
 */
#pragma once

#include <assert.h>

#include "building.h"
#include "message.h"
#include "operation_create.h"
#include "state.h"
#include "suboperation.h"

enum create_phase {
    CREATE_START,
    CREATE_FACTS,
    CREATE_RESERVE,
    CREATE_RESERVED,
    CREATE_SETTLE,
    CREATE_BUILT,
    CREATE_BRING_UP,
    CREATE_RUNS,
    CREATE_UNDO,
    CREATE_UNDONE,
};

struct create {
    struct operation operation; /* first member */
    enum create_phase phase;
    bool restart;
    uint8_t uuid[DOMAIN_UUID_SIZE]; /* once the facts are known */
    bool busy;                      /* the guest is this operation's */
    json_t *config;
    struct create_share *shares;
    size_t share_count, next_share;
    bool paused;
    uint32_t uid;
    uint64_t segments; /* that it was given to be built with */
    json_t *names;     /* of the segments reserved, in the order asked for */
    json_t *warnings;
    struct building building;
    struct suboperation *sub;
};

/* Its record; NULL as long as it has none, or when it is no more this operation's. */
static inline struct created *create_find(const struct create *create)
{
    return create->busy ? created_find(&create->operation.state->created, create->uuid) : NULL;
}

/* The same for the steps that come once it has one. */
static inline struct created *create_record(const struct create *create)
{
    struct created *created = create_find(create);

    assert(created);
    return created;
}

static inline struct error *create_error(struct create *create)
{
    return &create->operation.error;
}

static inline int create_no_memory(struct create *create)
{
    return error_set(create_error(create), MESSAGE_INTERNAL_ERROR, "out of memory");
}

/* operation_create_adopt.c */
int create_persist(struct create *create, const struct created *created);
/* Takes the facts that the builder has found, as a new guest or as that which was there before. */
int create_adopt(struct create *create);

/* operation_create_segments.c */
/* Begins with the next share, as an operation of its own; that has ended. */
int create_reserve(struct create *create);
int create_reserved(struct create *create);
typedef int (*create_each_fn)(struct create *create, struct attachment *attachment, void *context);
/* Its attachments that are not on their way out. Ends with what `each` returns other than 0. */
int create_each_attachment(struct create *create, create_each_fn each, void *context);
/* Another operation has one of them in hand. */
bool create_segments_busy(struct create *create);
/* All of them wait for the guest from here on. */
int create_segments_wait(struct create *create);

/* operation_create_build.c */
/* Tells the builder to build it. */
int create_build(struct create *create);
/* It is there, whole and paused: from here on it is looked at. */
int create_built(struct create *create);
/* Begins to bring its segments up; afterwards: did all of them get into it? */
int create_bring_up(struct create *create);
int create_check_brought_up(struct create *create);

/* operation_create_end.c */
/* It runs: what fails from here on is only tried again. */
enum operation_turn create_finish(struct create *create);
/* The error is set. A new guest is undone; one that is built anew is tried again later. */
enum operation_turn create_failed(struct create *create);
/* Everything back: the domain, then the segments, then the guest itself. */
enum operation_turn create_undo(struct create *create);
enum operation_turn create_undone(struct create *create);
