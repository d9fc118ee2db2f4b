# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGHUP: the configuration is read again, takes effect as a whole or not at all, and nobody who
is connected notices."""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time
import unittest

import harness
from harness import MIB, PAGE, PATIENCE, XENSHMD_SIM, Client, FolderTest, wait_until
from load import Load
from world import World

IN_FORCE = "is in force"
KEPT = "the old configuration stays in force"


class ReloadTest(FolderTest):
    def start(self, *options, **more):
        self.daemon = super().start(*options, **more)
        self.client = self.connect(self.daemon)
        return self.daemon

    def lines(self, text):
        return [line for line in self.shown().splitlines() if text in line]

    def shown(self):
        """The log without the audit, which no level holds back."""
        return "".join(line for line in self.daemon.log().splitlines(keepends=True)
                       if not line.startswith("xenshmd: audit: "))

    def reload(self, text=None, outcome=IN_FORCE, name="xenshmd.conf"):
        """Signals, and waits until the log tells the outcome; returns the new lines of the log."""
        if text is not None:
            (self.folder / name).write_text(text, encoding="utf-8")
        before = self.shown()
        self.daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: outcome in self.shown()[len(before):], f"the log tells: {outcome}")
        return self.shown()[len(before):].splitlines()

    def limits(self):
        limits = self.client.call("daemon.status")["limits"]
        return limits["segments"], limits["attachments_per_guest"], limits["operations"]

    def attach(self, guest="alpha", **params):
        return self.client.call("guest.attach", guest=guest, size=PAGE, **params)


class Good(ReloadTest):
    def test_limits(self):
        self.start("--guest", "alpha", config="[limits]\nsegments = 2\n")
        self.attach()
        self.attach()
        with self.refused("TOO_MANY"):
            self.attach()
        self.reload("[limits]\nsegments = 3\nattachments = 5\noperations = 6\n")
        self.assertEqual(self.limits(), (3, 5, 6))
        self.attach()
        # Fewer than there are: they stay.
        self.reload("[limits]\nsegments = 1\n")
        self.assertEqual(self.limits(), (1, 1024, 128))
        self.assertEqual(len(self.client.call("segment.list")["segments"]), 3)
        with self.refused("TOO_MANY"):
            self.attach()

    def test_log_level(self):
        self.start("--guest", "alpha", config="[daemon]\nlog-level = warning\n")
        self.attach(name="first")
        self.reload("[daemon]\nlog-level = info\n")
        self.attach(name="second")
        self.reload("[daemon]\nlog-level = debug\n")
        with self.refused("GUEST_UNKNOWN"):
            self.attach("nobody")
        self.assertEqual(len(self.lines("first")), 0)
        self.assertEqual(len(self.lines("second")), 1)
        self.assertNotEqual(self.lines("is refused"), [])

    def test_unknown_holders(self):
        self.start("--guest", "alpha", "beta", config="[daemon]\nholder-wait = 0\n")
        self.client.call("sim.guest.start", name="hidden", config=False)
        with self.refused("HOLDER_UNKNOWN"):
            self.attach()
        self.reload("[daemon]\nholder-wait = 0\nunknown-holders = ignore\n")
        self.attach()
        self.reload("[daemon]\nholder-wait = 3600\n")
        waiting = self.client.request("guest.attach", guest="alpha", size=PAGE)
        self.reload("[daemon]\nholder-wait = 0\n")
        with self.refused("HOLDER_UNKNOWN"):
            self.attach("beta")
        # The one that began to wait under the old one goes on waiting.
        self.assertEqual(self.client.call("daemon.status")["counts"]["operations"], 1)
        self.client.call("sim.guest.configure", name="hidden")
        self.assertEqual(self.client.finish(waiting)["state"], "attached")

    def test_a_segment(self):
        self.start("--guest", "alpha", config="")
        self.reload("[segment a]\nsize = 64K\nguests = alpha\n[daemon]\nrestart-grace = 0\n")
        self.reload("[segment b]\nsize = 64K\n")
        self.reload("")

    def test_what_takes_a_restart(self):
        self.start("--guest", "alpha", "--pool", "16K",
                   config="[pool shared_mem]\nguest-address = 0x3b000000\n")
        keys = {
            "[daemon] socket": f"[daemon]\nsocket = {self.folder}/other.sock\n",
            "[limits] connections": "[limits]\nconnections = 7\n",
            "[pools] names": "[pools]\nnames = other*\n",
            "[pools] compatibles": "[pools]\ncompatibles = a, b\n",
            "[pool] guest-address": "[pool shared_mem]\nguest-address = 0x3c000000\n",
        }
        same = "[pool shared_mem]\nguest-address = 0x3b000000\n"
        for key, text in keys.items():
            with self.subTest(key=key):
                # Each time, since it is never in force.
                for _ in range(2):
                    lines = self.reload(text if "[pool]" in key else same + text)
                    self.assertEqual([line for line in lines if "warning" in line],
                                     [f"xenshmd: warning: reload: {key} takes effect at the next "
                                      "start"])
        lines = self.reload("[limits]\nsegments = 9\n" + "".join(keys.values()))
        self.assertEqual(sum("warning" in line for line in lines), 5)
        self.assertEqual(self.limits()[0], 9)
        self.assertEqual(self.client.call("daemon.status")["limits"]["connections"], 1024)
        self.assertEqual(self.attach()["guest_address"], "0x3b000000")
        self.assertFalse((self.folder / "other.sock").exists())
        lines = self.reload(same + "[pools]\nnames = shared_mem*\ncompatibles =\n")
        self.assertFalse(any("warning" in line for line in lines), lines)

    def test_state_dir_of_the_file(self):
        config = self.folder / "own.conf"
        config.write_text(f"[daemon]\nstate-dir = {self.folder}/one\n")
        with open(self.folder / "own.log", "wb") as log:
            process = self.spawn([XENSHMD_SIM, "--config", config], stderr=log)
        wait_until((self.folder / "one" / "xenshmd.sock").exists, "it is there")
        config.write_text(f"[daemon]\nstate-dir = {self.folder}/two\n")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: IN_FORCE in (self.folder / "own.log").read_text(), "it has read it")
        self.assertIn("[daemon] state-dir takes effect at the next start",
                      (self.folder / "own.log").read_text())
        with Client(self.folder / "one" / "xenshmd.sock") as client:
            client.call("daemon.status")
        self.assertFalse((self.folder / "two").exists())
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertFalse((self.folder / "one" / "xenshmd.sock").exists())

    def test_places_in_another_order(self):
        places = ["[pool a]\nguest-address = 0x3b000000\n", "[pool b]\nguest-address = 0x3c000000\n"]
        self.start("--pool", "a=16K", "b=16K", config="".join(places))
        lines = self.reload("".join(reversed(places)))
        self.assertFalse(any("warning" in line for line in lines), lines)
        for text in (places[0], "".join(places) + "[pool c]\nguest-address = 0x3d000000\n"):
            self.assertTrue(any("[pool] guest-address" in line for line in self.reload(text)))

    def test_without_a_file(self):
        self.start("--guest", "alpha")
        lines = self.reload()
        self.assertEqual(len(lines), 1, lines)
        self.attach()


class Bad(ReloadTest):
    def test_the_old_one_stays(self):
        self.start("--guest", "alpha", config="[limits]\nsegments = 7\n")
        for text, place in (
                ("[limits]\nsegments = 8\nnonsense = 1\n", ":3: nonsense: "),
                ("[limits]\nsegments = 8\n[daemon]\nlog-level = loud\n", ":4: log-level: "),
                ("[limits]\nsegments = 8\nnonsense\n", ":3: not a [section]"),
                ("[limits]\nsegments = 8\n[segment a]\n", ":3: size: "),
                ("[limits]\nsegments = 8\n[segment ]\n", ":3: segment: "),
                ("[daemon]\nlog-level = error\n[limits]\nsegments = x\n", ":4: segments: ")):
            with self.subTest(text=text):
                lines = self.reload(text, KEPT)
                self.assertEqual(len(lines), 1, lines)
                self.assertTrue(lines[0].startswith(f"xenshmd: error: reload: {self.folder}/"
                                                    f"xenshmd.conf{place}"), lines)
                self.assertTrue(lines[0].endswith(f"; {KEPT}"), lines)
                self.assertEqual(self.limits(), (7, 1024, 128))
                self.attach()
                self.client.call("guest.detach", guest="alpha")
        self.reload("[limits]\nsegments = 8\n")
        self.assertEqual(self.limits()[0], 8)

    def test_a_vanished_file(self):
        self.start("--guest", "alpha", config="[limits]\nsegments = 7\n")
        (self.folder / "xenshmd.conf").unlink()
        lines = self.reload(outcome=KEPT)
        self.assertIn("xenshmd.conf: No such file or directory", lines[0])
        self.assertEqual(self.limits()[0], 7)
        (self.folder / "xenshmd.conf").mkdir()
        self.reload(outcome=KEPT)
        (self.folder / "xenshmd.conf").rmdir()
        self.reload("[limits]\nsegments = 8\n")
        self.assertEqual(self.limits()[0], 8)

    def test_a_pipe(self):
        """Reading it would be a wait for somebody who writes to it."""
        self.start("--guest", "alpha", config="[limits]\nsegments = 7\n")
        (self.folder / "xenshmd.conf").unlink()
        os.mkfifo(self.folder / "xenshmd.conf")
        self.assertIn("a pipe", self.reload(outcome=KEPT)[0])
        self.assertEqual(self.limits()[0], 7)


class CommandLine(ReloadTest):
    def test_options_stay_above_the_file(self):
        self.start("--log-level", "debug", "--guest=alpha", socket_path=self.folder / "own.sock",
                   config="[daemon]\nlog-level = error\n")
        lines = self.reload(f"[daemon]\nlog-level = error\nsocket = {self.folder}/other\n"
                            f"state-dir = {self.folder}/elsewhere\n[limits]\nsegments = 7\n")
        self.assertFalse(any("warning" in line for line in lines), lines)
        self.assertEqual(self.limits()[0], 7)
        self.attach(name="told")
        self.assertNotEqual(self.lines("told"), [])
        self.assertTrue((self.folder / "state" / "segments" / "told.json").exists())

    def test_both_forms_and_the_last_one_counts(self):
        good = self.folder / "good.conf"
        good.write_text("[limits]\nsegments = 7\n")
        self.start("--log-level=error", f"--config={good}", "--log-level=debug", "--guest=alpha",
                   config="[limits]\nsegments = 6\n")
        self.assertEqual(self.limits()[0], 7)
        # The one that does not count may be broken, as at the start.
        (self.folder / "xenshmd.conf").write_text("nonsense\n")
        self.reload("[limits]\nsegments = 8\n", name="good.conf")
        self.assertEqual(self.limits()[0], 8)

    def test_options_of_the_program_are_not_taken_again(self):
        """Nor are guests started, pools made or faults planned a second time."""
        world = self.folder / "world"
        self.start("--guest", "alpha", "beta:64M", "--pool", "16K", "low=32K", "--world", world,
                   "--fail", "publish:2", "unpublish:3", "--log-level", "debug", config="")
        before = self.client.call("guest.list"), self.client.call("pool.list")
        # The tables of options have room for 16 and 128.
        for number in range(20):
            self.reload(f"[limits]\nsegments = {number + 1}\n")
        self.assertEqual((self.client.call("guest.list"), self.client.call("pool.list")), before)
        self.assertEqual(len(before[0]["guests"]), 2)
        self.assertEqual(len(before[1]["pools"]), 2)
        self.attach(name="first")
        with self.refused("HYPERVISOR_FAILED"):
            self.attach(name="second")
        self.attach(name="third")

    def test_values_that_look_like_options(self):
        """A guest may be called like an option; its name is a value the second time too."""
        self.start("--guest", "--log-level", "--log-level", "info", config="")
        self.reload("[daemon]\nlog-level = debug\n")
        with self.refused("GUEST_UNKNOWN"):
            self.attach("nobody")
        self.assertEqual(self.lines("is refused"), [])


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root and setpriv")
class Rights(ReloadTest):
    def as_stranger(self, method):
        """What a process of another user and of group 1 (daemon) is told."""
        # It can start no daemon of its own, to ask what may be refused.
        code = ("import sys; sys.path.insert(0, sys.argv[1])\n"
                "import harness; harness.described_errors = dict\n"
                "from harness import Client, Refused\n"
                "try:\n    Client(sys.argv[2]).call(sys.argv[3]); print('ok')\n"
                "except Refused as refused:\n    print(refused.name)")
        return subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=1", "--clear-groups", "python3", "-c", code,
             pathlib.Path(__file__).parent, self.daemon.socket_path, method],
            capture_output=True, text=True, timeout=PATIENCE, check=True,
            env={"PATH": os.environ["PATH"], "XENSHMD_SIM": "true",
                 "PYTHONDONTWRITEBYTECODE": "1"}).stdout.strip()

    def test_groups(self):
        self.start("--guest", "alpha", config="")
        self.assertEqual(self.as_stranger("segment.list"), "PERMISSION_DENIED")
        self.reload("[daemon]\nread-group = daemon\n")
        self.assertEqual(self.as_stranger("segment.list"), "ok")
        self.reload("[daemon]\nread-group = bin\n")
        self.assertEqual(self.as_stranger("segment.list"), "PERMISSION_DENIED")


class DefaultFile(ReloadTest):
    def test_it_appears_and_vanishes(self):
        """In a file system of the daemon's own."""
        self.start_in_own_etc()
        folder = pathlib.Path(f"/proc/{self.daemon.pid}/root/etc/xenshmd")
        self.assertEqual(self.limits()[0], 4096)
        (folder / "xenshmd.conf").write_text("[limits]\nsegments = 7\n")
        self.reload(outcome="/etc/xenshmd/xenshmd.conf is in force")
        self.assertEqual(self.limits()[0], 7)
        (folder / "xenshmd.conf").write_text("[limits]\nsegments = x\n")
        self.reload(outcome="/etc/xenshmd/xenshmd.conf:2: segments: ")
        self.assertEqual(self.limits()[0], 7)
        (folder / "xenshmd.conf").unlink()
        self.reload()
        self.assertEqual(self.limits()[0], 4096)

    def start_in_own_etc(self):
        unshare = ["unshare", "--user", "--map-root-user", "--mount"]
        mount = "mount -t tmpfs none /etc && mkdir /etc/xenshmd"
        if not shutil.which("unshare") or subprocess.run(
                unshare + ["sh", "-c", mount], capture_output=True, check=False).returncode != 0:
            self.skipTest("no file systems of one's own here")
        script = self.folder / "sim"
        script.write_text(f"#!/bin/sh\nexec {' '.join(unshare)} sh -c "
                          f"'{mount} && exec \"$0\" \"$@\"' {XENSHMD_SIM} \"$@\"\n")
        script.chmod(0o755)
        with patched_program(script):
            self.start("--guest", "alpha")


@contextlib.contextmanager
def patched_program(path):
    before, harness.XENSHMD_SIM = harness.XENSHMD_SIM, str(path)
    try:
        yield
    finally:
        harness.XENSHMD_SIM = before


class Signals(ReloadTest):
    def test_while_stopping(self):
        self.start("--guest", "alpha", "--pool", "320M", config="[limits]\nsegments = 7\n")
        big = self.client.request("guest.attach", guest="alpha", size=256 * MIB)
        self.client.call("daemon.status")
        (self.folder / "xenshmd.conf").write_text("[limits]\nsegments = 8\n")
        self.daemon.process.send_signal(signal.SIGTERM)
        wait_until(lambda: self.lines("stopping"), "it stops")
        for _ in range(10):
            self.daemon.process.send_signal(signal.SIGHUP)
        with self.refused("BUSY"):
            self.client.finish(big)
        with contextlib.suppress(ProcessLookupError):
            while self.daemon.process.poll() is None:
                self.daemon.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.daemon.wait_end(), 0)
        self.assertEqual(self.lines("reload"), [])

    def test_while_starting(self):
        """It is not the daemon's end, and not lost: what it has read already may be out of date."""
        path = self.folder / "held.conf"
        os.mkfifo(path)
        self.daemon = self.launch("--config", path, "--guest", "alpha")
        # It opens its end when it begins to read, and then waits for text.
        pipe = wait_until(lambda: open_for_writing(path), "it reads its configuration")
        path.unlink()
        path.write_text("[limits]\nsegments = 8\n")
        for _ in range(10):
            self.daemon.process.send_signal(signal.SIGHUP)
        with pipe:
            pipe.write("[limits]\nsegments = 7\n")
        self.daemon.wait_ready()
        self.client = self.connect(self.daemon)
        wait_until(lambda: self.limits()[0] == 8, "the signal was not lost")

    def test_many_are_few(self):
        self.start("--guest", "alpha", config="")
        for number in range(1, 2001):
            if number % 100 == 0:
                (self.folder / "new").write_text(f"[limits]\nsegments = {number}\n")
                (self.folder / "new").rename(self.folder / "xenshmd.conf")
            self.daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.limits()[0] == 2000, "the last one is in force")
        # Those that come while one is waiting to be read are one.
        self.assertLessEqual(len(self.lines(IN_FORCE)), 2000)

    def test_nothing_is_left_behind(self):
        """Neither memory nor descriptors, of good ones and of bad ones."""
        os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=4"
        self.addCleanup(os.environ.pop, "ASAN_OPTIONS")
        text = "".join(f"[segment s{number}]\nsize = 4K\nguests = a, b, c\n[pool p{number}]\n"
                       "guest-address = 0x3a000000\n" for number in range(500))
        self.start("--guest", "alpha", config=text)
        for _ in range(5):
            self.reload(text)
            self.reload(text + "x", KEPT)
        descriptors, resident = self.daemon.descriptors(), self.daemon.resident()
        for _ in range(30):
            self.reload(text)
            self.reload(text + "x", KEPT)
        self.assertEqual(self.daemon.descriptors(), descriptors)
        self.assertLess(self.daemon.resident() - resident, 8 * MIB)


def open_for_writing(path):
    """A pipe; None while nobody reads from it."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_NONBLOCK), "w")
    except OSError:
        return None


class UnderLoad(unittest.TestCase):
    GUESTS = ["alpha", "beta", "gamma", "delta"]

    def test_no_request_and_no_connection_is_lost(self):
        """Clients at work while good and bad ones are read: what is confirmed is there."""
        world = World("--pool", "4M", "--guest", *self.GUESTS, "--log-level", "error")
        self.addCleanup(world.close)
        config = world.folder / "xenshmd.conf"
        config.write_text("[limits]\nsegments = 4000\n")
        world.start("--config", config)
        load = Load(world, self.GUESTS, random.Random(7))
        thread = threading.Thread(target=self.signal_and_stop, args=(world, config))
        thread.start()
        load.run()
        thread.join()
        self.assertGreater(load.confirmed_total, 100)
        self.assertIn(KEPT, world.text_log())
        world.ended()
        config.write_text("")
        world.start()
        for segment in world.list():
            if segment["kept"]:
                world.call("segment.free", name=segment["name"])
        load.compare(world.check())
        load.finish()

    def signal_and_stop(self, world, config):
        for number in range(300):
            text = f"[limits]\nsegments = {4000 + number}\n[segment s{number}]\n"
            new = config.with_suffix(".new")
            new.write_text(text + ("size = 4K\n" if number % 3 else ""))
            new.rename(config)
            world.process.send_signal(signal.SIGHUP)
            time.sleep(0.005)
        world.process.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
