#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's use of xenstore, with a xenstored that fails, storms and dies: libxenstore has a
thread of its own in the daemon's process, so helgrind and ThreadSanitizer look on."""

import errno
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

from fake_xenstored import (DIRECTORY, END, READ, RM, START, WATCH, WRITE, Xenstored)

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = b"/local/domain/1/xenshm/guest1-0"
NODES = {FOLDER + b"/address": b"0x3a000000", FOLDER + b"/size": b"4096",
         FOLDER + b"/epoch": b"1", FOLDER + b"/state": b"attached"}
TSAN = {"TSAN_OPTIONS": "halt_on_error=0:exitcode=99"}
HELGRIND = ["valgrind", "--tool=helgrind", "--error-exitcode=99", "--quiet", "--fair-sched=try",
            f"--suppressions={HERE / 'libxenstore.supp'}"]

# ThreadSanitizer knows where memory is, and some kernels put it elsewhere at random.
FIXED_ADDRESSES = ["setarch", "-R"]
if subprocess.run(FIXED_ADDRESSES + ["true"], capture_output=True, check=False).returncode:
    FIXED_ADDRESSES = []


class Client:
    """The program of store_client.c."""

    def __init__(self, store, program, before=(), environment=None):
        self.process = subprocess.Popen(
            [*before, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {}), "XENSTORED_PATH": str(store.path)})

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("it died: " + self.process.communicate(timeout=60)[1])
        return line.rstrip("\n")

    def call(self, line):
        self.tell(line)
        return int(self.answer())

    def end(self):
        """Its exit status, and what it or the tool said."""
        said = self.process.communicate(timeout=120)[1]
        return self.process.returncode, said


class Case(unittest.TestCase):
    variant, before, environment = "STORE_CLIENT", (), {}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.store = Xenstored(pathlib.Path(folder.name) / "socket")
        self.store.start()
        self.addCleanup(lambda: self.store.thread.is_alive() and self.store.stop())
        self.client = Client(self.store, os.environ[self.variant], self.before, self.environment)
        self.addCleanup(self.quit)

    def quit(self):
        if self.process_runs():
            self.client.process.kill()
        self.client.process.communicate()

    def wait_for(self, condition):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def process_runs(self):
        return self.client.process.poll() is None

    def call(self, line, wanted=0):
        self.assertEqual(self.client.call(line), wanted, line)

    def finish(self):
        status, said = self.client.end()
        if status or said:
            self.fail(f"exit status {status}: {said}")

    def published(self):
        return {path: value for path, value in self.store.nodes.items() if path in NODES}


class Xenstore(Case):
    """What the daemon is told, by xenstored as it should be and as it should not."""

    def setUp(self):
        super().setUp()
        self.call("connect")

    def drain(self):
        self.call("wait", 1)
        self.call("drain")

    def test_publish_and_unpublish(self):
        self.call("publish 1")
        self.assertEqual(self.published(), NODES)
        self.call("unpublish 1")
        self.assertFalse([path for path in self.store.nodes if path.startswith(FOLDER)])
        self.call("unpublish 1")  # a missing one is no error
        self.finish()

    def test_nothing_for_a_domain_that_is_gone(self):
        before = dict(self.store.nodes)
        self.call("publish 2", -errno.ESRCH)
        self.assertEqual(self.store.nodes, before)
        self.finish()

    def test_names(self):
        self.client.tell("name 1")
        self.assertEqual(self.client.answer(), "0 guest1")
        self.client.tell("name 2")
        self.assertEqual(self.client.answer(), "0 ")
        self.finish()

    def test_changes(self):
        self.drain()  # those of the watches themselves, in one go or two
        while self.client.call("look"):
            self.call("drain")
        self.store.change()
        self.drain()
        self.finish()

    def test_errors(self):
        """Each is told as it is; none is taken for a domain that is gone; nothing is left behind."""
        for kind, command in ((START, "publish 1"), (DIRECTORY, "publish 1"), (WRITE, "publish 1"),
                              (END, "publish 1"), (RM, "unpublish 1")):
            for name in ("EIO", "ENOSPC", "EACCES"):
                with self.subTest(kind=kind, name=name):
                    self.store.faults = {kind: [name]}
                    self.call(command, -getattr(errno, name))
                    self.assertEqual(self.published(), {})
        self.store.faults = {READ: ["EIO"]}
        self.client.tell("name 1")
        self.assertEqual(self.client.answer(), f"-{errno.EIO} ")
        self.call("publish 1")
        self.finish()

    def test_transactions_that_collide(self):
        self.store.faults = {END: ["EAGAIN"] * 31}
        self.call("publish 1")
        self.assertEqual(self.published(), NODES)
        self.call("unpublish 1")
        self.store.faults = {END: ["EAGAIN"] * 32}
        self.call("publish 1", -errno.EAGAIN)
        self.assertEqual(self.published(), {})
        self.finish()

    def test_a_connection_that_ends_in_a_call(self):
        """The call fails; the next one has another connection."""
        for kind, command in ((START, "publish 1"), (DIRECTORY, "publish 1"), (WRITE, "publish 1"),
                              (END, "publish 1"), (RM, "unpublish 1"), (READ, "name 1")):
            with self.subTest(kind=kind):
                self.store.faults = {kind: [None]}
                self.client.tell(command)
                self.assertEqual(self.client.answer().split(), [str(-errno.ENOTCONN)])
                self.assertEqual(self.published(), {})
                self.call("publish 1")
                self.store.change()
                self.drain()
                self.call("unpublish 1")
        self.finish()

    def test_xenstored_dies(self):
        """Calls fail at once, the descriptor is quiet, and nobody waits for ever."""
        self.store.stop()
        self.call("publish 1", -errno.ENOTCONN)
        for command in ("publish 1", "unpublish 1", "drain"):
            self.call(command, -errno.ECONNREFUSED)
        self.call("look", 0)
        self.store.path.unlink()
        self.call("drain", -errno.ENOENT)
        self.finish()

    def test_xenstored_dies_unnoticed_and_is_back(self):
        """No call meets the end of it: draining does, and changes are told again."""
        self.drain()
        while self.client.call("look"):
            self.call("drain")
        self.store.stop()
        while self.client.call("drain") == 0:
            pass  # until the reader has seen it
        self.call("look", 0)
        self.store.start()
        self.call("drain")
        self.store.change()
        self.drain()
        self.call("publish 1")
        self.assertEqual(self.published(), NODES)
        self.finish()

    def test_xenstored_refuses_watches(self):
        """There is none without them: half a connection is none."""
        self.store.faults = {START: [None], WATCH: ["EIO", "ENOSPC"]}
        self.call("publish 1", -errno.ENOTCONN)
        self.call("publish 1", -errno.EIO)
        self.call("publish 1", -errno.ENOSPC)
        self.call("publish 1")
        self.finish()

    def test_changes_do_not_hold_up(self):
        """Of many only some are taken at once, and the descriptor says that there are more."""
        self.store.change(2500)
        self.wait_for(lambda: self.store.events == 2500 and self.store.all_told())
        for _ in range(3):
            self.drain()
        self.finish()


class Threads:
    """What libxenstore's thread may meet, under a tool that looks for races."""

    def noticed(self, status, said):
        self.assertEqual(status, 99, said)
        self.assertIn("race", said)

    def test_a_race_would_be_noticed(self):
        self.call("race")
        self.noticed(*self.client.end())

    def test_work_in_a_storm(self):
        self.call("connect")
        self.store.storm(True)
        self.call("work 40")
        self.call("reconnect 20")
        self.finish()

    def test_xenstored_dies_while_changes_are_drained(self):
        self.call("connect")
        for _ in range(3):
            self.store.stop()
            while self.client.call("drain") == 0:
                pass
            self.store.start()
            self.call("drain")
            self.call("publish 1")
        self.finish()

    def test_xenstored_dies_in_a_storm(self):
        self.call("connect")
        for _ in range(5):
            self.store.storm(True)
            self.client.tell("work 100000000")
            self.wait_for(lambda: self.store.requests >= 100)
            self.store.stop()
            self.assertLess(int(self.client.answer()), 0)
            self.store.storming = False
            self.store.requests = 0
            self.store.start()
            self.call("work 1")
        self.finish()


class Helgrind(Threads, Case):
    variant, before = "STORE_CLIENT_PLAIN", HELGRIND


@unittest.skipIf("STORE_CLIENT_TSAN" not in os.environ, "the compiler has no ThreadSanitizer")
class ThreadSanitizer(Threads, Case):
    """It sees what libxenstore does through the C library only, since that is not compiled for it;
    helgrind sees all of it."""

    variant, before, environment = "STORE_CLIENT_TSAN", FIXED_ADDRESSES, TSAN
