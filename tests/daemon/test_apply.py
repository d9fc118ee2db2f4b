# SPDX-License-Identifier: LGPL-2.1-or-later
"""`xenshmctl apply` and `export`: what is planned, in which order, what is refused before anything
is done, and that a second run, or what was exported, has nothing to do."""

import json
import random

from harness import PAGE, SECRET, WINDOW, number, wait_until
from layouts import ApplyTest, guest, layout, segment

ELSEWHERE = "0x3a800000"


class Plans(ApplyTest):
    def test_from_nothing(self):
        wanted = layout(segment("data", "alpha", guest("beta", ELSEWHERE), size="64K"),
                        segment("scratch", "gamma", "alpha", size=5000, kept=False),
                        segment("spare", size=PAGE))
        plan = ["+ alloc data 64 KiB", "+ alloc spare 4 KiB", "+ attach data to alpha",
                f"+ attach data to beta at {ELSEWHERE}", "+ attach scratch 8 KiB to gamma",
                "+ attach scratch to alpha"]
        with self.unchanged():
            self.assertEqual(self.apply(wanted, "--dry-run"), plan)
        self.assertEqual(self.apply(wanted), plan)
        self.check_wanted(wanted)
        self.check_wanted(wanted, prune=True)
        self.check_export()

    def test_guests_are_the_whole_truth(self):
        self.alloc("data")
        self.share("alpha", "data")
        self.share("beta", "data")
        self.host_write(self.show("data")["host_address"], SECRET)
        wanted = layout(segment("data", "beta", "gamma"))
        self.assertEqual(self.apply(wanted), [f"- detach data from alpha at {hex(WINDOW)}",
                                              "+ attach data to gamma"])
        self.check_wanted(wanted)
        self.assertEqual(self.guest_read("gamma", WINDOW, PAGE), SECRET)
        self.assertEqual(self.apply(layout(segment("data"))),
                         [f"- detach data from beta at {hex(WINDOW)}",
                          f"- detach data from gamma at {hex(WINDOW)}"])
        self.assertEqual(self.host_bytes(self.show("data")), SECRET)

    def test_what_is_not_listed_stays(self):
        self.attach("alpha", name="other")
        self.alloc("kept")
        before = self.have()
        self.apply(layout(segment("data", "alpha")))
        after = self.have()
        self.assertEqual(after.pop("data")["kept"], True)
        self.assertEqual(after, before)

    def test_prune(self):
        self.attach("alpha", name="mine")
        self.share("beta", "mine")
        self.alloc("kept")
        self.share("alpha", "kept")
        wanted = layout(segment("data", "gamma"))
        plan = self.apply(wanted, "--prune")
        self.assertEqual(plan[:2], ["+ alloc data 4 KiB", "+ attach data to gamma"])
        self.assertEqual({line[:17] for line in plan[2:-1]},
                         {"- detach mine fro", "- detach kept fro"})
        self.assertEqual(len(plan), 6)
        self.assertEqual(plan[-1], "- free kept 4 KiB")
        self.check_wanted(wanted, prune=True)
        self.assertEqual(self.apply(layout(), "--prune")[-1], "- free data 4 KiB")
        self.assertEqual(self.names(), [])

    def test_a_kept_segment_moves_with_its_bytes(self):
        self.alloc("data")
        self.share("alpha", "data")
        self.guest_write("alpha", WINDOW, SECRET)
        wanted = layout(segment("data", guest("alpha", ELSEWHERE)))
        self.assertEqual(self.apply(wanted), [f"- detach data from alpha at {hex(WINDOW)}",
                                              f"+ attach data to alpha at {ELSEWHERE}"])
        self.check_wanted(wanted)
        self.assertEqual(self.guest_read("alpha", ELSEWHERE, PAGE), SECRET)

    def test_two_change_places(self):
        """What takes a place comes after what leaves it."""
        for name in ("one", "two"):
            self.alloc(name)
            self.share("alpha", name)
        first, second = (self.show(name)["attachments"][0]["guest_address"]
                         for name in ("one", "two"))
        wanted = layout(segment("one", guest("alpha", second)),
                        segment("two", guest("alpha", first)))
        self.assertEqual([line[0] for line in self.apply(wanted)], ["-", "-", "+", "+"])
        self.check_wanted(wanted)

    def test_handed_over_with_its_bytes(self):
        """One that is not kept lives as long as a guest has it: first it comes to the next."""
        self.attach("alpha", name="lease")
        self.guest_write("alpha", WINDOW, SECRET)
        wanted = layout(segment("lease", "beta", kept=False))
        self.assertEqual(self.apply(wanted), ["+ attach lease to beta",
                                              f"- detach lease from alpha at {hex(WINDOW)}"])
        self.check_wanted(wanted)
        self.assertEqual(self.guest_read("beta", WINDOW, PAGE), SECRET)

    def test_one_that_is_not_kept_moves_while_another_guest_has_it(self):
        self.attach("alpha", name="lease")
        self.share("beta", "lease")
        self.guest_write("beta", WINDOW, SECRET)
        wanted = layout(segment("lease", guest("alpha", ELSEWHERE), "beta", kept=False))
        self.apply(wanted)
        self.check_wanted(wanted)
        self.assertEqual(self.guest_read("alpha", ELSEWHERE, PAGE), SECRET)

    def test_identity(self):
        wanted = layout(segment("data", guest("alpha", "identity")))
        self.assertEqual(self.apply(wanted)[-1], "+ attach data to alpha at its host address")
        self.assertIn("warning: ", self.last.err)
        self.check_wanted(wanted)
        self.apply(layout(segment("data", guest("alpha", hex(WINDOW)))))
        self.apply(wanted)
        self.check_wanted(wanted)

    def test_alignment(self):
        self.alloc("odd")
        self.apply(layout(segment("even", align="64K")))
        self.assertEqual(number(self.show("even")["host_address"]) % 65536, 0)
        self.check_wanted(layout(segment("even", align=65536)))

    def test_guests_by_domid_and_uuid(self):
        uuid = self.call("guest.list")["guests"][1]["uuid"]
        wanted = layout(segment("data", {"guest": self.domid("alpha")}, {"guest": uuid.upper()}))
        self.apply(wanted)
        self.assertEqual(set(self.have()["data"]["guests"]), {"alpha", "beta"})
        self.assertEqual(self.apply(wanted), ["nothing to do"])
        self.apply(layout(segment("data", {"guest": str(self.domid("alpha"))})))
        self.assertEqual(set(self.have()["data"]["guests"]), {"alpha"})

    def test_json(self):
        wanted = layout(segment("data", "alpha", size="64K", align="64K", pool="shared_mem"))
        self.ctl("--json", "apply", "-", "--dry-run", text=json.dumps(wanted))
        plan = json.loads(self.ctl("--json", "apply", "-", "--dry-run",
                                   text=json.dumps(wanted)).out)
        alpha = {key: value for key, value in self.call("guest.list")["guests"][0].items()
                 if key in ("name", "domid", "uuid")}
        alloc = {"action": "alloc", "segment": "data", "size": 65536, "align": 65536,
                 "pool": "shared_mem"}
        attach = {"action": "attach", "segment": "data", "guest": alpha}
        self.assertEqual(plan, {"steps": [alloc, attach], "applied": False})
        self.assertEqual(self.names(), [])
        plan = json.loads(self.ctl("--json", "apply", "-", text=json.dumps(wanted)).out)
        attach["address"] = self.show("data")["attachments"][0]["guest_address"]
        self.assertEqual(plan, {"steps": [alloc, attach], "applied": True})
        plan = json.loads(self.ctl("--json", "apply", "-", text=json.dumps(wanted)).out)
        self.assertEqual(plan, {"steps": [], "applied": True})
        one_line = self.ctl("--json", "export").out
        self.assertEqual(one_line.count("\n"), 1)
        self.assertEqual(json.loads(one_line), self.check_export())


class Refused(ApplyTest):
    """Before anything is done: every layout has a step in front that could be."""

    def refuse(self, name, wanted, *texts, options=()):
        first = segment("first", "gamma")
        with self.unchanged():
            out = self.apply(layout(first, *wanted), *options, status=1)
        self.assertEqual(out, [])
        self.assertEqual(self.last.err.count("\n"), 1, self.last.err)
        for text in (f"({name})\n", *texts):
            self.assertIn(text, self.last.err)

    def test_what_would_lose_bytes(self):
        self.alloc("data")
        self.alloc("even", 2 * PAGE, align=65536)
        self.alloc("odd", PAGE)
        self.attach("alpha", name="lease")
        self.refuse("SEGMENT_EXISTS", [segment("data", size=8192)], "'data' has 4 KiB",
                    "layout says 8 KiB", "free it first")
        self.refuse("SEGMENT_EXISTS", [segment("data", pool="other")], "'shared_mem'", "other")
        self.refuse("SEGMENT_EXISTS", [segment("data", "alpha", kept=False)], "is kept")
        self.refuse("SEGMENT_EXISTS", [segment("lease", "alpha")], "is not kept",
                    "detach it first")
        unaligned = "odd" if number(self.show("odd")["host_address"]) % 65536 else "data"
        self.refuse("SEGMENT_EXISTS", [segment(unaligned, align="64K")],
                    self.show(unaligned)["host_address"], "multiple of 0x10000")
        self.refuse("ALREADY_ATTACHED", [segment("lease", guest("alpha", ELSEWHERE), kept=False)],
                    "'lease'", "'alpha'", "lose its bytes", "leave out the address")
        self.refuse("ALREADY_ATTACHED",
                    [segment("lease", guest("alpha", ELSEWHERE), "beta", kept=False)])

    def test_guests(self):
        self.refuse("GUEST_UNKNOWN", [segment("data", "nobody")], "'data'", "'nobody'", "start it")
        self.refuse("GUEST_UNKNOWN", [segment("data", "Domain-0")], "Dom0")
        self.refuse("GUEST_UNKNOWN", [segment("data", {"guest": 0})], "Dom0")
        self.refuse("CONFIG_INVALID", [segment("data", "alpha", {"guest": self.domid("alpha")})],
                    "same guest")
        self.call("sim.guest.start", name=str(self.domid("alpha")))
        self.refuse("GUEST_AMBIGUOUS", [segment("data", {"guest": self.domid("alpha")})],
                    "2 guests", "UUID")

    def test_guests_that_have_shut_down(self):
        self.call("sim.guest.shutdown", name="alpha", reason="poweroff")
        self.refuse("GUEST_DYING", [segment("data", "alpha")], "does not run (shutdown)")
        self.call("sim.guest.shutdown", name="beta", reason="crash")
        self.refuse("GUEST_DYING", [segment("data", "beta")], "does not run (crashed)")

    def test_a_guest_that_reboots_is_not_moved_about(self):
        self.alloc("data")
        self.alloc("more")
        self.share("alpha", "data")
        self.call("sim.guest.shutdown", name="alpha", reason="reboot")
        self.call("guest.list")
        wait_until(lambda: self.have()["data"]["guests"]["alpha"][1] == "waiting", "it waits")
        self.refuse("GUEST_DYING", [segment("data", guest("alpha", ELSEWHERE))], "'alpha'")
        self.call("sim.guest.destroy", name="alpha")
        self.call("guest.list")
        self.refuse("GUEST_DYING", [segment("data", guest("alpha", ELSEWHERE))], "'alpha'")
        self.refuse("GUEST_DYING", [segment("more", "alpha")], "rebooting", "try again")
        self.call("sim.guest.start", name="alpha")

    def test_clash(self):
        self.alloc("data", 2 * PAGE)
        self.share("alpha", "data")
        frame = number(self.show("data")["host_address"]) // PAGE
        self.call("sim.guest.start", name="thief", iomem=[f"0x{frame:x},1"])
        self.call("guest.list")
        self.assertEqual(self.show("data")["state"], "clash")
        self.refuse("PAGES_HELD", [segment("data", "alpha", "beta", size=2 * PAGE)], "'data'",
                    "iomem")
        self.check_export()
        wanted = layout(segment("data", size=2 * PAGE))
        self.apply(wanted)
        self.check_wanted(wanted)
        self.call("sim.guest.destroy", name="thief")

    def test_quarantine(self):
        self.alloc("data")
        self.share("alpha", "data")
        self.attach("beta", name="lease")
        self.share("gamma", "data")
        for after in range(1, 61):
            self.call("sim.fail", operation="unmap", after=after)
        for name, holder in (("data", "alpha"), ("lease", "beta")):
            with self.refused("HYPERVISOR_FAILED"):
                self.detach(holder, segment=name)
        have = self.have()
        self.refuse("PAGES_HELD", [segment("data", "alpha", "gamma")], "'alpha'", "quarantined")
        self.refuse("PAGES_HELD", [segment("lease", "beta", kept=False)], "'lease'", "quarantined")
        self.refuse("PAGES_HELD", [segment("lease", "alpha", kept=False)], "'lease'")
        self.refuse("PAGES_HELD", [], "'data'", "'alpha'", options=["--prune"])
        run = self.ctl("export")
        self.assertEqual(run.err.count("left out, as it is quarantined"), 2)
        self.assertEqual([one["name"] for one in json.loads(run.out)["segments"]], ["data"])
        self.assertEqual(self.apply(json.loads(run.out), "--prune"), ["nothing to do"])
        self.assertEqual(self.have(), have)
        self.forgive()
        self.mend()

    def test_what_the_daemon_refuses_later(self):
        """The plan is told, nothing is changed."""
        self.alloc("data")
        self.share("alpha", "data")
        with self.unchanged():
            for wanted, name in (
                    (segment("big", size="2M"), "POOL_FULL"),
                    (segment("there", pool="nowhere"), "POOL_UNKNOWN"),
                    (segment("ram", guest("beta", "0x40000000")), "ADDRESS_IS_RAM"),
                    (segment("here", guest("alpha", hex(WINDOW))), "ADDRESS_IN_USE"),
                    (segment("data", guest("alpha", "0x40000000")), "ADDRESS_IS_RAM")):
                out = self.apply(layout(segment("first", "gamma"), wanted), status=1)
                self.assertEqual(out[0], "+ alloc first 4 KiB")
                self.assertIn(f"({name})\n", self.last.err)
                self.assertIn("was refused; nothing was changed\n", self.last.err)


class Exported(ApplyTest):
    """At any moment when nothing is under way."""

    def test_nothing(self):
        self.assertEqual(self.check_export(), layout())

    def test_a_renamed_guest(self):
        self.attach("alpha", name="data")
        self.call("sim.guest.rename", name="alpha", to="omega")
        self.assertEqual(self.check_export()["segments"][0]["guests"][0]["guest"], "omega")
        self.call("sim.guest.rename", name="omega", to="alpha")

    def test_a_name_that_is_another_ones_domid(self):
        """A guest is called by its name where that means only this one, otherwise by its UUID."""
        self.attach("alpha", name="data")
        domid = str(self.domid("alpha"))
        uuid = self.call("guest.list")["guests"][1]["uuid"]
        self.call("sim.guest.rename", name="beta", to=domid)
        self.share(uuid, "data")
        exported = self.check_export()
        self.assertEqual([one["guest"] for one in exported["segments"][0]["guests"]],
                         ["alpha", uuid])
        self.call("sim.guest.rename", name=domid, to="beta")

    def test_a_reboot(self):
        """Each moment of it: what waits counts as there."""
        self.attach("alpha", name="lease")
        self.alloc("data")
        self.share("alpha", "data", address=ELSEWHERE)
        exported = self.check_export()
        uuid = self.call("guest.list")["guests"][0]["uuid"]
        for step in (lambda: self.call("sim.guest.shutdown", name="alpha", reason="reboot"),
                     lambda: self.call("sim.guest.destroy", name="alpha"),
                     lambda: self.call("sim.guest.start", name="alpha", uuid=uuid)):
            step()
            self.assertEqual(self.check_export(), exported)
        wait_until(lambda: self.have()["lease"]["guests"]["alpha"][1] == "attached", "it is back")
        self.assertEqual(self.check_export(), exported)

    def test_what_waits_is_taken_away(self):
        self.attach("alpha", name="lease")
        self.share("beta", "lease")
        self.alloc("data")
        self.share("alpha", "data")
        self.call("sim.guest.shutdown", name="alpha", reason="reboot")
        self.call("guest.list")
        wanted = layout(segment("lease", "beta", kept=False), segment("data"))
        self.assertEqual({line[:8] for line in self.apply(wanted)}, {"- detach"})
        self.check_wanted(wanted, prune=True)
        self.call("sim.guest.destroy", name="alpha")
        self.call("sim.guest.start", name="alpha")

    def test_after_a_restart_of_the_daemon(self):
        self.apply(layout(segment("data", "alpha", "beta"), segment("lease", "beta", kept=False)))
        exported = self.check_export()
        self.restart()
        self.assertEqual(self.check_export(), exported)

    def test_restored_from_an_export(self):
        self.apply(layout(segment("data", "alpha", guest("beta", ELSEWHERE), size="64K"),
                          segment("lease", guest("gamma", "identity"), kept=False)))
        exported = self.check_export()
        self.clear()
        self.apply(exported)
        self.check_wanted(exported, prune=True)


class UnderWay(ApplyTest):
    """What is under way has no place in a layout. The go-between shows some that never is."""

    def setUp(self):
        super().setUp()
        self.alloc("data")
        self.looks = 0
        self.busy = 3  # looks
        self.between(after=self.show_progress)

    def show_progress(self, request, _, reply):
        if request["method"] != "segment.list":
            return None
        self.looks += 1
        if self.looks > self.busy:
            return None
        reply = json.loads(reply)
        reply["result"]["segments"][0]["progress"] = {"step": "wiping", "done": 0}
        return json.dumps(reply).encode() + b"\n"

    def ctl_between(self, *arguments, **more):
        return self.ctl(*arguments, socket_path=self.folder / "between", **more)

    def test_it_is_waited_for(self):
        exported = json.loads(self.ctl_between("export").out)
        self.assertEqual(exported, self.check_export())
        self.assertEqual(self.looks, 4)
        self.looks = 0
        self.ctl_between("apply", "-", text=json.dumps(layout(segment("data", "alpha"))))
        self.assertEqual(self.looks, 4)

    def test_not_for_ever(self):
        self.busy = 1 << 30
        wanted = json.dumps(layout(segment("data", "alpha")))
        with self.unchanged():
            for arguments in (["export"], ["apply", "-"]):
                run = self.ctl_between("--timeout", "5", *arguments, text=wanted, status=1)
                self.assertEqual(run.out, "")
                self.assertIn("under way with segment 'data'", run.err)
                self.assertIn("(BUSY)\n", run.err)
        self.assertGreater(self.looks, 2)

    def test_others_do_not_matter(self):
        self.busy = 1 << 30
        wanted = layout(segment("more", "alpha"))
        self.apply(wanted, socket_path=self.folder / "between")
        self.check_wanted(wanted)


class Orders(ApplyTest):
    config = "[segment data]\nsize = 4K\nguests = alpha\n"

    def test_a_standing_order_is_not_pruned(self):
        wait_until(lambda: self.have().get("data", {}).get("guests"), "the order is served")
        self.check_export()
        with self.unchanged():
            self.apply(layout(segment("more")), "--prune", status=1)
        self.assertIn("(SEGMENT_IN_USE)\n", self.last.err)
        self.assertIn("configuration", self.last.err)
        self.apply(layout(segment("data")), "--prune")
        self.assertEqual(self.have()["data"]["guests"], {})


class Random(ApplyTest):
    """Any layout after any other: it is refused and changes nothing, or it is so, and segments that
    are in both keep their bytes."""

    def make(self, dice):
        chosen = dice.sample(["one", "two", "three", "four"], dice.randint(0, 4))
        return layout(*[self.make_segment(dice, name) for name in chosen])

    @staticmethod
    def make_segment(dice, name):
        places = [None, None, None, "identity", "0x3a800000", "0x3a900000"]
        guests = [guest(one, dice.choice(places))
                  for one in dice.sample(["alpha", "beta", "gamma"], dice.randint(0, 3))]
        kept = not guests or dice.random() < 0.6
        return segment(name, *guests, size=PAGE, kept=kept)

    def mark(self):
        """Fills what there is, each with bytes of its own."""
        marks = {}
        for name, one in self.have().items():
            marks[name] = (one["epoch"], bytes([len(marks) + 1]) * PAGE)
            self.host_write(one["host_address"], marks[name][1])
        return marks

    def test_random(self):
        dice = random.Random(4)
        outcomes = {0: 0, 1: 0}
        for turn in range(60):
            wanted, prune = self.make(dice), dice.random() < 0.3
            marks, before = self.mark(), self.have()
            with self.subTest(turn=turn, wanted=wanted, before=before):
                options = ["--prune"] if prune else []
                run = self.ctl_any("apply", "-", *options, text=json.dumps(wanted))
                outcomes[run.process.returncode] += 1
                if run.process.returncode:
                    self.assertEqual(self.have(), before, run.err)
                else:
                    self.check_wanted(wanted, prune)
                self.check_bytes(marks, wanted if run.process.returncode == 0 else layout())
            self.agree()
        self.assertGreater(min(outcomes.values()), 10, outcomes)

    def ctl_any(self, *arguments, text):
        run = self.begin_apply(json.loads(text), *arguments[2:])
        self.assertIn(run.finish(), (0, 1), run.err)
        return run

    def check_bytes(self, marks, wanted):
        """Segments that are there still, and listed ones for certain, have what they had."""
        have = self.have()
        for one in wanted["segments"]:
            if one["name"] in marks:
                self.assertEqual(have[one["name"]]["epoch"], marks[one["name"]][0])
        for name, (epoch, data) in marks.items():
            if name in have and have[name]["epoch"] == epoch:
                self.assertEqual(self.host_read(have[name]["host_address"], PAGE), data)
