/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend_sim_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hypervisor_sim.h"
#include "uuid.h"

#define DEFAULT_MEMORY (UINT64_C(32) << 10) /* KiB; libxl__domain_build_info_setdefault() */

static int wrong(struct error *error, const char *key, const char *what)
{
    return error_set(error, XENSHM_CONFIG_INVALID,
                     "the configuration is not libxl's JSON of a domain: '%s' is not %s", key,
                     what);
}

/* What is absent leaves *ret as it is. */
static int read_text(json_t *object, const char *key, const char **ret, struct error *error)
{
    json_t *value = json_object_get(object, key);

    if (!value)
        return 0;
    if (!json_is_string(value))
        return wrong(error, key, "a text");
    *ret = json_string_value(value);
    return 0;
}

static int read_number(json_t *object, const char *key, uint64_t *ret, struct error *error)
{
    json_t *value = json_object_get(object, key);

    if (!value)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return wrong(error, key, "a number");
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_range(json_t *item, struct hypervisor_iomem *iomem, struct error *error)
{
    uint64_t start = 0, number = 0, place;
    int r;

    if (!json_is_object(item))
        return wrong(error, "iomem", "an array of objects");
    r = read_number(item, "start", &start, error);
    place = start;
    if (r == 0)
        r = read_number(item, "number", &number, error);
    if (r == 0)
        r = read_number(item, "gfn", &place, error);
    iomem->frames = (struct mfn_range){ mfn(start), number };
    iomem->gfn = gfn(place);
    return r;
}

static int read_iomem(json_t *b_info, struct plan *plan, struct error *error)
{
    json_t *array = json_object_get(b_info, "iomem"), *item;
    size_t i;
    int r = 0;

    if (array && !json_is_array(array))
        return wrong(error, "iomem", "an array");
    plan->iomem = calloc(json_array_size(array) + 1, sizeof(*plan->iomem));
    if (!plan->iomem)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory");
    json_array_foreach(array, i, item) {
        if (r == 0)
            r = read_range(item, &plan->iomem[plan->iomem_count], error);
        if (r == 0 && mfn_range_valid(plan->iomem[plan->iomem_count].frames))
            plan->iomem_count++;
    }
    return r;
}

static int make_uuid(json_t *c_info, uint8_t uuid[static UUID_SIZE])
{
    char text[UUID_TEXT_SIZE];

    if (getrandom(uuid, UUID_SIZE, 0) != UUID_SIZE)
        return -errno;
    uuid[6] = (uint8_t)(0x40 | (uuid[6] & 0x0f));
    uuid[8] = (uint8_t)(0x80 | (uuid[8] & 0x3f));
    return json_object_set_new(c_info, "uuid", json_string(uuid_format(uuid, text)));
}

static int read_uuid(json_t *c_info, uint8_t uuid[static UUID_SIZE], struct error *error)
{
    static const uint8_t none[UUID_SIZE];
    const char *text = NULL;
    int r;

    r = read_text(c_info, "uuid", &text, error);
    if (r)
        return r;
    if (text && uuid_parse(text, uuid) < 0)
        return wrong(error, "uuid", "a UUID");
    if (memcmp(uuid, none, UUID_SIZE) == 0 && make_uuid(c_info, uuid) < 0)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "no UUID can be made up");
    return 0;
}

static int read_c_info(json_t *c_info, struct plan *plan, struct error *error)
{
    const char *type = "pvh";
    int r;

    r = read_text(c_info, "name", &plan->name, error);
    if (r == 0)
        r = read_text(c_info, "type", &type, error);
    if (r == 0)
        r = read_uuid(c_info, plan->uuid, error);
    if (r == 0 && strcmp(type, "pvh") != 0 && strcmp(type, "pv") != 0 && strcmp(type, "hvm") != 0)
        return wrong(error, "type", "\"pvh\", \"pv\" or \"hvm\"");
    plan->firmware = strcmp(type, "hvm") == 0;
    return r;
}

static int read_b_info(json_t *b_info, struct sim_config *config, struct error *error)
{
    struct plan *plan = &config->plan;
    const struct {
        const char *key, **text;
    } texts[] = {
        { "bootloader", &plan->bootloader },   { "kernel", &plan->kernel },
        { "ramdisk", &plan->ramdisk },         { "cmdline", &plan->cmdline },
        { "device_tree", &plan->device_tree },
    };
    int r;

    plan->max_memory = DEFAULT_MEMORY;
    r = read_number(b_info, "max_memkb", &plan->max_memory, error);
    config->memory = plan->max_memory;
    if (r == 0)
        r = read_number(b_info, "target_memkb", &config->memory, error);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && r == 0; i++)
        r = read_text(b_info, texts[i].key, texts[i].text, error);
    return r ? r : read_iomem(b_info, plan, error);
}

static int read_actions(json_t *config, struct plan *plan, struct error *error)
{
    int r = 0;

    for (int event = 0; event < PLAN_EVENTS && r == 0; event++) {
        const char *action = NULL;
        char key[24];

        snprintf(key, sizeof(key), "on_%s", plan_events[event]);
        r = read_text(config, key, &action, error);
        if (r == 0 && action)
            r = plan_set_action(plan, (enum plan_event)event, action, error);
    }
    return r;
}

int sim_config_read(json_t *config, struct sim_config *ret, struct error *error)
{
    json_t *c_info = json_object_get(config, "c_info"), *b_info = json_object_get(config, "b_info");
    json_t *pcidevs = json_object_get(config, "pcidevs");
    int r;

    if (!json_is_object(c_info))
        return wrong(error, "c_info", "an object");
    if (!json_is_object(b_info))
        return wrong(error, "b_info", "an object");
    if (pcidevs && !json_is_array(pcidevs))
        return wrong(error, "pcidevs", "an array");
    ret->plan.pci = json_array_size(pcidevs) > 0;
    r = read_c_info(c_info, &ret->plan, error);
    if (r == 0)
        r = read_b_info(b_info, ret, error);
    return r ? r : read_actions(config, &ret->plan, error);
}

/* The member of that name, made if it is missing. */
static json_t *member(json_t *object, const char *key, json_t *(*make)(void))
{
    if (!json_object_get(object, key))
        json_object_set_new(object, key, make());
    return json_object_get(object, key);
}

static int add_share(json_t *iomem, json_t *xsdata, const struct share *share)
{
    struct share_nodes nodes;
    char key[128];
    int r = 0;

    if (share->map)
        r = json_array_append_new(iomem, json_pack("{s:I, s:I, s:I}", "start",
                                                   (json_int_t)share->frames.first.v, "number",
                                                   (json_int_t)share->frames.count, "gfn",
                                                   (json_int_t)share->first.v));
    share_describe(share, &nodes);
    for (size_t i = 0; i < SHARE_NODES && r == 0; i++) {
        snprintf(key, sizeof(key), SHARE_FOLDER "%s/%s", share->segment, nodes.keys[i]);
        r = json_object_set_new(xsdata, key, json_string(nodes.values[i]));
    }
    return r;
}

/* What an earlier life of the guest has had. */
static void drop_shares(json_t *xsdata)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(xsdata, next, key,
                             value) if (strncmp(key, SHARE_FOLDER, strlen(SHARE_FOLDER)) == 0)
        json_object_del(xsdata, key);
}

int sim_config_add(json_t *config, const struct build_order *order)
{
    json_t *b_info = json_object_get(config, "b_info");
    json_t *iomem = member(b_info, "iomem", json_array);
    json_t *xsdata = member(json_object_get(config, "c_info"), "xsdata", json_object);
    int r = 0;

    drop_shares(xsdata);
    for (size_t i = 0; i < order->share_count && r == 0; i++)
        r = add_share(iomem, xsdata, &order->shares[i]);
    if (r == 0 && order->share_count > 0)
        r = json_object_set_new(b_info, "device_tree", json_string(order->tree));
    if (r == 0 && order->cmdline)
        r = json_object_set_new(b_info, "cmdline", json_string(order->cmdline));
    return r < 0 ? -ENOMEM : 0;
}
