/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A builder that systemd starts (xenshm-builder.socket): nothing of it is the daemon's child. What
 * the daemon has of it is a connection, and a leash: a pipe whose other end the builder's keeper
 * watches, see builder/keeper.h. No process is named by its number, so none can be mistaken, and
 * the daemon needs no right to kill. One thread.
 */
#pragma once

#include "builder.h"

/*
 * Connects to the socket at `path`. Returns 0 with a descriptor that does not block, or -errno;
 * -EPERM: whoever listens there is neither root nor of our own user.
 */
int builder_connect(const char *path, int *ret_talk);
/*
 * Gives one that is ready the end of a new leash and setup->extra. Returns 0 with the daemon's end
 * of the leash, or -errno.
 */
int builder_hand_over(int talk, const struct builder_setup *setup, int *ret_leash);
/*
 * It may end, and what it has started for its guest lives on. To close the leash kills it and all
 * that it runs; so does the daemon's death.
 */
void builder_let_go(int leash);
/* Waits until it is gone: it and all that it runs have closed the socket. */
void builder_await_end(int talk);
