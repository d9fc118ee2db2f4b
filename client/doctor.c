/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of steps, and what each may leave; see doctor.h. */
#include "doctor.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "print.h"
#include "sysfs.h"
#include "utf8.h"
#include "xenshm.h"

struct step {
    const char *name;
    const char *looked_at;
    unsigned needs; /* of enum doctor_fact */
    void (*check)(struct doctor *doctor);
};

/* In the order in which one thing needs the other. */
static const struct step steps[] = {
    { "xen", "/sys/hypervisor/type", 0, doctor_check_xen },
    { "version", "/sys/hypervisor/version", DOCTOR_XEN, doctor_check_version },
    { "dom0", "/proc/xen/capabilities", DOCTOR_XEN, doctor_check_dom0 },
    { "user", "the caller's uid", 0, doctor_check_user },
    { "privcmd", "/dev/xen/privcmd", DOCTOR_XEN, doctor_check_privcmd },
    { "modules", "/sys/module", 0, doctor_check_modules },
    { "of-id", "/proc/cmdline", 0, doctor_check_of_id },
    { "node", "/proc/device-tree", 0, doctor_check_nodes },
    { "uio", "/sys/class/uio", 0, doctor_check_uio },
    { "ram", "/proc/iomem", DOCTOR_PAGES, doctor_check_ram },
    { "memory", "/proc/device-tree/memory*", DOCTOR_PAGES | DOCTOR_TREE, doctor_check_memory },
    { "xenstored", "/proc/*/comm", DOCTOR_XEN, doctor_check_xenstored },
    { "xenconsoled", "/proc/*/comm", DOCTOR_XEN, doctor_check_xenconsoled },
    { "socket", "", 0, doctor_check_socket },
    { "daemon", "daemon.status", DOCTOR_SOCKET, doctor_check_daemon },
    { "pools", "pool.list", DOCTOR_DAEMON, doctor_check_pools },
    { "store", "daemon.status", DOCTOR_DAEMON, doctor_check_store },
    { "guests", "guest.list", DOCTOR_DAEMON, doctor_check_guests },
    { "segments", "segment.list", DOCTOR_DAEMON, doctor_check_segments },
    { "orders", "daemon.status", DOCTOR_DAEMON, doctor_check_orders },
    { "use", "pool memory", 0, doctor_remind_memory },
};

/* Why a step is skipped that needs what was not found. */
static const struct {
    enum doctor_fact fact;
    const char *missing;
} facts[] = {
    { DOCTOR_XEN, "this is not Xen" },
    { DOCTOR_TREE, "there is no device tree" },
    { DOCTOR_PAGES, "no pages for a pool were found" },
    { DOCTOR_SOCKET, "there is no socket" },
    { DOCTOR_DAEMON, "xenshmd told nothing" },
};

const char *doctor_status_name(enum doctor_status status)
{
    static const char *const names[] = { "ok", "info", "skipped", "warning", "problem" };

    return names[status];
}

/* What files and node names hold may be anything: JSON wants it to be text. */
static json_t *printable(char *text)
{
    json_t *string;

    if (!text)
        return NULL;
    utf8_make_printable(text);
    string = json_string(text);
    free(text);
    return string;
}

__attribute__((format(printf, 4, 0))) static void add_finding(struct doctor *doctor,
                                                              enum doctor_status status,
                                                              const char *remedy,
                                                              const char *format, va_list args)
{
    char *found;
    json_t *finding;

    if (vasprintf(&found, format, args) < 0)
        found = NULL;
    finding = json_pack("{s:s, s:s, s:o, s:o, s:o}", "check", doctor->check, "status",
                        doctor_status_name(status), "looked_at",
                        printable(strdup(doctor->looked_at)), "found", printable(found), "remedy",
                        remedy ? printable(strdup(remedy)) : json_null());
    if (!finding || json_array_append_new(doctor->findings, finding) < 0)
        doctor->failed = true;
    doctor->counts[status]++;
}

void doctor_found(struct doctor *doctor, enum doctor_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_finding(doctor, status, NULL, format, args);
    va_end(args);
}

void doctor_blame(struct doctor *doctor, enum doctor_status status, const char *remedy,
                  const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_finding(doctor, status, remedy, format, args);
    va_end(args);
}

void doctor_look_at(struct doctor *doctor, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(doctor->looked_at, sizeof(doctor->looked_at), format, args);
    va_end(args);
}

int doctor_read_text(const struct doctor *doctor, const char *path, char *text, size_t size)
{
    size_t length;
    int r;

    r = sysfs_read(doctor->root, path, text, size, &length);
    if (r)
        return r;
    if (strlen(text) != length)
        return SYSFS_E_CONTENT;
    if (text[length - 1] == '\n')
        text[length - 1] = '\0';
    return 0;
}

bool doctor_exists(const struct doctor *doctor, const char *path)
{
    return sysfs_exists(doctor->root, path) > 0;
}

bool doctor_is_directory(const struct doctor *doctor, const char *path)
{
    char resolved[PATH_MAX], full[PATH_MAX];
    struct stat st;

    return sysfs_resolve(doctor->root, path, resolved) == 0 &&
           sysfs_path(full, "%s%s", doctor->root, resolved) == 0 && lstat(full, &st) == 0 &&
           S_ISDIR(st.st_mode);
}

bool doctor_is_pool_name(const struct doctor *doctor, const char *name)
{
    size_t length = strcspn(name, "@");
    json_t *pool;
    size_t i;

    if (fnmatch("shared_mem*", name, 0) == 0)
        return true;
    json_array_foreach(doctor->pools, i, pool) {
        const char *known = print_member(pool, "name");

        /* The daemon adds the unit address or the number of the map where names are alike. */
        if (strncmp(known, name, length) == 0 && strchr("@.", known[length]))
            return true;
    }
    return false;
}

void doctor_add_pages(struct doctor *doctor, const char *name, struct mfn_range frames)
{
    struct doctor_pages *pages;

    for (size_t i = 0; i < doctor->page_count; i++)
        if (doctor->pages[i].frames.first.v == frames.first.v &&
            doctor->pages[i].frames.count == frames.count)
            return;
    pages = reallocarray(doctor->pages, doctor->page_count + 1, sizeof(*pages));
    if (!pages) {
        doctor->failed = true;
        return;
    }
    doctor->pages = pages;
    pages += doctor->page_count++;
    snprintf(pages->name, sizeof(pages->name), "%s", name);
    pages->frames = frames;
    doctor->facts |= DOCTOR_PAGES;
}

static void take_step(struct doctor *doctor, const struct step *step)
{
    doctor->check = step->name;
    doctor_look_at(doctor, "%s", step->looked_at);
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
        if (step->needs & ~doctor->facts & facts[i].fact) {
            doctor_found(doctor, DOCTOR_SKIPPED, "%s", facts[i].missing);
            return;
        }
    step->check(doctor);
}

/* A root folder has a socket of its own, unless another one is asked for. */
static void find_socket(struct doctor *doctor)
{
    const char *path = doctor->invocation->socket_path;
    bool usual = strcmp(path, XENSHM_DEFAULT_SOCKET) == 0;

    snprintf(doctor->socket, sizeof(doctor->socket), "%s%s", usual ? doctor->root : "", path);
}

void doctor_run(struct doctor *doctor, const struct invocation *invocation, const char *root)
{
    *doctor = (struct doctor){
        .invocation = invocation,
        .root = root,
        .privileged = geteuid() == 0,
        .findings = json_array(),
    };
    find_socket(doctor);
    /* Told last, but asked first: the daemon knows which names the configuration makes pools. */
    doctor_ask_daemon(doctor);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        take_step(doctor, &steps[i]);
}

void doctor_clear(struct doctor *doctor)
{
    json_t *owned[] = { doctor->findings, doctor->daemon_status, doctor->daemon_error,
                        doctor->pools,    doctor->guests,        doctor->segments };

    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
        json_decref(owned[i]);
    uio_maps_clear(&doctor->maps);
    free(doctor->pages);
    *doctor = (struct doctor){ 0 };
}
