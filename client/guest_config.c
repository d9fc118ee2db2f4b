/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_config.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define STEPS_MAX 4

/*
 * The members of libxl_types.idl that libxl or QEMU opens as files of Dom0, the same from Xen 4.17
 * to 4.21. A keyed union is a member "KEY.VALUE"; an array stands for each of its items.
 */
static const char *const paths[][STEPS_MAX + 1] = {
    { "b_info", "kernel" },
    { "b_info", "ramdisk" },
    { "b_info", "device_tree" },
    { "b_info", "bootloader" },
    { "b_info", "device_model" },
    { "b_info", "stubdomain_kernel" },
    { "b_info", "stubdomain_ramdisk" },
    { "b_info", "type.hvm", "system_firmware" },
    { "b_info", "type.hvm", "smbios_firmware" },
    { "b_info", "type.hvm", "acpi_firmware" },
    { "b_info", "type.hvm", "sdl", "xauthority" },
    { "b_info", "type.pvh", "pvshim_path" },
    { "disks", "pdev_path" },
    { "disks", "active_disk" },
    { "disks", "hidden_disk" },
    { "p9s", "path" },
    { "vfbs", "sdl", "xauthority" },
    { "channels", "connection.socket", "path" },
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* A device whose other half is in a driver domain: its paths are that domain's. */
static bool is_elsewhere(const json_t *device)
{
    const char *name = text_of(device, "backend_domname");

    return json_integer_value(json_object_get(device, "backend_domid")) != 0 ||
           (*name && strcmp(name, "Domain-0") != 0 && strcmp(name, "0") != 0);
}

/* As QEMU sees it: "nbd:host:port". */
static bool has_protocol(const char *target)
{
    return target[strcspn(target, ":/")] == ':';
}

static bool is_relative_path(const json_t *object, const char *key)
{
    const char *path = text_of(object, key);

    if (*path == '\0' || *path == '/')
        return false;
    if (strcmp(key, "bootloader") == 0)
        return strchr(path, '/') != NULL;
    if (strcmp(key, "pdev_path") == 0)
        return *text_of(object, "script") == '\0' &&
               (strcmp(text_of(object, "backend"), "qdisk") != 0 || !has_protocol(path));
    return true;
}

static int resolve_member(json_t *object, const char *key, const char *folder)
{
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    json_t *path;

    if (!is_relative_path(object, key))
        return 0;
    path = json_sprintf("%s%s%s", folder, slash, text_of(object, key));
    return json_object_set_new(object, key, path) ? -ENOMEM : 0;
}

static int resolve(json_t *value, const char *const *steps, const char *folder)
{
    json_t *item;
    size_t i;
    int r = 0;

    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
            if (r == 0)
                r = resolve(item, steps, folder);
        return r;
    }
    if (is_elsewhere(value))
        return 0;
    if (!steps[1])
        return resolve_member(value, steps[0], folder);
    return resolve(json_object_get(value, steps[0]), steps + 1, folder);
}

int guest_config_resolve(json_t *config, const char *folder)
{
    int r = 0;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && r == 0; i++)
        r = resolve(config, paths[i], folder);
    return r;
}
