# SPDX-License-Identifier: LGPL-2.1-or-later
"""What fault and crash tests do to a daemon: a preparation, one request, and what may come of it.

The guests alpha, beta and gamma run, in a pool of 256 pages. gamma is left to the tests.
"""

import time

from creating import UUID, config_of
from world import PAGE, PATIENCE, Refused, pages


class Scenario:
    """`calls`: how often the request makes each call at least, when all goes well."""

    calls = {}
    pairs = False  # small enough for two faults at once
    grace = 0  # the configured restart-grace, in seconds
    slow = False  # each time takes a second or more

    def __init__(self, name):
        self.name = name

    def prepare(self, world):
        """Makes what the request needs; without faults."""

    def act(self, world):
        """The request; returns its result."""
        raise NotImplementedError

    def judge(self, test, before, result, after):
        """What a single fault may have led to."""
        raise NotImplementedError

    def finish(self, world):
        """After a kill and the next start: what the guests were about to do, they do."""

    def killed(self, test, before, after):
        """
        What a kill may have led to: each attachment of before, and the new one, is there whole, or
        gone.
        """
        old, there = attachments(before), attachments(after)
        new = [a for a in there if a not in old]
        test.assertEqual({a["state"] for a in there} - {"attached"}, set())
        test.assertLessEqual(len(new), self.new_at_most)
        if self.only_adds:
            test.assertEqual([a for a in there if a in old], old)

    new_at_most = 0
    only_adds = False

    def mend(self, world):
        """The fault is gone: what would be tried again after a while is asked for now."""

    def clean(self, world):
        """Brings back the guests that must run; attachments are not its business."""

    @staticmethod
    def unchanged(test, before, after):
        for key in before:
            test.assertEqual(before[key], after[key])


def attachments(snapshot):
    return [a for segment in snapshot["segments"] for a in segment["attachments"]]


class Attach(Scenario):
    """A new segment. A refusal leaves everything as it was."""

    new_at_most = 1
    only_adds = True

    def __init__(self, name, count, pairs=False):
        super().__init__(name)
        self.size = count * PAGE
        self.pairs = pairs
        runs = (count + 63) // 64
        self.calls = {"list": 1, "name": 1, "permit": 1, "probe": runs, "map": runs, "publish": 1,
                      "store_write": 2, "any": 5 + 2 * runs}

    def act(self, world):
        return world.attach("alpha", self.size)

    def judge(self, test, before, result, after):
        if isinstance(result, Refused):
            self.unchanged(test, before, after)
        else:
            test.assertEqual(result["state"], "attached")
            test.assertEqual([a for s in after["segments"] for a in s["attachments"]
                              if a not in [b for t in before["segments"]
                                           for b in t["attachments"]]], [result])


class Share(Attach):
    """A second guest for an existing segment."""

    def __init__(self, name, count, pairs=False):
        super().__init__(name, count, pairs)

    def prepare(self, world):
        world.attach("alpha", self.size, name="s0")

    def act(self, world):
        return world.attach("beta", segment="s0")


class Detach(Scenario):
    """One segment of one guest; alone, or one that another guest has too."""

    def __init__(self, name, count, shared=False, pairs=False):
        super().__init__(name)
        self.size = count * PAGE
        self.shared = shared
        self.pairs = pairs
        runs = (count + 63) // 64
        self.calls = {"list": 1, "name": 1, "permit": 1, "unmap": runs, "revoke": 1, "publish": 1,
                      "unpublish": 1, "store_write": 2 if shared else 1,
                      "store_remove": 0 if shared else 1, "any": 6 + runs}

    def prepare(self, world):
        world.attach("alpha", self.size, name="s0")
        if self.shared:
            world.attach("beta", segment="s0")

    def act(self, world):
        return world.detach("alpha", "s0")

    def judge(self, test, before, result, after):
        others = [a for s in before["segments"] for a in s["attachments"]
                  if a["guest"]["name"] != "alpha"]
        left = [a for s in after["segments"] for a in s["attachments"]]
        if not isinstance(result, Refused):
            test.assertEqual(left, others)
            return
        mine = [a for a in left if a not in others]
        test.assertEqual(len(mine), 1)
        if mine[0]["state"] == "attached":
            self.unchanged(test, before, after)
        test.assertEqual([a for a in left if a not in mine], others)


class DetachAll(Scenario):
    """Three segments, one of them shared. A failure ends it: what was detached stays so."""

    calls = {"list": 1, "permit": 3, "unmap": 3, "revoke": 3, "publish": 3, "unpublish": 3,
             "store_write": 4, "store_remove": 2, "any": 20}

    def prepare(self, world):
        world.attach("alpha", 3 * PAGE, name="s0")
        world.attach("alpha", 70 * PAGE, name="s1")
        world.attach("beta", segment="s1")
        world.attach("alpha", PAGE, name="s2")

    def act(self, world):
        return world.detach("alpha", all=True)

    def judge(self, test, before, result, after):
        left = [a for s in after["segments"] for a in s["attachments"]]
        test.assertEqual([a["segment"] for a in left if a["guest"]["name"] == "beta"], ["s1"])
        mine = [a for a in left if a["guest"]["name"] == "alpha"]
        if not isinstance(result, Refused):
            test.assertEqual(mine, [])
            return
        test.assertIn(len(mine), (0, 1, 2, 3))
        test.assertLessEqual(sum(a["state"] == "quarantined" for a in mine), 1)
        test.assertTrue(all(a["state"] in ("attached", "quarantined") for a in mine))


class Death(Scenario):
    """A guest dies: what it had alone becomes free, what it shared stays with the other."""

    pairs = True
    calls = {"list": 2, "store_remove": 1, "store_write": 1, "any": 4}

    def prepare(self, world):
        world.attach("alpha", 2 * PAGE, name="s0")
        world.attach("beta", segment="s0")
        world.attach("beta", 70 * PAGE, name="s1")

    def act(self, world):
        result = world.call("sim.guest.destroy", name="beta")
        world.poke()
        return result

    def judge(self, test, before, result, after):
        test.assertNotIsInstance(result, Refused)
        left = [a for s in after["segments"] for a in s["attachments"]]
        test.assertEqual([a["segment"] for a in left if a["guest"]["name"] == "alpha"], ["s0"])
        # Without the list it is not known yet that it is dead.
        test.assertTrue(all(a["state"] in ("quarantined", "attached") for a in left
                            if a["guest"]["name"] == "beta"))

    def clean(self, world):
        world.poke()
        world.guest("beta")


class Foreign(Scenario):
    """A guest comes that has pages of its own, and pages are given out: never those."""

    calls = {"list": 2, "name": 1, "config": 1, "any": 8}
    new_at_most = 2
    FIRST = 0x7ff10

    def act(self, world):
        world.guest("holder", iomem=[f"{self.FIRST:x},10@{self.FIRST:x}"])
        results = []
        for size in (16 * PAGE, 200 * PAGE):
            results.append(world.attach("alpha", size))
        return results

    def judge(self, test, before, result, after):
        held = set(range(self.FIRST, self.FIRST + 16))
        for segment in after["segments"]:
            test.assertFalse(held & set(pages(segment)))
        if not isinstance(result, Refused):
            test.assertEqual(len(after["segments"]), 2)

    def clean(self, world):
        world.call("sim.guest.destroy", name="holder")
        world.poke()


class Alloc(Scenario):
    """A kept segment is made: it is there, or everything is as it was."""

    calls = {"list": 1, "store_write": 1, "any": 2}
    pairs = True

    def prepare(self, world):
        world.attach("alpha", PAGE, name="s0")

    def act(self, world):
        return world.call("segment.alloc", name="k0", size=70 * PAGE, align=8 * PAGE)

    def judge(self, test, before, result, after):
        if isinstance(result, Refused):
            self.unchanged(test, before, after)
            return
        test.assertTrue(result["kept"])
        test.assertEqual(int(result["host_address"], 16) % (8 * PAGE), 0)
        test.assertEqual([s for s in after["segments"] if s not in before["segments"]], [result])

    def killed(self, test, before, after):
        new = [s for s in after["segments"] if s not in before["segments"]]
        test.assertEqual([s for s in after["segments"] if s not in new], before["segments"])
        test.assertIn([(s["name"], s["kept"], s["size"]) for s in new],
                      ([], [("k0", True, 70 * PAGE)]))


class Kept(Scenario):
    """One of the things that happen to a kept segment, beside one that is attached already."""

    def prepare(self, world):
        world.call("segment.alloc", name="k0", size=self.pages * PAGE)
        world.call("segment.alloc", name="k1", size=PAGE)
        world.attach("beta", segment="k1")

    def __init__(self, name, count=1, pairs=False):
        super().__init__(name)
        self.pages, self.pairs = count, pairs
        self.runs = (count + 63) // 64


class Free(Kept):
    calls = {"list": 1, "store_remove": 1, "any": 2}

    def act(self, world):
        return world.call("segment.free", name="k0")

    def judge(self, test, before, result, after):
        if isinstance(result, Refused):
            self.unchanged(test, before, after)
        else:
            test.assertEqual(after["segments"],
                             [s for s in before["segments"] if s["name"] != "k0"])

    def killed(self, test, before, after):
        others = [s for s in before["segments"] if s["name"] != "k0"]
        test.assertIn(after["segments"], (before["segments"], others))


class AttachKept(Kept):
    """Whatever comes of it, the segment stays."""

    def __init__(self, name, count=1, pairs=False):
        super().__init__(name, count, pairs)
        self.calls = {"list": 1, "permit": 1, "probe": self.runs, "map": self.runs, "publish": 1,
                      "store_write": 2, "any": 5 + 2 * self.runs}

    def act(self, world):
        return world.attach("alpha", segment="k0")

    def judge(self, test, before, result, after):
        self.killed(test, before, after)
        if isinstance(result, Refused):
            self.unchanged(test, before, after)
        else:
            test.assertEqual([a for a in attachments(after) if a not in attachments(before)],
                             [result])

    def killed(self, test, before, after):
        def rest(segment):
            return {key: value for key, value in segment.items() if key != "attachments"}

        test.assertEqual([rest(s) for s in after["segments"]],
                         [rest(s) for s in before["segments"]])
        new = [a for a in attachments(after) if a not in attachments(before)]
        test.assertEqual([a for a in attachments(after) if a not in new], attachments(before))
        test.assertIn([(a["segment"], a["guest"]["name"], a["state"]) for a in new],
                      ([], [("k0", "alpha", "attached")]))


class DetachKept(Kept):
    """The segment stays, whole, without a guest."""

    def __init__(self, name, count=1, pairs=False):
        super().__init__(name, count, pairs)
        self.calls = {"list": 1, "permit": 1, "unmap": self.runs, "revoke": 1, "publish": 1,
                      "unpublish": 1, "store_write": 2, "any": 6 + self.runs}

    def prepare(self, world):
        super().prepare(world)
        world.attach("alpha", segment="k0")

    def act(self, world):
        return world.detach("alpha", "k0")

    def judge(self, test, before, result, after):
        test.assertEqual([s["name"] for s in after["segments"]], ["k0", "k1"])
        mine = after["segments"][0]["attachments"]
        if not isinstance(result, Refused):
            test.assertEqual(mine, [])
        elif mine[0]["state"] == "attached":
            self.unchanged(test, before, after)
        else:
            test.assertEqual([a["state"] for a in mine], ["quarantined"])

    def killed(self, test, before, after):
        test.assertIn(after["segments"][0]["attachments"],
                      ([], before["segments"][0]["attachments"]))
        gone = [dict(s, attachments=[]) if s["name"] == "k0" else s for s in before["segments"]]
        test.assertIn(after["segments"], (before["segments"], gone))


def wait_for(world, condition, alone=0):
    """Left alone for so many seconds; a call that failed is tried again at the next look then."""
    begun = time.monotonic()
    world.settle()
    while not condition():
        assert time.monotonic() < begun + PATIENCE, f"it does not come: {world.list()}"
        if time.monotonic() > begun + alone:
            world.poke()
        time.sleep(0.02)


def once_more(call, *args):
    """What is only looked at may be hit by the fault as well."""
    try:
        return call(*args)
    except Refused:
        return call(*args)


class Reboot(Scenario):
    """
    A guest shuts down, goes, and comes again, and is given the time for each of it: nothing that
    fails once, and no kill, loses anything.
    """

    grace = 600
    reason = "reboot"
    calls = {"list": 8, "permit": 3, "probe": 4, "map": 4, "publish": 3, "store_write": 9,
             "any": 30}

    def prepare(self, world):
        world.attach("alpha", 2 * PAGE, name="s0")
        world.attach("beta", segment="s0")
        world.attach("beta", 70 * PAGE, name="s1", address="identity")
        world.call("segment.alloc", name="k0", size=PAGE)
        world.attach("beta", segment="k0")
        self.uuid = next(g["uuid"] for g in world.call("guest.list")["guests"]
                         if g["name"] == "beta")
        self.begun = False

    def domains(self, world):
        """{name: state} of the guest's domains."""
        return {g["name"]: g["state"] for g in once_more(world.call, "guest.list")["guests"]
                if g["uuid"] == self.uuid}

    def states(self, world):
        return {a["state"] for s in world.list() for a in s["attachments"]
                if a["guest"]["uuid"] == self.uuid}

    def all(self, world, state):
        """Waits until it has everything in that state, and it fits with what is mapped."""
        wait_for(world, lambda: self.states(world) == {state})
        once_more(world.check)

    def act(self, world):
        """Step by step, each of which looks where the guest stands."""
        while self.step(world, self.domains(world)):
            pass
        self.all(world, "attached")
        return self.domains(world)

    def step(self, world, domains):
        """Returns False when it is back."""
        if domains.get("beta") == "running":
            if self.begun:
                return False
            world.call("sim.guest.shutdown", name="beta", reason=self.reason)
            self.begun = True
        elif domains:
            self.all(world, "waiting")
            world.call("sim.guest.destroy", name="beta")
        else:
            self.all(world, "waiting")
            world.guest("beta", uuid=self.uuid)
        return True

    def finish(self, world):
        # A shutdown that came to nothing is begun anew.
        self.begun = True
        self.act(world)

    def judge(self, test, before, result, after):
        test.assertNotIsInstance(result, Refused)
        self.killed(test, before, after)

    def killed(self, test, before, after):
        def plain(snapshot):
            return [dict(s, attachments=[dict(a, guest=a["guest"]["uuid"])
                                         for a in s["attachments"]])
                    for s in snapshot["segments"]]

        test.assertEqual(plain(after), plain(before))

    def clean(self, world):
        for name, state in self.domains(world).items():
            if name != "beta" or state != "running":
                world.call("sim.guest.destroy", name=name)
        world.settle()
        if "beta" not in self.domains(world):
            world.guest("beta", uuid=self.uuid)
            world.settle()


class SoftReset(Reboot):
    """The same domain goes on: all the time everything stays mapped."""

    reason = "soft_reset"
    calls = {"list": 5, "permit": 3, "probe": 4, "map": 4, "publish": 3, "store_write": 6,
             "any": 25}

    def step(self, world, domains):
        if domains["beta"] == "running":
            return super().step(world, domains)
        self.all(world, "waiting")
        world.call("sim.guest.resume", name="beta")
        return True


class Preserved(Reboot):
    """
    on_crash keeps the domain that has crashed, beside it runs a new one, which reboots later while
    the old one is still there.
    """

    reason = "crash"
    calls = {"list": 8, "permit": 9, "probe": 8, "map": 8, "unmap": 4, "revoke": 3, "publish": 6,
             "unpublish": 3, "store_write": 18, "any": 60}

    def step(self, world, domains):
        if domains["beta"] == "running":
            return super().step(world, domains)
        if "beta3" in domains:
            return False
        if "beta2" in domains and domains["beta2"] == "running":
            self.all(world, "attached")
            world.call("sim.guest.shutdown", name="beta2", reason="reboot")
            self.rebooted = True
        elif "beta2" in domains:
            self.all(world, "waiting")
            world.call("sim.guest.destroy", name="beta2")
        else:
            self.all(world, "waiting")
            world.guest("beta3" if self.rebooted else "beta2", uuid=self.uuid)
        return True

    def prepare(self, world):
        super().prepare(world)
        self.rebooted = False


class GraceEnd(Reboot):
    """It does not come again: what it had alone is free, the rest is as it was."""

    grace = 1
    slow = True
    calls = {"list": 3, "store_write": 2, "store_remove": 1, "any": 6}

    def prepare(self, world):
        super().prepare(world)
        world.call("sim.guest.shutdown", name="beta", reason=self.reason)
        self.all(world, "waiting")

    def step(self, world, domains):
        if domains:
            world.call("sim.guest.destroy", name="beta")
        wait_for(world, lambda: self.states(world) <= {"quarantined"}, self.grace + 0.5)
        return False

    def all(self, world, state):
        # It does not come back.
        if state != "attached":
            super().all(world, state)

    def killed(self, test, before, after):
        test.assertEqual(after["segments"], [
            dict(s, attachments=[a for a in s["attachments"] if a["guest"]["name"] != "beta"])
            for s in before["segments"] if s["name"] != "s1"])

    def judge(self, test, before, result, after):
        left = [a for a in attachments(after) if a["guest"]["name"] == "beta"]
        test.assertEqual([a for a in attachments(after) if a not in left],
                         [a for a in attachments(before) if a["guest"]["name"] != "beta"])
        test.assertEqual({a["state"] for a in left} - {"quarantined"}, set())
        test.assertLessEqual(len(left), 1)


class DetachWaiting(Reboot):
    """What waits for a guest that has shut down, or is gone, is given up."""

    calls = {"list": 1, "store_write": 2, "any": 3}

    def __init__(self, name, gone):
        super().__init__(name)
        self.gone = gone

    def prepare(self, world):
        super().prepare(world)
        world.call("sim.guest.shutdown", name="beta", reason="reboot")
        self.all(world, "waiting")
        if self.gone:
            world.call("sim.guest.destroy", name="beta")
            world.settle()

    def act(self, world):
        return world.detach("beta", "s0")

    def finish(self, world):
        pass

    def judge(self, test, before, result, after):
        left = [s for s in after["segments"] for a in s["attachments"]
                if (s["name"], a["guest"]["name"], a["state"]) == ("s0", "beta", "quarantined")]
        if not isinstance(result, Refused) or not left:
            self.killed(test, before, after)

    def killed(self, test, before, after):
        given_up = [dict(s, attachments=[a for a in s["attachments"]
                                         if a["guest"]["name"] != "beta"])
                    if s["name"] == "s0" else s for s in before["segments"]]
        test.assertIn(after["segments"], (before["segments"], given_up))


class Created(Scenario):
    """A guest that xenshmd creates, with a new segment, a shared one and a kept one."""

    uuid = UUID.format(1)

    def prepare(self, world):
        world.attach("alpha", 2 * PAGE, name="s0")
        world.call("segment.alloc", name="k0", size=PAGE)

    def create(self, world):
        kernel = world.folder / "kernel"
        kernel.write_bytes(b"kernel")
        return world.call("guest.create", config=config_of("made", kernel, uuid=self.uuid),
                          shares=[{"size": 3 * PAGE, "name": "own"}, {"segment": "s0"},
                                  {"segment": "k0"}])

    def made(self, snapshot):
        """The guest, as the snapshot shows it; or None."""
        return next((g for g in snapshot["guests"] if g["uuid"] == self.uuid), None)

    def is_whole(self, test, snapshot):
        """It runs, and has everything."""
        guest = self.made(snapshot)
        test.assertEqual(guest["state"], "running")
        test.assertEqual({a["segment"]: a["state"] for a in guest["attachments"]},
                         dict.fromkeys(("k0", "own", "s0"), "attached"))
        test.assertEqual(snapshot["records"][self.uuid]["state"], "running")

    def is_not(self, test, snapshot):
        """There is nothing of it, and the others have what they had."""
        test.assertIsNone(self.made(snapshot))
        test.assertEqual(snapshot["records"], {})
        test.assertEqual(snapshot["trees"], set())
        test.assertEqual([(s["name"], [a["guest"]["name"] for a in s["attachments"]])
                          for s in snapshot["segments"]], [("k0", []), ("s0", ["alpha"])])

    def killed(self, test, before, after):
        (self.is_whole if self.made(after) else self.is_not)(test, after)

    def mend(self, world):
        if world.unsettled():
            world.call("guest.destroy", guest=self.uuid)

    def clean(self, world):
        if world.records():
            world.call("guest.destroy", guest=self.uuid)


class Create(Created):
    """All of it, or nothing; what cannot be taken back at once is taken back in the end."""

    calls = {"list": 8, "permit": 3, "probe": 3, "map": 3, "publish": 3, "store_write": 12,
             "any": 35}

    def act(self, world):
        return self.create(world)

    def judge(self, test, before, result, after):
        if not isinstance(result, Refused):
            self.is_whole(test, after)
        elif after["records"]:
            test.assertEqual(after["records"][self.uuid]["state"], "ending")
        else:
            self.unchanged(test, before, after)


class Destroy(Created):
    """It is gone, or to be asked for again; what others have of it stays."""

    calls = {"list": 3, "store_write": 3, "store_remove": 2, "any": 9}

    def prepare(self, world):
        super().prepare(world)
        self.create(world)

    def act(self, world):
        return world.call("guest.destroy", guest="made")

    def judge(self, test, before, result, after):
        if not isinstance(result, Refused) and not after["records"]:
            quarantined = [a for a in attachments(after) if a["state"] == "quarantined"]
            test.assertIsNone(self.made(after))
            if not quarantined:
                self.is_not(test, after)


class Rebuild(Created):
    """It reboots, and is built anew, however often something fails."""

    slow = True
    calls = {"any": 40}

    def prepare(self, world):
        super().prepare(world)
        self.create(world)
        # One that does not know that it was created but a moment ago.
        world.restart()
        self.domid = world.records()[self.uuid]["domid"]

    def troubles(self, world):
        log = world.text_log()
        return log.count("building it anew failed") + log.count("ending it failed")

    def act(self, world):
        before = self.troubles(world)
        world.call("sim.guest.shutdown", name="made", reason="reboot")
        end = time.monotonic() + PATIENCE
        while True:
            record = world.records().get(self.uuid, {"domid": None, "state": None})
            if record["domid"] != self.domid and record["state"] == "running":
                break
            assert time.monotonic() < end, f"it does not come back: {record}"
            if self.troubles(world) > before:
                # It would be tried again in a few seconds; the next daemon does so at once.
                world.restart()
                before = self.troubles(world)
            world.call("daemon.status")
            time.sleep(0.002)
        world.settle()
        return record

    def finish(self, world):
        record = world.records()[self.uuid]
        if record["domid"] == self.domid:
            self.act(world)

    def judge(self, test, before, result, after):
        test.assertNotIsInstance(result, Refused)
        self.killed(test, before, after)

    def killed(self, test, before, after):
        self.is_whole(test, after)
        test.assertEqual([(s["name"], s["host_address"], s["epoch"]) for s in after["segments"]],
                         [(s["name"], s["host_address"], s["epoch"]) for s in before["segments"]])
        places = [{a["segment"]: a["guest_address"] for a in self.made(one)["attachments"]}
                  for one in (before, after)]
        test.assertEqual(*places)


SCENARIOS = [
    Attach("attach_one_page", 1, pairs=True),
    Attach("attach_in_runs", 200),
    Share("share_one_page", 1, pairs=True),
    Share("share_in_runs", 130),
    Detach("detach_one_page", 1, pairs=True),
    Detach("detach_in_runs", 200),
    Detach("detach_shared", 130, shared=True),
    Detach("detach_one_shared_page", 1, shared=True, pairs=True),
    DetachAll("detach_all"),
    Death("guest_death"),
    Foreign("foreign_holder"),
    Alloc("alloc"),
    Free("free", pairs=True),
    AttachKept("attach_kept_page", pairs=True),
    AttachKept("attach_kept_in_runs", 130),
    DetachKept("detach_kept_page", pairs=True),
    DetachKept("detach_kept_in_runs", 130),
    Reboot("reboot"),
    SoftReset("soft_reset"),
    Preserved("reboot_beside_the_preserved_domain"),
    GraceEnd("end_of_grace"),
    DetachWaiting("detach_waiting_for_the_next_domain", gone=True),
    DetachWaiting("detach_waiting_in_its_domain", gone=False),
    Create("create"),
    Destroy("destroy"),
    Rebuild("rebuild"),
]
