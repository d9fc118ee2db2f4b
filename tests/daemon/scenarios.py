# SPDX-License-Identifier: LGPL-2.1-or-later
"""What fault and crash tests do to a daemon: a preparation, one request, and what may come of it.

The guests alpha, beta and gamma run, in a pool of 256 pages. gamma is left to the tests.
"""

from world import PAGE, Refused, pages


class Scenario:
    """`calls`: how often the request makes each call at least, when all goes well."""

    calls = {}
    pairs = False  # small enough for two faults at once

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

    def clean(self, world):
        """Brings back the guests that must run; attachments are not its business."""

    @staticmethod
    def unchanged(test, before, after):
        for key in before:
            test.assertEqual(before[key], after[key])


class Attach(Scenario):
    """A new segment. A refusal leaves everything as it was."""

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
]
