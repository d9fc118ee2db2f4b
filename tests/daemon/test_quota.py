# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one user may have: connections, segments, memory and requests under way; and which groups
give which right. Nobody gets more, however it is asked for, and nobody else gets less."""

import contextlib
import json
import signal
import unittest

from creating import CreateMixin
from harness import (KIB, PAGE, DaemonTest, FolderTest, Refused, SegmentMixin, check_reply,
                     wait_until)
from users import ADMIN, ALICE, BOB, CAROL, GROUPS, OPERATE, OTHER, READ, UsersMixin, needs_root


class QuotaTest(UsersMixin, SegmentMixin, DaemonTest):
    config = GROUPS + "[quotas]\nsegments = 3\nmemory = 32K\n"

    def setUp(self):
        super().setUp()
        self.alice = self.client_of(ALICE)
        self.bob = self.client_of(BOB)

    def fill(self, client, name="of-alice", count=3, size=PAGE):
        for index in range(count):
            client.call("segment.alloc", name=f"{name}-{index}", size=size)

    def over(self, client, method="segment.alloc", **params):
        """It is refused, and nothing has changed. Returns the refusal."""
        params = params or {"name": "one-too-many", "size": PAGE}
        with self.unchanged(), self.refused("QUOTA_EXCEEDED") as caught:
            client.call(method, **params)
        return caught.exception

    def reload(self, config):
        with self.client_of(0, 0) as listener:
            listener.call("events.subscribe", types=["config.reloaded"])
            (self.folder / "xenshmd.conf").write_text(config, encoding="utf-8")
            self.daemon.process.send_signal(signal.SIGHUP)
            listener.line()


@needs_root
class Segments(QuotaTest):
    def test_number(self):
        self.fill(self.alice)
        refused = self.over(self.alice)
        self.assertEqual(refused.message, f"uid {ALICE} has 3 segments, its quota is 3")
        self.assertIn("`segments` in section [quotas]", refused.hint)
        self.alice.call("segment.free", name="of-alice-1")
        self.alice.call("segment.alloc", name="more", size=PAGE)
        self.over(self.alice, name="again", size=PAGE)

    def test_memory(self):
        self.fill(self.alice, count=1, size=20 * KIB)
        refused = self.over(self.alice, name="more", size=13 * KIB)
        self.assertEqual(refused.message, f"uid {ALICE} has 20 KiB of memory in its segments, and "
                                          "16 KiB more would exceed its quota, 32 KiB")
        self.assertIn("`memory` in section [quotas]", refused.hint)
        self.alice.call("segment.alloc", name="the-rest", size=12 * KIB)
        self.over(self.alice)
        self.over(self.alice, "guest.attach", guest="alpha", size=1)

    def test_more_than_there_can_be(self):
        for size in (33 * KIB, 1 << 40, (1 << 63) - 1):
            self.over(self.alice, name="huge", size=size)

    def test_others_have_their_own(self):
        self.fill(self.alice)
        self.over(self.alice)
        self.fill(self.bob, "of-bob")
        self.over(self.bob)
        # Root has none.
        self.fill(self.client, "of-root", 12)

    def test_by_uid_not_by_group_or_connection(self):
        self.fill(self.alice)
        self.over(self.client_of(ALICE))
        self.over(self.client_of(ALICE, OTHER, [OPERATE]))
        self.over(self.client_of(ALICE, ADMIN))

    def test_attachments(self):
        """A segment that an attach makes counts; one that it shares does not."""
        self.bob.call("segment.alloc", name="of-bob", size=4 * PAGE)
        self.fill(self.alice, count=2)
        self.alice.call("guest.attach", guest="alpha", size=PAGE, name="third")
        self.over(self.alice, "guest.attach", guest="alpha", size=PAGE)
        for segment in ("of-bob", "of-alice-0"):
            self.alice.call("guest.attach", guest="beta", segment=segment)
        # It ends with its guest, whoever takes it away.
        self.bob.call("guest.detach", guest="alpha", segment="third")
        self.alice.call("guest.attach", guest="alpha", size=PAGE)

    def test_who_frees_does_not_matter(self):
        self.fill(self.alice)
        self.bob.call("segment.free", name="of-alice-0")
        self.fill(self.bob, "of-bob", 3)
        self.fill(self.alice, "more", 1)
        self.over(self.alice)

    def test_another_refusal_counts_nothing(self):
        self.fill(self.alice, count=2)
        for params in ({"name": "of-alice-0", "size": PAGE},
                       {"name": "x", "size": PAGE, "pool": "none"},
                       {"name": "x", "size": PAGE, "align": 3}):
            with self.assertRaises(Refused):
                self.alice.call("segment.alloc", **params)
        self.call("sim.fail", operation="store_write")
        with self.refused("STORE_FAILED"):
            self.alice.call("segment.alloc", name="x", size=PAGE)
        self.alice.call("segment.alloc", name="x", size=PAGE)
        self.over(self.alice)

    def test_a_dead_guest_gives_back(self):
        self.fill(self.alice, count=2)
        self.alice.call("guest.attach", guest="alpha", size=6 * PAGE)
        self.call("sim.guest.destroy", name="alpha")
        # What is on its way back is waited for, as with a pool that is full.
        self.alice.call("segment.alloc", name="more", size=6 * PAGE)
        self.over(self.alice)

    def test_quarantine_counts(self):
        self.fill(self.alice, count=2)
        name = self.alice.call("guest.attach", guest="alpha", size=PAGE)["segment"]
        for after in range(1, 16):
            self.call("sim.fail", operation="unmap", after=after)
        with self.refused("HYPERVISOR_FAILED"):
            self.alice.call("guest.detach", guest="alpha")
        with self.refused("QUOTA_EXCEEDED"):
            self.alice.call("segment.alloc", name="more", size=PAGE)
        self.call("sim.fail", operation="unmap", errno=0)
        self.call("sim.guest.destroy", name="alpha")
        self.gone(name)
        self.alice.call("segment.alloc", name="more", size=PAGE)

    def test_open_segments_count(self):
        """A program that has it open keeps it, and so does the count."""
        self.fill(self.alice, count=2)
        name = self.alice.call("guest.attach", guest="alpha", size=PAGE)["segment"]
        opener = self.client_of(BOB)
        opener.call("segment.open", name=name)
        self.alice.call("guest.detach", guest="alpha")
        self.over(self.alice)
        opener.close()
        self.gone(name)
        self.alice.call("segment.alloc", name="more", size=PAGE)


@needs_root
class AllOrNothing(CreateMixin, UsersMixin, DaemonTest):
    config = GROUPS + "[quotas]\nsegments = 3\nmemory = 32K\n"
    options = ("--pool", "1M")

    def setUp(self):
        super().setUp()
        self.alice = self.client_of(ALICE, ADMIN)

    def owned(self):
        return sorted(segment["owner_uid"] for segment in self.call("segment.list")["segments"])

    def test_create(self):
        for shares in ([PAGE] * 4, [16 * KIB, 12 * KIB, 8 * KIB]):
            with self.refused("QUOTA_EXCEEDED", f"uid {ALICE}"):
                self.alice.finish(self.ask_create("guest1", *shares, client=self.alice))
            self.assertEqual(self.owned(), [])
            self.assertEqual(self.guests_now(), [])
            self.assertEqual(self.records(), {})
        self.alice.finish(self.ask_create("guest1", PAGE, PAGE, client=self.alice))
        self.assertEqual(self.owned(), [ALICE, ALICE])
        with self.refused("QUOTA_EXCEEDED", f"uid {ALICE} has 3"):
            self.alice.finish(self.ask_create("guest2", PAGE, PAGE, client=self.alice))
        self.assertEqual(self.owned(), [ALICE, ALICE])
        # It is built anew with what it has.
        domid = self.guest("guest1")["domid"]
        self.shut_down("guest1", "reboot")
        self.became("guest1", domid)
        self.assertEqual(self.owned(), [ALICE, ALICE])
        self.alice.call("guest.destroy", guest="guest1")
        self.alice.finish(self.ask_create("guest2", PAGE, PAGE, PAGE, client=self.alice))


@needs_root
class ManyWays(QuotaTest):
    """However it is asked for, there are three."""

    options = ("--guest", "alpha", "--pool", "64M")
    config = GROUPS + "[quotas]\nsegments = 3\n"

    def test_at_the_same_time(self):
        """With pages to wipe, so that none is ready before the others are asked for."""
        clients = [self.client_of(ALICE) for _ in range(6)]
        ids = [[client.request("segment.alloc", name=f"s-{number}-{index}", size=256 * PAGE)
                for index in range(4)] for number, client in enumerate(clients)]
        replies = [client.reply(id_) for client, asked in zip(clients, ids) for id_ in asked]
        names = [reply["error"]["data"]["name"] for reply in replies if "error" in reply]
        self.assertEqual(set(names), {"QUOTA_EXCEEDED"})
        self.assertEqual(len(replies) - len(names), 3)
        self.assertEqual(len(self.names()), 3)

    def test_batch(self):
        """Each request of a batch for itself."""
        self.alice.send_line([{"jsonrpc": "2.0", "id": index, "method": "segment.alloc",
                               "params": {"name": f"s{index}", "size": PAGE}}
                              for index in range(5)])
        replies = self.alice.read()
        self.assertEqual(sorted(reply["id"] for reply in replies if "result" in reply), [0, 1, 2])
        self.assertEqual(self.names(), ["s0", "s1", "s2"])

    def test_notifications(self):
        for index in range(5):
            self.alice.notify("segment.alloc", name=f"s{index}", size=PAGE)
        self.assertTrue(self.alice.quiet())
        self.idle()
        self.assertEqual(self.names(), ["s0", "s1", "s2"])

    def test_after_a_restart(self):
        """Nothing is kept beside the segments themselves."""
        self.daemon.kill()
        world = ("--world", self.folder / "world")
        self.begin(*self.options, *world)
        self.fill(self.client_of(ALICE))
        for stop in ("kill", "stop", "kill"):
            self.client.close()
            getattr(self.daemon, stop)()
            self.begin(*world)
            alice = self.client_of(ALICE)
            self.over(alice)
            self.fill(self.client_of(CAROL), "of-carol", 0)
            alice.call("segment.free", name="of-alice-0")
            alice.call("segment.alloc", name="of-alice-0", size=PAGE)
            self.over(alice)

    def test_reload(self):
        self.fill(self.alice)
        self.reload(GROUPS + "[quotas]\nsegments = 1\n")
        self.over(self.alice)
        self.assertEqual(len(self.names()), 3)
        self.alice.call("segment.free", name="of-alice-0")
        self.over(self.alice)
        self.reload(GROUPS + "[quotas]\nsegments = 4\nmemory = 4K\n")
        self.over(self.alice)
        self.reload(GROUPS + "[quotas]\nsegments = none\nmemory = 1G\n")
        self.assertEqual(self.alice.call("daemon.status")["quotas"],
                         {"connections": 256, "segments": 0, "memory": 1 << 30, "requests": 64})
        self.fill(self.alice, "more", 10)


@needs_root
class Requests(QuotaTest):
    config = GROUPS.replace("[daemon]\n", "[daemon]\nholder-wait = 3600\n") + \
        "[quotas]\nrequests = 3\n"

    def wait_with(self, client, name, count):
        """So many requests that wait for a guest without a configuration."""
        return [client.request("segment.alloc", name=f"{name}-{index}", size=PAGE)
                for index in range(count)]

    def test_requests(self):
        self.call("sim.guest.start", name="unknown", config=False)
        first, second = self.client_of(ALICE), self.client_of(ALICE)
        waiting = self.wait_with(first, "first", 2) + self.wait_with(second, "second", 1)
        wait_until(lambda: self.call("daemon.status")["counts"]["operations"] == 3, "they wait")
        with self.refused("QUOTA_EXCEEDED") as caught:
            self.alice.call("segment.alloc", name="more", size=PAGE)
        self.assertEqual(caught.exception.message, f"uid {ALICE} has 3 requests for changes under "
                                                   "way, its quota is 3")
        self.assertIn("`requests` in section [quotas]", caught.exception.hint)
        # Looking is free, and so is what others do.
        self.assertEqual(self.alice.call("segment.list")["segments"], [])
        others = self.wait_with(self.bob, "bob", 3) + self.wait_with(self.client, "root", 5)
        # Who hangs up has them still under way.
        second.close()
        with self.refused("QUOTA_EXCEEDED"):
            self.alice.call("segment.free", name="none")
        self.call("sim.guest.configure", name="unknown")
        for id_ in waiting[:2]:
            first.finish(id_)
        for id_ in others[:3]:
            self.bob.finish(id_)
        for id_ in others[3:]:
            self.client.finish(id_)
        self.alice.call("segment.alloc", name="more", size=PAGE)
        self.assertEqual(len(self.names()), 12)

    def test_many_quick_ones(self):
        """Those that are answered count no more."""
        self.alice.pipeline(*[("segment.free", {"name": "none"})] * 20)
        for _ in range(20):
            self.assertEqual(self.alice.read()["error"]["data"]["name"], "SEGMENT_UNKNOWN")


class ConnectionTest(UsersMixin, FolderTest):
    def begin(self, config):
        self.daemon = self.start("--pool", "64K", config=GROUPS + config)

    def welcome(self, uid, gid=OPERATE):
        """A client that is served, or the name of what it is told."""
        client = self.client_of(uid, gid)
        with contextlib.suppress(BrokenPipeError):
            client.request("daemon.status")
        # Who is turned away may be told that before what it has sent is read: a reset comes first.
        reply = client.read() or client.read()
        if reply["id"] is not None:
            return client
        check_reply(reply)
        self.assertTrue(client.at_end())
        self.told = reply["error"]
        return self.told["data"]["name"]

    def served(self, count, uid, gid=OPERATE):
        clients = [self.welcome(uid, gid) for _ in range(count)]
        self.assertNotIn("QUOTA_EXCEEDED", clients)
        self.assertNotIn("TOO_MANY", clients)
        return clients


@needs_root
class Connections(ConnectionTest):
    def test_quota(self):
        self.begin("[quotas]\nconnections = 3\n")
        clients = self.served(3, ALICE)
        self.assertEqual(self.welcome(ALICE), "QUOTA_EXCEEDED")
        self.assertEqual(self.told["message"], f"uid {ALICE} has 3 connections, its quota")
        self.assertIn("`connections` in section [quotas]", self.told["data"]["hint"])
        self.assertEqual(self.welcome(ALICE, ADMIN), "QUOTA_EXCEEDED")
        self.served(3, BOB)
        self.served(6, 0, 0)
        clients.pop().close()
        wait_until(lambda: self.welcome(ALICE) != "QUOTA_EXCEEDED", "its place is free again")

    def test_nobody_has_all(self):
        """By default, and with more than there are: a quarter is left for others."""
        for config in ("", "[quotas]\nconnections = 1000\n"):
            self.begin("[limits]\nconnections = 8\n" + config)
            with self.subTest(config):
                clients = self.served(6, ALICE)
                self.assertEqual(self.welcome(ALICE), "QUOTA_EXCEEDED")
                clients += self.served(1, BOB) + self.served(1, 0, 0)
                self.assertEqual(self.welcome(0, 0), "TOO_MANY")
            for client in clients:
                client.close()
            self.daemon.stop()

    def test_none(self):
        self.begin("[limits]\nconnections = 8\n[quotas]\nconnections = none\n")
        self.served(8, ALICE)
        self.assertEqual(self.welcome(ALICE), "TOO_MANY")
        self.daemon.kill()


@needs_root
class Groups(ConnectionTest):
    def roles(self, *asked):
        return [self.role(self.client_of(*one)) for one in asked]

    def test_rights(self):
        self.begin("")
        self.assertEqual(
            self.roles((0, 0), (0, OTHER), (ALICE, ADMIN), (ALICE, OPERATE), (ALICE, READ),
                       (ALICE, OTHER)),
            ["admin", "admin", "admin", "operate", "read", "none"])
        # The highest of all groups counts.
        self.assertEqual(
            self.roles((BOB, READ, [OPERATE, OTHER]), (BOB, OTHER, [READ, ADMIN]),
                       (BOB, OPERATE, [READ]), (BOB, OTHER, [OTHER])),
            ["operate", "admin", "operate", "none"])

    def test_one_group_for_several(self):
        self.daemon = self.start(config=f"[daemon]\nread-group = {OTHER}\nadmin-group = {OTHER}\n")
        self.assertEqual(self.roles((ALICE, OTHER)), ["admin"])

    def test_nobody(self):
        """By default there is no group of admins; an empty one is that of nobody."""
        self.daemon = self.start(config="[daemon]\noperate-group =\nread-group =\n")
        self.assertEqual(self.roles((ALICE, OPERATE), (ALICE, 0), (0, OTHER)),
                         ["none", "none", "admin"])
        self.assertNotIn("there is no group", self.daemon.log())

    def test_missing(self):
        self.daemon = self.start(
            config=f"[daemon]\noperate-group = no-such-group\nread-group = {READ}\n"
                   "admin-group = 4294967295\n")
        self.assertEqual(self.roles((ALICE, OPERATE), (ALICE, READ)), ["none", "read"])
        for key, name in (("operate-group", "no-such-group"), ("admin-group", "4294967295")):
            self.assertIn(f"[daemon] {key}: there is no group '{name}'", self.daemon.log())

    def test_reload(self):
        """Who is connected keeps what it has; who connects then has what is in force then."""
        self.begin("")
        before = self.client_of(ALICE, OPERATE)
        self.assertEqual(self.role(before), "operate")
        listener = self.client_of(0, 0)
        listener.call("events.subscribe", types=["config.reloaded"])
        (self.folder / "xenshmd.conf").write_text(f"[daemon]\nread-group = {OPERATE}\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        listener.line()
        self.assertEqual(self.roles((ALICE, OPERATE), (ALICE, ADMIN)), ["read", "none"])
        self.assertEqual(self.role(before), "operate")


@needs_root
class Forged(UsersMixin, DaemonTest):
    config = GROUPS

    def test_messages_say_nothing_of_who_asks(self):
        client = self.client_of(ALICE, OTHER)
        for more in ({"uid": 0}, {"owner_uid": 0}, {"role": "admin"}):
            client.send_line({"jsonrpc": "2.0", "id": 1, "method": "segment.alloc", **more,
                              "params": {"name": "data", "size": PAGE, **more}})
            reply = json.loads(client.line())
            self.assertIn(reply["error"]["data"]["name"], ("PERMISSION_DENIED", "INVALID_REQUEST"))
        self.assertEqual(self.call("segment.list")["segments"], [])


if __name__ == "__main__":
    unittest.main()
