/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"

/* Not in every libc's headers; Linux 4.13 and later. */
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

/* As chown(1): a group may have a number for its name. */
static bool find_group(const char *name, gid_t *ret_gid)
{
    const struct group *group = getgrnam(name);
    size_t digits = strspn(name, "0123456789");
    unsigned long number;

    if (group) {
        *ret_gid = group->gr_gid;
        return true;
    }
    if (digits < 1 || digits > 10 || name[digits])
        return false;
    number = strtoul(name, NULL, 10);
    *ret_gid = (gid_t)number;
    /* The last one is no group, but "none" to the kernel. */
    return number < (gid_t)-1;
}

bool access_policy_set(struct access_policy *policy, enum access_level level, const char *name)
{
    struct access_group *group = &policy->groups[level];

    group->known = name[0] && find_group(name, &group->gid);
    return group->known || !name[0];
}

static enum access_level group_level(const struct access_policy *policy, gid_t gid)
{
    enum access_level level = ACCESS_ADMIN;

    while (level > ACCESS_NONE &&
           !(policy->groups[level].known && policy->groups[level].gid == gid))
        level--;
    return level;
}

/* The highest level that a supplementary group gives. Returns 0 or -errno. */
static int supplementary_level(const struct access_policy *policy, int fd,
                               enum access_level *ret_level)
{
    _cleanup_(cleanup_free) gid_t *groups = NULL;
    socklen_t size = 0;

    *ret_level = ACCESS_NONE;
    /* The first call fails with the size, unless there are none. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || size == 0)
        return 0;
    if (errno != ERANGE)
        return -errno;
    groups = malloc(size);
    if (!groups)
        return -ENOMEM;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return -errno;
    for (size_t i = 0; i < size / sizeof(*groups); i++) {
        enum access_level level = group_level(policy, groups[i]);

        if (level > *ret_level)
            *ret_level = level;
    }
    return 0;
}

int access_identify(const struct access_policy *policy, int fd, struct access_peer *ret_peer)
{
    struct ucred cred;
    socklen_t size = sizeof(cred);
    enum access_level primary, supplementary;
    int r;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
        return -errno;
    *ret_peer = (struct access_peer){ .uid = cred.uid, .pid = cred.pid, .level = ACCESS_ADMIN };
    if (cred.uid == 0 || cred.uid == geteuid())
        return 0;
    r = supplementary_level(policy, fd, &supplementary);
    if (r < 0)
        return r;
    primary = group_level(policy, cred.gid);
    ret_peer->level = primary > supplementary ? primary : supplementary;
    return 0;
}

const char *access_level_name(enum access_level level)
{
    static const char *const names[] = { "none", "read", "operate", "admin" };

    return names[level];
}
