# SPDX-License-Identifier: LGPL-2.1-or-later
"""`xenshmctl apply` when something goes wrong in the middle: all or nothing, or exactly what there
is; and whatever happened, applying again ends in the wanted state."""

import copy
import itertools
import json
import re
import signal

from harness import PAGE, SECRET, wait_until
from layouts import ApplyTest, guest, layout, segment

ELSEWHERE = "0x3a800000"
OTHER = b"\x3c" * PAGE

# Each kind of step is in it.
WANTED = layout(segment("moved", guest("alpha", ELSEWHERE)),
                segment("new", "alpha", "beta", size="16K"),
                segment("lease", "gamma", kept=False),
                segment("fresh", "beta", kept=False))
STEPS = ["+ alloc new 16 KiB", "- detach moved from alpha", "- detach moved from beta",
         "+ attach moved to alpha", "+ attach new to alpha", "+ attach new to beta",
         "+ attach lease to gamma", "+ attach fresh 4 KiB to beta", "- detach lease from alpha",
         "- detach old from alpha", "- detach gone from beta", "- free old 4 KiB"]
FIRST_FINAL = 10  # index of the first that cannot be undone


class TroubleTest(ApplyTest):
    config = "[daemon]\nrestart-grace = 60\n"

    def prepare(self):
        """What WANTED, with --prune, has to change."""
        self.alloc("moved")
        self.share("alpha", "moved")
        self.share("beta", "moved")
        self.attach("alpha", name="lease")
        self.alloc("old")
        self.share("alpha", "old")
        self.attach("beta", name="gone")
        self.host_write(self.show("moved")["host_address"], SECRET)
        self.host_write(self.show("lease")["host_address"], OTHER)

    def check_kept_bytes(self):
        """Nothing that can happen touches the bytes of what is listed."""
        for name, data in (("moved", SECRET), ("lease", OTHER)):
            self.assertEqual(self.host_bytes(self.show(name)), data, name)

    def converge(self):
        """Once more, and it is as wanted."""
        self.mend()
        self.apply(WANTED, "--prune")
        self.check_wanted(WANTED, prune=True)
        self.check_kept_bytes()
        self.agree()

    def clear(self):
        super().clear()
        self.agree()

    def run_between(self, *options, before=None, after=None, wanted=None):
        """An apply whose requests go through the hooks."""
        between = self.between(before, after)
        run = self.begin_apply(wanted or WANTED, "--prune", *options, socket_path=between.path)
        run.finish()
        between.close()
        return run, between

    def with_quarantine(self, before, name, holder):
        """The attachment is quarantined, or the daemon, which tries again by itself, has ended it."""
        quarantined, ended = copy.deepcopy(before), copy.deepcopy(before)
        place, _ = before[name]["guests"][holder]
        quarantined[name]["guests"][holder] = (place, "quarantined")
        del ended[name]["guests"][holder]
        if not ended[name]["kept"] and not ended[name]["guests"]:
            del ended[name]
        return quarantined, ended

    def check_outcome(self, run, before):
        """Of one that was refused: nothing is changed, or exactly what it says."""
        self.assertEqual(run.process.returncode, 1, run.err)
        if not run.out or "; nothing was changed\n" in run.err:
            self.assertNotIn("not undone: ", run.err)
            self.assertEqual(self.have(), before, run.err)
        elif "; what was done before it is undone\n" in run.err:
            name, holder = re.search("'[+-] (?:at|de)tach (\\S+) (?:to|from) (\\w+)", run.err).groups()
            self.assertRegex(run.err, f"'{name}' is (quarantined )?in guest '{holder}'")
            self.assertIn(self.have(), self.with_quarantine(before, name, holder), run.err)
        else:
            self.assertRegex(run.err, "not undone: |all but this was done")


class Planned(TroubleTest):
    def test_the_steps(self):
        self.prepare()
        plan = self.apply(WANTED, "--prune", "--dry-run")
        self.assertEqual([line.partition(" at ")[0] for line in plan], STEPS)
        self.converge()


class Faults(TroubleTest):
    """The n-th call to Xen or the store fails."""

    def each_fault(self, **more):
        outcomes = {"done": 0, "unchanged": 0, "changed": 0}
        for n in itertools.count(1):
            self.prepare()
            before = self.have()
            self.call("sim.fail", operation="any", after=n, **more)
            run = self.begin_apply(WANTED, "--prune")
            status = run.finish()
            fired = self.forgive() == 0
            with self.subTest(n=n):
                if status == 0:
                    outcomes["done"] += 1
                    self.check_wanted(WANTED, prune=True)
                else:
                    self.check_outcome(run, before)
                    unchanged = not run.out or "; nothing was changed\n" in run.err
                    outcomes["unchanged" if unchanged else "changed"] += 1
                self.converge()
            self.clear()
            if not fired:
                return outcomes

    def test_each_call(self):
        outcomes = self.each_fault()
        self.assertGreater(outcomes["unchanged"], 40, outcomes)
        self.assertGreater(outcomes["changed"], 10, outcomes)

    def test_each_call_late(self):
        """It fails after its work is done."""
        outcomes = self.each_fault(late=True)
        self.assertGreater(outcomes["unchanged"], 15, outcomes)


class Daemon(TroubleTest):
    """It is killed at each call."""

    def test_killed_at_each_call(self):
        for n in itertools.count(1):
            self.prepare()
            self.call("sim.fail", operation="any", after=n, kill=True)
            run = self.begin_apply(WANTED, "--prune")
            status = run.finish()
            if status == 0:
                self.forgive()
                break
            with self.subTest(n=n):
                self.assertEqual(status, 3, run.err)
                self.check_told(run)
                self.restart(signal.SIGKILL)
                self.call("guest.list")
                self.idle()
                self.check_told_is_so(run)
                self.converge()
            self.clear()
        self.assertGreater(n, 50)

    def check_told(self, run):
        """Each step is told, in order: those done, one perhaps, those not."""
        told = [line.split(": ", 2)[2].split(": ", 1) for line in run.err.splitlines()
                if "done: " in line]
        if not run.out:
            return  # it did not come as far as a plan
        self.assertEqual([step for _, step in told], run.out.splitlines())
        words = [word for word, _ in told]
        self.assertEqual(words, sorted(words, key=["done", "perhaps done", "not done"].index))
        self.assertLessEqual(words.count("perhaps done"), 1)
        self.assertIn("given up in the middle; try again", run.err)

    def check_told_is_so(self, run):
        """What is said to be done, or not, is so."""
        have = self.have()
        for line in run.err.splitlines():
            told = re.search(": (done|not done): ([+-] .*)", line)
            if told:
                self.assertEqual(self.is_done(told[2], have), told[1] == "done", line)

    @staticmethod
    def is_done(step, have):
        sign, name, holder, place = re.fullmatch(
            r"([+-]) \w+ (\w+)(?: \d+ KiB)?(?: (?:to|from) (\w+))?(?: at (\w+))?", step).groups()
        there = name in have
        if holder:
            there = there and holder in have[name]["guests"] and \
                place in (None, have[name]["guests"][holder][0])
        return there == (sign == "+")

    def test_gone_before(self):
        self.client.close()
        self.daemon.stop()
        self.assertEqual(self.apply(WANTED, status=3), [])
        self.assertEqual(self.last.err.count("\n"), 1)
        self.begin()


class Killed(TroubleTest):
    """The apply itself is killed before or after the daemon has each of its requests."""

    def test_at_each_request(self):
        for when in ("before", "after"):
            for n in range(1, len(STEPS) + 1):
                self.prepare()
                with self.subTest(when=when, n=n):
                    self.kill_at(when, n)
                    self.idle()
                    self.converge()
                self.clear()

    def kill_at(self, when, n):
        runs = []

        def hook(_, number, *__):
            if number == n:
                wait_until(lambda: runs, "it is known who asks")
                runs[0].process.kill()
                runs[0].process.wait()
                raise ConnectionResetError  # before: the daemon does not get the request

        between = self.between(**{when: hook})
        runs.append(self.begin_apply(WANTED, "--prune", socket_path=between.path))
        self.assertEqual(runs[0].process.wait(60), -signal.SIGKILL)
        between.close()

    def test_interrupted_before_each_step(self):
        """What was done is undone, as long as there is a way back."""
        for n in range(1, len(STEPS)):
            self.prepare()
            before = self.have()
            with self.subTest(n=n):
                number_ = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[n % 3]
                run = self.interrupt_at(number_, n)
                self.assertIn("interrupted by a signal\n", run.err)
                self.check_outcome(run, before)
                self.assertEqual("; nothing was changed\n" in run.err, n <= FIRST_FINAL)
                self.converge()
            self.clear()

    def interrupt_at(self, number_, n):
        runs = []

        def hook(_, number, *__):
            if number == n:
                wait_until(lambda: runs, "it is known who asks")
                runs[0].process.send_signal(number_)

        between = self.between(hook)
        runs.append(self.begin_apply(WANTED, "--prune", socket_path=between.path))
        runs[0].finish()
        between.close()
        return runs[0]


class Guests(TroubleTest):
    """They die or reboot before each step."""

    def happen(self, n, what):
        def hook(_, number):
            if number == n:
                with self.connect_again() as client:
                    what(client)
        return hook

    def connect_again(self):
        return type(self.client)(self.daemon.socket_path)

    def each(self, name, what, back):
        """Returns how often it was refused."""
        refused = 0
        for n in range(1, len(STEPS) + 1):
            self.prepare()
            uuid = next(one["uuid"] for one in self.call("guest.list")["guests"]
                        if one["name"] == name)
            with self.subTest(n=n):
                run, _ = self.run_between(before=self.happen(n, what))
                refused += run.process.returncode
                self.assertIn(run.process.returncode, (0, 1), run.err)
                back(uuid)
                self.settle()
                if name != "gamma" or "lease" in self.have():
                    self.mend()
                self.apply(WANTED, "--prune")
                self.check_wanted(WANTED, prune=True)
                self.assertEqual(self.host_bytes(self.show("moved")), SECRET)
            self.clear()
        return refused

    def settle(self):
        """Nothing waits, and nothing of the dead is left."""
        def settled():
            living = {one["uuid"] for one in self.call("guest.list")["guests"]}
            return all(one["guest"]["uuid"] in living and one["state"] == "attached"
                       for each in self.call("segment.list")["segments"]
                       for one in each["attachments"])

        wait_until(settled, "the guests have what they had")
        self.idle()

    def test_one_dies(self):
        for name in ("alpha", "beta", "gamma"):
            refused = self.each(
                name, lambda client, name=name: client.call("sim.guest.destroy", name=name),
                lambda uuid, name=name: self.call("sim.guest.start", name=name, uuid=uuid))
            self.assertGreater(refused, 0)

    def test_one_reboots(self):
        """An attach to a guest that is back waits until it has what it had."""
        def reboot(client):
            uuid = next(one["uuid"] for one in client.call("guest.list")["guests"]
                        if one["name"] == "alpha")
            client.call("sim.guest.shutdown", name="alpha", reason="reboot")
            client.call("guest.list")
            client.call("sim.guest.destroy", name="alpha")
            client.call("sim.guest.start", name="alpha", uuid=uuid)

        self.assertEqual(self.each("alpha", reboot, lambda uuid: None), 0)

    def test_one_is_away_for_a_reboot(self):
        def leave(client):
            client.call("sim.guest.shutdown", name="alpha", reason="reboot")
            client.call("guest.list")
            client.call("sim.guest.destroy", name="alpha")

        refused = self.each("alpha", leave,
                            lambda uuid: self.call("sim.guest.start", name="alpha", uuid=uuid))
        self.assertGreater(refused, 0)


class Others(TroubleTest):
    """Somebody else changes things at the same time."""

    def test_two_of_the_same(self):
        for _ in range(5):
            self.prepare()
            runs = [self.begin_apply(WANTED, "--prune") for _ in range(3)]
            for run in runs:
                self.assertIn(run.finish(), (0, 1), run.err)
            self.converge()
            self.clear()

    def test_two_that_differ(self):
        other = layout(*reversed(WANTED["segments"][:2]), segment("own", "gamma"))
        for _ in range(5):
            self.prepare()
            runs = [self.begin_apply(WANTED), self.begin_apply(other)]
            for run in runs:
                self.assertIn(run.finish(), (0, 1), run.err)
            self.converge()
            self.clear()

    def interfere(self, n, method, **params):
        """That happens before the n-th change."""
        def hook(_, number):
            if number == n:
                with type(self.client)(self.daemon.socket_path) as client:
                    client.call(method, **params)
        return hook

    def test_pages_that_others_have_taken(self):
        """The name is taken in between: what was done is undone, the other one's stays."""
        wanted = layout(segment("first", "alpha"), segment("second", "beta"))
        hook = self.interfere(2, "segment.alloc", name="second", size=8192)
        run, _ = self.run_between(before=hook, wanted=wanted)
        self.assertEqual(run.process.returncode, 1)
        self.assertIn("(SEGMENT_EXISTS)\n", run.err)
        self.assertIn("'+ alloc second 4 KiB' was refused; nothing was changed\n", run.err)
        self.assertEqual(self.names(), ["second"])

    def test_what_is_to_be_freed_gets_a_guest(self):
        """Seen by the fresh look before the first step that cannot be undone."""
        self.prepare()
        before = self.have()
        hook = self.interfere(FIRST_FINAL, "guest.attach", guest="gamma", segment="old")
        run, _ = self.run_between(before=hook)
        self.assertEqual(run.process.returncode, 1, run.err)
        self.assertIn("'old' was changed by somebody else", run.err)
        have = self.have()
        self.assertEqual(set(have["old"]["guests"]), {"alpha", "gamma"})
        del have["old"]["guests"]["gamma"]
        self.assertEqual(have, before)
        self.converge()

    def test_what_is_to_be_freed_is_gone(self):
        self.alloc("old")
        self.alloc("older")
        hook = self.interfere(1, "segment.free", name="old")
        run, _ = self.run_between(before=hook, wanted=layout(segment("data", "alpha")))
        self.assertEqual(run.process.returncode, 0, run.err)
        self.assertEqual(self.names(), ["data"])

    def test_what_is_to_be_freed_is_another_one(self):
        """The name is the same, the pages are not those of the plan."""
        self.alloc("old")

        def hook(_, number):
            if number == 1:
                with type(self.client)(self.daemon.socket_path) as client:
                    client.call("segment.free", name="old")
                    client.call("segment.alloc", name="old", size=PAGE)

        run, _ = self.run_between(before=hook, wanted=layout(segment("data", "alpha")))
        self.assertEqual(run.process.returncode, 1)
        self.assertEqual(self.names(), ["old"])

    def test_an_address_that_is_taken_when_it_is_to_be_given_back(self):
        """What could not be undone is told by name."""
        self.alloc("data")
        self.share("alpha", "data")
        place = self.show("data")["attachments"][0]["guest_address"]

        def hook(_, number):
            if number == 2:
                with type(self.client)(self.daemon.socket_path) as client:
                    client.call("guest.attach", guest="alpha", size=PAGE, name="thief",
                                address=place)

        wanted = layout(segment("data", guest("alpha", "0x40000000")))
        run, _ = self.run_between(before=hook, wanted=wanted)
        self.assertEqual(run.process.returncode, 1)
        self.assertIn("not everything before it could be undone\n", run.err)
        self.assertIn(f"not undone: - detach data from alpha at {place}\n", run.err)
        self.assertEqual(self.have()["data"]["guests"], {})


class NoWayBack(TroubleTest):
    def test_the_second_free_fails(self):
        for name in ("one", "two", "three"):
            self.alloc(name)

        def hook(_, number):
            if number == 4:
                with type(self.client)(self.daemon.socket_path) as client:
                    client.call("sim.fail", operation="store_remove")

        wanted = layout(segment("data", "alpha"))
        run, _ = self.run_between(before=hook, wanted=wanted)
        self.assertEqual(run.process.returncode, 1)
        left = re.findall(r": (?:refused|not done): - free (\w+) 4 KiB\n", run.err)
        self.assertEqual(len(left), 2, run.err)
        self.assertIn("all but this was done, some of it cannot be undone; try again\n", run.err)
        self.assertEqual(set(self.names()), {"data", *left})
        self.apply(wanted, "--prune")
        self.check_wanted(wanted, prune=True)

    def test_the_first_free_fails(self):
        for name in ("one", "two"):
            self.alloc(name)
        before = self.have()
        self.call("sim.fail", operation="store_remove")
        run, _ = self.run_between(wanted=layout(segment("data", "alpha")))
        self.check_outcome(run, before)
        self.assertIn("; nothing was changed\n", run.err)


class Rights(TroubleTest):
    config = "[access]\n"

    def test_nobody_in_particular(self):
        """One without the right to look is told so, once."""
        self.alloc("data")
        between = self.between(after=lambda request, *_: json.dumps(
            {"jsonrpc": "2.0", "id": request["id"], "error": {
                "code": 19, "message": "no right", "data": {"name": "PERMISSION_DENIED",
                                                            "hint": "ask"}}}).encode() + b"\n")
        run = self.ctl("apply", "-", text=json.dumps(WANTED), status=1,
                       socket_path=between.path)
        self.assertEqual((run.out, run.err), ("", "xenshmctl: apply: no right (PERMISSION_DENIED)\n"))


