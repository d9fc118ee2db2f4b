/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way of an invocation to xenshmd: a socket of this host, or ssh to another. One connection
 * serves all its requests, so that ssh asks for a password once.
 */
#pragma once

#include "invocation.h"
#include "xenshm.h"

/* NULL: no memory. */
struct link *link_new(void);
/* Hangs up; NULL is allowed. */
void link_free(struct link *link);

/* Connects, unless that was done. Returns 0 or what a function of xenshm.h does. */
int link_open(const struct invocation *invocation);
/* Hangs up in the middle of it, without waiting for ssh; link_open() connects anew. */
void link_close(const struct invocation *invocation);

/* NULL while there is none. */
struct xenshm *link_connection(const struct invocation *invocation);

/*
 * After the connection has ended: where that is the end of ssh, or of what ran over there, says why
 * unless that was said over there, and returns true.
 */
bool link_explain(const struct invocation *invocation);
