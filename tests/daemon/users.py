# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients of other users, for tests that run as root: the kernel tells the daemon who they are."""

import contextlib
import os
import unittest

from harness import Client

# Nobody's, so that no test depends on the users and groups of the machine.
ALICE, BOB, CAROL = 71001, 71002, 71003
ADMIN, OPERATE, READ, OTHER = 72001, 72002, 72003, 72004

GROUPS = f"[daemon]\nadmin-group = {ADMIN}\noperate-group = {OPERATE}\nread-group = {READ}\n"

needs_root = unittest.skipUnless(os.geteuid() == 0, "only root can become others")


@contextlib.contextmanager
def being(uid, gid, groups=()):
    """What is connected meanwhile is connected by that user."""
    before = os.getgroups()
    os.setgroups(list(groups))
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


class UsersMixin:
    """For a DaemonTest, whose own client is root's."""

    def client_of(self, uid, gid=OPERATE, groups=()):
        with being(uid, gid, groups):
            client = Client(self.daemon.socket_path)
        self.addCleanup(client.close)
        return client

    def role(self, client):
        """What the daemon lets this client do, by what it refuses."""
        for role, method in (("admin", "sim.status"), ("operate", "segment.free"),
                             ("read", "daemon.status")):
            params = {"name": "no-such-segment"} if method == "segment.free" else {}
            reply = client.reply(client.request(method, **params))
            if reply.get("error", {}).get("data", {}).get("name") != "PERMISSION_DENIED":
                return role
        return "none"
