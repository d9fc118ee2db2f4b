/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps about UIO: its modules, what they were told, the devices that came of it. Which
 * devices can be pools is judged by the daemon's own code, uio.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "doctor.h"
#include "print.h"
#include "sysfs.h"

#define DRIVER "/sys/bus/platform/drivers/uio_pdrv_genirq"
#define PARAMETER "/sys/module/uio_pdrv_genirq/parameters/of_id"
#define DEVICES_MAX 10000
#define ADD_ARGUMENT                                                                               \
    "add uio_pdrv_genirq.of_id=uio-dev to Dom0's kernel arguments (xen,dom0-bootargs), or "        \
    "'options uio_pdrv_genirq of_id=uio-dev' to a file in /etc/modprobe.d"
#define LOAD_AGAIN                                                                                 \
    "modprobe -r uio_pdrv_genirq && modprobe uio_pdrv_genirq; insmod does not look at the kernel " \
    "command line"

/* What is built into the kernel need not show up below /sys/module. */
static bool has_module(struct doctor *doctor, const char *module, const char *trace)
{
    char path[128];

    snprintf(path, sizeof(path), "/sys/module/%s", module);
    doctor_look_at(doctor, "%s", path);
    if (doctor_is_directory(doctor, path) || doctor_is_directory(doctor, trace)) {
        doctor_found(doctor, DOCTOR_OK, "is there");
        return true;
    }
    snprintf(path, sizeof(path),
             "modprobe %s, also at boot; CONFIG_%s=m if there is no such module", module,
             strcmp(module, "uio") == 0 ? "UIO" : "UIO_PDRV_GENIRQ");
    doctor_blame(doctor, DOCTOR_PROBLEM, path, "the module is not loaded");
    return false;
}

void doctor_check_modules(struct doctor *doctor)
{
    (void)has_module(doctor, "uio", "/sys/class/uio");
    if (has_module(doctor, "uio_pdrv_genirq", DRIVER))
        doctor->facts |= DOCTOR_DRIVER;
}

/* ---- of_id */

/* The last uio_pdrv_genirq.of_id= counts; the kernel takes '-' for '_' there. */
static void find_argument(const char *line, char value[static DOCTOR_OF_ID_MAX])
{
    static const char name[] = "uio_pdrv_genirq.of_id=";

    for (const char *p = line; *p; p += strcspn(p, " \t\n")) {
        size_t i = 0, length;

        p += strspn(p, " \t\n");
        while (name[i] && (p[i] == name[i] || (name[i] == '_' && p[i] == '-')))
            i++;
        if (name[i])
            continue;
        length = strcspn(p + i, " \t\n");
        if (length < DOCTOR_OF_ID_MAX)
            snprintf(value, DOCTOR_OF_ID_MAX, "%.*s", (int)length, p + i);
    }
}

/*
 * What of_id= must have been, by a device that the driver has taken: `wanted` when that is one of
 * its compatible strings, otherwise the first of them. Mainline kernels do not show the parameter,
 * so that this is all one can see; and nothing when a device was bound to the driver by hand.
 */
static void find_taken(struct doctor *doctor, const char *wanted,
                       char of_id[static DOCTOR_OF_ID_MAX])
{
    _cleanup_(cleanup_closedir) DIR *dir = NULL;
    char path[PATH_MAX], list[4096];
    struct dirent *entry;
    size_t length;

    of_id[0] = '\0';
    if (sysfs_open_directory(doctor->root, DRIVER, &dir) != 0)
        return;
    for (unsigned i = 0; !of_id[0] && i < DEVICES_MAX && (entry = readdir(dir)); i++) {
        if (sysfs_path(path, DRIVER "/%s/of_node/compatible", entry->d_name) != 0 ||
            sysfs_resolve(doctor->root, path, path) != 0)
            continue;
        if (wanted[0] && sysfs_list_has(doctor->root, path, wanted))
            strcpy(of_id, wanted);
        else if (!wanted[0] && sysfs_read(doctor->root, path, list, sizeof(list), &length) == 0)
            snprintf(of_id, DOCTOR_OF_ID_MAX, "%.*s", DOCTOR_OF_ID_MAX - 1, list);
    }
}

static void judge_missing_argument(struct doctor *doctor, const char *in_effect)
{
    if (in_effect[0])
        doctor_found(doctor, DOCTOR_OK,
                     "no uio_pdrv_genirq.of_id= there, but the driver was loaded with %s",
                     in_effect);
    else
        doctor_blame(doctor, DOCTOR_PROBLEM, ADD_ARGUMENT,
                     "no uio_pdrv_genirq.of_id=, without which the driver takes no device");
}

static void judge_argument(struct doctor *doctor, const char *in_effect)
{
    if (!(doctor->facts & DOCTOR_DRIVER))
        doctor_found(doctor, DOCTOR_OK, "uio_pdrv_genirq.of_id=%s, once the driver is loaded",
                     doctor->of_id);
    else if (in_effect[0] && strcmp(in_effect, doctor->of_id) != 0)
        doctor_blame(doctor, DOCTOR_PROBLEM, LOAD_AGAIN,
                     "uio_pdrv_genirq.of_id=%s, but in effect is %s", doctor->of_id, in_effect);
    else
        doctor_found(doctor, DOCTOR_OK, "uio_pdrv_genirq.of_id=%s%s", doctor->of_id,
                     in_effect[0] ? ", in effect" : "");
}

void doctor_check_of_id(struct doctor *doctor)
{
    char line[16384], in_effect[DOCTOR_OF_ID_MAX] = "";
    bool readable = doctor_read_text(doctor, "/proc/cmdline", line, sizeof(line)) == 0;

    if (readable)
        find_argument(line, doctor->of_id);
    if (doctor_read_text(doctor, PARAMETER, in_effect, sizeof(in_effect)) != 0)
        find_taken(doctor, doctor->of_id, in_effect);
    if (doctor->of_id[0]) {
        judge_argument(doctor, in_effect);
    } else if (!readable && !in_effect[0]) {
        doctor_blame(doctor, DOCTOR_WARNING, ADD_ARGUMENT, "cannot be read or makes no sense");
    } else {
        judge_missing_argument(doctor, in_effect);
        strcpy(doctor->of_id, in_effect);
    }
}

/* ---- devices */

static void judge_device_node(struct doctor *doctor, const struct uio_map *map)
{
    char size[SIZE_TEXT_MAX];

    doctor_look_at(doctor, "%s", map->device);
    if (doctor_exists(doctor, map->device))
        doctor_found(doctor, DOCTOR_OK, "%s, map %u: %s at 0x%" PRIx64, map->name, map->map_index,
                     print_size(pages_to_bytes(map->frames.count), size),
                     mfn_address(map->frames.first));
    else
        doctor_blame(doctor, DOCTOR_PROBLEM,
                     "mount devtmpfs at /dev, or run udev or mdev, before xenshmd starts",
                     "%s, map %u, is in /sys/class/uio, but the device file is missing", map->name,
                     map->map_index);
}

/* "what is wrong: the remedy", as uio.h says. */
static void judge_refused(struct doctor *doctor, const struct uio_map *map)
{
    const char *colon = map->refusal;

    for (const char *p = map->refusal; (p = strstr(p, ": ")); p += 2)
        colon = p;
    doctor_look_at(doctor, "%s", map->device);
    doctor_blame(doctor, DOCTOR_PROBLEM, colon + strspn(colon, ": "), "%s cannot be a pool: %.*s",
                 map->name, (int)(colon - map->refusal), map->refusal);
}

static void judge_map(struct doctor *doctor, const struct uio_map *map)
{
    if (map->refusal[0])
        judge_refused(doctor, map);
    else
        judge_device_node(doctor, map);
}

/* The default pattern, and what the daemon calls its pools: its configuration may name others. */
static int discover(struct doctor *doctor)
{
    size_t count = json_array_size(doctor->pools), known = 1;
    _cleanup_(cleanup_free) const char **names = calloc(count + 2, sizeof(*names));
    struct uio_match match = { .names = names };

    if (!names)
        return -ENOMEM;
    names[0] = "shared_mem*";
    for (size_t i = 0; i < count; i++) {
        const char *name =
            json_string_value(json_object_get(json_array_get(doctor->pools, i), "name"));

        if (name)
            names[known++] = name;
    }
    return uio_discover(doctor->root, &match, &doctor->maps);
}

void doctor_check_uio(struct doctor *doctor)
{
    int r = discover(doctor);

    if (r == -ENOENT)
        doctor_found(doctor, DOCTOR_SKIPPED, "there is no UIO, see 'modules'");
    else if (r == -ENOMEM)
        doctor->failed = true;
    else if (r < 0)
        doctor_blame(doctor, DOCTOR_PROBLEM, "make it readable, or ask as root",
                     "cannot be read (%s)", strerror(-r));
    else if (doctor->maps.count == 0)
        doctor_blame(doctor, DOCTOR_PROBLEM,
                     "correct what the steps before this one found; for nodes of other names see "
                     "[pools] in /etc/xenshmd/xenshmd.conf",
                     "no UIO device is called shared_mem*");
    for (size_t i = 0; i < doctor->maps.count; i++) {
        const struct uio_map *map = &doctor->maps.items[i];

        if (map->frames.count > 0)
            doctor_add_pages(doctor, map->name, map->frames);
        if (map->ram)
            judge_device_node(doctor, map); /* the step 'ram' tells the rest */
        else
            judge_map(doctor, map);
    }
}
