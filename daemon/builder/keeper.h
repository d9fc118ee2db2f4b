/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What keeps a builder that systemd has started, as the daemon keeps its own children: a process
 * that does nothing but watch, while another one, its child, does the work and may hang in libxl.
 *
 * The daemon holds the other end of the leash, a pipe. When that is closed (the daemon is dead, or
 * has had enough), the work is killed with all that it runs; a byte in it: the work may end, and
 * what it has started lives on. The socket is held until all of it is gone, so that its end tells
 * the daemon that. One thread.
 */
#pragma once

/* In the child, which is to work: -1. In the keeper, after all is over: the exit status. */
int keeper_run(void);
