/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may do what. Identity comes from the kernel (SO_PEERCRED, SO_PEERGROUPS), never from a
 * message. One thread.
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

struct access_policy {
    gid_t operate_group;
    gid_t read_group;
    bool has_operate_group; /* false: no such group on this system */
    bool has_read_group;
};

struct access_peer {
    uid_t uid;
    pid_t pid;
    enum access_level level;
};

/* Looks the groups up by name; a group that does not exist gives nobody anything. */
void access_policy_init(struct access_policy *policy, const char *operate_group,
                        const char *read_group);

/*
 * Identifies the other end of a connected Unix socket. root and the user that the daemon runs as
 * are admin. Returns 0 or -errno.
 */
int access_identify(const struct access_policy *policy, int fd, struct access_peer *ret_peer);

/* "read", "operate", "admin". */
const char *access_level_name(enum access_level level);
