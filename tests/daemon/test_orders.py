# SPDX-License-Identifier: LGPL-2.1-or-later
"""Standing orders: the sections [segment NAME] of the configuration keep segments allocated and
attach them to guests whenever those appear."""

import signal
import time
import unittest

from world import PAGE, PATIENCE, Refused, World

UUID = "11111111-2222-4333-8444-555555555555"


class OrderCase(unittest.TestCase):
    grace = 1
    config = ""
    options = ("--pool", "1M")

    def setUp(self):
        self.world = World(*self.options, grace=self.grace)
        self.addCleanup(self.world.close)
        self.configure(self.config)
        self.world.start()

    def configure(self, text):
        self.world.config.write_text(f"[daemon]\nrestart-grace = {self.grace}\n{text}")

    def reload(self, text):
        before = self.world.text_log().count("reload: ")
        self.configure(text)
        self.world.process.send_signal(signal.SIGHUP)
        self.until(lambda: self.world.text_log().count("reload: ") > before, "it is reloaded")

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), end, f"{what}\n{self.world.last_log()}")
            time.sleep(0.005)

    def segment(self, name="data"):
        return next((s for s in self.world.list() if s["name"] == name), None)

    def holders(self, name="data"):
        """{guest: its attachment} of those that are attached."""
        segment = self.segment(name) or {"attachments": []}
        return {a["guest"]["name"]: a for a in segment["attachments"] if a["state"] == "attached"}

    def attached(self, *guests, name="data"):
        """In the end just these guests have it."""
        self.until(lambda: set(self.holders(name)) == set(guests), f"{guests} have {name}")
        self.world.idle()
        self.world.check()
        return self.holders(name)

    def settled(self):
        """Some looks later."""
        self.world.poke()
        time.sleep(0.05)
        self.world.poke()

    def problem(self, name="data"):
        orders = self.world.call("daemon.status")["orders"]
        return next(order["problem"] for order in orders if order["segment"] == name)


class Keeping(OrderCase):
    config = "[segment data]\nsize = 5000\nalign = 64K\n"

    def test_is_there_without_guests(self):
        self.until(self.segment, "it is allocated")
        segment = self.segment()
        self.assertEqual((segment["size"], segment["kept"], segment["attachments"]),
                         (2 * PAGE, True, []))
        self.assertEqual(int(segment["host_address"], 16) % 65536, 0)
        self.assertEqual(self.world.call("daemon.status")["orders"],
                         [{"segment": "data", "guests": [], "problem": None}])

    def test_is_the_same_after_a_restart(self):
        self.until(self.segment, "it is allocated")
        before = self.segment()
        self.world.kill()
        self.world.start()
        self.settled()
        self.assertEqual(self.segment(), before)

    def test_cannot_be_freed(self):
        self.until(self.segment, "it is allocated")
        with self.assertRaises(Refused) as caught:
            self.world.call("segment.free", name="data")
        self.assertEqual(caught.exception.name, "SEGMENT_IN_USE")
        self.assertIn("configuration", caught.exception.message)
        self.reload("")
        self.world.call("segment.free", name="data")
        self.world.check_empty()


class Attaching(OrderCase):
    config = "[segment data]\nsize = 16K\nguests = alpha, beta, " + UUID + "\naddress = 0x3b000000\n"
    options = ("--pool", "1M", "--guest", "alpha", "other")

    def test_who_is_there_and_who_comes(self):
        self.attached("alpha")
        self.world.guest("beta")
        holders = self.attached("alpha", "beta")
        self.assertEqual({a["guest_address"] for a in holders.values()}, {"0x3b000000"})
        self.world.guest("nobody", uuid=UUID)
        self.attached("alpha", "beta", "nobody")

    def test_waits_for_the_configuration(self):
        self.attached("alpha")
        self.world.guest("beta", config=False)
        self.settled()
        self.assertEqual(set(self.holders()), {"alpha"})
        self.world.call("sim.guest.configure", name="beta")
        self.attached("alpha", "beta")

    def test_not_one_that_has_shut_down(self):
        self.attached("alpha")
        self.world.batch(("sim.guest.start", {"name": "beta"}),
                         ("sim.guest.shutdown", {"name": "beta", "reason": "poweroff"}))
        self.settled()
        self.assertEqual(set(self.holders()), {"alpha"})

    def test_dies_and_appears_anew(self):
        self.attached("alpha")
        data = self.segment()
        self.world.call("sim.host.write", address=data["host_address"], data="c0ffee")
        self.world.call("sim.guest.destroy", name="alpha")
        self.attached()
        self.world.guest("alpha")
        self.attached("alpha")
        self.assertEqual(self.segment()["epoch"], data["epoch"])
        read = self.world.call("sim.guest.read", name="alpha", address="0x3b000000", length=3)
        self.assertEqual(read["data"], "c0ffee")

    def test_reboots(self):
        self.attached("alpha")
        self.world.call("sim.guest.shutdown", name="alpha", reason="reboot")
        self.world.call("sim.guest.destroy", name="alpha")
        self.world.guest("alpha")
        self.attached("alpha")
        self.assertEqual(len(self.segment()["attachments"]), 1)

    def test_after_the_grace(self):
        self.attached("alpha")
        self.world.call("sim.guest.shutdown", name="alpha", reason="crash")
        self.world.call("sim.guest.destroy", name="alpha")
        self.until(lambda: not self.segment()["attachments"], "the grace is over")
        self.world.guest("alpha")
        self.attached("alpha")

    def test_appears_while_the_daemon_is_away(self):
        self.attached("alpha")
        self.world.stop()
        self.configure("")
        self.world.start()
        self.world.guest("beta")
        self.world.kill()
        self.configure(self.config)
        self.world.start()
        self.attached("alpha", "beta")

    def test_what_is_detached_by_hand_stays_so(self):
        self.attached("alpha")
        self.world.detach("alpha", "data")
        self.settled()
        self.reload(self.config)
        self.settled()
        self.attached()
        self.world.call("sim.guest.destroy", name="alpha")
        self.world.guest("alpha")
        self.attached("alpha")

    def test_by_hand_first(self):
        """Somebody attaches it before the order can: that is as well."""
        self.attached("alpha")
        self.world.batch(("sim.guest.start", {"name": "beta"}),
                         ("guest.attach", {"guest": "beta", "segment": "data"}))
        self.attached("alpha", "beta")
        self.settled()
        self.assertIsNone(self.problem())


class Reloading(OrderCase):
    config = "[segment data]\nsize = 16K\nguests = alpha\n"
    options = ("--pool", "1M", "--guest", "alpha", "beta")

    def test_one_more_guest(self):
        self.attached("alpha")
        self.reload("[segment data]\nsize = 16K\nguests = alpha, beta\n")
        self.attached("alpha", "beta")

    def test_nothing_is_taken_away(self):
        self.attached("alpha")
        before = self.segment()
        self.reload("[segment data]\nsize = 16K\nguests = beta\n")
        self.attached("alpha", "beta")
        self.reload("[segment more]\nsize = 4K\n")
        self.until(lambda: self.segment("more"), "it is allocated")
        self.attached("alpha", "beta")
        self.assertEqual(self.segment()["epoch"], before["epoch"])

    def test_a_bad_file_changes_nothing(self):
        self.attached("alpha")
        for text in ("[segment data]\nsize = 16K\nguests = alpha, beta\nno key\n",
                     "[segment data]\nguests = alpha, beta\n",
                     "[segment data]\nsize = 16K\nguests = beta\naddress = here\n",
                     "[segment da/ta]\nsize = 16K\nguests = beta\n"):
            self.reload(text)
            self.assertIn("the old configuration stays in force", self.world.text_log())
            self.settled()
            self.attached("alpha")
        self.world.guest("gamma")
        self.assertEqual(self.world.attach("gamma", PAGE)["state"], "attached")

    def test_another_size(self):
        """What is there cannot grow: it stays, and the order says what stands in its way."""
        self.attached("alpha")
        self.reload("[segment data]\nsize = 32K\nguests = alpha, beta\n")
        self.until(lambda: self.problem(), "the problem is told")
        self.assertIn("16384 bytes, not 32768", self.problem())
        self.attached("alpha")
        self.world.detach("alpha", "data")
        self.reload("")
        self.world.call("segment.free", name="data")
        self.reload("[segment data]\nsize = 32K\nguests = alpha, beta\n")
        self.attached("alpha", "beta")
        self.assertIsNone(self.problem())

    def test_reload_in_the_middle(self):
        """Orders are replaced while their operations are under way."""
        self.attached("alpha")
        for n in range(60):
            self.configure("" if n % 2 else
                           f"[segment s{n}]\nsize = 64K\nguests = alpha, beta\n" + self.config)
            self.world.process.send_signal(signal.SIGHUP)
            if n % 3:
                self.world.call("daemon.status")
        self.reload(self.config)
        self.world.idle()
        self.attached("alpha")


class Problems(OrderCase):
    config = "[segment data]\nsize = 16K\nguests = alpha\n"
    options = ("--pool", "64K", "--guest", "alpha", "beta")

    def events_of_failure(self):
        return self.world.text_log().count("standing order [segment data]")

    def test_told_once(self):
        self.attached("alpha")
        self.reload("[segment data]\nsize = 16K\nguests = alpha, beta\naddress = 0x40000000\n")
        self.until(lambda: self.problem(), "the problem is told")
        self.assertIn("'beta'", self.problem())
        for _ in range(5):
            self.world.poke()
        self.assertEqual(self.events_of_failure(), 1)
        # It ends with the guest that it is about.
        self.world.call("sim.guest.destroy", name="beta")
        self.until(lambda: not self.problem(), "it is over")

    def test_unknown_pool(self):
        self.attached("alpha")
        self.reload("[segment new]\nsize = 4K\npool = nowhere\n")
        self.until(lambda: self.problem("new"), "the problem is told")
        self.assertEqual(self.problem("new"), "no pool is called 'nowhere'")

    def test_no_room_until_there_is(self):
        self.attached("alpha")
        self.world.attach("beta", 48 << 10, name="big")
        self.reload(self.config + "[segment new]\nsize = 4K\n")
        self.until(lambda: self.problem("new"), "the problem is told")
        self.assertIn("0 free pages", self.problem("new"))
        self.world.detach("beta", "big")
        self.world.poke()
        self.until(lambda: self.segment("new"), "it is allocated")
        self.assertIsNone(self.problem("new"))

    def test_a_name_that_is_taken(self):
        self.attached("alpha")
        self.world.attach("beta", PAGE, name="new")
        self.reload(self.config + "[segment new]\nsize = 4K\n")
        self.until(lambda: self.problem("new"), "the problem is told")
        self.assertIn("not a kept one", self.problem("new"))
        self.world.detach("beta", "new")
        self.world.poke()
        self.until(lambda: (self.segment("new") or {}).get("kept"), "it is allocated")

    def test_failures_are_tried_again(self):
        self.attached("alpha")
        for operation in ("permit", "map", "publish", "store_write", "probe"):
            self.world.call("sim.guest.destroy", name="alpha")
            self.attached()
            self.world.fail(operation, 1)
            self.world.guest("alpha")
            self.until(lambda: self.problem(), operation)
            self.world.poke()
            self.attached("alpha")
            self.assertIsNone(self.problem())


if __name__ == "__main__":
    unittest.main()
