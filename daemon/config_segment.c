/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config_segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config_value.h"
#include "range.h"
#include "size.h"
#include "uuid.h"

#define OUT_OF_MEMORY "out of memory"

/* Each returns NULL, or why the value cannot be taken. */
typedef const char *set_fn(struct config_order *order, const char *value);
typedef void show_fn(const struct config_order *order, const char *key, FILE *out);

const char *config_segment_name(const char *section)
{
    if (strcmp(section, "segment") == 0)
        return "";
    return strncmp(section, "segment ", 8) == 0 ? section + 8 : NULL;
}

static const struct config_order *find_order(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->order_count; i++)
        if (strcmp(config->orders[i].name, name) == 0)
            return &config->orders[i];
    return NULL;
}

static int add_order(struct config *config, const char *name, int line)
{
    struct config_order *orders =
        reallocarray(config->orders, config->order_count + 1, sizeof(*orders));
    struct config_order *order;

    if (!orders)
        return -1;
    config->orders = orders;
    order = &orders[config->order_count];
    *order = (struct config_order){ .name = strdup(name), .line = line };
    order->guests = config_split_list("");
    /* Counted in either case: config_segments_clear() frees it. */
    config->order_count++;
    return order->name && order->guests ? 0 : -1;
}

int config_segment_begin(struct config *config, const char *name, int line, struct error *error)
{
    const struct config_order *other;

    if (!params_name_valid(name))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "segment: '%s' is not a name: a letter or digit, then up to %d letters, "
                         "digits, '.', '_' or '-'",
                         name, PARAMS_NAME_MAX - 1);
    other = find_order(config, name);
    if (other)
        return error_set(error, XENSHM_CONFIG_INVALID, "segment: '%s' is in line %d already", name,
                         other->line);
    if (add_order(config, name, line) < 0)
        return error_set(error, XENSHM_CONFIG_INVALID, "segment: " OUT_OF_MEMORY);
    return 0;
}

static const char *set_size(struct config_order *order, const char *value)
{
    uint64_t size;

    if (size_parse(value, &size) != 0 || bytes_to_pages(size) > SIZE_LIMIT / PAGE_SIZE)
        return "not a size above 0, like 65536, 64K, 2M or 1G";
    order->size = pages_to_bytes(bytes_to_pages(size));
    return NULL;
}

static const char *set_align(struct config_order *order, const char *value)
{
    uint64_t align;

    if (size_parse(value, &align) != 0 || align < PAGE_SIZE || (align & (align - 1)))
        return "not a power of two from 4K on";
    order->align = align;
    return NULL;
}

static const char *set_pool(struct config_order *order, const char *value)
{
    int r = config_set_text(&order->pool, value);

    return r == 0 ? NULL : r == -ENOMEM ? OUT_OF_MEMORY : "the name of a pool is missing";
}

static const char *set_address(struct config_order *order, const char *value)
{
    uint64_t address = 0;

    if (strcmp(value, "identity") == 0) {
        order->address = (struct params_address){ PARAMS_ADDRESS_IDENTITY, 0 };
        return NULL;
    }
    if (params_parse_address(value, &address) < 0 || !page_aligned(address) || address == 0)
        return "not the address of a page like 0x3a000000, nor 'identity'";
    order->address = (struct params_address){ PARAMS_ADDRESS_GIVEN, address };
    return NULL;
}

/* Two texts that can only mean one guest. */
static bool same_guest(const char *a, const char *b)
{
    uint8_t a_uuid[UUID_SIZE], b_uuid[UUID_SIZE];

    if (uuid_parse(a, a_uuid) == 0 && uuid_parse(b, b_uuid) == 0)
        return memcmp(a_uuid, b_uuid, UUID_SIZE) == 0;
    return strcmp(a, b) == 0;
}

static bool is_dom0(const char *guest)
{
    static const uint8_t dom0[UUID_SIZE];
    uint8_t uuid[UUID_SIZE];

    return strcmp(guest, "Domain-0") == 0 || strspn(guest, "0") == strlen(guest) ||
           (uuid_parse(guest, uuid) == 0 && memcmp(uuid, dom0, UUID_SIZE) == 0);
}

static const char *guests_fault(char *const *guests)
{
    for (char *const *guest = guests; *guest; guest++) {
        if (is_dom0(*guest))
            return "Dom0 is not a guest; it has the pages of every pool in its UIO device";
        /* It would mean another guest after each start of one. */
        if (strspn(*guest, "0123456789") == strlen(*guest))
            return "a guest goes by name or UUID here, not by domid";
        if (strlen(*guest) >= PARAMS_GUEST_MAX)
            return "the name of a guest is too long";
        for (char *const *earlier = guests; earlier < guest; earlier++)
            if (same_guest(*earlier, *guest))
                return "a guest is listed twice";
    }
    return NULL;
}

static const char *set_guests(struct config_order *order, const char *value)
{
    if (config_set_list(&order->guests, value) < 0)
        return OUT_OF_MEMORY;
    return guests_fault(order->guests);
}

static void show_size(const struct config_order *order, const char *key, FILE *out)
{
    config_show_size(out, key, order->size);
}

static void show_pool(const struct config_order *order, const char *key, FILE *out)
{
    config_show_text(out, key, order->pool);
}

static void show_align(const struct config_order *order, const char *key, FILE *out)
{
    if (order->align)
        config_show_size(out, key, order->align);
    else
        config_show_text(out, key, NULL);
}

static void show_guests(const struct config_order *order, const char *key, FILE *out)
{
    config_show_list(out, key, order->guests);
}

static void show_address(const struct config_order *order, const char *key, FILE *out)
{
    if (order->address.kind == PARAMS_ADDRESS_GIVEN)
        fprintf(out, "%s = 0x%" PRIx64 "\n", key, order->address.value);
    else
        config_show_text(out, key,
                         order->address.kind == PARAMS_ADDRESS_IDENTITY ? "identity" : NULL);
}

static const struct {
    const char *name;
    set_fn *set;
    show_fn *show;
} keys[] = {
    { "size", set_size, show_size },          { "pool", set_pool, show_pool },
    { "align", set_align, show_align },       { "guests", set_guests, show_guests },
    { "address", set_address, show_address },
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

int config_segment_set(struct config *config, const char *key, const char *value,
                       struct error *error)
{
    const char *why = "not a key of a segment";

    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].name, key) == 0)
            why = keys[i].set(&config->orders[config->order_count - 1], value);
    return why ? error_set(error, XENSHM_CONFIG_INVALID, "%s: %s", key, why) : 0;
}

int config_segment_check(const struct config *config, int *ret_line, struct error *error)
{
    for (size_t i = 0; i < config->order_count; i++)
        if (config->orders[i].size == 0) {
            *ret_line = config->orders[i].line;
            return error_set(error, XENSHM_CONFIG_INVALID, "size: segment '%s' has none",
                             config->orders[i].name);
        }
    return 0;
}

void config_segments_show(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < config->order_count; i++) {
        fprintf(out, "\n[segment %s]\n", config->orders[i].name);
        for (size_t k = 0; k < KEY_COUNT; k++)
            keys[k].show(&config->orders[i], keys[k].name, out);
    }
}

void config_segments_clear(struct config *config)
{
    for (size_t i = 0; i < config->order_count; i++) {
        free(config->orders[i].name);
        free(config->orders[i].pool);
        config_free_list(config->orders[i].guests);
    }
    free(config->orders);
    config->orders = NULL;
    config->order_count = 0;
}
