/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a builder has read in a configuration: from its words, and back for the store. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "created.h"
#include "uuid.h"

static const char *const action_names[] = {
    [CREATED_DESTROY] = "destroy",
    [CREATED_RESTART] = "restart",
    [CREATED_RENAME_RESTART] = "rename-restart",
    [CREATED_PRESERVE] = "preserve",
    [CREATED_COREDUMP_DESTROY] = "coredump-destroy",
    [CREATED_COREDUMP_RESTART] = "coredump-restart",
    [CREATED_SOFT_RESET] = "soft-reset",
};

/* In the order of created_facts.actions. */
static const char *const reason_names[CREATED_REASONS] = {
    "poweroff", "reboot", "crash", "watchdog", "soft_reset",
};

const char *created_action_name(enum created_action action)
{
    return action_names[action];
}

static int parse_action(const char *name, enum created_action *ret_action)
{
    for (size_t i = 0; name && i < sizeof(action_names) / sizeof(action_names[0]); i++)
        if (strcmp(name, action_names[i]) == 0) {
            *ret_action = (enum created_action)i;
            return 0;
        }
    return -EINVAL;
}

void created_facts_clear(struct created_facts *facts)
{
    hypervisor_config_clear(&facts->config);
    free(facts->taken);
    *facts = (struct created_facts){ 0 };
}

static int parse_text(json_t *object, const char *key, char *ret_text, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (!text || strlen(text) >= size)
        return -EINVAL;
    strcpy(ret_text, text);
    return 0;
}

static int parse_number(json_t *object, const char *key, uint64_t *ret_number)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return -EINVAL;
    *ret_number = (uint64_t)json_integer_value(value);
    return 0;
}

static int parse_iomem(json_t *array, struct hypervisor_config *config)
{
    json_t *item;
    size_t i;

    config->iomem = calloc(json_array_size(array) + 1, sizeof(*config->iomem));
    if (!config->iomem)
        return -ENOMEM;
    json_array_foreach(array, i, item) {
        struct hypervisor_iomem *iomem = &config->iomem[i];
        uint64_t host, size, guest;

        if (parse_number(item, "host_address", &host) < 0 ||
            parse_number(item, "size", &size) < 0 ||
            parse_number(item, "guest_address", &guest) < 0)
            return -EINVAL;
        iomem->frames = (struct mfn_range){ mfn(host >> PAGE_SHIFT), size >> PAGE_SHIFT };
        iomem->gfn = gfn(guest >> PAGE_SHIFT);
        if (!mfn_range_valid(iomem->frames) || !frames_valid(iomem->gfn.v, iomem->frames.count))
            return -EINVAL;
        config->iomem_count++;
    }
    return 0;
}

/* No more than can be told again: no guest has addresses from 2^63 on. */
static uint64_t pages_touched(uint64_t address, uint64_t size)
{
    uint64_t pages = bytes_to_pages((address & PAGE_MASK) + size);

    return pages < INT64_MAX >> PAGE_SHIFT ? pages : INT64_MAX >> PAGE_SHIFT;
}

/* Ranges that are no whole pages take each page that they touch. */
static int parse_taken(json_t *array, struct created_facts *facts)
{
    json_t *item;
    size_t i;

    facts->taken = calloc(json_array_size(array) + 1, sizeof(*facts->taken));
    if (!facts->taken)
        return -ENOMEM;
    json_array_foreach(array, i, item) {
        uint64_t address, size;

        if (parse_number(item, "address", &address) < 0 || parse_number(item, "size", &size) < 0)
            return -EINVAL;
        if (size == 0)
            continue;
        facts->taken[facts->taken_count++] =
            (struct gfn_range){ gfn(address >> PAGE_SHIFT), pages_touched(address, size) };
    }
    return 0;
}

static int parse_actions(json_t *object, struct created_facts *facts)
{
    for (size_t i = 0; i < CREATED_REASONS; i++)
        if (parse_action(json_string_value(json_object_get(object, reason_names[i])),
                         &facts->actions[i]) < 0)
            return -EINVAL;
    return 0;
}

static int parse(json_t *object, struct created_facts *facts)
{
    char uuid[UUID_TEXT_SIZE];
    int r;

    if (parse_text(object, "name", facts->name, sizeof(facts->name)) < 0 || !facts->name[0] ||
        parse_text(object, "uuid", uuid, sizeof(uuid)) < 0 || uuid_parse(uuid, facts->uuid) < 0 ||
        parse_number(object, "max_memory", &facts->config.maxmem_kib) < 0)
        return -EINVAL;
    if (json_object_get(object, "compatible") &&
        parse_text(object, "compatible", facts->compatible, sizeof(facts->compatible)) < 0)
        return -EINVAL;
    facts->config.known = true;
    facts->config.has_vpci = json_is_true(json_object_get(object, "pci"));
    r = parse_iomem(json_object_get(object, "iomem"), &facts->config);
    if (r == 0)
        r = parse_taken(json_object_get(object, "taken"), facts);
    return r ? r : parse_actions(json_object_get(object, "actions"), facts);
}

int created_facts_parse(json_t *object, struct created_facts *ret_facts)
{
    struct created_facts facts = { 0 };
    int r = parse(object, &facts);

    if (r < 0)
        created_facts_clear(&facts);
    else
        *ret_facts = facts;
    return r;
}

static json_t *describe_iomem(const struct hypervisor_config *config)
{
    json_t *array = json_array();

    for (size_t i = 0; i < config->iomem_count; i++) {
        const struct hypervisor_iomem *iomem = &config->iomem[i];

        json_array_append_new(array,
                              json_pack("{s:I, s:I, s:I}", "host_address",
                                        (json_int_t)mfn_address(iomem->frames.first), "size",
                                        (json_int_t)pages_to_bytes(iomem->frames.count),
                                        "guest_address", (json_int_t)gfn_address(iomem->gfn)));
    }
    return array;
}

static json_t *describe_taken(const struct created_facts *facts)
{
    json_t *array = json_array();

    for (size_t i = 0; i < facts->taken_count; i++)
        json_array_append_new(array,
                              json_pack("{s:I, s:I}", "address",
                                        (json_int_t)gfn_address(facts->taken[i].first), "size",
                                        (json_int_t)pages_to_bytes(facts->taken[i].count)));
    return array;
}

static json_t *describe_actions(const struct created_facts *facts)
{
    json_t *object = json_object();

    for (size_t i = 0; i < CREATED_REASONS; i++)
        json_object_set_new(object, reason_names[i], json_string(action_names[facts->actions[i]]));
    return object;
}

json_t *created_facts_describe(const struct created_facts *facts)
{
    char uuid[UUID_TEXT_SIZE];

    return json_pack("{s:s, s:s, s:I, s:b, s:o, s:o, s:s, s:o}", "name", facts->name, "uuid",
                     uuid_format(facts->uuid, uuid), "max_memory",
                     (json_int_t)facts->config.maxmem_kib, "pci", facts->config.has_vpci, "iomem",
                     describe_iomem(&facts->config), "taken", describe_taken(facts), "compatible",
                     facts->compatible, "actions", describe_actions(facts));
}
