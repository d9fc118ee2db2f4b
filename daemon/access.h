/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may do what. Identity comes from the kernel (SO_PEERCRED, SO_PEERGROUPS), never from a
 * message, and is that of the moment when the client connected. One thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum access_level {
    ACCESS_NONE,
    ACCESS_READ,
    ACCESS_OPERATE,
    ACCESS_ADMIN,
};
#define ACCESS_LEVELS (ACCESS_ADMIN + 1)

/* A group whose members have a right. */
struct access_group {
    gid_t gid;
    bool known; /* false: nobody has the right by it */
};

struct access_policy {
    struct access_group groups[ACCESS_LEVELS]; /* by level; that of ACCESS_NONE is not known */
};

struct access_peer {
    uid_t uid;
    pid_t pid;
    enum access_level level;
};

/*
 * Has the members of a group have that level. `name` is looked up, and is else its number; "" means
 * nobody. Returns false for a group that there is not: it gives nobody anything.
 */
bool access_policy_set(struct access_policy *policy, enum access_level level, const char *name);

/*
 * Identifies the other end of a connected Unix socket. root and the user that the daemon runs as
 * are admin; who is in several groups has the highest of their levels. Returns 0 or -errno.
 */
int access_identify(const struct access_policy *policy, int fd, struct access_peer *ret_peer);

/* "none", "read", "operate", "admin". */
const char *access_level_name(enum access_level level);
