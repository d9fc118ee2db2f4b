/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which guest somebody means: by name, domid or UUID. */
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

    for (guest = guest_first(guests); guest; guest = guest_next(guest))
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

    for (guest = guest_first(guests); guest; guest = guest_next(guest))
        if (!guest->alive && !TAILQ_EMPTY(&guest->attachments) && is_called(guest, &called))
            return guest;
    return NULL;
}

struct guest *guest_find_absent(struct guests *guests, const uint8_t uuid[static DOMAIN_UUID_SIZE])
{
    struct guest *guest;

    for (guest = guest_first(guests); guest; guest = guest_next(guest))
        if (!guest->alive && !TAILQ_EMPTY(&guest->attachments) &&
            memcmp(guest->identity.uuid, uuid, DOMAIN_UUID_SIZE) == 0)
            return guest;
    return NULL;
}

void guests_refresh_names(struct guests *guests, struct hypervisor *hypervisor)
{
    struct guest *guest;

    for (guest = guest_first(guests); guest; guest = guest_next(guest))
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
