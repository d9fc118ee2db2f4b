/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The step about the device tree: the nodes that are meant for pools, and what the kernel made of
 * them. The tree is read as files, as the kernel shows it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "cells.h"
#include "cleanup.h"
#include "doctor.h"
#include "print.h"
#include "sysfs.h"

/* No tree of a board comes near. */
#define DEPTH_MAX 16
#define NODES_MAX 20000
#define MEANT_MAX 200
#define DEVICES_MAX 20000

/* Of one UIO device, by the kernel's MAX_UIO_MAPS. */
#define UIO_MAPS_MAX 5

#define DRIVER "uio_pdrv_genirq"

/* A walk over all nodes; `path` is the present one's. */
struct walk {
    struct doctor *doctor;
    char path[PATH_MAX];
    unsigned nodes; /* seen */
    unsigned meant; /* for pools */
};

/* A node that is meant for a pool. */
struct node {
    struct doctor *doctor;
    const char *path;
    const char *name;         /* with unit address */
    enum doctor_status blame; /* of what is wrong with it */
    unsigned faults;
};

/* ---- one node */

static void fault(struct node *node, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fault(struct node *node, const char *remedy, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    node->faults++;
    doctor_blame(node->doctor, node->blame, remedy, "%s", text);
}

/* The path of a property of the node. */
static const char *property(const struct node *node, const char *name, char path[static PATH_MAX])
{
    return sysfs_path(path, "%s/%s", node->path, name) == 0 ? path : "";
}

static void judge_place(struct node *node)
{
    char path[PATH_MAX], status[32];

    if (strstr(node->path, "/reserved-memory/"))
        fault(node, "make it a top-level node, and end the memory node before its pages",
              "lies under /reserved-memory, where Xen gives Dom0 no right to the pages");
    if (doctor_exists(node->doctor, property(node, "xen,passthrough", path)))
        fault(node, "remove the property",
              "has xen,passthrough, which takes the pages away from Dom0");
    if (!doctor_exists(node->doctor, property(node, "status", path)))
        return;
    /* The text ends with a NUL. */
    if (sysfs_list_has(node->doctor->root, path, "okay") ||
        sysfs_list_has(node->doctor->root, path, "ok"))
        return;
    status[0] = '\0';
    (void)sysfs_read(node->doctor->root, path, status, sizeof(status), &(size_t){ 0 });
    status[sizeof(status) - 1] = '\0';
    /* Of xen,passthrough only this reaches Dom0: write_properties() in Xen's domain_build.c. */
    if (node->doctor->facts & DOCTOR_XEN && strcmp(status, "disabled") == 0)
        fault(node,
              "in the tree that Xen is started with, remove its xen,passthrough if it has one, "
              "otherwise set its status to \"okay\", or remove the property",
              "has the status \"disabled\", which Xen also gives to a node with xen,passthrough");
    else
        fault(node, "set its status to \"okay\", or remove the property", "has the status \"%s\"",
              status);
}

static void judge_compatible(struct node *node)
{
    const char *of_id = node->doctor->of_id;
    char path[PATH_MAX], remedy[256];

    if (!of_id[0] || sysfs_list_has(node->doctor->root, property(node, "compatible", path), of_id))
        return;
    snprintf(remedy, sizeof(remedy), "make it compatible = \"%.100s\"", of_id);
    fault(node, remedy, "is not compatible with %s, which " DRIVER " takes", of_id);
}

/* Its ranges are host addresses where it stands at the top of the tree. */
static void take_range(struct node *node, uint64_t address, uint64_t size)
{
    bool pool = doctor_is_pool_name(node->doctor, node->name);
    uint64_t first = address >> PAGE_SHIFT, last;
    char name[128];

    if (size == 0 || size - 1 > UINT64_MAX - address ||
        strrchr(node->path, '/') != node->path + strlen(node->doctor->tree))
        return;
    /* The driver rounds to whole pages: what else they hold would be shared. */
    if (pool && ((address | size) & PAGE_MASK) != 0)
        fault(node, "make address and size multiples of 0x1000",
              "0x%" PRIx64 " bytes at 0x%" PRIx64 " are not whole pages", size, address);
    last = (address + (size - 1)) >> PAGE_SHIFT;
    snprintf(name, sizeof(name), "%s", node->name);
    if (pool)
        doctor_add_pages(node->doctor, name, (struct mfn_range){ mfn(first), last - first + 1 });
}

static void judge_reg(struct node *node)
{
    const char *remedy = "give it reg = <address size>, in the cells that its parent says";
    struct cells reg;
    char path[PATH_MAX], parent[PATH_MAX];
    unsigned a, s;

    if (sysfs_path(parent, "%.*s", (int)(strrchr(node->path, '/') - node->path), node->path) != 0)
        return;
    if (cells_read(node->doctor->root, property(node, "reg", path), &reg) != 0 ||
        !cells_widths(node->doctor->root, parent, &a, &s) || reg.count % (a + s) != 0) {
        fault(node, remedy, "its reg is missing or makes no sense");
        return;
    }
    if (reg.count / (a + s) > UIO_MAPS_MAX)
        fault(node, "spread the ranges over several nodes",
              "has %zu ranges, of which UIO shows the first %d", reg.count / (a + s), UIO_MAPS_MAX);
    for (size_t i = 0; i < reg.count; i += a + s)
        take_range(node, cells_value(&reg, i, a), cells_value(&reg, i + a, s));
}

/* ---- its driver */

/* Does this platform device stand for the node? */
static bool stands_for(struct doctor *doctor, const char *device, const char *node)
{
    char path[PATH_MAX];

    return sysfs_path(path, "/sys/bus/platform/devices/%s/of_node", device) == 0 &&
           sysfs_resolve(doctor->root, path, path) == 0 && strcmp(path, node) == 0;
}

/* The driver of the node's platform device; "" when it has none. False: there is no device. */
static bool find_driver(const struct node *node, char driver[static NAME_MAX + 1])
{
    _cleanup_(cleanup_closedir) DIR *dir = NULL;
    struct doctor *doctor = node->doctor;
    struct dirent *entry;
    char path[PATH_MAX];

    driver[0] = '\0';
    if (sysfs_open_directory(doctor->root, "/sys/bus/platform/devices", &dir) != 0)
        return false;
    for (unsigned i = 0; i < DEVICES_MAX && (entry = readdir(dir)); i++) {
        if (entry->d_name[0] == '.' || !stands_for(doctor, entry->d_name, node->path))
            continue;
        if (sysfs_path(path, "/sys/bus/platform/devices/%s/driver", entry->d_name) == 0 &&
            sysfs_resolve(doctor->root, path, path) == 0 && strrchr(path, '/'))
            snprintf(driver, NAME_MAX + 1, "%s", strrchr(path, '/') + 1);
        return true;
    }
    return false;
}

static void judge_driver(struct node *node)
{
    char driver[NAME_MAX + 1];
    bool device = find_driver(node, driver);

    /* What was found before is reason enough for having no driver. */
    if (node->faults > 0 || !(node->doctor->facts & DOCTOR_DRIVER) || strcmp(driver, DRIVER) == 0)
        return;
    if (!device)
        fault(node, "make it a top-level node, or one of a bus that is compatible with simple-bus",
              "Linux made no platform device of it");
    else if (driver[0])
        fault(node, "give it a compatible string that only " DRIVER " takes",
              "is driven by %s instead of " DRIVER, driver);
    else
        fault(node,
              "boot with " DRIVER ".of_id= and its compatible string, and load the driver with "
              "modprobe: insmod does not look at the kernel command line",
              "no driver is bound to it%s",
              node->doctor->of_id[0] ? ": what of_id= says is not in effect" : "");
}

static void judge_node(struct walk *walk, const char *name)
{
    struct doctor *doctor = walk->doctor;
    struct node node = { doctor, walk->path, name, DOCTOR_WARNING };

    /* What has another name is somebody else's device, until the configuration says otherwise. */
    if (doctor_is_pool_name(doctor, name))
        node.blame = DOCTOR_PROBLEM;
    doctor_look_at(doctor, "/proc/device-tree%s", walk->path + strlen(doctor->tree));
    judge_place(&node);
    judge_compatible(&node);
    judge_reg(&node);
    judge_driver(&node);
    if (node.faults == 0 && doctor->facts & DOCTOR_DRIVER)
        doctor_found(doctor, DOCTOR_OK, "bound to " DRIVER "%s",
                     node.blame == DOCTOR_WARNING ? "; not a pool by its name" : "");
    else if (node.faults == 0)
        doctor_found(doctor, DOCTOR_OK, "waits for " DRIVER);
}

/* ---- all nodes */

static bool is_meant(struct walk *walk, const char *name)
{
    const struct doctor *doctor = walk->doctor;
    char path[PATH_MAX];

    if (doctor_is_pool_name(doctor, name))
        return true;
    return doctor->of_id[0] && sysfs_path(path, "%s/compatible", walk->path) == 0 &&
           sysfs_list_has(doctor->root, path, doctor->of_id);
}

static void walk_children(struct walk *walk, unsigned depth);

static void walk_child(struct walk *walk, const char *name, unsigned depth)
{
    size_t length = strlen(walk->path);

    walk->nodes++;
    if (length + 1 + strlen(name) >= sizeof(walk->path))
        return;
    snprintf(walk->path + length, sizeof(walk->path) - length, "/%s", name);
    if (is_meant(walk, name) && walk->meant++ < MEANT_MAX)
        judge_node(walk, name);
    if (depth < DEPTH_MAX)
        walk_children(walk, depth + 1);
    walk->path[length] = '\0';
}

/* Links are not followed: there are none in a tree. */
static void walk_children(struct walk *walk, unsigned depth)
{
    _cleanup_(cleanup_closedir) DIR *dir = NULL;
    struct dirent *entry;
    struct stat st;

    if (sysfs_open_directory(walk->doctor->root, walk->path, &dir) != 0)
        return;
    while (walk->nodes < NODES_MAX && (entry = readdir(dir)))
        if (entry->d_name[0] != '.' &&
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(st.st_mode))
            walk_child(walk, entry->d_name, depth);
}

void doctor_check_nodes(struct doctor *doctor)
{
    struct walk walk = { .doctor = doctor };

    if (!doctor_is_directory(doctor, "/proc/device-tree") ||
        sysfs_resolve(doctor->root, "/proc/device-tree", doctor->tree) != 0) {
        doctor_blame(
            doctor, DOCTOR_PROBLEM,
            "use an arm64 board that is booted with a device tree; with ACPI there is none",
            "there is no device tree");
        return;
    }
    doctor->facts |= DOCTOR_TREE;
    strcpy(walk.path, doctor->tree);
    walk_children(&walk, 0);
    doctor_look_at(doctor, "/proc/device-tree");
    if (walk.nodes >= NODES_MAX || walk.meant > MEANT_MAX)
        doctor_blame(doctor, DOCTOR_WARNING, "look at the others by hand",
                     "has more than %d nodes, or %d for pools: not all were looked at", NODES_MAX,
                     MEANT_MAX);
    if (walk.meant == 0)
        doctor_blame(
            doctor, DOCTOR_PROBLEM,
            "add a top-level node shared_mem@ADDRESS with compatible = \"uio-dev\" and the "
            "pages in reg, and end the memory node before them",
            "no node is called shared_mem*%s%s", doctor->of_id[0] ? " or compatible with " : "",
            doctor->of_id);
}
