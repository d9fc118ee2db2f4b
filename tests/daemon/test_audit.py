# SPDX-License-Identifier: LGPL-2.1-or-later
"""The audit: one line for every change and every refusal to make one, whoever asked and however;
nothing that a caller has sent is taken for a line, and no secret is in the log."""

import itertools
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import unittest

from creating import CreateMixin
from harness import (PAGE, XENSHMD_SIM, DaemonTest, FolderTest, Refused, SegmentMixin,
                     wait_until)
from users import ALICE, BOB, GROUPS, OTHER, READ, UsersMixin, needs_root

MARK = "xenshmd: audit: "
REFUSALS = 20  # of one user that are told in a span
MESSAGE_ID = "6d3bb0b1c4a94d4e9c0f0e6f2b7a5c18"


def words(line):
    """{key: value} of what follows the mark; each word is one pair."""
    pairs = [word.split("=", 1) for word in line.split(" ")]
    assert all(len(pair) == 2 and pair[1] for pair in pairs), line
    assert len(dict(pairs)) == len(pairs), line
    return dict(pairs)


class AuditMixin(UsersMixin, SegmentMixin):
    def audit(self, **wanted):
        """The lines with these words, in order."""
        # The last one may be just being written.
        lines = [line[len(MARK):] for line in self.daemon.log().splitlines(keepends=True)
                 if line.startswith(MARK) and line.endswith("\n")]
        found = [words(line.rstrip("\n")) for line in lines]
        return [entry for entry in found
                if all(entry.get(key) == str(value) for key, value in wanted.items())]

    def own(self, method):
        return self.audit(who="daemon", method=method)

    def one(self, **wanted):
        """The only one with these words, without who it was."""
        found = self.audit(**wanted)
        self.assertEqual(len(found), 1, self.audit())
        return {key: value for key, value in found[0].items()
                if key not in ("who", "uid", "pid", "role", "method")}

    def becomes(self, method, count=1, **wanted):
        """Waits for that change of the daemon's own; returns it."""
        wait_until(lambda: len(self.own(method)) >= count, f"{method} is told")
        found = self.own(method)
        self.assertEqual(len(found), count, found)
        for key, value in wanted.items():
            self.assertEqual(found[-1].get(key), str(value), found[-1])
        return found[-1]


class AuditTest(AuditMixin, DaemonTest):
    config = GROUPS


class Changes(AuditTest):
    config = GROUPS.replace("[daemon]\n", "[daemon]\nholder-wait = 3600\n")

    def test_segments(self):
        self.alloc("data", 3 * PAGE)
        opener = self.connect(self.daemon)
        opener.call("segment.open", name="data")
        opener.close()
        wait_until(lambda: "opened" not in self.show("data"), "it is closed")
        self.free("data")
        about = {"segment": "data", "size": str(3 * PAGE), "outcome": "ok"}
        for method in ("segment.alloc", "segment.open", "segment.free"):
            self.assertEqual(self.one(method=method), about)

    def test_attachments(self):
        self.attach("alpha", 5000)
        self.alloc("data", 2 * PAGE)
        self.share("alpha", "data")
        self.call("guest.detach", guest="alpha", all=True)
        found = self.audit(method="guest.attach")
        self.assertEqual([(one["guest"], one["segment"], one["size"]) for one in found],
                         [("alpha", "alpha-0", str(2 * PAGE)), ("alpha", "data", str(2 * PAGE))])
        self.assertEqual(self.one(method="guest.detach"),
                         {"guest": "alpha", "segment": "alpha-0,data", "size": str(4 * PAGE),
                          "outcome": "ok"})

    def test_who(self):
        self.alloc("data")
        entry = self.audit(method="segment.alloc")[0]
        self.assertEqual(list(entry), ["who", "uid", "pid", "role", "method", "segment", "size",
                                       "outcome"])
        self.assertEqual((entry["who"], entry["uid"], entry["pid"], entry["role"]),
                         ("client", str(os.getuid()), str(os.getpid()), "admin"))

    def test_a_guest_by_number(self):
        domid = self.domid("alpha")
        with self.refused("POOL_FULL"):
            self.attach(domid, 1 << 40)
        self.assertEqual(self.one(method="guest.attach"),
                         {"guest": str(domid), "size": str(1 << 40), "outcome": "POOL_FULL"})

    def test_refused(self):
        for method, params, outcome in (
                ("segment.alloc", {"name": "data"}, "INVALID_PARAMS"),
                ("segment.free", {"name": "data"}, "SEGMENT_UNKNOWN"),
                ("guest.attach", {"guest": "omega", "size": 1}, "GUEST_UNKNOWN"),
                ("guest.detach", {"guest": "alpha", "segment": "data"}, "SEGMENT_UNKNOWN"),
                ("guest.destroy", {"guest": "alpha"}, "GUEST_FOREIGN")):
            with self.assertRaises(Refused):
                self.call(method, **params)
            self.assertEqual(self.one(method=method)["outcome"], outcome)

    def test_looking_is_not_told(self):
        for method in ("daemon.status", "daemon.metrics", "pool.list", "pool.map", "segment.list",
                       "guest.list", "rpc.discover", "events.subscribe"):
            self.call(method)
        with self.refused("SEGMENT_UNKNOWN"):
            self.call("segment.show", name="none")
        for junk in (b"junk", b"[]", b"{}"):
            self.assertIn("error", self.raw(junk))
        self.assertEqual(self.audit(), [])

    def test_notifications_and_batches(self):
        self.notify("segment.alloc", name="a", size=PAGE)
        self.notify("segment.free", name="none")
        self.client.send_line([
            {"jsonrpc": "2.0", "id": 1, "method": "segment.alloc", "params": {"name": "b",
                                                                             "size": PAGE}},
            {"jsonrpc": "2.0", "method": "segment.free", "params": {"name": "a"}},
            {"jsonrpc": "2.0", "id": 2, "method": "segment.list"}])
        self.client.read()
        self.idle()
        self.assertEqual([(one["method"], one["segment"], one["outcome"])
                          for one in self.audit()],
                         [("segment.alloc", "a", "ok"), ("segment.free", "none", "SEGMENT_UNKNOWN"),
                          ("segment.alloc", "b", "ok"), ("segment.free", "a", "ok")])

    def test_a_client_that_is_gone(self):
        """What it has asked for goes on, and is told."""
        self.call("sim.guest.start", name="unknown", config=False)
        gone = self.connect(self.daemon)
        gone.request("segment.alloc", name="data", size=PAGE)
        wait_until(lambda: self.call("daemon.status")["counts"]["operations"] == 1, "it waits")
        gone.close()
        self.call("sim.guest.configure", name="unknown")
        self.idle()
        self.assertEqual(self.one(method="segment.alloc")["outcome"], "ok")

    def test_many_at_once(self):
        """A line stays a line: the names that fit, and how many more there are."""
        for index in range(30):
            self.alloc("n" * 60 + str(index))
            self.share("alpha", "n" * 60 + str(index))
        self.call("guest.detach", guest="alpha", all=True)
        entry = self.one(method="guest.detach")
        names, more = entry["segment"].rsplit(",+", 1)
        self.assertEqual(len(names.split(",")) + int(more), 30)
        self.assertEqual(entry["size"], str(30 * PAGE))


class Quiet(AuditTest):
    """No level of the log holds it back."""

    config = GROUPS.replace("[daemon]\n", "[daemon]\nlog-level = error\n")

    def test_level(self):
        self.alloc("data")
        self.assertEqual(self.one(method="segment.alloc")["outcome"], "ok")
        self.assertEqual(self.daemon.log().count("\n"), 1)


@needs_root
class Rights(AuditTest):
    def test_denied(self):
        """Whatever it was that one had not the right to."""
        stranger, reader = self.client_of(ALICE, OTHER), self.client_of(BOB, READ)
        for client, method in ((stranger, "daemon.status"), (stranger, "segment.free"),
                               (reader, "segment.free"), (reader, "guest.create")):
            with self.refused("PERMISSION_DENIED"):
                client.call(method)
        found = self.audit(outcome="PERMISSION_DENIED")
        self.assertEqual([(one["uid"], one["role"], one["method"]) for one in found],
                         [(str(ALICE), "none", "daemon.status"),
                          (str(ALICE), "none", "segment.free"),
                          (str(BOB), "read", "segment.free"), (str(BOB), "read", "guest.create")])

    def refused_often(self, client, count):
        client.pipeline(*[("segment.free", {"name": "none"})] * count)
        for _ in range(count):
            self.assertEqual(client.read()["error"]["data"]["name"], "SEGMENT_UNKNOWN")

    def test_flood(self):
        """A few of each user are told, and then how many more there were."""
        alice, bob, count = self.client_of(ALICE), self.client_of(BOB), 200
        alice.call("segment.alloc", name="data", size=PAGE)
        self.refused_often(alice, count)
        with self.refused("SEGMENT_UNKNOWN"):
            bob.call("segment.free", name="none")
        # What is done is always told.
        alice.call("segment.free", name="data")
        # When it stops it tells of the rest.
        self.client.close()
        self.assertEqual(self.daemon.stop(), 0)
        told = self.audit(uid=ALICE, outcome="SEGMENT_UNKNOWN")
        left_out = sum(int(one["left-out"]) for one in self.audit(uid=ALICE, outcome="refused"))
        self.assertEqual(len(told) + left_out, count)
        self.assertGreater(left_out, 0)
        self.assertLessEqual(len(told), count // 2)
        self.assertGreaterEqual(len(told), REFUSALS)
        self.assertEqual(len(self.audit(uid=BOB)), 1)
        self.assertEqual(len(self.audit(uid=ALICE, method="segment.free", outcome="ok")), 1)
        self.begin(*self.options)

    def test_what_was_left_out_is_told_soon(self):
        alice = self.client_of(ALICE)
        self.refused_often(alice, 3 * REFUSALS)
        entry = wait_until(lambda: self.audit(uid=ALICE, outcome="refused"), "it is told")[0]
        self.assertEqual(list(entry), ["who", "uid", "left-out", "outcome"])

    def test_of_each_user_it_is_told(self):
        """Whose span begins while another one's runs has no timer of its own."""
        for uid in (ALICE, BOB):
            self.refused_often(self.client_of(uid), 2 * REFUSALS)
        for uid in (ALICE, BOB):
            wait_until(lambda: self.audit(uid=uid, outcome="refused"), "it is told")


class TheDaemonsOwn(AuditTest):
    def test_a_guest_that_dies(self):
        self.attach("alpha", 2 * PAGE)
        self.call("sim.guest.destroy", name="alpha")
        self.becomes("attachment.detached", guest="alpha", segment="alpha-0", size=2 * PAGE,
                     outcome="ok")

    def test_a_reboot(self):
        self.attach("alpha")
        self.call("sim.guest.shutdown", name="alpha", reason="reboot")
        self.becomes("attachment.waiting", guest="alpha", segment="alpha-0")
        self.call("sim.guest.destroy", name="alpha")
        self.call("sim.guest.start", name="alpha")
        self.becomes("attachment.restored", guest="alpha", segment="alpha-0", outcome="ok")
        self.assertEqual(self.own("attachment.detached"), [])

    def test_quarantine(self):
        self.attach("alpha")
        for after in range(1, 12):
            self.call("sim.fail", operation="unmap", after=after)
        with self.refused("HYPERVISOR_FAILED"):
            self.call("guest.detach", guest="alpha")
        self.becomes("attachment.quarantined", guest="alpha", segment="alpha-0",
                     outcome="HYPERVISOR_FAILED")
        self.call("sim.fail", operation="unmap", errno=0)
        self.call("sim.guest.destroy", name="alpha")
        self.becomes("attachment.detached", guest="alpha", segment="alpha-0", outcome="ok")

    def test_a_segment_that_nobody_has(self):
        self.attach("alpha")
        opener = self.connect(self.daemon)
        opener.call("segment.open", name="alpha-0")
        self.call("guest.detach", guest="alpha")
        opener.close()
        self.becomes("segment.freed", segment="alpha-0", size=PAGE)

    def test_what_was_asked_for_is_told_once(self):
        self.attach("alpha")
        self.call("guest.detach", guest="alpha")
        self.alloc("data")
        self.free("data")
        self.assertEqual(self.audit(who="daemon"), [])

    def reload(self, config):
        (self.folder / "xenshmd.conf").write_text(config, encoding="utf-8")
        self.daemon.process.send_signal(signal.SIGHUP)

    def test_configuration(self):
        self.reload("[segment data]\nsize = 8K\nguests = alpha\n")
        self.becomes("config.reloaded", outcome="ok")
        self.becomes("segment.allocated", segment="data", size=2 * PAGE, outcome="ok")
        self.becomes("attachment.attached", guest="alpha", segment="data", outcome="ok")
        self.reload("[segment data]\nsize = 8K\n[segment huge]\nsize = 1G\n")
        self.becomes("order.failed", segment="huge", outcome="POOL_FULL")
        self.reload("nonsense")
        self.becomes("config.reloaded", 3, outcome="CONFIG_INVALID")


class Created(CreateMixin, AuditMixin, DaemonTest):
    options = ("--pool", "1M")

    def test_a_life(self):
        self.alloc("data", 2 * PAGE)
        self.create("guest1", PAGE, "data")
        self.assertEqual(self.one(method="guest.create"),
                         {"guest": "guest1", "segment": "guest1-0,data", "size": str(3 * PAGE),
                          "outcome": "ok"})
        domid = self.guest("guest1")["domid"]
        self.shut_down("guest1", "reboot")
        self.became("guest1", domid)
        self.becomes("guest.restarted", guest="guest1", outcome="ok")
        self.destroy("guest1")
        self.assertEqual(self.one(method="guest.destroy"), {"guest": "guest1", "outcome": "ok"})
        self.assertEqual(self.own("guest.ended"), [])

    def test_an_end_of_its_own(self):
        self.create("guest1", PAGE)
        self.shut_down("guest1", "poweroff")
        self.becomes("guest.ended", guest="guest1", outcome="ok")
        self.becomes("attachment.detached", guest="guest1", segment="guest1-0")

    def test_refused(self):
        self.fault("build", "error")
        with self.refused("HYPERVISOR_FAILED"):
            self.create("guest1", PAGE, {"size": PAGE, "name": "more"})
        entry = self.one(method="guest.create")
        self.assertEqual((entry["guest"], entry["segment"], entry["outcome"]),
                         ("guest1", "more", "HYPERVISOR_FAILED"))
        # Nothing of it has ever been: there is nothing else to tell.
        self.assertEqual(self.audit(who="daemon"), [])


class Secrets(CreateMixin, AuditMixin, DaemonTest):
    """At the level that tells most."""

    options = ("--pool", "1M", "--log-level", "debug")
    secret = "tiger7f3a"

    def test_nothing_is_in_the_log(self):
        secret = self.secret
        self.kernel.write_text(secret)
        self.create("guest1", PAGE, cmdline=secret, c_info={"xsdata": {secret: secret}})
        address = self.call("guest.list")["guests"][0]["attachments"][0]["guest_address"]
        self.guest_write("guest1", address, secret.encode())
        self.guest_read("guest1", address, PAGE)
        self.attempts(address)
        self.shut_down("guest1", "crash")
        wait_until(lambda: "guest1" in self.daemon.log() and self.own("guest.ended"), "it ended")
        log = self.daemon.log()
        self.assertNotIn(secret, log)
        self.assertNotIn(secret.encode().hex(), log)

    def attempts(self, address):
        """What is refused for what it has in it."""
        secret = self.secret
        config = self.settings("guest2", cmdline=secret)
        for method, params in (
                ("guest.create", {"config": {**config, secret: secret}, "shares": [{secret: 1}]}),
                ("guest.create", {"config": {**config, "on_crash": secret}}),
                ("guest.create", {"config": secret}),
                ("guest.create", {"config": config, secret: secret}),
                ("guest.create", {"config": self.settings("guest2", kernel="/no/" + secret)}),
                ("guest.create", {"config": config, "shares": [{"size": PAGE, "pool": secret}]}),
                ("segment.alloc", {"name": "x", "size": PAGE, "pool": secret}),
                ("segment.show", {secret: secret}),
                ("sim.guest.write", {"name": "guest1", "address": address, "data": secret}),
                ("sim.guest.write", {"name": "guest1", "address": address,
                                     "data": secret.encode().hex(), "x": secret}),
                (secret, {secret: secret})):
            self.client.methods.clear()
            self.client.reply(self.client.request(method, **params))
        for junk in (f'{{"{secret}": "{secret}', f'{{"a": 1, "a": "{secret}"}}', secret,
                     f'[{{"{secret}": 1}}]', f'{{"jsonrpc": "{secret}"}}'):
            self.raw(junk.encode())


class Injection(AuditTest):
    options = (*DaemonTest.options, "--log-level", "debug")
    evil = "x\nxenshmd: audit: who=client uid=0 method=evil outcome=ok\r\x1b[31m\u2028\u202e \\x0a"

    def test_in_every_place(self):
        evil = self.evil
        for method, params in (
                ("segment.alloc", {"name": evil, "size": PAGE}),
                ("segment.free", {"name": evil}),
                ("guest.attach", {"guest": evil, "segment": evil}),
                ("guest.detach", {"guest": evil, "segment": evil}),
                ("guest.create", {"config": {"c_info": {"name": evil}},
                                  "shares": [{"segment": evil, "name": evil}]}),
                ("guest.destroy", {"guest": evil}),
                (evil, {evil: evil}), ("segment.show", {evil: evil})):
            with self.assertRaises(Refused):
                self.call(method, **params)
        log = self.daemon.log()
        self.assertEqual(self.audit(method="evil"), [])
        self.assertTrue(all(c == "\n" or c.isprintable() for c in log), log)
        for line in log.splitlines():
            self.assertTrue(line.startswith("xenshmd: "), line)
        self.assertEqual(self.one(method="segment.free")["segment"][:8], r"x\x0axen")

    def test_long_and_strange(self):
        methods = itertools.cycle(("segment.alloc", "guest.attach", "guest.detach", "guest.create",
                                   "guest.destroy"))
        for value in ("x" * 30000, "\u00e4" * 1000, 1 << 60, -1, 1.5, None, True, [], ["x"],
                      {"name": "x"}, {"name": "y" * 5000}, {"name": ["x"]}, ""):
            with self.assertRaises(Refused):
                self.call(next(methods), guest=value, name=value, segment=value, size=value,
                          config=value, shares=value)
        with self.assertRaises(Refused):
            self.call("guest.create", config={"c_info": []}, shares=[1, [], {}, None] * 1000)
        # Fewer than begin to be left out.
        self.assertEqual(len(self.audit()), 14)
        for line in self.daemon.log().splitlines():
            self.assertLess(len(line), 1400)

    def test_names_of_guests(self):
        """They are the toolstack's, not ours."""
        self.call("sim.guest.start", name="my guest=\u00e4\n")
        self.attach("my guest=\u00e4\n")
        self.call("sim.guest.destroy", name="my guest=\u00e4\n")
        self.assertTrue(self.one(method="guest.attach")["guest"].startswith(r"my\x20guest\x3d"))
        self.becomes("attachment.detached")


def linked_with_systemd():
    output = subprocess.run(["ldd", shutil.which(XENSHMD_SIM)], capture_output=True, text=True,
                            check=False).stdout
    return "libsystemd" in output


def can_mount():
    return os.geteuid() == 0 and shutil.which("unshare") and subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/run"], capture_output=True,
        check=False).returncode == 0


@unittest.skipUnless(can_mount(), "no file system of one's own")
@unittest.skipUnless(linked_with_systemd(), "built without libsystemd")
class Journal(FolderTest):
    """With a journal of the test's, in a /run that only the daemon sees."""

    script = """#!/bin/sh
exec unshare --mount sh -c '
    mount -t tmpfs none /run && mkdir -p /run/systemd && ln -s "{folder}" /run/systemd/journal
    export JOURNAL_STREAM="{stream}"
    exec "$@"' sh "{daemon}" "$@"
"""

    def setUp(self):
        super().setUp()
        # Not in /run, which the daemon has another of.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="xenshmd-test-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.journal.close)
        self.journal.bind(str(self.folder / "socket"))
        self.journal.settimeout(30)

    def begin(self, stream):
        program = self.folder / "start"
        program.write_text(self.script.format(folder=self.folder, stream=stream,
                                              daemon=shutil.which(XENSHMD_SIM)))
        program.chmod(0o755)
        self.daemon = self.start("--pool", "64K", "--guest", "alpha", program=str(program))
        self.client = self.connect(self.daemon)

    def entry(self):
        """The next entry, in journald's own protocol."""
        data, fields = self.journal.recv(1 << 16), {}
        while data:
            line, _, data = data.partition(b"\n")
            key, equals, value = line.partition(b"=")
            if not equals:
                size, = struct.unpack("<Q", data[:8])
                value, data = data[8:8 + size], data[8 + size + 1:]
            fields[key.decode()] = value.decode()
        return fields

    def test_fields(self):
        self.begin("$(stat -L -c %d:%i /proc/self/fd/2)")
        self.client.call("guest.attach", guest="alpha", size=PAGE)
        entry = self.entry()
        self.assertEqual(entry, {
            "PRIORITY": "5", "MESSAGE_ID": MESSAGE_ID, "SYSLOG_IDENTIFIER": "xenshmd",
            "MESSAGE": entry["MESSAGE"], "XENSHM_WHO": "client", "XENSHM_UID": "0",
            "XENSHM_PID": str(os.getpid()), "XENSHM_ROLE": "admin",
            "XENSHM_METHOD": "guest.attach", "XENSHM_GUEST": "alpha",
            "XENSHM_SEGMENT": "alpha-0", "XENSHM_SIZE": str(PAGE), "XENSHM_OUTCOME": "ok"})
        self.assertTrue(entry["MESSAGE"].startswith("audit: who=client uid=0 "), entry)
        with self.assertRaises(Refused):
            self.client.call("segment.free", name="a\nXENSHM_UID=1")
        entry = self.entry()
        self.assertEqual(entry["XENSHM_UID"], "0")
        self.assertEqual(entry["XENSHM_SEGMENT"], r"a\x0aXENSHM_UID\x3d1")
        self.assertNotIn("audit", self.daemon.log())

    def test_stderr_is_something_else(self):
        """The variable is inherited; what it tells of may not be."""
        self.begin("1:2")
        self.client.call("segment.alloc", name="data", size=PAGE)
        self.assertRegex(self.daemon.log(), "(?m)^<5>audit: who=client .* outcome=ok$")

    def test_no_journal_listens(self):
        self.begin("$(stat -L -c %d:%i /proc/self/fd/2)")
        self.journal.close()
        self.client.call("segment.alloc", name="data", size=PAGE)
        self.assertRegex(self.daemon.log(), "(?m)^<5>audit: who=client .* outcome=ok$")


if __name__ == "__main__":
    unittest.main()
