# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every call to Xen and to the store fails once, at every place: the daemon refuses or succeeds,
leaves everything as it was or in quarantine, and is whole again as soon as the fault is gone."""

import itertools
import time
import unittest

from scenarios import SCENARIOS, Detach
from world import OPERATIONS, PAGE, PATIENCE, Refused, World, explained, stable_names

STABLE = stable_names()
POOL = 256 * PAGE


class FaultCase(unittest.TestCase):
    """One daemon serves all cases of a test: each case must leave it as it found it."""

    pool = POOL

    def setUp(self):
        self.world = World("--pool", str(self.pool), "--guest", "alpha", "beta", "gamma").start()
        self.addCleanup(self.world.close)

    def begin(self, scenario):
        self.world.configure(scenario.grace)
        self.world.restart()

    def try_once(self, scenario):
        """The scenario's request. Returns its result, or the refusal, which has a stable name."""
        try:
            result = scenario.act(self.world)
        except Refused as refusal:
            self.assertIn(refusal.name, STABLE)
            self.assertTrue(refusal.message)
            result = refusal
        self.world.idle()
        return result

    def fill(self):
        """Gives out all that can be given out, and back: nothing of it was somebody else's."""
        taken = 0
        while True:
            largest = self.world.call("pool.list")["pools"][0]["largest_free"]
            if not largest:
                break
            self.world.attach("gamma", largest)
            taken += largest
        self.world.check()
        if taken:
            self.world.detach("gamma", all=True)

    def detach_again(self, attachment):
        """By asking, unless the daemon has done it by itself just now."""
        try:
            self.world.detach(attachment["guest"]["name"], attachment["segment"])
        except Refused as refusal:
            self.assertIn(refusal.name, ("NOT_ATTACHED", "SEGMENT_UNKNOWN"))

    def heal(self, scenario, repeat):
        """The fault is gone: what is in quarantine becomes free by itself, or by asking again."""
        scenario.mend(self.world)
        held = self.world.quarantined()
        if held:
            self.fill()
        living = self.world.guests()
        if held and repeat:
            for attachment in self.world.quarantined():
                if attachment["guest"]["name"] in living:
                    self.detach_again(attachment)
                else:
                    self.world.poke()
        else:
            self.world.poke()
        self.assertEqual(self.world.quarantined(), [])
        self.world.check()

    def clean(self, scenario):
        scenario.clean(self.world)
        self.world.detach_everything()
        self.world.check_empty()

    def one_fault(self, scenario, operation, n, late=False):
        """Returns whether the fault came to pass."""
        scenario.prepare(self.world)
        before = self.world.check()
        self.world.fail(operation, n, late=late)
        result = self.try_once(scenario)
        fired = self.world.forgive() == 0
        after = self.world.check()
        scenario.judge(self, before, result, after)
        self.heal(scenario, repeat=n % 2)
        self.clean(scenario)
        return fired


class OneFault(FaultCase):
    """The n-th call fails, for every operation, until there is no n-th call."""


def add_one_fault(scenario):
    def test(self):
        self.begin(scenario)
        for operation in ("any",) if scenario.slow else OPERATIONS:
            for n in itertools.count(1):
                with explained(f"call {n} of {operation} fails"):
                    fired = self.one_fault(scenario, operation, n)
                if not fired:
                    break
            self.assertGreaterEqual(n - 1, scenario.calls.get(operation, 0), operation)
    setattr(OneFault, f"test_{scenario.name}", test)


for each in SCENARIOS:
    add_one_fault(each)


class OneLateFault(FaultCase):
    """The n-th call does its work, and reports a failure all the same."""


def add_one_late_fault(scenario):
    def test(self):
        self.begin(scenario)
        for n in itertools.count(1):
            with explained(f"call {n} fails late"):
                if not self.one_fault(scenario, "any", n, late=True):
                    break
        self.assertGreaterEqual(n, 4 if "permit" in scenario.calls else 1)
    setattr(OneLateFault, f"test_{scenario.name}", test)


for each in SCENARIOS:
    add_one_late_fault(each)


class TwoFaults(FaultCase):
    """The n-th and the m-th call of any kind fail."""

    def two_faults(self, scenario, n, m):
        """Returns how many of the faults came to pass."""
        scenario.prepare(self.world)
        self.world.check()
        self.world.fail("any", n)
        self.world.fail("any", m)
        self.try_once(scenario)
        fired = 2 - self.world.forgive()
        self.world.check()
        self.heal(scenario, repeat=m % 2)
        self.clean(scenario)
        return fired


def add_two_faults(scenario):
    def test(self):
        n, m = 1, 2
        while True:
            with explained(f"calls {n} and {m} fail"):
                fired = self.two_faults(scenario, n, m)
            if fired == 2:
                m += 1
            elif fired == 1:
                n, m = n + 1, n + 2
            else:
                break
        self.assertGreater(n, min(5, scenario.calls["any"]))
    setattr(TwoFaults, f"test_{scenario.name}", test)


for each in SCENARIOS:
    if each.pairs:
        add_two_faults(each)


class Lasting(FaultCase):
    """Faults that stay for a while."""

    def quarantine(self, scenario):
        scenario.prepare(self.world)
        self.world.fail_all("unmap", 60)
        refusal = self.try_once(scenario)
        self.assertIsInstance(refusal, Refused)
        self.assertEqual(refusal.name, "HYPERVISOR_FAILED")
        self.assertEqual(len(self.world.quarantined()), 1)
        return refusal

    def test_quarantine_stays_as_long_as_the_fault(self):
        scenario = Detach("lasting", 3)
        self.quarantine(scenario)
        for _ in range(5):
            self.world.poke()
            self.world.check()
            self.assertEqual(len(self.world.quarantined()), 1)
            with self.assertRaises(Refused) as caught:
                self.world.detach("alpha", "s0")
            self.assertEqual(caught.exception.name, "HYPERVISOR_FAILED")
        self.assertGreater(self.world.forgive(), 0)
        self.heal(scenario, repeat=False)
        self.clean(scenario)

    def test_quarantine_is_shown_and_not_shared(self):
        scenario = Detach("shown", 3)
        self.quarantine(scenario)
        runs = [run for run in self.world.call("pool.map")["runs"] if run["state"] != "free"]
        self.assertEqual([(run["state"], run["segment"], run["size"]) for run in runs],
                         [("quarantined", "s0", 3 * PAGE)])
        with self.assertRaises(Refused) as caught:
            self.world.attach("beta", segment="s0")
        self.assertEqual(caught.exception.name, "PAGES_HELD")
        with self.assertRaises(Refused) as caught:
            self.world.attach("beta", 4096, name="s0")
        self.assertEqual(caught.exception.name, "SEGMENT_EXISTS")
        with self.assertRaises(Refused) as caught:
            self.world.attach("beta", POOL)
        self.assertIn(caught.exception.name, ("PAGES_HELD", "POOL_FULL"))
        self.assertGreater(self.world.forgive(), 0)  # only now: it would end by itself
        self.heal(scenario, repeat=True)
        self.clean(scenario)

    def test_quarantine_ends_by_the_slow_timer(self):
        scenario = Detach("timer", 3)
        self.quarantine(scenario)
        self.assertGreater(self.world.forgive(), 0)
        end = time.monotonic() + PATIENCE
        while self.world.quarantined():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        self.clean(scenario)

    def test_quarantine_ends_with_the_guest(self):
        scenario = Detach("death", 3)
        self.quarantine(scenario)
        self.world.call("sim.guest.destroy", name="alpha")
        self.world.poke()
        self.assertGreater(self.world.forgive(), 0)
        self.assertEqual(self.world.list(), [])
        self.world.guest("alpha")
        self.clean(scenario)

    def test_quarantine_is_no_mapping_of_the_next_domain(self):
        """A domid is used again at once: what the dead guest had is not taken from the new one."""
        scenario = Detach("next", 2)
        self.quarantine(scenario)
        old = next(g for g in self.world.call("guest.list")["guests"] if g["name"] == "alpha")
        attachment = old["attachments"][0]
        self.world.forgive()
        where = int(attachment["guest_address"], 16) // PAGE
        frame = int(attachment["host_address"], 16) // PAGE
        self.world.batch(
            ("sim.guest.destroy", {"name": "alpha"}),
            ("sim.guest.start", {"name": "alpha", "domid": old["domid"],
                                 "uuid": "00000000-0000-4000-8000-000000000001",
                                 "iomem": [f"{frame:x},2@{where:x}"]}))
        self.world.poke()
        snapshot = self.world.check()
        self.assertEqual(snapshot["segments"], [])
        self.assertEqual(len(snapshot["mapped"][old["domid"]]), 2)
        self.assertEqual({run["state"] for run in snapshot["runs"]}, {"free", "foreign"})
        self.world.call("sim.guest.destroy", name="alpha")
        self.world.guest("alpha")
        self.clean(scenario)

    def test_stores_that_stay_full(self):
        """Nothing is given out that cannot be written down, and nothing is forgotten."""
        self.world.fail_all("store_write", errno="ENOSPC")
        for _ in range(5):
            with self.assertRaises(Refused) as caught:
                self.world.attach("alpha", 4096)
            self.assertEqual(caught.exception.name, "STORE_FAILED")
            self.world.check_empty()
        self.world.forgive()
        self.world.attach("alpha", 4096)
        self.world.fail_all("store_write", errno="ENOSPC")
        with self.assertRaises(Refused) as caught:
            self.world.detach("alpha")
        self.assertEqual(caught.exception.name, "STORE_FAILED")
        self.world.forgive()
        self.assertEqual([segment["attachments"][0]["state"]
                          for segment in self.world.check()["segments"]], ["attached"])
        self.world.detach("alpha")

    def test_lists_that_stay_unknown(self):
        """Without the list nothing is given out; a dead guest's pages stay held until then."""
        self.world.attach("beta", POOL)
        self.world.fail_all("list")
        self.world.call("sim.guest.destroy", name="beta")
        for method, params in (("guest.attach", {"guest": "alpha", "size": 4096}),
                               ("guest.detach", {"guest": "alpha", "all": True}),
                               ("guest.list", {})):
            with self.assertRaises(Refused) as caught:
                self.world.call(method, **params)
            self.assertEqual(caught.exception.name, "HYPERVISOR_FAILED")
        self.assertEqual(self.world.call("pool.list")["pools"][0]["free"], 0)
        self.assertGreater(self.world.forgive(), 0)
        self.world.attach("alpha", 4096)
        self.world.check()
        self.world.detach("alpha")
        self.world.guest("beta")


class Interleaved(FaultCase):
    """Guests that die while an operation is under way: in one batch, so in one turn of the loop."""

    pool = 64 << 20

    def tearDown(self):
        self.world.detach_everything()
        self.world.check_empty()

    def test_death_while_wiping(self):
        first, _ = self.world.client.batch(
            ("guest.attach", {"guest": "alpha", "size": 48 << 20}),
            ("sim.guest.destroy", {"name": "alpha"}))
        self.assertIsInstance(first, Refused)
        self.assertEqual(first.name, "GUEST_DYING")
        self.world.idle()
        self.world.check_empty()
        self.world.guest("alpha")

    def test_domid_used_again_while_wiping(self):
        domid = self.world.guest("delta")["domid"]
        first, _, _ = self.world.client.batch(
            ("guest.attach", {"guest": "delta", "size": 48 << 20}),
            ("sim.guest.destroy", {"name": "delta"}),
            ("sim.guest.start", {"name": "delta", "domid": domid,
                                 "uuid": "00000000-0000-4000-8000-000000000002"}))
        self.assertIsInstance(first, Refused)
        self.assertEqual(first.name, "GUEST_DYING")
        self.world.idle()
        self.assertEqual(self.world.check_empty()["mapped"][domid], set())
        self.world.call("sim.guest.destroy", name="delta")

    def test_domid_used_again_for_the_same_segment(self):
        """For a moment a dead and a living guest of one domid have the same segment."""
        self.world.attach("alpha", 2 * PAGE, name="both")
        domid = self.world.guest("delta")["domid"]
        self.world.attach("delta", segment="both")
        uuid = "00000000-0000-4000-8000-000000000003"
        self.world.batch(
            ("sim.guest.destroy", {"name": "delta"}),
            ("sim.guest.start", {"name": "delta", "domid": domid, "uuid": uuid}),
            ("guest.attach", {"guest": "delta", "segment": "both"}))
        self.world.poke()
        snapshot = self.world.check()
        self.assertEqual([a["guest"]["uuid"] for a in snapshot["segments"][0]["attachments"]
                          if a["guest"]["domid"] == domid], [uuid])
        self.world.detach("delta")
        self.world.call("sim.guest.destroy", name="delta")

    def test_share_of_a_segment_that_is_being_made(self):
        first, second = self.world.batch(
            ("guest.attach", {"guest": "alpha", "size": 48 << 20, "name": "wide"}),
            ("guest.attach", {"guest": "beta", "segment": "wide"}))
        self.assertEqual(first["epoch"], second["epoch"])
        self.world.check()

    def test_detach_of_a_segment_that_is_being_made(self):
        _, detached = self.world.batch(
            ("guest.attach", {"guest": "alpha", "size": 48 << 20}),
            ("guest.detach", {"guest": "alpha", "all": True}))
        self.assertEqual(len(detached["detached"]), 1)
        self.world.check_empty()

    def test_detach_all_while_another_guest_joins(self):
        self.world.attach("alpha", 8 << 20, name="joint")
        detached, joined = self.world.batch(
            ("guest.detach", {"guest": "alpha", "all": True}),
            ("guest.attach", {"guest": "gamma", "size": 4096}))
        self.assertEqual(len(detached["detached"]), 1)
        self.assertEqual(joined["state"], "attached")
        self.world.check()

    def test_death_while_detaching(self):
        self.world.attach("beta", 40 << 20)
        self.world.fail("unmap", 20)
        first, _ = self.world.client.batch(
            ("guest.detach", {"guest": "beta"}), ("sim.guest.destroy", {"name": "beta"}))
        self.world.forgive()
        self.assertIsInstance(first, (dict, Refused))
        self.world.poke()
        self.world.check_empty()
        self.world.guest("beta")


if __name__ == "__main__":
    unittest.main()
