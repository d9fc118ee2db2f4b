# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of created guests when they shut down, as with xl: each action for each reason, what
comes back and what goes, and what is told. Guests that are built anew wait for two seconds after
their creation: so many are tried at once."""

import pathlib
import time
import unittest

from creating import REASONS, CreateMixin, by_segment, same_place
from harness import PAGE, Refused, WorldTest, number, wait_until
from test_events import Listener

# libxl's names, and where each may be.
ACTIONS = ("destroy", "restart", "restart_rename", "preserve", "coredump_destroy",
           "coredump_restart", "soft_reset")
GOES = ("destroy", "coredump_destroy")
RETURNS = ("restart", "restart_rename", "coredump_restart", "soft_reset")
SHOWN = {"poweroff": "shutdown", "reboot": "rebooting", "crash": "crashed",
         "watchdog": "watchdog", "soft_reset": "soft-reset"}
PAUSE = 2  # seconds between two lives


class LifecycleTest(CreateMixin, WorldTest):
    guests = ("alpha", "beta")

    def setUp(self):
        super().setUp()
        self.listen()

    def hurry(self):
        """Another daemon, which does not know that a guest was made but a moment ago."""
        self.listener.close()
        self.restart()
        self.listen()

    def being_rebuilt(self, domid):
        """Waits until there is a new domain, half-made."""
        wait_until(lambda: (self.guest("guest1") or {"domid": domid})["domid"] != domid,
                   "there is another one")
        self.assertEqual(self.guest("guest1")["state"], "restarting")

    def listen(self):
        self.listener = Listener(self.daemon.socket_path)
        self.addCleanup(self.listener.close)
        self.listener.subscribe("guest.created", "guest.restarted", "guest.ended", "guest.failed")

    def event(self, type_, name):
        """The next event, which must be this one. What it is about."""
        event = self.listener.event()
        self.assertEqual((event["type"], event["object"]["guest"]["name"]), (type_, name))
        return event["object"]

    def event_of(self, type_, name):
        """The next event of that guest; those of others are passed over."""
        while True:
            event = self.listener.event()
            if event["object"]["guest"]["name"] == name:
                self.assertEqual(event["type"], type_)
                return event["object"]


class EachAction(LifecycleTest):
    def cases(self):
        for action in ACTIONS:
            for reason in REASONS:
                if action != "soft_reset" or reason == "soft_reset":
                    yield action, reason

    def name(self, action, reason):
        return f"{action}.{reason}"

    def test_for_each_reason(self):
        before = {}
        for action, reason in self.cases():
            name = self.name(action, reason)
            before[name] = self.create(name, PAGE, on={reason: action})
            self.fill(before[name]["attachments"][0], f"{name:16.16}".encode())
            self.event("guest.created", name)
        for action, reason in self.cases():
            self.shut_down(self.name(action, reason), reason)
        for action, reason in self.cases():
            name = self.name(action, reason)
            with self.subTest(action=action, reason=reason):
                if action in GOES:
                    self.check_gone(before[name])
                elif action in RETURNS:
                    self.check_back(before[name], action == "restart_rename", reason)
                else:
                    self.check_kept(before[name], reason)
        self.check_cores()
        self.check_ends()

    def check_gone(self, before):
        self.vanished(before["guest"]["uuid"])
        self.assertNotIn(before["attachments"][0]["segment"], self.names())

    def check_back(self, before, renamed, reason):
        name = before["guest"]["name"]
        guest = self.became(name, before["guest"]["domid"])
        self.assertEqual(guest["uuid"], before["guest"]["uuid"])
        self.assertTrue(guest["created"])
        self.assertTrue(same_place(before["attachments"], guest["attachments"]))
        self.assertEqual(self.guest_bytes(guest["attachments"][0])[:16], f"{name:16.16}".encode())
        old = [one for one in self.twins(guest["uuid"]) if one["domid"] != guest["domid"]]
        self.assertEqual([one["domid"] for one in old],
                         [before["guest"]["domid"]] if renamed else [])
        self.assertEqual(self.record(guest["uuid"])["preserved"], [one["domid"] for one in old])
        for one in old:
            self.assertRegex(one["name"], "^" + name + r"-\d{8}T\d{6}Z$")
            self.assertEqual((one["state"], one["attachments"]), (SHOWN[reason], []))

    def check_kept(self, before, reason):
        guest = self.guest(before["guest"]["name"])
        self.assertEqual((guest["domid"], guest["state"]),
                         (before["guest"]["domid"], SHOWN[reason]))
        self.assertEqual(self.record(guest["uuid"])["state"], "preserved")
        self.assertTrue(same_place(before["attachments"], guest["attachments"]))

    def check_cores(self):
        """The dumps are asked for under the guests' names; whether there is a folder or not."""
        log = self.daemon.log()
        for action, reason in self.cases():
            asked = f"core dump to /var/lib/xen/dump/{self.name(action, reason)}:" in log
            if action in ("coredump_destroy", "coredump_restart"):
                self.assertTrue(asked or self.dumped(self.name(action, reason)))
            else:
                self.assertFalse(asked)

    def dumped(self, name):
        path = pathlib.Path("/var/lib/xen/dump") / name
        found = path.exists()
        if found:
            path.unlink()
        return found

    def check_ends(self):
        """All can be destroyed, kept ones and left ones too."""
        self.agree()
        for guest in self.guests_now():
            if guest["created"]:
                done = self.destroy(str(guest["domid"]))
                self.assertEqual((done["domid"], done["state"]), (guest["domid"], "destroyed"))
        self.check_nothing_left()
        self.assertEqual([one["name"] for one in self.guests_now()], ["alpha", "beta"])


class Goes(LifecycleTest):
    def test_destroyed_from_outside(self):
        """As by `xl destroy`: its pages are free again, and it is not looked after any more."""
        guest = self.create("guest1", PAGE)["guest"]
        self.event("guest.created", "guest1")
        self.call("sim.guest.destroy", name="guest1")
        self.vanished(guest["uuid"])
        ended = self.event("guest.ended", "guest1")
        self.assertIn("gone", ended["reason"])
        self.check_nothing_left()
        self.create("guest1", PAGE)

    def test_kept_segments_stay(self):
        self.alloc("kept")
        guest = self.create("guest1", "kept", PAGE)["guest"]
        self.shut_down("guest1", "poweroff")
        self.vanished(guest["uuid"])
        self.assertEqual(set(self.agree()), {"kept"})

    def test_events(self):
        created = self.create("guest1", PAGE)
        self.assertEqual(self.event("guest.created", "guest1"), created)
        self.shut_down("guest1", "poweroff")
        ended = self.event("guest.ended", "guest1")
        self.assertEqual(set(ended), {"guest", "reason"})
        self.assertEqual(ended["guest"], dict(created["guest"], state="destroyed"))
        self.assertIn("shut down", ended["reason"])
        self.create("guest1", PAGE)
        self.event("guest.created", "guest1")
        self.destroy("guest1")
        self.assertIn("destroyed", self.event("guest.ended", "guest1")["reason"])

    def test_a_refused_one_is_no_news(self):
        """A creation that failed has no events; the next event is that of another guest."""
        self.fault("built", "error")
        with self.refused("HYPERVISOR_FAILED"):
            self.create("guest1", PAGE)
        self.create("guest2")
        self.event("guest.created", "guest2")

    def test_suspend_leaves_it(self):
        before = self.create("guest1", PAGE)
        self.shut_down("guest1", "suspend")
        time.sleep(0.05)
        self.idle()
        self.agree()
        self.assertEqual(self.guest("guest1")["domid"], before["guest"]["domid"])
        self.assertEqual(self.record(before["guest"]["uuid"])["state"], "running")
        self.call("sim.guest.resume", name="guest1")
        self.assertEqual(self.guest("guest1")["state"], "running")
        self.assertEqual(self.guest("guest1")["attachments"], before["attachments"])

    def test_suspended_and_then_destroyed_from_outside(self):
        """As by `xl save`."""
        guest = self.create("guest1", PAGE)["guest"]
        self.shut_down("guest1", "suspend")
        self.call("sim.guest.destroy", name="guest1")
        self.vanished(guest["uuid"])
        self.check_nothing_left()

    def test_foreign_guests_are_left_alone(self):
        for reason in REASONS:
            self.call("sim.guest.start", name=f"foreign-{reason}")
            self.shut_down(f"foreign-{reason}", reason)
        time.sleep(0.05)
        self.idle()
        self.assertEqual(len(self.guests_now()), 2 + len(REASONS))


class Preserved(LifecycleTest):
    def preserved(self, *shares):
        guest = self.create("guest1", *shares, on={"crash": "preserve"})["guest"]
        self.shut_down("guest1", "crash")
        wait_until(lambda: self.record(guest["uuid"])["state"] == "preserved", "it is preserved")
        self.idle()
        return guest

    def test_its_pages_stay_its_own(self):
        self.preserved(PAGE, 2 * PAGE)
        self.assertEqual(len(self.agree()), 2)
        with self.refused("GUEST_EXISTS"):
            self.create("guest1", PAGE)
        self.destroy("guest1")
        self.check_nothing_left()

    def test_destroyed_from_outside(self):
        guest = self.preserved(PAGE)
        self.call("sim.guest.destroy", name="guest1")
        self.vanished(guest["uuid"])
        self.check_nothing_left()

    def test_those_left_behind(self):
        """By one rename-restart after the other; each is destroyed alone."""
        first = self.create("guest1", PAGE, on={"reboot": "restart_rename"})["guest"]
        self.hurry()
        self.shut_down("guest1", "reboot")
        second = self.became("guest1", first["domid"])
        time.sleep(1)  # their names have the second
        self.shut_down("guest1", "reboot")
        third = self.became("guest1", second["domid"])
        self.assertEqual(self.record(first["uuid"])["preserved"],
                         [first["domid"], second["domid"]])
        self.agree()
        # By UUID it is the one that runs.
        with self.refused("GUEST_AMBIGUOUS"):
            self.destroy(first["uuid"])
        done = self.destroy(str(second["domid"]))
        self.assertEqual((done["domid"], done["state"]), (second["domid"], "destroyed"))
        self.assertIn(first["domid"], self.record(first["uuid"])["preserved"])
        self.assertEqual(self.guest("guest1")["domid"], third["domid"])
        self.agree()
        # One that somebody else destroys is forgotten.
        self.call("sim.guest.destroy", name=next(
            one["name"] for one in self.guests_now() if one["domid"] == first["domid"]))
        self.idle()
        self.assertEqual(len(self.twins(first["uuid"])), 1)
        self.destroy("guest1")
        self.check_nothing_left()

    def test_the_guest_goes_before_what_it_left(self):
        """Then nobody knows any more who made that one."""
        first = self.create("guest1", PAGE, on={"crash": "restart_rename"})["guest"]
        self.hurry()
        self.shut_down("guest1", "crash")
        self.became("guest1", first["domid"])
        self.destroy("guest1")
        left, = self.twins(first["uuid"])
        self.assertEqual((left["domid"], left["created"]), (first["domid"], False))
        self.check_nothing_left()


class Again(LifecycleTest):
    def test_a_reboot(self):
        """The same pages at the same addresses, with their bytes and epochs; told as such."""
        self.alloc("kept")
        before = self.create("guest1", PAGE, "kept", {"size": 2 * PAGE, "address": "0x3b000000"},
                             {"size": PAGE, "address": "identity"})
        begun = time.monotonic()
        self.event("guest.created", "guest1")
        for one in before["attachments"]:
            self.fill(one, f"{one['segment']:16.16}".encode())
        self.share("alpha", "guest1-0")
        self.shut_down("guest1", "reboot")
        restarted = self.event("guest.restarted", "guest1")
        # Not at once, as a guest that cannot boot would keep the host busy.
        self.assertGreater(time.monotonic() - begun, PAUSE - 0.2)
        guest = self.became("guest1", before["guest"]["domid"])
        self.assertEqual(restarted["guest"]["domid"], guest["domid"])
        self.assertEqual(by_segment(restarted["attachments"]), by_segment(guest["attachments"]))
        self.assertTrue(same_place(by_segment(before["attachments"]),
                                   by_segment(guest["attachments"])))
        for one in guest["attachments"]:
            self.assertEqual(self.guest_bytes(one)[:16], f"{one['segment']:16.16}".encode())
        self.agree()
        self.destroy("guest1")
        self.assertEqual(set(self.agree()), {"kept", "guest1-0"})

    def test_what_came_and_went_since(self):
        """Exactly what it had comes back; what it had no more may be somebody else's by then."""
        before = self.create("guest1", PAGE, {"size": PAGE, "name": "gone"})
        self.attach("guest1", 2 * PAGE, name="later", address="0x3d000000")
        self.attach("beta", name="both")
        self.share("guest1", "both")
        gone, = self.detach("guest1", segment="gone")
        reused = self.attach("alpha", name="reused")
        self.assertEqual(reused["host_address"], gone["host_address"])
        self.guest_write("alpha", reused["guest_address"], b"alpha's")
        had = by_segment(self.guest("guest1")["attachments"])
        self.hurry()
        self.shut_down("guest1", "reboot")
        guest = self.became("guest1", before["guest"]["domid"])
        self.assertTrue(same_place(had, by_segment(guest["attachments"])))
        self.assertEqual({one["segment"] for one in had}, {"guest1-0", "later", "both"})
        self.agree()
        self.assertEqual(self.guest_read("alpha", reused["guest_address"], 7), b"alpha's")

    def test_everything_was_detached(self):
        before = self.create("guest1", PAGE, PAGE)
        self.detach("guest1", all=True)
        self.hurry()
        self.shut_down("guest1", "reboot")
        guest = self.became("guest1", before["guest"]["domid"])
        self.assertEqual(guest["attachments"], [])
        self.assertEqual(self.agree(), {})

    def test_twice(self):
        before = self.create("guest1", PAGE)
        domid = before["guest"]["domid"]
        for _ in range(2):
            self.hurry()
            self.shut_down("guest1", "reboot")
            guest = self.became("guest1", domid)
            domid = guest["domid"]
            self.assertTrue(same_place(before["attachments"], guest["attachments"]))
            # No more nodes, ranges and arguments with each life.
            self.assertEqual(self.record(guest["uuid"])["config"]["b_info"].get("iomem", []), [])
            self.assertEqual(self.record(guest["uuid"])["config"]["b_info"]["cmdline"],
                             "console=hvc0")
            self.agree()

    def test_paused_ones(self):
        """It was created paused: after a reboot it runs, as with xl."""
        before = self.create("guest1", PAGE, paused=True)
        self.call("sim.guest.pause", name="guest1", paused=False)
        self.hurry()
        self.shut_down("guest1", "reboot")
        self.became("guest1", before["guest"]["domid"], "running")

    def test_what_is_held_meanwhile(self):
        """Neither its pages nor its own iomem are given out, and its name is taken."""
        start = number(self.call("pool.list")["pools"][0]["host_address"]) // PAGE
        before = self.create("guest1", PAGE, iomem=[{"start": start + 200, "number": 4,
                                                     "gfn": 0x3f000}])
        self.shut_down("guest1", "reboot")
        wait_until(lambda: not self.guest("guest1"), "its domain is gone")
        free = self.call("pool.list")["pools"][0]["free"]
        self.assertEqual(free, (256 - 5) * PAGE)
        for _ in range(2):
            with self.refused("GUEST_EXISTS"):
                self.create("guest1", PAGE)
        self.assertEqual([one["state"] for one in self.show("guest1-0")["attachments"]],
                         ["waiting"])
        self.became("guest1", before["guest"]["domid"])
        self.agree()


class Fails(LifecycleTest):
    def test_given_up_after_three_tries(self):
        """One that cannot be built any more, and one that can again by the second try."""
        for name in ("lost", "saved"):
            (self.folder / name).write_bytes(b"kernel")
        before = {name: self.create(name, PAGE, kernel=str(self.folder / name))
                  for name in ("lost", "saved")}
        for name in before:
            self.event("guest.created", name)
            (self.folder / name).unlink()
            self.shut_down(name, "reboot")
        wait_until(lambda: self.daemon.log().count("guest saved: building it anew failed") == 1,
                   "it has failed once")
        (self.folder / "saved").write_bytes(b"kernel")
        self.event_of("guest.restarted", "saved")
        guest = self.became("saved", before["saved"]["guest"]["domid"])
        self.assertTrue(same_place(before["saved"]["attachments"], guest["attachments"]))
        failed = self.event("guest.failed", "lost")
        self.assertEqual(failed["guest"]["uuid"], before["lost"]["guest"]["uuid"])
        self.assertEqual(failed["error"], "CONFIG_INVALID")
        self.assertIn("kernel", failed["problem"])
        self.event("guest.ended", "lost")
        self.vanished(before["lost"]["guest"]["uuid"])
        self.assertEqual(self.daemon.log().count("guest lost: building it anew failed"), 3)
        self.assertEqual(set(self.agree()), {"saved-0"})

    def test_destroyed_between_two_tries(self):
        before = self.create("guest1", PAGE)
        self.kernel.unlink()
        self.shut_down("guest1", "reboot")
        wait_until(lambda: "building it anew failed" in self.daemon.log(), "it has failed once")
        self.assertEqual(self.destroy("guest1")["uuid"], before["guest"]["uuid"])
        self.check_nothing_left()


class DestroyedMeanwhile(LifecycleTest):
    """guest.destroy meets a guest that is being created, restarted or destroyed."""

    def test_in_each_step_of_creation(self):
        for step in ("start", "facts", "build", "built", "run"):
            with self.subTest(step=step):
                self.fault(step, "slow", seconds=0.2)
                creating = self.ask_create("guest1", PAGE, 3 * PAGE)
                self.builders()
                if step in ("start", "facts"):
                    # Nobody knows yet what it will be called.
                    with self.refused("GUEST_UNKNOWN"):
                        self.destroy("guest1")
                    self.assertEqual(self.client.finish(creating)["guest"]["state"], "running")
                    self.destroy("guest1")
                else:
                    self.half_made()
                    done = self.destroy("guest1")
                    self.assertEqual(done["state"], "destroyed")
                    with self.refused("GUEST_DYING", "destroyed"):
                        self.client.finish(creating)
                self.check_nothing_left()

    def test_by_uuid_and_domid(self):
        for which in ("uuid", "domid"):
            self.fault("build", "slow", seconds=0.2)
            creating = self.ask_create("guest1", PAGE)
            half = self.half_made()
            self.assertEqual(self.destroy(str(half[which]))["uuid"], half["uuid"])
            with self.refused("GUEST_DYING"):
                self.client.finish(creating)
            self.check_nothing_left()

    def test_while_it_is_restarted(self):
        """While its old domain goes, in the pause, and while the new one is built."""
        for step in ("end", None, "build"):
            with self.subTest(step=step):
                before = self.create("guest1", PAGE)["guest"]
                if step:
                    self.hurry()
                    self.fault(step, "slow", seconds=0.2)
                self.shut_down("guest1", "reboot")
                if step == "end":
                    wait_until(lambda: self.guest("guest1")["state"] == "restarting", "it ends")
                elif step == "build":
                    self.being_rebuilt(before["domid"])
                else:
                    wait_until(lambda: not self.guest("guest1"), "its domain is gone")
                done = self.destroy("guest1")
                self.assertEqual((done["name"], done["uuid"], done["state"]),
                                 ("guest1", before["uuid"], "destroyed"))
                self.check_nothing_left()

    def test_twice_at_once(self):
        guest = self.create("guest1", PAGE)["guest"]
        self.fault("end", "slow", seconds=0.1)
        ids = [self.client.request("guest.destroy", guest="guest1") for _ in range(3)]
        for id_ in ids:
            done = self.client.finish(id_)["guest"]
            self.assertEqual((done["name"], done["uuid"], done["state"]),
                             ("guest1", guest["uuid"], "destroyed"))
        self.check_nothing_left()

    def test_twice_during_creation(self):
        self.fault("build", "slow", seconds=0.2)
        creating = self.ask_create("guest1", PAGE)
        self.half_made()
        ids = [self.client.request("guest.destroy", guest="guest1") for _ in range(2)]
        for id_ in ids:
            self.assertEqual(self.client.finish(id_)["guest"]["state"], "destroyed")
        with self.refused("GUEST_DYING"):
            self.client.finish(creating)
        self.check_nothing_left()

    def test_it_shuts_down_at_that_moment(self):
        self.create("guest1", PAGE)
        self.shut_down("guest1", "reboot")
        self.destroy("guest1")
        self.check_nothing_left()

    def test_from_outside_while_it_is_built(self):
        for step in ("build", "built", "run"):
            with self.subTest(step=step):
                self.fault(step, "slow", seconds=0.2)
                creating = self.ask_create("guest1", PAGE)
                self.half_made()
                self.call("sim.guest.destroy", name="guest1")
                with self.assertRaises(Refused) as caught:
                    self.client.finish(creating)
                self.assertIn(caught.exception.name, ("GUEST_DYING", "HYPERVISOR_FAILED"))
                self.check_nothing_left()

    def test_one_left_behind_while_the_guest_goes(self):
        """It is destroyed, or it is said that nobody knows it any more."""
        first = self.create("guest1", PAGE, on={"reboot": "restart_rename"})["guest"]
        self.hurry()
        self.shut_down("guest1", "reboot")
        self.became("guest1", first["domid"])
        self.fault("end", "slow", seconds=0.1)
        self.shut_down("guest1", "poweroff")
        wait_until(lambda: self.guest("guest1")["state"] == "ending", "it ends")
        try:
            done = self.destroy(str(first["domid"]))
            self.assertEqual((done["domid"], done["state"]), (first["domid"], "destroyed"))
            left = []
        except Refused as why:
            self.assertEqual(why.name, "GUEST_FOREIGN")
            left = [first["domid"]]
        wait_until(lambda: not self.guest("guest1"), "it is gone")
        self.idle()
        self.assertEqual([one["domid"] for one in self.twins(first["uuid"])], left)
        self.check_nothing_left()


class Meanwhile(LifecycleTest):
    """Other requests about a guest that a builder works on."""

    def creating(self, *shares, step="build", seconds=0.3):
        self.fault(step, "slow", seconds=seconds)
        id_ = self.ask_create("guest1", *shares)
        self.half_made()
        return id_

    def patient(self, method, **params):
        """The result, or None for BUSY."""
        try:
            return self.call(method, **params)
        except Refused as why:
            self.assertEqual(why.name, "BUSY", why.message)
            self.assertIn("guest1", why.message)
            return None

    def test_attach(self):
        creating = self.creating(PAGE)
        attached = self.patient("guest.attach", guest="guest1", size=PAGE)
        self.client.finish(creating)
        self.assertEqual(set(self.agree()), {"guest1-0"} | ({"guest1-1"} if attached else set()))

    def test_detach(self):
        creating = self.creating(PAGE, 2 * PAGE)
        detached = self.patient("guest.detach", guest="guest1", segment="guest1-0")
        self.client.finish(creating)
        self.assertEqual(set(self.agree()), {"guest1-1"} | (set() if detached else {"guest1-0"}))

    def test_detach_all(self):
        creating = self.creating(PAGE, 2 * PAGE)
        detached = self.patient("guest.detach", guest="guest1", all=True)
        self.client.finish(creating)
        self.assertEqual(len(self.agree()), 0 if detached else 2)

    def test_free(self):
        self.alloc("kept")
        creating = self.creating("kept")
        with self.refused("SEGMENT_IN_USE"):
            self.free("kept")
        self.client.finish(creating)
        self.assertEqual(set(self.agree()), {"kept"})

    def test_share_with_others(self):
        """What is reserved for it can be given to others, too, and taken from them."""
        creating = self.creating(PAGE)
        self.share("alpha", "guest1-0")
        self.share("beta", "guest1-0")
        self.detach("beta", segment="guest1-0")
        self.client.finish(creating)
        self.assertEqual([one["guest"]["name"] for one in self.agree()["guest1-0"]["attachments"]],
                         ["guest1", "alpha"])

    def test_attach_and_detach_while_it_restarts(self):
        before = self.create("guest1", PAGE, PAGE)
        self.hurry()
        self.fault("build", "slow", seconds=0.2)
        self.shut_down("guest1", "reboot")
        self.being_rebuilt(before["guest"]["domid"])
        self.share("alpha", "guest1-0")
        detached = self.patient("guest.detach", guest="guest1", segment="guest1-1")
        attached = self.patient("guest.attach", guest="guest1", size=PAGE, name="new")
        guest = self.became("guest1", before["guest"]["domid"])
        self.assertEqual({one["segment"] for one in guest["attachments"]},
                         {"guest1-0"} | (set() if detached else {"guest1-1"}) |
                         ({"new"} if attached else set()))
        self.agree()

    def test_paused_by_somebody_while_it_is_built(self):
        creating = self.creating(PAGE, step="run")
        self.call("sim.guest.pause", name="guest1", paused=False)
        self.assertEqual(self.client.finish(creating)["guest"]["state"], "running")
        self.agree()


class Orders(LifecycleTest):
    """A standing order for a guest that xenshmd creates."""

    config = "[segment data]\nsize = 16K\nguests = guest1\naddress = 0x3c000000\n"

    def served(self):
        """The guest with the ordered segment."""
        def has():
            guest = self.guest("guest1")
            return guest and guest["state"] == "running" and [
                one for one in guest["attachments"]
                if (one["segment"], one["state"]) == ("data", "attached")] and guest

        guest = wait_until(has, "the order is carried out")
        self.idle()
        return guest

    def test_comes_with_it_and_comes_again(self):
        before = self.create("guest1", PAGE)
        first = self.served()
        self.assertEqual({one["segment"]: one["guest_address"] for one in first["attachments"]},
                         {"guest1-0": before["attachments"][0]["guest_address"],
                          "data": "0x3c000000"})
        self.agree()
        self.hurry()
        self.shut_down("guest1", "reboot")
        self.became("guest1", first["domid"])
        second = self.served()
        self.assertTrue(same_place(by_segment(first["attachments"]),
                                   by_segment(second["attachments"])))
        self.agree()
        self.destroy("guest1")
        self.assertEqual(set(self.agree()), {"data"})

    def test_it_is_asked_for_too(self):
        """By the creation itself: that is as well."""
        wait_until(lambda: "data" in self.names(), "it is allocated")
        self.create("guest1", {"segment": "data", "address": "0x3c000000"})
        self.served()
        self.assertEqual([one["problem"] for one in self.call("daemon.status")["orders"]], [None])
        self.agree()


if __name__ == "__main__":
    unittest.main()
