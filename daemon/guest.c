/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

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

static const struct created *find_created(const struct guests *guests, const struct guest *guest)
{
    return guests->created ? created_find(guests->created, guest->identity.uuid) : NULL;
}

/* Reads the configuration while it is unknown: once known it holds for the domain's whole life. */
static void read_config(struct guests *guests, struct hypervisor *hypervisor, struct guest *guest)
{
    const struct created *created = find_created(guests, guest);
    struct hypervisor_config config = { 0 };

    if (created && !guest->config.known) {
        set_created(guests, guest, created);
        return;
    }
    if (guest->config.known ||
        hypervisor_domain_config(hypervisor, guest->identity.domid, &config) < 0 || !config.known) {
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

bool guest_shutdown_returns(enum domain_shutdown reason)
{
    return reason == DOMAIN_REBOOT || reason == DOMAIN_CRASH || reason == DOMAIN_WATCHDOG ||
           reason == DOMAIN_SOFT_RESET;
}

void guest_await(struct guest *guest, uint64_t milliseconds)
{
    if (milliseconds == GUEST_AWAIT_ALWAYS)
        guest->awaited_until = GUEST_AWAIT_ALWAYS;
    else
        guest->awaited_until = milliseconds ? clock_milliseconds() + milliseconds : 0;
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
        if (guest->alive && (!created->domid || guest->identity.domid == created->domid) &&
            memcmp(guest->identity.uuid, created->facts.uuid, DOMAIN_UUID_SIZE) == 0 &&
            !created_has_preserved(created, guest->identity.domid))
            return guest;
    return NULL;
}

/* One that xenshmd created comes back when xenshmd says so. */
static bool is_unsettled(const struct guests *guests, const struct guest *guest)
{
    const struct created *created = find_created(guests, guest);

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
    else if (guest->alive && !find_created(guests, guest) &&
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

/*
 * Another record of the same guest that runs, after `last` (NULL: the first). One that has shut
 * down and is preserved is nobody's successor.
 */
static struct guest *next_twin(struct guests *guests, const struct guest *guest, struct guest *last)
{
    struct guest *twin = last ? guest_next(last) : guest_first(guests);

    while (twin && (twin == guest || !twin->alive || twin->shutdown != DOMAIN_RUNNING ||
                    memcmp(twin->identity.uuid, guest->identity.uuid, DOMAIN_UUID_SIZE) != 0))
        twin = guest_next(twin);
    return twin;
}

struct guest *guest_successor(struct guests *guests, const struct guest *guest)
{
    struct guest *twin, *successor = NULL;

    for (twin = next_twin(guests, guest, NULL); twin; twin = next_twin(guests, guest, twin)) {
        if (successor)
            return NULL;
        successor = twin;
    }
    return successor && successor->config.known ? successor : NULL;
}

/* Domids grow: that tells of domains that were all there when the daemon started. */
static bool came_later(const struct guest *a, const struct guest *b)
{
    return a->since == b->since ? a->identity.domid > b->identity.domid : a->since > b->since;
}

/* An earlier one, preserved or gone by now, was followed by `guest`, and means nothing. */
static bool will_be_followed(const struct guest *other, const struct guest *guest)
{
    if (other != guest && !came_later(other, guest))
        return false;
    return other->alive ? other != guest && guest_shutdown_returns(other->shutdown)
                        : clock_milliseconds() < other->awaited_until;
}

bool guest_is_awaited(struct guests *guests, const struct guest *guest)
{
    struct guest *other;

    if (next_twin(guests, guest, NULL))
        return true;
    RB_FOREACH(other, guest_tree, &guests->tree)
        if (memcmp(other->identity.uuid, guest->identity.uuid, DOMAIN_UUID_SIZE) == 0 &&
            will_be_followed(other, guest))
            return true;
    return false;
}

static bool wait_is_over(struct guests *guests, const struct guest *guest)
{
    const struct guest *twin = next_twin(guests, guest, NULL);

    return clock_milliseconds() >= guest->awaited_until || (twin && twin->config.known);
}

static void end_waits(struct guests *guests)
{
    struct guest *guest;

    RB_FOREACH(guest, guest_tree, &guests->tree)
        if (guest->awaited_until && wait_is_over(guests, guest)) {
            guest->awaited_until = 0;
            if (guest->config.iomem_count > 0)
                guests->holders_version++;
        }
}

void guests_reap(struct guests *guests)
{
    struct guest *guest, *next;

    end_waits(guests);
    RB_FOREACH_SAFE(guest, guest_tree, &guests->tree, next)
        if (!guest->alive && !guest->awaited_until && TAILQ_EMPTY(&guest->attachments))
            guest_free(guests, guest);
}

uint64_t guests_next_end(const struct guests *guests)
{
    uint64_t end = UINT64_MAX;
    struct guest *guest;

    RB_FOREACH(guest, guest_tree, (struct guest_tree *)&guests->tree)
        if (guest->awaited_until && guest->awaited_until < end)
            end = guest->awaited_until;
    return end;
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

/* What somebody may call a guest by. */
struct called {
    const char *name;
    bool is_uuid, is_domid;
    uint8_t uuid[UUID_SIZE];
    uint32_t domid;
};

/* A domid is written as xl prints it. */
static struct called parse_called(const char *text)
{
    struct called called = { .name = text };
    unsigned long number = strtoul(text, NULL, 10);
    char domid[16];

    called.is_uuid = uuid_parse(text, called.uuid) == 0;
    called.domid = (uint32_t)number;
    snprintf(domid, sizeof(domid), "%u", called.domid);
    called.is_domid = number <= UINT32_MAX && strcmp(domid, text) == 0;
    return called;
}

static bool is_called(const struct guest *guest, const struct called *called)
{
    return strcmp(guest->name, called->name) == 0 ||
           (called->is_domid && guest->identity.domid == called->domid) ||
           (called->is_uuid && memcmp(guest->identity.uuid, called->uuid, UUID_SIZE) == 0);
}

/* Counts the living guests that `text` can mean; *ret_guest is one of them. */
static unsigned count_matches(struct guests *guests, const char *text, struct guest **ret_guest)
{
    struct called called = parse_called(text);
    unsigned matches = 0;
    struct guest *guest;

    RB_FOREACH(guest, guest_tree, &guests->tree)
        if (guest->alive && is_called(guest, &called)) {
            *ret_guest = guest;
            matches++;
        }
    return matches;
}

struct guest *guest_resolve_absent(struct guests *guests, const char *text)
{
    struct called called = parse_called(text);
    struct guest *guest;

    RB_FOREACH(guest, guest_tree, &guests->tree)
        if (!guest->alive && !TAILQ_EMPTY(&guest->attachments) && is_called(guest, &called))
            return guest;
    return NULL;
}

struct guest *guest_find_absent(struct guests *guests, const uint8_t uuid[static DOMAIN_UUID_SIZE])
{
    struct guest *guest;

    RB_FOREACH(guest, guest_tree, &guests->tree)
        if (!guest->alive && !TAILQ_EMPTY(&guest->attachments) &&
            memcmp(guest->identity.uuid, uuid, DOMAIN_UUID_SIZE) == 0)
            return guest;
    return NULL;
}

void guests_refresh_names(struct guests *guests, struct hypervisor *hypervisor)
{
    struct guest *guest;

    RB_FOREACH(guest, guest_tree, &guests->tree)
        if (guest->alive)
            hypervisor_domain_name(hypervisor, guest->identity.domid, guest->name);
}

static bool name_is_current(struct hypervisor *hypervisor, const struct guest *guest)
{
    char name[DOMAIN_NAME_MAX];

    return hypervisor_domain_name(hypervisor, guest->identity.domid, name) == 0 &&
           strcmp(name, guest->name) == 0;
}

int guest_resolve(struct guests *guests, struct hypervisor *hypervisor, const char *text,
                  struct guest **ret_guest, struct error *error)
{
    struct guest *guest = NULL;
    unsigned matches = count_matches(guests, text, &guest);

    if (matches != 1 || !name_is_current(hypervisor, guest)) {
        guests_refresh_names(guests, hypervisor);
        matches = count_matches(guests, text, &guest);
    }
    if (matches > 1)
        return error_set(error, XENSHM_GUEST_AMBIGUOUS, "'%s' means %u guests", text, matches);
    if (matches == 1) {
        *ret_guest = guest;
        return 0;
    }
    if (strcmp(text, "0") == 0 || strcmp(text, "Domain-0") == 0) {
        error_set(error, XENSHM_GUEST_UNKNOWN, "'%s' is Dom0, not a guest", text);
        return error_set_hint(error, "Dom0 has the pages of every pool in its UIO device");
    }
    return error_set(error, XENSHM_GUEST_UNKNOWN, "no guest is called '%s'", text);
}

int guest_lookup(struct guests *guests, struct hypervisor *hypervisor, const char *text,
                 struct guest **ret_guest, struct error *error)
{
    int r = guests_refresh(guests, hypervisor);

    if (r < 0)
        return guests_list_failed(error, r);
    return guest_resolve(guests, hypervisor, text, ret_guest, error);
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

/*
 * RAM is laid out by the config's maximum. A domain that Xen built at boot has a config that does
 * not tell one: its memory never grew beyond the hypervisor's limit. For others that limit follows
 * the present target and may lie below the layout, so without a config it says nothing: 0.
 */
static uint64_t maxmem(const struct guest *guest)
{
    if (guest->config.maxmem_kib || !guest->config.known)
        return guest->config.maxmem_kib;
    return guest->list_maxmem_kib;
}

int guest_window(const struct guests *guests, const struct guest *guest,
                 const struct attachment *except, struct window_guest *ret_window,
                 struct gfn_range **ret_taken)
{
    struct attachment *attachment;
    struct gfn_range *taken;
    const struct created *created = find_created(guests, guest);
    size_t count = guest->config.iomem_count + (created ? created->facts.taken_count : 0);

    TAILQ_FOREACH(attachment, &guest->attachments, guest_link)
        count++;
    taken = calloc(count + 1, sizeof(*taken));
    if (!taken)
        return -ENOMEM;
    count = 0;
    for (size_t i = 0; i < guest->config.iomem_count; i++)
        taken[count++] =
            (struct gfn_range){ guest->config.iomem[i].gfn, guest->config.iomem[i].frames.count };
    for (size_t i = 0; created && i < created->facts.taken_count; i++)
        taken[count++] = created->facts.taken[i];
    TAILQ_FOREACH(attachment, &guest->attachments, guest_link)
        if (attachment != except)
            taken[count++] = attachment_frames(attachment);
    *ret_window = (struct window_guest){
        .maxmem_kib = maxmem(guest),
        .has_vpci = guest->config.has_vpci,
        .taken = taken,
        .taken_count = count,
    };
    *ret_taken = taken;
    return 0;
}
