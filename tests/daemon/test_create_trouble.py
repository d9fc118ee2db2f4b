# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builders that abort, hang, fail or talk nonsense, at each of their steps: a clear refusal,
nothing is left, and the daemon goes on."""

import os
import pathlib
import shutil
import time
import unittest

from creating import CreateMixin, Responsiveness, by_segment, same_place
from harness import PAGE, XENSHMD_SIM, Client, DaemonTest, FolderTest, Refused, wait_until

BUILDER = os.environ.get("XENSHM_BUILDER_SIM", "xenshm-builder-sim")
STEPS = ("start", "facts", "build", "built", "run")
WHY = {"abort": "crashed", "error": "fails in step", "garbage": "makes no sense",
       "hang": "took more than 1 second"}


class TroubleTest(CreateMixin, DaemonTest):
    options = ("--guest", "alpha", "--pool", "1M")
    config = "[daemon]\nbuilder-timeout = 1\n[limits]\nbuilders = 8\n"

    def outcome(self, id_):
        """(guest, None), or (None, refusal)."""
        try:
            return self.client.finish(id_)["guest"], None
        except Refused as why:
            return None, why

    def held(self):
        """Pages that are not free."""
        pool, = self.call("pool.list")["pools"]
        return (pool["size"] - pool["free"]) // PAGE

    def check_refusal(self, refusal, action):
        self.assertEqual(refusal.name, "HYPERVISOR_FAILED")
        self.assertIn(WHY[action], refusal.message)


class Creation(TroubleTest):
    def each_step(self, action):
        for step in STEPS:
            with self.subTest(step=step):
                self.fault(step, action)
                with self.unchanged():
                    _, refusal = self.outcome(self.ask_create("guest1", PAGE, 3 * PAGE))
                    self.check_refusal(refusal, action)
                self.check_nothing_left()
        self.assertEqual(self.fault("start", ""), 0, "a step was not reached")
        # Again, and all is well.
        self.create("guest1", PAGE)

    def test_abort(self):
        self.each_step("abort")

    def test_error(self):
        self.each_step("error")

    def test_garbage(self):
        self.each_step("garbage")

    def test_its_name_cannot_be_read(self):
        """By its name alone it would be somebody else's domain, with its segments for foreign pages."""
        for n in range(1, 61):
            self.call("sim.fail", operation="name", after=n)
        self.create("guest1", PAGE, 3 * PAGE)
        self.assertLess(self.call("sim.fail", operation="name", errno=0)["pending"], 60)
        guest, = [one for one in self.guests_now() if one["created"]]
        self.assertEqual([a["state"] for a in guest["attachments"]], ["attached"] * 2)
        self.assertEqual(guest["foreign"], [])

    def test_kept_segments_stay(self):
        kept = self.alloc("kept")
        self.share("alpha", "kept")
        self.host_write(kept["host_address"], b"kept")
        for step in STEPS:
            self.fault(step, "abort")
            _, refusal = self.outcome(self.ask_create("guest1", PAGE, "kept", PAGE))
            self.check_refusal(refusal, "abort")
            self.assertEqual(set(self.agree()), {"kept"})
        self.assertEqual(self.host_read(kept["host_address"], 4), b"kept")
        self.detach("alpha", segment="kept")
        self.free("kept")

    def test_hang_at_each_step_at_once(self):
        """Others are answered meanwhile, and a guest is created beside."""
        for step in STEPS:
            self.fault(step, "hang")
        with self.unchanged():
            ids = [self.ask_create(f"hang{i}", PAGE, 40 * PAGE) for i in range(len(STEPS))]
            self.builders(len(STEPS))
            beside = Responsiveness(self.connect(self.daemon))
            beside.measure(0.8)
            for id_ in ids:
                self.check_refusal(self.outcome(id_)[1], "hang")
            self.idle()
        print(f"# {self.id()}: status while builders hang: p50 "
              f"{beside.percentile(0.5) * 1e6:.0f} us, p99 {beside.percentile(0.99) * 1e6:.0f} us, "
              f"of {len(beside.times)}", flush=True)
        self.assertLess(beside.percentile(0.99), 0.25)
        self.check_nothing_left()

    def test_others_go_on_while_one_hangs(self):
        self.fault("build", "hang")
        id_ = self.ask_create("hangs", PAGE)
        self.half_made("hangs")
        self.create("beside", PAGE)
        self.attach("alpha")
        self.detach("alpha", all=True)
        self.destroy("beside")
        self.assertIsNone(self.outcome(id_)[0])
        self.check_nothing_left()

    def test_slow_is_not_too_slow(self):
        for step in STEPS:
            self.fault(step, "slow", seconds=0.05)
        begun = time.monotonic()
        self.create("guest1", PAGE)
        self.assertGreater(time.monotonic() - begun, 0.25)

    def test_neither_it_nor_its_end(self):
        """What was made cannot be taken back at once: it is held, said, and tried again."""
        for step, held in (("build", True), ("start", False)):
            self.fault(step, "abort")
            self.fault("end", "abort")
            _, refusal = self.outcome(self.ask_create("guest1", 4 * PAGE))
            self.check_refusal(refusal, "abort")
            if held:
                self.assertIn("tried again", refusal.hint)
                self.assertEqual(self.half_state("guest1"), "ending")
                self.assertEqual(self.held(), 4)
                with self.refused("GUEST_EXISTS"):
                    self.create("guest1", PAGE)
                uuid, = self.records()
                self.assertEqual(self.destroy("guest1")["uuid"], uuid)
            self.forgive()
            self.check_nothing_left()

    def half_state(self, name):
        return self.guest(name)["state"]



class Destroyed(TroubleTest):
    options = ("--guest", "alpha", "--pool", "64M")

    def test_while_its_segment_is_wiped(self):
        """Its segment ends first; nothing of it is left, in the daemon's memory neither."""
        id_ = self.ask_create("guest1", 64 << 20)
        wait_until(lambda: [one for one in self.call("segment.list")["segments"]
                            if one["state"] == "wiping"] or self.guest("guest1"), "it is wiped")
        self.assertEqual(self.destroy("guest1")["state"], "destroyed")
        refusal = self.outcome(id_)[1]
        if refusal:  # not if it was wiped, and made, by then
            self.assertEqual(refusal.name, "GUEST_DYING")
        self.check_nothing_left()


class Destruction(TroubleTest):
    def test_each_step(self):
        self.create("guest1", PAGE, 2 * PAGE)
        for step in ("start", "end"):
            for action in ("abort", "error", "garbage"):
                with self.subTest(step=step, action=action):
                    self.fault(step, action)
                    with self.refused("HYPERVISOR_FAILED", WHY[action]):
                        self.destroy("guest1")
                    self.idle()
                    guest = self.guest("guest1")
                    self.assertEqual(guest["state"], "ending")
                    self.assertEqual(len(guest["attachments"]), 2)
                    self.assertEqual(len(self.daemon.store()), 2)
        self.assertEqual(self.destroy("guest1")["state"], "destroyed")
        self.check_nothing_left()

    def test_hang(self):
        self.create("guest1", PAGE)
        self.create("guest2", PAGE)
        self.fault("start", "hang")
        self.fault("end", "hang")
        ids = [self.client.request("guest.destroy", guest=name) for name in ("guest1", "guest2")]
        for id_ in ids:
            self.check_refusal(self.outcome(id_)[1], "hang")
        for name in ("guest1", "guest2"):
            self.destroy(name)
        self.check_nothing_left()


class TriedAgain(TroubleTest):
    """A failure to end a domain is tried again after five seconds, one to build it anew after two,
    without anybody asking; all of these at once."""

    def test_after_a_while(self):
        rebuilt = {}
        for i in range(7):
            rebuilt[f"guest{i}"] = self.create(f"guest{i}", PAGE, {"size": PAGE, "name": f"s{i}"})
        ended = self.failed_ends() + [self.failed_creation()]
        for step in ("end", "facts", "build", "built", "run"):
            self.fault(step, "abort")
        self.fault("build", "error")
        self.fault("facts", "garbage")
        for name in rebuilt:
            self.shut_down(name, "reboot")
        # What could not be ended is not given out meanwhile.
        self.assertEqual(self.held(), 2 * 7 + 3 + 4)
        for name, before in rebuilt.items():
            self.check_rebuilt(before, self.became(name, before["guest"]["domid"]))
        for uuid in ended:
            self.vanished(uuid)
        self.assertEqual(self.fault("start", ""), 0, "a step was not reached")
        self.assertEqual(len(self.agree()), 14)

    def failed_ends(self):
        """Three guests of one page whose destruction failed."""
        guests = [self.create(f"ends{i}", PAGE)["guest"] for i in range(3)]
        for guest, action in zip(guests, ("abort", "error", "garbage")):
            self.fault("end", action)
            with self.refused("HYPERVISOR_FAILED"):
                self.destroy(guest["name"])
        return [guest["uuid"] for guest in guests]

    def failed_creation(self):
        """One of four pages that could neither be built nor taken back."""
        self.fault("built", "abort")
        self.fault("end", "error")
        before = set(self.records())
        _, refusal = self.outcome(self.ask_create("half", 4 * PAGE))
        self.check_refusal(refusal, "abort")
        uuid, = set(self.records()) - before
        return uuid

    def check_rebuilt(self, before, guest):
        self.assertEqual(guest["uuid"], before["guest"]["uuid"])
        self.assertTrue(same_place(by_segment(before["attachments"]),
                                   by_segment(guest["attachments"])))


class NoBuilder(FolderTest):
    """The program is missing from the start, or goes while the daemon runs."""

    def program(self, with_builder):
        folder = self.folder / "bin"
        folder.mkdir()
        shutil.copy(shutil.which(XENSHMD_SIM), folder)
        if with_builder:
            shutil.copy(shutil.which(BUILDER), folder / "xenshm-builder-sim")
        return folder / pathlib.Path(XENSHMD_SIM).name

    def start_daemon(self, with_builder):
        self.kernel = self.folder / "kernel"
        self.kernel.write_bytes(b"kernel")
        return self.start("--guest", "alpha", program=str(self.program(with_builder)))

    def ask(self, client, name):
        config = {"c_info": {"name": name}, "b_info": {"kernel": str(self.kernel)}}
        return client.call("guest.create", config=config, shares=[{"size": PAGE}])

    def test_from_the_start(self):
        daemon = self.start_daemon(False)
        self.assertIn("xenshm-builder-sim", daemon.log())
        with Client(daemon.socket_path) as client:
            with self.refused("UNSUPPORTED", "builder"):
                self.ask(client, "guest1")
            # All else works.
            client.call("guest.attach", guest="alpha", size=PAGE)
            self.assertEqual(len(daemon.store()), 1)
        self.assertEqual(daemon.guest_files(), set())

    def test_it_goes(self):
        daemon = self.start_daemon(True)
        builder = self.folder / "bin" / "xenshm-builder-sim"
        with Client(daemon.socket_path) as client:
            self.ask(client, "guest1")
            aside = builder.rename(builder.with_name("aside"))
            with self.refused("HYPERVISOR_FAILED", "xenshm-builder-sim", "No such file"):
                self.ask(client, "guest2")
            with self.refused("HYPERVISOR_FAILED", "xenshm-builder-sim"):
                client.call("guest.destroy", guest="guest1")
            builder.write_text("no program\n")
            builder.chmod(0o755)
            with self.refused("HYPERVISOR_FAILED"):
                self.ask(client, "guest2")
            aside.rename(builder)
            client.call("guest.destroy", guest="guest1")
            self.assertEqual(client.call("segment.list"), {"segments": []})
            wait_until(lambda: not daemon.guest_files(), "no file is left")


if __name__ == "__main__":
    unittest.main()
