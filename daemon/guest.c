/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

/* By both: a domid may be used again while its former owner still has attachments to give back. */
static int compare_guests(struct guest *a, struct guest *b)
{
    if (a->identity.domid != b->identity.domid)
        return a->identity.domid < b->identity.domid ? -1 : 1;
    return memcmp(a->identity.uuid, b->identity.uuid, DOMAIN_UUID_SIZE);
}

TREE_GENERATE(guest_tree, guest, link, compare_guests)

void guests_init(struct guests *guests)
{
    *guests = (struct guests){ 0 };
    RB_INIT(&guests->tree);
}

static void guest_free(struct guests *guests, struct guest *guest)
{
    struct attachment *attachment;

    while ((attachment = TAILQ_FIRST(&guest->attachments)))
        attachment_set_guest(attachment, NULL);
    if (guest->config.iomem_count)
        guests->holders_version++;
    RB_REMOVE(guest_tree, &guests->tree, guest);
    guests->count--;
    hypervisor_config_clear(&guest->config);
    free(guest);
}

void guests_clear(struct guests *guests)
{
    struct guest *guest;

    while ((guest = RB_MIN(guest_tree, &guests->tree)))
        guest_free(guests, guest);
}

struct guest *guest_find(struct guests *guests, const struct domain_identity *identity)
{
    struct guest key = { .identity = *identity };

    return RB_FIND(guest_tree, &guests->tree, &key);
}

struct guest *guest_first(struct guests *guests)
{
    return RB_MIN(guest_tree, &guests->tree);
}

struct guest *guest_next(struct guest *guest)
{
    return RB_NEXT(guest_tree, NULL, guest);
}

struct guest *guest_after(struct guests *guests, const struct domain_identity *identity)
{
    struct guest key = { .identity = *identity };
    struct guest *guest = RB_NFIND(guest_tree, &guests->tree, &key);

    return guest && domain_identity_equal(&guest->identity, identity) ? guest_next(guest) : guest;
}

static int guest_add(struct guests *guests, const struct domain_identity *identity,
                     struct guest **ret_guest)
{
    struct guest *guest = calloc(1, sizeof(*guest));

    if (!guest)
        return -ENOMEM;
    guest->identity = *identity;
    uuid_format(identity->uuid, guest->uuid_text);
    TAILQ_INIT(&guest->attachments);
    RB_INSERT(guest_tree, &guests->tree, guest);
    guests->count++;
    *ret_guest = guest;
    return 0;
}

int guest_expect(struct guests *guests, const struct domain_identity *identity,
                 struct guest **ret_guest)
{
    struct guest *guest = guest_find(guests, identity);

    if (!guest)
        return guest_add(guests, identity, ret_guest);
    *ret_guest = guest;
    return 0;
}

static int copy_config(const struct hypervisor_config *config, struct hypervisor_config *ret_config)
{
    size_t size = config->iomem_count * sizeof(*config->iomem);

    *ret_config = *config;
    ret_config->iomem = malloc(size + 1);
    if (!ret_config->iomem)
        return -ENOMEM;
    memcpy(ret_config->iomem, config->iomem, size);
    return 0;
}

static int set_created(struct guests *guests, struct guest *guest, const struct created *created)
{
    struct hypervisor_config config;

    if (copy_config(&created->facts.config, &config) < 0)
        return -ENOMEM;
    hypervisor_config_clear(&guest->config);
    guest->config = config;
    guests->holders_version++;
    return 0;
}

/*
 * The domain that the record is of, one that it has left behind, or (no domid: not there yet) one
 * to come. Before a builder tells the domid, it is known by its name. Anybody may use the UUID
 * again.
 */
static bool is_of(const struct guest *guest, const struct created *created)
{
    uint32_t domid = guest->identity.domid;

    if (domid == 0 || domid == created->domid || created_has_preserved(created, domid))
        return true;
    return !created->domid && strcmp(guest->name, created->facts.name) == 0;
}

/* The record with its UUID. */
static const struct created *find_created(const struct guests *guests, const struct guest *guest)
{
    return guests->created ? created_find(guests->created, guest->identity.uuid) : NULL;
}

const struct created *guest_created(const struct guests *guests, const struct guest *guest)
{
    const struct created *created = find_created(guests, guest);

    return created && is_of(guest, created) ? created : NULL;
}

/* Reads the configuration while it is unknown: once known it holds for the domain's whole life. */
static void read_config(struct guests *guests, struct hypervisor *hypervisor, struct guest *guest)
{
    const struct created *created;
    struct hypervisor_config config = { 0 };

    if (guest->config.known)
        return;
    created = find_created(guests, guest);
    if (created && is_of(guest, created)) {
        set_created(guests, guest, created);
        return;
    }
    /* Of one without a name it cannot be told yet; libxl's word has what xenshmd gives it, too. */
    if (created && !created->domid && !guest->name[0])
        return;
    if (hypervisor_domain_config(hypervisor, guest->identity.domid, &config) < 0 || !config.known) {
        hypervisor_config_clear(&config);
        return;
    }
    guest->config = config;
    guests->holders_version++;
}

static int refresh_one(struct guests *guests, struct hypervisor *hypervisor,
                       const struct hypervisor_domain *domain)
{
    struct domain_identity identity = { .domid = domain->domid };
    struct guest *guest;
    int r;

    memcpy(identity.uuid, domain->uuid, DOMAIN_UUID_SIZE);
    guest = guest_find(guests, &identity);
    if (!guest) {
        /* Its pages are free already: not worth getting to know. */
        if (domain->dying)
            return 0;
        r = guest_add(guests, &identity, &guest);
        if (r < 0)
            return r;
    }
    guest->listed = !domain->dying;
    guest->paused = domain->paused;
    if (!guest->since)
        guest->since = clock_milliseconds();
    /* One that is being destroyed may not tell any more how it had ended. */
    if (!domain->dying || domain->shutdown != DOMAIN_RUNNING)
        guest->shutdown = domain->shutdown;
    guest->memory_kib = domain->memory_kib;
    guest->list_maxmem_kib = domain->maxmem_kib;
    if (guest->listed && !guest->name[0])
        hypervisor_domain_name(hypervisor, identity.domid, guest->name);
    if (guest->listed)
        read_config(guests, hypervisor, guest);
    return 0;
}

int guest_expect_created(struct guests *guests, const struct created *created)
{
    struct domain_identity identity = { 0 };
    struct guest *guest;

    memcpy(identity.uuid, created->facts.uuid, DOMAIN_UUID_SIZE);
    if (guest_expect(guests, &identity, &guest) < 0 || set_created(guests, guest, created) < 0)
        return -ENOMEM;
    strcpy(guest->name, created->facts.name);
    guest_await(guest, GUEST_AWAIT_ALWAYS);
    return 0;
}

void guests_forget(struct guests *guests, const uint8_t uuid[static DOMAIN_UUID_SIZE])
{
    struct guest *guest;

    RB_FOREACH(guest, guest_tree, &guests->tree)
        if (memcmp(guest->identity.uuid, uuid, DOMAIN_UUID_SIZE) == 0 && guest->awaited_until) {
            guest->awaited_until = 0;
            guests->holders_version++;
        }
}

struct guest *guest_of_created(struct guests *guests, const struct created *created)
{
    struct guest *guest;

    RB_FOREACH(guest, guest_tree, &guests->tree)
        if (guest->alive &&
            memcmp(guest->identity.uuid, created->facts.uuid, DOMAIN_UUID_SIZE) == 0 &&
            !created_has_preserved(created, guest->identity.domid) &&
            (is_of(guest, created) || (!created->domid && !guest->name[0])))
            return guest;
    return NULL;
}

struct guest *guest_twin(struct guests *guests, const struct guest *guest)
{
    bool is_created = guest_created(guests, guest);
    struct guest *other;

    RB_FOREACH(other, guest_tree, &guests->tree)
        if (other != guest && other->alive && other->shutdown == DOMAIN_RUNNING &&
            memcmp(other->identity.uuid, guest->identity.uuid, DOMAIN_UUID_SIZE) == 0 &&
            is_created != (guest_created(guests, other) != NULL))
            return other;
    return NULL;
}

/* One that xenshmd created comes back when xenshmd says so. */
static bool is_unsettled(const struct guests *guests, const struct guest *guest)
{
    const struct created *created = guest_created(guests, guest);

    return created && created_unsettled(created);
}

static void set_alive(struct guests *guests, struct guest *guest)
{
    if (guest->alive != guest->listed && guest->config.iomem_count > 0)
        guests->holders_version++;
    if (guest->listed)
        guest->awaited_until = 0;
    else if (guest->alive && is_unsettled(guests, guest))
        guest_await(guest, GUEST_AWAIT_ALWAYS);
    else if (guest->alive && !guest_created(guests, guest) &&
             guest_shutdown_returns(guest->shutdown))
        guest_await(guest, guests->restart_grace);
    guest->alive = guest->listed;
}

int guests_refresh(struct guests *guests, struct hypervisor *hypervisor)
{
    const struct hypervisor_domain *domains;
    struct guest *guest;
    size_t count;
    int r;

    r = hypervisor_list(hypervisor, &domains, &count);
    if (r < 0)
        return r;
    RB_FOREACH(guest, guest_tree, &guests->tree)
        guest->listed = false;
    for (size_t i = 0; i < count; i++) {
        int one = refresh_one(guests, hypervisor, &domains[i]);

        /* Go on with the others: those not looked at would count as gone. */
        r = r ? r : one;
    }
    RB_FOREACH(guest, guest_tree, &guests->tree)
        set_alive(guests, guest);
    return r;
}

int guests_list_failed(struct error *error, int r)
{
    return error_set(error, XENSHM_HYPERVISOR_FAILED, "listing the domains failed: %s",
                     strerror(-r));
}

void guests_reap(struct guests *guests)
{
    struct guest *guest, *next;

    guests_end_waits(guests);
    RB_FOREACH_SAFE(guest, guest_tree, &guests->tree, next)
        if (!guest->alive && !guest->awaited_until && TAILQ_EMPTY(&guest->attachments))
            guest_free(guests, guest);
}

bool guests_any_being_built(const struct guests *guests, uint64_t milliseconds)
{
    struct guest *guest;

    RB_FOREACH(guest, guest_tree, (struct guest_tree *)&guests->tree)
        if (guest->alive && !guest->config.known &&
            clock_milliseconds() < guest->since + milliseconds)
            return true;
    return false;
}

struct guest *guests_unknown_holder(struct guests *guests)
{
    struct guest *guest;

    RB_FOREACH(guest, guest_tree, &guests->tree)
        if (guest->alive && !guest->config.known)
            return guest;
    return NULL;
}

bool guest_holds_iomem(const struct guest *guest)
{
    return guest->alive || guest->awaited_until;
}

bool guest_has_iomem(const struct guest *guest, struct mfn_range frames)
{
    for (size_t i = 0; guest_holds_iomem(guest) && i < guest->config.iomem_count; i++)
        if (mfn_range_overlaps(guest->config.iomem[i].frames, frames))
            return true;
    return false;
}

const struct guest *guest_holding(const struct guests *guests, struct mfn_range frames)
{
    struct guest *guest;

    RB_FOREACH(guest, guest_tree, (struct guest_tree *)&guests->tree)
        if (guest_has_iomem(guest, frames))
            return guest;
    return NULL;
}

const char *guest_state_name(const struct guest *guest)
{
    static const char *const reasons[] = {
        [DOMAIN_POWEROFF] = "shutdown", [DOMAIN_REBOOT] = "rebooting",
        [DOMAIN_SUSPEND] = "suspended", [DOMAIN_CRASH] = "crashed",
        [DOMAIN_WATCHDOG] = "watchdog", [DOMAIN_SOFT_RESET] = "soft-reset",
    };

    if (!guest->alive)
        return guest->awaited_until ? "rebooting" : "dying";
    if (guest->shutdown >= 0 && (size_t)guest->shutdown < sizeof(reasons) / sizeof(reasons[0]))
        return reasons[guest->shutdown];
    return guest->paused ? "paused" : "running";
}
