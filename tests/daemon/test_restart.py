# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon that starts again finds everything as it was, or what became of it meanwhile. What
happens while it is down is done by a second daemon on the same world, with a store of its own."""

import shutil
import time
import unittest

from world import PAGE, PATIENCE, Gone, Refused, World, pages

POOL = 256 * PAGE
START = 0x7ff00  # the first page of a pool of that size
UUID = "00000000-0000-4000-8000-00000000000{}"
DATA = bytes(range(64))


class RestartCase(unittest.TestCase):
    options = ("--pool", str(POOL))

    def setUp(self):
        self.world = World(*self.options, "--guest", "alpha", "beta", "gamma").start()
        self.addCleanup(self.world.close)

    def populate(self):
        """One guest with two segments, one of them shared; one at an address of its own."""
        self.world.attach("alpha", 3 * PAGE, name="own")
        shared = self.world.attach("alpha", 70 * PAGE, name="shared")
        self.world.attach("beta", segment="shared", address="0x3b000000")
        self.world.attach("beta", PAGE, name="moved", address="0x3c000000")
        self.world.write("alpha", shared, DATA)
        return self.world.check()

    def meanwhile(self, *calls):
        """The daemon is down, and the world goes on."""
        ours, self.world.state = self.world.state, self.world.folder / "elsewhere"
        try:
            self.world.start()
            results = self.world.batch(*calls)
            self.world.stop()
        finally:
            shutil.rmtree(self.world.state)
            self.world.state = ours
        return results

    def refused(self, error, method, **params):
        with self.assertRaises(Refused) as caught:
            self.world.call(method, **params)
        self.assertEqual(caught.exception.name, error, caught.exception)
        return caught.exception

    def back(self, *options):
        """Starts again and lets everything settle."""
        self.world.start(*options)
        self.world.idle()
        return self.world.check()

    def names(self):
        return {(a["segment"], a["guest"]["name"]): a for segment in self.world.list()
                for a in segment["attachments"]}


class TheSame(RestartCase):
    def all_of_it(self, end):
        before = self.populate()
        for _ in range(5):
            end()
            self.assertEqual(self.back(), before)
        self.assertEqual(self.world.read("beta", dict(before["segments"][2]["attachments"][1])),
                         DATA * (70 * PAGE // len(DATA)))

    def test_after_sigkill(self):
        self.all_of_it(self.world.kill)

    def test_after_sigterm(self):
        self.all_of_it(self.world.stop)

    def test_on_an_empty_store(self):
        self.world.restart()
        self.world.check_empty()

    def test_work_goes_on(self):
        """Names, addresses and pages that are taken stay taken."""
        self.populate()
        self.world.kill()
        self.back()
        self.refused("SEGMENT_EXISTS", "guest.attach", guest="gamma", size=PAGE, name="own")
        self.refused("ALREADY_ATTACHED", "guest.attach", guest="alpha", segment="shared")
        self.refused("ADDRESS_IN_USE", "guest.attach", guest="beta", size=PAGE,
                     address="0x3c000000")
        self.assertEqual(self.world.attach("gamma", segment="shared")["epoch"],
                         self.names()["shared", "alpha"]["epoch"])
        self.world.detach("beta", "moved")
        self.world.check()
        self.world.detach_everything()
        self.world.check_empty()

    def test_epochs_grow(self):
        """A new life of the same pages is a later epoch, also when the daemon is new."""
        last = 0
        for end in (self.world.kill, self.world.stop, self.world.kill):
            epoch = self.world.attach("alpha", PAGE)["epoch"]
            self.assertGreater(epoch, last)
            last = epoch
            self.world.detach("alpha")
            end()
            self.world.start()

    def test_default_names_are_not_used_twice(self):
        self.world.attach("alpha", PAGE)
        self.world.kill()
        self.world.start()
        self.assertEqual(self.world.attach("alpha", PAGE)["segment"], "alpha-1")
        self.world.check()

    def test_only_one_daemon(self):
        """A second daemon on the same store gives nothing away."""
        other = World()
        self.addCleanup(other.close)
        other.state = self.world.state
        other.start("--socket", str(other.folder / "sock"), wait=False)
        self.assertEqual(other.process.wait(20), 1)
        other.process = None
        self.assertIn("state directory", other.text_log())
        self.world.attach("alpha", PAGE)
        self.world.check()

    def test_first_look_fails(self):
        """The list of domains cannot be had at the start: nothing is lost, nothing forgotten."""
        before = self.populate()
        self.world.kill()
        self.world.start("--fail", "list")
        self.refused("ALREADY_ATTACHED", "guest.attach", guest="alpha", segment="shared")
        self.refused("ADDRESS_IN_USE", "guest.attach", guest="alpha", size=PAGE,
                     address="0x3a000000")
        self.assertEqual(self.world.check(), before)
        self.world.detach("alpha", "own")
        self.world.detach("beta", all=True)
        self.world.check()

    def test_no_look_succeeds(self):
        """As long as the list cannot be had, nothing is taken for dead."""
        before = self.populate()
        self.world.kill()
        self.world.start("--fail", *(f"list:{n}" for n in range(1, 15)))
        self.assertEqual(len(self.names()), 4)
        self.refused("HYPERVISOR_FAILED", "guest.attach", guest="alpha", size=PAGE)
        self.refused("HYPERVISOR_FAILED", "guest.detach", guest="alpha", all=True)
        self.world.forgive()
        self.assertEqual(self.world.check(), before)

    def test_names_and_configs_fail(self):
        before = self.populate()
        for fault in ("name", "config"):
            self.world.kill()
            self.world.start("--fail", *(f"{fault}:{n}" for n in range(1, 4)))
            self.world.forgive()
            self.world.poke()
            self.assertEqual(self.world.check(), before)


class Guests(RestartCase):
    """What became of the guests."""

    def domid(self, name):
        return next(g["domid"] for g in self.world.call("guest.list")["guests"]
                    if g["name"] == name)

    def test_one_died(self):
        self.populate()
        self.world.kill()
        self.meanwhile(("sim.guest.destroy", {"name": "beta"}))
        self.back()
        self.assertEqual(set(self.names()), {("own", "alpha"), ("shared", "alpha")})
        self.world.attach("gamma", POOL - 73 * PAGE)
        self.world.check()

    def test_all_died(self):
        self.populate()
        self.world.stop()
        self.meanwhile(*(("sim.guest.destroy", {"name": name}) for name in
                         ("alpha", "beta", "gamma")))
        self.back()
        self.world.check_empty()

    def replaced(self, **params):
        """beta is gone, and a domain that is like it in some way is there."""
        self.populate()
        old = self.domid("beta")
        uuid = next(g["uuid"] for g in self.world.call("guest.list")["guests"]
                    if g["name"] == "beta")
        self.world.kill()
        new = {"name": "beta", "domid": old, "uuid": uuid}
        new.update(params)
        if new["domid"] is None:
            del new["domid"]
        self.meanwhile(("sim.guest.destroy", {"name": "beta"}), ("sim.guest.start", new))
        snapshot = self.back()
        self.assertEqual(set(self.names()), {("own", "alpha"), ("shared", "alpha")})
        fresh = next(g for g in snapshot["guests"] if g["name"] == new["name"])
        self.assertEqual(fresh["attachments"], [])
        self.assertEqual(snapshot["nodes"][fresh["domid"]], {})
        return snapshot, fresh["domid"]

    def test_same_name(self):
        self.replaced(domid=None, uuid=UUID.format(1))

    def test_same_name_and_domid(self):
        self.replaced(uuid=UUID.format(2))

    def test_same_domid(self):
        self.replaced(name="delta", uuid=UUID.format(3))

    def back_again(self, name):
        """beta was made anew as that guest: it has again what it had, at the same addresses."""
        self.populate()
        before = self.names()
        uuid = next(g["uuid"] for g in self.world.call("guest.list")["guests"]
                    if g["name"] == "beta")
        self.world.kill()
        self.meanwhile(("sim.guest.destroy", {"name": "beta"}),
                       ("sim.guest.start", {"name": name, "uuid": uuid}))
        self.back()
        after = self.names()
        self.assertEqual(set(after), {(segment, name if guest == "beta" else guest)
                                      for segment, guest in before})
        for (segment, guest), attachment in before.items():
            now = after[segment, name if guest == "beta" else guest]
            for key in ("guest_address", "host_address", "size", "epoch", "state"):
                self.assertEqual(now[key], attachment[key])

    def test_same_name_and_uuid(self):
        self.back_again("beta")

    def test_same_uuid(self):
        self.back_again("delta")

    def test_same_domid_has_the_pages_itself(self):
        """The new domain got the very pages that the dead one had, at the same place."""
        snapshot, domid = self.replaced(
            name="delta", uuid=UUID.format(4), iomem=[f"{START:x},4@3c000"])
        self.assertEqual(len(snapshot["mapped"][domid]), 4)
        self.assertEqual(len(snapshot["permitted"][domid]), 4)

    def test_renamed(self):
        """Another name is still the same guest: domid and UUID tell."""
        self.populate()
        old = next(g for g in self.world.call("guest.list")["guests"] if g["name"] == "beta")
        self.world.kill()
        # In the simulator a domain is renamed by patching its slot in the world.
        text = self.world.world.read_bytes()
        self.assertEqual(text.count(b"beta\0"), 1)
        at = text.index(b"beta\0")
        with open(self.world.world, "r+b") as file:
            file.seek(at)
            file.write(b"zeta\0")
        self.world.start()
        self.world.idle()
        attachment = self.world.attach("zeta", PAGE)
        self.assertEqual(attachment["guest"]["domid"], old["domid"])
        self.assertEqual(len(self.world.detach("zeta", all=True)["detached"]), 3)
        self.world.check()

    def test_shut_down_but_there(self):
        """A domain that has shut down keeps its mappings until it is destroyed."""
        self.populate()
        self.world.kill()
        self.meanwhile(("sim.guest.shutdown", {"name": "beta", "reason": "poweroff"}))
        snapshot = self.back()
        self.assertEqual(len(snapshot["mapped"][self.domid("beta")]), 71)
        self.refused("GUEST_DYING", "guest.attach", guest="beta", size=PAGE)
        self.world.call("sim.guest.destroy", name="beta")
        self.world.poke()
        self.world.check()
        self.assertEqual(set(self.names()), {("own", "alpha"), ("shared", "alpha")})


class Foreign(RestartCase):
    """Holders that came while nobody looked."""

    def test_appeared_on_free_pages(self):
        self.populate()
        self.world.kill()
        self.meanwhile(("sim.guest.start", {
            "name": "holder", "iomem": [f"{START + 200:x},10@{START + 200:x}"]}))
        self.back()
        runs = [run for run in self.world.call("pool.map")["runs"] if run["state"] == "foreign"]
        self.assertEqual([(run["size"], run["guest"]) for run in runs], [(16 * PAGE, "holder")])
        while self.world.call("pool.list")["pools"][0]["largest_free"]:
            largest = self.world.call("pool.list")["pools"][0]["largest_free"]
            taken = pages(self.world.attach("gamma", largest))
            self.assertFalse(set(taken) & set(range(START + 200, START + 216)))
        self.world.check()

    def test_appeared_on_pages_of_a_segment(self):
        """Both have them now: the segment stays, and its pages are not given out after it."""
        self.populate()
        own = self.names()["own", "alpha"]
        first = pages(own)[0]
        self.world.kill()
        self.meanwhile(("sim.guest.start", {"name": "holder",
                                            "iomem": [f"{first:x},2@{first:x}"]}))
        self.back()
        self.world.detach("alpha", "own")
        snapshot = self.world.check()
        runs = [run for run in snapshot["runs"] if run["state"] == "foreign"]
        self.assertEqual([(pages(run)[0], run["size"]) for run in runs], [(first, 2 * PAGE)])
        self.world.call("sim.guest.destroy", name="holder")
        self.world.poke()
        self.world.detach_everything()
        self.world.check_empty()

    def test_appeared_without_a_config(self):
        self.populate()
        self.world.kill()
        self.meanwhile(("sim.guest.start", {
            "name": "holder", "config": False, "iomem": [f"{START + 200:x},10@{START + 200:x}"]}))
        config = self.world.folder / "conf"
        config.write_text("[daemon]\nholder-wait = 0\n")
        self.world.start("--config", str(config))
        refusal = self.refused("HOLDER_UNKNOWN", "guest.attach", guest="gamma", size=PAGE)
        self.assertIn("holder", refusal.message)
        self.world.attach("gamma", segment="own")
        self.world.detach("gamma")
        self.world.call("sim.guest.configure", name="holder")
        self.world.attach("gamma", 16 * PAGE)
        self.world.check()


class Stop(RestartCase):
    """SIGTERM: nobody waits for what has not reached the hypervisor; the rest ends well."""

    options = ("--pool", "64M")

    def under_way(self, count):
        end = time.monotonic() + PATIENCE
        while self.world.call("daemon.status")["counts"]["operations"] < count:
            self.assertLess(time.monotonic(), end)

    def test_what_waits_is_refused(self):
        """One waits for an unknown holder, the next one for that one."""
        self.world.guest("holder", config=False)
        clients = [self.world.connect() for _ in range(3)]
        for client in clients:
            client.send(client.request("guest.attach", {"guest": "alpha", "size": PAGE}))
        self.under_way(3)
        start = time.monotonic()
        self.world.stop()
        self.assertLess(time.monotonic() - start, 4.9)  # what is waited for has 5 s
        for client in clients:
            self.assertEqual(client.reply(1)["error"]["data"]["name"], "BUSY")
            self.assertTrue(client.at_end())
            client.close()
        self.world.start()
        self.world.call("sim.guest.configure", name="holder")
        self.world.check_empty()

    def cancelled(self, method, **params):
        """Its pages are still being wiped: it is given up, and leaves nothing."""
        client = self.world.connect()
        client.send(client.request(method, params))
        self.under_way(1)
        self.world.stop()
        self.assertEqual(client.reply(1)["error"]["data"]["name"], "BUSY")
        self.assertTrue(client.at_end())
        client.close()
        self.world.start()
        self.world.check_empty()

    def test_wiping_is_cancelled(self):
        self.cancelled("guest.attach", guest="alpha", size=48 << 20)

    def test_allocating_is_cancelled(self):
        self.cancelled("segment.alloc", name="big", size=48 << 20)

    def test_what_has_begun_ends_well(self):
        client = self.world.connect()
        attachment = self.world.attach("alpha", 60 << 20, name="big")
        client.send(client.request("guest.detach", {"guest": "alpha"}))
        self.world.stop()
        attachment["state"] = "detaching"
        self.assertEqual(client.reply(1)["result"], {"detached": [attachment]})
        self.assertTrue(client.at_end())
        client.close()
        self.world.start()
        self.world.check_empty()


class Pools(RestartCase):
    """The host came back with other pools: another world, with the same store."""

    options = ("--pool", "first=1M", "second=64K")

    def exchange(self, *pools):
        """Another world with these pools and guests of the same domids and UUIDs."""
        self.world.attach("alpha", 16 * PAGE, name="up", pool="second")
        self.world.attach("beta", 16 * PAGE, name="down", pool="first")
        self.world.kill()
        files = self.world.store()
        self.world.world.unlink()
        self.world.start("--guest", "alpha", "beta", "gamma", *(
            ("--pool",) + pools if pools else ()))
        self.world.idle()
        return files

    def held(self, file, text):
        """The daemon says which file it is, and gives nothing out."""
        self.assertIn(f"segments/{file}", self.world.text_log())
        self.assertIn(text, self.world.text_log())
        self.assertEqual(self.world.call("daemon.status")["counts"]["bad_store_files"], 1)
        refusal = self.refused("PAGES_HELD", "guest.attach", guest="gamma", size=PAGE)
        self.assertIn(file, refusal.message)

    def still_there(self):
        """What is in the other pool is served as before."""
        self.assertEqual(set(self.names()), {("down", "beta")})
        self.refused("PAGES_HELD", "guest.attach", guest="gamma", segment="down")
        self.world.detach("beta", "down")
        self.assertEqual(set(self.names()), set())

    def test_vanished(self):
        files = self.exchange("first=1M")
        self.held("up.json", "there is no pool 'second' now")
        self.assertEqual(self.world.store()["up.json"], files["up.json"])
        self.still_there()

    def test_shrunk(self):
        files = self.exchange("first=1M", "second=16K")
        self.held("up.json", "its pages are not all in pool 'second'")
        self.assertEqual(self.world.store()["up.json"], files["up.json"])
        self.still_there()

    def test_all_vanished(self):
        self.exchange("other=1M")
        self.assertEqual(self.world.call("daemon.status")["counts"]["bad_store_files"], 2)
        self.refused("PAGES_HELD", "guest.attach", guest="gamma", size=PAGE)
        self.assertEqual(set(self.world.store()), {"up.json", "down.json"})

    def test_the_same_again(self):
        """Xen starts anew: the guests have no mappings, but what the store says is still taken."""
        self.exchange("first=1M", "second=64K")
        self.assertEqual({segment["name"] for segment in self.world.list()}, {"up", "down"})

    def test_other_pools_for_the_same_world(self):
        self.world.stop()
        with self.assertRaises(Gone):
            self.world.start("--pool", "second=64K")
        self.assertIn("it has other pools", self.world.text_log())
        self.assertEqual(self.world.process.wait(), 1)
        self.world.process = None


if __name__ == "__main__":
    unittest.main()
