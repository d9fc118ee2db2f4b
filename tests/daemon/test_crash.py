# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon ends at any instruction, by a signal that it cannot catch or by one that it can: what
it has confirmed is there, everything else is done or undone, and no page is lost or owned twice."""

import itertools
import random
import select
import threading
import time
import unittest

from load import Load
from scenarios import SCENARIOS, Attach, Create, Destroy, Detach, Rebuild
from world import PAGE, Gone, World, pages

POOL = 256 * PAGE
POOL_START = 0x7ff00  # where the simulator puts a pool of that size
PATTERN = bytes(range(1, 17))


def marked(segment):
    """The pages that get a pattern: the first and the last of each run that Xen takes at once."""
    last = segment["size"] // PAGE - 1
    first = int(segment["host_address"], 16)
    for page in sorted({0, last} | {p for p in range(last) if p % 64 in (0, 63)}):
        yield {"address": hex(first + page * PAGE)}


class CrashCase(unittest.TestCase):
    def setUp(self):
        self.world = World("--pool", str(POOL), "--guest", "alpha", "beta", "gamma").start()
        self.addCleanup(self.world.close)
        self.used = 0  # pages from the start of the pool on, since they were last looked at

    def check_data(self, before, after):
        """What was there before the crash has its bytes, what is new shows nothing."""
        old = {(segment["name"], segment["epoch"]) for segment in before["segments"]}
        for segment in after["segments"]:
            was_there = (segment["name"], segment["epoch"]) in old
            for page in marked(segment):
                data = self.world.call("sim.host.read", **page, length=PAGE)["data"]
                self.assertEqual(data, PATTERN.hex() * (PAGE // len(PATTERN)) if was_there
                                 else "00" * PAGE)

    def check_nothing_lost(self):
        """Every page can be given out again, and shows nothing of who had it before."""
        self.world.detach_everything()
        self.world.check_empty()
        attachment = self.world.attach("gamma", POOL)
        data = self.world.read("gamma", dict(attachment, size=self.used * PAGE))
        self.assertEqual(data, bytes(len(data)))
        self.world.detach("gamma")
        self.used = 0

    def crash(self, scenario, operation, n):
        """Returns the snapshot before, or None when the call did not come."""
        scenario.prepare(self.world)
        for segment in self.world.check()["segments"]:
            self.used = max(self.used, pages(segment)[-1] + 1 - POOL_START)
            for page in marked(segment):
                self.world.call("sim.host.write", **page,
                                data=PATTERN.hex() * (PAGE // len(PATTERN)))
        before = self.world.check()
        self.world.fail(operation, n, kill=True)
        try:
            scenario.act(self.world)
            self.world.idle()
        except Gone:
            self.world.died()
            return before
        self.world.forgive()
        return None

    def judge(self, scenario, before):
        """After the restart, and with everything at its end."""
        self.world.settle()
        self.world.check()
        scenario.finish(self.world)
        after = self.world.check()
        self.assertEqual(self.world.quarantined(), [])
        scenario.killed(self, before, after)
        self.check_data(before, after)

    def clean(self, scenario):
        scenario.clean(self.world)
        if scenario.name == "foreign_holder":
            self.world.poke()
        self.check_nothing_lost()


def crash_everywhere(self, scenario, operation):
    self.world.configure(scenario.grace)
    self.world.restart()
    for n in itertools.count(1):
        before = self.crash(scenario, operation, n)
        if before:
            self.world.start()
            self.judge(scenario, before)
        self.clean(scenario)
        if not before:
            return n - 1


class KilledAtEachCall(CrashCase):
    """SIGKILL before the n-th call to Xen or to the store, for every n."""


def add_kill(scenario):
    def test(self):
        calls = crash_everywhere(self, scenario, "any")
        self.assertGreaterEqual(calls, scenario.calls["any"])
    setattr(KilledAtEachCall, f"test_{scenario.name}", test)


for each in SCENARIOS:
    add_kill(each)


class KilledInRepair(CrashCase):
    """SIGKILL again, before the m-th call of the start that repairs the first one."""

    def repair_everywhere(self, scenario, n):
        for m in itertools.count(1):
            before = self.crash(scenario, "any", n)
            if not before:
                self.clean(scenario)
                return 0
            self.world.start("--fail", f"any:{m}:kill", wait=False)
            try:
                self.world.client = self.world.connect()
                self.world.idle()
                died = False
            except Gone:
                self.world.died()
                self.world.start()
                died = True
            self.world.forgive()
            self.judge(scenario, before)
            self.clean(scenario)
            if not died:
                return m

    def every(self, scenario):
        total = 0
        for n in itertools.count(1):
            tries = self.repair_everywhere(scenario, n)
            if not tries:
                break
            total += tries
        self.assertGreater(total, 30)

    def test_attach(self):
        self.every(Attach("attach", 1))

    def test_detach(self):
        self.every(Detach("detach", 2, shared=True))

    def some(self, scenario, *calls):
        """Not every call: builders take their time."""
        self.assertGreater(sum(self.repair_everywhere(scenario, n) for n in calls), 4 * len(calls))

    def test_create(self):
        self.some(Create("create"), 4, 12, 20, 28, 36)

    def test_destroy(self):
        self.some(Destroy("destroy"), 2, 5, 8)

    def test_rebuild(self):
        self.some(Rebuild("rebuild"), 10, 25)


class TornReboot(CrashCase):
    """A guest goes again in the middle of getting back what it had, and of what waits a part is
    under the domid of before."""

    def setUp(self):
        super().setUp()
        self.world.configure(600)
        self.world.restart()
        for name in ("s0", "s1", "s2"):
            self.world.attach("beta", PAGE, name=name)
        self.world.call("sim.guest.shutdown", name="beta", reason="reboot")
        self.world.settle()
        self.world.call("sim.guest.destroy", name="beta")
        self.world.settle()
        # The writes for the second one: its new domid, and that it is there.
        self.world.fail("store_write", 4, kill=True)
        with self.assertRaises(Gone):
            self.world.guest("beta")
            self.world.settle()
        self.world.died()
        with self.world.toolstack() as client:
            client.call("sim.guest.destroy", name="beta")
        self.world.start()
        self.world.settle()
        waiting = self.world.waiting()
        self.assertEqual([a["segment"] for a in waiting], ["s0", "s1", "s2"])
        self.assertEqual(len({a["guest"]["domid"] for a in waiting}), 2)

    def test_detach_each(self):
        for name in ("s0", "s2", "s1"):
            self.world.detach("beta", name)
        self.world.check_empty()

    def test_detach_all(self):
        self.assertEqual(len(self.world.detach("beta", all=True)["detached"]), 3)
        self.world.check_empty()

    def test_it_comes_back(self):
        self.world.guest("beta")
        self.world.settle()
        self.assertEqual([a["state"] for a in self.world.check()["guests"][-1]["attachments"]],
                         ["attached"] * 3)
        self.world.detach("beta", all=True)


class PreservedGoesLater(CrashCase):
    """A domain that on_crash has preserved is destroyed while its successor is off: that does not
    make anybody wait for the successor, which went for good."""

    def test_off_is_off(self):
        self.world.configure(600)
        self.world.restart()
        uuid = next(g["uuid"] for g in self.world.call("guest.list")["guests"]
                    if g["name"] == "beta")
        self.world.attach("beta", PAGE)
        self.world.call("sim.guest.shutdown", name="beta", reason="crash")
        self.world.settle()
        time.sleep(0.01)  # which domain came later is told by the millisecond
        self.world.guest("beta2", uuid=uuid)
        self.world.settle()
        self.world.call("sim.guest.shutdown", name="beta2", reason="poweroff")
        self.world.settle()
        self.world.call("sim.guest.destroy", name="beta")
        self.world.settle()
        self.assertEqual(len(self.world.list()), 1)
        self.world.call("sim.guest.destroy", name="beta2")
        self.world.settle()
        self.world.check_empty()


class KilledWhileWiping(unittest.TestCase):
    """There is no call to Xen or the store meanwhile: the signal comes when the daemon says so."""

    def kill_while_wiping(self, method, **params):
        world = World("--pool", "512M", "--guest", "alpha").start()
        self.addCleanup(world.close)
        asking = world.connect()
        asking.send(asking.request(method, dict(params, size=512 << 20, name="wide")))
        while not any(segment["state"] == "wiping" for segment in world.list()):
            answered = select.select([asking.socket], [], [], 0)[0]
            self.assertFalse(answered, "it was wiped before anybody could see that")
        self.assertEqual(world.store(), {}, "pages that are not wiped are in the store")
        world.kill()
        asking.close()
        world.start()
        world.check_empty()

    def test_alloc(self):
        self.kill_while_wiping("segment.alloc")

    def test_attach(self):
        self.kill_while_wiping("guest.attach", guest="alpha")


class KilledUnderLoad(unittest.TestCase):
    """Signals at random moments while many clients attach, share, write and detach."""

    guests = [f"g{i}" for i in range(8)]

    def setUp(self):
        self.random = random.Random(4711)
        self.world = World("--pool", "4M", "--guest", *self.guests).start()
        self.addCleanup(self.world.close)

    def signal_soon(self, send):
        delay = self.random.uniform(0.0, 0.02)

        def wait():
            time.sleep(delay)
            send()
        thread = threading.Thread(target=wait)
        thread.start()
        return thread

    def one_round(self, send, ended, faults):
        for _ in range(faults):
            late = self.random.random() < 0.3
            operation = self.random.choice(("permit", "revoke", "map", "unmap")) if late else "any"
            self.world.fail(operation, self.random.randrange(1, 20 if late else 150), late=late,
                            errno=self.random.choice(("EIO", "ENOMEM", "EINVAL", "EBUSY")))
        thread = self.signal_soon(send)
        self.load.run()
        thread.join()
        ended()
        self.world.start()
        self.world.idle()
        self.load.compare(self.world.check())

    def rounds(self, count, send, ended, faults=0):
        self.load = Load(self.world, self.guests, self.random, faults > 0)
        for number in range(count):
            self.one_round(send, ended, faults)
            if number % 20 == 19:
                self.load.finish()
        self.load.finish()
        self.assertGreater(self.load.confirmed_total, count)
        self.assertGreater(self.load.interrupted_total, count // 2)

    def test_sigkill(self):
        self.rounds(200, lambda: self.world.process.kill(), self.world.died)

    def test_sigterm(self):
        self.rounds(60, lambda: self.world.process.terminate(), self.world.ended)

    def test_sigkill_among_faults(self):
        self.rounds(100, lambda: self.world.process.kill(), self.world.died, faults=4)

    def test_sigterm_among_faults(self):
        self.rounds(40, lambda: self.world.process.terminate(), self.world.ended, faults=4)


if __name__ == "__main__":
    unittest.main()
