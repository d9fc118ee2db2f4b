# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon has but so many descriptors left, from none upwards: it refuses or succeeds, leaves
everything as it was or in quarantine, and is whole again as soon as there are enough."""

import os
import resource

from scenarios import SCENARIOS
from test_faults import FaultCase
from world import PAGE, Client, Refused, explained

# More than any request takes at a time.
ENOUGH = 10

# What cannot do without: the store writes a file, a builder is spoken to.
NEEDY = ("attach_one_page", "share_one_page", "alloc", "create", "destroy")
OTHERS = ("detach_one_page", "detach_shared", "free", "guest_death", "attach_kept_page")


class FewDescriptors(FaultCase):
    """One daemon for all cases of a test."""

    def leave(self, count):
        """From here on so many can be open beside those that are. Returns the limits of before."""
        pid = self.world.process.pid
        used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        soft = 0
        while count > 0 or soft in used:
            count -= soft not in used
            soft += 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, limits[1]))
        return limits

    def one_case(self, scenario, count):
        """Returns whether it was refused."""
        scenario.prepare(self.world)
        before = self.world.check()
        limits = self.leave(count)
        try:
            result = self.try_once(scenario)
        finally:
            resource.prlimit(self.world.process.pid, resource.RLIMIT_NOFILE, limits)
        after = self.world.check()
        scenario.judge(self, before, result, after)
        self.heal(scenario, repeat=count % 2)
        self.clean(scenario)
        return isinstance(result, Refused)

    def test_open(self):
        self.world.call("segment.alloc", name="k0", size=PAGE)
        names = []
        for count in range(ENOUGH):
            limits = self.leave(count)
            try:
                self.world.call("segment.open", name="k0")
                break
            except Refused as refusal:
                names.append(refusal.name)
                self.assertIn("'k0'", refusal.message)
            finally:
                resource.prlimit(self.world.process.pid, resource.RLIMIT_NOFILE, limits)
            self.assertNotIn("opened", self.world.call("segment.show", name="k0"))
        self.assertEqual(set(names), {"TOO_MANY"})
        self.assertLess(len(names), ENOUGH)

    def test_clients(self):
        """They wait, and are served as soon as there are some again; it is told once."""
        path = str(self.world.state / "xenshmd.sock")
        served = [Client(path) for _ in range(5)]
        for client in served:
            client.call("daemon.status")
        limits = self.leave(0)
        waiting = [Client(path) for _ in range(10)]
        for client in waiting:
            client.send(client.request("daemon.status", {}))
        # Each that goes leaves room for one.
        for gone, client in zip(served, waiting):
            gone.close()
            client.line()
        self.assertEqual(self.world.text_log().count("out of file descriptors"), 1)
        resource.prlimit(self.world.process.pid, resource.RLIMIT_NOFILE, limits)
        for client in waiting[len(served):]:
            client.line()
            client.close()

    def each_case(self, scenario):
        self.begin(scenario)
        for count in range(ENOUGH + 1):
            with explained(f"{count} descriptors are left"):
                refused = self.one_case(scenario, count)
                if count == ENOUGH:
                    self.assertFalse(refused)
                elif count == 0 and scenario.name in NEEDY:
                    self.assertTrue(refused)


def add_test(scenario):
    def test(self):
        self.each_case(scenario)

    setattr(FewDescriptors, f"test_{scenario.name}", test)


for each in SCENARIOS:
    if each.name in NEEDY + OTHERS:
        add_test(each)
