/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps about the daemon: can it be asked, and what does it say is wrong. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "doctor.h"
#include "print.h"
#include "segment_state.h"
#include "xenshm.h"

/* ---- asking */

/* Keeps why the daemon refused. */
static void keep_refusal(struct doctor *doctor, const struct xenshm *connection)
{
    doctor->daemon_error =
        json_pack("{s:s, s:s, s:s}", "message", xenshm_message(connection), "hint",
                  xenshm_hint(connection), "name", xenshm_last_name(connection));
    if (!doctor->daemon_error)
        doctor->unreachable = -ENOMEM;
}

/*
 * Takes the result of a call. Returns false when the daemon is not to be asked further; then
 * `unreachable` or `daemon_error` says why.
 */
static bool ask(struct doctor *doctor, struct xenshm *connection, const char *method,
                json_t **ret_result)
{
    int r = request_call(connection, method, NULL, ret_result);

    if (xenshm_is_refusal(r))
        keep_refusal(doctor, connection);
    else
        doctor->unreachable = r;
    return r == 0;
}

/* The array that a result holds, in place of the result. */
static void unwrap(json_t **result, const char *key)
{
    json_t *array = json_incref(json_object_get(*result, key));

    json_decref(*result);
    *result = array;
}

/* What is left of --timeout, which bounds the whole conversation. */
static unsigned seconds_left(const struct doctor *doctor, int64_t started)
{
    int64_t spent = clock_milliseconds() - started;
    int64_t left = (int64_t)doctor->invocation->timeout - spent / 1000;

    return left > 1 ? (unsigned)left : 1;
}

void doctor_ask_daemon(struct doctor *doctor)
{
    const struct {
        const char *method, *key;
        json_t **result;
    } calls[] = {
        { "daemon.status", NULL, &doctor->daemon_status },
        { "pool.list", "pools", &doctor->pools },
        { "guest.list", "guests", &doctor->guests },
        { "segment.list", "segments", &doctor->segments },
    };
    _cleanup_(cleanup_xenshm) struct xenshm *connection = NULL;
    int64_t started = clock_milliseconds();
    bool more;

    doctor->unreachable =
        xenshm_connect_within(doctor->socket, doctor->invocation->timeout, &connection);
    more = doctor->unreachable == 0;
    for (size_t i = 0; more && i < sizeof(calls) / sizeof(calls[0]); i++) {
        xenshm_set_timeout(connection, seconds_left(doctor, started));
        more = ask(doctor, connection, calls[i].method, calls[i].result);
        if (more && calls[i].key)
            unwrap(calls[i].result, calls[i].key);
    }
    if (doctor->unreachable == -ENOMEM)
        doctor->failed = true;
    if (more)
        doctor->facts |= DOCTOR_DAEMON;
}

/* ---- the socket */

void doctor_check_socket(struct doctor *doctor)
{
    struct stat st;
    bool there = stat(doctor->socket, &st) == 0;

    doctor_look_at(doctor, "%s", doctor->socket);
    if (there && S_ISSOCK(st.st_mode))
        doctor->facts |= DOCTOR_SOCKET;
    if (!there)
        doctor_blame(doctor, DOCTOR_PROBLEM,
                     "systemctl start xenshmd, or name its socket with --socket",
                     "no socket there (%s): xenshmd does not run", strerror(errno));
    else if (!S_ISSOCK(st.st_mode))
        doctor_blame(doctor, DOCTOR_PROBLEM, "remove it and start xenshmd again",
                     "is something else than a socket");
    else if (st.st_uid != 0 && st.st_uid != geteuid())
        doctor_blame(doctor, DOCTOR_WARNING, "see who listens there, and run xenshmd as root",
                     "belongs to user %u, mode %04o: who answers there need not be xenshmd",
                     (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
    else
        doctor_found(doctor, DOCTOR_OK, "owner %u:%u, mode %04o", (unsigned)st.st_uid,
                     (unsigned)st.st_gid, (unsigned)st.st_mode & 07777);
}

/* ---- who answers, and what to whom */

static const char *unreachable_remedy(int r)
{
    switch (r) {
    case -ETIMEDOUT:
    case -ECONNRESET:
        return "look at its log, then systemctl restart xenshmd: no guest is disturbed by that";
    case -EPROTO:
    case -EMSGSIZE:
        return "see with --socket that this is xenshmd's socket, and that both have one version";
    case -EACCES:
    case -EPERM:
        return "ask as root, or become a member of the group xenshm or xenshm-read";
    default:
        return "systemctl start xenshmd; its log says why it does not start";
    }
}

static void judge_unreachable(struct doctor *doctor)
{
    _cleanup_(cleanup_free) char *reason =
        unreachable_reason(doctor->invocation, doctor->socket, doctor->unreachable);

    if (reason)
        doctor_blame(doctor, DOCTOR_PROBLEM, unreachable_remedy(doctor->unreachable), "%s", reason);
    else
        doctor->failed = true;
}

/* A caller without the right to read is no fault of the host. */
static void judge_error(struct doctor *doctor)
{
    const char *hint = print_member(doctor->daemon_error, "hint");
    const char *message = print_member(doctor->daemon_error, "message");
    const char *name = print_member(doctor->daemon_error, "name");

    if (strcmp(name, "PERMISSION_DENIED") == 0)
        doctor_blame(doctor, DOCTOR_WARNING,
                     "ask as root, or become a member of the group xenshm (may attach) or "
                     "xenshm-read (may look)",
                     "answers, but you may not even look: %s", message);
    else
        doctor_blame(doctor, DOCTOR_PROBLEM, *hint ? hint : "see its log", "%s (%s)", message,
                     name);
}

void doctor_check_daemon(struct doctor *doctor)
{
    if (doctor->unreachable)
        judge_unreachable(doctor);
    else if (doctor->daemon_error)
        judge_error(doctor);
    else
        doctor_found(doctor, DOCTOR_OK, "xenshmd %s on Xen %s; you may %s",
                     print_member(doctor->daemon_status, "version"),
                     print_member(doctor->daemon_status, "xen_version"),
                     doctor->privileged ? "do everything" : "look, at least");
}

/* ---- pools */

static bool daemon_has(const struct doctor *doctor, const struct uio_map *map)
{
    char address[32];
    json_t *pool;
    size_t i;

    snprintf(address, sizeof(address), "0x%llx",
             (unsigned long long)mfn_address(map->frames.first));
    json_array_foreach(doctor->pools, i, pool)
        if (strcmp(print_member(pool, "host_address"), address) == 0)
            return true;
    return false;
}

/* UIO maps that could be pools, and are not. Returns whether there are any. */
static bool judge_missing_pools(struct doctor *doctor)
{
    bool any = false;

    for (size_t i = 0; i < doctor->maps.count; i++) {
        const struct uio_map *map = &doctor->maps.items[i];

        if (daemon_has(doctor, map))
            continue;
        any = true;
        if (map->refusal[0] && !map->ram)
            doctor_blame(doctor, DOCTOR_PROBLEM,
                         "correct what the step 'uio' says, then systemctl restart xenshmd",
                         "%s (%s, map %u) is no pool of xenshmd", map->name, map->device,
                         map->map_index);
        else
            doctor_blame(doctor, DOCTOR_PROBLEM,
                         "systemctl restart xenshmd: pools are looked for at its start; if it is "
                         "still missing, the log says why",
                         "%s (%s, map %u) is no pool of xenshmd", map->name, map->device,
                         map->map_index);
    }
    return any;
}

void doctor_check_pools(struct doctor *doctor)
{
    size_t count = json_array_size(doctor->pools);
    bool missing = judge_missing_pools(doctor);
    char size[SIZE_TEXT_MAX];
    json_t *pool;
    size_t i;

    if (count == 0 && !missing)
        doctor_blame(doctor, DOCTOR_PROBLEM,
                     "correct what the steps before this one found, then systemctl restart xenshmd",
                     "xenshmd has no pool");
    json_array_foreach(doctor->pools, i, pool)
        doctor_found(doctor, DOCTOR_OK, "%s: %s at %s, %s", print_member(pool, "name"),
                     print_member_size(pool, "size", size), print_member(pool, "host_address"),
                     print_member(pool, "device"));
}

/* ---- what the daemon holds */

void doctor_check_store(struct doctor *doctor)
{
    const json_t *counts = json_object_get(doctor->daemon_status, "counts");
    long long bad = json_integer_value(json_object_get(counts, "bad_store_files"));

    if (bad > 0)
        doctor_blame(doctor, DOCTOR_PROBLEM,
                     "xenshmd's log names them: remove them from the folder segments beside the "
                     "socket once no guest has their pages, and systemctl restart xenshmd",
                     "%lld file%s of the store cannot be understood, so nothing is attached", bad,
                     bad == 1 ? "" : "s");
    else
        doctor_found(doctor, DOCTOR_OK, "every file of the store is understood");
}

static void judge_foreign(struct doctor *doctor, const json_t *guest)
{
    char size[SIZE_TEXT_MAX];
    json_t *range;
    size_t i;

    json_array_foreach(json_object_get(guest, "foreign"), i, range)
        doctor_blame(doctor, DOCTOR_WARNING,
                     "take iomem= out of its configuration and use 'xenshmctl attach'; the pages "
                     "are free when this domain is gone",
                     "%s has %s at %s by its own iomem, which nobody else can get",
                     print_member(guest, "name"), print_member_size(range, "size", size),
                     print_member(range, "host_address"));
}

void doctor_check_guests(struct doctor *doctor)
{
    size_t before = doctor->counts[DOCTOR_WARNING], i;
    json_t *guest;

    json_array_foreach(doctor->guests, i, guest) {
        judge_foreign(doctor, guest);
        if (json_is_false(json_object_get(guest, "config_known")))
            doctor_blame(doctor, DOCTOR_WARNING,
                         "wait until it is created or destroyed; if it stays so, destroy it, or "
                         "have it created by xl",
                         "the configuration of %s cannot be read: it may hold any page, so that "
                         "nothing is attached",
                         print_member(guest, "name"));
    }
    if (doctor->counts[DOCTOR_WARNING] == before)
        doctor_found(doctor, DOCTOR_OK, "%zu, none of which holds pages on its own",
                     json_array_size(doctor->guests));
}

static bool is_quarantined(const json_t *segment)
{
    json_t *attachment;
    size_t i;

    json_array_foreach(json_object_get(segment, "attachments"), i, attachment)
        if (strcmp(print_member(attachment, "state"), "quarantined") == 0)
            return true;
    return strcmp(print_member(segment, "state"), "quarantined") == 0;
}

static void judge_clash(struct doctor *doctor, const json_t *segment)
{
    _cleanup_(cleanup_free) char *clash = clash_text(segment);

    if (!clash)
        doctor->failed = true;
    else
        doctor_blame(doctor, DOCTOR_PROBLEM,
                     "destroy that guest, and take the pages out of the iomem= of its "
                     "configuration",
                     "%s: %s has pages of it by its own iomem", print_member(segment, "name"),
                     clash);
}

void doctor_check_segments(struct doctor *doctor)
{
    size_t before = doctor->counts[DOCTOR_PROBLEM], i;
    json_t *segment;

    json_array_foreach(doctor->segments, i, segment) {
        if (strcmp(print_member(segment, "state"), "clash") == 0)
            judge_clash(doctor, segment);
        if (is_quarantined(segment))
            doctor_blame(doctor, DOCTOR_PROBLEM,
                         "xenshmd tries again every 5 s and its log says what fails; destroying "
                         "the guest frees the pages",
                         "%s: taking it away from a guest failed, its pages are quarantined",
                         print_member(segment, "name"));
    }
    if (doctor->counts[DOCTOR_PROBLEM] == before)
        doctor_found(doctor, DOCTOR_OK, "%zu, none in a clash or quarantined",
                     json_array_size(doctor->segments));
}

void doctor_check_orders(struct doctor *doctor)
{
    json_t *orders = json_object_get(doctor->daemon_status, "orders"), *order;
    size_t before = doctor->counts[DOCTOR_PROBLEM], i;

    json_array_foreach(orders, i, order) {
        const char *problem = json_string_value(json_object_get(order, "problem"));

        if (problem)
            doctor_blame(doctor, DOCTOR_PROBLEM,
                         "correct [segment] in /etc/xenshmd/xenshmd.conf or what it asks for, then "
                         "systemctl reload xenshmd",
                         "[segment %s]: %s", print_member(order, "segment"), problem);
    }
    if (doctor->counts[DOCTOR_PROBLEM] == before)
        doctor_found(doctor, DOCTOR_OK, "%zu, all carried out", json_array_size(orders));
}

void doctor_remind_memory(struct doctor *doctor)
{
    doctor_found(doctor, DOCTOR_INFO,
                 "is Device memory on both sides: use naturally aligned loads and stores of up to "
                 "8 bytes, never memset, memcpy or atomics, which fault on real boards");
}
