/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guests that xenshmd created, and looks after as `xl`'s monitor does for its own.
 *
 * A created guest is known by its UUID, whatever domain it is at the moment: a reboot gives it
 * another one. Pure bookkeeping; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <jansson.h>

#include "error.h"
#include "hypervisor.h"
#include "range.h"

struct operation;

enum created_state {
    CREATED_BUILDING,   /* for the first time: until it runs there is to be all of it, or nothing */
    CREATED_RUNNING,    /* its domain is whole; nothing is to be done */
    CREATED_RESTARTING, /* what is left of its domain is to be ended, then it is built anew */
    CREATED_ENDING,     /* its domain is to be destroyed, and then it is forgotten */
    CREATED_PRESERVED,  /* it has shut down, and its domain is kept as it is */
};

/* What to do when it shuts down: libxl's actions, by its names. */
enum created_action {
    CREATED_DESTROY,
    CREATED_RESTART,
    CREATED_RENAME_RESTART,
    CREATED_PRESERVE,
    CREATED_COREDUMP_DESTROY,
    CREATED_COREDUMP_RESTART,
    CREATED_SOFT_RESET,
};

#define CREATED_COMPATIBLE_MAX 128
#define CREATED_REASONS 5 /* poweroff, reboot, crash, watchdog, soft_reset */

/* What its configuration says, as a builder has read it. */
struct created_facts {
    char name[DOMAIN_NAME_MAX];
    uint8_t uuid[DOMAIN_UUID_SIZE];
    struct hypervisor_config config; /* without the segments that xenshmd gives it */
    struct gfn_range *taken;         /* by its own device tree; owned */
    size_t taken_count;
    char compatible[CREATED_COMPATIBLE_MAX]; /* "": its kernel was not told one */
    enum created_action actions[CREATED_REASONS];
};

struct created {
    TAILQ_ENTRY(created) link;
    struct created_facts facts;
    enum created_state state;
    uint32_t domid;      /* of its domain while it is whole; 0: none */
    bool rename, core;   /* how its domain is to be ended: see struct end_request */
    json_t *config;      /* libxl's, without what xenshmd adds */
    uint32_t *preserved; /* domains that it was, and that are kept under other names; owned */
    size_t preserved_count;
    struct operation *busy; /* that creates, restarts or ends it */
    bool unwanted;          /* destroyed by somebody while it is being created or restarted */
    bool unsaved;           /* its last change is not in the store yet */
    uint64_t not_before;    /* of the next try; clock_milliseconds() */
    unsigned failures;      /* to build it anew, in a row */
};

TAILQ_HEAD(created_list, created);

/*
 * A new entry in state BUILDING; takes over `facts` (left empty) and a reference to `config`.
 * Returns 0 or -ENOMEM.
 */
int created_add(struct created_list *list, struct created_facts *facts, json_t *config,
                struct created **ret_created);
void created_remove(struct created_list *list, struct created *created);
void created_list_clear(struct created_list *list);

struct created *created_find(const struct created_list *list,
                             const uint8_t uuid[static DOMAIN_UUID_SIZE]);
struct created *created_find_name(const struct created_list *list, const char *name);

/* Is it in the hands of a builder, or will be soon? Then nothing else may be done to it. */
bool created_unsettled(const struct created *created);

/* Did it leave this domain behind, under another name? */
bool created_has_preserved(const struct created *created, uint32_t domid);
int created_add_preserved(struct created *created, uint32_t domid);
void created_drop_preserved(struct created *created, uint32_t domid);

/*
 * Its configuration as it was when its domain ended (devices may have come and gone) becomes the
 * one that it is built by; what xenshmd adds is left out.
 */
void created_update_config(struct created *created, json_t *current);

/* The action for that reason. An unknown reason destroys, as in xl. */
enum created_action created_action(const struct created *created, enum domain_shutdown reason);

/* What a builder does to an unsettled one: "created", "restarted", "destroyed". */
const char *created_doing(const struct created *created);

const char *created_state_name(enum created_state state);
int created_state_parse(const char *name, enum created_state *ret_state);
const char *created_action_name(enum created_action action);

void created_facts_clear(struct created_facts *facts);
/*
 * A builder's "facts" <-> struct; see builder.h. Parsing returns 0 or -EINVAL or -ENOMEM, with
 * nothing to clear.
 */
int created_facts_parse(json_t *object, struct created_facts *ret_facts);
json_t *created_facts_describe(const struct created_facts *facts);
