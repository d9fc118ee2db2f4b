# SPDX-License-Identifier: LGPL-2.1-or-later
"""examples/python: the monitor's table is what the daemon says, whatever it missed; the bytes of a
segment are those that the guest has. PYTHONPATH has the examples."""

import os
import pathlib
import signal
import subprocess
import sys
import unittest

import monitor
import xenshm
from harness import PAGE, PATIENCE, DaemonTest, wait_until

PROGRAM = str(pathlib.Path(monitor.__file__).resolve())
# More events than its socket and the daemon keep for one that does not read.
TOO_MANY_PAIRS = 1000


class ExampleTest(DaemonTest):
    def run_program(self, *arguments):
        return subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)

    def run_on_daemon(self, *arguments):
        return self.run_program("--socket", str(self.daemon.socket_path), *arguments)

    def segments(self):
        return {one["name"]: one for one in self.call("segment.list")["segments"]}


class MonitorTest(ExampleTest):
    config = "[limits]\nevent-backlog = 256K\n"

    def setUp(self):
        super().setUp()
        self.monitor = self.begin_monitor()

    def begin_monitor(self):
        begun = monitor.Monitor(str(self.daemon.socket_path))
        begun.start()
        begun.client.socket.settimeout(PATIENCE)
        self.addCleanup(lambda: begun.client.close())
        return begun

    def follow(self):
        """Waits for events until the table is as the daemon tells now."""
        while self.monitor.segments != self.segments():
            self.monitor.wait()

    def test_each_change(self):
        self.follow()
        self.call("segment.alloc", name="data", size=3 * PAGE)
        self.follow()
        self.assertEqual([row[0] for row in self.monitor.rows()], ["data"])
        self.share("alpha", "data")
        self.follow()
        self.share("beta", "data")
        self.attach("beta")
        self.follow()
        self.assertEqual([(row[0], row[3], row[5]) for row in self.monitor.rows()],
                         [("beta-0", "beta", "attached"), ("data", "alpha", "attached"),
                          ("data", "beta", "attached")])
        self.call("sim.guest.shutdown", name="alpha", reason="reboot")
        wait_until(lambda: self.segments()["data"]["attachments"][0]["state"] == "waiting",
                   "alpha is waited for")
        self.follow()
        self.assertIn("waiting", [row[5] for row in self.monitor.rows()])
        self.call("guest.detach", guest="beta", all=True)
        self.call("guest.detach", guest="alpha")
        self.follow()
        self.call("segment.free", name="data")
        self.follow()
        self.assertEqual(self.monitor.segments, {})

    def test_what_comes_between_subscribing_and_listing(self):
        """Events older than the list change nothing."""
        client = self.monitor.client
        client.call("events.subscribe")
        for _ in range(3):
            self.attach("alpha")
        self.call("guest.detach", guest="alpha", segment="alpha-1")
        client.call("segment.list")
        self.follow()

    def test_overflow(self):
        for _ in range(TOO_MANY_PAIRS):
            self.attach("alpha")
            self.call("guest.detach", guest="alpha")
            if "is cut off" in self.daemon.log():
                break
        self.attach("gamma")
        with self.assertRaises(xenshm.Lost):
            while True:
                self.monitor.wait()
        self.monitor.start()
        self.monitor.client.socket.settimeout(PATIENCE)
        self.follow()
        self.call("guest.detach", guest="gamma")
        self.follow()

    def test_daemon_restarts(self):
        self.call("segment.alloc", name="data", size=PAGE)
        self.follow()
        self.client.close()
        self.assertEqual(self.daemon.stop(), 0)
        with self.assertRaises(xenshm.Lost):
            while True:
                self.monitor.wait()
        self.begin(*self.options)
        monitor.start_again(self.monitor)
        self.follow()
        self.assertEqual(list(self.monitor.segments), ["data"])

    def test_refusal(self):
        with self.assertRaises(xenshm.Refused) as caught:
            self.monitor.client.call("guest.attach", guest="nobody", size=PAGE)
        self.assertEqual(caught.exception.name, "GUEST_UNKNOWN")
        self.assertIn("'nobody'", str(caught.exception))
        self.assertIn(caught.exception.hint, str(caught.exception))


class TurnedAwayTest(ExampleTest):
    config = "[limits]\nconnections = 4\n"

    def test_reason(self):
        """The daemon says why before it hangs up, and has read nothing of ours."""
        reasons, clients = set(), []
        for _ in range(24):
            clients.append(xenshm.Client(str(self.daemon.socket_path)))
            try:
                clients[-1].call("daemon.status")
            except xenshm.Refused as refused:
                reasons.add(refused.name)
        for client in clients:
            client.close()
        self.assertEqual(reasons, {"TOO_MANY"})
        wait_until(lambda: self.call("daemon.status")["counts"]["connections"] == 1,
                   "the clients are gone")


class ProgramTest(ExampleTest):
    def read_until(self, process, *words):
        for line in process.stdout:
            if all(word in line.split() for word in words):
                return
        self.fail(f"it ended before a line with {words}")

    def watch(self):
        process = self.spawn([sys.executable, PROGRAM, "--socket", str(self.daemon.socket_path)],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process

    def test_table(self):
        self.call("segment.alloc", name="data", size=PAGE)
        process = self.watch()
        self.read_until(process, "SEGMENT", "HOST", "SIZE", "GUEST", "ADDRESS", "STATE")
        self.read_until(process, "data", "0x7ff00000", "4096", "-", "-", "ready")
        self.share("alpha", "data")
        self.read_until(process, "data", "0x7ff00000", "4096", "alpha", "0x3a000000", "attached")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 0, process.stderr.read())

    def test_daemon_restarts(self):
        process = self.watch()
        self.read_until(process, "SEGMENT")
        self.client.close()
        self.assertEqual(self.daemon.stop(), 0)
        self.assertIn("once more", process.stderr.readline())
        self.begin(*self.options)
        self.read_until(process, "SEGMENT")
        self.attach("beta")
        self.read_until(process, "beta-0", "attached")

    def test_failures(self):
        done = self.run_on_daemon("--bytes", "nothing")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^monitor\.py: .*'nothing'.*\(SEGMENT_UNKNOWN\); .*\n$")
        done = self.run_program("--socket", "/nowhere")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^monitor\.py: /nowhere: .*is xenshmd running\?\n$")


class BytesTest(ExampleTest):
    def setUp(self):
        super().setUp()
        self.call("segment.alloc", name="before", size=2 * PAGE)
        self.at = self.attach("alpha", 2 * PAGE)["guest_address"]

    def map(self):
        client = xenshm.Client(str(self.daemon.socket_path))
        self.addCleanup(client.close)
        return client, xenshm.Mapping(client, "alpha-0")

    def test_both_ways(self):
        pattern = bytes(i % 251 for i in range(2 * PAGE))
        self.guest_write("alpha", self.at, pattern)
        _, mapping = self.map()
        with mapping:
            self.assertEqual(len(mapping.words) * 8, 2 * PAGE)
            self.assertEqual(mapping.read(2 * PAGE), pattern)
            self.assertEqual(mapping.read(13), pattern[:13])
            self.assertEqual(mapping.read(3 * PAGE), pattern)
            mapping.words[0] = 0x0807060504030201
            mapping.words[1023] = 0
        self.assertEqual(self.guest_read("alpha", self.at, 2 * PAGE),
                         bytes(range(1, 9)) + pattern[8:-8] + bytes(8))

    def test_nothing_leaks(self):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            client, mapping = self.map()
            with mapping:
                pass
            with self.assertRaises(xenshm.Refused):
                xenshm.Mapping(client, "nothing")
            client.close()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_kept_for_us(self):
        """While the client is connected nobody else gets the pages."""
        client, mapping = self.map()
        with mapping:
            self.call("guest.detach", guest="alpha")
            self.assertIn("alpha-0", self.segments())
        client.close()
        wait_until(lambda: "alpha-0" not in self.segments(), "the segment is taken back")

    def test_program(self):
        self.guest_write("alpha", self.at, b"hello from alpha\x00\xff")
        done = self.run_on_daemon("--bytes", "alpha-0", "--length", "20")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.splitlines(), [
            "00000000  68 65 6c 6c 6f 20 66 72 6f 6d 20 61 6c 70 68 61  hello from alpha",
            "00000010  00 ff 00 00                                      ....",
        ])


if __name__ == "__main__":
    unittest.main()
