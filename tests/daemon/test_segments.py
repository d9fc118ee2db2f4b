# SPDX-License-Identifier: LGPL-2.1-or-later
"""Segments that are kept: made and freed by request, attached or not, with their bytes; large ones
that take a while; and the pages of a segment that a guest has by its own iomem."""

import contextlib
import grp
import json
import os
import signal
import unittest

from harness import (KIB, MIB, PAGE, PARSE_ERROR, POOLS_END, SECRET, Client,
                     DaemonTest, Refused, SegmentMixin, WorldTest, number, wait_until, whole_pages)

NOBODY = 65534


class SegmentTest(SegmentMixin, DaemonTest):
    pass


class Alloc(SegmentTest):
    def test_what_it_is(self):
        segment = self.alloc("data", 3 * PAGE)
        self.assertEqual(segment, {
            "name": "data", "pool": "shared_mem", "host_address": segment["host_address"],
            "size": 3 * PAGE, "kept": True, "epoch": segment["epoch"], "owner_uid": os.getuid(),
            "attachments": [], "state": "ready"})
        self.assertEqual(self.show("data"), segment)
        self.assertEqual(self.call("segment.list"), {"segments": [segment]})
        self.assertEqual([run for run in self.call("pool.map")["runs"] if run["state"] != "free"],
                         [{"pool": "shared_mem", "host_address": segment["host_address"],
                           "size": 3 * PAGE, "state": "used", "segment": "data"}])
        self.assertEqual(self.free("data"), segment)
        self.assertEqual(self.call("segment.list"), {"segments": []})
        self.assertEqual(self.daemon.store(), {})

    def test_no_guest_is_needed(self):
        for guest in ("alpha", "beta", "gamma"):
            self.call("sim.guest.destroy", name=guest)
        self.alloc("data")
        self.assertEqual(self.names(), ["data"])

    def test_valid_names(self):
        names = ["0", "a", "Z", "a.b", "a-b", "a_b", "a" * 63, "9._-", "alpha-0", "A", "data.json"]
        for name in names:
            self.assertEqual(self.alloc(name)["name"], name)
        self.assertEqual(sorted(self.names()), sorted(names))
        # The default name is the lowest that is free.
        self.assertEqual(self.attach("alpha")["segment"], "alpha-1")
        self.agree()
        for name in names:
            self.free(name)

    def test_invalid_names(self):
        for name in ("", ".", "..", ".a", "-a", "_a", "a" * 64, "a/b", "../a", "a b", "\u00e4",
                     "a\n", "a\u0001", None, 1, [], {}, True):
            for method, more in (("segment.alloc", {"size": PAGE}), ("segment.free", {})):
                with self.subTest(name=name, method=method), \
                        self.refused_unchanged("INVALID_PARAMS", "name"):
                    self.call(method, name=name, **more)

    def test_params(self):
        for params in ({}, {"name": "a"}, {"size": PAGE}, {"name": "a", "size": PAGE, "x": 1},
                       {"name": "a", "size": PAGE, "guest": "alpha"},
                       {"name": "a", "size": PAGE, "kept": True}):
            with self.subTest(params=params), self.refused_unchanged("INVALID_PARAMS"):
                self.call("segment.alloc", **params)
        for params in ({}, {"name": "a", "all": True}, {"segment": "a"}):
            with self.subTest(params=params), self.refused_unchanged("INVALID_PARAMS"):
                self.call("segment.free", **params)

    def test_names_in_use(self):
        self.alloc("kept")
        self.attach("alpha", name="attached")
        for name in ("kept", "attached"):
            with self.refused_unchanged("SEGMENT_EXISTS", f"'{name}'"):
                self.alloc(name)
            with self.refused_unchanged("SEGMENT_EXISTS", f"'{name}'"):
                self.attach("beta", name=name)
        self.free("kept")
        self.alloc("kept")

    def test_sizes(self):
        for size in (1, PAGE - 1, PAGE, PAGE + 1, 10 * PAGE - 1, 64 * KIB):
            with self.subTest(size=size):
                self.assertEqual(self.alloc("data", size)["size"], whole_pages(size))
                self.agree()
                self.free("data")

    def test_the_whole_pool(self):
        segment = self.alloc("data", MIB)
        self.assertEqual(number(segment["host_address"]), POOLS_END - MIB)
        for size in (1, MIB):
            with self.refused_unchanged("POOL_FULL", "0 free pages", " wanted"):
                self.alloc("more", size)
        with self.refused_unchanged("POOL_FULL"):
            self.attach("alpha")
        self.free("data")
        self.alloc("more", MIB)

    def test_too_large(self):
        for size in (MIB + 1, 1 << 40, 2 ** 62, 2 ** 63 - 1):
            with self.subTest(size=size), \
                    self.refused_unchanged("POOL_FULL", "256 free", f"{-(-size // PAGE)} wanted"):
                self.alloc("data", size)

    def test_sizes_that_are_none(self):
        for size in (0, -1, -PAGE, 1.5, 4096.0, "4096", "4K", None, True, [PAGE]):
            with self.subTest(size=size), self.refused_unchanged("INVALID_PARAMS", "size"):
                self.alloc("data", size)
        for size in (2 ** 63, 2 ** 64, -2 ** 63 - 1, 10 ** 30):
            with self.subTest(size=size):
                reply = self.raw(b'{"jsonrpc":"2.0","id":1,"method":"segment.alloc",'
                                 b'"params":{"name":"data","size":%d}}' % size)
                self.assertEqual(reply["error"]["code"], PARSE_ERROR)
        self.assertEqual(self.names(), [])

    def test_owner(self):
        self.assertEqual(self.alloc("data")["owner_uid"], os.getuid())


class Align(SegmentTest):
    def test_powers_of_two(self):
        align = PAGE
        while align <= MIB:
            with self.subTest(align=align):
                self.alloc("odd")
                # The odd page lies at the beginning, where the coarsest alignment is.
                if align == MIB:
                    self.free("odd")
                segment = self.alloc("data", 2 * PAGE, align=align)
                self.assertEqual(number(segment["host_address"]) % align, 0)
                self.agree()
                for name in self.names():
                    self.free(name)
            align *= 2

    def test_many_in_a_row(self):
        for index in range(8):
            segment = self.alloc(f"s{index}", PAGE, align=64 * KIB)
            self.assertEqual(number(segment["host_address"]) % (64 * KIB), 0)
        # What lies between is free for others.
        self.assertEqual(self.alloc("between", 60 * KIB)["size"], 60 * KIB)

    def test_values_that_are_none(self):
        for align in (1, 2, 3, 512, 2048, PAGE - 1, PAGE + 1, 3 * PAGE, 2 ** 62 + PAGE,
                      2 ** 63 - 1):
            with self.subTest(align=align), \
                    self.refused_unchanged("INVALID_PARAMS", "power of two", "4096"):
                self.alloc("data", align=align)
        for align in (0, -1, -PAGE, 1.5, "4096", "64K", None, False, []):
            with self.subTest(align=align), self.refused_unchanged("INVALID_PARAMS", "align"):
                self.alloc("data", align=align)

    def test_larger_than_the_pool(self):
        """The pool has its last MiB before 2 GiB: no multiple of 2 MiB is in it."""
        for align in (2 * MIB, 1 << 32, 2 ** 62):
            with self.subTest(align=align), \
                    self.refused_unchanged("POOL_FULL", "256 free pages in a row", "not 2 from",
                                           f"a multiple of {align:#x} on"):
                self.alloc("data", 2 * PAGE, align=align)

    def test_a_run_is_large_enough_but_not_aligned(self):
        self.alloc("first", align=MIB)
        with self.refused_unchanged("POOL_FULL", "255 free pages in a row",
                                    "not 1 from a multiple of 0x100000 on"):
            self.alloc("data", align=MIB)
        self.free("first")
        self.assertEqual(number(self.alloc("data", align=MIB)["host_address"]), POOLS_END - MIB)


class Pools(SegmentTest):
    options = ("--guest", "alpha", "--pool", "64K", "other=1M")

    def test_the_one_asked_for(self):
        for pool in ("other", "shared_mem"):
            self.assertEqual(self.alloc(f"in-{pool}", pool=pool)["pool"], pool)

    def test_unknown(self):
        for pool in ("nope", "", "Other", "a" * 300):
            with self.subTest(pool=pool), self.refused_unchanged("POOL_UNKNOWN", pool[:100]):
                self.alloc("data", pool=pool)
        for pool in (None, 1, ["other"]):
            with self.subTest(pool=pool), self.refused_unchanged("INVALID_PARAMS", "pool"):
                self.alloc("data", pool=pool)

    def test_any_in_which_it_fits(self):
        self.assertEqual(self.alloc("large", 512 * KIB)["pool"], "other")
        with self.refused_unchanged("POOL_FULL", "'shared_mem'", "16 free", "17 wanted"):
            self.alloc("data", 68 * KIB, pool="shared_mem")
        with self.refused_unchanged("POOL_FULL", "'other'", "128 free", "129 wanted"):
            self.alloc("data", 516 * KIB)
        self.assertEqual(self.alloc("rest", 512 * KIB)["pool"], "other")
        self.assertEqual(self.alloc("small", 64 * KIB)["pool"], "shared_mem")


class Bytes(SegmentTest):
    def test_zeros_after_an_earlier_owner(self):
        self.fill_host(POOLS_END - MIB, 256)
        segment = self.alloc("data", 5 * PAGE)
        self.assertEqual(self.host_bytes(segment), bytes(5 * PAGE))
        # And not a byte more than these.
        after = number(segment["host_address"]) + segment["size"]
        self.assertEqual(self.host_read(hex(after), PAGE), SECRET)

    def test_zeros_after_a_guest(self):
        attachment = self.attach("alpha", MIB)
        for offset in range(0, MIB, 64 * KIB):
            self.guest_write("alpha", hex(number(attachment["guest_address"]) + offset), SECRET)
        self.detach("alpha")
        self.assertEqual(self.host_bytes(self.alloc("data", MIB)), bytes(MIB))

    def test_zeros_after_a_kept_one(self):
        segment = self.alloc("data", 16 * PAGE)
        self.fill_host(number(segment["host_address"]), 16)
        self.free("data")
        again = self.alloc("data", 16 * PAGE)
        self.assertEqual(again["host_address"], segment["host_address"])
        self.assertEqual(self.host_bytes(again), bytes(16 * PAGE))

    def test_kept_over_attaching_and_detaching(self):
        segment = self.alloc("data", 3 * PAGE)
        host = number(segment["host_address"])
        self.host_write(hex(host + PAGE), b"by Dom0")
        address = self.share("alpha", "data")["guest_address"]
        self.assertEqual(self.guest_read("alpha", hex(number(address) + PAGE), 7), b"by Dom0")
        self.guest_write("alpha", address, b"by alpha")
        self.detach("alpha")
        self.agree()
        self.assertEqual(self.host_read(hex(host), 8), b"by alpha")
        address = self.share("beta", "data")["guest_address"]
        self.assertEqual(self.guest_read("beta", address, 8), b"by alpha")
        self.guest_write("beta", address, b"by beta!")
        self.call("sim.guest.destroy", name="beta")
        wait_until(lambda: not self.show("data")["attachments"], "beta's attachment is gone")
        self.agree()
        address = self.share("gamma", "data")["guest_address"]
        self.assertEqual(self.guest_read("gamma", address, 8), b"by beta!")
        self.assertEqual(self.guest_read("gamma", hex(number(address) + PAGE), 7), b"by Dom0")

    def test_several_guests(self):
        self.alloc("data", 2 * PAGE)
        addresses = {guest: self.share(guest, "data")["guest_address"]
                     for guest in ("alpha", "beta", "gamma")}
        self.assertEqual(len(set(addresses.values())), 1, "one address in all of them")
        self.guest_write("alpha", addresses["alpha"], b"to all")
        for guest in ("beta", "gamma"):
            self.assertEqual(self.guest_read(guest, addresses[guest], 6), b"to all")
        self.agree()
        run = next(run for run in self.call("pool.map")["runs"] if run["state"] == "used")
        self.assertNotIn("guest", run)
        for guest in addresses:
            self.detach(guest, segment="data")
            self.agree()
        self.assertEqual(self.names(), ["data"])


class Epoch(SegmentTest):
    def test_each_life_has_its_own(self):
        last = 0
        for _ in range(5):
            epoch = self.alloc("data")["epoch"]
            self.assertGreater(epoch, last)
            last = epoch
            self.free("data")
        self.assertGreater(self.attach("alpha")["epoch"], last)

    def test_attaching_does_not_change_it(self):
        epoch = self.alloc("data")["epoch"]
        for _ in range(3):
            self.assertEqual(self.share("alpha", "data")["epoch"], epoch)
            self.assertEqual(self.nodes("alpha")["data/epoch"], str(epoch))
            self.detach("alpha")
            self.assertEqual(self.show("data")["epoch"], epoch)


class Free(SegmentTest):
    def test_unknown_and_twice(self):
        with self.refused_unchanged("SEGMENT_UNKNOWN", "'data'"):
            self.free("data")
        self.alloc("data")
        self.free("data")
        with self.refused_unchanged("SEGMENT_UNKNOWN", "'data'"):
            self.free("data")

    def test_both_at_once(self):
        self.alloc("data")
        ids = [self.client.request("segment.free", name="data") for _ in range(2)]
        self.assertEqual(self.client.finish(ids[0])["name"], "data")
        with self.refused("SEGMENT_UNKNOWN"):
            self.client.finish(ids[1])

    def test_names_every_guest(self):
        self.alloc("data")
        named = []
        for guest in ("alpha", "beta", "gamma"):
            self.share(guest, "data")
            named.append(f"'{guest}'")
            with self.refused_unchanged("SEGMENT_IN_USE") as caught:
                self.free("data")
            self.assertEqual(caught.exception.message,
                             f"segment 'data' is attached to {', '.join(named)}")
            self.assertIn("detach", caught.exception.hint)
        for guest in ("beta", "alpha", "gamma"):
            with self.refused_unchanged("SEGMENT_IN_USE", f"'{guest}'"):
                self.free("data")
            self.detach(guest)
        self.free("data")

    def test_one_that_is_not_kept(self):
        self.attach("alpha", name="data")
        with self.refused_unchanged("SEGMENT_IN_USE", "'data' is attached to 'alpha'"):
            self.free("data")

    def test_pages_are_free_again(self):
        for _ in range(5):
            self.alloc("data", MIB)
            self.free("data")
        self.assertEqual(self.attach("alpha", MIB)["size"], MIB)

    def test_with_the_guest_dead(self):
        """What a dead guest had goes first, and then the segment."""
        for index in range(10):
            self.alloc("data", 16 * PAGE)
            for guest in ("alpha", "beta"):
                self.share(guest, "data")
            for guest in ("alpha", "beta"):
                self.call("sim.guest.destroy", name=guest)
            if index % 2:
                # In one go, before the daemon looks at the domains by itself.
                self.client.send_line([{"jsonrpc": "2.0", "id": -1, "method": "segment.free",
                                        "params": {"name": "data"}}])
                reply = self.client.read()[0]
                self.assertIn("result", reply)
                self.assertEqual(reply["result"]["attachments"], [])
            else:
                self.assertEqual(self.free("data")["attachments"], [])
            self.agree()
            for guest in ("alpha", "beta"):
                self.call("sim.guest.start", name=guest)

    def test_one_dead_one_alive(self):
        self.alloc("data")
        self.share("alpha", "data")
        self.share("beta", "data")
        self.call("sim.guest.destroy", name="alpha")
        with self.refused("SEGMENT_IN_USE", "'beta'"):
            self.free("data")
        wait_until(lambda: len(self.show("data")["attachments"]) == 1, "alpha's is gone")

    def test_after_a_detach_in_the_queue(self):
        self.alloc("data", 64 * PAGE)
        self.share("alpha", "data")
        detach = self.client.request("guest.detach", guest="alpha")
        free = self.client.request("segment.free", name="data")
        self.assertEqual(len(self.client.finish(detach)["detached"]), 1)
        self.assertEqual(self.client.finish(free)["attachments"], [])


class FreeInTrouble(SegmentTest):
    def test_quarantined(self):
        self.alloc("data")
        self.share("alpha", "data")
        # As often as it is tried again by itself meanwhile.
        for after in range(1, 30):
            self.call("sim.fail", operation="unmap", after=after)
        with self.refused("HYPERVISOR_FAILED"):
            self.detach("alpha")
        with self.refused("SEGMENT_IN_USE", "'alpha'"):
            self.free("data")
        self.call("sim.fail", operation="unmap", errno=0)
        self.detach("alpha")
        self.free("data")

    def test_the_store_does_not_forget(self):
        self.alloc("data")
        with self.unchanged(), self.refused("STORE_FAILED", "'data'"):
            self.call("sim.fail", operation="store_remove")
            self.free("data")
        self.free("data")

    def test_the_store_does_not_learn(self):
        with self.unchanged(), self.refused("STORE_FAILED", "'data'"):
            self.call("sim.fail", operation="store_write")
            self.alloc("data")
        self.alloc("data")

    def test_no_list_of_domains(self):
        self.alloc("data")
        for method, params in (("segment.free", {"name": "data"}),
                               ("segment.alloc", {"name": "more", "size": PAGE})):
            with self.unchanged(), self.refused("HYPERVISOR_FAILED", "listing"):
                self.call("sim.fail", operation="list")
                self.call(method, **params)

    def test_an_unknown_holder(self):
        """It may hold any page: nothing is given out, but things can be taken back."""
        self.alloc("data")
        self.call("sim.guest.start", name="hidden", config=False)
        waiting = self.client.request("segment.alloc", name="more", size=PAGE)
        self.assertEqual(self.free("data")["name"], "data")
        self.call("sim.guest.configure", name="hidden")
        self.assertEqual(self.client.finish(waiting)["name"], "more")


class UnknownHolder(SegmentTest):
    config = "[daemon]\nholder-wait = 0\n"

    def test_refused(self):
        self.call("sim.guest.start", name="hidden", config=False)
        with self.refused_unchanged("HOLDER_UNKNOWN", "'hidden'"):
            self.alloc("data")


class ManyGuests(SegmentTest):
    many = [f"guest-{index}" for index in range(40)]
    options = ("--guest", *many, "--pool", "64K")

    def test_as_many_names_as_fit(self):
        name = "d" * 63
        self.alloc(name)
        for guest in self.many:
            self.share(guest, name)
        with self.refused_unchanged("SEGMENT_IN_USE", f"segment '{name}' is attached to "
                                    "'guest-0', 'guest-1', 'guest-2'") as caught:
            self.free(name)
        message = caught.exception.message
        named = message.count("'guest-")
        self.assertTrue(message.endswith(f" and {40 - named} more"), message)
        # One more or less: nobody is left out without a word.
        for left in range(39, 0, -1):
            self.detach(f"guest-{left}")
            with self.refused("SEGMENT_IN_USE") as caught:
                self.free(name)
            message = caught.exception.message
            named = message.count("'guest-")
            rest = f" and {left - named} more" if left > named else "'"
            self.assertTrue(message.endswith(rest), message)


class OddNames(SegmentTest):
    odd = ["it's", 'a"b', "a\\b", "\u00e4\u20ac\U0001f600", "x" * 127,
           "\u00e4" * 63, "' and 'nobody", "%s%n", " "]

    def test_names_of_all_kinds(self):
        self.alloc("data")
        for index, name in enumerate(self.odd):
            self.call("sim.guest.start", name=name,
                      uuid=f"00000000-0000-4000-8000-{index:012}")
            self.share(name, "data")
            with self.subTest(name=name), self.refused_unchanged("SEGMENT_IN_USE", f"'{name}'"):
                self.free("data")
            self.detach(name)

    def test_control_characters(self):
        name = "a\nb\x01\x1b[31m\x7f"
        self.alloc("data")
        self.call("sim.guest.start", name=name)
        self.share(name, "data")
        with self.refused("SEGMENT_IN_USE", "'a?b??[31m?'"):
            self.free("data")
        self.call("sim.guest.destroy", name=name)
        self.free("data")

    def test_long_ones(self):
        self.alloc("d" * 63)
        for index, letter in enumerate("abc"):
            self.call("sim.guest.start", name=letter * 127,
                      uuid=f"00000000-0000-4000-8000-{index:012}")
            self.share(letter * 127, "d" * 63)
        with self.refused_unchanged("SEGMENT_IN_USE", f"'{'a' * 127}' and 2 more"):
            self.free("d" * 63)


def two_groups():
    """Names of two groups that root is not in."""
    own = set(os.getgroups()) | {0}
    return [group.gr_name for group in grp.getgrall() if group.gr_gid not in own][:2]


@unittest.skipUnless(os.getuid() == 0, "only root can become others")
class Rights(SegmentTest):
    groups = two_groups()
    operate, read = (grp.getgrnam(name).gr_gid for name in groups)
    config = "[daemon]\noperate-group = {}\nread-group = {}\n".format(*groups)

    def as_user(self, gid, method, **params):
        """The reply that a member of that group gets."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                os.setgroups([])
                os.setgid(gid)
                os.setuid(NOBODY)
                with Client(self.daemon.socket_path) as client:
                    client.request(method, **params)
                    os.write(writing, json.dumps(client.read()).encode())
                os._exit(0)
            os._exit(1)
        os.close(writing)
        with open(reading, "rb") as pipe:
            reply = pipe.read()
        self.assertEqual(os.waitpid(child, 0)[1], 0, "the client failed")
        return json.loads(reply)

    def test_operate_is_enough(self):
        segment = self.as_user(self.operate, "segment.alloc", name="data", size=PAGE)["result"]
        self.assertEqual(segment["owner_uid"], NOBODY)
        self.assertEqual(self.show("data"), segment)
        opened = self.as_user(self.operate, "segment.open", name="data")["result"]
        self.assertEqual(opened["size"], PAGE)
        # Who has it allocated says nothing about who may free it.
        self.alloc("of-root")
        for name in ("data", "of-root"):
            reply = self.as_user(self.operate, "segment.free", name=name)
            self.assertEqual(reply["result"]["name"], name)
        self.assertEqual(self.names(), [])

    def test_others_may_not(self):
        self.alloc("data")
        for gid in (self.read, NOBODY):
            for method, params in (("segment.alloc", {"name": "more", "size": PAGE}),
                                   ("segment.open", {"name": "data"}),
                                   ("segment.free", {"name": "data"}),
                                   ("segment.free", {"name": "none"})):
                with self.subTest(gid=gid, method=method), self.unchanged():
                    error = self.as_user(gid, method, **params)["error"]
                    self.assertEqual(error["data"]["name"], "PERMISSION_DENIED")
                    self.assertIn(method, error["message"])
        self.assertEqual(self.as_user(self.read, "segment.show", name="data")["result"]["name"],
                         "data")


class Limits(SegmentTest):
    config = "[limits]\nsegments = 3\n"

    def test_segments(self):
        self.alloc("a")
        self.attach("alpha", name="b")
        self.alloc("c")
        with self.refused_unchanged("TOO_MANY", "3 segments"):
            self.alloc("d")
        with self.refused_unchanged("TOO_MANY", "3 segments"):
            self.attach("alpha")
        # A share is none, and what is freed makes room.
        self.share("beta", "a")
        self.free("c")
        self.alloc("d")


class Restart(SegmentMixin, WorldTest):
    def everything(self):
        return [self.call("segment.list"), self.call("pool.map"), self.call("guest.list")]

    def both_ends(self):
        for end in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
            yield end

    def test_without_any_guest(self):
        for guest in self.guests:
            self.call("sim.guest.destroy", name=guest)
        segment = self.alloc("data", 5 * PAGE)
        self.host_write(segment["host_address"], b"still here")
        before = self.everything()
        for end in self.both_ends():
            self.restart(end)
            self.agree()
            self.assertEqual(self.everything(), before)
            self.assertEqual(self.host_read(segment["host_address"], 10), b"still here")
        with self.refused_unchanged("SEGMENT_EXISTS"):
            self.alloc("data")
        self.assertGreater(self.alloc("more")["epoch"], segment["epoch"])
        self.free("data")
        self.restart()
        self.assertEqual(self.names(), ["more"])

    def test_with_guests(self):
        self.alloc("data", 5 * PAGE)
        for guest in ("alpha", "beta"):
            self.share(guest, "data")
        self.guest_write("alpha", "0x3a000000", b"still here")
        before = self.everything()
        for end in self.both_ends():
            self.restart(end)
            self.agree()
            self.assertEqual(self.everything(), before)
            self.assertEqual(self.guest_read("beta", "0x3a000000", 10), b"still here")

    def test_guests_gone_meanwhile(self):
        self.alloc("data")
        self.share("alpha", "data")
        self.host_write(self.show("data")["host_address"], b"still here")
        with self.while_down():
            self.call("sim.guest.destroy", name="alpha")
        # Unseen it may be rebooting: that takes a few seconds.
        wait_until(lambda: not self.show("data")["attachments"], "it is not awaited any more")
        self.assertEqual(self.names(), ["data"])
        self.assertEqual(self.host_read(self.show("data")["host_address"], 10), b"still here")

    def test_killed_in_the_store(self):
        """Of an alloc and a free that a kill cuts off either all is done or nothing."""
        for method in ("segment.alloc", "segment.free"):
            for operation in ("store_write", "store_remove", "list"):
                with self.subTest(method=method, operation=operation):
                    if method == "segment.free":
                        self.alloc("data")
                    before = self.names()
                    self.call("sim.fail", operation=operation, kill=True)
                    params = {"name": "data", **({"size": PAGE} if "alloc" in method else {})}
                    self.client.request(method, **params)
                    while self.client.line() is not None:
                        before = ["data"] if "alloc" in method else []
                        self.daemon.stop(signal.SIGKILL)
                    self.restart(signal.SIGKILL)
                    self.assertEqual(self.names(), before)
                    self.agree()
                    for name in self.names():
                        self.free(name)


class LargeTest(SegmentMixin, WorldTest):
    """Pages enough that wiping takes a while: about 0.2 s, with sanitizers longer."""
    pools = ("1400M",)
    guests = ("alpha:128M", "beta:128M")
    size = 700 * MIB
    config = "[pool shared_mem]\nguest-address = 0x100000000\n"

    def setUp(self):
        super().setUp()
        self.other = self.connect(self.daemon)

    def start_alloc(self, name, client=None):
        """Asks for it, and returns when it has begun."""
        id_ = (client or self.client).request("segment.alloc", name=name, size=self.size)
        self.wait_state(name, "wiping")
        return id_

    def state(self, name):
        """Of a segment that may not be there."""
        try:
            return self.other.call("segment.show", name=name)["state"]
        except Refused as why:
            self.assertEqual(why.name, "SEGMENT_UNKNOWN")
            return None

    def wait_state(self, name, state):
        wait_until(lambda: self.state(name) == state, f"{name} is {state}")


class Large(LargeTest):
    def test_two_side_by_side(self):
        ids = [self.client.request("segment.alloc", name=name, size=self.size)
               for name in ("one", "two")]
        seen = {"one": [], "two": []}
        together = 0
        while self.other.call("daemon.status")["counts"]["operations"] > 0:
            segments = {one["name"]: one for one in self.other.call("segment.list")["segments"]}
            for name, segment in segments.items():
                if segment["state"] == "ready":
                    self.assertNotIn("progress", segment)
                    continue
                self.assertEqual(segment["state"], "wiping")
                self.assertEqual(segment["progress"]["step"], "wiping")
                self.assertEqual(segment["progress"]["done"] % PAGE, 0)
                self.assertLess(segment["progress"]["done"], self.size)
                self.assertTrue(segment["kept"])
                seen[name].append(segment["progress"]["done"])
            together += all(one["state"] == "wiping" for one in segments.values()) \
                and len(segments) == 2
        for name in seen:
            self.assertGreater(len(set(seen[name])), 3, f"progress of {name}")
            self.assertEqual(seen[name], sorted(seen[name]))
        self.assertGreater(together, 3)
        for id_ in ids:
            segment = self.client.finish(id_)
            self.assertEqual(segment["state"], "ready")
            self.assertNotIn("progress", segment)

    def test_not_in_the_store_before_it_is_wiped(self):
        id_ = self.start_alloc("data")
        self.assertEqual(self.daemon.store(), {})
        self.client.finish(id_)
        self.assertEqual(set(self.daemon.store()), {"data.json"})

    def test_its_name_is_taken(self):
        id_ = self.start_alloc("data")
        with self.refused("SEGMENT_EXISTS", "'data'"):
            self.other.call("guest.attach", guest="alpha", size=PAGE, name="data")
        with self.refused("SEGMENT_EXISTS", "'data'"):
            self.other.call("segment.alloc", name="data", size=PAGE)
        self.assertEqual(self.client.finish(id_)["size"], self.size)

    def test_in_the_queue_behind_it(self):
        """A share and a free of what is not there yet wait for it."""
        alloc = self.start_alloc("data")
        share = self.other.request("guest.attach", guest="alpha", segment="data")
        detach = self.other.request("guest.detach", guest="alpha", segment="data")
        free = self.other.request("segment.free", name="data")
        self.assertEqual(self.client.finish(alloc)["attachments"], [])
        self.assertEqual(self.other.finish(share)["state"], "attached")
        self.assertEqual(len(self.other.finish(detach)["detached"]), 1)
        self.assertEqual(self.other.finish(free)["name"], "data")
        self.assertEqual(self.names(), [])

    def test_hang_up(self):
        with Client(self.daemon.socket_path) as client:
            self.start_alloc("data", client)
        self.wait_state("data", "ready")
        self.idle()
        segment = self.show("data")
        self.assertEqual((segment["size"], segment["kept"]), (self.size, True))
        self.assertEqual(self.host_read(segment["host_address"], PAGE), bytes(PAGE))

    def test_a_clash_meanwhile(self):
        """Nobody has the segment yet: it is given up, and the newcomer's pages are not touched."""
        id_ = self.start_alloc("data")
        last = number(self.other.call("segment.show", name="data")["host_address"]) // PAGE + \
            self.size // PAGE - 1
        self.other.call("sim.guest.start", name="foreign", iomem=[f"{last:#x},1@0x3b000"])
        self.other.call("sim.guest.write", name="foreign", address="0x3b000000", data="c0ffee")
        with self.refused("PAGES_HELD", "'foreign'"):
            self.client.finish(id_)
        self.assertEqual(self.names(), [])
        self.assertEqual(self.guest_read("foreign", "0x3b000000", 3), b"\xc0\xff\xee")
        self.agree()

    def test_stopped_meanwhile(self):
        for number_ in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal=number_):
                id_ = self.start_alloc("data")
                self.daemon.process.send_signal(number_)
                if number_ == signal.SIGTERM:
                    with self.refused("BUSY", "stopping"):
                        self.client.finish(id_)
                self.assertIsNone(self.client.line())
                self.daemon.wait_end()
                self.assertEqual(self.daemon.store(), {})
                self.restart()
                self.other = self.connect(self.daemon)
                self.assertEqual(self.names(), [])
                self.assertEqual(self.call("pool.list")["pools"][0]["largest_free"], 1400 * MIB)


class LargeAttach(LargeTest):
    def test_dies_while_it_is_wiped(self):
        for how in ("destroy", "shutdown"):
            with self.subTest(how=how):
                id_ = self.client.request("guest.attach", guest="alpha", size=self.size,
                                          name="data")
                self.wait_state("data", "wiping")
                segment = self.other.call("segment.show", name="data")
                self.assertEqual([one["state"] for one in segment["attachments"]], ["attaching"])
                if how == "shutdown":
                    self.other.call("sim.guest.shutdown", name="alpha", reason="reboot")
                self.other.call("sim.guest.destroy", name="alpha")
                with self.refused("GUEST_DYING", "'alpha'"):
                    self.client.finish(id_)
                self.gone("data")
                self.assertEqual(self.daemon.store(), {})
                self.agree()
                self.call("sim.guest.start", name="alpha")

    def dies_while_mapped(self, reason):
        """True when it was caught in the middle."""
        id_ = self.client.request("guest.attach", guest="alpha", segment="data")
        wait_until(lambda: self.state("data") == "mapping" or
                   self.other.call("daemon.status")["counts"]["operations"] == 0, "it is mapped")
        if reason:
            self.other.call("sim.guest.shutdown", name="alpha", reason=reason)
        self.other.call("sim.guest.destroy", name="alpha")
        try:
            self.client.finish(id_)
            return False
        except Refused as why:
            self.assertEqual(why.name, "GUEST_DYING", why)
            self.assertIn("'alpha'", why.message)
            return True

    def test_dies_while_it_is_mapped(self):
        self.alloc("data", self.size)
        for reason in (None, "reboot", "crash"):
            for _ in range(20):
                caught = self.dies_while_mapped(reason)
                if not caught:
                    # Attached already: a reboot is waited for.
                    with contextlib.suppress(Refused):
                        self.detach("alpha")
                wait_until(lambda: not self.show("data")["attachments"], "nothing is attached")
                self.agree()
                self.assertEqual(self.show("data")["state"], "ready")
                self.call("sim.guest.start", name="alpha")
                if caught:
                    break
            self.assertTrue(caught, "it was never caught in the middle")

    def test_stopped_while_it_is_wiped(self):
        id_ = self.client.request("guest.attach", guest="alpha", size=self.size, name="data")
        self.wait_state("data", "wiping")
        self.daemon.process.send_signal(signal.SIGTERM)
        with self.refused("BUSY", "stopping"):
            self.client.finish(id_)
        self.assertEqual(self.daemon.wait_end(), 0)
        self.assertEqual(self.daemon.store(), {})
        self.restart()

    def test_detach_tells_its_progress(self):
        self.alloc("data", self.size)
        for _ in range(20):
            self.share("alpha", "data")
            id_ = self.client.request("guest.detach", guest="alpha")
            state = wait_until(lambda: self.state("data"), "a state")
            self.client.finish(id_)
            if state == "unmapping":
                break
        self.assertEqual(state, "unmapping")
        self.assertEqual(self.show("data")["state"], "ready")


class Clash(SegmentTest):
    """A guest that somebody else creates has pages of a segment by its own iomem."""
    page = (POOLS_END - MIB) // PAGE

    def setUp(self):
        super().setUp()
        segment = self.alloc("data", 4 * PAGE)
        self.assertEqual(number(segment["host_address"]), self.page * PAGE)

    def intrude(self, name="foreign", pages=1, offset=0, **more):
        guest = self.call("sim.guest.start", name=name,
                          iomem=[f"{self.page + offset:#x},{pages:x}@0x3b000"], **more)
        self.call("guest.list")
        return {key: guest[key] for key in ("name", "domid", "uuid")}

    def leave(self, name="foreign"):
        self.call("sim.guest.destroy", name=name)
        self.call("guest.list")

    def errors(self):
        return [line for line in self.daemon.log().splitlines() if "error" in line]

    def states(self):
        return [(run["state"], run["size"] // PAGE) for run in self.call("pool.map")["runs"]]

    def test_told(self):
        before = self.show("data")
        guest = self.intrude()
        self.assertEqual(self.show("data"), {**before, "state": "clash", "clash": [guest]})
        self.assertEqual(self.call("segment.list")["segments"], [self.show("data")])
        self.assertEqual(self.states(), [("used", 4), ("free", 252)])
        self.assertEqual(self.call("pool.map")["runs"][0]["clash"], [guest])
        lines = self.errors()
        self.assertEqual(len(lines), 1, lines)
        for text in ("data", "foreign", "iomem"):
            self.assertIn(text, lines[0])
        self.agree()
        self.leave()
        self.assertEqual(self.show("data"), before)
        self.assertNotIn("clash", self.call("pool.map")["runs"][0])
        self.assertEqual(len(self.errors()), 1)
        self.assertIn("no guest has its pages by its own iomem any more", self.daemon.log())

    def test_several_guests(self):
        one = self.intrude("one")
        two = self.intrude("two", 2, 3)
        self.intrude("aside", 2, 4)
        self.assertEqual(self.show("data")["clash"], [one, two])
        self.leave("one")
        self.assertEqual(self.show("data")["clash"], [two])
        self.leave("two")
        self.assertEqual(self.show("data")["state"], "ready")
        self.leave("aside")

    def test_neighbours_are_none(self):
        self.alloc("next", 4 * PAGE)
        self.intrude(pages=4, offset=4)
        self.assertEqual(self.show("data")["state"], "ready")
        self.assertEqual(self.show("next")["state"], "clash")

    def test_it_is_not_shared_further(self):
        self.share("alpha", "data")
        self.intrude()
        for guest in ("beta", "foreign"):
            with self.refused_unchanged("PAGES_HELD", "'data'", "'foreign'", "iomem"):
                self.share(guest, "data")
        self.assertEqual(self.show("data")["attachments"][0]["state"], "attached")
        self.leave()
        self.share("beta", "data")

    def test_freed_meanwhile(self):
        self.intrude(pages=2, offset=1)
        freed = self.free("data")
        self.assertEqual(freed["state"], "clash")
        self.assertEqual(self.states(), [("free", 1), ("foreign", 2), ("free", 253)])
        self.never_given_out({self.page + 1, self.page + 2})
        self.leave()
        self.assertEqual(self.states(), [("free", 256)])

    def never_given_out(self, held):
        """Whatever is allocated, these pages are not in it."""
        names = []
        with contextlib.suppress(Refused):
            while True:
                segment = self.alloc(f"s{len(names)}")
                names.append(segment["name"])
                self.assertNotIn(number(segment["host_address"]) // PAGE, held)
        self.assertEqual(len(names), 256 - len(held))
        self.agree()
        for name in names:
            self.free(name)

    def test_detached_meanwhile(self):
        """A segment that is not kept ends with its last attachment, with its pages foreign."""
        self.free("data")
        self.attach("alpha", 4 * PAGE)
        self.intrude(pages=4)
        self.detach("alpha")
        self.assertEqual(self.states(), [("foreign", 4), ("free", 252)])
        self.never_given_out(set(range(self.page, self.page + 4)))

    def test_the_guest_dies_meanwhile(self):
        self.free("data")
        self.attach("alpha", 4 * PAGE, name="data")
        self.intrude(pages=4)
        self.call("sim.guest.destroy", name="alpha")
        self.gone("data")
        self.never_given_out(set(range(self.page, self.page + 4)))

    def test_one_that_reboots(self):
        """Its iomem is held until it is back without it."""
        self.intrude()
        self.call("sim.guest.shutdown", name="foreign", reason="reboot")
        self.call("guest.list")
        self.leave()
        self.assertEqual(self.show("data")["state"], "clash")
        self.assertEqual([one["name"] for one in self.show("data")["clash"]], ["foreign"])
        self.call("sim.guest.start", name="foreign")
        self.call("guest.list")
        self.assertEqual(self.show("data")["state"], "ready")

    def test_a_hidden_configuration(self):
        self.intrude(config=False)
        self.assertEqual(self.show("data")["state"], "ready")
        self.call("sim.guest.configure", name="foreign")
        # A domain that is being built is looked at without being asked.
        wait_until(lambda: self.show("data")["state"] == "clash", "it is found")
        self.assertEqual(len(self.errors()), 1)

    def test_noticed_by_itself(self):
        self.call("sim.guest.start", name="foreign", iomem=[f"{self.page:#x},1@0x3b000"])
        wait_until(lambda: self.show("data")["state"] == "clash", "it is noticed")
        self.call("sim.guest.destroy", name="foreign")
        wait_until(lambda: self.show("data")["state"] == "ready", "its end is noticed")


class ClashRestart(SegmentMixin, WorldTest):
    def test_found_at_the_start(self):
        segment = self.alloc("data")
        page = number(segment["host_address"]) // PAGE
        with self.while_down(signal.SIGTERM):
            self.call("sim.guest.start", name="foreign", iomem=[f"{page:#x},1@0x3b000"])
        self.call("guest.list")
        self.assertEqual(self.show("data")["state"], "clash")
        self.assertIn("foreign", self.daemon.log())
        for end in (signal.SIGKILL, signal.SIGTERM):
            self.restart(end)
            self.call("guest.list")
            self.assertEqual(self.show("data")["clash"][0]["name"], "foreign")
            with self.refused_unchanged("PAGES_HELD", "'foreign'"):
                self.share("alpha", "data")
        self.call("sim.guest.destroy", name="foreign")
        self.call("guest.list")
        self.share("alpha", "data")
