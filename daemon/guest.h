/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guests: every domain but Dom0, and what each holds besides our attachments.
 *
 * The list of domains is asked of the hypervisor at each refresh; a domain's own configuration
 * (its iomem ranges cannot change after its creation) is read once per (domid, UUID).
 */
#pragma once

#include "created.h"
#include "error.h"
#include "segment.h"
#include "tree.h"
#include "uuid.h"
#include "window.h"

struct guest {
    struct domain_identity identity;
    char uuid_text[UUID_TEXT_SIZE];
    char name[DOMAIN_NAME_MAX];
    bool alive;  /* in the hypervisor's list and not dying; false only until guests_reap() */
    bool listed; /* the next value of alive, while the list is compared */
    bool paused;
    enum domain_shutdown shutdown; /* of one that is not alive: how it was last seen */
    uint64_t since;                /* when it was first listed; clock_milliseconds() */
    /*
     * Of one that is not alive: until then its toolstack may make it anew, with the same UUID and
     * another domid. Its attachments wait, and the pages of its own iomem stay held. 0: it is not
     * awaited, or not any more.
     */
    uint64_t awaited_until;
    uint64_t memory_kib;
    uint64_t list_maxmem_kib;
    struct hypervisor_config config; /* config.known false: an unknown holder */
    struct attachment_list attachments;
    RB_ENTRY(guest) link; /* in guests.tree */
};

RB_HEAD(guest_tree, guest);

struct guests {
    struct guest_tree tree; /* owns the guests; by domid */
    size_t count;
    uint64_t holders_version; /* changes whenever some guest's own iomem came, went or was read */
    uint64_t restart_grace;   /* milliseconds that a guest is awaited; set by the owner */
    /* Set by the owner; may be NULL. What these hold is known before they have a configuration. */
    const struct created_list *created;
};

void guests_init(struct guests *guests);
void guests_clear(struct guests *guests);

/*
 * Brings the guests into agreement with the hypervisor's list, and reads the configuration of new
 * ones and of unknown holders. Guests that are gone or dying stay, with alive false, until
 * guests_reap(). Returns 0, or -errno with nothing changed when the list cannot be had.
 */
int guests_refresh(struct guests *guests, struct hypervisor *hypervisor);
/* The refusal of whoever needs the list, after that -errno. Returns error->code. */
int guests_list_failed(struct error *error, int r);
/*
 * Stops to await those whose time is over, and those who have come back: that one runs, with the
 * same UUID, and its own configuration tells what it holds. Then removes the guests that are not
 * alive, not awaited, and have no attachments.
 */
void guests_reap(struct guests *guests);

/* True for a reason after which toolstacks make a guest anew: reboot, crash, watchdog, reset. */
bool guest_shutdown_returns(enum domain_shutdown reason);
/* Awaits a guest that is not alive, for `milliseconds` from now on. */
void guest_await(struct guest *guest, uint64_t milliseconds);
#define GUEST_AWAIT_ALWAYS UINT64_MAX /* until guests_forget() */
/* Awaits nobody with that UUID any more. */
void guests_forget(struct guests *guests, const uint8_t uuid[static DOMAIN_UUID_SIZE]);
/*
 * One that xenshmd is going to create, or to build anew: until guests_forget() what its own iomem
 * names is held. Returns 0 or -ENOMEM.
 */
int guest_expect_created(struct guests *guests, const struct created *created);
/* Its record, if xenshmd has created it, and not only a guest with that UUID; else NULL. */
const struct created *guest_created(const struct guests *guests, const struct guest *guest);
/*
 * Its living domain; while it has no whole one, whatever lives with its UUID and its name, or with
 * none yet, and is not among those that it has preserved: half-made ones. NULL: none.
 */
struct guest *guest_of_created(struct guests *guests, const struct created *created);
/* Another running domain with its UUID, one of the two being a guest that xenshmd created; or NULL.
 */
struct guest *guest_twin(struct guests *guests, const struct guest *guest);
/*
 * Is it, under whatever domid, running, shut down for a reboot after this one, or awaited? `guest`
 * itself counts only while awaited.
 */
bool guest_is_awaited(struct guests *guests, const struct guest *guest);
/*
 * The same guest under another domid: running, with a known configuration, and the only one that
 * runs with that UUID. NULL: there is none (yet).
 */
struct guest *guest_successor(struct guests *guests, const struct guest *guest);
/* When guests_reap() will have something to do, at the latest; UINT64_MAX: no guest is awaited. */
uint64_t guests_next_end(const struct guests *guests);
/* A living guest has been there for less than `milliseconds` and its configuration is unknown. */
bool guests_any_being_built(const struct guests *guests, uint64_t milliseconds);

/*
 * The living guest with that name, domid or UUID, after a refresh. Names are asked of the
 * hypervisor again where needed, since domains can be renamed. Returns 0, or a refusal in *error:
 * GUEST_UNKNOWN, GUEST_AMBIGUOUS.
 */
int guest_resolve(struct guests *guests, struct hypervisor *hypervisor, const char *text,
                  struct guest **ret_guest, struct error *error);
/*
 * A guest that is not alive and still has attachments, by the same three; or NULL. An attachment
 * that waits can be given up so.
 */
struct guest *guest_resolve_absent(struct guests *guests, const char *text);
/* One with that UUID that is not alive and still has attachments; or NULL. */
struct guest *guest_find_absent(struct guests *guests, const uint8_t uuid[static DOMAIN_UUID_SIZE]);
/*
 * guest_resolve() after guests_refresh(); also refuses with HYPERVISOR_FAILED when the list cannot
 * be had.
 */
int guest_lookup(struct guests *guests, struct hypervisor *hypervisor, const char *text,
                 struct guest **ret_guest, struct error *error);
/* Asks for the names of the living guests again: domains can be renamed. */
void guests_refresh_names(struct guests *guests, struct hypervisor *hypervisor);
/*
 * A guest that the next refresh will find, or not: until then it is not alive. The one that is
 * there already, if there is. Returns 0 or -ENOMEM.
 */
int guest_expect(struct guests *guests, const struct domain_identity *identity,
                 struct guest **ret_guest);
/* The guest with exactly this identity, alive or not; or NULL. */
struct guest *guest_find(struct guests *guests, const struct domain_identity *identity);
struct guest *guest_first(struct guests *guests);
struct guest *guest_next(struct guest *guest);
/* The first that comes after one with this identity, which need not be there; or NULL. */
struct guest *guest_after(struct guests *guests, const struct domain_identity *identity);

/* A living guest whose configuration is unknown, or NULL. */
struct guest *guests_unknown_holder(struct guests *guests);

/* True while the pages of its own iomem are held: it is alive, or awaited. */
bool guest_holds_iomem(const struct guest *guest);
/* Does it hold one of these pages by its own iomem? */
bool guest_has_iomem(const struct guest *guest, struct mfn_range frames);
/* A guest that holds one of these pages by its own iomem, or NULL. */
const struct guest *guest_holding(const struct guests *guests, struct mfn_range frames);

/* "running", "paused", "shutdown", "crashed" ... for the protocol. */
const char *guest_state_name(const struct guest *guest);

/*
 * Fills *ret_window with what window_check() needs; *ret_taken (owned by the caller, free()) is
 * the array that it points to. The attachment `except` (may be NULL) is left out.
 * Returns 0 or -ENOMEM.
 */
int guest_window(const struct guests *guests, const struct guest *guest,
                 const struct attachment *except, struct window_guest *ret_window,
                 struct gfn_range **ret_taken);
