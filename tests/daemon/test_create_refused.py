# SPDX-License-Identifier: LGPL-2.1-or-later
"""guest.create and guest.destroy refused: by name and rule, with everything left as it was."""

import json
import unittest

from creating import UUID, CreateMixin
from harness import INVALID_PARAMS, MIB, PAGE, WINDOW, DaemonTest, Refused, number, wait_until
from test_refusals import PermissionTest

POOL = 0x80000000 - MIB  # the only pool's first address


class RefusalTest(CreateMixin, DaemonTest):
    options = ("--guest", "alpha", "beta", "--pool", "1M")

    def refused_create(self, error, texts, *shares, name="guest1", **more):
        with self.refused_unchanged(error, *texts) as caught:
            self.create(name, *shares, **more)
        self.assertFalse(self.daemon.guest_files() - set(f"{uuid}{end}" for uuid in self.records()
                                                         for end in (".json", ".dtb")))
        return caught.exception

    def refused_config(self, text, change):
        """CONFIG_INVALID, for a change of the usual configuration."""
        config = self.settings()
        change(config)
        with self.subTest(text=text), self.refused_unchanged("CONFIG_INVALID", text):
            self.call("guest.create", config=config, shares=[{"size": PAGE}])


class Store(RefusalTest):
    """It cannot be written: first the guest's record, then the segment's file."""

    def no_room(self, after):
        self.call("sim.fail", operation="store_write", after=after, errno="ENOSPC")

    def test_creating(self):
        for after, what in ((1, "guest 'guest1'"), (2, "segment 'guest1-0'")):
            self.no_room(after)
            self.refused_create("STORE_FAILED", (what, "No space"), PAGE)
            self.check_nothing_left()
        self.create("guest1", PAGE)

    def test_creating_while_there_is_no_room_at_all(self):
        """What cannot be written is not needed in order to take everything back."""
        for first, what in ((1, "guest 'guest1'"), (2, "segment 'guest1-0'")):
            for after in range(first, 20):
                self.no_room(after)
            self.refused_create("STORE_FAILED", (what, "No space"), PAGE)
            self.check_nothing_left()
            self.call("sim.fail", operation="store_write", errno=0)
        self.create("guest1", PAGE)

    def test_destroying(self):
        self.create("guest1", PAGE)
        self.no_room(1)
        with self.refused_unchanged("STORE_FAILED", "No space"):
            self.destroy("guest1")
        self.assertEqual(self.guest("guest1")["state"], "running")
        self.destroy("guest1")
        self.check_nothing_left()


class UnknownHolder(RefusalTest):
    config = "[daemon]\nholder-wait = 0\n"

    def test_new_pages(self):
        self.call("sim.guest.start", name="hidden", config=False)
        self.refused_create("HOLDER_UNKNOWN", ("'hidden'",), PAGE)
        # Without new pages it need not be known.
        self.create("guest1")


class ConfigInvalid(RefusalTest):
    def test_name(self):
        self.refused_config("name", lambda c: c["c_info"].pop("name"))
        self.refused_config("name", lambda c: c["c_info"].update(name=""))
        self.refused_config("longer", lambda c: c["c_info"].update(name="x" * 2000))
        self.refused_config("'name'", lambda c: c["c_info"].update(name=5))

    def test_kernel(self):
        self.refused_config("no kernel", lambda c: c["b_info"].pop("kernel"))
        for path, why in (("/no/such/file", "No such file"), ("kernel", "begin with '/'"),
                          ("/", "not a regular file"), ("/dev/null", "not a regular file")):
            self.refused_config(why, lambda c, path=path: c["b_info"].update(kernel=path))
        self.refused_config("ramdisk", lambda c: c["b_info"].update(ramdisk="/no/such/file"))

    def test_device_tree(self):
        self.refused_config("device_tree", lambda c: c["b_info"].update(device_tree="/no/file"))
        self.refused_config("device_tree",
                            lambda c: c["b_info"].update(device_tree=str(self.kernel)))

    def test_actions(self):
        self.refused_config("soft-reset", lambda c: c.update(on_crash="soft_reset"))
        self.refused_config("no action", lambda c: c.update(on_poweroff="explode"))
        self.refused_config("on_reboot", lambda c: c.update(on_reboot=1))

    def test_what_is_not_libxls(self):
        for change in (lambda c: c.pop("c_info"), lambda c: c.pop("b_info"), lambda c: c.clear(),
                       lambda c: c.update(c_info=[]), lambda c: c.update(b_info="x"),
                       lambda c: c["c_info"].update(uuid="no uuid"),
                       lambda c: c["c_info"].update(type="strange"),
                       lambda c: c["b_info"].update(max_memkb="much"),
                       lambda c: c["b_info"].update(max_memkb=-1),
                       lambda c: c["b_info"].update(iomem={}),
                       lambda c: c["b_info"].update(iomem=[5])):
            self.refused_config("libxl's JSON", change)

    def test_too_much_memory(self):
        self.refused_create("HYPERVISOR_FAILED", ("MiB",), PAGE, max_memkb=1 << 30,
                            target_memkb=1 << 30)

    def test_a_share_over_the_trees_own(self):
        self.create("first", {"size": PAGE, "address": hex(WINDOW + 0x5000)}, number_=900)
        tree = self.folder / "own.dtb"
        tree.write_bytes(self.tree(UUID.format(900)))
        self.destroy("first")
        self.refused_create("ADDRESS_IN_USE", ("0x3a005000",), PAGE,
                            {"size": PAGE, "address": hex(WINDOW + 0x5000)}, device_tree=str(tree))
        # Beside it there is room, and both are in its tree.
        uuid = self.create("guest1", PAGE, device_tree=str(tree))["guest"]["uuid"]
        self.assertIn(b"@3a005000\0", self.tree(uuid))
        self.assertIn(b"@3a000000\0", self.tree(uuid))

    def test_a_tree_of_addresses_that_no_guest_has(self):
        self.create("first", {"size": PAGE, "address": hex(WINDOW + 0x5000)}, number_=900)
        near = self.tree(UUID.format(900))
        far = near.replace((WINDOW + 0x5000).to_bytes(8, "big"), (1 << 63).to_bytes(8, "big"))
        self.assertNotEqual(near, far)
        tree = self.folder / "far.dtb"
        tree.write_bytes(far)
        self.destroy("first")
        # JSON cannot say it, and nothing can be in its way.
        self.create("guest1", PAGE, device_tree=str(tree))


class GuestExists(RefusalTest):
    def test_by_name(self):
        self.create("guest1", PAGE)
        self.refused_create("GUEST_EXISTS", ("'guest1'",), PAGE)

    def test_by_uuid(self):
        self.create("guest1", PAGE, number_=100)
        self.refused_create("GUEST_EXISTS", ("UUID",), PAGE, name="guest2", number_=100)

    def test_of_a_foreign_guest(self):
        self.refused_create("GUEST_EXISTS", ("'alpha'", "domid"), PAGE, name="alpha")
        uuid = next(one["uuid"] for one in self.guests_now() if one["name"] == "beta")
        self.refused_create("GUEST_EXISTS", ("'beta'", "UUID"), PAGE, uuid=uuid)

    def test_while_it_is_being_created(self):
        """By name, and by UUID; the first one is not disturbed."""
        self.fault("build", "slow", seconds=0.3)
        first = self.ask_create("guest1", PAGE, number_=100)
        self.half_made()
        for name, more in (("guest1", {}), ("guest2", {"number_": 100})):
            with self.refused("GUEST_EXISTS"):
                self.create(name, PAGE, **more)
        self.assertEqual(self.client.finish(first)["guest"]["state"], "running")
        self.assertEqual(set(self.agree()), {"guest1-0"})

    def test_both_at_once(self):
        """Two requests in one piece: one of them."""
        ids = [self.ask_create("guest1", PAGE) for _ in range(2)]
        outcomes = []
        for id_ in ids:
            try:
                outcomes.append(self.client.finish(id_)["guest"]["state"])
            except Refused as why:
                outcomes.append(why.name)
        self.assertEqual(sorted(outcomes), ["GUEST_EXISTS", "running"])
        self.assertEqual(set(self.agree()), {"guest1-0"})

    def test_of_one_that_is_awaited(self):
        """A foreign guest in the middle of its reboot."""
        uuid = next(one["uuid"] for one in self.guests_now() if one["name"] == "beta")
        self.attach("beta", name="its")
        self.shut_down("beta", "reboot")
        wait_until(lambda: self.show("its")["attachments"][0]["state"] == "waiting",
                   "it is awaited")
        self.call("sim.guest.destroy", name="beta")
        self.idle()
        with self.refused("GUEST_EXISTS"):
            self.create("other", PAGE, uuid=uuid)
        with self.refused("GUEST_EXISTS"):
            self.create("beta", PAGE)
        self.agree()

    def test_of_a_preserved_one(self):
        """Its name is free; its UUID is not."""
        guest = self.create("guest1", PAGE, number_=100, on={"crash": "restart_rename"})["guest"]
        self.shut_down("guest1", "crash")
        self.became("guest1", guest["domid"])
        old, = [one["name"] for one in self.twins(guest["uuid"]) if one["name"] != "guest1"]
        self.refused_create("GUEST_EXISTS", (), PAGE, name="guest2", number_=100)
        self.refused_create("GUEST_EXISTS", (old,), PAGE, name=old)


class Addresses(RefusalTest):
    def test_identity_in_ram(self):
        """RAM is laid out by the largest memory."""
        kib = 1 << 20  # 1 GiB, up to the end of the pool
        self.refused_create("ADDRESS_IS_RAM", (), {"size": PAGE, "address": "identity"},
                            max_memkb=kib)
        self.create("guest1", {"size": PAGE, "address": "identity"}, max_memkb=kib - 4096)

    def test_one_that_does_not_fit_gives_back_the_others(self):
        self.refused_create("ADDRESS_IS_RAM", (), PAGE, 3 * PAGE,
                            {"size": PAGE, "address": "0x40000000"})
        self.refused_create("ADDRESS_RESERVED", (), PAGE, {"size": PAGE, "address": "0x38000000"})
        self.refused_create("ADDRESS_RESERVED", (), {"size": PAGE, "address": "0x3a000800"})

    def test_own_iomem(self):
        iomem = [{"start": POOL // PAGE + 200, "number": 2, "gfn": 0x3b000}]
        for address in ("0x3b000000", "0x3b001000", "0x3afff000"):
            self.refused_create("ADDRESS_IN_USE", (), {"size": 2 * PAGE, "address": address},
                                iomem=iomem)
        self.create("guest1", {"size": PAGE, "address": "0x3b002000"}, iomem=iomem)

    def test_each_other(self):
        self.refused_create("ADDRESS_IN_USE", (), {"size": 2 * PAGE, "address": "0x3b000000"},
                            {"size": PAGE, "address": "0x3b001000"})
        self.refused_create("ADDRESS_IN_USE", (), {"size": PAGE, "address": "0x3a001000"}, PAGE)

    def test_virtual_pci(self):
        """With it the upper part of the window is not free."""
        high = {"size": PAGE, "address": hex(1 << 32)}
        self.refused_create("ADDRESS_RESERVED", (), high, pcidevs=[{"dev": 1}])
        self.create("guest1", high)


class Segments(RefusalTest):
    def test_unknown(self):
        self.refused_create("SEGMENT_UNKNOWN", ("'none'",), "none")
        self.refused_create("SEGMENT_UNKNOWN", ("'none'",), PAGE, "none")

    def test_exists(self):
        self.alloc("kept")
        self.refused_create("SEGMENT_EXISTS", ("'kept'",), {"size": PAGE, "name": "kept"})
        self.refused_create("SEGMENT_EXISTS", ("'twice'",), {"size": PAGE, "name": "twice"},
                            {"size": PAGE, "name": "twice"})

    def test_the_same_twice(self):
        self.alloc("kept")
        self.refused_create("ALREADY_ATTACHED", ("'kept'",), "kept", "kept")

    def test_pool_full(self):
        self.refused_create("POOL_FULL", (), PAGE, MIB)
        self.refused_create("POOL_FULL", (), 2 * MIB)
        self.refused_create("POOL_UNKNOWN", ("'none'",), {"size": PAGE, "pool": "none"})
        # All of it can be had.
        self.create("guest1", MIB)

    def test_pages_held(self):
        """Xen would map them into the new guest by its own iomem."""
        self.alloc("kept", 4 * PAGE)
        self.share("alpha", "kept")
        kept = number(self.show("kept")["host_address"]) // PAGE
        for first, count in ((kept, 1), (kept + 3, 1), (kept - 1, 2), (kept - 1, 10)):
            refusal = self.refused_create("PAGES_HELD", ("'kept'",), PAGE,
                                          iomem=[{"start": first, "number": count, "gfn": 0x3f000}])
        self.assertIn("iomem", refusal.hint)
        self.create("guest1", PAGE, iomem=[{"start": kept + 4, "number": 1}])

    def test_own_iomem_is_not_given_out(self):
        """Neither to others while it is built, nor to itself."""
        self.refused_create("PAGES_HELD", (), MIB, iomem=[{"start": POOL // PAGE, "number": 1}])
        self.fault("build", "slow", seconds=0.2)
        id_ = self.ask_create("guest1", iomem=[{"start": POOL // PAGE + 7, "number": 1}])
        self.half_made()
        with self.refused("PAGES_HELD"):
            self.alloc("all", MIB)
        self.client.finish(id_)

    def test_a_clash(self):
        """A segment that somebody else holds as well is not shared further."""
        start = number(self.alloc("kept")["host_address"]) // PAGE
        self.call("sim.guest.start", name="clash", iomem=[f"{start:x},1"])
        self.refused_create("PAGES_HELD", ("'clash'",), "kept")
        self.call("sim.guest.destroy", name="clash")


class Params(RefusalTest):
    def invalid(self, *texts, **params):
        with self.subTest(params=str(params)[:120]), self.unchanged(), \
                self.assertRaises(Refused) as caught:
            self.call("guest.create", **params)
        self.assertEqual(caught.exception.code, INVALID_PARAMS, caught.exception.message)
        for text in texts:
            self.assertIn(text, caught.exception.message)

    def test_config(self):
        self.invalid("'config'")
        for config in ("guest1", 5, [], True, None, [self.settings()]):
            self.invalid("'config'", config=config)

    def test_shares(self):
        config = self.settings()
        for shares in ({}, "4K", 4096, True, [5], ["4K"], [[]], [None]):
            self.invalid("'shares'", config=config, shares=shares)

    def test_one_share(self):
        config = self.settings()
        for share, text in (({}, "'size' or 'segment'"),
                            ({"size": PAGE, "segment": "x"}, "'size' or 'segment'"),
                            ({"segment": "x", "name": "y"}, "'name'"),
                            ({"segment": "x", "pool": "shared_mem"}, "'pool'"),
                            ({"size": 0}, "'size'"), ({"size": -1}, "'size'"),
                            ({"size": "4K"}, "'size'"), ({"size": 1.5}, "'size'"),
                            ({"segment": "../x"}, "'segment'"), ({"segment": 5}, "'segment'"),
                            ({"size": PAGE, "name": "-x"}, "'name'"),
                            ({"size": PAGE, "name": "x" * 64}, "'name'"),
                            ({"size": PAGE, "address": 5}, "'address'"),
                            ({"size": PAGE, "address": "there"}, "'address'"),
                            ({"size": PAGE, "pool": 5}, "'pool'"),
                            ({"size": PAGE, "nonsense": 1}, "'nonsense'")):
            self.invalid(text, config=config, shares=[{"size": PAGE}, share])

    def test_others(self):
        config = self.settings()
        self.invalid("'paused'", config=config, paused=1)
        self.invalid("'paused'", config=config, paused="true")
        self.invalid("'nonsense'", config=config, nonsense=True)
        self.invalid("'guest'", config=config, guest="guest1")

    def test_by_position(self):
        reply = self.raw(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "guest.create",
                                     "params": [self.settings()]}).encode())
        self.assertEqual(reply["error"]["code"], INVALID_PARAMS)

    def test_destroy(self):
        for params in ({}, {"guest": {}}, {"guest": "x" * 5000}, {"guest": None},
                       {"guest": "alpha", "force": True}, {"name": "alpha"}):
            with self.subTest(params=params):
                with self.assertRaises(Refused) as caught:
                    self.call("guest.destroy", **params)
                self.assertEqual(caught.exception.code, INVALID_PARAMS)


class Destroy(RefusalTest):
    def test_unknown(self):
        for guest in ("nobody", "99", UUID.format(99)):
            with self.refused_unchanged("GUEST_UNKNOWN", guest):
                self.destroy(guest)

    def test_dom0(self):
        for guest in ("0", "Domain-0"):
            with self.refused_unchanged("GUEST_UNKNOWN", "Dom0"):
                self.destroy(guest)

    def test_foreign(self):
        """By each of its names."""
        self.attach("alpha")
        alpha = self.guest("alpha")
        for text in ("alpha", str(alpha["domid"]), alpha["uuid"]):
            with self.refused_unchanged("GUEST_FOREIGN", "'alpha'") as caught:
                self.destroy(text)
            self.assertIn("xl destroy", caught.exception.hint)

    def test_twice(self):
        self.create("guest1", PAGE)
        self.destroy("guest1")
        with self.refused_unchanged("GUEST_UNKNOWN"):
            self.destroy("guest1")

    def test_by_each_of_its_names(self):
        for which in ("name", "domid", "uuid"):
            guest = self.create("guest1", PAGE)["guest"]
            done = self.destroy(str(guest[which]))
            self.assertEqual(done, dict(guest, state="destroyed"))
            self.check_nothing_left()

    def test_ambiguous(self):
        guest = self.create("guest1", PAGE)["guest"]
        self.call("sim.guest.start", name=str(guest["domid"]))
        with self.refused_unchanged("GUEST_AMBIGUOUS"):
            self.destroy(str(guest["domid"]))

    def test_a_namesake_by_uuid(self):
        """Somebody else's domain with the UUID of a created guest is not touched."""
        guest = self.create("guest1", PAGE)["guest"]
        self.call("sim.guest.start", name="twin", uuid=guest["uuid"])
        with self.refused("GUEST_FOREIGN", "'twin'"):
            self.destroy("twin")
        self.destroy("guest1")
        self.assertEqual([one["name"] for one in self.guests_now()], ["alpha", "beta", "twin"])

    def test_what_a_namesake_holds(self):
        """It is not taken for what the created guest's configuration says."""
        pool = self.call("pool.list")["pools"][0]
        last = (number(pool["host_address"]) + pool["size"]) // PAGE - 1
        guest = self.create("guest1", PAGE)["guest"]
        self.call("sim.guest.start", name="twin", uuid=guest["uuid"], iomem=[f"{last:x},1@30000"])
        run = self.call("pool.map")["runs"][-1]
        self.assertEqual((run["state"], run["guest"]), ("foreign", "twin"))
        with self.refused("PAGES_HELD", "'twin'"):
            self.attach("alpha", run["size"] + self.call("pool.list")["pools"][0]["free"])
        created = {one["name"]: one["created"] for one in self.guests_now()}
        self.assertEqual(created, {"alpha": False, "beta": False, "guest1": True, "twin": False})
        self.call("sim.guest.destroy", name="twin")

    def test_attaching_to_one_of_two(self):
        """What one has would be the other's as well."""
        guest = self.create("guest1", PAGE)["guest"]
        self.call("sim.guest.start", name="twin", uuid=guest["uuid"])
        for name, other in (("guest1", "twin"), ("twin", "guest1")):
            with self.refused_unchanged("GUEST_AMBIGUOUS", f"'{name}'", f"'{other}'"):
                self.attach(name)
        self.call("sim.guest.destroy", name="twin")
        self.attach("guest1")


class Denied(CreateMixin, PermissionTest):
    """A configuration runs programs as root: it takes root."""

    agrees = False

    def test_only_root(self):
        requests = [{"jsonrpc": "2.0", "id": 1, "method": "guest.create",
                     "params": {"config": self.settings(), "shares": [{"size": PAGE}]}},
                    {"jsonrpc": "2.0", "id": 2, "method": "guest.destroy",
                     "params": {"guest": "alpha"}}]
        for user in ({}, {"gid": self.read}, {"gid": self.operate},
                     {"groups": [self.operate, self.read]}):
            with self.subTest(**user), self.unchanged():
                for reply in self.as_user(requests, **user):
                    self.assertEqual(reply["error"]["data"]["name"], "PERMISSION_DENIED")
        self.assertEqual(self.daemon.guest_files(), set())

    def test_root_may(self):
        request = {"jsonrpc": "2.0", "id": 1, "method": "guest.create",
                   "params": {"config": self.settings("made"), "shares": [{"size": PAGE}]}}
        reply, = self.as_user([request], uid=0, gid=12345)
        self.assertEqual(reply["result"]["guest"]["state"], "running")


class OneBuilder(RefusalTest):
    config = "[limits]\nbuilders = 1\noperations = 6\n"

    def test_they_queue(self):
        self.fault("build", "slow", seconds=0.1)
        ids = [self.ask_create(f"queued{i}", PAGE) for i in range(5)]
        counts = [self.call("daemon.status")["counts"]["builders"] for _ in range(10)]
        self.assertEqual(max(counts), 1)
        self.assertEqual({self.client.finish(id_)["guest"]["state"] for id_ in ids}, {"running"})
        self.assertEqual(len(self.agree()), 5)
        ids = [self.client.request("guest.destroy", guest=f"queued{i}") for i in range(5)]
        for id_ in ids:
            self.client.finish(id_)
        self.check_nothing_left()

    def test_too_many(self):
        """More than the operations that may be under way: clean refusals, and the others go on."""
        self.fault("build", "slow", seconds=0.2)
        ids = [self.ask_create(f"many{i}", PAGE) for i in range(9)]
        done, refused = [], []
        for id_ in ids:
            try:
                done.append(self.client.finish(id_)["guest"]["name"])
            except Refused as why:
                refused.append(why.name)
        self.assertGreaterEqual(len(refused), 1)
        self.assertEqual(set(refused), {"TOO_MANY"})
        self.assertEqual({one["name"] for one in self.guests_now() if one["created"]}, set(done))
        self.agree()


class Limits(RefusalTest):
    config = "[limits]\nattachments = 3\nsegments = 5\n"

    def test_attachments(self):
        self.refused_create("TOO_MANY", ("'guest1'",), PAGE, PAGE, PAGE, PAGE)
        self.create("guest1", PAGE, PAGE, PAGE)
        with self.refused_unchanged("TOO_MANY"):
            self.attach("guest1")

    def test_segments(self):
        self.create("guest1", PAGE, PAGE, PAGE)
        self.refused_create("TOO_MANY", (), PAGE, PAGE, PAGE, name="guest2")
        self.create("guest2", PAGE, PAGE)


class Memory(RefusalTest):
    def test_the_host_is_full(self):
        """What does not fit is refused before anything is claimed; what was there stays."""
        count = 0
        while True:
            try:
                self.create(f"guest{count}", PAGE, max_memkb=4 << 20, target_memkb=4 << 20)
            except Refused as why:
                self.assertEqual(why.name, "HYPERVISOR_FAILED")
                self.assertIn("MiB free", why.message)
                break
            count += 1
        self.assertGreater(count, 0)
        self.assertLess(count * (4 << 30), 16 << 30)
        self.assertEqual(len(self.agree()), count)
        self.destroy("guest0")
        self.create("again", PAGE, max_memkb=4 << 20, target_memkb=4 << 20)


if __name__ == "__main__":
    unittest.main()
