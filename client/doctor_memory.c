/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps that ask whether a pool's pages are really nobody else's RAM. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

#include "cells.h"
#include "cleanup.h"
#include "doctor.h"
#include "iomem.h"
#include "sysfs.h"

/* Memory nodes that are looked at. */
#define NODES_MAX 100

#define REWRITTEN                                                                                  \
    "the memory node was not shrunk, or the boot firmware has rewritten it: have it end before "   \
    "the "                                                                                         \
    "pool (in U-Boot by fdt set, as the last step of the boot script), or move the pool"

/* ---- Linux: /proc/iomem */

static void judge_ram(struct doctor *doctor, const struct mfn_range *ram, size_t count)
{
    bool clean = true;

    for (size_t p = 0; p < doctor->page_count; p++)
        for (size_t i = 0; i < count; i++) {
            const struct doctor_pages *pages = &doctor->pages[p];

            if (!mfn_range_overlaps(pages->frames, ram[i]))
                continue;
            clean = false;
            doctor_blame(
                doctor, DOCTOR_PROBLEM, "end the memory node of the device tree before the pool",
                "Linux uses pages of %s as System RAM (0x%" PRIx64 ", 0x%" PRIx64 " bytes)",
                pages->name, mfn_address(ram[i].first), pages_to_bytes(ram[i].count));
        }
    if (clean)
        doctor_found(doctor, DOCTOR_OK, "no page of a pool is System RAM");
}

void doctor_check_ram(struct doctor *doctor)
{
    _cleanup_(cleanup_free) struct mfn_range *ram = NULL;
    const char *problem;
    size_t count = 0;
    int r;

    r = iomem_read_ram(doctor->root, &ram, &count, &problem);
    if (r < 0)
        doctor->failed = true;
    else if (r == 0)
        judge_ram(doctor, ram, count);
    else if (doctor->privileged)
        doctor_blame(doctor, DOCTOR_PROBLEM,
                     "run xenshmd as root with CAP_SYS_ADMIN: it refuses every pool otherwise",
                     "%s", problem);
    else
        doctor_found(doctor, DOCTOR_SKIPPED, "%s; ask as root", problem);
}

/* ---- the firmware: memory nodes */

/* Ranges of nodes that tell of memory. */
struct told {
    struct doctor *doctor;
    unsigned nodes;
    unsigned left_over; /* ranges of RAM that Xen gave to nobody */
    bool faulty;
};

static void judge_range(struct told *told, uint64_t address, uint64_t size)
{
    struct mfn_range frames = { mfn(address >> PAGE_SHIFT), bytes_to_pages(size) };
    struct doctor *doctor = told->doctor;

    for (size_t i = 0; i < doctor->page_count; i++) {
        if (!mfn_range_overlaps(doctor->pages[i].frames, frames))
            continue;
        told->faulty = true;
        doctor_blame(doctor, DOCTOR_PROBLEM, REWRITTEN,
                     "0x%" PRIx64 " bytes of memory at 0x%" PRIx64 " cover pages of %s", size,
                     address, doctor->pages[i].name);
    }
}

/* Looks at the node's ranges behind the first `skip`. Returns how many there are. */
static unsigned judge_ranges(struct told *told, const char *name, size_t skip)
{
    struct doctor *doctor = told->doctor;
    struct cells reg;
    char path[PATH_MAX];
    unsigned a, s, count = 0;

    doctor_look_at(doctor, "/proc/device-tree/%s/reg", name);
    if (sysfs_path(path, "%s/%s/reg", doctor->tree, name) != 0 ||
        cells_read(doctor->root, path, &reg) != 0 ||
        !cells_widths(doctor->root, doctor->tree, &a, &s) || reg.count % (a + s) != 0) {
        told->faulty = true;
        doctor_blame(doctor, DOCTOR_WARNING, "look at the device tree that Xen is started with",
                     "makes no sense, so it cannot be told whether it covers a pool");
        return 0;
    }
    for (size_t i = skip * (a + s); i < reg.count; i += a + s, count++)
        judge_range(told, cells_value(&reg, i, a), cells_value(&reg, i + a, s));
    return count;
}

/*
 * In Dom0 the memory nodes are Xen's, and say what Dom0 got of the memory that the firmware told
 * of. What was left over, Xen offers to Dom0 in its own node as room for foreign pages ("extended
 * regions", behind the range for grants): a pool's pages are there only if the firmware told of
 * them as memory.
 */
static void judge_left_over(struct told *told)
{
    char path[PATH_MAX];

    if (sysfs_path(path, "%s/hypervisor/reg", told->doctor->tree) == 0 &&
        doctor_exists(told->doctor, path))
        told->left_over = judge_ranges(told, "hypervisor", 1);
}

static void judge_memory_nodes(struct told *told)
{
    _cleanup_(cleanup_closedir) DIR *dir = NULL;
    struct dirent *entry;

    if (sysfs_open_directory(told->doctor->root, told->doctor->tree, &dir) != 0)
        return;
    while (told->nodes < NODES_MAX && (entry = readdir(dir)))
        if (strcmp(entry->d_name, "memory") == 0 || fnmatch("memory@*", entry->d_name, 0) == 0) {
            told->nodes++;
            (void)judge_ranges(told, entry->d_name, 0);
        }
}

void doctor_check_memory(struct doctor *doctor)
{
    struct told told = { .doctor = doctor };

    judge_memory_nodes(&told);
    judge_left_over(&told);
    doctor_look_at(doctor, "/proc/device-tree/memory*");
    if (told.faulty)
        return;
    if (told.nodes == 0)
        doctor_found(doctor, DOCTOR_SKIPPED, "there is no memory node");
    else if (doctor->facts & DOCTOR_XEN && told.left_over == 0)
        doctor_found(doctor, DOCTOR_INFO,
                     "no memory of Dom0 covers a pool; what else the firmware told Xen of cannot "
                     "be seen here, see RAM in 'xl dmesg'");
    else
        doctor_found(doctor, DOCTOR_OK, "no memory that the firmware told of covers a pool");
}
