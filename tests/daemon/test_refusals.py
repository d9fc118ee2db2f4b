# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every refusal by its name, and that a refused request leaves everything as it was: pools,
segments, guests, store, xenstore, and what the hypervisor has mapped."""

import contextlib
import grp
import json
import os
import time
import unittest

from harness import (BATCH_MAX, KIB, MIB, PAGE, RAM, Client, DaemonTest, Refused, number,
                     wait_until)

NOBODY = 65534


class RefusalTest(DaemonTest):
    agrees = True

    def tearDown(self):
        if self.agrees:
            self.agree()
        super().tearDown()

    def detach(self, guest, **more):
        return self.call("guest.detach", guest=guest, **more)["detached"]


class Pools(RefusalTest):
    options = ("--guest", "alpha", "beta", "--pool", "64K", "other=16K")

    def test_pool_full(self):
        self.attach("alpha", 48 * KIB, pool="shared_mem")
        for size in (20 * KIB, MIB, 1 << 40, 2 ** 63 - 1):
            with self.subTest(size=size), \
                    self.refused_unchanged("POOL_FULL", f"{(size + PAGE - 1) // PAGE} wanted"):
                self.attach("beta", size)
        with self.refused_unchanged("POOL_FULL", "'other'", " 4 free pages, 5 wanted"):
            self.attach("beta", 20 * KIB, pool="other")

    def test_pool_full_of_holes(self):
        for index in range(16):
            self.attach("alpha", pool="shared_mem", name=f"s{index}")
        for index in range(0, 16, 2):
            self.detach("alpha", segment=f"s{index}")
        with self.refused_unchanged("POOL_FULL", "8 free pages", "at most 1 of them in a row",
                                    "2 wanted"):
            self.attach("beta", 2 * PAGE, pool="shared_mem")

    def test_pool_unknown(self):
        with self.refused_unchanged("POOL_UNKNOWN", "'nope'"):
            self.attach("alpha", pool="nope")
        with self.refused_unchanged("POOL_UNKNOWN", "'nope'"):
            self.call("pool.map", pool="nope")


class Segments(RefusalTest):
    def setUp(self):
        super().setUp()
        self.attach("alpha", name="x")

    def test_segment_exists(self):
        for guest in ("alpha", "beta"):
            with self.refused_unchanged("SEGMENT_EXISTS", "'x'"):
                self.attach(guest, name="x")

    def test_segment_unknown(self):
        for name in ("y", "X", "x0", "alpha-0"):
            with self.refused_unchanged("SEGMENT_UNKNOWN", f"'{name}'"):
                self.call("segment.show", name=name)
            with self.refused_unchanged("SEGMENT_UNKNOWN", f"'{name}'"):
                self.share("beta", name)
            with self.refused_unchanged("SEGMENT_UNKNOWN", f"'{name}'"):
                self.detach("alpha", segment=name)

    def test_already_attached(self):
        for more in ({}, {"address": "0x3b000000"}, {"address": "identity"}):
            with self.refused_unchanged("ALREADY_ATTACHED", "'x'", "'alpha'", "0x3a000000"):
                self.share("alpha", "x", **more)

    def test_not_attached(self):
        with self.refused_unchanged("NOT_ATTACHED", "'beta'"):
            self.detach("beta")
        with self.refused_unchanged("NOT_ATTACHED", "'x'", "'beta'"):
            self.detach("beta", segment="x")

    def test_several_to_detach(self):
        self.attach("alpha")
        with self.refused_unchanged("INVALID_PARAMS", "'alpha'"):
            self.detach("alpha")


class Guests(RefusalTest):
    def test_guest_unknown(self):
        for guest in ("nobody", "ALPHA", 99, "99", "00000000-0000-0000-0000-000000000000"):
            with self.refused_unchanged("GUEST_UNKNOWN", str(guest)):
                self.attach(guest)
            with self.refused_unchanged("GUEST_UNKNOWN", str(guest)):
                self.detach(guest, all=True)

    def test_guest_unknown_after_its_end(self):
        uuid = next(guest["uuid"] for guest in self.call("guest.list")["guests"]
                    if guest["name"] == "alpha")
        self.call("sim.guest.destroy", name="alpha")
        for guest in ("alpha", uuid):
            with self.refused_unchanged("GUEST_UNKNOWN"):
                self.attach(guest)

    def test_guest_ambiguous(self):
        domid = self.domid("beta")
        self.call("sim.guest.start", name=str(domid))
        self.attach("beta", name="x")
        for guest in (domid, str(domid)):
            with self.refused_unchanged("GUEST_AMBIGUOUS", f"'{domid}'", "2 guests"):
                self.attach(guest)
            with self.refused_unchanged("GUEST_AMBIGUOUS", f"'{domid}'", "2 guests"):
                self.detach(guest)

    def test_guest_ambiguous_by_uuid(self):
        uuid = next(guest["uuid"] for guest in self.call("guest.list")["guests"]
                    if guest["name"] == "beta")
        self.call("sim.guest.start", name=uuid)
        with self.refused_unchanged("GUEST_AMBIGUOUS", uuid):
            self.attach(uuid)

    def test_guest_dying(self):
        self.attach("beta", name="x")
        for reason, state in (("poweroff", "shutdown"), ("reboot", "rebooting"),
                              ("suspend", "suspended"), ("crash", "crashed"),
                              ("watchdog", "watchdog"), ("soft_reset", "soft-reset")):
            with self.subTest(reason=reason):
                self.call("sim.guest.start", name=reason)
                self.call("sim.guest.shutdown", name=reason, reason=reason)
                with self.refused_unchanged("GUEST_DYING", f"'{reason}'", state):
                    self.attach(reason)
                with self.refused_unchanged("GUEST_DYING", f"'{reason}'", state):
                    self.share(reason, "x")


class Addresses(RefusalTest):
    options = ("--guest", "alpha", "beta", "large:1G", "--pool", "64K")

    def refused_at(self, name, guest, address, pages=1):
        with self.subTest(guest=guest, address=address, pages=pages), \
                self.refused_unchanged(name, *([guest] if number_or_none(address) else [])):
            self.attach(guest, pages * PAGE, address=address)

    def test_in_use(self):
        self.attach("alpha", 4 * PAGE, address="0x3b000000")
        for address, pages in (("0x3b000000", 4), ("0x3b001000", 1), ("0x3b003000", 2),
                               ("0x3afff000", 2), ("0x3afff000", 6), ("0x3b003000", 1)):
            self.refused_at("ADDRESS_IN_USE", "alpha", address, pages)

    def test_default_in_use(self):
        self.attach("alpha", address="0x3a001000")
        # The page after that one is the next to be given out, and its place is taken.
        with self.refused_unchanged("ADDRESS_IN_USE", "0x3a001000"):
            self.attach("alpha")

    def test_in_use_by_its_own_iomem(self):
        self.call("sim.guest.start", name="holder", iomem=["0x7fff8,2@0x3b000"])
        for address in ("0x3b000000", "0x3b001000"):
            self.refused_at("ADDRESS_IN_USE", "holder", address)
        self.refused_at("ADDRESS_IN_USE", "holder", "0x3afff000", 2)

    def test_in_use_for_a_shared_one(self):
        self.attach("alpha", name="x")
        self.attach("beta", address="0x3a000000")
        with self.refused_unchanged("ADDRESS_IN_USE", "0x3a000000"):
            self.share("beta", "x")

    def test_is_ram(self):
        end = RAM + 128 * MIB
        for address, pages in ((RAM, 1), (RAM + 64 * MIB, 1), (end - PAGE, 1), (end - PAGE, 2),
                               (RAM - PAGE, 2), (RAM - 8 * PAGE, 16)):
            self.refused_at("ADDRESS_IS_RAM", "alpha", hex(address), pages)

    def test_is_ram_by_the_maximum(self):
        self.call("sim.guest.start", name="balloon", memory=64 * MIB, maxmem=512 * MIB)
        self.refused_at("ADDRESS_IS_RAM", "balloon", hex(RAM + 512 * MIB - PAGE))
        self.attach("balloon", address=hex(RAM + 512 * MIB))

    def test_is_ram_of_the_second_bank(self):
        self.call("sim.guest.start", name="huge", memory=4 << 30)
        self.refused_at("ADDRESS_IS_RAM", "huge", "0x200000000")
        self.refused_at("ADDRESS_IS_RAM", "huge", "0xffffe000")

    def test_identity_is_ram(self):
        self.refused_at("ADDRESS_IS_RAM", "large", "identity")
        self.attach("alpha", name="x")
        with self.refused_unchanged("ADDRESS_IS_RAM", "large"):
            self.share("large", "x", address="identity")

    def test_reserved(self):
        for address in ("0x0", "0x2000000", "0x3001000", "0x10000000", "0x20000000", "0x22000000",
                        "0x23000000", "0x38000000", "0x39000000", "0x39fff000", "0x10000000000",
                        "0xfffffffffffff000"):
            self.refused_at("ADDRESS_RESERVED", "alpha", address)

    def test_reserved_at_the_edges(self):
        self.refused_at("ADDRESS_RESERVED", "alpha", "0x39fff000", 2)
        self.refused_at("ADDRESS_RESERVED", "alpha", "0x37fff000", 2)
        self.refused_at("ADDRESS_RESERVED", "alpha", "0x21fff000", 3)
        self.refused_at("ADDRESS_RESERVED", "alpha", "0xfffffff000", 2)
        self.refused_at("ADDRESS_RESERVED", "alpha", "0xfffffffffffff000", 2)

    def test_not_aligned(self):
        for address in ("0x3a000001", "0x3a000800", "0x3afffffe", "0x1", "0xffffffffffffffff"):
            self.refused_at("ADDRESS_RESERVED", "alpha", address)


def number_or_none(address):
    """The address, unless it is refused before the guest is looked at."""
    try:
        value = number(address)
    except AssertionError:
        return None
    return value if value % PAGE == 0 and value < 1 << 63 else None


class VirtualPci(RefusalTest):
    options = ("--guest", "alpha", "--pool", "128M")

    def test_reserved_for_virtual_pci(self):
        """A pool too large for the low window goes where such a guest has its devices."""
        self.call("sim.guest.start", name="pci", vpci=True)
        with self.refused_unchanged("ADDRESS_RESERVED", "'pci'", "PCI", "0x100000000"):
            self.attach("pci")
        with self.refused_unchanged("ADDRESS_RESERVED", "'pci'", "PCI"):
            self.attach("pci", address="0x1fffff000")
        self.attach("pci", address="0x3a000000")
        self.assertEqual(self.attach("alpha", name="x")["guest_address"], "0x100001000")


class PagesHeld(RefusalTest):
    options = ("--guest", "alpha", "beta", "--pool", "64K")

    def test_by_a_foreign_guest(self):
        self.call("sim.guest.start", name="holder", iomem=["0x7fff0,10@0x3a000"])
        for size in (PAGE, 64 * KIB):
            with self.refused_unchanged("PAGES_HELD", "'holder'", "shared_mem"):
                self.attach("alpha", size)
        # More than there is at all is another matter.
        with self.refused_unchanged("POOL_FULL"):
            self.attach("alpha", 64 * KIB + 1)

    def test_by_a_guest_that_does_not_let_go(self):
        self.agrees = False
        self.attach("alpha", name="x")
        for after in range(1, 41):
            self.call("sim.fail", operation="unmap", after=after)
        with self.refused("HYPERVISOR_FAILED", "'x'", "'alpha'"):
            self.detach("alpha")
        run = next(run for run in self.call("pool.map")["runs"] if run["state"] != "free")
        self.assertEqual((run["state"], run["segment"], run["guest"]),
                         ("quarantined", "x", "alpha"))
        for guest in ("alpha", "beta"):
            with self.refused("PAGES_HELD", "'x'", "'alpha'"):
                self.share(guest, "x")
        with self.refused("SEGMENT_EXISTS"):
            self.attach("beta", name="x")
        with self.refused("PAGES_HELD", "'alpha'"):
            self.attach("beta", 64 * KIB)
        # What it has not confirmed is still mapped.
        self.assertEqual(self.call("sim.status")["domains"][0]["mapped_pages"], 1)
        self.call("sim.fail", operation="unmap", errno=0)
        self.assertEqual(self.detach("alpha")[0]["state"], "quarantined")
        self.assertEqual(self.agree(), {})
        self.attach("beta", 64 * KIB)
        self.agree()

    def test_by_a_guest_that_dies_at_last(self):
        self.attach("alpha", name="x")
        for after in range(1, 41):
            self.call("sim.fail", operation="unmap", after=after)
        with self.refused("HYPERVISOR_FAILED"):
            self.detach("alpha")
        self.call("sim.guest.destroy", name="alpha")
        self.gone("x")
        self.call("sim.fail", operation="unmap", errno=0)
        self.attach("beta", 64 * KIB)


class BadStoreFile(RefusalTest):
    agrees = False

    def setUp(self):
        # The file is there before the daemon starts.
        self.contents = b"{"
        super().setUp()

    def launch(self, *options, **more):
        segments = self.folder / "state" / "segments"
        segments.mkdir(parents=True)
        self.bad = segments / "bad.json"
        self.bad.write_bytes(self.contents)
        return super().launch(*options, **more)

    def snapshot(self):
        # It cannot be parsed here either.
        with self.set_aside():
            return super().snapshot()

    @contextlib.contextmanager
    def set_aside(self):
        self.bad.rename(self.folder / "bad.json")
        yield
        (self.folder / "bad.json").rename(self.bad)

    def test_pages_held(self):
        self.assertEqual(self.call("daemon.status")["counts"]["bad_store_files"], 1)
        with self.refused_unchanged("PAGES_HELD", "bad.json"):
            self.attach("alpha")
        self.assertEqual(self.bad.read_bytes(), self.contents)
        self.assertIn("bad.json", self.daemon.log())


class HolderUnknown(RefusalTest):
    config = "[daemon]\nholder-wait = 0\n"

    def setUp(self):
        super().setUp()
        self.attach("alpha", name="x")
        self.call("sim.guest.start", name="hidden", config=False, iomem=["0x7ff80,8@0x3a800"])
        self.agrees = False

    def test_new_pages(self):
        for guest in ("alpha", "hidden"):
            with self.refused_unchanged("HOLDER_UNKNOWN", "'hidden'"):
                self.attach(guest)

    def test_a_guest_that_is_unknown_itself(self):
        with self.refused_unchanged("HOLDER_UNKNOWN", "'hidden'"):
            self.share("hidden", "x")

    def test_what_is_still_possible(self):
        self.share("beta", "x")
        self.detach("alpha")
        self.detach("beta")
        shown = {guest["name"]: guest for guest in self.call("guest.list")["guests"]}
        self.assertIs(shown["hidden"]["config_known"], False)
        self.assertIs(shown["beta"]["config_known"], True)

    def test_known_at_last(self):
        self.call("sim.guest.configure", name="hidden")
        self.assertEqual(self.attach("hidden", MIB // 2 - PAGE)["host_address"], "0x7ff01000")
        self.agree()

    def test_dead_at_last(self):
        self.call("sim.guest.destroy", name="hidden")
        self.attach("beta", MIB - PAGE)
        self.agree()

    def test_a_config_that_cannot_be_read(self):
        self.call("sim.guest.configure", name="hidden")
        self.call("guest.list")
        for after in range(1, 41):
            self.call("sim.fail", operation="config", after=after)
        self.call("sim.guest.start", name="broken")
        with self.refused("HOLDER_UNKNOWN", "'broken'"):
            self.attach("alpha")
        self.call("sim.fail", operation="config", errno=0)
        self.attach("alpha")


class HolderWait(RefusalTest):
    config = "[daemon]\nholder-wait = 30\n"

    def setUp(self):
        super().setUp()
        self.call("sim.guest.start", name="hidden", config=False)

    def test_known_in_time(self):
        ids = [self.client.request("guest.attach", guest=guest, size=PAGE)
               for guest in ("alpha", "beta", "hidden")]
        self.assertTrue(self.client.quiet())
        # Others need not wait.
        with self.refused("GUEST_UNKNOWN"):
            self.attach("nobody")
        self.call("sim.guest.configure", name="hidden")
        self.assertEqual([self.client.finish(id_)["segment"] for id_ in ids],
                         ["alpha-0", "beta-0", "hidden-0"])

    def test_one_connection_has_not_everything_under_way(self):
        greedy = self.connect(self.daemon)
        for _ in range(100):
            greedy.request("guest.attach", guest="alpha", size=PAGE)
        wait_until(lambda: self.call("daemon.status")["counts"]["operations"] == 32, "32 are begun")
        time.sleep(0.1)
        self.assertEqual(self.call("daemon.status")["counts"]["operations"], 32)
        other = self.connect(self.daemon)
        for _ in range(50):
            other.request("guest.attach", guest="beta", size=PAGE)
        wait_until(lambda: self.call("daemon.status")["counts"]["operations"] == 64, "64 are begun")
        self.call("sim.guest.configure", name="hidden")
        for client, count in ((greedy, 100), (other, 50)):
            for _ in range(count):
                self.assertIn("result", client.read())

    def test_gone_in_time(self):
        id_ = self.client.request("guest.attach", guest="alpha", size=PAGE)
        self.assertTrue(self.client.quiet())
        self.call("sim.guest.destroy", name="hidden")
        self.assertEqual(self.client.finish(id_)["segment"], "alpha-0")

    def test_its_guest_dies_meanwhile(self):
        ids = [self.client.request("guest.attach", guest="alpha", size=PAGE) for _ in range(2)]
        self.assertTrue(self.client.quiet())
        self.call("sim.guest.destroy", name="alpha")
        for id_ in ids:
            with self.refused("GUEST_DYING"):
                self.client.finish(id_)
        self.call("sim.guest.configure", name="hidden")

    def test_waiting_costs_nothing(self):
        """Whatever number of requests waits, the processor is idle."""
        for waiting in (1, 31, 32, 33, 64):
            with self.subTest(waiting=waiting):
                client = self.connect(self.daemon)
                for index in range(waiting):
                    client.request("guest.attach", guest=("alpha", "beta")[index % 2], size=PAGE)
                wait_until(lambda: self.call("daemon.status")["counts"]["operations"] > 0, "begun")
                time.sleep(0.05)
                before = self.daemon.processor_time()
                time.sleep(0.4)
                self.assertLess(self.daemon.processor_time() - before, 0.2)
                self.call("sim.guest.configure", name="hidden")
                for _ in range(waiting):
                    self.assertIn("result", client.read())
                self.call("sim.guest.start", name=f"hidden{waiting}", config=False)
                self.call("sim.guest.destroy", name="hidden")
                self.call("sim.guest.start", name="hidden", config=False)
                self.call("sim.guest.destroy", name=f"hidden{waiting}")
                for guest in ("alpha", "beta"):
                    self.detach(guest, all=True)


class HolderWaitEnds(RefusalTest):
    config = "[daemon]\nholder-wait = 1\n"

    def test_not_known_in_time(self):
        self.call("sim.guest.start", name="hidden", config=False)
        begun = time.monotonic()
        with self.refused_unchanged("HOLDER_UNKNOWN", "'hidden'"):
            self.attach("alpha")
        self.assertGreaterEqual(time.monotonic() - begun, 1)


class HoldersIgnored(RefusalTest):
    config = "[daemon]\nunknown-holders = ignore\nholder-wait = 3600\n"

    def test_at_ones_own_risk(self):
        self.call("sim.guest.start", name="hidden", config=False)
        self.assertEqual(self.attach("alpha")["segment"], "alpha-0")
        self.share("hidden", "alpha-0")


class Limits(RefusalTest):
    options = ("--guest", "alpha", "beta", "gamma", "--pool", "1M")
    config = """[limits]
connections = 4
segments = 5
attachments = 3
operations = 2
[daemon]
holder-wait = 30
"""

    def test_are_shown(self):
        limits = self.call("daemon.status")["limits"]
        self.assertEqual(limits, dict(limits, connections=4, segments=5, attachments_per_guest=3,
                                      operations=2, batch=BATCH_MAX))

    def wait_connections(self, wanted):
        wait_until(lambda: self.call("daemon.status")["counts"]["connections"] == wanted,
                   f"{wanted} connections")

    def test_connections(self):
        self.wait_connections(1)
        others = [self.connect(self.daemon) for _ in range(3)]
        self.wait_connections(4)
        for _ in range(5):
            with self.unchanged():
                client = self.connect(self.daemon)
                reply = client.read()
                self.assertIsNone(reply["id"])
                self.assertEqual(reply["error"]["data"]["name"], "TOO_MANY")
                self.assertTrue(client.at_end())
        others[0].close()
        self.wait_connections(3)
        self.assertIn("version", self.connect(self.daemon).call("daemon.status"))
        others[1].close()
        self.wait_connections(3)

    def test_segments(self):
        for guest in ("alpha", "alpha", "beta", "beta", "gamma"):
            self.attach(guest)
        with self.refused_unchanged("TOO_MANY", "5 segments"):
            self.attach("gamma")
        self.share("gamma", "alpha-0")
        self.detach("beta", segment="beta-0")
        self.attach("beta")

    def test_attachments(self):
        for _ in range(3):
            self.attach("alpha")
        with self.refused_unchanged("TOO_MANY", "'alpha'", "3 attachments"):
            self.attach("alpha")
        self.attach("beta", name="x")
        with self.refused_unchanged("TOO_MANY", "'alpha'", "3 attachments"):
            self.share("alpha", "x")
        self.detach("alpha", segment="alpha-1")
        self.share("alpha", "x")

    def test_operations(self):
        self.attach("gamma", name="g")
        self.call("sim.guest.start", name="hidden", config=False)
        ids = [self.client.request("guest.attach", guest=guest, size=PAGE)
               for guest in ("alpha", "beta")]
        with self.refused("TOO_MANY", "2 operations"):
            self.attach("gamma")
        with self.refused("TOO_MANY", "2 operations"):
            self.detach("gamma")
        self.call("sim.guest.configure", name="hidden")
        self.assertEqual([self.client.finish(id_)["segment"] for id_ in ids], ["alpha-0", "beta-0"])
        self.assertEqual(set(self.agree()), {"alpha-0", "beta-0", "g"})

    def test_a_guest_that_dies_is_cleared_away_at_the_limit(self):
        """What the daemon does of itself needs no room."""
        self.attach("gamma", name="g")
        self.call("sim.guest.start", name="hidden", config=False)
        ids = [self.client.request("guest.attach", guest=guest, size=PAGE)
               for guest in ("alpha", "beta")]
        self.call("sim.guest.destroy", name="gamma")
        wait_until(lambda: self.call("segment.list")["segments"] == [], "g is gone")
        self.call("sim.guest.configure", name="hidden")
        for id_ in ids:
            self.client.finish(id_)

    def test_batch(self):
        with self.unchanged():
            reply = self.raw(json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "guest.attach",
                                          "params": {"guest": "alpha", "size": PAGE}}]
                                        * (BATCH_MAX + 1)).encode())
        self.assertEqual(reply["error"]["data"]["name"], "TOO_MANY")


class HypervisorFailed(RefusalTest):
    """One failing call at each place. The mapping of 200 pages takes four calls."""
    options = ("--guest", "alpha", "beta", "gamma", "--pool", "1M")
    size = 200 * PAGE

    def plan(self, operation, after=1, **more):
        self.call("sim.fail", operation=operation, after=after, **more)

    def nothing_planned(self):
        self.assertEqual(self.call("sim.status")["faults_pending"], 0, "that call was never made")

    def test_attach(self):
        for operation, calls in (("permit", 1), ("probe", 4), ("map", 4), ("publish", 1)):
            for after in range(1, calls + 1):
                for errno in ("EIO", "EPERM", "EINVAL", "ESRCH", "ENOMEM", "EBUSY"):
                    with self.subTest(operation=operation, after=after, errno=errno), \
                            self.unchanged():
                        self.plan(operation, after, errno=errno)
                        with self.refused("HYPERVISOR_FAILED"):
                            self.attach("alpha", self.size)
                        self.nothing_planned()
        self.attach("alpha", self.size)

    def test_share(self):
        attachment = self.attach("alpha", self.size, name="x")
        self.guest_write("alpha", attachment["guest_address"], b"kept")
        for operation, calls in (("permit", 1), ("probe", 4), ("map", 4), ("publish", 1)):
            for after in range(1, calls + 1):
                with self.subTest(operation=operation, after=after), self.unchanged():
                    self.plan(operation, after)
                    with self.refused("HYPERVISOR_FAILED"):
                        self.share("beta", "x")
                    self.nothing_planned()
        self.share("beta", "x")
        self.assertEqual(self.guest_read("beta", attachment["guest_address"], 4), b"kept")

    def test_list(self):
        self.attach("alpha", name="x")
        with self.unchanged():
            self.plan("list")
            with self.refused("HYPERVISOR_FAILED", "domains"):
                self.attach("beta")
            self.nothing_planned()
        with self.unchanged():
            self.plan("list")
            with self.refused("HYPERVISOR_FAILED", "domains"):
                self.detach("alpha")
        with self.unchanged():
            self.plan("list")
            with self.refused("HYPERVISOR_FAILED", "domains"):
                self.call("guest.list")

    def test_detach_that_cannot_be_announced(self):
        self.attach("alpha", name="x")
        with self.unchanged():
            self.plan("publish")
            with self.refused("HYPERVISOR_FAILED", "'x'", "'alpha'"):
                self.detach("alpha")
            self.nothing_planned()
        self.detach("alpha")

    def test_detach_that_fails_is_repaired(self):
        for operation, calls in (("unmap", 4), ("revoke", 1), ("unpublish", 1)):
            for after in range(1, calls + 1):
                with self.subTest(operation=operation, after=after):
                    self.attach("alpha", self.size, name="x")
                    self.plan(operation, after)
                    with self.refused("HYPERVISOR_FAILED", "'x'", "'alpha'") as caught:
                        self.detach("alpha")
                    self.assertIn("quarantined", caught.exception.hint)
                    self.nothing_planned()
                    states = {run["state"] for run in self.call("pool.map")["runs"]}
                    self.assertEqual(states, {"free", "quarantined"})
                    # Any change of the domains has it tried again.
                    self.call("sim.guest.start", name="hint")
                    self.call("sim.guest.destroy", name="hint")
                    self.gone("x")
                    self.assertEqual(self.agree(), {})

    def test_names_that_cannot_be_had(self):
        self.plan("name")
        self.assertEqual(self.attach("alpha")["segment"], "alpha-0")


class StoreFailed(RefusalTest):
    def setUp(self):
        super().setUp()
        self.segments = self.daemon.state_dir / "segments"

    def plan(self, operation, after=1):
        self.call("sim.fail", operation=operation, after=after, errno="ENOSPC")

    def test_attach(self):
        for after in (1, 2):
            with self.subTest(after=after), self.unchanged():
                self.plan("store_write", after)
                with self.refused("STORE_FAILED", "'x'", "No space"):
                    self.attach("alpha", name="x")
        self.attach("alpha", name="x")

    def test_share(self):
        self.attach("alpha", name="x")
        for after in (1, 2):
            with self.subTest(after=after), self.unchanged():
                self.plan("store_write", after)
                with self.refused("STORE_FAILED", "'x'", "No space"):
                    self.share("beta", "x")
        self.share("beta", "x")

    def test_detach(self):
        self.attach("alpha", name="x")
        with self.unchanged():
            self.plan("store_write")
            with self.refused("STORE_FAILED", "'x'", "No space"):
                self.detach("alpha")
        self.detach("alpha")

    def test_detach_whose_file_stays(self):
        """The pages are taken back, but the store still says otherwise: they stay held."""
        self.attach("alpha", name="x")
        self.plan("store_remove")
        with self.refused("STORE_FAILED", "'x'", "No space"):
            self.detach("alpha")
        self.assertEqual(self.call("segment.show", name="x")["attachments"][0]["state"],
                         "quarantined")
        self.call("sim.guest.start", name="hint")
        self.gone("x")

    def test_a_real_one(self):
        """A folder stands where the file is to go."""
        for name in (".x.tmp", "x.json"):
            (self.segments / name).mkdir()
            with self.subTest(name=name), self.refused("STORE_FAILED", "'x'", "directory"):
                self.attach("alpha", name="x")
            self.assertEqual([path.name for path in self.segments.iterdir()], [name])
            (self.segments / name).rmdir()
            self.assertEqual(self.agree(), {})
        self.attach("alpha", name="x")

    def test_links_are_not_followed(self):
        victim = self.folder / "victim"
        victim.write_text("untouched")
        (self.segments / ".x.tmp").symlink_to(victim)
        with self.refused("STORE_FAILED", "'x'"):
            self.attach("alpha", name="x")
        self.assertEqual(victim.read_text(), "untouched")
        (self.segments / ".x.tmp").unlink(missing_ok=True)


def two_groups():
    """Names of two groups that root is not in."""
    own = set(os.getgroups()) | {0}
    return [group.gr_name for group in grp.getgrall() if group.gr_gid not in own][:2]


READ = ["rpc.discover", "daemon.status", "daemon.metrics", "pool.list", "pool.map", "segment.list",
        "segment.show", "guest.list"]
OPERATE = ["guest.attach", "guest.detach", "segment.alloc", "segment.free"]
ADMIN = ["guest.create", "guest.destroy", "sim.builder", "sim.guest.start", "sim.guest.shutdown",
         "sim.guest.resume", "sim.guest.destroy", "sim.guest.rename", "sim.guest.pause",
         "sim.guest.configure", "sim.guest.xenstore", "sim.guest.read", "sim.guest.write",
         "sim.host.read", "sim.host.write", "sim.fail", "sim.status"]
CALLS = {"segment.show": {"name": "x"}, "guest.attach": {"guest": "alpha", "size": PAGE},
         "guest.detach": {"guest": "alpha", "segment": "x"}}


@unittest.skipUnless(os.getuid() == 0, "only root can become others")
class PermissionTest(RefusalTest):
    groups = two_groups()
    operate, read = (grp.getgrnam(name).gr_gid for name in groups)
    config_of_groups = "[daemon]\noperate-group = {}\nread-group = {}\n".format(*groups)
    config = config_of_groups

    def setUp(self):
        super().setUp()
        self.attach("alpha", name="x")

    def as_user(self, requests, **user):
        """The replies that such a user gets."""
        def talk():
            with Client(self.daemon.socket_path) as client:
                return [client.raw(json.dumps(request).encode()) for request in requests]

        return self.in_child(talk, **user)

    def in_child(self, function, uid=NOBODY, gid=NOBODY, groups=()):
        """What the function returns in a process of such a user."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups(groups)
                os.setgid(gid)
                os.setuid(uid)
                os.write(writing, json.dumps(function()).encode())
                os._exit(0)
            finally:
                os._exit(1)
        os.close(writing)
        with open(reading, "rb") as pipe:
            replies = pipe.read()
        self.assertEqual(os.waitpid(child, 0)[1], 0, "the client failed")
        return json.loads(replies)

    def outcome(self, method, **user):
        """"done", or the name of the refusal; of a call that changes nothing by itself."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": CALLS.get(method, {})}
        reply = self.as_user([request], **user)[0]
        return reply["error"]["data"]["name"] if "error" in reply else "done"

    def check(self, allowed, denied, **user):
        for method in denied:
            with self.subTest(method=method, **user):
                with self.unchanged():
                    self.assertEqual(self.outcome(method, **user), "PERMISSION_DENIED")
        for method in allowed:
            with self.subTest(method=method, **user):
                # Without its parameters a method is refused for another reason.
                self.assertIn(self.outcome(method, **user), ("done", "INVALID_PARAMS"))


class Strangers(PermissionTest):
    """Who may do nothing cannot keep out those who may."""
    config = PermissionTest.config_of_groups + "[limits]\nconnections = 12\n"

    def connect_as_user(self, count, **user):
        """The names of what each of so many clients at once is answered."""
        def talk():
            clients = [Client(self.daemon.socket_path) for _ in range(count)]
            replies = []
            for client in clients:
                try:
                    client.request("daemon.status")
                except BrokenPipeError:
                    pass  # turned away already: the reason is there to read
                replies.append(client.read())
            return replies

        return ["error" in reply and reply["error"]["data"]["name"]
                for reply in self.in_child(talk, **user)]

    def test_a_quarter_is_for_them(self):
        wait_until(lambda: self.call("daemon.status")["counts"]["connections"] == 1, "one is left")
        self.assertEqual(self.connect_as_user(8),
                         ["PERMISSION_DENIED"] * 3 + ["TOO_MANY"] * 5)
        wait_until(lambda: self.call("daemon.status")["counts"]["connections"] == 1, "one is left")
        self.assertEqual(self.connect_as_user(8, gid=self.read), [False] * 8)
        wait_until(lambda: self.call("daemon.status")["counts"]["connections"] == 1, "one is left")
        # They go, and there is room for the next ones.
        self.assertEqual(self.connect_as_user(4), ["PERMISSION_DENIED"] * 3 + ["TOO_MANY"])


class PermissionDenied(PermissionTest):
    def test_a_stranger(self):
        self.check([], READ + OPERATE + ADMIN)

    def test_members_of_the_read_group(self):
        self.check(READ, OPERATE + ADMIN, gid=self.read)
        self.check(READ, OPERATE + ADMIN, groups=[self.read])
        self.check(READ, OPERATE[:1], groups=[NOBODY, self.read, 12345])

    def test_members_of_the_operate_group(self):
        self.check(READ + OPERATE, ADMIN, gid=self.operate)
        self.attach("alpha", name="x")
        self.check(READ + OPERATE, ADMIN, groups=[self.operate])

    def test_members_of_both(self):
        self.check(READ + OPERATE[:1], ADMIN[:1], gid=self.read, groups=[self.operate])
        self.check(READ + OPERATE[:1], ADMIN[:1], gid=self.operate, groups=[self.read])

    def test_the_group_of_root_is_nothing(self):
        self.check([], READ[:2] + OPERATE + ADMIN[:1], gid=0, groups=[0])

    def test_root_is_admin(self):
        self.check(READ + OPERATE, [], uid=0, gid=NOBODY)

    def test_denied_before_anything_is_looked_at(self):
        replies = self.as_user([
            {"jsonrpc": "2.0", "id": 1, "method": "segment.show", "params": {"name": "none"}},
            {"jsonrpc": "2.0", "id": 2, "method": "guest.attach", "params": {"nonsense": 1}},
            {"jsonrpc": "2.0", "id": 3, "method": "guest.attach", "params": [1], "uid": 0},
            [{"jsonrpc": "2.0", "id": 4, "method": "daemon.status"}]])
        self.assertEqual([one["error"]["code"] for one in replies[:3] + replies[3]], [19] * 4)

    def test_notifications_are_denied_as_well(self):
        with self.unchanged():
            self.as_user([[{"jsonrpc": "2.0", "method": "guest.detach",
                            "params": {"guest": "alpha"}},
                           {"jsonrpc": "2.0", "method": "guest.detach",
                            "params": {"guest": "alpha"}, "id": 1}]], gid=self.read)

    def test_owner(self):
        reply = self.as_user([{"jsonrpc": "2.0", "id": 1, "method": "guest.attach",
                               "params": {"guest": "beta", "size": PAGE}}], gid=self.operate)[0]
        self.assertEqual(self.call("segment.show", name=reply["result"]["segment"])["owner_uid"],
                         NOBODY)
        self.assertEqual(self.call("segment.show", name="x")["owner_uid"], 0)

    def test_the_message_tells_what_is_missing(self):
        reply = self.as_user([{"jsonrpc": "2.0", "id": 1, "method": "guest.attach",
                               "params": CALLS["guest.attach"]}], gid=self.read)[0]
        for text in ("guest.attach", "operate", str(NOBODY), "read"):
            self.assertIn(text, reply["error"]["message"])


class NoSuchGroups(PermissionTest):
    """Groups that do not exist give nobody anything."""
    config = "[daemon]\noperate-group = no-such-group-1\nread-group = no-such-group-2\n"

    def test_nobody_is_a_member(self):
        self.check([], READ + OPERATE + ADMIN)
        self.check([], READ[:3] + OPERATE, gid=self.operate, groups=[self.read, self.operate])


class Codes(RefusalTest):
    def test_every_refusal_has_code_name_and_hint(self):
        try:
            self.attach("nobody")
        except Refused as why:
            self.assertEqual((why.code, why.name), (6, "GUEST_UNKNOWN"))
            self.assertIn("xenshmctl guests", why.hint)
        else:
            self.fail("it was not refused")
