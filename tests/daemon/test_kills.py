# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL at a random point of a random life of the host, 2,000 times (see life.py).

A chapter is a host of its own and up to 50 runs on it. Each run is some life, a kill, perhaps
things that guests do while the daemon is dead, perhaps kills of the starts that repair, and then a
look at everything. At a chapter's end the guests that did not come back are given up, all is given
back, and not a page or byte may be left.

XENSHM_RUNS=N makes N runs instead of 2,000. XENSHM_SEED=TEXT chooses another life, and TEXT/C
begins at chapter C of it: a failure prints which.

by_calls sends one or a few requests in one piece, and waits until nothing is under way; it is
killed before the n-th call to Xen or the store, and so repeats exactly. by_signals has several requests
under way on several connections and lets them meet what the daemon does by itself; in most runs the
signal comes from outside, at a random moment. What is asked for repeats as long as the answers do;
the moment does not.
"""

import contextlib
import os
import random
import threading
import time
import unittest

from life import GRACE, POOL_PAGES, Life
from world import PAGE, PATIENCE, Gone, World

SEED, _, FIRST = os.environ.get("XENSHM_SEED", "xenshm").partition("/")
RUNS = int(os.environ.get("XENSHM_RUNS", "2000"))
CHAPTER = 50  # runs


class Chapter:
    """One host. `signals`: from outside, with several requests at once."""

    def __init__(self, name, number, signals, counts):
        self.random = random.Random(f"{name}/{number}")
        self.signals, self.counts = signals, counts
        # Who waits for pages looks again and again, so that nobody knows before which call that is.
        self.holder_wait = 1 if signals else 0
        self.world = World("--pool", str(POOL_PAGES * PAGE))
        self.life = Life(self.world, self.random)
        self.number = number

    def count(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1

    # ---- the daemon's life ----

    def start(self, grace, *options):
        self.world.configure(grace, self.holder_wait)
        self.life.begin(grace)
        self.world.start(*options)

    def restart(self, grace=None):
        """Some starts are killed as well, at one of the calls that repair."""
        while True:
            chosen = grace if grace is not None else self.random.choice((GRACE,) * 11 + (0,))
            options = []
            if self.random.random() < 0.3:
                options = ["--fail", f"any:{self.random.randrange(1, 40)}:kill"]
            try:
                self.start(chosen, *options)
                self.world.settle()
                self.world.forgive()
                return
            except Gone:
                self.world.died()
                self.count("more killed while starting")

    def kill_soon(self):
        """Returns what to wait for."""
        process = self.world.process
        timer = threading.Timer(self.random.uniform(0.0, 0.03), process.kill)
        timer.start()
        return timer

    def live(self):
        """Until the daemon is gone, or has lived long enough."""
        width = self.random.choice((2, 3, 5) if self.signals else (1, 1, 2, 3))
        for _ in range(60):
            self.life.round(width, self.signals)
            # What is asked for meets what the daemon does by itself at a moment that varies.
            if not self.signals or self.random.random() < 0.3:
                self.life.settle()
        self.world.process.kill()
        return "at rest"

    def life_and_death(self):
        timer = None
        kind = "by a signal" if self.signals and self.random.random() < 0.7 else "before a call"
        try:
            if kind == "by a signal":
                timer = self.kill_soon()
            else:
                self.world.fail("any", self.random.randrange(1, 200), kill=True)
            kind = self.live()
        except Gone:
            pass
        if timer:
            timer.join()
        self.world.died()
        self.count("killed " + kind)

    # ---- runs ----

    def run(self):
        self.life_and_death()
        if self.random.random() < 0.15:
            with self.world.toolstack() as client:
                self.life.away(client, self.random.randrange(1, 6))
            self.count("with guests that went on without a daemon")
        self.restart()
        snapshot = self.life.look()
        self.life.dirty(snapshot)

    def begin(self):
        self.start(GRACE)
        self.life.look()

    def give_up(self):
        """The end of all graces: by the timer, or because nothing is waited for any more."""
        self.world.kill()
        with self.world.toolstack() as client:
            # As long as a domain of a guest is there, it is not given up.
            self.life.bury(client)
        if self.number % 2:
            self.restart(0)
        else:
            self.start(1)
        self.life.begin(0)
        end = time.monotonic() + PATIENCE
        while any(attachment["guest"]["domid"] not in self.domids()
                  for attachment in self.world.waiting()):
            assert time.monotonic() < end, "a grace does not end"
            time.sleep(0.02)
        self.life.look()

    def domids(self):
        return [domain["domid"] for domain in self.world.call("sim.status")["domains"]]

    def give_back(self):
        """Nothing is lost, and nothing of it shows."""
        self.world.stop()
        self.start(0)
        for guest in self.world.guests():
            self.world.call("sim.guest.destroy", name=guest)
        self.world.settle()
        for segment in self.world.list():
            self.world.call("segment.free", name=segment["name"])
        self.world.guest("last")
        for pool in self.world.check_empty()["pools"]:
            assert pool["free"] == pool["size"], pool
        whole = self.world.attach("last", POOL_PAGES * PAGE)
        assert not any(self.world.read("last", whole)), "a page was not wiped"

    def abandon(self):
        """After a failure: the daemon ends, and its world with it."""
        with contextlib.suppress(Exception):
            self.world.process.kill()
            self.world.died()
        with contextlib.suppress(AssertionError):
            self.world.close()

    def end(self):
        self.give_up()
        self.give_back()
        self.world.close()


class Kills(unittest.TestCase):
    def chapter(self, name, number, runs, signals):
        chapter = Chapter(name, number, signals, self.counts)
        run = 0
        try:
            chapter.begin()
            for run in range(1, runs + 1):
                chapter.run()
            run = "end"
            chapter.end()
        except BaseException as why:
            last = "\n".join(chapter.life.log)
            text = (f"XENSHM_SEED={SEED}/{number}, run {run}: {why!r}\n"
                    f"the last that was done:\n{last}\n"
                    f"of the daemon's log:\n{chapter.world.last_log()}")
            chapter.abandon()
            raise AssertionError(text) from why

    def tell(self, runs, seconds):
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        print(f"# {self.id()}: seed {SEED}, {runs} runs in {seconds:.0f} s; {kinds}", flush=True)

    def chapters(self, total, signals):
        self.counts = {}
        begun, done, number = time.monotonic(), 0, int(FIRST or 0)
        print(f"# {self.id()}: seed {SEED}, {total} runs", flush=True)
        while done < total:
            runs = min(CHAPTER, total - done)
            self.chapter(f"{SEED}/{self.id()}", number, runs, signals)
            done, number = done + runs, number + 1
        self.tell(total, time.monotonic() - begun)

    def test_by_calls(self):
        self.chapters(RUNS - RUNS // 2, signals=False)

    def test_by_signals(self):
        self.chapters(RUNS // 2, signals=True)


if __name__ == "__main__":
    unittest.main()
