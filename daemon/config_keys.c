/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config_keys.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config_value.h"
#include "range.h"
#include "size.h"

/* What a key's value is turned into. */
enum kind {
    TEXT,
    GROUP,
    LIST,
    COUNT,
    QUOTA,
    QUOTA_SIZE,
    BACKLOG,
    MEMORY,
    SECONDS,
    TIMEOUT,
    COMPATIBLE,
    LEVEL,
    HOLDERS,
};

struct key {
    const char *section;
    const char *name;
    enum kind kind;
    size_t offset;
};

/* clang-format off */
#define KEY(section, name, kind, member) { section, name, kind, offsetof(struct config, member) }
/* clang-format on */

static const struct key keys[] = {
    KEY("daemon", "state-dir", TEXT, state_dir),
    KEY("daemon", "socket", TEXT, socket),
    KEY("daemon", "builder-socket", TEXT, builder_socket),
    KEY("daemon", "log-level", LEVEL, log_level),
    KEY("daemon", "holder-wait", SECONDS, holder_wait),
    KEY("daemon", "unknown-holders", HOLDERS, unknown_holders),
    KEY("daemon", "restart-grace", SECONDS, restart_grace),
    KEY("daemon", "builder-timeout", TIMEOUT, builder_timeout),
    KEY("daemon", "overflow-wait", SECONDS, overflow_wait),
    KEY("daemon", "guest-compatible", COMPATIBLE, guest_compatible),
    KEY("daemon", "admin-group", GROUP, admin_group),
    KEY("daemon", "operate-group", GROUP, operate_group),
    KEY("daemon", "read-group", GROUP, read_group),
    KEY("limits", "connections", COUNT, connections),
    KEY("limits", "segments", COUNT, segments),
    KEY("limits", "attachments", COUNT, attachments),
    KEY("limits", "operations", COUNT, operations),
    KEY("limits", "builders", COUNT, builders),
    KEY("limits", "event-backlog", BACKLOG, event_backlog),
    KEY("limits", "line-memory", MEMORY, line_memory),
    KEY("limits", "reply-memory", MEMORY, reply_memory),
    KEY("quotas", "connections", QUOTA, quotas.connections),
    KEY("quotas", "segments", QUOTA, quotas.segments),
    KEY("quotas", "memory", QUOTA_SIZE, quotas.memory),
    KEY("quotas", "requests", QUOTA, quotas.requests),
    KEY("pools", "names", LIST, pool_names),
    KEY("pools", "compatibles", LIST, pool_compatibles),
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* ---- setting */

static int set_holders(bool *target, const char *value)
{
    if (strcmp(value, "refuse") != 0 && strcmp(value, "ignore") != 0)
        return -EINVAL;
    *target = value[0] == 'i';
    return 0;
}

/* A compatible string of a device tree that may also stand in a kernel's arguments. */
static int set_compatible(char **target, const char *value)
{
    size_t length = strlen(value);

    if (length == 0 || length >= CONFIG_COMPATIBLE_MAX ||
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,._+-") !=
            length)
        return -EINVAL;
    return config_set_text(target, value);
}

/* Nothing is nobody. */
static int set_group(char **target, const char *value)
{
    char *text = strdup(value);

    if (!text)
        return -ENOMEM;
    free(*target);
    *target = text;
    return 0;
}

static bool is_none(const char *value)
{
    return strcmp(value, "none") == 0 || strcmp(value, "0") == 0;
}

static int set_quota(uint64_t *target, const char *value)
{
    if (!is_none(value))
        return config_set_number(target, value, 1, 1000000, 1);
    *target = 0;
    return 0;
}

static int set_quota_size(uint64_t *target, const char *value)
{
    if (!is_none(value))
        return config_set_size(target, value, PAGE_SIZE, SIZE_LIMIT);
    *target = 0;
    return 0;
}

static int set_key(struct config *config, const struct key *key, const char *value)
{
    void *target = (char *)config + key->offset;

    switch (key->kind) {
    case TEXT:
        return config_set_text(target, value);
    case GROUP:
        return set_group(target, value);
    case LIST:
        return config_set_list(target, value);
    case QUOTA:
        return set_quota(target, value);
    case QUOTA_SIZE:
        return set_quota_size(target, value);
    case COUNT:
        return config_set_number(target, value, 1, 1000000, 1);
    case BACKLOG:
        return config_set_size(target, value, 64 * 1024, 64 * 1024 * 1024);
    case MEMORY:
        return config_set_size(target, value, 1024 * 1024, 1024 * 1024 * 1024);
    case SECONDS:
        return config_set_number(target, value, 0, 3600, 1000);
    case TIMEOUT:
        return config_set_number(target, value, 1, 3600, 1000);
    case COMPATIBLE:
        return set_compatible(target, value);
    case LEVEL:
        return log_level_parse(value, target);
    case HOLDERS:
        return set_holders(target, value);
    }
    return -EINVAL;
}

int config_keys_set(struct config *config, const char *section, const char *name, const char *value)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
            return set_key(config, &keys[i], value);
    return -ENOENT;
}

/* ---- showing */

static void show_number(const struct key *key, uint64_t number, FILE *out)
{
    config_show_number(out, key->name, key->kind == COUNT ? number : number / 1000);
}

static void show_quota(const struct key *key, uint64_t quota, FILE *out)
{
    if (quota == 0)
        config_show_text(out, key->name, "none");
    else if (key->kind == QUOTA_SIZE)
        config_show_size(out, key->name, quota);
    else
        config_show_number(out, key->name, quota);
}

static void show_key(const struct config *config, const struct key *key, FILE *out)
{
    const void *value = (const char *)config + key->offset;

    switch (key->kind) {
    case TEXT:
    case GROUP:
    case COMPATIBLE:
        config_show_text(out, key->name, *(char *const *)value);
        break;
    case LIST:
        config_show_list(out, key->name, *(char **const *)value);
        break;
    case QUOTA:
    case QUOTA_SIZE:
        show_quota(key, *(const uint64_t *)value, out);
        break;
    case BACKLOG:
    case MEMORY:
        config_show_size(out, key->name, *(const uint64_t *)value);
        break;
    case COUNT:
    case SECONDS:
    case TIMEOUT:
        show_number(key, *(const uint64_t *)value, out);
        break;
    case LEVEL:
        config_show_text(out, key->name, log_level_name(*(const enum log_level *)value));
        break;
    case HOLDERS:
        config_show_text(out, key->name, *(const bool *)value ? "ignore" : "refuse");
        break;
    }
}

void config_keys_show(const struct config *config, FILE *out)
{
    const char *section = "";

    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, section) != 0)
            fprintf(out, "%s[%s]\n", i ? "\n" : "", keys[i].section);
        section = keys[i].section;
        show_key(config, &keys[i], out);
    }
}
