# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon ends, by a signal that it can catch or by one that it cannot, while a builder is at
work for it, or is away while created guests go on: afterwards each guest is there whole, or not at
all."""

import fcntl
import os
import pathlib
import signal
import time
import unittest

from creating import REASONS, CreateMixin, by_segment, same_place
from harness import PAGE, Client, Refused, WorldTest, wait_until

STEPS = ("start", "facts", "build", "built", "run")
SIGNALS = (signal.SIGTERM, signal.SIGKILL)


def lives(pid):
    """Neither gone nor a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class RestartTest(CreateMixin, WorldTest):
    guests = ("alpha",)

    def fault(self, step, action, **more):
        """For the next builder: those before it are about to end, and still there for a moment."""
        wait_until(lambda: not self.daemon.children(), "earlier builders are gone")
        return super().fault(step, action, **more)

    def working(self):
        """Waits until a builder has begun; returns its process."""
        return wait_until(self.daemon.children, "a builder works")

    def end_daemon(self, number):
        """With what it has started."""
        builders = self.daemon.children()
        self.daemon.process.send_signal(number)
        status = self.daemon.wait_end()
        self.assertEqual(status, 0 if number == signal.SIGTERM else -number, self.daemon.log())
        wait_until(lambda: not any(lives(pid) for pid in builders), "its builders have gone", 5)

    def next_daemon(self):
        self.client.close()
        self.begin()

    def settled(self):
        """Waits until nothing is to be done any more."""
        def none_under_way():
            return all(record["state"] in ("running", "preserved")
                       for record in self.records().values()) and \
                self.call("daemon.status")["counts"]["operations"] == 0

        self.call("guest.list")
        wait_until(none_under_way, "every guest is whole or gone")
        self.idle()


class AnEarlierBuilder(RestartTest):
    """One that was killed may still be in a call that makes a domain, as long as it holds its lock:
    the folder of records."""

    def held(self):
        folder = os.open(self.folder / "state" / "guests", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        wait_until(lambda: self.locked(folder), "the lock is free", 5)
        return folder

    @staticmethod
    def locked(folder):
        try:
            fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def test_nothing_is_begun_before_it_is_gone(self):
        self.create("guest1", PAGE)
        self.fault("end", "slow", seconds=5)
        self.client.request("guest.destroy", guest="guest1")
        self.working()
        self.end_daemon(signal.SIGKILL)
        folder = self.held()
        self.next_daemon()
        asking = self.ask_create("guest2", PAGE)
        time.sleep(0.2)
        self.assertEqual(self.daemon.children(), [])
        self.assertEqual({one["name"] for one in self.call("guest.list")["guests"]},
                         {"alpha", "guest1"})
        fcntl.flock(folder, fcntl.LOCK_UN)
        self.assertEqual(self.client.finish(asking)["guest"]["state"], "running")
        self.settled()
        self.assertIsNone(self.guest("guest1"))
        self.agree()


class DuringCreation(RestartTest):
    def interrupted(self, step, number, delay):
        """The outcome that the client saw: "running", the name of a refusal, or None."""
        self.fault(step, "slow", seconds=0.15)
        client = Client(self.daemon.socket_path)
        id_ = self.ask_create("guest1", PAGE, "kept", 3 * PAGE, client=client)
        self.working()
        if step in ("build", "built", "run"):
            self.half_made()
        time.sleep(delay)
        self.end_daemon(number)
        try:
            return client.finish(id_)["guest"]["state"]
        except Refused as why:
            return why.name
        except (AssertionError, OSError):
            return None  # nothing came
        finally:
            client.close()

    def one_case(self, step, number, delay):
        outcome = self.interrupted(step, number, delay)
        self.next_daemon()
        self.settled()
        segments = self.agree()
        guest = self.guest("guest1")
        if outcome == "running":
            self.assertIsNotNone(guest)
        elif outcome is not None:
            self.assertIn(outcome, ("BUSY", "GUEST_DYING"))
        if number == signal.SIGKILL:
            self.assertIsNone(outcome)
        if guest:
            self.assertEqual(guest["state"], "running")
            self.assertEqual([one["segment"] for one in by_segment(guest["attachments"])],
                             ["guest1-0", "guest1-1", "kept"])
            self.destroy("guest1")
        self.assertEqual(set(self.agree()), {"kept"})
        self.assertIn("kept", segments)
        self.assertEqual(self.daemon.guest_files(), set())
        self.forgive()

    def test_at_each_step(self):
        kept = self.alloc("kept", 2 * PAGE)
        self.share("alpha", "kept")
        self.host_write(kept["host_address"], b"kept")
        for number in SIGNALS:
            for step in STEPS:
                for delay in (0, 0.05):
                    with self.subTest(signal=number, step=step, delay=delay):
                        self.one_case(step, number, delay)
        self.assertEqual(self.host_read(kept["host_address"], 4), b"kept")
        # Nothing was lost: all of it can be had, and is wiped.
        self.detach("alpha", segment="kept")
        self.free("kept")
        whole = self.create("guest1", 1 << 20)["attachments"][0]
        self.assertFalse(any(self.guest_bytes(whole)))

    def test_the_builder_dies_with_its_daemon(self):
        """However long it would have gone on."""
        for step in ("start", "build", "run"):
            self.fault(step, "hang")
            self.ask_create("guest1", PAGE)
            builder, = self.working()
            time.sleep(0.05)
            if step != "start":
                self.half_made()
            self.daemon.process.kill()
            self.daemon.wait_end()
            wait_until(lambda: not lives(builder), "the builder is gone", 5)
            self.next_daemon()
            self.settled()
            self.assertIsNone(self.guest("guest1"))
            self.check_nothing_left()
            self.forgive()

    def test_queued_ones(self):
        """Of many, each is there whole or not at all."""
        for number in SIGNALS:
            self.fault("build", "slow", seconds=0.1)
            with Client(self.daemon.socket_path) as client:
                for i in range(8):
                    self.ask_create(f"queued{i}", PAGE, client=client)
                self.half_made_any()
                self.end_daemon(number)
            self.next_daemon()
            self.settled()
            segments = self.agree()
            there = [one["name"] for one in self.guests_now() if one["created"]]
            self.assertEqual(set(segments), {f"{name}-0" for name in there})
            for name in there:
                self.destroy(name)
            self.check_nothing_left()
            self.forgive()

    def half_made_any(self):
        wait_until(lambda: len(self.guests_now()) > 1, "a domain is there")


class DuringDestruction(RestartTest):
    def test_at_each_step(self):
        """Once it was begun, it is gone in the end."""
        for number in SIGNALS:
            for step in ("start", "end"):
                with self.subTest(signal=number, step=step):
                    guest = self.create("guest1", PAGE, 2 * PAGE)["guest"]
                    self.fault(step, "slow", seconds=0.15)
                    self.client.request("guest.destroy", guest="guest1")
                    self.working()
                    self.end_daemon(number)
                    self.next_daemon()
                    self.vanished(guest["uuid"])
                    self.check_nothing_left()
                    self.forgive()

    def test_what_was_half_taken_back(self):
        """A domain that nobody could end before: the next daemon does."""
        guest = self.create("guest1", PAGE)["guest"]
        self.fault("end", "error")
        with self.refused("HYPERVISOR_FAILED"):
            self.destroy("guest1")
        self.restart(signal.SIGKILL)
        self.vanished(guest["uuid"])
        self.check_nothing_left()


class DuringRestart(RestartTest):
    def one_case(self, step, number, action):
        before = self.create("guest1", PAGE, 2 * PAGE, on={"reboot": action})
        for one in before["attachments"]:
            self.fill(one, f"{one['segment']:16.16}".encode())
        self.restart()  # so that there is no pause
        domid = before["guest"]["domid"]
        self.fault(step, "slow", seconds=0.15)
        self.shut_down("guest1", "reboot")
        if step in ("end", "start"):
            self.working()
        else:
            wait_until(lambda: (self.guest("guest1") or {"domid": domid})["domid"] != domid,
                       "there is a new domain")
        self.end_daemon(number)
        self.next_daemon()
        guest = self.became("guest1", domid)
        self.settled()
        self.assertTrue(same_place(before["attachments"], guest["attachments"]))
        for one in guest["attachments"]:
            self.assertEqual(self.guest_bytes(one)[:16], f"{one['segment']:16.16}".encode())
        self.agree()
        left = [one["domid"] for one in self.twins(guest["uuid"]) if one["name"] != "guest1"]
        self.assertEqual(left, [domid] if action == "restart_rename" else [])
        self.destroy("guest1")
        for one in self.twins(guest["uuid"]):
            self.call("sim.guest.destroy", name=one["name"])
        self.settled()
        self.check_nothing_left()
        self.forgive()

    def test_at_each_step(self):
        for number in SIGNALS:
            for step in ("start", "end", "build", "built", "run"):
                with self.subTest(signal=number, step=step):
                    self.one_case(step, number, "restart")

    def test_one_that_leaves_its_domain(self):
        for step in ("end", "build", "run"):
            with self.subTest(step=step):
                self.one_case(step, signal.SIGKILL, "restart_rename")

    def test_in_the_pause(self):
        for number in SIGNALS:
            before = self.create("guest1", PAGE)
            self.shut_down("guest1", "reboot")
            wait_until(lambda: not self.guest("guest1"), "its domain is gone")
            self.end_daemon(number)
            self.next_daemon()
            guest = self.became("guest1", before["guest"]["domid"])
            self.assertTrue(same_place(before["attachments"], guest["attachments"]))
            self.agree()
            self.destroy("guest1")


class Away(RestartTest):
    def test_what_they_did_meanwhile(self):
        """It acts on it as if it had been there."""
        before = {reason: self.create(reason, PAGE, on={"crash": "preserve",
                                                         "watchdog": "restart_rename"})
                  for reason in (*REASONS, "suspend", "nothing", "gone")}
        with self.while_down():
            for reason in (*REASONS, "suspend"):
                self.shut_down(reason, reason)
            self.call("sim.guest.destroy", name="gone")
        for name in ("poweroff", "gone"):
            self.vanished(before[name]["guest"]["uuid"])
        for name in ("reboot", "watchdog", "soft_reset"):
            guest = self.became(name, before[name]["guest"]["domid"])
            self.assertTrue(same_place(before[name]["attachments"], guest["attachments"]))
        self.settled()
        self.agree()
        for name, state in (("crash", "crashed"), ("suspend", "suspended"), ("nothing", "running")):
            guest = self.guest(name)
            self.assertEqual((guest["domid"], guest["state"]),
                             (before[name]["guest"]["domid"], state))
            self.assertTrue(same_place(before[name]["attachments"], guest["attachments"]))
        self.assertEqual(len(self.twins(before["watchdog"]["guest"]["uuid"])), 2)

    def test_nothing_is_disturbed(self):
        """Guests that run go on; what the daemon says of them is the same."""
        for number in SIGNALS:
            self.create("guest1", PAGE, 2 * PAGE)
            self.create("guest2", PAGE, on={"crash": "preserve"})
            self.shut_down("guest2", "crash")
            wait_until(lambda: "preserved" in {one["state"] for one in self.records().values()},
                       "it is preserved")
            self.idle()
            before = self.snapshot()
            self.restart(number)
            self.settled()
            self.assertEqual(self.snapshot(), before)
            self.destroy("guest1")
            self.destroy("guest2")
            self.check_nothing_left()

    def test_a_record_that_cannot_be_understood(self):
        """That guest is not looked after, the others are; the file stays."""
        first = self.create("guest1", PAGE)["guest"]
        second = self.create("guest2", PAGE)["guest"]
        path = self.daemon.state_dir / "guests" / f"{first['uuid']}.json"
        text = path.read_text()
        for broken in ("", "{", "[]", "{}", text.replace('"version":1', '"version":9'),
                       text.replace('"running"', '"jogging"'),
                       text.replace(first["uuid"], second["uuid"])):
            self.assertNotEqual(broken, text)
            path.write_text(broken)
            self.restart()
            self.assertEqual({one["name"] for one in self.guests_now() if one["created"]},
                             {"guest2"})
            self.assertEqual(path.read_text(), broken)
            self.assertEqual(set(self.names()), {"guest1-0", "guest2-0"})
            with self.refused("GUEST_FOREIGN"):
                self.destroy("guest1")
        path.write_text(text)
        self.restart()
        self.destroy("guest1")
        self.assertEqual(os.listdir(path.parent).count(path.name), 0)


if __name__ == "__main__":
    unittest.main()
