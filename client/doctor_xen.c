/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps about Xen: is it there, is this Dom0, do its services run. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "doctor.h"
#include "sysfs.h"

#define VERSION_MAJOR 4
#define VERSION_MINOR 17

/* Entries of /proc that are looked at. */
#define PROCESSES_MAX 200000

/* A kernel may leave out /sys/hypervisor; xenfs then still tells. */
void doctor_check_xen(struct doctor *doctor)
{
    char type[64];
    int r;

    r = doctor_read_text(doctor, "/sys/hypervisor/type", type, sizeof(type));
    if (r == 0 && strcmp(type, "xen") == 0) {
        doctor->facts |= DOCTOR_XEN;
        doctor_found(doctor, DOCTOR_OK, "xen");
    } else if (r != 0 && doctor_exists(doctor, "/proc/xen/capabilities")) {
        doctor->facts |= DOCTOR_XEN;
        doctor_look_at(doctor, "/proc/xen/capabilities");
        doctor_found(doctor, DOCTOR_OK, "is there, so this is Xen");
    } else {
        doctor_blame(doctor, DOCTOR_PROBLEM,
                     "boot this host through Xen 4.17 or later, and run xenshmd in its Dom0",
                     "this is not Xen: %s%s",
                     r == 0 ? "the hypervisor is " : "there is no such file", r == 0 ? type : "");
    }
}

static bool read_version(struct doctor *doctor, const char *part, unsigned long *ret_number)
{
    char path[64], text[32], *end;

    snprintf(path, sizeof(path), "/sys/hypervisor/version/%s", part);
    if (doctor_read_text(doctor, path, text, sizeof(text)) != 0 || !isdigit((unsigned char)text[0]))
        return false;
    *ret_number = strtoul(text, &end, 10);
    return *end == '\0' && *ret_number < 10000;
}

void doctor_check_version(struct doctor *doctor)
{
    unsigned long major, minor;
    char extra[64];

    if (!read_version(doctor, "major", &major) || !read_version(doctor, "minor", &minor)) {
        doctor_blame(doctor, DOCTOR_WARNING, "see with 'xl info' that it is 4.17 or later",
                     "the version of Xen cannot be read");
        return;
    }
    if (doctor_read_text(doctor, "/sys/hypervisor/version/extra", extra, sizeof(extra)) != 0)
        extra[0] = '\0';
    if (major > VERSION_MAJOR || (major == VERSION_MAJOR && minor >= VERSION_MINOR))
        doctor_found(doctor, DOCTOR_OK, "%lu.%lu%s", major, minor, extra);
    else
        doctor_blame(doctor, DOCTOR_PROBLEM, "upgrade Xen to 4.17 or later", "%lu.%lu%s is too old",
                     major, minor, extra);
}

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (const char *p = text; (p = strstr(p, word)); p += length)
        if ((p == text || isspace((unsigned char)p[-1])) &&
            (p[length] == '\0' || isspace((unsigned char)p[length])))
            return true;
    return false;
}

void doctor_check_dom0(struct doctor *doctor)
{
    char text[256];
    int r;

    r = doctor_read_text(doctor, "/proc/xen/capabilities", text, sizeof(text));
    if (r < 0)
        doctor_blame(doctor, DOCTOR_PROBLEM,
                     "mount -t xenfs xenfs /proc/xen (module xenfs), also at boot",
                     "cannot be read (%s)", strerror(-r));
    else if (r > 0 || !has_word(text, "control_d"))
        doctor_blame(doctor, DOCTOR_PROBLEM, "run xenshmd and xenshmctl in Dom0",
                     "no control_d: this is a guest, not Dom0");
    else
        doctor_found(doctor, DOCTOR_OK, "control_d: this is Dom0");
}

void doctor_check_user(struct doctor *doctor)
{
    if (doctor->privileged)
        doctor_found(doctor, DOCTOR_OK, "root: every step can be judged");
    else
        doctor_found(doctor, DOCTOR_INFO,
                     "%u, not root: /proc/iomem shows no addresses, so the step 'ram' is skipped; "
                     "the daemon's own judgement stands",
                     (unsigned)geteuid());
}

void doctor_check_privcmd(struct doctor *doctor)
{
    if (doctor_exists(doctor, "/dev/xen/privcmd"))
        doctor_found(doctor, DOCTOR_OK, "is there");
    else
        doctor_blame(doctor, DOCTOR_PROBLEM, "modprobe xen-privcmd, also at boot",
                     "there is no such device, so nothing can be asked of Xen");
}

/* ---- services */

enum process { PROCESS_FOUND, PROCESS_NONE, PROCESS_HIDDEN };

/* Is one of these programs running, by the kernel's word? `names` ends with NULL. */
static enum process find_process(struct doctor *doctor, const char *const *names, char pid[16])
{
    _cleanup_(cleanup_closedir) DIR *dir = NULL;
    struct dirent *entry;
    char path[64], comm[32];

    if (sysfs_open_directory(doctor->root, "/proc", &dir) != 0)
        return PROCESS_HIDDEN;
    for (unsigned i = 0; i < PROCESSES_MAX && (entry = readdir(dir)); i++) {
        size_t digits = strspn(entry->d_name, "0123456789");

        if (digits == 0 || digits > 10 || entry->d_name[digits] != '\0')
            continue;
        snprintf(path, sizeof(path), "/proc/%.10s/comm", entry->d_name);
        if (doctor_read_text(doctor, path, comm, sizeof(comm)) != 0)
            continue;
        for (size_t n = 0; names[n]; n++)
            if (strcmp(comm, names[n]) == 0) {
                snprintf(pid, 16, "%.10s", entry->d_name);
                return PROCESS_FOUND;
            }
    }
    /* Where /proc is mounted with hidepid, not even init can be seen. */
    return doctor_exists(doctor, "/proc/1/comm") ? PROCESS_NONE : PROCESS_HIDDEN;
}

/* A xenstored that runs as a domain of its own leaves "domid:N" instead of a process id. */
static bool is_stub_domain(struct doctor *doctor)
{
    static const char *const files[] = { "/run/xen/xenstored.pid", "/run/xenstored.pid",
                                         "/var/run/xenstored.pid" };
    char text[64];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (doctor_read_text(doctor, files[i], text, sizeof(text)) == 0 &&
            strncmp(text, "domid:", 6) == 0)
            return true;
    return false;
}

/* The way to it that libxenstore takes; NULL: none. */
static const char *xenstore_way(struct doctor *doctor)
{
    static const char *const ways[] = { "/run/xenstored/socket", "/var/run/xenstored/socket",
                                        "/dev/xen/xenbus" };

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (doctor_exists(doctor, ways[i]))
            return ways[i];
    return NULL;
}

void doctor_check_xenstored(struct doctor *doctor)
{
    static const char *const names[] = { "xenstored", "oxenstored", NULL };
    const char *remedy = "systemctl start xenstored (Debian: service xen start)";
    const char *way = xenstore_way(doctor);
    enum process process;
    char pid[16] = "";

    process = find_process(doctor, names, pid);
    if (process == PROCESS_HIDDEN)
        doctor_found(doctor, DOCTOR_SKIPPED, "processes of others cannot be seen");
    else if (process == PROCESS_NONE && !is_stub_domain(doctor))
        doctor_blame(doctor, DOCTOR_PROBLEM, remedy, "xenstored does not run");
    else if (!way)
        doctor_blame(doctor, DOCTOR_PROBLEM, remedy,
                     "xenstored runs, but there is neither its socket nor /dev/xen/xenbus");
    else
        doctor_found(doctor, DOCTOR_OK, "%s%s, reached through %s",
                     process == PROCESS_FOUND ? "process " : "runs in a domain of its own", pid,
                     way);
}

void doctor_check_xenconsoled(struct doctor *doctor)
{
    static const char *const names[] = { "xenconsoled", NULL };
    enum process process;
    char pid[16];

    process = find_process(doctor, names, pid);
    if (process == PROCESS_HIDDEN)
        doctor_found(doctor, DOCTOR_SKIPPED, "processes of others cannot be seen");
    else if (process == PROCESS_NONE)
        doctor_blame(doctor, DOCTOR_WARNING,
                     "systemctl start xenconsoled (Debian: service xen start)",
                     "xenconsoled does not run: guests have no console");
    else
        doctor_found(doctor, DOCTOR_OK, "process %s", pid);
}
