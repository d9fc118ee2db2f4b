# SPDX-License-Identifier: LGPL-2.1-or-later
"""`xenshmctl doctor`: on a healthy made-up Dom0 all is well; each mistake is found and named with its
remedy; and no file, however broken, makes it fail or hang."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import unittest

from harness import FolderTest, PATIENCE
from host import ADDRESS, DRIVER, NODE, PLATFORM, TREE, Host, cells, words

XENSHMCTL = os.environ.get("XENSHMCTL", "xenshmctl")
NOBODY = 65534

CHECKS = ["xen", "version", "dom0", "user", "privcmd", "modules", "of-id", "node", "uio", "ram",
          "memory", "xenstored", "xenconsoled", "socket", "daemon", "pools", "store", "guests",
          "segments", "orders", "use"]


class DoctorTest(FolderTest):
    def setUp(self):
        super().setUp()
        self.host = Host(self.folder / "root")
        self.socket = self.folder / "root" / "run" / "xenshmd" / "xenshmd.sock"
        self.socket.parent.mkdir(parents=True)

    def run_doctor(self, *options, program=(XENSHMCTL,), **more):
        environment = dict(os.environ, XENSHMCTL_ROOT=str(self.host.root), NO_COLOR="1")
        environment.pop("XENSHM_SOCKET", None)
        return subprocess.run([*program, "doctor", *options], env=environment, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, capture_output=True, **more)

    def examine(self, *options, **more):
        """The findings, after all that must hold of any result."""
        run = self.run_doctor("--json", *options, **more)
        self.assertEqual(run.stderr, b"")
        result = json.loads(run.stdout.decode())
        self.assertEqual(run.stdout.count(b"\n"), 1)
        self.check_result(result)
        self.assertEqual(run.returncode, 1 if result["problems"] else 0, result)
        return result["findings"]

    def check_result(self, result):
        self.assertEqual(set(result), {"problems", "warnings", "findings"})
        findings = result["findings"]
        for finding in findings:
            self.assertEqual(set(finding), {"check", "status", "looked_at", "found", "remedy"})
            self.assertIn(finding["status"], ("ok", "info", "skipped", "warning", "problem"))
            self.assertTrue(finding["looked_at"] and finding["found"], finding)
            self.assertNotIn("\n", finding["looked_at"] + finding["found"])
            blamed = finding["status"] in ("warning", "problem")
            self.assertEqual(bool(finding["remedy"]), blamed, finding)
        for status, count in (("problem", "problems"), ("warning", "warnings")):
            self.assertEqual(result[count], sum(f["status"] == status for f in findings))
        order = [f["check"] for f in findings]
        self.assertEqual(list(dict.fromkeys(order)), CHECKS, "every step, in its order")

    def blamed(self, **more):
        """[(check, status)] of everything that is not in order."""
        return [(f["check"], f["status"]) for f in self.examine(**more)
                if f["status"] in ("warning", "problem")]

    def find(self, check, *texts, status="problem", remedy="", findings=None):
        """There is such a finding, whose words hold these texts; returns all findings."""
        findings = findings or self.examine()
        for f in findings:
            if (f["check"], f["status"]) == (check, status) and remedy in (f["remedy"] or "") \
                    and all(text in f["looked_at"] + ": " + f["found"] for text in texts):
                return findings
        self.fail(f"no {status} of '{check}' with {texts} and '{remedy}' among\n"
                  + "\n".join(map(str, findings)))

    def start_daemon(self, *options, **more):
        return self.start("--pool", "4K", *options, socket_path=self.socket, **more)


class HealthyTest(DoctorTest):
    def test_all_is_well(self):
        self.start_daemon("--guest", "guest1")
        self.assertEqual({f["status"] for f in self.examine()}, {"ok", "info"} if os.geteuid() == 0
                         else {"ok", "info", "skipped"})

    def test_a_line_for_each_finding(self):
        self.start_daemon()
        run = self.run_doctor()
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        lines = run.stdout.decode().splitlines()
        self.assertRegex(lines[0], r"^STATUS +CHECK +FINDING$")
        self.assertRegex(lines[1], r"^ok +xen +/sys/hypervisor/type: xen$")
        self.assertIn("4 KiB at 0x7ffff000", run.stdout.decode())
        self.assertEqual(lines[-1], "0 problems, 0 warnings")
        self.assertEqual(len(lines), 2 + len(self.examine()))

    def test_a_problem_has_its_remedy_in_its_line(self):
        self.host.remove("/dev/xen/privcmd")
        self.start_daemon()
        run = self.run_doctor()
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stdout.decode(), r"(?m)^problem +privcmd +/dev/xen/privcmd: "
                                              r".*; remedy: modprobe xen-privcmd")
        self.assertTrue(run.stdout.endswith(b"\n1 problem, 0 warnings\n"), run.stdout)

    def test_another_uio_device_is_left_alone(self):
        self.host.node("other_dev@fffc0000", compatible=words("uio-dev"),
                       reg=cells(0xfffc0000, 4096))
        self.host.make_uio("uio1", "other_dev@fffc0000", [(0xfffc0000, 4096)])
        self.host.file("/dev/uio1", "")
        self.start_daemon()
        self.assertEqual(self.blamed(), [])

    def test_pools_of_other_names_by_the_daemons_configuration(self):
        self.host.remove_uio("uio0", NODE)
        self.host.remove(f"{TREE}/{NODE}")
        self.host.remove(f"{PLATFORM}/{NODE.replace('@', '.')}")
        self.host.remove(f"/sys/bus/platform/devices/{NODE.replace('@', '.')}")
        node = f"buffers@{ADDRESS:x}"
        self.host.node(node, compatible=words("uio-dev"), reg=cells(ADDRESS, 4096))
        self.host.make_uio("uio0", node, [(ADDRESS, 4096)])
        self.start("--pool", "buffers=4K", socket_path=self.socket)
        self.assertEqual(self.blamed(), [])

    def test_a_module_that_was_told_its_of_id_when_it_was_loaded(self):
        self.host.file("/proc/cmdline", "console=hvc0\n")
        self.start_daemon()
        self.find("of-id", "was loaded with uio-dev", status="ok")
        self.assertEqual(self.blamed(), [])

    def test_dashes_in_the_boot_argument(self):
        self.host.file("/proc/cmdline", "uio-pdrv-genirq.of_id=x uio-pdrv-genirq.of-id=uio-dev\n")
        self.start_daemon()
        self.find("of-id", "uio-dev, in effect", status="ok")

    def test_what_is_built_into_the_kernel(self):
        self.host.remove("/sys/module")
        self.start_daemon()
        self.assertEqual(self.blamed(), [])

    def test_xenstored_as_a_domain(self):
        self.host.remove("/proc/200")
        self.host.file("/run/xen/xenstored.pid", "domid:3\n")
        self.start_daemon()
        self.assertEqual(self.blamed(), [])


class XenTest(DoctorTest):
    def test_a_machine_without_xen(self):
        for path in ("/sys/hypervisor", "/proc/xen", "/dev/xen"):
            self.host.remove(path)
        self.start_daemon()
        findings = self.find("xen", "this is not Xen", remedy="boot this host through Xen")
        for check in ("version", "dom0", "privcmd", "xenstored", "xenconsoled"):
            self.find(check, "this is not Xen", status="skipped", findings=findings)
        self.find("daemon", "xenshmd", status="ok", findings=findings)
        self.assertEqual(self.blamed(), [("xen", "problem")])

    def test_nothing_at_all(self):
        shutil.rmtree(self.host.root)
        findings = self.find("xen", remedy="boot this host through Xen")
        self.find("modules", "/sys/module/uio_pdrv_genirq", remedy="modprobe", findings=findings)
        self.find("node", "there is no device tree", findings=findings)
        self.find("daemon", "there is no socket", status="skipped", findings=findings)

    def test_another_hypervisor(self):
        self.host.file("/sys/hypervisor/type", "kvm\n")
        self.find("xen", "kvm")

    def test_a_kernel_without_sys_hypervisor(self):
        self.host.remove("/sys/hypervisor")
        findings = self.find("xen", "/proc/xen/capabilities", status="ok")
        self.find("version", "cannot be read", status="warning", remedy="xl info",
                  findings=findings)

    def test_versions(self):
        for major, minor, status in (("4", "16", "problem"), ("3", "20", "problem"),
                                     ("4", "17", "ok"), ("4", "23", "ok"), ("5", "0", "ok"),
                                     ("4", "x", "warning"), ("-4", "17", "warning")):
            with self.subTest(major=major, minor=minor):
                self.host.file("/sys/hypervisor/version/major", major + "\n")
                self.host.file("/sys/hypervisor/version/minor", minor + "\n")
                self.find("version", status=status, remedy={"problem": "upgrade Xen"}.get(status, ""))

    def test_a_guest(self):
        self.host.file("/proc/xen/capabilities", "")
        self.find("dom0", "a guest, not Dom0", remedy="in Dom0")
        self.host.file("/proc/xen/capabilities", "no_control_d control_d2\n")
        self.find("dom0", "a guest, not Dom0")

    def test_xenfs_is_not_mounted(self):
        self.host.remove("/proc/xen/capabilities")
        self.find("dom0", "cannot be read", remedy="mount -t xenfs")

    def test_services(self):
        self.host.remove("/proc/200")
        self.host.remove("/proc/210")
        findings = self.find("xenstored", "does not run", remedy="start")
        self.find("xenconsoled", status="warning", remedy="start", findings=findings)
        self.host.remove("/proc/1")
        self.find("xenstored", "cannot be seen", status="skipped")

    def test_no_way_to_xenstored(self):
        self.host.remove("/dev/xen/xenbus")
        self.find("xenstored", "neither its socket nor /dev/xen/xenbus", remedy="start")
        self.host.file("/run/xenstored/socket", "")
        self.find("xenstored", "/run/xenstored/socket", status="ok")


class UioTest(DoctorTest):
    def spoil(self, check, *texts, remedy, **more):
        """The daemon runs, and only this is wrong."""
        self.start_daemon()
        findings = self.find(check, *texts, remedy=remedy, **more)
        return [f["check"] for f in findings if f["status"] == "problem"]

    def test_modules(self):
        self.host.remove(f"/sys/module/{DRIVER}")
        self.host.remove(f"/sys/bus/platform/drivers/{DRIVER}")
        self.host.remove(f"{PLATFORM}/{NODE.replace('@', '.')}/driver")
        self.host.remove("/sys/module/uio")
        self.host.remove("/sys/class/uio")
        findings = self.find("modules", "/sys/module/uio:", remedy="modprobe uio,")
        self.find("modules", "/sys/module/uio_pdrv_genirq:", remedy="modprobe uio_pdrv_genirq",
                  findings=findings)
        self.find("node", "waits for", status="ok", findings=findings)
        self.find("uio", "no UIO", status="skipped", findings=findings)

    def test_a_forgotten_boot_argument(self):
        self.host.file("/proc/cmdline", "console=hvc0 uio_pdrv_genirq.of_id=\n")
        self.host.remove_uio("uio0", NODE)
        self.spoil("of-id", "no uio_pdrv_genirq.of_id=", remedy="add uio_pdrv_genirq.of_id=uio-dev")

    def test_a_boot_argument_that_is_not_in_effect(self):
        self.host.remove_uio("uio0", NODE)
        self.spoil("node", NODE, "no driver is bound", remedy="insmod does not look")
        self.host.file(f"/sys/module/{DRIVER}/parameters/of_id", "generic-uio\n")
        self.find("of-id", "in effect is generic-uio", remedy="modprobe -r uio_pdrv_genirq")

    def test_no_node(self):
        self.host.remove_uio("uio0", NODE)
        self.host.remove(f"{TREE}/{NODE}")
        self.spoil("node", "no node is called shared_mem*", remedy="add a top-level node")
        self.find("uio", "no UIO device", remedy="[pools]")

    def test_reserved_memory(self):
        node = f"reserved-memory/{NODE}"
        self.host.remove_uio("uio0", NODE)
        self.host.path(f"{TREE}/reserved-memory").mkdir()
        self.host.path(f"{TREE}/{NODE}").rename(self.host.path(f"{TREE}/{node}"))
        self.host.make_uio("uio0", node, [(ADDRESS, 4096)])
        self.spoil("node", "lies under /reserved-memory", remedy="top-level node")
        self.find("uio", "lies under /reserved-memory", remedy="top-level node")

    def test_passthrough(self):
        self.host.node(NODE, xen__passthrough=b"")
        self.spoil("node", "xen,passthrough", remedy="remove the property")

    def test_disabled(self):
        self.host.node(NODE, status=words("disabled"))
        self.host.remove_uio("uio0", NODE)
        self.spoil("node", 'status "disabled"', remedy="okay")
        # Xen hides the property from Dom0, and disables the node.
        self.find("node", "xen,passthrough", remedy="remove its xen,passthrough")
        self.host.node(NODE, status=words("fail"))
        self.find("node", 'status "fail"', remedy="okay")
        self.host.node(NODE, status=words("okay"))
        self.find("node", "no driver is bound")

    def test_another_compatible(self):
        self.host.node(NODE, compatible=words("generic-uio", "uio-device"))
        self.host.remove_uio("uio0", NODE)
        self.spoil("node", "not compatible with uio-dev", remedy='compatible = "uio-dev"')

    def test_another_driver(self):
        self.host.make_device(NODE.replace("@", "."), NODE, driver="acme")
        self.spoil("node", "driven by acme", remedy="compatible string")

    def test_no_device_was_made_of_the_node(self):
        self.host.remove_uio("uio0", NODE)
        self.host.remove(f"/sys/bus/platform/devices/{NODE.replace('@', '.')}")
        self.spoil("node", "no platform device", remedy="simple-bus")

    def test_somebody_elses_node_is_a_warning(self):
        self.host.node("other_dev@0", compatible=words("uio-dev"), reg=cells(0, 4096),
                       status=words("disabled"))
        self.start_daemon()
        self.find("node", "other_dev@0", "disabled", status="warning", remedy="okay")

    def test_more_maps_than_uio_shows(self):
        ranges = [(ADDRESS - i * 8192, 4096) for i in range(6)]
        self.host.node(NODE, reg=cells(*(number for pair in ranges for number in pair)))
        self.spoil("node", "6 ranges", "first 5", remedy="several nodes")

    def test_the_driver_rounds_up_what_is_no_page(self):
        for reg in ((ADDRESS, 0x800), (ADDRESS + 16, 4096 - 16)):
            with self.subTest(reg=reg):
                self.host.node(NODE, reg=cells(*reg))
                self.find("node", NODE, f"{reg[1]:#x} bytes at {reg[0]:#x} are not whole pages",
                          remedy="multiples of 0x1000")

    def test_registers_of_another_device_need_not_be_pages(self):
        self.host.node("other_dev@fffc0010", compatible=words("uio-dev"),
                       reg=cells(0xfffc0010, 16))
        self.host.make_device("fffc0010.other_dev", "other_dev@fffc0010")
        self.start_daemon()
        self.assertEqual(self.blamed(), [])

    def test_bytes_that_are_no_pages(self):
        self.host.make_uio("uio0", NODE, [(ADDRESS + 16, 4096)])
        self.spoil("uio", "/dev/uio0", "not whole pages", remedy="align the reg property")

    def test_no_device_file(self):
        self.host.remove("/dev/uio0")
        self.spoil("uio", "/dev/uio0: ", "the device file is missing", remedy="devtmpfs")

    @unittest.skipUnless(os.geteuid() == 0, "judged for root only")
    def test_system_ram(self):
        self.host.file("/proc/iomem", "00000000-7fffffff : System RAM\n")
        self.assertEqual(self.spoil("ram", "shared_mem", "as System RAM",
                                    remedy="end the memory node"), ["ram"])

    @unittest.skipUnless(os.geteuid() == 0, "judged for root only")
    def test_ram_that_cannot_be_told(self):
        self.host.file("/proc/iomem", "00000000-00000000 : System RAM\n")
        self.assertEqual(self.spoil("ram", "hides its addresses", remedy="CAP_SYS_ADMIN"), ["ram"])
        self.host.remove("/proc/iomem")
        self.find("ram", "cannot be read")

    def test_firmware_that_rewrote_the_memory_node(self):
        self.host.node("memory@0", reg=cells(0, 0x80000000))
        self.assertEqual(self.spoil("memory", "memory@0/reg", "cover pages of shared_mem",
                                    remedy="the boot firmware has rewritten it"), ["memory"])

    def test_memory_that_xen_has_left_over(self):
        self.host.node("hypervisor", reg=cells(0x30000000, 0x1000000, 0x31000000, 0x4f000000))
        self.assertEqual(self.spoil("memory", "hypervisor/reg", "cover pages of shared_mem",
                                    remedy="the boot firmware has rewritten it"), ["memory"])

    def test_xen_does_not_tell_what_is_left_over(self):
        self.host.node("hypervisor", reg=cells(0x30000000, 0x1000000))
        self.start_daemon()
        self.find("memory", "xl dmesg", status="info")

    def test_no_memory_node(self):
        self.host.remove(f"{TREE}/memory@0")
        self.start_daemon()
        self.find("memory", "no memory node", status="skipped")

    def test_other_widths_of_cells(self):
        for name in ("#address-cells", "#size-cells"):
            self.host.node("", **{name: cells(1, width=1)})
        self.host.node(NODE, reg=cells(ADDRESS, 4096, width=1))
        self.host.node("memory@0", reg=cells(0, 0x30000000, 0x60000000, 0x20000000, width=1))
        self.host.remove(f"{TREE}/hypervisor")
        self.start_daemon()
        self.find("memory", "0x20000000 bytes of memory at 0x60000000")

    def test_a_memory_node_without_sense(self):
        self.host.node("memory@0", reg=b"\0\0\0")
        self.start_daemon()
        self.find("memory", "makes no sense", status="warning", remedy="look at the device tree")


class DaemonTest(DoctorTest):
    def only(self, check, status):
        self.assertEqual(set(self.blamed()), {(check, status)})

    def test_it_does_not_run(self):
        self.find("socket", "xenshmd does not run", remedy="systemctl start xenshmd")
        self.only("socket", "problem")

    def test_a_dead_socket(self):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(self.socket))
        self.find("daemon", "Connection refused", remedy="systemctl start xenshmd")
        self.only("daemon", "problem")

    def test_something_else_than_a_socket(self):
        self.socket.write_text("")
        self.find("socket", "something else", remedy="remove it")

    def test_a_socket_of_another_path(self):
        path = self.folder / "elsewhere"
        self.start("--pool", "4K", socket_path=path)
        findings = self.examine("--socket", str(path))
        self.find("socket", str(path), status="ok", findings=findings)
        self.find("daemon", status="ok", findings=findings)

    @unittest.skipUnless(os.geteuid() == 0, "needs another user's socket")
    def test_a_socket_of_another_user(self):
        self.start_daemon()
        os.chown(self.socket, NOBODY, NOBODY)
        self.find("socket", f"user {NOBODY}", status="warning", remedy="see who listens")

    def answer(self, *replies, then=lambda peer: None):
        """Listens, and answers the first connection's requests with these bytes, and their own ids."""
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(self.socket))
        listener.listen()

        def serve():
            peer, _ = listener.accept()
            with peer:
                for reply in replies:
                    request = json.loads(peer.recv(4096))
                    peer.sendall(reply.replace(b'"id": 1,', b'"id": %d,' % request["id"]))
                then(peer)

        threading.Thread(target=serve, daemon=True).start()

    def result(self, value):
        return json.dumps({"jsonrpc": "2.0", "id": 1, "result": value}).encode() + b"\n"

    def test_it_never_answers(self):
        self.answer(then=lambda peer: time.sleep(PATIENCE))
        started = time.monotonic()
        self.find("daemon", "no answer", "within 1 s", remedy="restart xenshmd",
                  findings=self.examine("--timeout", "1"))
        self.assertLess(time.monotonic() - started, PATIENCE - 1)

    def test_it_stops_answering(self):
        self.answer(self.result({"version": "1"}), then=lambda peer: time.sleep(PATIENCE))
        findings = self.examine("--timeout", "1")
        self.find("daemon", "no answer", findings=findings)
        self.find("pools", "xenshmd told nothing", status="skipped", findings=findings)

    def test_it_is_something_else(self):
        self.answer(b"HTTP/1.1 400 Bad Request\r\n\n", then=lambda peer: peer.recv(4096))
        self.find("daemon", "is not xenshmd", remedy="--socket")

    def test_it_hangs_up(self):
        self.answer(self.result({}))
        self.find("daemon", "closed the connection", remedy="log")

    def test_it_answers_nonsense(self):
        for value in (7, [], {"pools": 7, "guests": {"a": 1}, "segments": [7, [], {}, None]},
                      {"pools": [None], "guests": [{"foreign": [1]}, 3], "counts": [],
                       "orders": [{"problem": 3}, 4], "segments": [{"attachments": 5}]}):
            with self.subTest(value=value):
                self.socket.unlink(missing_ok=True)
                self.answer(*[self.result(value)] * 4)
                self.examine()

    def test_text_from_the_daemon_cannot_drive_the_terminal(self):
        guests = {"guests": [{"name": "a\x1b[2J\n", "config_known": False}]}
        self.answer(self.result({"version": "1\x1b"}), self.result({}), self.result(guests),
                    self.result({}))
        run = self.run_doctor()
        self.assertNotIn(b"\x1b", run.stdout)
        self.assertIn(b"a?[2J?", run.stdout)

    def test_refusals(self):
        error = {"code": 18, "message": "stopping", "data": {"name": "BUSY", "hint": "try again"}}
        self.answer(json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode() + b"\n")
        self.find("daemon", "stopping (BUSY)", remedy="try again")
        self.socket.unlink()
        self.answer(b'{"id":1,"error":{"code":1}}\n')
        self.find("daemon", remedy="log")

    def test_a_pool_that_it_has_not(self):
        self.host.make_uio("uio1", f"shared_mem_b@{ADDRESS - 4096:x}", [(ADDRESS - 4096, 4096)])
        self.host.node(f"shared_mem_b@{ADDRESS - 4096:x}", compatible=words("uio-dev"),
                       reg=cells(ADDRESS - 4096, 4096))
        self.start_daemon()
        self.find("pools", "shared_mem_b", "/dev/uio1", remedy="restart xenshmd")
        self.only("pools", "problem")

    def test_bad_store_files(self):
        segments = self.folder / "state" / "segments"
        segments.mkdir(parents=True, mode=0o700)
        (self.folder / "state").chmod(0o755)
        (segments / "x.json").write_text("nonsense")
        self.start_daemon()
        self.find("store", "1 file of the store", remedy="log names them")
        self.only("store", "problem")

    def test_foreign_holders(self):
        daemon = self.start_daemon()
        client = self.connect(daemon)
        client.call("sim.guest.start", name="holder", iomem=["0x7ffff,1@0x3a000"])
        client.call("sim.guest.start", name="unknown", config=False)
        findings = self.find("guests", "holder has 4 KiB at 0x7ffff000", status="warning",
                             remedy="iomem=")
        self.find("guests", "configuration of unknown", status="warning", remedy="destroy",
                  findings=findings)
        self.only("guests", "warning")

    def test_clashes(self):
        daemon = self.start_daemon("--guest", "guest1")
        client = self.connect(daemon)
        client.call("guest.attach", guest="guest1", size=4096)
        client.call("sim.guest.start", name="intruder", iomem=["0x7ffff,1@0x3a000"])
        self.find("segments", "guest1-0: clash intruder", remedy="destroy that guest")

    def test_quarantine(self):
        daemon = self.start_daemon("--guest", "guest1")
        client = self.connect(daemon)
        client.call("guest.attach", guest="guest1", size=4096, name="held")
        for _ in range(60):
            client.call("sim.fail", operation="unmap")
        with self.refused("HYPERVISOR_FAILED"):
            client.call("guest.detach", guest="guest1")
        self.find("segments", "held", "quarantined", remedy="destroying the guest")
        client.call("sim.fail", operation="unmap", errno=0)
        client.call("sim.guest.destroy", name="guest1")

    def test_standing_orders(self):
        self.start_daemon(config="[segment large]\nsize = 1G\n")
        self.find("orders", "[segment large]: ", remedy="reload xenshmd")
        self.only("orders", "problem")


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "becomes somebody else")
class PlainUserTest(DoctorTest):
    def setUp(self):
        super().setUp()
        copy = self.folder / "xenshmctl"
        shutil.copy(XENSHMCTL, copy)
        self.program = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups",
                        str(copy))
        self.host.file("/proc/iomem", "00000000-00000000 : System RAM\n")

    def examine(self, *options, **more):
        return super().examine(*options, program=self.program, **more)

    def test_what_a_plain_user_cannot_see_is_skipped(self):
        self.start_daemon()
        findings = self.find("daemon", "you may not even look", status="warning",
                             remedy="group xenshm")
        self.find("user", f"{NOBODY}, not root", status="info", findings=findings)
        self.find("ram", "ask as root", status="skipped", findings=findings)
        self.find("uio", "/dev/uio0", status="ok", findings=findings)
        self.assertEqual(self.blamed(), [("daemon", "warning")])

    def test_a_socket_without_a_way_in(self):
        self.start_daemon()
        self.socket.chmod(0o600)
        self.find("daemon", "Permission denied", remedy="ask as root")

    def test_nothing_may_be_read(self):
        for folder in ("sys", "proc", "dev", "run"):
            (self.host.root / folder).chmod(0)
        self.find("xen", "this is not Xen")

    def test_single_files_may_not_be_read(self):
        for path in ("/proc/cmdline", "/proc/iomem", f"{TREE}/{NODE}/reg", "/sys/hypervisor/type",
                     f"{TREE}/memory@0/reg"):
            self.host.path(path).chmod(0)
        self.start_daemon()
        findings = self.find("node", "reg is missing or makes no sense")
        self.find("memory", "makes no sense", status="warning", findings=findings)


class BrokenTest(DoctorTest):
    """It comes to its end, with a whole result, whatever there is instead of the files."""

    FILES = ("/sys/hypervisor/type", "/sys/hypervisor/version/major", "/proc/xen/capabilities",
             "/proc/cmdline", "/proc/iomem", "/proc/200/comm", "/sys/class/uio", "/proc",
             "/sys/class/uio/uio0/maps/map0/addr", "/sys/class/uio/uio0/name",
             f"{PLATFORM}/{NODE.replace('@', '.')}/of_node", "/proc/device-tree", TREE,
             f"{TREE}/{NODE}/reg", f"{TREE}/{NODE}/compatible", f"{TREE}/{NODE}/status",
             f"{TREE}/#address-cells", f"{TREE}/memory@0/reg", f"{TREE}/memory@0",
             f"{TREE}/hypervisor/reg", f"/sys/bus/platform/drivers/{DRIVER}",
             "/sys/bus/platform/devices", f"/sys/module/{DRIVER}/parameters/of_id",
             "/run/xenstored.pid", "/dev/uio0", "/run/xenshmd/xenshmd.sock")

    def replace(self, path, how):
        full = self.host.path(path)
        full.parent.mkdir(parents=True, exist_ok=True)
        if full.is_dir() and not full.is_symlink():
            shutil.rmtree(full)
        else:
            full.unlink(missing_ok=True)
        how(full)

    def everywhere(self, how):
        for path in self.FILES:
            with self.subTest(path=path):
                self.host.root.joinpath("x").mkdir(exist_ok=True)
                shutil.rmtree(self.host.root)
                self.host = Host(self.host.root)
                self.replace(path, how)
                self.examine("--timeout", "1")

    def test_empty_files(self):
        self.everywhere(lambda full: full.write_bytes(b""))

    def test_nuls(self):
        self.everywhere(lambda full: full.write_bytes(b"\0" * 64))

    def test_odd_lengths_and_wild_bytes(self):
        self.everywhere(lambda full: full.write_bytes(bytes(range(255, 128, -1))))

    def test_large_files(self):
        self.everywhere(lambda full: full.write_bytes(b"x" * (1 << 20)))

    def test_files_without_end(self):
        self.everywhere(lambda full: full.symlink_to("/dev/zero"))

    def test_pipes_that_nobody_writes(self):
        self.everywhere(os.mkfifo)

    def test_loops_of_links(self):
        self.everywhere(lambda full: full.symlink_to(full.name))

    def test_links_up(self):
        self.everywhere(lambda full: full.symlink_to(".."))

    def test_dangling_links(self):
        self.everywhere(lambda full: full.symlink_to("nowhere"))

    def test_directories(self):
        self.everywhere(lambda full: full.mkdir())

    def test_widths_of_cells(self):
        for width in (0, 3, 255, 0xffffffff):
            for name in ("#address-cells", "#size-cells"):
                with self.subTest(width=width, name=name):
                    self.host.node("", **{name: cells(width, width=1)})
                    self.find("node", "makes no sense")
                    self.host.node("", **{name: cells(2, width=1)})

    def test_ranges_at_the_end_of_everything(self):
        top = (1 << 64) - 1
        for numbers in ((top, top), (0, top), (top, 1), (1, top), (0, 0), (top - 4095, 4096)):
            with self.subTest(numbers=numbers):
                self.host.node(NODE, reg=cells(*numbers))
                self.host.node("memory@0", reg=cells(*numbers))
                self.host.node("hypervisor", reg=cells(*numbers, *numbers))
                self.host.make_uio("uio0", NODE, [numbers])
                self.examine()

    def test_a_deep_tree(self):
        self.host.path(TREE + "/" + "/".join(["deep"] * 300)).mkdir(parents=True)
        self.examine()

    def test_very_many_nodes(self):
        for number in range(250):
            self.host.node(f"shared_mem@{number:x}000", compatible=words("uio-dev"))
        findings = self.find("node", "not all were looked at", status="warning", remedy="by hand")
        self.assertLess(len(findings), 300)

    def test_names_without_sense(self):
        for name in ("shared_mem\x1b[2J", "shared_mem\n", "shared_mem" + "x" * 240, "shared_mem@",
                     "shared_mem%s%n", os.fsdecode(b"shared_mem\xff\xfe")):
            with self.subTest(name=name):
                self.host.node(name, compatible=words("uio-dev"), reg=cells(ADDRESS, 4096))
                self.find("node", status="problem")
                self.host.remove(f"{TREE}/{name}")
