# SPDX-License-Identifier: LGPL-2.1-or-later
"""The builder by itself, as the daemon has it: a child with a socket, the simulated world and its
bell as descriptors 3, 4 and 5. A daemon on the same world plans the faults and shows what there
is. XENSHM_BUILDER_SIM names the program."""

import contextlib
import fcntl
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid

import harness
from harness import KIB, MIB, PAGE, DaemonTest, wait_until

BUILDER = os.environ.get("XENSHM_BUILDER_SIM", "xenshm-builder-sim")
LINE_MAX = 4 * MIB
POOL = 0x80000000 - MIB  # where the only pool begins
FDT_MAGIC = 0xd00dfeed


def spawn(program, *descriptors, arguments=(), **more):
    """A child with these descriptors from 3 on, and nothing else but output."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in descriptors]
    actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
    actions += [(os.POSIX_SPAWN_DUP2, fd, 3 + number) for number, fd in enumerate(high)]
    actions += [(os.POSIX_SPAWN_CLOSE, fd) for fd in high]
    pid = os.posix_spawn(program, [program, *arguments], os.environ, file_actions=actions,
                         setsid=True, **more)
    for fd in high:
        os.close(fd)
    return pid


def alive(pid):
    """Neither gone nor a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Builder:
    """A running builder and the daemon's end of its socket."""

    def __init__(self, world, bell):
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(harness.PATIENCE)
        self.pid = spawn(BUILDER, theirs.fileno(), world, bell)
        theirs.close()
        self.buffer = b""
        self.status = None

    def say(self, line):
        data = line if isinstance(line, bytes) else json.dumps(line).encode()
        self.socket.sendall(data + b"\n")

    def raw(self):
        """The next line; None when the builder has hung up."""
        while b"\n" not in self.buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def hear(self):
        line = self.raw()
        assert line is not None, "the builder has hung up"
        return json.loads(line)

    def ask(self, line):
        self.say(line)
        return self.hear()

    def wait(self):
        """Its exit status; negative: killed by that signal."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def close(self):
        self.socket.close()
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.wait()


class BuilderTest(DaemonTest):
    options = ("--pool", "1M")

    def begin(self, *options):
        super().begin("--world", str(self.folder / "world"), *options)
        self.world = os.open(self.folder / "world", os.O_RDWR | os.O_CLOEXEC)
        self.bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.addCleanup(os.close, self.world)
        self.addCleanup(os.close, self.bell)
        self.kernel = self.folder / "kernel"
        self.kernel.write_bytes(b"kernel")
        self.tree = str(self.folder / "guest1.dtb")

    # ---- what is said ----

    def builder(self):
        builder = Builder(self.world, self.bell)
        self.addCleanup(builder.close)
        return builder

    def domain_config(self, name="guest1", c_info=None, **b_info):
        """As `xl create --dryrun` prints it; None takes a key out."""
        c_info = {"type": "pvh", "name": name, "uuid": str(uuid.uuid4()),
                  "run_hotplug_scripts": "True", **(c_info or {})}
        b_info = {"max_vcpus": 1, "avail_vcpus": [0], "max_memkb": 131072,
                  "target_memkb": 131072, "shadow_memkb": 1280, "sched_params": {},
                  "claim_mode": "False", "kernel": str(self.kernel),
                  "cmdline": "console=hvc0", "type.pvh": {}, "arch_arm": {}, **b_info}
        for part in (c_info, b_info):
            for key in [key for key, value in part.items() if value is None]:
                del part[key]
        return {"c_info": c_info, "b_info": b_info, "on_reboot": "restart",
                "on_soft_reset": "soft_reset"}

    def facts(self, config, builder=None):
        reply = (builder or self.builder()).ask({"do": "create", "config": config})
        self.assertEqual(list(reply), ["facts"], reply)
        return reply["facts"]

    def share(self, segment="guest1-0", host=POOL, size=PAGE, guest=0x3a000000, epoch=7,
              map_=True):
        return {"segment": segment, "host_address": host, "size": size, "guest_address": guest,
                "epoch": epoch, "map": map_}

    def order(self, *shares, compatible="uio-dev"):
        return {"build": {"tree": self.tree, "compatible": compatible, "shares": list(shares)}}

    def built(self, *shares, config=None, builder=None, run=True):
        """A guest from beginning to end. Returns (domid, facts)."""
        builder = builder or self.builder()
        facts = self.facts(config or self.domain_config(), builder)
        reply = builder.ask(self.order(*shares))
        self.assertEqual(list(reply), ["built"], reply)
        if run:
            self.assertEqual(builder.ask({"run": {}}), {"done": {}})
        builder.socket.close()
        self.assertEqual(builder.wait(), 0)
        return reply["built"]["domid"], facts

    def end(self, domid, uuid_, how="destroy", **more):
        builder = self.builder()
        reply = builder.ask({"do": "end", "domid": domid, "uuid": uuid_, "how": how, **more})
        status = builder.wait()
        if "error" in reply:
            self.assertEqual(status, 1)
            return reply
        self.assertEqual(status, 0)
        self.assertEqual(list(reply), ["done"])
        return reply["done"]

    def refused_with(self, name, text, config=None, builder=None, line=None):
        builder = builder or self.builder()
        reply = builder.ask(line or {"do": "create", "config": config})
        self.assertEqual(list(reply), ["error"], reply)
        self.assertEqual(reply["error"]["name"], name)
        self.assertIn(text, reply["error"]["message"])
        self.assertLessEqual(set(reply["error"]), {"name", "message", "hint"})
        self.assertIsNone(builder.raw())
        self.assertEqual(builder.wait(), 1)
        return reply["error"]["message"]

    # ---- what there is ----

    def domains(self):
        return {guest["domid"]: guest for guest in self.call("guest.list")["guests"]}

    def domain(self, domid):
        return next(domain for domain in self.call("sim.status")["domains"]
                    if domain["domid"] == domid)

    def rung(self):
        with contextlib.suppress(BlockingIOError):
            return os.eventfd_read(self.bell)
        return 0

    def fault(self, step, action, **more):
        return self.call("sim.builder", step=step, action=action, **more)["pending"]


class Facts(BuilderTest):
    def test_of_a_whole_configuration(self):
        config = self.domain_config(max_memkb=262144, iomem=[
            {"start": 0x7ff00, "number": 2, "gfn": 0x3b000}, {"start": 0x7ff10, "number": 1}],
            cmdline="console=hvc0 uio-pdrv-genirq.of_id=other uio_pdrv_genirq.of_id=mine x=1")
        config.update({"pcidevs": [{"dev": 1}], "on_crash": "coredump_restart",
                       "on_watchdog": "restart_rename", "on_poweroff": "preserve"})
        self.assertEqual(self.facts(config), {
            "name": "guest1", "uuid": config["c_info"]["uuid"], "max_memory": 262144, "pci": True,
            "iomem": [{"host_address": 0x7ff00000, "size": 2 * PAGE, "guest_address": 0x3b000000},
                      {"host_address": 0x7ff10000, "size": PAGE, "guest_address": 0x7ff10000}],
            "taken": [], "compatible": "mine",
            "actions": {"poweroff": "preserve", "reboot": "restart", "crash": "coredump-restart",
                        "watchdog": "rename-restart", "soft_reset": "soft-reset"}})
        self.assertEqual(self.domains(), {})

    def test_defaults_are_libxls(self):
        config = self.domain_config(max_memkb=None, target_memkb=None)
        del config["on_reboot"], config["on_soft_reset"]
        facts = self.facts(config)
        self.assertEqual(facts["max_memory"], 32 * KIB)
        self.assertEqual(set(facts["actions"].values()), {"destroy"})
        self.assertFalse(facts["pci"])
        self.assertNotIn("compatible", facts)

    def test_a_uuid_is_made_up(self):
        made = {self.facts(self.domain_config(c_info={"uuid": text}))["uuid"]
                for text in (None, None, "00000000-0000-0000-0000-000000000000")}
        self.assertEqual(len(made), 3)
        self.assertTrue(all(uuid.UUID(text).version == 4 for text in made))

    def test_of_a_device_tree(self):
        self.built(self.share(guest=0x3a002000, size=3 * PAGE))
        facts = self.facts(self.domain_config(device_tree=self.tree))
        self.assertEqual(facts["taken"], [{"address": 0x3a002000, "size": 3 * PAGE}])

    def test_firmware_and_bootloaders_need_no_kernel(self):
        self.facts(self.domain_config(kernel=None, bootloader="pygrub"))
        self.facts(self.domain_config(kernel=None, c_info={"type": "hvm"}))


class Refusals(BuilderTest):
    def tearDown(self):
        self.assertEqual(self.domains(), {})
        super().tearDown()

    def test_no_name(self):
        for name in (None, ""):
            self.refused_with("CONFIG_INVALID", "has no name", self.domain_config(c_info={"name": name}))

    def test_a_long_name(self):
        self.refused_with("CONFIG_INVALID", "longer", self.domain_config(c_info={"name": "x" * 200}))

    def test_no_kernel(self):
        self.refused_with("CONFIG_INVALID", "guest 'guest1' has no kernel",
                          self.domain_config(kernel=None))
        self.refused_with("CONFIG_INVALID", "has no kernel",
                          self.domain_config(kernel=None, bootloader="x", c_info={"type": "pvh"})
                          | {"b_info": {}})

    def test_files_that_cannot_be_used(self):
        fifo = str(self.folder / "fifo")
        os.mkfifo(fifo)
        for path, why in (("/no/such", "No such file"), (str(self.folder), "not a regular file"),
                          (fifo, "not a regular file"), ("/dev/zero", "not a regular file"),
                          ("boot/kernel", "must begin with '/'")):
            for key in ("kernel", "ramdisk", "device_tree"):
                message = self.refused_with("CONFIG_INVALID", why, self.domain_config(**{key: path}))
                self.assertIn(f"guest 'guest1': {key} '{path}'", message)

    def test_a_device_tree_that_is_none(self):
        self.refused_with("CONFIG_INVALID", f"device_tree '{self.kernel}'",
                          self.domain_config(device_tree=str(self.kernel)))
        large = self.folder / "large"
        with open(large, "wb") as file:
            file.truncate(2 * MIB + 1)
        self.refused_with("CONFIG_INVALID", "File too large", self.domain_config(device_tree=str(large)))

    def test_soft_reset_where_it_cannot_be(self):
        config = self.domain_config()
        config["on_crash"] = "soft_reset"
        self.refused_with("CONFIG_INVALID", "on_crash", config)

    def test_an_unknown_action(self):
        config = self.domain_config()
        config["on_crash"] = "explode"
        self.refused_with("CONFIG_INVALID", 'on_crash = "explode"', config)

    def test_too_much_memory(self):
        """By its maximum, all of which is populated on Arm; known when the rest is decided."""
        builder = self.builder()
        self.facts(self.domain_config(max_memkb=20 << 20, target_memkb=1 << 20), builder)
        self.refused_with("HYPERVISOR_FAILED", "needs 20480 MiB, Xen has 16384 MiB free",
                          builder=builder, line=self.order())

    def test_what_is_not_libxls_json(self):
        for b_info in ({"max_memkb": "much"}, {"kernel": 5}, {"iomem": 5}, {"iomem": [5]},
                       {"iomem": [{"start": "x"}]}, {"max_memkb": -1}):
            self.refused_with("CONFIG_INVALID", "not libxl's JSON", self.domain_config(**b_info))
        for config in ({}, {"c_info": 1}, {"c_info": {}}, {"c_info": {}, "b_info": []}, 5, []):
            self.refused_with("CONFIG_INVALID", "not libxl's JSON", config)
        for c_info in ({"uuid": "x"}, {"type": "toaster"}, {"name": 5}):
            self.refused_with("CONFIG_INVALID", "not libxl's JSON", self.domain_config(c_info=c_info))

    def test_garbled_requests(self):
        for line in (b"", b"{", b"[]", b"5", b'"x"', b"\xff\xfe", b'{"do": "create", "do": "end"}',
                     {}, {"do": 5}, {"do": "dance"}, {"do": "create"}, {"do": "end"},
                     {"do": "create", "config": {}, "more": 1},
                     {"do": "end", "domid": 0, "uuid": str(uuid.uuid4()), "how": "destroy"},
                     {"do": "end", "domid": -1, "uuid": str(uuid.uuid4()), "how": "destroy"},
                     {"do": "end", "domid": 1 << 32, "uuid": str(uuid.uuid4()), "how": "destroy"},
                     {"do": "end", "domid": 1, "uuid": "x", "how": "destroy"},
                     {"do": "end", "domid": 1, "uuid": str(uuid.uuid4()), "how": "kiss"}):
            with self.subTest(line=line):
                self.refused_with("HYPERVISOR_FAILED", "does not understand", line=line or b"\n")

    def test_a_line_without_end(self):
        builder = self.builder()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            builder.socket.sendall(b" " * (LINE_MAX + 65536))
        self.assertEqual(builder.hear()["error"]["name"], "HYPERVISOR_FAILED")
        self.assertEqual(builder.wait(), 1)

    def test_a_long_line_is_taken(self):
        config = self.domain_config()
        config["nics"] = ["x" * (2 * MIB)]
        self.facts(config)

    def test_garbled_orders(self):
        good = self.share()
        for order in (b"{", {"run": {}}, {"build": 5}, {"build": {}}, {"build": {}, "more": 1},
                      self.order({}), self.order(5), self.order({**good, "size": 0}),
                      self.order({**good, "size": 5}), self.order({**good, "host_address": 5}),
                      self.order({**good, "guest_address": -4096}), self.order({**good, "map": 1}),
                      self.order({**good, "more": 1}), self.order({**good, "epoch": "x"})):
            with self.subTest(order=order):
                builder = self.builder()
                self.facts(self.domain_config(), builder)
                self.refused_with("HYPERVISOR_FAILED", "does not understand", builder=builder,
                                  line=order)

    def test_shares_that_cannot_be_in_one_tree(self):
        builder = self.builder()
        self.facts(self.domain_config(), builder)
        reply = builder.ask(self.order(self.share(), self.share(host=POOL + PAGE)))
        self.assertIn("error", reply)
        self.assertFalse(os.path.exists(self.tree))

    def test_where_no_tree_can_be_written(self):
        builder = self.builder()
        self.facts(self.domain_config(), builder)
        self.tree = "/no/such/tree"
        self.refused_with("STORE_FAILED", "/no/such/tree", builder=builder,
                          line=self.order(self.share()))

    def test_pages_that_xen_refuses(self):
        for share in (self.share(host=0x10000000), self.share(host=POOL + MIB - PAGE, size=2 * PAGE)):
            builder = self.builder()
            self.facts(self.domain_config(), builder)
            self.refused_with("HYPERVISOR_FAILED", "building guest 'guest1' failed: failed give",
                              builder=builder, line=self.order(share))
            self.assertFalse(os.path.exists(self.tree))
            self.assertEqual(self.rung(), 2)  # it came, and went


class Built(BuilderTest):
    def test_a_guest_with_shares(self):
        own = {"start": (POOL >> 12) + 16, "number": 1, "gfn": 0x3b000}
        config = self.domain_config(iomem=[own])
        domid, _ = self.built(self.share(size=2 * PAGE), self.share(
            "other", POOL + 8 * PAGE, PAGE, 0x3a008000, 9), config=config)
        self.assertEqual(self.rung(), 1)
        guest = self.domains()[domid]
        self.assertEqual((guest["name"], guest["uuid"], guest["state"], guest["memory"]),
                         ("guest1", config["c_info"]["uuid"], "running", 128 * MIB))
        mappings = sorted((m["host_address"], m["guest_address"], m["size"])
                          for m in self.domain(domid)["mappings"])
        self.assertEqual(mappings, [(hex(POOL), "0x3a000000", 2 * PAGE),
                                    (hex(POOL + 8 * PAGE), "0x3a008000", PAGE),
                                    (hex(POOL + 16 * PAGE), "0x3b000000", PAGE)])
        self.assertEqual(self.call("sim.guest.xenstore", name="guest1")["nodes"], {
            "guest1-0/address": "0x3a000000", "guest1-0/size": "8192", "guest1-0/epoch": "7",
            "other/address": "0x3a008000", "other/size": "4096", "other/epoch": "9"})
        self.assertEqual(os.stat(self.tree).st_mode & 0o7777, 0o600)
        with open(self.tree, "rb") as tree:
            self.assertEqual(struct.unpack(">I", tree.read(4))[0], FDT_MAGIC)
        self.assertEqual(sorted(os.listdir(self.folder)),
                         sorted(set(os.listdir(self.folder)) - {self.tree + ".new"}))

    def test_what_is_not_to_be_mapped(self):
        domid, _ = self.built(self.share(map_=False))
        self.assertEqual(self.domain(domid)["mappings"], [])
        self.assertEqual(self.call("sim.guest.xenstore", name="guest1")["nodes"],
                         {"guest1-0/address": "0x3a000000", "guest1-0/size": "4096",
                          "guest1-0/epoch": "7"})
        self.assertTrue(os.path.exists(self.tree))

    def test_without_shares_nothing_is_added(self):
        config = self.domain_config()
        domid, facts = self.built(config=config)
        self.assertFalse(os.path.exists(self.tree))
        stored = self.end(domid, facts["uuid"])["config"]
        stored["b_info"].pop("iomem", None)
        stored["c_info"].pop("xsdata", None)
        self.assertEqual(stored, config)

    def test_what_is_stored(self):
        domid, facts = self.built(self.share())
        stored = self.end(domid, facts["uuid"])["config"]
        self.assertEqual(stored["b_info"]["iomem"],
                         [{"start": POOL >> 12, "number": 1, "gfn": 0x3a000}])
        self.assertEqual(stored["b_info"]["device_tree"], self.tree)
        self.assertEqual(stored["b_info"]["cmdline"],
                         "console=hvc0 uio_pdrv_genirq.of_id=uio-dev")
        self.assertEqual(stored["c_info"]["xsdata"], {
            "xenshm/guest1-0/address": "0x3a000000", "xenshm/guest1-0/size": "4096",
            "xenshm/guest1-0/epoch": "7"})

    def test_arguments_of_the_kernel(self):
        for cmdline, wanted in ((None, "uio_pdrv_genirq.of_id=uio-dev"),
                                ("a -- b", "a uio_pdrv_genirq.of_id=uio-dev -- b"),
                                ("uio-pdrv-genirq.of_id=mine", "uio-pdrv-genirq.of_id=mine")):
            domid, facts = self.built(self.share(), config=self.domain_config(cmdline=cmdline))
            stored = self.end(domid, facts["uuid"])["config"]
            self.assertEqual(stored["b_info"]["cmdline"], wanted)

    def test_an_earlier_lifes_nodes_go(self):
        config = self.domain_config(c_info={"xsdata": {"xenshm/old/address": "0x0", "mine": "1"}})
        domid, facts = self.built(self.share(), config=config)
        xsdata = self.end(domid, facts["uuid"])["config"]["c_info"]["xsdata"]
        self.assertEqual(xsdata["mine"], "1")
        self.assertFalse(any("old" in key for key in xsdata))

    def test_it_stays_paused_without_run(self):
        domid, _ = self.built(self.share(), run=False)
        self.assertEqual(self.domains()[domid]["state"], "paused")

    def test_the_same_name_twice(self):
        self.built()
        builder = self.builder()
        self.facts(self.domain_config(), builder)
        self.refused_with("HYPERVISOR_FAILED", 'Domain with name "guest1" already exists',
                          builder=builder, line=self.order())
        self.assertEqual(len(self.domains()), 1)

    def test_memory_of_guests_counts(self):
        self.built(config=self.domain_config("a", max_memkb=10 << 20, target_memkb=10 << 20))
        builder = self.builder()
        self.facts(self.domain_config("b", max_memkb=10 << 20, target_memkb=10 << 20), builder)
        self.refused_with("HYPERVISOR_FAILED", "needs 10240 MiB, Xen has 6144 MiB free",
                          builder=builder, line=self.order())


class End(BuilderTest):
    def test_destroy(self):
        domid, facts = self.built(self.share())
        self.rung()
        self.end(domid, facts["uuid"])
        self.assertEqual(self.domains(), {})
        self.assertEqual(self.rung(), 1)

    def test_one_that_is_gone(self):
        domid, facts = self.built()
        self.assertEqual(self.end(domid, str(uuid.uuid4())), {})
        self.assertEqual(self.end(domid + 1, facts["uuid"]), {})
        self.assertEqual(list(self.domains()), [domid])

    def test_one_without_configuration(self):
        uuid_ = self.call("sim.guest.start", name="half", config=False)["uuid"]
        domid = self.call("guest.list")["guests"][0]["domid"]
        self.assertEqual(self.end(domid, uuid_), {})
        self.assertEqual(self.domains(), {})

    def test_a_core_dump(self):
        domid, facts = self.built()
        core = self.folder / "core"
        self.end(domid, facts["uuid"], core=str(core))
        self.assertTrue(core.exists())
        domid, facts = self.built()
        self.end(domid, facts["uuid"], core="/no/such/core")
        self.assertEqual(self.domains(), {})

    def test_preserve(self):
        domid, facts = self.built(self.share())
        self.assertIn("config", self.end(domid, facts["uuid"], "preserve", name="guest1-old"))
        guest = self.domains()[domid]
        self.assertEqual((guest["name"], guest["uuid"]), ("guest1-old", facts["uuid"]))
        self.end(domid, facts["uuid"], "preserve")
        self.assertEqual(self.domains()[domid]["name"], "guest1-old")

    def test_preserve_under_a_name_in_use(self):
        domid, facts = self.built()
        self.call("sim.guest.start", name="other")
        reply = self.end(domid, facts["uuid"], "preserve", name="other")
        self.assertEqual(reply["error"]["name"], "HYPERVISOR_FAILED")


class Interrupted(BuilderTest):
    def test_the_daemon_hangs_up(self):
        """Before the order nothing is there, after "built" a whole guest stays, paused."""
        builder = self.builder()
        builder.socket.close()
        self.assertEqual(builder.wait(), 0)
        builder = self.builder()
        self.facts(self.domain_config(), builder)
        builder.socket.close()
        self.assertEqual(builder.wait(), 0)
        self.assertEqual(self.domains(), {})
        self.assertFalse(os.path.exists(self.tree))

    def test_a_request_of_a_daemon_that_is_gone(self):
        self.fault("start", "slow", seconds=0.2)
        builder = self.builder()
        builder.say({"do": "create", "config": self.domain_config()})
        builder.socket.shutdown(socket.SHUT_RDWR)
        builder.socket.close()
        builder.wait()
        self.assertEqual(self.domains(), {})

    def test_killed_half_way(self):
        self.fault("build", "hang")
        builder = self.builder()
        config = self.domain_config()
        self.facts(config, builder)
        builder.say(self.order(self.share()))
        wait_until(lambda: self.rung(), "the domain appears")
        wait_until(lambda: self.call("sim.guest.xenstore", name="guest1")["nodes"], "its nodes")
        os.kill(builder.pid, signal.SIGKILL)
        self.assertEqual(builder.wait(), -signal.SIGKILL)
        (domid, guest), = self.domains().items()
        self.assertEqual((guest["uuid"], guest["state"]), (config["c_info"]["uuid"], "paused"))
        self.assertEqual(self.domain(domid)["mappings"], [])
        self.assertEqual(self.end(domid, guest["uuid"]), {})
        self.assertEqual(self.domains(), {})

    def test_aborts(self):
        for step in ("start", "facts", "build", "built", "run"):
            with self.subTest(step=step):
                self.assertEqual(self.fault(step, "abort"), 1)
                builder = self.builder()
                builder.say({"do": "create", "config": self.domain_config()})
                if step not in ("start", "facts"):
                    builder.hear()
                    builder.say(self.order(self.share()))
                if step == "run":
                    builder.hear()
                    builder.say({"run": {}})
                self.assertIsNone(builder.raw())
                self.assertEqual(builder.wait(), -signal.SIGABRT)
                left = self.domains()
                self.assertEqual(len(left), 0 if step in ("start", "facts") else 1)
                for domid, guest in left.items():
                    done = self.end(domid, guest["uuid"])
                    self.assertEqual("config" in done, step != "build")

    def test_errors_leave_nothing(self):
        for step in ("start", "facts", "build", "built"):
            self.fault(step, "error")
            builder = self.builder()
            reply = builder.ask({"do": "create", "config": self.domain_config()})
            if "facts" in reply:
                reply = builder.ask(self.order(self.share()))
            self.assertEqual(reply["error"]["name"], "HYPERVISOR_FAILED")
            self.assertIn(f"'{step}'", reply["error"]["message"])
            self.assertEqual(builder.wait(), 1)
            self.assertEqual(self.domains(), {})
            self.assertFalse(os.path.exists(self.tree))

    def test_errors_at_the_end(self):
        domid, facts = self.built()
        self.fault("end", "error")
        self.assertIn("error", self.end(domid, facts["uuid"]))
        self.end(domid, facts["uuid"])
        self.assertEqual(self.domains(), {})

    def test_garbage_and_slowness(self):
        self.fault("facts", "garbage")
        builder = self.builder()
        builder.say({"do": "create", "config": self.domain_config()})
        with self.assertRaises(ValueError):
            json.loads(builder.raw())
        self.assertTrue(alive(builder.pid))
        builder.close()
        self.fault("facts", "slow", seconds=0.3)
        before = time.monotonic()
        self.facts(self.domain_config())
        self.assertGreaterEqual(time.monotonic() - before, 0.3)

    def test_plans_are_taken_back(self):
        self.assertEqual(self.fault("run", "hang"), 1)
        self.assertEqual(self.fault("run", ""), 0)
        for bad in ({"step": "dance", "action": "hang"}, {"step": "run", "action": "dance"},
                    {"step": "run", "action": "slow", "seconds": -1},
                    {"step": "run", "action": "slow", "seconds": "x"}):
            with self.refused("INVALID_PARAMS"):
                self.call("sim.builder", **bad)

    def test_it_dies_with_its_parent(self):
        self.fault("start", "hang")
        script = ("import os, socket, sys, time; sys.path.insert(0, sys.argv[1])\n"
                  "import test_builder as t\n"
                  "b = t.Builder(os.open(sys.argv[2], os.O_RDWR), os.eventfd(0))\n"
                  "b.say({'do': 'create', 'config': {}})\n"
                  "print(b.pid, flush=True); time.sleep(60)\n")
        parent = subprocess.Popen([sys.executable, "-c", script,
                                   str(pathlib.Path(__file__).parent), self.folder / "world"],
                                  stdout=subprocess.PIPE)
        pid = int(parent.stdout.readline())
        wait_until(lambda: self.call("sim.builder", step="run", action="")["pending"] == 0,
                   "the builder hangs")
        self.assertTrue(alive(pid))
        parent.kill()
        parent.wait()
        parent.stdout.close()
        wait_until(lambda: not alive(pid), "the builder is gone with its parent")

    def test_two_at_a_time(self):
        self.fault("build", "hang")
        first = self.builder()
        self.facts(self.domain_config("first"), first)
        first.say(self.order(self.share()))
        wait_until(lambda: self.rung(), "the first one builds")
        self.built(self.share("second-0", POOL + PAGE, PAGE, 0x3a001000),
                   config=self.domain_config("second"))
        self.assertTrue(alive(first.pid))


class Program(BuilderTest):
    def output(self, *arguments):
        done = subprocess.run([BUILDER, *arguments], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def test_not_for_people(self):
        code, out, err = self.output()
        self.assertEqual((code, out), (2, ""))
        self.assertEqual(err.count("\n"), 1)
        self.assertIn("descriptor 3 is not a socket", err)
        self.assertEqual(self.output("x")[0], 2)
        self.assertEqual(self.output("--help", "x")[0], 2)
        for option, text in (("--help", "Usage: xenshm-builder-sim"),
                             ("--version", "xenshm-builder-sim ")):
            code, out, err = self.output(option)
            self.assertEqual((code, err), (0, ""))
            self.assertTrue(out.startswith(text), out)

    def test_what_is_no_world(self):
        builder = Builder(self.bell, self.bell)
        self.addCleanup(builder.close)
        self.refused_with("HYPERVISOR_FAILED", "no simulated world", self.domain_config(), builder)

    def test_descriptors_are_its_own(self):
        self.fault("start", "hang")
        builder = self.builder()
        builder.say({"do": "create", "config": self.domain_config()})
        wait_until(lambda: self.call("sim.builder", step="run", action="")["pending"] == 0,
                   "it hangs")
        for fd in os.listdir(f"/proc/{builder.pid}/fdinfo"):
            text = pathlib.Path(f"/proc/{builder.pid}/fdinfo/{fd}").read_text()
            flags = int(next(line.split()[1] for line in text.splitlines()
                             if line.startswith("flags:")), 8)
            self.assertEqual(bool(flags & os.O_CLOEXEC), int(fd) > 2, fd)
