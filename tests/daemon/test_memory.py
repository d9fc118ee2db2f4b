# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon runs out of memory, at each allocation that a request makes: it refuses, cuts its client
off or ends, each time in good order, and pools, store and hypervisor agree as before. A reply that
says that it is done, or that it is not, is true. XENSHMD_SIM_NO_MEMORY names the daemon that can be
told when to fail (no_memory.c)."""

import mmap
import os
import shutil
import struct

from scenarios import SCENARIOS, Create, Death, Scenario
from test_faults import FaultCase
from world import PAGE, Client, Gone, Refused, World, explained, result_of

PROGRAM = os.environ.get("XENSHMD_SIM_NO_MEMORY", "xenshmd-sim-no-memory")
BUILDER = os.environ.get("XENSHM_BUILDER_SIM", "xenshm-builder-sim")

FOR_EVER = 1 << 40

# A scenario makes hundreds or thousands of allocations, most of them one after another in the making
# of JSON: the first ones are all tried, of those behind them ever fewer. The steps grow by this part.
ONCE, FOR_GOOD = 12, 4


class Plan:
    """The part of the daemon's memory where no_memory.c looks whether to fail."""

    layout = struct.Struct("=qqq")

    def __init__(self, path):
        path.write_bytes(self.layout.pack(-1, 0, 0))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), self.layout.size)

    def fail(self, successes, failures=1):
        """After so many allocations so many fail."""
        self.map[:] = self.layout.pack(successes, failures, 0)

    def end(self):
        """All succeed again. Returns how many did fail."""
        failed = self.layout.unpack(self.map[:])[2]
        self.map[:] = self.layout.pack(-1, 0, 0)
        return failed


class ScarceClient(Client):
    """Without memory for a request the daemon does not know whose it was."""

    def reply(self, number):
        reply = self.line()
        if reply["id"] is None:
            assert reply["error"]["code"] == -32603, reply
        else:
            assert reply["id"] == number, reply
        return reply


class ScarceWorld(World):
    """A world whose daemon can be short of memory."""

    client_class = ScarceClient

    def __init__(self, *options, **more):
        super().__init__(*options, **more)
        # It looks for its builder beside itself.
        self.program = shutil.copy(PROGRAM, self.folder)
        (self.folder / "xenshm-builder-sim").symlink_to(os.path.abspath(BUILDER))
        self.plan = Plan(self.folder / "plan")
        self.environment = {"XENSHM_NO_MEMORY": str(self.folder / "plan")}

    def recover(self):
        """A connection to the daemon, or to the next one if it has ended, which must be by itself."""
        self.disconnect()
        try:
            self.client = self.connect()
        except Gone:
            assert self.process.returncode == 1, f"{self.process.returncode}\n{self.last_log()}"
            self.start()


class Look(Scenario):
    """What only reads changes nothing."""

    def __init__(self, name, method="", params=None):
        super().__init__(name)
        self.method = method
        self.params = params or {}

    def prepare(self, world):
        world.attach("alpha", 2 * PAGE, name="s0")
        world.attach("beta", segment="s0")

    def act(self, world):
        return world.call(self.method, **self.params)

    def judge(self, test, before, result, after):
        self.unchanged(test, before, after)


class Batch(Look):
    """All replies of a batch come, or one for all, or none."""

    CALLS = (("pool.list", {}), ("segment.show", {"name": "s0"}), ("segment.list", {}),
             ("guest.list", {}))

    def act(self, world):
        client = world.client
        client.send([client.request(*call) for call in self.CALLS])
        replies = client.line()
        if isinstance(replies, dict):
            replies = [replies] * len(self.CALLS)
        assert len(replies) == len(self.CALLS), replies
        return [result_of(reply) for reply in replies]


class Connect(Look):
    """Somebody new comes."""

    def act(self, world):
        client = ScarceClient(str(world.state / "xenshmd.sock"))
        try:
            return client.call("events.subscribe")
        finally:
            client.close()


class DeathAlone(Death):
    """That the guest dies is not what fails."""

    def act(self, world):
        if "beta" in self.living(world):
            world.call("sim.guest.destroy", name="beta")
        return {}

    @staticmethod
    def living(world):
        return [guest["name"] for guest in world.call("guest.list")["guests"]]

    def judge(self, test, before, result, after):
        pass

    def clean(self, world):
        if "beta" in self.living(world):
            world.call("sim.guest.destroy", name="beta")
        super().clean(world)


class CreateOften(Create):
    """What could not be undone at once is undone by the next daemon."""

    def mend(self, world):
        world.settle()


BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}

CHOSEN = [BY_NAME[name] for name in (
    "attach_one_page", "attach_in_runs", "share_one_page", "detach_one_page", "detach_shared",
    "detach_all", "alloc", "free", "attach_kept_page", "detach_kept_page", "destroy")]
CHOSEN += [
    CreateOften("create"), DeathAlone("guest_death"), Batch("batch"), Connect("connect"),
    Look("status", "daemon.status"), Look("metrics", "daemon.metrics"),
    Look("discover", "rpc.discover"), Look("pool_map", "pool.map"),
    Look("segment_list", "segment.list"), Look("segment_show", "segment.show", {"name": "s0"}),
    Look("guest_list", "guest.list"),
]


class MemoryCase(FaultCase):
    """One daemon serves all cases of a test, or the next one if it ends."""

    def setUp(self):
        self.world = ScarceWorld("--pool", str(self.pool), "--guest", "alpha", "beta", "gamma").start()
        self.addCleanup(self.world.close)

    def try_without(self, scenario, successes, failures):
        """Returns the result, the refusal or the loss of the connection; and how many failed."""
        self.world.plan.fail(successes, failures)
        try:
            result = scenario.act(self.world)
        except (Refused, Gone) as trouble:
            result = trouble
        finally:
            failed = self.world.plan.end()
        if isinstance(result, Gone):
            self.world.recover()
        self.world.settle()
        return result, failed

    def one_case(self, scenario, successes, failures):
        """Returns whether it came to pass."""
        scenario.prepare(self.world)
        before = self.world.check()
        result, failed = self.try_without(scenario, successes, failures)
        after = self.world.check()
        if not isinstance(result, Gone):
            scenario.judge(self, before, result, after)
        self.heal(scenario, repeat=False)
        self.clean(scenario)
        return failed > 0

    def each_case(self, scenario, failures, part):
        """Returns how many allocations the scenario makes, about."""
        n = 0
        while True:
            with explained(f"allocation {n + 1} fails, {failures} in a row"):
                if not self.one_case(scenario, n, failures):
                    return n
            n += 1 + n // part


class OneAllocation(MemoryCase):
    """The n-th allocation fails, once."""


class AllAllocations(MemoryCase):
    """From the n-th on all fail, until the request is over."""


def add_tests(scenario):
    def one(self):
        self.assertGreater(self.each_case(scenario, 1, ONCE), 10)
        self.world.restart()
        self.world.check_empty()

    def all_of_them(self):
        self.assertGreater(self.each_case(scenario, FOR_EVER, FOR_GOOD), 10)
        self.world.restart()
        self.world.check_empty()

    setattr(OneAllocation, f"test_{scenario.name}", one)
    setattr(AllAllocations, f"test_{scenario.name}", all_of_them)


for each in CHOSEN:
    add_tests(each)


