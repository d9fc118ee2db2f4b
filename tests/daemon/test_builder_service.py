# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builders that systemd starts: what created guests go through with builders that are the daemon's
children, and what can go wrong between the daemon and a process that is not its own."""

import fcntl
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import tempfile
import time
import unittest

import test_builder
import test_create
import test_create_trouble
import test_created_kills
import test_created_restart
from creating import CreateMixin
from harness import PAGE, PATIENCE, DaemonTest, Refused, memory_folder, wait_until
from systemd import BUILDER, ServiceMixin, Systemd
from test_builder import alive, spawn

# ---- the same as with children of the daemon ----

class Creation(ServiceMixin, test_create.Created):
    pass


class CreationTrouble(ServiceMixin, test_create_trouble.Creation):
    pass


class Destruction(ServiceMixin, test_create_trouble.Destruction):
    pass


class TriedAgain(ServiceMixin, test_create_trouble.TriedAgain):
    pass


class AnEarlierBuilder(ServiceMixin, test_created_restart.AnEarlierBuilder):
    pass


class DuringCreation(ServiceMixin, test_created_restart.DuringCreation):
    pass


class DuringDestruction(ServiceMixin, test_created_restart.DuringDestruction):
    pass


class CreatedKills(test_created_kills.CreatedKills):
    """Fewer stories."""

    runs = min(test_created_kills.RUNS, 40)

    def world_options(self):
        folder = tempfile.mkdtemp(prefix="xenshmd-test-", dir=memory_folder())
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.systemd = Systemd(folder)
        self.addCleanup(self.systemd.close)
        return "--builder-socket", str(self.systemd.path)


# ---- a process that is not the daemon's own ----

class ServiceTest(ServiceMixin, CreateMixin, DaemonTest):
    options = ("--guest", "alpha", "--pool", "1M")
    config = "[daemon]\nbuilder-timeout = 30\n"

    def refused_creation(self, *texts):
        """Nothing is left of it. Returns the hint."""
        with self.refused_unchanged("HYPERVISOR_FAILED", *texts) as caught:
            self.create("guest1", PAGE)
        return caught.exception.hint

    def listen(self):
        """In systemd's place, until the test closes it."""
        self.systemd.stop()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(listening.close)
        listening.settimeout(PATIENCE)
        listening.bind(str(self.systemd.path))
        listening.listen(8)
        return listening

    def work_of(self, keeper):
        """The process that the keeper keeps."""
        path = pathlib.Path(f"/proc/{keeper}/task/{keeper}/children")
        return wait_until(lambda: [int(pid) for pid in path.read_text().split()],
                          "the work has begun")[0]

    def hanging(self):
        """A creation that hangs: (id, keeper, work)."""
        self.fault("build", "hang")
        id_ = self.ask_create("guest1", PAGE)
        self.half_made()
        keeper, = self.systemd.children()
        return id_, keeper, self.work_of(keeper)

    def fails(self, id_, text):
        with self.refused("HYPERVISOR_FAILED", text):
            self.client.finish(id_)
        self.idle()
        self.check_nothing_left()


class NoSystemd(ServiceTest):
    def test_no_socket(self):
        self.systemd.stop()
        hint = self.refused_creation(str(self.systemd.path), "No such file")
        self.assertIn("systemctl start xenshm-builder.socket", hint)

    def test_nobody_listens(self):
        self.listen().close()
        self.refused_creation(str(self.systemd.path), "Connection refused")

    def test_it_comes_back(self):
        self.systemd.stop()
        self.refused_creation("No such file")
        self.systemd = Systemd(self.folder)
        self.addCleanup(self.systemd.close)
        self.daemon.children = self.systemd.children
        self.create("guest1", PAGE)

    def test_a_long_path(self):
        self.client.close()
        self.daemon.stop()
        path, self.systemd.path = self.systemd.path, "/" + "x" * 200
        self.begin(*self.options)
        self.systemd.path = path
        with self.refused("HYPERVISOR_FAILED", "too long"):
            self.create("guest1", PAGE)

    def test_closed_at_once(self):
        """As systemd does beyond MaxConnections=, or where the program is missing."""
        self.systemd.program = "/no/such/builder"
        hint = self.refused_creation("no builder was started behind", str(self.systemd.path))
        self.assertIn("journalctl -u 'xenshm-builder*'", hint)
        self.assertEqual(self.systemd.accepted, 1)

    def test_one_that_ends_at_once(self):
        for program, text in (("true", "no builder was started"), ("cat", "no builder")):
            self.systemd.program = program
            self.refused_creation(text)

    def test_something_else_answers(self):
        listening = self.listen()
        for line, text in ((b"220 smtp.example.com\n", "makes no sense"), (b"{}\n", "makes no sense"),
                           (b"x" * 100, "no builder was started"),
                           (b'{"error": {"name": "BUSY", "message": "not today"}}\n', "")):
            with self.subTest(line=line), self.unchanged():
                id_ = self.ask_create("guest1", PAGE)
                connection, _ = listening.accept()
                with connection:
                    connection.sendall(line)
                    connection.shutdown(socket.SHUT_WR)
                    with self.assertRaises(Refused) as caught:
                        self.client.finish(id_)
                    self.assertIn(text, caught.exception.message)

    def test_one_that_cannot_be_given_its_work(self):
        """The daemon is out of descriptors; or the builder is gone."""
        listening = self.listen()
        limits = resource.prlimit(self.daemon.process.pid, resource.RLIMIT_NOFILE)
        for soft, closed in ((1, False), (limits[0], True)):
            with self.subTest(closed=closed), self.unchanged():
                id_ = self.ask_create("guest1", PAGE)
                connection, _ = listening.accept()
                with connection:
                    resource.prlimit(self.daemon.process.pid, resource.RLIMIT_NOFILE,
                                     (soft, limits[1]))
                    if closed:
                        connection.shutdown(socket.SHUT_RD)
                    connection.sendall(b'{"ready": {}}\n')
                    self.fails(id_, "the builder cannot be given its work")
                    resource.prlimit(self.daemon.process.pid, resource.RLIMIT_NOFILE, limits)

    def test_a_refusal_that_does_not_end(self):
        """It is passed on when the builder is gone; until then the daemon serves others."""
        listening = self.listen()
        id_ = self.ask_create("guest1", PAGE)
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b'{"ready": {}}\n')
            self.assertTrue(connection.recv(1))
            connection.sendall(b'{"error": {"name": "CONFIG_INVALID", "message": "no kernel"}}\n')
            for _ in range(20):
                self.assertEqual(self.call("daemon.status")["counts"]["operations"], 1)
        with self.refused("CONFIG_INVALID", "no kernel"):
            self.client.finish(id_)

    def test_of_another_user(self):
        if os.getuid() != 0:
            self.skipTest("only root can become others")
        self.systemd.stop()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(listening.close)
        listening.bind(str(self.systemd.path))
        # Who listens is who has called listen().
        pid = os.fork()
        if pid == 0:
            os.setuid(65534)
            listening.listen(8)
            os._exit(0)
        os.waitpid(pid, 0)
        self.refused_creation("it is another user's")


class NobodyAccepts(ServiceTest):
    config = "[daemon]\nbuilder-timeout = 1\n"

    def test_it_is_given_up(self):
        """And a builder that is started much later, on what was given up, does nothing."""
        listening = self.listen()
        self.refused_creation("took more than 1 second")
        connection, _ = listening.accept()
        with connection:
            pid = spawn(BUILDER, connection.fileno(), arguments=("--service",))
        self.assertEqual(reap(pid), 0)
        self.check_nothing_left()

    def test_one_that_does_nothing_after_its_start(self):
        listening = self.listen()
        id_ = self.ask_create("guest1", PAGE)
        connection, _ = listening.accept()
        connection.sendall(b'{"ready": {}}\n')
        # The daemon waits until it is gone, whatever it said.
        time.sleep(1.5)
        self.assertEqual(self.call("daemon.status")["counts"]["operations"], 1)
        connection.close()
        self.fails(id_, "took more than 1 second")


class Killed(ServiceTest):
    def test_the_work(self):
        id_, keeper, work = self.hanging()
        os.kill(work, signal.SIGSEGV)
        self.fails(id_, "crashed: Segmentation fault")
        self.assertFalse(alive(keeper))

    def test_the_keeper(self):
        id_, keeper, work = self.hanging()
        os.kill(keeper, signal.SIGKILL)
        self.fails(id_, "ended before its work was done")
        self.assertFalse(alive(work))

    def test_by_systemd(self):
        """systemctl stop 'xenshm-builder@*'"""
        id_, keeper, work = self.hanging()
        os.kill(keeper, signal.SIGTERM)
        self.fails(id_, "crashed: Killed")
        self.assertFalse(alive(work) or alive(keeper))

    def test_the_daemon(self):
        for number in (signal.SIGKILL, signal.SIGTERM):
            _, keeper, work = self.hanging()
            self.client.close()
            self.daemon.stop(number)
            wait_until(lambda: not alive(work) and not alive(keeper), "both are gone")
            self.begin(*self.options)
            self.check_nothing_left()

    def test_the_daemon_hangs(self):
        """One that is stopped goes on where it was."""
        self.fault("build", "slow", seconds=0.5)
        id_ = self.ask_create("guest1", PAGE)
        self.half_made()
        os.kill(self.daemon.pid, signal.SIGSTOP)
        time.sleep(1)
        os.kill(self.daemon.pid, signal.SIGCONT)
        self.assertEqual(self.client.finish(id_)["guest"]["state"], "running")

    def test_exit_statuses(self):
        """What systemd shows as failed is a crash, not a refusal."""
        with self.refused("CONFIG_INVALID"):
            self.create("guest2", PAGE, kernel="/no/such/kernel")
        wait_until(lambda: not self.systemd.children(), "they are gone")
        self.assertEqual(self.systemd.statuses, [0])
        id_, _, work = self.hanging()
        os.kill(work, signal.SIGSEGV)
        self.fails(id_, "crashed")
        # And the one that has taken back what was made.
        wait_until(lambda: not self.systemd.children(), "they are gone")
        self.assertEqual(sorted(self.systemd.statuses), [0, 0, 1])


    def test_none_is_killed_that_has_done_its_work(self):
        """Else what it has started for its guest would go with it."""
        self.create("guest1", PAGE)
        self.create("guest2", PAGE, paused=True)
        self.destroy("guest1")
        wait_until(lambda: not self.systemd.children(), "they are gone")
        self.assertEqual(self.systemd.statuses, [0, 0, 0])
        self.assertEqual(self.systemd.log_text(), "")

    def test_its_lock(self):
        """It holds the lock, though it is nobody's child, until it is gone with its work: the next
        daemon begins nothing before."""
        _, keeper, work = self.hanging()
        os.kill(keeper, signal.SIGSTOP)
        self.client.close()
        self.daemon.stop(signal.SIGKILL)
        folder = os.open(self.folder / "state" / "guests", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        locked = test_created_restart.AnEarlierBuilder.locked
        self.assertFalse(locked(folder))
        self.assertTrue(alive(work))
        os.kill(keeper, signal.SIGCONT)
        wait_until(lambda: locked(folder), "the lock is free")
        self.assertFalse(alive(work))
        fcntl.flock(folder, fcntl.LOCK_UN)
        self.assertIn("killed, with all that it ran", self.systemd.log_text())
        self.begin(*self.options)
        self.check_nothing_left()


class Descriptors(ServiceTest):
    def test_none_is_lost(self):
        """Neither here nor in flight: the same after many."""
        def round_():
            self.create("guest1", PAGE)
            self.fault("build", "abort")
            with self.refused("HYPERVISOR_FAILED", "crashed"):
                self.create("guest2", PAGE)
            self.destroy("guest1")
            wait_until(lambda: not self.systemd.children(), "builders are gone")
            self.call("daemon.status")

        round_()
        before = self.daemon.descriptors()
        for _ in range(5):
            round_()
        wait_until(lambda: self.daemon.descriptors() == before, "as many descriptors as before")


# ---- the keeper by itself ----

def reap(pid):
    """The exit status; negative: killed by that signal."""
    ended = wait_until(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT),
                       "the builder has ended")
    assert ended.si_pid == pid
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Kept:
    """A builder with --service, and the daemon's end of it."""

    def __init__(self, test, world, bell):
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(PATIENCE)
        test.addCleanup(self.socket.close)
        self.pid = spawn(BUILDER, theirs.fileno(), arguments=("--service",))
        theirs.close()
        test.addCleanup(self.end)
        self.file = self.socket.makefile("rb")
        self.given = (world, bell)
        self.leash = None
        self.status = None

    def end(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def hear(self):
        """The next line; None at its end."""
        try:
            line = self.file.readline()
        except ConnectionResetError:
            line = b""
        return json.loads(line) if line else None

    def say(self, value):
        self.socket.sendall(json.dumps(value).encode() + b"\n")

    def hand_over(self, *more):
        end, self.leash = os.pipe()
        socket.send_fds(self.socket, [b"\n"], [end, *self.given, *more])
        os.close(end)

    def wait(self):
        self.status = reap(self.pid)
        return self.status


class Keeper(test_builder.BuilderTest):
    def kept(self):
        kept = Kept(self, self.world, self.bell)
        self.assertEqual(kept.hear(), {"ready": {}})
        return kept

    def working(self):
        kept = self.kept()
        kept.hand_over()
        kept.say({"do": "create", "config": self.domain_config()})
        self.assertIn("facts", kept.hear())
        return kept

    def test_a_guest(self):
        kept = self.working()
        kept.say(self.order(self.share()))
        self.assertIn("built", kept.hear())
        kept.say({"run": {}})
        self.assertEqual(kept.hear(), {"done": {}})
        self.assertIsNone(kept.hear())
        self.assertEqual(kept.wait(), 0)

    def test_let_go(self):
        """The guest stays, paused."""
        kept = self.working()
        kept.say(self.order(self.share()))
        domid = kept.hear()["built"]["domid"]
        os.write(kept.leash, b"\0")
        self.assertIsNone(kept.hear())
        self.assertEqual(kept.wait(), 0)
        self.assertEqual(self.domains()[domid]["state"], "paused")

    def test_the_leash_is_let_fall(self):
        """While it waits for a word, and while it hangs; the socket alone ends nothing."""
        kept = self.working()
        os.close(kept.leash)
        self.assertIsNone(kept.hear())
        self.assertEqual(kept.wait(), 0)
        self.fault("build", "hang")
        kept = self.working()
        kept.say(self.order(self.share()))
        wait_until(lambda: len(self.domains()) == 1, "it hangs")
        os.close(kept.leash)
        self.assertIsNone(kept.hear())
        self.assertEqual(kept.wait(), 0)

    def test_nobody_is_there(self):
        kept = self.kept()
        kept.socket.shutdown(socket.SHUT_RDWR)
        self.assertEqual(kept.wait(), 0)

    def test_no_descriptors(self):
        kept = self.kept()
        kept.say({"do": "create", "config": self.domain_config()})
        self.assertIsNone(kept.hear())
        self.assertEqual(kept.wait(), 0)

    def test_too_many_descriptors(self):
        """Those that there is no place for are dropped, and nothing else is."""
        kept = self.kept()
        kept.hand_over(*[self.bell] * 20)
        kept.say({"do": "create", "config": self.domain_config()})
        self.assertIn("facts", kept.hear())
        work, = pathlib.Path(f"/proc/{kept.pid}/task/{kept.pid}/children").read_text().split()
        folder = pathlib.Path(f"/proc/{work}/fd")
        events = [fd for fd in folder.iterdir() if "eventfd" in os.readlink(fd)]
        self.assertEqual(len(events), 3)
        os.close(kept.leash)
        self.assertEqual(kept.wait(), 0)

    def test_not_a_socket(self):
        pid = spawn(BUILDER, self.bell, arguments=("--service",))
        self.assertEqual(reap(pid), 2)


if __name__ == "__main__":
    unittest.main()
