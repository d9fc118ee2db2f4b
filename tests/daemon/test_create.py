# SPDX-License-Identifier: LGPL-2.1-or-later
"""guest.create and guest.destroy when all goes well: what the guest gets, what is said and kept."""

import json
import struct
import unittest

from creating import UUID, CreateMixin
from harness import (KIB, LINE_MAX, MIB, PAGE, PARSE_ERROR, RAM, WINDOW, DaemonTest, number,
                     wait_until)

FDT_MAGIC = 0xd00dfeed

# In the form in which xl 4.17 prints it: every kind of value, and devices.
REAL = """{
 "c_info": {
  "type": "pvh", "name": "real1", "uuid": "5a8bd2e6-ae5a-4fd3-9b5b-3c7e2b5f0f6d",
  "xsdata": {"vm-data/role": "camera", "vm-data/slot": "1"},
  "run_hotplug_scripts": "True", "driver_domain": "False", "passthrough": "disabled"
 },
 "b_info": {
  "max_vcpus": 1, "avail_vcpus": [0], "vcpu_hard_affinity": [[0, 1]],
  "numa_placement": "True", "max_memkb": 49152, "target_memkb": 32768, "video_memkb": 0,
  "shadow_memkb": 1408, "iommu_memkb": 0, "device_model_version": "qemu_xen",
  "device_model_stubdomain": "False", "blkdev_start": "xvda", "claim_mode": "True",
  "event_channels": 1023, "kernel": "%s", "cmdline": "console=hvc0 root=/dev/xvda ro",
  "iomem": [{"start": 524256, "number": 2}, {"start": 524280, "number": 1, "gfn": 196608}],
  "bootloader_args": [], "sched_params": {"sched": "credit2", "weight": 256},
  "nested_hvm": "False", "apic": "True", "dm_restrict": "False", "tee": "none",
  "type.pvh": {"pvshim": "False", "pvshim_path": null, "pvshim_cmdline": null},
  "arch_arm": {"gic_version": "v3", "vuart": "unknown"}, "arch_x86": {"msr_relaxed": "False"},
  "altp2m": "disabled", "vmtrace_buf_kb": 0
 },
 "disks": [{
  "pdev_path": "/srv/real1.img", "vdev": "xvda", "backend": "phy", "format": "raw",
  "removable": 0, "readwrite": 1, "is_cdrom": 0, "direct_io_safe": "False",
  "discard_enable": "False",
  "colo_enable": "False", "colo_restore_enable": "False", "colo_port": 0
 }],
 "nics": [{"devid": 0, "mac": "00:16:3e:5a:01:02", "bridge": "xenbr0", "nictype": "vif"}],
 "vfbs": [{"devid": 0, "vnc": {"enable": "True", "listen": "127.0.0.1", "findunused": "True"},
           "sdl": {"enable": "False"}}],
 "on_poweroff": "preserve", "on_reboot": "restart", "on_watchdog": "destroy",
 "on_crash": "coredump_destroy", "on_soft_reset": "soft_reset"
}"""


class CreateTest(CreateMixin, DaemonTest):
    options = ("--guest", "alpha", "beta", "--pool", "1M")


class Created(CreateTest):
    def test_result(self):
        result = self.create("guest1", PAGE, number_=77)
        self.assertEqual(set(result), {"guest", "attachments"})
        guest, (attachment,) = result["guest"], result["attachments"]
        self.assertEqual(guest, {"name": "guest1", "domid": self.domid("guest1"),
                                 "uuid": UUID.format(77), "state": "running"})
        self.assertEqual(attachment["guest"],
                         {key: guest[key] for key in ("name", "domid", "uuid")})
        self.assertEqual((attachment["segment"], attachment["state"], attachment["size"]),
                         ("guest1-0", "attached", PAGE))
        self.assertEqual(attachment["guest_address"], hex(WINDOW))
        self.assertEqual(attachment, self.agree()["guest1-0"]["attachments"][0])

    def test_without_shares(self):
        result = self.create("plain")
        self.assertEqual(result["attachments"], [])
        self.assertEqual(self.agree(), {})
        self.assertEqual(self.daemon.guest_files(), {result["guest"]["uuid"] + ".json"})
        self.assertEqual(self.destroy("plain")["state"], "destroyed")
        self.check_nothing_left()

    def test_shares_that_are_left_out(self):
        result = self.call("guest.create", config=self.settings("plain"))
        self.assertEqual(result["attachments"], [])
        self.assertEqual(result["guest"]["state"], "running")

    def test_a_uuid_is_made_up(self):
        first = self.create("guest1", PAGE, uuid=None)["guest"]["uuid"]
        second = self.create("guest2", PAGE, uuid=None)["guest"]["uuid"]
        self.assertNotEqual(first, second)
        self.assertEqual(set(self.records()), {first, second})
        # The same one when it is built anew.
        self.assertEqual(self.record(first)["config"]["c_info"]["uuid"], first)

    def test_several_shares(self):
        self.alloc("kept", 3 * PAGE)
        kept = self.share("alpha", "kept")
        result = self.create("guest1", 5000, "kept",
                             {"size": PAGE, "name": "named", "pool": "shared_mem"},
                             {"size": PAGE, "address": "0x3b000000"},
                             {"size": PAGE, "name": "same", "address": "identity"}, PAGE)
        attachments = result["attachments"]
        self.assertEqual([one["segment"] for one in attachments],
                         ["guest1-0", "kept", "named", "guest1-1", "same", "guest1-2"])
        self.assertEqual([one["size"] for one in attachments],
                         [2 * PAGE, 3 * PAGE, PAGE, PAGE, PAGE, PAGE])
        self.assertEqual({one["state"] for one in attachments}, {"attached"})
        start = number(self.call("pool.list")["pools"][0]["host_address"])
        for one in attachments:
            place = {"guest1-1": 0x3b000000, "same": number(one["host_address"])}.get(
                one["segment"], WINDOW + number(one["host_address"]) - start)
            self.assertEqual(number(one["guest_address"]), place, one)
        segments = self.agree()
        self.assertEqual({name: one["kept"] for name, one in segments.items()},
                         {"kept": True, "guest1-0": False, "named": False, "guest1-1": False,
                          "same": False, "guest1-2": False})
        self.assertEqual([one["guest"]["name"] for one in segments["kept"]["attachments"]],
                         ["alpha", "guest1"])
        self.assertEqual(kept["guest_address"], attachments[1]["guest_address"])
        # The warning of an address in Xen's extended regions, as guest.attach has it.
        alone = self.attach("alpha", name="other", address="identity")
        self.assertEqual(result.get("warnings"),
                         [alone["warning"].replace(alone["guest_address"],
                                                   attachments[4]["guest_address"])]
                         if "warning" in alone else None)
        self.destroy("guest1")
        self.assertEqual(set(self.agree()), {"kept", "other"})

    def test_default_names_skip_those_in_use(self):
        self.attach("alpha", name="guest1-0")
        result = self.create("guest1", PAGE, PAGE)
        self.assertEqual([one["segment"] for one in result["attachments"]],
                         ["guest1-1", "guest1-2"])

    def test_owner_is_who_asked(self):
        self.create("guest1", PAGE)
        self.assertEqual(self.show("guest1-0")["owner_uid"], 0)

    def test_bytes(self):
        """Guest, Dom0 and another guest see the same page, and nobody what was there before."""
        self.dirty_pool(4)
        result = self.create("guest1", 4 * PAGE, {"size": PAGE, "name": "out"})
        data, out = result["attachments"]
        self.assertEqual(self.guest_bytes(data), bytes(4 * PAGE))
        self.fill(data, b"from the guest..")
        self.assertEqual(self.host_read(data["host_address"], 16), b"from the guest..")
        self.host_write(out["host_address"], b"from dom0")
        self.assertEqual(self.guest_bytes(out)[:10], b"from dom0\0")
        also = self.share("alpha", data["segment"])
        self.assertEqual(self.guest_bytes(also), b"from the guest.." * (PAGE // 4))
        self.destroy("guest1")
        self.assertEqual(set(self.agree()), {"guest1-0"})
        self.assertEqual(self.guest_bytes(also), b"from the guest.." * (PAGE // 4))

    def test_kept_bytes_stay(self):
        kept = self.alloc("kept")
        self.host_write(kept["host_address"], b"kept")
        attachment = self.create("guest1", "kept")["attachments"][0]
        self.assertEqual(self.guest_bytes(attachment)[:5], b"kept\0")
        self.assertEqual(attachment["epoch"], kept["epoch"])
        self.destroy("guest1")
        self.assertEqual(self.show("kept")["attachments"], [])
        self.assertEqual(self.host_read(kept["host_address"], 5), b"kept\0")

    def test_nodes(self):
        """The guest finds the usual ones; they are in its stored configuration, too."""
        attachment = self.create("guest1", 2 * PAGE)["attachments"][0]
        self.assertEqual(self.nodes("guest1"), {
            "guest1-0/address": attachment["guest_address"], "guest1-0/size": str(2 * PAGE),
            "guest1-0/epoch": str(attachment["epoch"]), "guest1-0/state": "attached"})

    def test_foreign_iomem(self):
        """Its own iomem is its own, as that of any guest."""
        start = number(self.call("pool.list")["pools"][0]["host_address"]) // PAGE
        self.create("guest1", PAGE, iomem=[{"start": start + 4, "number": 2, "gfn": 0x3b000}])
        foreign = self.guest("guest1")["foreign"]
        self.assertEqual([(one["host_address"], one["size"], one["guest_address"])
                          for one in foreign], [(hex((start + 4) * PAGE), 2 * PAGE, "0x3b000000")])
        self.attach("alpha", MIB - 16 * PAGE)
        self.agree()
        self.destroy("guest1")
        self.assertEqual([run["state"] for run in self.call("pool.map")["runs"]],
                         ["free", "used", "free"])

    def test_paused(self):
        result = self.create("guest1", PAGE, paused=True)
        self.assertEqual(result["guest"]["state"], "paused")
        self.assertEqual(self.guest("guest1")["state"], "paused")
        self.assertEqual(result["attachments"][0]["state"], "attached")
        self.agree()
        self.call("sim.guest.pause", name="guest1", paused=False)
        self.assertEqual(self.guest("guest1")["state"], "running")
        self.create("guest2", paused=False)
        self.assertEqual(self.guest("guest2")["state"], "running")
        self.create("guest3", paused=True)
        self.destroy("guest3")
        self.assertIsNone(self.guest("guest3"))

    def test_who_is_created(self):
        self.create("guest1", PAGE)
        self.assertEqual({one["name"]: one["created"] for one in self.guests_now()},
                         {"alpha": False, "beta": False, "guest1": True})

    def test_attach_and_detach_later(self):
        self.create("guest1", PAGE)
        self.attach("guest1")
        self.share("alpha", "guest1-1")
        self.agree()
        self.assertEqual([one["segment"] for one in self.detach("guest1", segment="guest1-0")],
                         ["guest1-0"])
        self.assertEqual(set(self.agree()), {"guest1-1"})
        self.detach("guest1", all=True)
        self.agree()
        self.destroy("guest1")
        self.assertEqual(set(self.agree()), {"guest1-1"})

    def test_create_destroy_again_and_again(self):
        before = None
        for _ in range(10):
            self.create("guest1", PAGE, 3 * PAGE, number_=5)
            self.destroy("guest1")
            # A builder that is through is still there for a moment, with its socket.
            self.check_processes()
            before = before or self.daemon.descriptors()
        self.check_nothing_left()
        # Fewer, where the first builder's socket was still there when they were counted.
        self.assertLessEqual(self.daemon.descriptors(), before)

    def test_many_at_once(self):
        """More than builders; each gets its own."""
        ids = [self.ask_create(f"many{i}", PAGE, {"size": PAGE, "name": f"m{i}"})
               for i in range(12)]
        results = [self.client.finish(id_) for id_ in ids]
        self.assertEqual(len({one["guest"]["domid"] for one in results}), 12)
        self.assertEqual(len(self.agree()), 24)
        ids = [self.client.request("guest.destroy", guest=f"many{i}") for i in range(12)]
        self.assertEqual({self.client.finish(id_)["guest"]["state"] for id_ in ids}, {"destroyed"})
        self.check_nothing_left()

    def test_a_caller_that_hangs_up(self):
        """Changes nothing: the guest is created."""
        client = self.connect(self.daemon)
        self.fault("build", "slow", seconds=0.2)
        self.ask_create("guest1", PAGE, client=client)
        self.builders()
        client.close()
        wait_until(lambda: self.guest("guest1"), "the guest is there")
        self.idle()
        self.assertEqual(self.guest("guest1")["state"], "running")

    def test_in_a_batch(self):
        self.client.send_line([
            {"jsonrpc": "2.0", "id": "a", "method": "guest.create",
             "params": {"config": self.settings("one"), "shares": [{"size": PAGE}]}},
            {"jsonrpc": "2.0", "id": "b", "method": "guest.create",
             "params": {"config": self.settings("two"), "shares": [{"size": 0}]}},
            {"jsonrpc": "2.0", "id": "c", "method": "guest.create",
             "params": {"config": self.settings("three")}}])
        replies = {reply["id"]: reply for reply in self.client.read()}
        self.assertEqual({id_ for id_, reply in replies.items() if "result" in reply}, {"a", "c"})
        self.assertEqual(replies["b"]["error"]["code"], -32602)

    def test_no_pages_of_the_dead(self):
        """What a destroyed guest had is wiped for the next."""
        first = self.create("guest1", 8 * PAGE)["attachments"][0]
        self.fill(first, b"secret of guest1")
        self.destroy("guest1")
        second = self.create("guest2", 8 * PAGE)["attachments"][0]
        self.assertEqual(second["host_address"], first["host_address"])
        self.assertGreater(second["epoch"], first["epoch"])
        self.assertEqual(self.guest_bytes(second), bytes(8 * PAGE))


class Files(CreateTest):
    def test_record_and_tree(self):
        config = self.settings("guest1", on={"crash": "preserve", "poweroff": "destroy",
                                             "watchdog": "restart_rename"},
                               max_memkb=65536, iomem=[{"start": 0x7fff0, "number": 1}])
        uuid = config["c_info"]["uuid"]
        self.call("guest.create", config=config, shares=[{"size": PAGE}])
        self.assertEqual(self.daemon.guest_files(), {f"{uuid}.json", f"{uuid}.dtb"})
        record = self.record(uuid)
        self.assertEqual(record["version"], 1)
        self.assertEqual((record["state"], record["domid"], record["preserved"]),
                         ("running", self.domid("guest1"), []))
        self.assertEqual(record["config"], config)
        facts = record["facts"]
        self.assertEqual((facts["name"], facts["uuid"], facts["max_memory"], facts["pci"]),
                         ("guest1", uuid, 65536, False))
        self.assertEqual(facts["iomem"], [{"host_address": 0x7fff0000, "size": PAGE,
                                           "guest_address": 0x7fff0000}])
        self.assertEqual(facts["actions"], {
            "poweroff": "destroy", "reboot": "restart", "crash": "preserve",
            "watchdog": "rename-restart", "soft_reset": "soft-reset"})
        magic, size = struct.unpack(">II", self.tree(uuid)[:8])
        self.assertEqual((magic, size), (FDT_MAGIC, len(self.tree(uuid))))
        self.destroy("guest1")
        self.assertEqual(self.daemon.guest_files(), set())

    def test_private(self):
        """A configuration may hold secrets, such as the password of a display."""
        uuid = self.create("guest1", PAGE)["guest"]["uuid"]
        for name in (f"guests/{uuid}.json", "guests"):
            self.assertEqual((self.daemon.state_dir / name).stat().st_mode & 0o007, 0, name)

    def tree_of(self, name, **more):
        return self.tree(self.create(name, {"size": 3 * PAGE, "name": "window"}, **more)
                         ["guest"]["uuid"])

    def test_the_tree_names_the_segment(self):
        tree = self.tree_of("guest1")
        self.assertIn(b"window@3a000000\0", tree)
        self.assertIn(b"uio-dev\0", tree)
        self.assertIn(struct.pack(">QQ", 0x3a000000, 3 * PAGE), tree)

    def test_the_kernels_own_compatible(self):
        tree = self.tree_of("guest1", cmdline="console=hvc0 uio_pdrv_genirq.of_id=own,shm")
        self.assertIn(b"own,shm\0", tree)
        self.assertNotIn(b"uio-dev", tree)

    def test_the_record_has_not_what_is_added(self):
        """Else each life would add it once more."""
        config = self.settings("guest1")
        self.call("guest.create", config=config, shares=[{"size": PAGE}])
        self.assertEqual(self.record(config["c_info"]["uuid"])["config"], config)


class Compatible(CreateTest):
    config = "[daemon]\nguest-compatible = acme,shared\n"

    def test_from_the_configuration(self):
        result = self.create("guest1", PAGE)
        tree = self.tree(result["guest"]["uuid"])
        self.assertIn(b"acme,shared\0", tree)
        self.assertNotIn(b"uio-dev", tree)

    def test_the_kernel_knows_better(self):
        result = self.create("guest1", PAGE, cmdline="uio_pdrv_genirq.of_id=own,shm quiet")
        self.assertIn(b"own,shm\0", self.tree(result["guest"]["uuid"]))


class RealConfig(CreateTest):
    def test_as_xl_prints_it(self):
        config = json.loads(REAL % self.kernel)
        uuid = config["c_info"]["uuid"]
        result = self.call("guest.create", config=config,
                           shares=[{"size": PAGE}, {"size": PAGE, "address": "0x3c000000"}])
        self.assertEqual(result["guest"]["uuid"], uuid)
        record = self.record(uuid)
        self.assertEqual(record["config"], config)
        self.assertEqual(record["facts"]["max_memory"], 49152)
        self.assertEqual(record["facts"]["actions"], {
            "poweroff": "preserve", "reboot": "restart", "crash": "coredump-destroy",
            "watchdog": "destroy", "soft_reset": "soft-reset"})
        self.assertEqual(record["facts"]["iomem"], [
            {"host_address": 0x7ffe0000, "size": 2 * PAGE, "guest_address": 0x7ffe0000},
            {"host_address": 0x7fff8000, "size": PAGE, "guest_address": 0x30000000}])
        self.assertEqual(len(self.guest("real1")["foreign"]), 2)
        self.agree()
        self.shut_down("real1", "poweroff")
        wait_until(lambda: self.record(uuid)["state"] == "preserved", "it is kept as it is")
        self.agree()
        self.destroy("real1")
        self.check_nothing_left()


class Large(CreateTest):
    def padded(self, name, length):
        """A request of just so many bytes."""
        config = self.settings(name)
        request = {"jsonrpc": "2.0", "id": next(self.client.ids), "method": "guest.create",
                   "params": {"config": config, "shares": [{"size": PAGE}]}}
        config["c_info"]["xsdata"] = {"vm-data/text": ""}
        missing = length - len(json.dumps(request))
        config["c_info"]["xsdata"]["vm-data/text"] = "x" * missing
        self.assertEqual(len(json.dumps(request)), length)
        return request

    def test_the_longest_line(self):
        request = self.padded("guest1", LINE_MAX - 1)
        self.client.send_line(request)
        result = self.client.finish(request["id"])
        self.assertEqual(result["guest"]["state"], "running")
        self.assertEqual(self.record(result["guest"]["uuid"])["config"],
                         request["params"]["config"])
        self.assertEqual(self.daemon.stop(), 0)
        self.begin(*self.first_options())

    def test_a_longer_one(self):
        client = self.connect(self.daemon)
        client.send_line(self.padded("guest1", LINE_MAX + KIB))
        reply = client.read()
        self.assertEqual(reply["error"]["code"], PARSE_ERROR)
        self.assertIn(str(LINE_MAX), reply["error"]["message"])
        self.assertTrue(client.at_end())
        self.check_nothing_left()

    def test_an_attachment_above(self):
        """A share that does not fit below the RAM goes above it."""
        result = self.create("guest1", {"size": PAGE, "address": hex(1 << 32)})
        self.assertGreater(number(result["attachments"][0]["guest_address"]), RAM)


if __name__ == "__main__":
    unittest.main()
