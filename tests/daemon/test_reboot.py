# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests that reboot: what they had waits for them, and is theirs again at the same address with
the same bytes, whatever happens on the way; and those that do not come back get nothing."""

import contextlib
import signal
import time

from harness import (MIB, PAGE, POOLS_END, Refused, SegmentMixin, WorldTest, number,
                     wait_until)

RETURNING = {"reboot": "rebooting", "crash": "crashed", "watchdog": "watchdog",
             "soft_reset": "soft-reset"}
STAYING = {"poweroff": "shutdown", "suspend": "suspended"}
DATA = bytes(range(256)) * 16


class RebootTest(SegmentMixin, WorldTest):
    def guest(self, name):
        return next((one for one in self.call("guest.list")["guests"] if one["name"] == name),
                    None)

    def domains(self):
        return {one["domid"]: one for one in self.call("sim.status")["domains"]}

    def shutdown(self, name="alpha", reason="reboot"):
        """From inside; returns when the daemon has looked."""
        self.call("sim.guest.shutdown", name=name, reason=reason)
        self.call("guest.list")

    def destroy(self, name="alpha"):
        self.call("sim.guest.destroy", name=name)
        self.call("guest.list")

    def go(self, name="alpha", reason="reboot"):
        """The first half of a reboot."""
        self.shutdown(name, reason)
        self.destroy(name)

    def come(self, name="alpha", **more):
        """The second half."""
        return self.call("sim.guest.start", name=name, **more)["domid"]

    def states(self, segment="data"):
        return {(one["guest"]["name"], one["state"])
                for one in self.show(segment)["attachments"]}

    def wait_state(self, state, name="alpha", segment="data"):
        wait_until(lambda: (name, state) in self.states(segment),
                   f"{segment} is {state} in {name}")

    def wait_back(self, name="alpha", segment="data"):
        self.wait_state("attached", name, segment)
        self.idle()

    def check_back(self, before, name="alpha"):
        """The attachment is as it was, but for the guest's domid."""
        segment = self.show(before["segment"])
        after = next(one for one in segment["attachments"] if one["guest"]["name"] == name)
        fresh = self.guest(name)
        self.assertEqual(after, {**before, "guest": {key: fresh[key]
                                                     for key in ("name", "domid", "uuid")}})
        self.assertEqual(segment["state"], "ready")
        self.assertEqual(self.guest_read(name, after["guest_address"], len(DATA)), DATA)
        nodes = {key.partition("/")[2]: value for key, value in self.nodes(name).items()
                 if key.startswith(before["segment"] + "/")}
        self.assertEqual(nodes, {"address": after["guest_address"], "size": str(after["size"]),
                                 "epoch": str(before["epoch"]), "state": "attached"})
        self.agree()

    def fill(self, attachment):
        self.host_write(attachment["host_address"], DATA)
        return attachment

    def never(self, condition, what, seconds=0.3):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.assertFalse(condition(), what)
            time.sleep(0.01)


class Reasons(RebootTest):
    def test_those_that_return(self):
        before = self.fill(self.attach("alpha", 3 * PAGE, name="data"))
        for reason, state in RETURNING.items():
            with self.subTest(reason=reason):
                self.shutdown("alpha", reason)
                self.wait_state("waiting")
                self.assertEqual(self.guest("alpha")["state"], state)
                self.assertEqual([one["state"] for one in self.guest("alpha")["attachments"]],
                                 ["waiting"])
                self.agree()
                self.destroy()
                self.assertIsNone(self.guest("alpha"))
                self.assertEqual(self.states(), {("alpha", "waiting")})
                self.assertEqual(self.show("data")["state"], "ready")
                self.assertEqual(self.call("pool.map")["runs"][0]["state"], "used")
                self.agree()
                domid = self.come()
                self.wait_back()
                self.assertEqual(self.guest("alpha")["domid"], domid)
                self.check_back(before)

    def test_those_that_do_not(self):
        for reason, state in STAYING.items():
            with self.subTest(reason=reason):
                self.alloc("kept", 2 * PAGE)
                self.share("alpha", "kept")
                self.attach("alpha", name="data")
                self.shutdown("alpha", reason)
                self.idle()
                # As long as the domain is there, it has them.
                self.assertEqual(self.guest("alpha")["state"], state)
                self.assertEqual(self.states(), {("alpha", "attached")})
                self.agree()
                self.destroy()
                self.gone("data")
                self.assertEqual(self.show("kept")["attachments"], [])
                self.come()
                self.never(lambda: self.guest("alpha")["attachments"], "it got something back")
                self.agree()
                self.free("kept")

    def test_destroyed(self):
        self.attach("alpha", name="data")
        self.destroy()
        self.gone("data")

    def test_refused_meanwhile(self):
        self.attach("alpha", name="data")
        self.shutdown()
        self.wait_state("waiting")
        with self.refused_unchanged("GUEST_DYING", "'alpha'"):
            self.attach("alpha")
        self.destroy()
        with self.refused_unchanged("GUEST_UNKNOWN", "'alpha'"):
            self.attach("alpha")
        with self.refused_unchanged("SEGMENT_EXISTS"):
            self.attach("beta", name="data")
        with self.refused_unchanged("PAGES_HELD", "'alpha'", "while it reboots"):
            self.alloc("more", MIB)
        with self.refused_unchanged("SEGMENT_IN_USE", "'alpha'"):
            self.free("data")

    def test_often(self):
        before = self.fill(self.attach("alpha", name="data"))
        descriptors = self.daemon.descriptors()
        for _ in range(20):
            self.go()
            self.come()
            self.wait_back()
        self.check_back(before)
        self.assertEqual(self.daemon.descriptors(), descriptors)

    def test_several_segments_and_guests(self):
        attachments = [self.fill(self.attach("alpha", size * PAGE, name=f"own{size}"))
                       for size in (1, 70, 3)]
        attachments.append(self.attach("alpha", name="moved", address="0x3c000000"))
        self.fill(attachments[-1])
        self.alloc("data", 2 * PAGE)
        attachments.append(self.fill(self.share("alpha", "data")))
        self.share("beta", "data")
        self.go()
        self.wait_state("waiting")
        # The others are not touched.
        self.assertEqual(self.states(), {("alpha", "waiting"), ("beta", "attached")})
        self.guest_write("beta", self.address("beta"), DATA[::-1])
        with self.refused_unchanged("SEGMENT_IN_USE", "'alpha', 'beta'"):
            self.free("data")
        self.come()
        for one in attachments:
            self.wait_back(segment=one["segment"])
        self.assertEqual(self.guest_read("alpha", self.address("alpha"), len(DATA)), DATA[::-1])
        self.guest_write("beta", self.address("beta"), DATA)
        for one in attachments:
            self.check_back(one)

    def address(self, name):
        return next(one["guest_address"] for one in self.show("data")["attachments"]
                    if one["guest"]["name"] == name)

    def test_both_at_once(self):
        self.alloc("data", 2 * PAGE)
        before = {name: self.fill(self.share(name, "data")) for name in ("alpha", "beta")}
        for name in before:
            self.go(name)
        self.assertEqual(self.states(), {("alpha", "waiting"), ("beta", "waiting")})
        for name in before:
            self.come(name)
        for name in before:
            self.wait_back(name)
        for name in before:
            self.check_back(before[name], name)


class Detach(RebootTest):
    def setUp(self):
        super().setUp()
        self.attach("alpha", name="data")
        self.alloc("kept")
        self.host_write(self.show("kept")["host_address"], DATA)
        self.share("alpha", "kept")
        self.before = self.guest("alpha")

    def check_detached(self, **params):
        self.go()
        self.wait_state("waiting")
        taken = self.call("guest.detach", all=True, **params)["detached"]
        self.assertEqual(sorted((one["segment"], one["guest"]["name"]) for one in taken),
                         [("data", "alpha"), ("kept", "alpha")])
        self.assertEqual(self.names(), ["kept"])
        self.assertEqual(self.show("kept")["attachments"], [])
        self.assertEqual(self.host_read(self.show("kept")["host_address"], len(DATA)), DATA)
        self.come()
        self.never(lambda: self.guest("alpha")["attachments"], "it got something back")

    def test_by_name(self):
        self.check_detached(guest="alpha")

    def test_by_domid(self):
        self.check_detached(guest=self.before["domid"])

    def test_by_uuid(self):
        self.check_detached(guest=self.before["uuid"])

    def test_one_of_several(self):
        self.go()
        with self.refused_unchanged("INVALID_PARAMS", "several"):
            self.detach("alpha")
        with self.refused_unchanged("SEGMENT_UNKNOWN"):
            self.detach("alpha", segment="nope")
        self.assertEqual([one["segment"] for one in self.detach("alpha", segment="data")],
                         ["data"])
        self.assertEqual([one["segment"] for one in self.detach("alpha")], ["kept"])
        with self.refused_unchanged("GUEST_UNKNOWN"):
            self.detach("alpha")
        self.free("kept")

    def test_while_it_is_still_there(self):
        for reason in RETURNING:
            self.shutdown("alpha", reason)
            self.wait_state("waiting", segment="kept")
            self.detach("alpha", segment="kept")
            self.agree()
            self.destroy()
            self.come()
            self.wait_back()
            self.assertEqual(self.show("kept")["attachments"], [])
            self.share("alpha", "kept")

    def test_refused_with_nothing_changed(self):
        self.go()
        self.wait_state("waiting")
        for name in ("data", "kept"):
            with self.unchanged(), self.refused("STORE_FAILED"):
                self.call("sim.fail", operation="store_write")
                self.detach("alpha", segment=name)
        self.come()
        for name in ("data", "kept"):
            self.wait_back(segment=name)

    def test_it_cannot_be_told(self):
        """It has shut down, and reads nothing: that is no reason to refuse."""
        self.shutdown()
        self.wait_state("waiting")
        self.call("sim.fail", operation="publish")
        self.detach("alpha", segment="data")

    def test_while_another_one_is_there(self):
        """The next domain is being built: the attachments are still the old one's."""
        self.go()
        self.come(config=False)
        self.wait_state("waiting")
        self.assertEqual(len(self.call("guest.detach", guest=self.before["domid"],
                                       all=True)["detached"]), 2)
        self.call("sim.guest.configure", name="alpha")
        self.never(lambda: self.guest("alpha")["attachments"], "it got something back")


class Changed(RebootTest):
    """It returns, and is not as it was."""

    def lost(self, address, **changes):
        """What was at `address` is not restored, and the reason is logged."""
        self.alloc("kept", 2 * PAGE)
        self.fill(self.share("alpha", "kept", address=address))
        self.attach("alpha", name="data", address=hex(number(address) + 2 * PAGE))
        self.attach("alpha", name="aside")
        self.go()
        self.come(**changes)
        self.wait_back(segment="aside")
        self.gone("data")
        self.idle()
        self.assertEqual(self.show("kept")["attachments"], [])
        self.assertEqual(self.host_bytes(self.show("kept"))[:len(DATA)], DATA)
        errors = [line for line in self.daemon.log().splitlines() if "error" in line]
        for name in ("data", "kept"):
            self.assertEqual(sum(f"segment {name}:" in line and "alpha" in line
                                 and "not given back" in line for line in errors), 1, errors)
        self.assertEqual([one["segment"] for one in self.guest("alpha")["attachments"]],
                         ["aside"])
        self.assertEqual({key.partition("/")[0] for key in self.nodes("alpha")}, {"aside"})
        self.agree()

    def test_ram_is_there_now(self):
        self.lost("0x50000000", memory=128 * MIB, maxmem=512 * MIB)

    def test_iomem_is_there_now(self):
        self.lost("0x3b000000", iomem=[f"{POOLS_END // PAGE - 4:x},4@0x3b000"])

    def test_less_memory(self):
        before = self.fill(self.attach("alpha", name="data", address="0x3c000000"))
        self.go()
        self.come(memory=64 * MIB, maxmem=64 * MIB)
        self.wait_back()
        self.check_back(before)

    def test_another_name(self):
        before = self.fill(self.attach("alpha", name="data"))
        uuid = self.guest("alpha")["uuid"]
        self.go()
        self.come("omega", uuid=uuid)
        self.wait_back("omega")
        self.check_back(before, "omega")

    def test_another_uuid(self):
        """It is another guest, whatever it is called."""
        self.attach("alpha", name="data")
        self.go()
        self.come(uuid="00000000-0000-4000-8000-000000000001")
        self.never(lambda: self.guest("alpha")["attachments"], "it got something")
        self.assertEqual(self.states(), {("alpha", "waiting")})

    def test_the_same_domid(self):
        before = self.fill(self.attach("alpha", name="data"))
        domid = self.guest("alpha")["domid"]
        self.go()
        self.wait_state("waiting")
        self.come(domid=domid)
        self.wait_back()
        self.check_back(before)

    def test_its_domid_is_anothers(self):
        before = self.fill(self.attach("alpha", name="data"))
        domid = self.guest("alpha")["domid"]
        self.go()
        self.come("other", domid=domid)
        self.never(lambda: self.guest("other")["attachments"], "it got something")
        self.come()
        self.wait_back()
        self.check_back(before)
        self.assertEqual(self.domains()[domid]["mapped_pages"], 0)

    def test_renamed_while_it_runs(self):
        before = self.fill(self.attach("alpha", name="data"))
        uuid = self.guest("alpha")["uuid"]
        self.call("sim.guest.rename", name="alpha", to="omega")
        self.call("guest.list")
        self.go("omega")
        self.come("omega", uuid=uuid)
        self.wait_back("omega")
        self.check_back(before, "omega")

    def test_paused(self):
        """A toolstack builds it paused: it finds everything when it begins."""
        before = self.fill(self.attach("alpha", name="data"))
        self.call("sim.guest.pause", name="alpha")
        self.assertEqual(self.guest("alpha")["state"], "paused")
        self.assertEqual(self.states(), {("alpha", "attached")})
        self.go()
        self.come(config=False)
        self.call("sim.guest.pause", name="alpha")
        self.call("sim.guest.configure", name="alpha")
        self.wait_back()
        self.assertEqual(self.guest("alpha")["state"], "paused")
        self.check_back(before)
        self.call("sim.guest.pause", name="alpha", paused=False)
        self.assertEqual(self.guest("alpha")["state"], "running")

    def test_a_hidden_configuration(self):
        before = self.fill(self.attach("alpha", name="data"))
        self.go()
        self.come(config=False)
        self.never(lambda: self.guest("alpha")["attachments"], "it got something too early")
        self.assertEqual(self.states(), {("alpha", "waiting")})
        self.call("sim.guest.configure", name="alpha")
        self.wait_back()
        self.check_back(before)

    def test_built_in_vain(self):
        """The toolstack gives up a domain and makes another one."""
        before = self.fill(self.attach("alpha", name="data"))
        self.go()
        for _ in range(3):
            self.come(config=False)
            self.call("guest.list")
            self.destroy()
            self.assertEqual(self.states(), {("alpha", "waiting")})
        self.come()
        self.wait_back()
        self.check_back(before)


class Twins(RebootTest):
    """Several domains with one UUID."""

    def setUp(self):
        super().setUp()
        self.before = self.fill(self.attach("alpha", 3 * PAGE, name="data"))
        self.uuid = self.guest("alpha")["uuid"]

    def test_two_that_could_be_it(self):
        self.go()
        for name in ("one", "two"):
            self.come(name, uuid=self.uuid, config=False)
        for name in ("one", "two"):
            self.call("sim.guest.configure", name=name)
        self.never(lambda: self.states() != {("alpha", "waiting")}, "it is given to one of them")
        self.agree()
        self.destroy("one")
        self.wait_back("two")
        self.check_back(self.before, "two")

    def test_preserved(self):
        """A crashed domain is kept for a look at it, while the next one runs."""
        for reason in ("crash", "reboot", "watchdog"):
            with self.subTest(reason=reason):
                old = self.guest("alpha")["domid"]
                self.shutdown("alpha", reason)
                self.wait_state("waiting")
                self.call("sim.guest.rename", name="alpha", to="alpha-1")
                self.come()
                self.wait_back()
                self.check_back(self.before)
                self.assertEqual(self.domains()[old]["mapped_pages"], 0)
                self.assertEqual(self.domains()[old]["permitted_pages"], 0)
                self.assertEqual(self.nodes("alpha-1"), {})
                self.assertEqual(self.guest("alpha-1")["attachments"], [])
                self.destroy("alpha-1")
                self.idle()
                self.check_back(self.before)

    def test_preserved_and_it_cannot_be_left(self):
        """As long as the old one has the pages, the new one does not get them."""
        old = self.guest("alpha")["domid"]
        self.shutdown("alpha", "crash")
        self.wait_state("waiting")
        self.call("sim.guest.rename", name="alpha", to="alpha-1")
        for _ in range(40):
            self.call("sim.fail", operation="unmap")
        self.come()
        wait_until(lambda: "it is tried again" in self.daemon.log(), "it failed")
        self.assertEqual(self.states(), {("alpha", "waiting")})
        self.assertEqual(self.domains()[old]["mapped_pages"], 3)
        self.assertEqual(self.nodes("alpha"), {})
        self.call("sim.fail", operation="unmap", errno=0)
        self.wait_back()
        self.check_back(self.before)
        self.assertEqual(self.domains()[old]["mapped_pages"], 0)

    def test_two_that_run(self):
        """Two running ones are two guests: the second one takes nothing from the first."""
        self.come("twin", uuid=self.uuid)
        self.never(lambda: self.guest("twin")["attachments"], "it got something")
        self.assertEqual(self.states(), {("alpha", "attached")})
        self.attach("twin", name="more")
        self.check_back(self.before)

    def test_three_generations(self):
        """The second one crashes before it got anything, and stays as well."""
        self.shutdown("alpha", "crash")
        self.call("sim.guest.rename", name="alpha", to="alpha-1")
        self.come(config=False)
        self.shutdown("alpha", "crash")
        self.call("sim.guest.rename", name="alpha", to="alpha-2")
        self.come()
        self.wait_back()
        self.check_back(self.before)
        for name in ("alpha-1", "alpha-2"):
            self.destroy(name)
        self.idle()
        self.check_back(self.before)

    def test_every_crash_is_preserved(self):
        for index in range(4):
            self.shutdown("alpha", "crash")
            self.call("sim.guest.rename", name="alpha", to=f"alpha-{index}")
            self.come()
            self.wait_back()
            self.check_back(self.before)
        # A reboot among them, and the end: those that are preserved do not make it wait.
        self.go()
        self.wait_state("waiting")
        self.come()
        self.wait_back()
        self.check_back(self.before)
        self.shutdown("alpha", "poweroff")
        self.destroy()
        self.gone("data")

    def test_the_next_one_crashes_before_it_got_anything(self):
        self.go()
        self.come(config=False)
        self.shutdown("alpha", "crash")
        self.never(lambda: self.states() != {("alpha", "waiting")}, "it is not awaited")
        self.destroy()
        self.assertEqual(self.states(), {("alpha", "waiting")})
        self.come()
        self.wait_back()
        self.check_back(self.before)


class AttachAfter(RebootTest):
    """Requests to a guest that is back already, and has not yet got what it had."""

    def setUp(self):
        super().setUp()
        self.before = [self.fill(self.attach("alpha", PAGE, name=f"s{index}"))
                       for index in range(10)]
        self.go()
        self.wait_state("waiting", segment="s0")

    def all_back(self):
        for one in self.before:
            self.wait_back(segment=one["segment"])
        for one in self.before:
            self.check_back(one)

    def requests(self, *requests):
        """The domain comes, and these in one go with it."""
        begin = time.monotonic()
        messages = [{"jsonrpc": "2.0", "id": f"r{index}", "method": method, "params": params}
                    for index, (method, params) in enumerate(requests)]
        self.client.send_line(messages)
        replies = {reply["id"]: reply for reply in self.client.read()}
        # Far less than what it would wait at most.
        self.assertLess(time.monotonic() - begin, 4)
        return [replies[f"r{index}"] for index in range(len(requests))]

    def test_a_new_segment(self):
        replies = self.requests(("sim.guest.start", {"name": "alpha"}),
                                ("guest.attach", {"guest": "alpha", "size": PAGE}))
        self.assertEqual(replies[1]["result"]["state"], "attached")
        self.all_back()

    def test_what_is_taken_stays_taken(self):
        replies = self.requests(
            ("sim.guest.start", {"name": "alpha"}),
            ("guest.attach", {"guest": "alpha", "size": PAGE, "address": "0x3a000000"}),
            ("guest.attach", {"guest": "alpha", "segment": "s3"}),
            ("guest.attach", {"guest": "alpha", "size": PAGE, "name": "s4"}))
        self.assertEqual([reply["error"]["data"]["name"] for reply in replies[1:]],
                         ["ADDRESS_IN_USE", "ALREADY_ATTACHED", "SEGMENT_EXISTS"])
        self.all_back()

    def test_to_detach(self):
        replies = self.requests(("sim.guest.start", {"name": "alpha"}),
                                ("guest.attach", {"guest": "alpha", "size": PAGE}),
                                ("guest.detach", {"guest": "alpha", "segment": "s5"}))
        self.assertEqual(len(replies[2]["result"]["detached"]), 1)
        self.assertNotIn("s5", self.names())
        del self.before[5]
        self.all_back()

    def test_while_its_configuration_is_hidden(self):
        self.come(config=False)
        id_ = self.client.request("guest.attach", guest="alpha", size=PAGE)
        self.never(lambda: self.call("daemon.status")["counts"]["operations"] == 0, "answered",
                   0.1)
        self.call("sim.guest.configure", name="alpha")
        self.assertEqual(self.client.finish(id_)["state"], "attached")
        self.all_back()


class AgainAndAgain(RebootTest):
    """It dies again, or something fails, while it gets everything back."""
    pools = ("600M",)
    guests = ("alpha:128M", "beta:128M")
    config = "[pool shared_mem]\nguest-address = 0x100000000\n"

    def setUp(self):
        super().setUp()
        self.alloc("data", 512 * MIB)
        self.before = self.fill(self.share("alpha", "data"))

    def in_the_middle(self, count, *calls):
        """
        The guest comes back, and `count` requests later, while the daemon is giving it back what it
        had, `calls` come. Returns the segment as it was then. All of it is sent in one piece: the
        daemon gives requests and the work on its hands a few milliseconds in turn.
        """
        show = "segment.show", {"name": "data"}
        # The list: whatever comes of it, the new domain has been seen.
        ids = self.client.pipeline(("sim.guest.start", {"name": "alpha"}), ("guest.list", {}),
                                   *[show] * count, *calls)
        results = [self.client.finish(id_) for id_ in ids]
        return results[count + 1]

    def caught(self, segment):
        return segment["state"] == "mapping" and segment["attachments"][0]["state"] == "waiting"

    # How many requests take the daemon so long that it has begun and has not ended.
    COUNTS = (100, 200, 400, 50, 800, 25) * 12

    def test_reboots_again(self):
        destroy = "sim.guest.destroy", {"name": "alpha"}
        for reason in ("reboot", "crash"):
            shutdown = "sim.guest.shutdown", {"name": "alpha", "reason": reason}
            for count in self.COUNTS:
                self.go()
                # Seen before it is gone.
                segment = self.in_the_middle(count, shutdown, ("guest.list", {}), destroy)
                self.idle()
                wait_until(lambda: self.states() == {("alpha", "waiting")}, "it is waited for")
                self.assertEqual(self.show("data")["state"], "ready")
                self.come()
                self.wait_back()
                if self.caught(segment):
                    break
            self.assertTrue(self.caught(segment), "it was never caught in the middle")
        self.check_back(self.before)

    def test_dies_for_good(self):
        for count in self.COUNTS:
            self.go()
            segment = self.in_the_middle(count, ("sim.guest.destroy", {"name": "alpha"}))
            wait_until(lambda: not self.show("data")["attachments"], "nothing is attached")
            self.idle()
            self.agree()
            self.come()
            self.fill(self.share("alpha", "data"))
            if self.caught(segment):
                break
        self.assertTrue(self.caught(segment), "it was never caught in the middle")

    def test_progress_is_told(self):
        for count in self.COUNTS:
            self.go()
            segment = self.in_the_middle(count)
            self.wait_back()
            if self.caught(segment):
                break
        self.assertTrue(self.caught(segment), "it was never caught in the middle")
        self.assertEqual(segment["progress"]["step"], "mapping")
        self.check_back(self.before)


class Faults(RebootTest):
    def setUp(self):
        super().setUp()
        self.before = self.fill(self.attach("alpha", 130 * PAGE, name="data"))

    def test_each_step_fails_once(self):
        """It is tried again until it works."""
        for operation in ("permit", "map", "publish", "store_write", "probe"):
            with self.subTest(operation=operation):
                self.go()
                self.wait_state("waiting")
                self.call("sim.fail", operation=operation)
                self.come()
                self.wait_back()
                self.check_back(self.before)

    def test_the_store_fails_when_it_goes(self):
        self.call("sim.fail", operation="store_write")
        self.go()
        self.wait_state("waiting")
        self.come()
        self.wait_back()
        self.check_back(self.before)

    def test_killed_at_every_step(self):
        for after in range(1, 40):
            self.go()
            self.wait_state("waiting")
            self.call("sim.fail", operation="any", after=after, kill=True)
            self.client.request("sim.guest.start", name="alpha")
            try:
                while True:
                    self.client.request("guest.list")
                    if self.client.line() is None:
                        break
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.restart(signal.SIGKILL)
            with contextlib.suppress(Refused):
                self.come()
            self.wait_back()
            self.check_back(self.before)


class Restarts(RebootTest):
    """The daemon is restarted at each stage."""

    def setUp(self):
        super().setUp()
        self.before = self.fill(self.attach("alpha", 3 * PAGE, name="data"))
        self.alloc("kept")
        self.share("alpha", "kept")

    def stages(self, end):
        self.restart(end)
        self.shutdown()
        self.wait_state("waiting")
        self.restart(end)
        self.assertEqual(self.states(), {("alpha", "waiting")})
        self.agree()
        self.destroy()
        self.assertEqual(self.states(), {("alpha", "waiting")})
        self.restart(end)
        self.assertEqual(self.states(), {("alpha", "waiting")})
        self.agree()
        self.come(config=False)
        self.call("guest.list")
        self.restart(end)
        self.assertEqual(self.states(), {("alpha", "waiting")})
        self.call("sim.guest.configure", name="alpha")
        self.wait_back()
        self.wait_back(segment="kept")
        self.restart(end)
        self.check_back(self.before)

    def test_by_sigterm(self):
        self.stages(signal.SIGTERM)

    def test_by_sigkill(self):
        self.stages(signal.SIGKILL)

    def test_all_of_it_while_it_is_down(self):
        for end in (signal.SIGTERM, signal.SIGKILL):
            with self.while_down(end):
                self.go()
                self.come()
            self.wait_back()
            self.wait_back(segment="kept")
            self.check_back(self.before)

    def test_it_goes_while_it_is_down(self):
        with self.while_down():
            self.go()
        self.assertEqual(self.states(), {("alpha", "waiting")})
        self.come()
        self.wait_back()
        self.check_back(self.before)

    def test_it_comes_while_it_is_down(self):
        self.go()
        self.wait_state("waiting")
        with self.while_down():
            self.come()
        self.wait_back()
        self.check_back(self.before)

    def test_changed_while_it_is_down(self):
        self.detach("alpha", segment="kept")
        self.share("alpha", "kept", address="0x50000000")
        self.go()
        self.wait_state("waiting", segment="kept")
        with self.while_down():
            self.come(maxmem=512 * MIB)
        self.wait_back()
        wait_until(lambda: not self.show("kept")["attachments"], "it is given up")
        self.check_back(self.before)

    def test_preserved_while_it_is_down(self):
        old = self.guest("alpha")["domid"]
        with self.while_down():
            self.shutdown("alpha", "crash")
            self.call("sim.guest.rename", name="alpha", to="alpha-1")
            self.come()
        self.wait_back()
        self.check_back(self.before)
        self.assertEqual(self.domains()[old]["mapped_pages"], 0)


class Grace(RebootTest):
    config = "[daemon]\nrestart-grace = 1\n"

    def test_it_ends(self):
        self.attach("alpha", name="data")
        self.alloc("kept")
        self.host_write(self.show("kept")["host_address"], DATA)
        self.share("alpha", "kept")
        begin = time.monotonic()
        self.go()
        self.wait_state("waiting")
        self.gone("data")
        self.assertGreater(time.monotonic() - begin, 0.9)
        self.assertLess(time.monotonic() - begin, 30)  # the default is 60
        self.assertEqual(self.show("kept")["attachments"], [])
        self.assertEqual(self.host_read(self.show("kept")["host_address"], len(DATA)), DATA)
        self.come()
        self.never(lambda: self.guest("alpha")["attachments"], "it came too late")

    def test_it_begins_with_the_end_of_the_domain(self):
        """One that is preserved is there as long as it is there."""
        self.attach("alpha", name="data")
        self.shutdown()
        self.wait_state("waiting")
        self.never(lambda: self.states() != {("alpha", "waiting")}, "it ended", 1.5)
        self.destroy()
        self.assertEqual(self.states(), {("alpha", "waiting")})
        self.gone("data")

    def test_allocation_waits_for_it(self):
        self.attach("alpha", MIB, name="data")
        self.go()
        begin = time.monotonic()
        self.assertEqual(self.alloc("more", MIB)["size"], MIB)
        self.assertGreater(time.monotonic() - begin, 0.5)

    def test_foreign_pages(self):
        """What it has by its own iomem it will have again, without anybody being asked."""
        page = POOLS_END // PAGE - 1
        self.come("foreign", iomem=[f"{page:#x},1@0x3b000"])
        self.call("guest.list")
        for _ in range(2):
            self.go("foreign")
            run = self.call("pool.map")["runs"][-1]
            self.assertEqual((run["state"], run["guest"]), ("foreign", "foreign"))
            self.assertEqual(self.call("pool.list")["pools"][0]["free"], MIB - PAGE)
            self.come("foreign", iomem=[f"{page:#x},1@0x3b000"])
            self.call("guest.list")
            self.agree()
        self.go("foreign")
        wait_until(lambda: self.call("pool.list")["pools"][0]["free"] == MIB, "they are free")
        self.alloc("data", MIB)

    def test_foreign_pages_after_a_poweroff(self):
        page = POOLS_END // PAGE - 1
        for reason in (*STAYING, None):
            self.come("foreign", iomem=[f"{page:#x},1@0x3b000"])
            self.call("guest.list")
            if reason:
                self.shutdown("foreign", reason)
            self.assertEqual(self.call("pool.list")["pools"][0]["free"], MIB - PAGE)
            self.destroy("foreign")
            self.assertEqual(self.call("pool.list")["pools"][0]["free"], MIB)


class NoGrace(RebootTest):
    config = "[daemon]\nrestart-grace = 0\n"

    def test_nothing_is_awaited(self):
        for reason in RETURNING:
            with self.subTest(reason=reason):
                self.attach("alpha", name="data")
                self.go("alpha", reason)
                self.gone("data")
                self.come()
                self.never(lambda: self.guest("alpha")["attachments"], "it got something", 0.1)

    def test_after_a_restart(self):
        self.attach("alpha", name="data")
        with self.while_down():
            self.destroy()
        self.gone("data")
