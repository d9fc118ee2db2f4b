# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random stories of created guests, each ended by SIGKILL: guests are created, get and lose
segments, reboot, power off and are destroyed, several at once. Whatever was confirmed is there
afterwards; what was under way is done or undone, and nothing is half. What is asked for repeats
with XENSHM_SEED as long as the answers do; XENSHM_CREATED_RUNS tells how many stories."""

import collections
import contextlib
import os
import random
import threading
import time
import unittest

from creating import UUID, config_of
from world import PAGE, Gone, Refused, World, explained

SEED = os.environ.get("XENSHM_SEED", "xenshm")
RUNS = int(os.environ.get("XENSHM_CREATED_RUNS", "150"))
POOL = 128 * PAGE
GUESTS = 5
MARK = 64  # bytes


class Guest:
    """What is known of it. `have`: {segment: (address, epoch)}; None: there is none."""

    def __init__(self, number):
        self.name, self.uuid = f"g{number}", UUID.format(number)
        self.have = None
        self.maybe = []  # what it may have as well, after what was under way
        self.resting = False  # it reboots: nothing is asked of it

    def outcomes(self):
        return [self.have, *self.maybe]


class Story:
    def __init__(self, world, source):
        self.world, self.random = world, source
        self.guests = [Guest(number) for number in range(1, GUESTS + 1)]
        self.kernel = world.folder / "kernel"
        self.kernel.write_bytes(b"kernel")
        self.new = []  # (key, place) that have no mark yet
        self.marks = {}  # (segment, epoch): what its beginning may be
        self.number = 0
        self.counts = collections.Counter()

    # ---- one request: (guest, method, params, what it may have afterwards) ----

    def choose(self, guest):
        if guest.have is None:
            return self.create(guest)
        return self.random.choice((self.attach, self.attach, self.detach, self.reboot,
                                   self.power_off, self.destroy))(guest)

    def name(self):
        self.number += 1
        return f"s{self.number}"

    def create(self, guest):
        shares = [{"size": self.random.choice((1, 1, 2, 5)) * PAGE, "name": self.name()}
                  for _ in range(self.random.randrange(3))]
        if self.random.random() < 0.4:
            shares.append({"segment": "kept"})
        on = {"poweroff": "destroy", "reboot": self.random.choice(("restart", "restart_rename"))}
        config = config_of(guest.name, self.kernel, uuid=guest.uuid, on=on)
        names = {share.get("name", share.get("segment")) for share in shares}
        return guest, "guest.create", {"config": config, "shares": shares}, names

    def attach(self, guest):
        name = self.name()
        return guest, "guest.attach", {"guest": guest.name, "size": PAGE, "name": name}, \
            {*guest.have, name}

    def detach(self, guest):
        if not guest.have:
            return self.attach(guest)
        name = self.random.choice(sorted(guest.have))
        return guest, "guest.detach", {"guest": guest.name, "segment": name}, \
            set(guest.have) - {name}

    def destroy(self, guest):
        return guest, "guest.destroy", {"guest": guest.uuid}, None

    def reboot(self, guest):
        return guest, "sim.guest.shutdown", {"name": guest.name, "reason": "reboot"}, \
            set(guest.have)

    def power_off(self, guest):
        return guest, "sim.guest.shutdown", {"name": guest.name, "reason": "poweroff"}, None

    # ---- what came of it ----

    def confirm(self, guest, method, wanted, result):
        guest.maybe = []
        self.counts[method] += 1
        if method == "sim.guest.shutdown":
            guest.resting = True
            if wanted is None:
                guest.have = None
        elif method == "guest.create":
            guest.have = {}
            for one in result["attachments"]:
                self.has(guest, one)
        elif method == "guest.attach":
            self.has(guest, result)
        elif method == "guest.detach":
            del guest.have[result["detached"][0]["segment"]]
        else:
            guest.have = None

    def has(self, guest, attachment):
        key = attachment["segment"], attachment["epoch"]
        guest.have[key[0]] = (attachment["guest_address"], key[1])
        if key not in self.marks:
            self.new.append((key, attachment))

    def mark(self, key, place):
        """From now on its beginning is this; until the write is confirmed perhaps not yet."""
        new = self.random.randbytes(MARK)
        self.marks[key] = (bytes(MARK), new)
        self.world.call("sim.host.write", address=place["host_address"], data=new.hex())
        self.marks[key] = (new,)

    def round(self):
        """Some at once, in one piece. Raises Gone."""
        able = [guest for guest in self.guests if not guest.resting]
        chosen = [self.choose(guest) for guest in
                  self.random.sample(able, min(len(able), self.random.choice((1, 2, 4))))]
        client = self.world.client
        messages = {}
        for guest, method, params, wanted in chosen:
            message = client.request(method, params)
            messages[message["id"]] = message, guest, method, wanted
            guest.maybe = [wanted]
        client.send(*[message for message, *_ in messages.values()])
        # Replies that are there are known, whatever becomes of the daemon then.
        replies = []
        try:
            for _ in messages:
                replies.append(client.line())
        finally:
            for reply in replies:
                _, guest, method, wanted = messages[reply["id"]]
                if "error" in reply:
                    refusal = Refused(reply["error"])
                    assert refusal.name in ("POOL_FULL", "PAGES_HELD"), refusal
                    guest.maybe = []
                else:
                    self.confirm(guest, method, wanted, reply["result"])
        while self.new:
            self.mark(*self.new.pop())

    # ---- afterwards ----

    def look(self):
        """After the start, with everything at its end."""
        self.new = []
        self.world.settle()
        snapshot = self.world.check()
        names = {one.name for one in self.guests}
        there = {guest["uuid"]: guest for guest in snapshot["guests"]
                 if guest["created"] and guest["name"] in names}
        for guest in self.guests:
            with explained(guest.name):
                self.compare(guest, there.get(guest.uuid))
        self.check_marks(snapshot)
        segments = {one["name"] for one in snapshot["segments"]}
        held = {name for guest in self.guests for name in guest.have or ()}
        assert segments == held | {"kept"}, (segments, held)
        # What was left behind by a reboot goes.
        for guest in snapshot["guests"]:
            if guest["uuid"] in there and guest["name"] not in names:
                self.world.call("sim.guest.destroy", name=guest["name"])
        self.world.settle()

    def compare(self, guest, told):
        has = None if told is None else {
            one["segment"]: (one["guest_address"], one["epoch"]) for one in told["attachments"]}
        assert (has if has is None else set(has)) in [
            one if one is None else set(one) for one in guest.outcomes()], (has, guest.outcomes())
        for name, place in (guest.have or {}).items():
            if has and name in has:
                assert has[name] == place, (name, has[name], place)
        if told:
            assert told["state"] == "running", told
            assert {one["state"] for one in told["attachments"]} <= {"attached"}, told
        guest.have, guest.maybe, guest.resting = has, [], False

    def check_marks(self, snapshot):
        """What was there has its bytes, what is new is wiped."""
        for segment in snapshot["segments"]:
            data = bytes.fromhex(self.world.call("sim.host.read", address=segment["host_address"],
                                                 length=segment["size"])["data"])
            key = segment["name"], segment["epoch"]
            assert data[:MARK] in self.marks.get(key, (bytes(MARK),)), segment
            assert not any(data[MARK:]), segment
            if len(self.marks.get(key, ())) != 1:
                self.mark(key, segment)


class CreatedKills(unittest.TestCase):
    runs = RUNS

    def world_options(self):
        return ()

    def begin(self, kind):
        self.world = World("--pool", str(POOL), "--guest", "other", *self.world_options())
        self.addCleanup(self.close)
        self.world.start()
        self.world.call("segment.alloc", name="kept", size=PAGE)
        self.story = Story(self.world, random.Random(f"{SEED}/{kind}"))

    def close(self):
        with contextlib.suppress(Exception):
            self.world.process.kill()
        with contextlib.suppress(Exception):
            self.world.died()
        self.world.close()

    def live(self, kind):
        """Until it is dead."""
        source = self.story.random
        timer = None
        if kind == "signals":
            timer = threading.Timer(source.uniform(0, 0.08), self.world.process.kill)
            timer.start()
        else:
            self.world.fail("any", source.randrange(1, 120), kill=True)
        try:
            for _ in range(8):
                self.story.round()
            self.world.process.kill()
        except Gone:
            pass
        if timer:
            timer.join()
        self.world.died()

    def stories(self, kind, runs):
        begun = time.monotonic()
        self.begin(kind)
        for run in range(runs):
            try:
                self.live(kind)
                self.world.start()
                self.story.look()
            except BaseException as why:
                raise AssertionError(f"XENSHM_SEED={SEED}, run {run}: {why!r}\n"
                                     f"{self.world.last_log()}") from why
        confirmed = ", ".join(f"{count} {method}" for method, count in
                              sorted(self.story.counts.items()))
        print(f"# {self.id()}: seed {SEED}, {runs} runs in {time.monotonic() - begun:.0f} s; "
              f"confirmed: {confirmed}", flush=True)
        self.assertGreater(self.story.counts["guest.create"], runs // 4)
        self.end()

    def end(self):
        """Nothing was lost."""
        for guest in self.story.guests:
            if guest.have is not None:
                self.world.call("guest.destroy", guest=guest.name)
        self.world.call("segment.free", name="kept")
        self.world.check_empty()
        whole = self.world.attach("other", POOL)
        assert not any(self.world.read("other", whole)), "a page was not wiped"
        self.world.detach("other")

    def test_by_calls(self):
        self.stories("calls", self.runs // 2)

    def test_by_signals(self):
        self.stories("signals", self.runs - self.runs // 2)


if __name__ == "__main__":
    unittest.main()
