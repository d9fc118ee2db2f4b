/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps that ask whether a pool's pages are really nobody else's RAM. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "doctor.h"
#include "iomem.h"
#include "sysfs.h"

#define REWRITTEN                                                                                  \
    "the boot firmware has rewritten the memory node: have it end before the pool there (U-Boot: " \
    "bootm_size, or fdt set /memory in the boot script), or move the pool"

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

/* Does `node` say that a pool's pages are memory? `skip` ranges of its reg mean something else. */
static void judge_memory_node(struct doctor *doctor, const char *name, size_t skip, bool *clean)
{
    struct doctor_cells reg;
    char path[PATH_MAX];
    unsigned a, s;

    doctor_look_at(doctor, "/proc/device-tree/%s/reg", name);
    if (sysfs_path(path, "%s/%s/reg", doctor->tree, name) != 0 ||
        doctor_read_cells(doctor, path, &reg) != 0 ||
        !doctor_cell_widths(doctor, doctor->tree, &a, &s) || reg.count % (a + s) != 0) {
        *clean = false;
        doctor_blame(doctor, DOCTOR_WARNING, "look at the device tree that Xen is started with",
                     "makes no sense, so it cannot be told whether it covers a pool");
        return;
    }
    for (size_t i = skip * (a + s); i < reg.count; i += a + s) {
        uint64_t address = doctor_cell_value(&reg, i, a);
        uint64_t size = doctor_cell_value(&reg, i + a, s);
        struct mfn_range frames = { mfn(address >> PAGE_SHIFT), bytes_to_pages(size) };

        for (size_t p = 0; p < doctor->page_count; p++) {
            if (!mfn_range_overlaps(doctor->pages[p].frames, frames))
                continue;
            *clean = false;
            doctor_blame(doctor, DOCTOR_PROBLEM, REWRITTEN,
                         "0x%" PRIx64 " bytes of memory at 0x%" PRIx64 " cover pages of %s", size,
                         address, doctor->pages[p].name);
        }
    }
}

/*
 * In Dom0 the memory nodes are Xen's, and say what Dom0 got of the memory that the firmware told
 * of. What was left over, Xen offers to Dom0 in its own node as room for foreign pages ("extended
 * regions", behind the range for grants): a pool's pages are there only if the firmware told of
 * them as memory.
 */
static void judge_left_over(struct doctor *doctor, bool *clean)
{
    char path[PATH_MAX];

    if (sysfs_path(path, "%s/hypervisor/reg", doctor->tree) == 0 && doctor_exists(doctor, path))
        judge_memory_node(doctor, "hypervisor", 1, clean);
}

void doctor_check_memory(struct doctor *doctor)
{
    _cleanup_(cleanup_closedir) DIR *dir = NULL;
    struct dirent *entry;
    bool clean = true;
    unsigned nodes = 0;

    if (sysfs_open_directory(doctor->root, doctor->tree, &dir) != 0) {
        doctor_found(doctor, DOCTOR_SKIPPED, "cannot be read");
        return;
    }
    while (nodes < 100 && (entry = readdir(dir)))
        if (strcmp(entry->d_name, "memory") == 0 || fnmatch("memory@*", entry->d_name, 0) == 0) {
            nodes++;
            judge_memory_node(doctor, entry->d_name, 0, &clean);
        }
    judge_left_over(doctor, &clean);
    doctor_look_at(doctor, "/proc/device-tree/memory*");
    if (nodes == 0)
        doctor_found(doctor, DOCTOR_SKIPPED, "there is no memory node");
    else if (clean)
        doctor_found(doctor, DOCTOR_OK, "no memory node covers a pool");
}
