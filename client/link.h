/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection of an invocation with xenshmd: to a socket of this host, or through ssh to
 * another. */
#pragma once

#include "connection.h"
#include "invocation.h"
#include "ssh.h"

struct link {
    struct connection connection;
    struct ssh ssh; /* only with --host */
};

/* Returns what a function of connection.h does. The object is to be cleared in each case. */
int link_open(struct link *link, const struct invocation *invocation);
void link_clear(struct link *link);

/*
 * After a failure `r` of the connection: says why nobody answered, and what to do. Where what ran
 * on the other host has said so already, nothing more. Returns STATUS_UNREACHABLE.
 */
enum exit_status link_complain(struct link *link, const struct invocation *invocation, int r);
