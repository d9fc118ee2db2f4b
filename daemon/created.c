/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "created.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
    [CREATED_BUILDING] = "building",     [CREATED_RUNNING] = "running",
    [CREATED_RESTARTING] = "restarting", [CREATED_ENDING] = "ending",
    [CREATED_PRESERVED] = "preserved",
};

int created_add(struct created_list *list, struct created_facts *facts, json_t *config,
                struct created **ret_created)
{
    struct created *created = calloc(1, sizeof(*created));

    if (!created)
        return -ENOMEM;
    created->facts = *facts;
    *facts = (struct created_facts){ 0 };
    created->config = json_incref(config);
    TAILQ_INSERT_TAIL(list, created, link);
    *ret_created = created;
    return 0;
}

void created_remove(struct created_list *list, struct created *created)
{
    TAILQ_REMOVE(list, created, link);
    created_facts_clear(&created->facts);
    json_decref(created->config);
    free(created->preserved);
    free(created);
}

void created_list_clear(struct created_list *list)
{
    struct created *created;

    while ((created = TAILQ_FIRST(list)))
        created_remove(list, created);
}

struct created *created_find(const struct created_list *list,
                             const uint8_t uuid[static DOMAIN_UUID_SIZE])
{
    struct created *created;

    TAILQ_FOREACH(created, list, link)
        if (memcmp(created->facts.uuid, uuid, DOMAIN_UUID_SIZE) == 0)
            return created;
    return NULL;
}

struct created *created_find_name(const struct created_list *list, const char *name)
{
    struct created *created;

    TAILQ_FOREACH(created, list, link)
        if (strcmp(created->facts.name, name) == 0)
            return created;
    return NULL;
}

bool created_unsettled(const struct created *created)
{
    return created->state != CREATED_RUNNING && created->state != CREATED_PRESERVED;
}

bool created_has_preserved(const struct created *created, uint32_t domid)
{
    for (size_t i = 0; i < created->preserved_count; i++)
        if (created->preserved[i] == domid)
            return true;
    return false;
}

int created_add_preserved(struct created *created, uint32_t domid)
{
    uint32_t *preserved;

    if (created_has_preserved(created, domid))
        return 0;
    preserved = reallocarray(created->preserved, created->preserved_count + 1, sizeof(*preserved));
    if (!preserved)
        return -ENOMEM;
    created->preserved = preserved;
    preserved[created->preserved_count++] = domid;
    return 0;
}

void created_drop_preserved(struct created *created, uint32_t domid)
{
    for (size_t i = created->preserved_count; i-- > 0;)
        if (created->preserved[i] == domid)
            created->preserved[i] = created->preserved[--created->preserved_count];
}

/* The member of `to` becomes that of `from`, or goes. */
static void copy_member(json_t *to, json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);

    if (value)
        json_object_set(to, key, value);
    else
        json_object_del(to, key);
}

void created_update_config(struct created *created, json_t *current)
{
    static const char *const ours[] = { "iomem", "device_tree", "cmdline" };
    json_t *c_info = json_object_get(current, "c_info"),
           *b_info = json_object_get(current, "b_info");

    if (!json_is_object(c_info) || !json_is_object(b_info))
        return;
    copy_member(c_info, json_object_get(created->config, "c_info"), "xsdata");
    /* It is built under the name and UUID that it was created with, as by xl. */
    copy_member(c_info, json_object_get(created->config, "c_info"), "name");
    copy_member(c_info, json_object_get(created->config, "c_info"), "uuid");
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        copy_member(b_info, json_object_get(created->config, "b_info"), ours[i]);
    json_decref(created->config);
    created->config = json_incref(current);
}

enum created_action created_action(const struct created *created, enum domain_shutdown reason)
{
    switch (reason) {
    case DOMAIN_POWEROFF:
        return created->facts.actions[0];
    case DOMAIN_REBOOT:
        return created->facts.actions[1];
    case DOMAIN_CRASH:
        return created->facts.actions[2];
    case DOMAIN_WATCHDOG:
        return created->facts.actions[3];
    case DOMAIN_SOFT_RESET:
        return created->facts.actions[4];
    default:
        return CREATED_DESTROY;
    }
}

const char *created_doing(const struct created *created)
{
    if (created->state == CREATED_BUILDING)
        return "created";
    return created->state == CREATED_RESTARTING ? "restarted" : "destroyed";
}

const char *created_state_name(enum created_state state)
{
    return state_names[state];
}

int created_state_parse(const char *name, enum created_state *ret_state)
{
    for (size_t i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++)
        if (strcmp(name, state_names[i]) == 0) {
            *ret_state = (enum created_state)i;
            return 0;
        }
    return -EINVAL;
}
