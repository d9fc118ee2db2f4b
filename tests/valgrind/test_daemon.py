# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job, and what comes before and after it, with daemon, builders and xenshmctl under
valgrind: no error, no leak, and no descriptor is left open at an orderly end."""

import os
import pathlib
import signal
import subprocess

from creating import CreateMixin
from harness import PAGE, XENSHMD_SIM, WorldTest, wait_until
from judge import judge

MEMCHECK = str(pathlib.Path(__file__).with_name("memcheck"))
XENSHMCTL = os.environ["XENSHMCTL"]


class Memcheck(CreateMixin, WorldTest):
    def launch(self, *options, **more):
        logs = self.folder / "memcheck"
        logs.mkdir(exist_ok=True)
        os.environ.update(MEMCHECK_LOGS=str(logs), MEMCHECK_CHILDREN="yes",
                          MEMCHECK_PROGRAM=XENSHMD_SIM)
        return super().launch(*options, program=MEMCHECK, **more)

    def tearDown(self):
        super().tearDown()
        self.assertEqual(judge(self.folder / "memcheck"), {})

    def ctl(self, *words, status=0, data=b""):
        """xenshmctl, under valgrind as well. Its output."""
        done = subprocess.run(
            [MEMCHECK, "--socket", str(self.daemon.socket_path), *words],
            env=dict(os.environ, MEMCHECK_PROGRAM=XENSHMCTL),
            input=data, capture_output=True, timeout=300, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout

    def test_main_job(self):
        self.ctl("attach", "alpha", "4K")
        self.ctl("alloc", "kept", "64K")
        self.ctl("attach", "beta", "--segment", "kept")
        for words in (("list",), ("guests",), ("pools",), ("map",), ("status",), ("list", "--json")):
            self.ctl(*words)
        self.ctl("attach", "alpha", "4G", status=1)
        self.ctl("nonsense", status=2)
        self.ctl("write", "kept", data=b"bytes")
        self.assertEqual(self.ctl("read", "kept", "0", "5"), b"bytes")
        self.ctl("detach", "alpha")
        self.ctl("detach", "beta", "kept")
        self.ctl("free", "kept")

    def test_created_guest(self):
        self.create("made", 2 * PAGE)
        self.call("sim.guest.shutdown", name="made", reason="reboot")
        wait_until(lambda: self.is_back("made"), "the guest is back", 300)
        self.destroy("made")

    def is_back(self, name):
        guests = {guest["name"]: guest for guest in self.call("guest.list")["guests"]}
        return name in guests and guests[name]["state"] == "running" and \
            {one["state"] for one in guests[name]["attachments"]} == {"attached"}

    def test_a_builder_that_fails(self):
        self.fault("build", "error")
        with self.refused("HYPERVISOR_FAILED"):
            self.create("made", PAGE)

    def test_reload_restart_and_kill(self):
        self.attach("alpha", PAGE, name="s0")
        self.alloc("k0")
        self.call("sim.fail", operation="unmap")
        with self.refused("HYPERVISOR_FAILED"):
            self.detach("alpha")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.call("daemon.status")
        self.restart()
        self.restart(signal.SIGKILL)
        self.client.raw(b"nonsense")
        self.call("sim.guest.destroy", name="alpha")
        self.gone("s0")

    def test_clients_that_go(self):
        waiting = self.connect(self.daemon)
        waiting.call("events.subscribe")
        self.connect(self.daemon).send(b'{"jsonrpc":')
        gone = self.connect(self.daemon)
        gone.request("guest.attach", guest="alpha", size=256 * 1024, name="orphan")
        gone.close()
        wait_until(lambda: "orphan" in self.names(), "it was attached")
        self.idle()
        waiting.close()


