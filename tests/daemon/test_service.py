# SPDX-License-Identifier: LGPL-2.1-or-later
"""What systemd gives the daemon and hears from it: a listening socket that outlives it, readiness,
signs of life that stop when the loop does, and its stopping."""

import os
import signal
import socket
import subprocess
import sys
import time
import unittest

from harness import PATIENCE, XENSHMD_SIM, Client, FolderTest, die_with_parent, wait_until

# Becomes the daemon with the variables that name the process itself.
EXEC = ("import os, sys\n"
        "pid = os.environ.get('AS_PID') or str(os.getpid())\n"
        "os.environ.update(LISTEN_PID=pid, WATCHDOG_PID=pid)\n"
        "if os.environ.get('LISTEN_FROM'): os.dup2(int(os.environ.pop('LISTEN_FROM')), 3)\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n")


def knows_systemd():
    libraries = subprocess.run(["ldd", XENSHMD_SIM], capture_output=True, text=True, check=False)
    return "libsystemd" in libraries.stdout


class ServiceTest(FolderTest):
    def setUp(self):
        super().setUp()
        self.notified = []
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.notify.close)
        self.notify.bind(str(self.folder / "notify"))
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(self.listening.close)
        self.path = self.folder / "public.sock"
        self.listening.bind(str(self.path))
        self.listening.listen(128)

    def run_daemon(self, *options, listening=None, watchdog=None, pid=None):
        env = dict(os.environ, NOTIFY_SOCKET=str(self.folder / "notify"))
        passed = ()
        if listening:
            env.update(LISTEN_FDS="1", LISTEN_FROM=str(listening.fileno()))
            passed = (listening.fileno(), 3)
        if pid:
            env["AS_PID"] = str(pid)
        if watchdog:
            env["WATCHDOG_USEC"] = str(watchdog)
        self.log_path = self.folder / "log"
        with open(self.log_path, "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", EXEC, XENSHMD_SIM, "--state-dir",
                 str(self.folder / "state"), "--guest", "alpha", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                pass_fds=passed, close_fds=True, preexec_fn=die_with_parent)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        return process

    def heard(self):
        """All that the daemon has said until now."""
        while True:
            try:
                self.notified += self.notify.recv(4096, socket.MSG_DONTWAIT).decode().split("\n")
            except BlockingIOError:
                return self.notified

    def wait_heard(self, text, count=1):
        wait_until(lambda: self.heard().count(text) >= count, f"{count} times {text}")

    def ask(self):
        with Client(self.path) as client:
            return client.call("daemon.status")["version"]


class Notifications(ServiceTest):
    def test_ready_and_stopping(self):
        process = self.run_daemon()
        self.wait_heard("READY=1")
        # Whoever waited for that is served.
        with Client(self.folder / "state" / "xenshmd.sock") as client:
            client.call("daemon.status")
        self.assertNotIn("WATCHDOG=1", self.heard())
        self.assertNotIn("STOPPING=1", self.heard())
        process.send_signal(signal.SIGTERM)
        self.wait_heard("STOPPING=1")
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_one_that_cannot_start_is_not_ready(self):
        (self.folder / "state").write_text("no folder", encoding="utf-8")
        self.assertNotEqual(self.run_daemon().wait(PATIENCE), 0)
        self.assertEqual(self.heard(), [])

    def test_signs_of_life(self):
        process = self.run_daemon(watchdog=200000)
        self.wait_heard("WATCHDOG=1", 5)
        # One that hangs gives none, and goes on with them when it no longer does.
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: open(f"/proc/{process.pid}/stat").read().split()[2] == "T", "stopped")
        self.heard()
        before = self.notified.count("WATCHDOG=1")
        time.sleep(0.5)
        self.assertEqual(self.heard().count("WATCHDOG=1"), before)
        process.send_signal(signal.SIGCONT)
        self.wait_heard("WATCHDOG=1", before + 3)

    def test_not_for_another_process(self):
        process = self.run_daemon(watchdog=200000, listening=self.listening, pid=1)
        self.wait_heard("READY=1")
        with Client(self.folder / "state" / "xenshmd.sock") as client:
            client.call("daemon.status")
        time.sleep(0.5)
        self.assertNotIn("WATCHDOG=1", self.heard())
        self.assertIsNone(process.poll())


class Activation(ServiceTest):
    def test_its_socket_is_used_and_stays(self):
        process = self.run_daemon(listening=self.listening)
        self.assertEqual(self.ask(), self.ask())
        self.assertFalse((self.folder / "state" / "xenshmd.sock").exists(), "it binds another one")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertTrue(self.path.exists(), "the socket of systemd is removed")

    def test_who_comes_in_between_is_served_by_the_next(self):
        first = self.run_daemon(listening=self.listening)
        self.wait_heard("READY=1")
        first.send_signal(signal.SIGTERM)
        self.assertEqual(first.wait(PATIENCE), 0)
        early = Client(self.path)
        self.addCleanup(early.close)
        id_ = early.request("daemon.status")
        self.run_daemon(listening=self.listening)
        self.assertIn("version", early.finish(id_))

    def test_before_the_first_daemon(self):
        early = Client(self.path)
        self.addCleanup(early.close)
        id_ = early.request("guest.list")
        self.run_daemon(listening=self.listening)
        self.assertEqual([guest["name"] for guest in early.finish(id_)["guests"]], ["alpha"])

    def test_what_is_no_such_socket_is_refused(self):
        datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(datagram.close)
        datagram.bind(str(self.folder / "datagram"))
        self.assertNotEqual(self.run_daemon(listening=datagram).wait(PATIENCE), 0)
        self.assertIn("not one listening Unix socket", self.log_path.read_text(encoding="utf-8"))
        self.assertNotIn("READY=1", self.heard())

    def test_rights_are_those_of_the_client(self):
        """Not of whoever has made the socket."""
        self.run_daemon(listening=self.listening)
        self.wait_heard("READY=1")
        if os.getuid() != 0:
            self.skipTest("only root can become others")
        os.chmod(self.folder, 0o755)
        os.chmod(self.path, 0o666)
        script = ("import os, socket, sys\n"
                  "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
                  "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
                  "s.sendall(b'{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"daemon.status\"}\\n')\n"
                  "sys.stdout.write(s.makefile().readline())\n")
        answer = subprocess.run([sys.executable, "-c", script, str(self.path)], check=False,
                                capture_output=True, text=True, timeout=PATIENCE)
        self.assertIn("PERMISSION_DENIED", answer.stdout, answer.stderr)


def load_tests(loader, tests, pattern):
    if knows_systemd():
        return tests
    class Without(unittest.TestCase):
        @unittest.skip("built without libsystemd")
        def test_service(self):
            pass
    return loader.loadTestsFromTestCase(Without)
