/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A builder as a child of the daemon: for hosts without systemd, and for the simulator. See
 * builder.h. One thread.
 */
#pragma once

#include <sys/types.h>

#include "builder.h"

/*
 * The path of the builder of that name: beside the daemon's own executable. The caller frees it;
 * NULL without memory, or when there is none that can be executed.
 */
char *builder_find(const char *name);

/*
 * Starts setup->program, the leader of a session of its own, with its end of the socket and
 * setup->extra. Returns 0 with the daemon's end, which does not block, or -errno.
 */
int builder_spawn(const struct builder_setup *setup, int *ret_talk, pid_t *ret_pid);
