# SPDX-License-Identifier: LGPL-2.1-or-later
"""Attaching and detaching: the shape of every result, names, addresses, sharing, what a guest sees
and what it must not see, the order of requests, and guests that die at any moment."""

import os
import re
import select
import time

from harness import KIB, MIB, PAGE, RAM, WINDOW, DaemonTest, number, wait_until, whole_pages

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
ADDRESS = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,15})\Z")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")


def one_of(*values):
    return lambda value: value in values


def size(value):
    return type(value) is int and value > 0 and value % PAGE == 0


def count(value):
    return type(value) is int and value >= 0


def amount(value):
    return count(value) and value % PAGE == 0


GUEST_NAMED = {"name": str, "domid": count, "uuid": UUID}
ATTACHMENT = {
    "segment": NAME, "pool": str, "guest": GUEST_NAMED, "guest_address": ADDRESS,
    "host_address": ADDRESS, "size": size, "epoch": count,
    "state": one_of("attaching", "attached", "waiting", "detaching", "quarantined"),
}
SEGMENT = {
    "name": NAME, "pool": str, "host_address": ADDRESS, "size": size, "kept": bool, "epoch": count,
    "owner_uid": count, "attachments": [ATTACHMENT],
}
POOL = {"name": str, "device": str, "host_address": ADDRESS, "size": size, "free": amount,
        "largest_free": amount}
RUN = {"pool": str, "host_address": ADDRESS, "size": size,
       "state": one_of("free", "used", "foreign", "quarantined"), "segment?": NAME, "guest?": str}
GUEST = {
    "name": str, "domid": count, "uuid": UUID, "state": str, "memory": count,
    "attachments": [ATTACHMENT],
    "foreign": [{"host_address": ADDRESS, "size": size, "guest_address": ADDRESS}],
}
STATUS = {
    "version": str, "uptime": float, "xen_version": str,
    "counts": {"pools": count, "segments": count, "attachments": count, "guests": count,
               "connections": count, "operations": count},
    "limits": {"line": count, "batch": count, "connections": count, "segments": count,
               "attachments_per_guest": count, "operations": count},
}


def fits(value, shape, where="result"):
    """None, or what is wrong. Further fields are allowed, wrong types are not."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{where} is no object"
        for key, inner in shape.items():
            key, optional = key.rstrip("?"), key.endswith("?")
            if key not in value:
                if not optional:
                    return f"{where}.{key} is missing"
                continue
            problem = fits(value[key], inner, f"{where}.{key}")
            if problem:
                return problem
        return None
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is no array"
        return next(filter(None, (fits(item, shape[0], f"{where}[{i}]")
                                  for i, item in enumerate(value))), None)
    if isinstance(shape, re.Pattern):
        right = isinstance(value, str) and shape.match(value)
    elif isinstance(shape, type):
        right = type(value) is shape
    else:
        right = shape(value)
    return None if right else f"{where} is {value!r}"


class AttachTest(DaemonTest):
    def assert_fits(self, value, shape):
        problem = fits(value, shape)
        self.assertIsNone(problem, f"{problem}: {value}")
        return value

    def detach(self, guest, **more):
        return self.call("guest.detach", guest=guest, **more)["detached"]

    def free(self, pool="shared_mem"):
        return next(one["free"] for one in self.call("pool.list")["pools"] if one["name"] == pool)


class Shapes(AttachTest):
    options = ("--guest", "alpha:256M", "beta", "--pool", "1M", "other=64K")

    def setUp(self):
        super().setUp()
        self.call("sim.guest.start", name="holder", iomem=["0x7ff80,2@0x3a800"])
        self.first = self.attach("alpha", 3 * PAGE, pool="shared_mem")
        self.share("beta", "alpha-0")
        self.attach("beta", pool="other")

    def test_attachment(self):
        self.assert_fits(self.first, ATTACHMENT)
        self.assertEqual(self.first, dict(self.first, segment="alpha-0", pool="shared_mem",
                                          size=3 * PAGE, state="attached"))
        guest = next(one for one in self.call("guest.list")["guests"] if one["name"] == "alpha")
        self.assertEqual(self.first["guest"],
                         {key: guest[key] for key in ("name", "domid", "uuid")})

    def test_detached(self):
        result = self.assert_fits(self.call("guest.detach", guest="alpha"),
                                  {"detached": [ATTACHMENT]})
        self.assertEqual(result["detached"], [dict(self.first, state="detaching")])

    def test_segment_list(self):
        result = self.assert_fits(self.call("segment.list"), {"segments": [SEGMENT]})
        self.assertEqual([one["name"] for one in result["segments"]], ["alpha-0", "beta-0"])
        shared = result["segments"][0]
        self.assertIs(shared["kept"], False)
        self.assertEqual(shared["owner_uid"], os.getuid())
        self.assertEqual(shared["attachments"][0], self.first)
        self.assertEqual(len(shared["attachments"]), 2)

    def test_segment_show(self):
        for segment in self.call("segment.list")["segments"]:
            shown = self.call("segment.show", name=segment["name"])
            self.assertEqual(self.assert_fits(shown, SEGMENT), segment)

    def test_pool_list(self):
        result = self.assert_fits(self.call("pool.list"), {"pools": [POOL]})
        self.assertEqual(
            [(one["name"], one["host_address"], one["size"], one["free"], one["largest_free"])
             for one in result["pools"]],
            [("other", "0x7fef0000", 64 * KIB, 60 * KIB, 60 * KIB),
             ("shared_mem", "0x7ff00000", MIB, MIB - 5 * PAGE, 0x80 * PAGE)])

    def test_pool_map(self):
        runs = self.assert_fits(self.call("pool.map"), {"runs": [RUN]})["runs"]
        self.assertEqual(
            [(one["host_address"], one["size"], one["state"], one.get("segment"), one.get("guest"))
             for one in runs],
            [("0x7fef0000", PAGE, "used", "beta-0", "beta"),
             ("0x7fef1000", 15 * PAGE, "free", None, None),
             ("0x7ff00000", 0x80 * PAGE, "free", None, None),
             ("0x7ff80000", 2 * PAGE, "foreign", None, "holder"),
             ("0x7ff82000", 3 * PAGE, "used", "alpha-0", None),
             ("0x7ff85000", 0x7b * PAGE, "free", None, None)])
        for pool in ("shared_mem", "other"):
            self.assertEqual(self.call("pool.map", pool=pool)["runs"],
                             [run for run in runs if run["pool"] == pool])

    def test_guest_list(self):
        guests = self.assert_fits(self.call("guest.list"), {"guests": [GUEST]})["guests"]
        by_name = {guest["name"]: guest for guest in guests}
        self.assertEqual(set(by_name), {"alpha", "beta", "holder"})
        self.assertEqual(by_name["alpha"]["memory"], 256 * MIB)
        self.assertEqual(by_name["beta"]["memory"], 128 * MIB)
        self.assertEqual({guest["state"] for guest in guests}, {"running"})
        self.assertEqual(by_name["alpha"]["attachments"], [self.first])
        self.assertEqual(by_name["alpha"]["foreign"], [])
        self.assertEqual(by_name["holder"]["foreign"],
                         [{"host_address": "0x7ff80000", "size": 2 * PAGE,
                           "guest_address": "0x3a800000"}])
        self.assertEqual(len({guest["uuid"] for guest in guests}), 3)

    def test_daemon_status(self):
        status = self.assert_fits(self.call("daemon.status"), STATUS)
        self.assertEqual(status["counts"],
                         dict(status["counts"], pools=2, segments=2, attachments=3, guests=3,
                              connections=1, operations=0))
        self.assertEqual(status["limits"], dict(status["limits"], line=256 * KIB, batch=100,
                                                batch_replies=MIB))
        later = self.call("daemon.status")["uptime"]
        self.assertTrue(0 <= status["uptime"] <= later < 60, (status, later))

    def test_agreement(self):
        self.agree()


class Names(AttachTest):
    def test_the_lowest_free_number(self):
        names = [self.attach("alpha")["segment"] for _ in range(4)]
        self.assertEqual(names, ["alpha-0", "alpha-1", "alpha-2", "alpha-3"])
        self.detach("alpha", segment="alpha-1")
        self.detach("alpha", segment="alpha-2")
        self.assertEqual(self.attach("alpha")["segment"], "alpha-1")
        self.assertEqual(self.attach("alpha")["segment"], "alpha-2")
        self.assertEqual(self.attach("alpha")["segment"], "alpha-4")
        self.agree()

    def test_names_that_others_took(self):
        self.attach("beta", name="alpha-0")
        self.assertEqual(self.attach("alpha")["segment"], "alpha-1")

    def test_numbers_of_each_guest(self):
        self.attach("alpha")
        self.assertEqual(self.attach("beta")["segment"], "beta-0")

    def test_given(self):
        for name in ("x", "X", "0", "a.b", "a-b_c.d", "con", "alpha", "a" * 63):
            self.assertEqual(self.attach("alpha", name=name)["segment"], name)
        self.assertEqual(len(self.agree()), 8)

    def test_guests_with_strange_names(self):
        for name, expected in (("we ird/n", "we_ird_n-0"), ("-dash", "gdash-0"),
                               ("..", "g.-0"), ("ü", "g_-0"), ("x" * 100, "x" * 52 + "-0")):
            with self.subTest(name=name):
                self.call("sim.guest.start", name=name)
                attachment = self.attach(name)
                self.assertEqual(attachment["segment"], expected)
                self.assertEqual(attachment["guest"]["name"], name)
                self.assertRegex(attachment["segment"], NAME)
        self.agree()

    def test_a_name_that_was_given_back(self):
        for _ in range(3):
            self.attach("alpha", name="x")
            self.detach("alpha", segment="x")
        self.assertEqual(self.agree(), {})


class Guests(AttachTest):
    def test_by_name_domid_and_uuid(self):
        self.call("sim.guest.start", name="delta", uuid="01234567-89ab-cdef-0123-456789abcdef")
        domid = self.domid("delta")
        for guest in ("delta", domid, str(domid), "01234567-89ab-cdef-0123-456789abcdef",
                      "01234567-89AB-CDEF-0123-456789ABCDEF"):
            with self.subTest(guest=guest):
                self.assertEqual(self.attach(guest, name="x")["guest"]["name"], "delta")
                self.assertEqual(self.detach(guest)[0]["segment"], "x")

    def test_not_by_parts_of_them(self):
        self.call("sim.guest.start", name="delta", uuid="01234567-89ab-cdef-0123-456789abcdef")
        domid = self.domid("delta")
        for guest in ("delt", "delta ", "Delta", f"0{domid}", f" {domid}", f"+{domid}",
                      hex(domid), "0123456789abcdef0123456789abcdef", "01234567"):
            with self.subTest(guest=guest), self.refused("GUEST_UNKNOWN"):
                self.attach(guest)
        self.assertEqual(self.agree(), {})

    def test_dom0_is_none(self):
        for guest in (0, "0", "Domain-0"):
            with self.subTest(guest=guest), self.refused("GUEST_UNKNOWN", "Dom0"):
                self.attach(guest)

    def test_one_that_starts_later(self):
        with self.refused("GUEST_UNKNOWN"):
            self.attach("late")
        self.call("sim.guest.start", name="late")
        self.assertEqual(self.attach("late")["segment"], "late-0")
        self.agree()

    def test_many(self):
        names = [f"g{i}" for i in range(100)]
        for name in names:
            self.client.request("sim.guest.start", name=name)
        for name in names:
            self.client.request("guest.attach", guest=name, size=PAGE)
        replies = [self.client.read() for _ in range(200)]
        self.assertFalse([reply for reply in replies if "error" in reply])
        self.assertEqual(set(self.agree()), {f"{name}-0" for name in names})


class Sizes(AttachTest):
    options = ("--guest", "alpha", "beta", "--pool", "1M")

    def test_rounded_up_to_pages(self):
        for wanted in (1, 8, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE - 1, 65 * PAGE + 1):
            with self.subTest(size=wanted):
                self.assertEqual(self.attach("alpha", wanted)["size"], whole_pages(wanted))
        self.agree()

    def test_the_whole_pool_and_no_more(self):
        with self.refused("POOL_FULL"):
            self.attach("alpha", MIB + 1)
        self.assertEqual(self.attach("alpha", MIB)["host_address"], "0x7ff00000")
        self.assertEqual(self.free(), 0)
        with self.refused("POOL_FULL"):
            self.attach("beta", 1)
        self.agree()
        self.detach("alpha")
        self.assertEqual(self.attach("beta", MIB - 1)["size"], MIB)
        self.agree()

    def test_best_fit_at_the_lowest_address(self):
        for index in range(8):
            self.attach("alpha", 32 * PAGE, name=f"s{index}")
        for index in (1, 4, 5):
            self.detach("alpha", segment=f"s{index}")
        # The hole of 32 pages fits better than that of 64.
        self.assertEqual(self.attach("beta", 32 * PAGE)["host_address"], "0x7ff20000")
        self.assertEqual(self.attach("beta", 16 * PAGE)["host_address"], "0x7ff80000")
        with self.refused("POOL_FULL", "48", "49"):
            self.attach("beta", 49 * PAGE)
        self.assertEqual(self.attach("beta", 48 * PAGE)["host_address"], "0x7ff90000")
        self.agree()

    def test_every_page_by_itself(self):
        """As many segments as there are pages, given back in another order."""
        for _ in range(256):
            self.client.request("guest.attach", guest="alpha", size=PAGE)
        names = {self.client.read()["result"]["segment"] for _ in range(256)}
        self.assertEqual(names, {f"alpha-{i}" for i in range(256)})
        self.assertEqual(self.free(), 0)
        self.agree()
        for index in list(range(0, 256, 2)) + list(range(255, 0, -2)):
            self.client.request("guest.detach", guest="alpha", segment=f"alpha-{index}")
        for _ in range(256):
            self.assertIn("result", self.client.read())
        self.assertEqual(self.agree(), {})
        self.assertEqual(self.free(), MIB)


class Pools(AttachTest):
    options = ("--guest", "alpha", "beta", "--pool", "64K", "low=32K", "lower=16K")

    def test_by_name(self):
        for name, host, guest in (("lower", "0x7ffe4000", "0x3a000000"),
                                  ("low", "0x7ffe8000", "0x3a200000"),
                                  ("shared_mem", "0x7fff0000", "0x3a400000")):
            attachment = self.attach("alpha", pool=name)
            self.assertEqual((attachment["pool"], attachment["host_address"],
                              attachment["guest_address"]), (name, host, guest))
        self.agree()

    def test_the_first_in_which_it_fits(self):
        self.assertEqual(self.attach("alpha", 16 * KIB)["pool"], "lower")
        self.assertEqual(self.attach("alpha", 4 * KIB)["pool"], "low")
        self.assertEqual(self.attach("alpha", 32 * KIB)["pool"], "shared_mem")
        self.assertEqual(self.attach("alpha", 28 * KIB)["pool"], "low")
        self.agree()

    def test_never_across_two(self):
        with self.refused("POOL_FULL", "shared_mem"):
            self.attach("alpha", 64 * KIB + 1)

    def test_full_while_others_have_room(self):
        self.attach("alpha", 16 * KIB, pool="lower")
        with self.refused("POOL_FULL", "lower"):
            self.attach("alpha", pool="lower")

    def test_names_that_do_not_exist(self):
        for name in ("", "Low", "low ", "lo", "lowe", "low" * 30, "shared_mem" + "x" * 60, "ü",
                     "*"):
            with self.subTest(name=name):
                with self.refused("POOL_UNKNOWN"):
                    self.attach("alpha", pool=name)
                with self.refused("POOL_UNKNOWN"):
                    self.call("pool.map", pool=name)
        self.assertEqual(self.agree(), {})


class LongPoolName(AttachTest):
    name = "p" * 63
    options = ("--guest", "alpha", "--pool", f"{name}=16K")

    def test_is_not_cut(self):
        self.assertEqual(self.attach("alpha", pool=self.name)["pool"], self.name)
        with self.refused("POOL_UNKNOWN"):
            self.attach("alpha", pool=self.name + "p")
        self.agree()


class Addresses(AttachTest):
    options = ("--guest", "alpha", "beta", "--pool", "64K")

    def test_default_is_the_place_of_the_pages(self):
        for name in ("alpha", "beta"):
            attachment = self.attach(name, 2 * PAGE)
            self.assertEqual(number(attachment["guest_address"]) - WINDOW,
                             number(attachment["host_address"]) - 0x7fff0000)
        self.share("alpha", "beta-0")
        self.assertEqual({one["guest_address"]
                          for one in self.call("segment.show", name="beta-0")["attachments"]},
                         {"0x3a002000"})
        self.agree()

    def test_explicit(self):
        for address in ("0x3bfff000", "0x22001000", "0x33000000", "0x48000000", "0x100000000",
                        "0x200000000", "0x04020000"):
            with self.subTest(address=address):
                attachment = self.attach("alpha", address=address)
                self.assertEqual(attachment["guest_address"], hex(int(address, 16)))
        self.assertEqual(len(self.agree()), 7)

    def test_explicit_for_a_shared_one(self):
        self.attach("alpha", 4 * PAGE, name="x")
        attachment = self.share("beta", "x", address="0x3b000000")
        self.assertEqual(attachment["guest_address"], "0x3b000000")
        self.agree()

    def test_identity(self):
        attachment = self.attach("alpha", 16 * PAGE, address="identity")
        self.assertEqual(attachment["guest_address"], "0x7fff0000")
        self.assertEqual(attachment["host_address"], "0x7fff0000")
        self.assertIn("0x7fff0000", attachment["warning"])
        self.guest_write("alpha", "0x7fff0000", b"classic")
        self.assertEqual(self.host_read("0x7fff0000", 7), b"classic")
        self.agree()

    def test_no_warning_without_reason(self):
        self.assertNotIn("warning", self.attach("alpha"))
        self.assertNotIn("warning", self.attach("alpha", address="0x3b000000"))

    def test_side_by_side(self):
        """Adjacent is not overlapping."""
        self.attach("alpha", 2 * PAGE, address="0x3b000000")
        self.attach("alpha", address="0x3b002000")
        self.attach("alpha", address="0x3afff000")
        self.agree()

    def test_free_again_after_detach(self):
        self.attach("alpha", address="0x3b000000", name="x")
        self.detach("alpha")
        self.attach("alpha", 2 * PAGE, address="0x3afff000")
        self.agree()

    def test_right_behind_the_memory(self):
        self.attach("alpha", address=hex(RAM + 128 * MIB))
        self.agree()


class ClassicPage(AttachTest):
    options = ("--guest", "guest1", "guest2", "--pool", "4K")

    def test_the_page_of_the_old_recipe(self):
        attachment = self.attach("guest1")
        self.assertEqual((attachment["segment"], attachment["guest_address"],
                          attachment["host_address"]), ("guest1-0", "0x3a000000", "0x7ffff000"))
        self.agree()

    def test_identity(self):
        self.assertEqual(self.attach("guest1", address="identity")["guest_address"], "0x7ffff000")
        self.assertEqual(self.share("guest2", "guest1-0", address="identity")["guest_address"],
                         "0x7ffff000")
        self.agree()


class Sharing(AttachTest):
    def test_data_goes_every_way(self):
        first = self.attach("alpha", 4 * PAGE, name="x")
        second = self.share("beta", "x", address="0x3b000000")
        third = self.share("gamma", "x", address="identity")
        end = 4 * PAGE - 8
        for attachment, text in ((first, b"of alpha"), (second, b"of beta."), (third, b"of gamma")):
            at = number(attachment["guest_address"])
            self.guest_write(attachment["guest"]["name"], at + end, text)
            for other in (first, second, third):
                self.assertEqual(self.guest_read(other["guest"]["name"],
                                                 number(other["guest_address"]) + end, 8), text)
            self.assertEqual(self.host_read(hex(number(first["host_address"]) + end), 8), text)
        self.host_write(first["host_address"], b"of Dom0.")
        for other in (first, second, third):
            self.assertEqual(self.guest_read(other["guest"]["name"], other["guest_address"], 8),
                             b"of Dom0.")
        self.agree()

    def test_keeps_its_bytes(self):
        attachment = self.attach("alpha", name="x")
        self.guest_write("alpha", attachment["guest_address"], b"kept")
        self.share("beta", "x")
        self.detach("alpha")
        self.share("gamma", "x")
        self.detach("beta")
        self.assertEqual(self.guest_read("gamma", "0x3a000000", 4), b"kept")
        self.assertEqual(self.share("alpha", "x")["epoch"], attachment["epoch"])
        self.assertEqual(self.guest_read("alpha", "0x3a000000", 4), b"kept")
        self.agree()

    def test_ends_with_the_last(self):
        self.attach("alpha", name="x")
        self.share("beta", "x")
        self.detach("alpha")
        self.assertEqual(set(self.agree()), {"x"})
        self.detach("beta")
        self.assertEqual(self.agree(), {})

    def test_a_guest_sees_only_its_own(self):
        self.attach("alpha", name="x")
        self.attach("beta", name="y")
        self.guest_write("alpha", "0x3a000000", b"secret")
        for address in ("0x3a000000", "0x3a002000", "0x7ff00000"):
            with self.subTest(address=address), self.refused("NOT_ATTACHED"):
                self.guest_read("beta", address, 1)
        self.assertEqual(self.guest_read("beta", "0x3a001000", 6), bytes(6))
        with self.refused("NOT_ATTACHED"):
            self.guest_read("beta", "0x3a001000", PAGE + 1)

    def test_many_guests(self):
        names = [f"g{i}" for i in range(50)]
        for name in names:
            self.call("sim.guest.start", name=name)
        self.attach("alpha", name="x")
        for name in names:
            self.share(name, "x")
        self.assertEqual(len(self.agree()["x"]["attachments"]), 51)
        run = next(run for run in self.call("pool.map")["runs"] if run["state"] == "used")
        self.assertNotIn("guest", run)
        for name in names:
            self.detach(name)
        self.assertEqual(len(self.agree()["x"]["attachments"]), 1)


class Detaching(AttachTest):
    def test_the_only_one(self):
        self.attach("alpha")
        self.assertEqual([one["segment"] for one in self.detach("alpha")], ["alpha-0"])
        self.assertEqual(self.agree(), {})
        with self.refused("NOT_ATTACHED"):
            self.detach("alpha")

    def test_the_named_one(self):
        for name in ("a", "b", "c"):
            self.attach("alpha", name=name)
        self.assertEqual([one["segment"] for one in self.detach("alpha", segment="b")], ["b"])
        self.assertEqual(set(self.agree()), {"a", "c"})

    def test_all(self):
        for name in ("a", "b", "c"):
            self.attach("alpha", name=name)
        self.attach("beta", name="d")
        self.share("beta", "a")
        self.assertEqual({one["segment"] for one in self.detach("alpha", all=True)},
                         {"a", "b", "c"})
        self.assertEqual(set(self.agree()), {"a", "d"})
        self.assertEqual(self.detach("alpha", all=True), [])

    def test_several_need_a_name(self):
        self.attach("alpha", name="a")
        self.attach("alpha", name="b")
        for more in ({}, {"all": False}):
            with self.refused_unchanged("INVALID_PARAMS", "several"):
                self.detach("alpha", **more)

    def test_another_guest_keeps_it(self):
        self.attach("alpha", name="a")
        self.share("beta", "a")
        self.detach("beta")
        self.assertEqual([one["guest"]["name"] for one in self.agree()["a"]["attachments"]],
                         ["alpha"])

    def test_the_guest_loses_it(self):
        self.attach("alpha")
        self.guest_write("alpha", "0x3a000000", b"x")
        self.detach("alpha")
        with self.refused("NOT_ATTACHED"):
            self.guest_read("alpha", "0x3a000000", 1)


class Wiping(AttachTest):
    options = ("--guest", "alpha", "beta", "--pool", "272K")
    whole = 272 * KIB

    def test_before_another_guest_sees_it(self):
        attachment = self.attach("alpha", self.whole)
        self.guest_write("alpha", attachment["guest_address"], b"\xa5" * self.whole)
        last = number(attachment["host_address"]) + self.whole - 1
        self.assertEqual(self.host_read(hex(last), 1), b"\xa5")
        self.detach("alpha")
        again = self.attach("beta", self.whole)
        self.assertEqual(again["host_address"], attachment["host_address"])
        self.assertEqual(self.guest_read("beta", again["guest_address"], self.whole),
                         bytes(self.whole))

    def test_before_the_same_guest_sees_it_again(self):
        for _ in range(3):
            attachment = self.attach("alpha", 5 * PAGE)
            self.assertEqual(self.guest_read("alpha", attachment["guest_address"], 5 * PAGE),
                             bytes(5 * PAGE))
            self.guest_write("alpha", attachment["guest_address"], b"\xff" * 5 * PAGE)
            self.detach("alpha")

    def test_of_pages_that_nobody_had(self):
        for offset in range(0, self.whole, 65536):
            length = min(65536, self.whole - offset)
            self.host_write(hex(0x80000000 - self.whole + offset), b"\x5a" * length)
        attachment = self.attach("alpha", self.whole - 1)
        self.assertEqual(self.guest_read("alpha", attachment["guest_address"], self.whole),
                         bytes(self.whole))

    def test_after_a_death(self):
        attachment = self.attach("alpha", self.whole)
        self.guest_write("alpha", attachment["guest_address"], b"\xa5" * self.whole)
        self.call("sim.guest.destroy", name="alpha")
        again = self.attach("beta", self.whole)
        self.assertEqual(self.guest_read("beta", again["guest_address"], self.whole),
                         bytes(self.whole))

    def test_only_its_own_pages(self):
        """Wiping one segment leaves its neighbours alone."""
        for name in ("a", "b", "c"):
            attachment = self.attach("alpha", 3 * PAGE, name=name)
            self.guest_write("alpha", attachment["guest_address"], b"\x77" * 3 * PAGE)
        self.detach("alpha", segment="b")
        self.assertEqual(self.attach("beta", 3 * PAGE)["guest_address"], "0x3a003000")
        for address in ("0x3a000000", "0x3a006000"):
            self.assertEqual(self.guest_read("alpha", address, 3 * PAGE), b"\x77" * 3 * PAGE)


class Epochs(AttachTest):
    def test_grow_with_every_life(self):
        last = 0
        for guest in ("alpha", "beta", "alpha", "gamma"):
            for _ in range(5):
                epoch = self.attach(guest, name="x")["epoch"]
                self.assertGreater(epoch, last)
                last = epoch
                self.assertEqual(self.nodes(guest)["x/epoch"], str(epoch))
                self.detach(guest)

    def test_differ_between_segments(self):
        epochs = [self.attach("alpha")["epoch"] for _ in range(20)]
        self.assertEqual(epochs, sorted(set(epochs)))


class Xenstore(AttachTest):
    def test_nodes_appear_and_vanish(self):
        self.assertEqual(self.nodes("alpha"), {})
        attachment = self.attach("alpha", 3 * PAGE, name="x")
        self.assertEqual(self.nodes("alpha"), {
            "x/address": "0x3a000000", "x/size": "12288", "x/epoch": str(attachment["epoch"]),
            "x/state": "attached"})
        self.assertEqual(self.nodes("beta"), {})
        self.share("beta", "x", address="0x3b000000")
        self.assertEqual(self.nodes("beta")["x/address"], "0x3b000000")
        self.detach("alpha")
        self.assertEqual(self.nodes("alpha"), {})
        self.assertEqual(self.nodes("beta")["x/state"], "attached")

    def test_names_that_begin_alike(self):
        for name in ("x", "x1", "x.y", "xx"):
            self.attach("alpha", name=name)
        self.detach("alpha", segment="x")
        self.assertEqual({path.split("/")[0] for path in self.nodes("alpha")}, {"x1", "x.y", "xx"})
        self.agree()


class Deaths(AttachTest):
    def test_frees_what_it_had(self):
        for _ in range(3):
            self.attach("alpha", 5 * PAGE)
        self.attach("beta", name="b")
        self.share("alpha", "b")
        self.call("sim.guest.destroy", name="alpha")
        self.gone("alpha-0", "alpha-1", "alpha-2")
        wait_until(lambda: len(self.call("segment.show", name="b")["attachments"]) == 1,
                   "only beta is left")
        self.assertEqual(set(self.agree()), {"b"})
        self.assertEqual(self.free(), MIB - PAGE)

    def test_of_all_that_share(self):
        self.attach("alpha", name="x")
        self.share("beta", "x")
        self.share("gamma", "x")
        for name in ("gamma", "alpha", "beta"):
            self.call("sim.guest.destroy", name=name)
        self.gone("x")
        self.assertEqual(self.agree(), {})

    def test_its_pages_are_worth_waiting_for(self):
        """The pool is full of what a guest had that died a moment ago."""
        self.attach("alpha", MIB)
        self.client.send_line([
            {"jsonrpc": "2.0", "id": 1, "method": "sim.guest.destroy", "params": {"name": "alpha"}},
            {"jsonrpc": "2.0", "id": 2, "method": "guest.attach",
             "params": {"guest": "beta", "size": MIB}}])
        by_id = {reply["id"]: reply for reply in self.client.read()}
        self.assertEqual(by_id[2].get("result", by_id[2])["segment"], "beta-0")
        self.assertEqual(set(self.agree()), {"beta-0"})

    def test_another_guest_of_that_domid(self):
        """The new one has nothing of the old one, not even for a moment."""
        self.attach("alpha", name="x")
        domid = self.domid("alpha")
        self.client.send_line([
            {"jsonrpc": "2.0", "id": 1, "method": "sim.guest.destroy", "params": {"name": "alpha"}},
            {"jsonrpc": "2.0", "id": 2, "method": "sim.guest.start",
             "params": {"name": "omega", "domid": domid}},
            {"jsonrpc": "2.0", "id": 3, "method": "guest.list"},
            {"jsonrpc": "2.0", "id": 4, "method": "guest.detach", "params": {"guest": "omega"}}])
        by_id = {reply["id"]: reply for reply in self.client.read()}
        omega = [one for one in by_id[3]["result"]["guests"] if one["name"] == "omega"]
        self.assertEqual([(one["domid"], one["attachments"]) for one in omega], [(domid, [])])
        self.assertEqual(by_id[4]["error"]["data"]["name"], "NOT_ATTACHED")
        self.gone("x")
        self.assertEqual(self.agree(), {})
        self.attach("omega", name="x")
        self.agree()

    def test_the_same_guest_again(self):
        """Killed, not rebooted: it starts with nothing."""
        self.attach("alpha", name="x")
        self.call("sim.guest.destroy", name="alpha")
        self.gone("x")
        self.call("sim.guest.start", name="alpha")
        self.assertEqual(self.agree(), {})
        self.assertEqual(self.attach("alpha")["segment"], "alpha-0")
        self.agree()

    def test_shut_down_is_not_dead(self):
        self.attach("alpha", name="x")
        self.call("sim.guest.shutdown", name="alpha", reason="poweroff")
        time.sleep(0.1)
        self.assertEqual(set(self.agree()), {"x"})
        state = next(guest["state"] for guest in self.call("guest.list")["guests"]
                     if guest["name"] == "alpha")
        self.assertEqual(state, "shutdown")
        self.assertEqual(self.guest_read("alpha", "0x3a000000", 1), b"\0")
        self.detach("alpha")
        self.assertEqual(self.agree(), {})

    def test_without_attachments(self):
        self.call("sim.guest.destroy", name="alpha")
        with self.refused("GUEST_UNKNOWN"):
            self.attach("alpha")
        self.agree()

    def test_hundreds(self):
        """Guests come, take and go, as fast as can be."""
        for i in range(300):
            self.client.request("sim.guest.start", name=f"g{i}")
            self.client.request("guest.attach", guest=f"g{i}", size=PAGE)
            self.client.request("sim.guest.destroy", name=f"g{i}")
        replies = [self.client.read() for _ in range(900)]
        refused = {reply["error"]["data"]["name"] for reply in replies if "error" in reply}
        # An attach that comes too late finds its guest dead.
        self.assertLessEqual(refused, {"GUEST_DYING", "GUEST_UNKNOWN"})
        wait_until(lambda: not self.call("segment.list")["segments"], "all is given back")
        self.assertEqual(self.agree(), {})
        self.assertEqual(self.free(), MIB)


class Foreign(AttachTest):
    def test_pages_of_others_are_never_given_out(self):
        self.call("sim.guest.start", name="holder", iomem=["0x7ff00,10@0x3a000", "0x7fff0,10"])
        wait_until(lambda: self.free() == MIB - 32 * PAGE, "they are known to be held")
        self.assertEqual(self.attach("alpha")["host_address"], "0x7ff10000")
        self.assertEqual(self.attach("beta", MIB - 33 * PAGE)["host_address"], "0x7ff11000")
        with self.refused("PAGES_HELD", "holder"):
            self.attach("gamma")
        self.agree()
        self.call("sim.guest.destroy", name="holder")
        self.assertEqual(self.attach("gamma")["host_address"], "0x7ff00000")
        self.agree()

    def test_a_holder_that_comes_and_goes(self):
        for _ in range(20):
            self.call("sim.guest.start", name="holder", iomem=["0x7ff00,80@0x3a000"])
            self.assertEqual(self.attach("alpha", name="x")["host_address"], "0x7ff80000")
            self.call("sim.guest.destroy", name="holder")
            self.detach("alpha")
        self.assertEqual(self.agree(), {})

    def test_a_holder_of_pages_that_are_ours(self):
        """Somebody starts a guest on pages that are attached elsewhere: they stay the segment's."""
        self.attach("alpha", 4 * PAGE, name="x")
        self.call("sim.guest.start", name="thief", iomem=["0x7ff02,4@0x3a000"])
        self.agree()
        self.detach("alpha")
        # The thief still has them.
        self.agree()
        self.assertEqual(self.attach("beta", 2 * PAGE)["host_address"], "0x7ff00000")
        self.assertEqual(self.attach("beta", PAGE)["host_address"], "0x7ff06000")
        self.agree()
        self.call("sim.guest.destroy", name="thief")
        self.assertEqual(self.attach("beta", 4 * PAGE)["host_address"], "0x7ff02000")
        self.agree()


class Large(AttachTest):
    options = ("--guest", "alpha", "beta", "gamma", "--pool", "600M")
    size = 64 * MIB

    def request_attach(self, client, guest="alpha", size=None, **more):
        return client.request("guest.attach", guest=guest, size=size or self.size, **more)

    def begun(self, name):
        """Waits until the operation that makes this segment is under way."""
        wait_until(lambda: name in (one["name"] for one in self.call("segment.list")["segments"]),
                   f"{name} is there")

    def test_is_whole(self):
        attachment = self.attach("alpha", self.size)
        self.assertEqual(attachment["size"], self.size)
        last = number(attachment["guest_address"]) + self.size - 8
        self.guest_write("alpha", last, b"the last")
        with self.refused("NOT_ATTACHED"):
            self.guest_read("alpha", last, 9)
        self.detach("alpha")
        again = self.attach("beta", self.size)
        self.assertEqual(self.guest_read("beta", number(again["guest_address"]) + self.size - 8, 8),
                         bytes(8))
        self.agree()

    def test_others_are_answered_meanwhile(self):
        slow = self.connect(self.daemon)
        id_ = self.request_attach(slow, size=512 * MIB)
        # On the same connection, too.
        status = slow.request("daemon.status")
        self.assertEqual(slow.read()["id"], status)
        answered = 0
        self.assertEqual(self.call("daemon.status")["counts"]["operations"], 1)
        while not select.select([slow.socket], [], [], 0)[0]:
            self.call("daemon.status")
            answered += 1
        self.assertEqual(slow.finish(id_)["size"], 512 * MIB)
        self.assertGreater(answered, 50)

    def test_a_small_one_overtakes_it(self):
        slow = self.connect(self.daemon)
        id_ = self.request_attach(slow)
        self.begun("alpha-0")
        self.attach("beta")
        self.detach("beta")
        self.assertFalse(select.select([slow.socket], [], [], 0)[0])
        slow.finish(id_)

    def test_is_seen_as_attaching(self):
        slow = self.connect(self.daemon)
        id_ = self.request_attach(slow)
        self.begun("alpha-0")
        segment = self.call("segment.show", name="alpha-0")
        self.assertEqual([one["state"] for one in segment["attachments"]], ["attaching"])
        self.assertEqual(self.nodes("alpha"), {})
        slow.finish(id_)
        self.agree()

    def test_of_one_guest_run_in_order(self):
        ids = [self.request_attach(self.client, name="x"),
               self.client.request("guest.attach", guest="alpha", size=PAGE, name="y"),
               self.client.request("guest.detach", guest="alpha", segment="x"),
               self.client.request("guest.attach", guest="alpha", size=2 * PAGE, name="x"),
               self.client.request("guest.detach", guest="alpha", all=True)]
        replies = [self.client.read() for _ in ids]
        self.assertEqual([reply["id"] for reply in replies], ids)
        self.assertFalse([reply for reply in replies if "error" in reply])
        self.assertEqual({one["segment"] for one in replies[4]["result"]["detached"]}, {"x", "y"})
        self.assertEqual(self.agree(), {})

    def test_of_one_segment_run_in_order(self):
        ids = [self.request_attach(self.client, name="x"),
               self.client.request("guest.attach", guest="beta", segment="x"),
               self.client.request("guest.attach", guest="gamma", size=PAGE, name="x"),
               self.client.request("guest.detach", guest="alpha", segment="x")]
        by_id = {}
        for _ in ids:
            reply = self.client.read()
            by_id[reply["id"]] = reply
        self.assertEqual(by_id[ids[1]]["result"]["size"], self.size)
        self.assertEqual(by_id[ids[2]]["error"]["data"]["name"], "SEGMENT_EXISTS")
        self.assertEqual([one["guest"]["name"] for one in self.agree()["x"]["attachments"]],
                         ["beta"])

    def test_order_holds_between_connections(self):
        slow = self.connect(self.daemon)
        id_ = self.request_attach(slow, name="x")
        self.begun("x")
        other = self.connect(self.daemon)
        detached = other.call("guest.detach", guest="alpha", segment="x")["detached"]
        self.assertEqual(detached[0]["size"], self.size)
        self.assertTrue(select.select([slow.socket], [], [], 0)[0], "the first is answered first")
        slow.finish(id_)
        self.assertEqual(self.agree(), {})

    def test_hanging_up_cancels_nothing(self):
        gone = self.connect(self.daemon)
        self.request_attach(gone)
        self.begun("alpha-0")
        gone.close()
        self.assertEqual(self.agree()["alpha-0"]["size"], self.size)
        gone = self.connect(self.daemon)
        gone.request("guest.detach", guest="alpha")
        gone.close()
        self.gone("alpha-0")
        self.agree()

    def test_death_under_way(self):
        slow = self.connect(self.daemon)
        id_ = self.request_attach(slow)
        self.begun("alpha-0")
        self.call("sim.guest.destroy", name="alpha")
        with self.refused("GUEST_DYING"):
            slow.finish(id_)
        self.assertEqual(self.agree(), {})
        self.assertEqual(self.free(), 600 * MIB)

    def test_death_with_requests_waiting(self):
        slow = self.connect(self.daemon)
        self.attach("alpha", name="first")
        id_ = self.request_attach(slow, name="x")
        self.begun("x")
        waiting = [slow.request("guest.attach", guest="alpha", size=PAGE),
                   slow.request("guest.attach", guest="alpha", segment="x"),
                   slow.request("guest.detach", guest="alpha", segment="x"),
                   slow.request("guest.detach", guest="alpha", all=True)]
        shared = slow.request("guest.attach", guest="beta", segment="x")
        slow.call("daemon.status")  # they have arrived
        self.call("sim.guest.destroy", name="alpha")
        with self.refused("GUEST_DYING"):
            slow.finish(id_)
        names = []
        for one in waiting + [shared]:
            reply = slow.reply(one)
            names.append(reply["error"]["data"]["name"] if "error" in reply else "done")
        self.assertEqual(names[:2], ["GUEST_DYING"] * 2)
        self.assertIn(names[2], ("SEGMENT_UNKNOWN", "NOT_ATTACHED"))
        self.assertIn(names[3], ("done", "NOT_ATTACHED"))
        self.assertEqual(names[4], "SEGMENT_UNKNOWN")
        self.gone("first", "x")
        self.assertEqual(self.agree(), {})

    def test_death_while_it_is_shared(self):
        """The first owner dies while the second waits for it: the pages live on with the second."""
        self.attach("alpha", self.size, name="x")
        slow = self.connect(self.daemon)
        ids = [slow.request("guest.attach", guest="beta", segment="x"),
               slow.request("guest.attach", guest="gamma", segment="x")]
        slow.call("daemon.status")
        self.call("sim.guest.destroy", name="alpha")
        self.assertEqual([slow.finish(id_)["size"] for id_ in ids], [self.size] * 2)
        wait_until(lambda: len(self.call("segment.show", name="x")["attachments"]) == 2,
                   "alpha is gone")
        self.agree()

    def test_two_side_by_side(self):
        clients = [self.connect(self.daemon) for _ in range(2)]
        ids = [self.request_attach(client, guest)
               for client, guest in zip(clients, ("alpha", "beta"))]
        for client, id_ in zip(clients, ids):
            self.assertEqual(client.finish(id_)["size"], self.size)
        self.agree()

    def test_detached_while_others_are_answered(self):
        self.attach("alpha", 256 * MIB)
        slow = self.connect(self.daemon)
        ids = [slow.request("guest.detach", guest="alpha"), slow.request("daemon.status")]
        self.assertEqual({slow.read()["id"] for _ in ids}, set(ids))
        self.assertEqual(self.agree(), {})
