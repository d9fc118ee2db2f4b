# SPDX-License-Identifier: LGPL-2.1-or-later
"""A segment opened by a program of Dom0: the descriptor comes with its own reply, shows the segment's
bytes, and as long as the connection stands, or a daemon cannot know better, nobody else gets them."""

import contextlib
import fcntl
import json
import mmap
import os
import random
import select
import signal
import socket
import subprocess
import sys
import unittest

from harness import (KIB, MIB, PAGE, PATIENCE, Client, DaemonTest, Refused, SegmentMixin, WorldTest,
                     die_with_parent, number, wait_until)

OF_CONNECTION = 256
OF_ALL = 1024
WAITING = 8  # descriptors, before clients that do not read are cut off

# A program that opens a segment, says so, and waits; then does what it is told.
PROGRAM = """
import json, mmap, os, socket, sys
path, name = sys.argv[1:]

def open_():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)
    s.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "segment.open",
                          "params": {"name": name}}).encode() + b"\\n")
    data, fds, _, _ = socket.recv_fds(s, 65536, 4)
    result = json.loads(data)["result"]
    end = result["offset"] + result["size"]
    memory = mmap.mmap(fds[0], end, offset=result["map_offset"])
    os.close(fds[0])
    return s, memory, result["offset"]

s, memory, offset = open_()
more = []
print("open", flush=True)
for line in sys.stdin:
    word, _, text = line.strip().partition(" ")
    if word == "write":
        memory[offset:offset + len(text)] = text.encode()
    elif word == "flood":
        s.sendall(b" " * (256 * 1024 + 1))
        while s.recv(65536):
            pass
    elif word == "end-of-daemon":
        while s.recv(65536):
            pass
    elif word == "again":
        s, memory, offset = open_()
    elif word == "another":
        more.append(open_())
    elif word == "close":
        s.close()
    print(word, flush=True)
"""


class OpenClient(Client):
    """A client that takes the descriptors that come."""

    def __init__(self, path):
        super().__init__(path)
        plain = self.socket
        self.descriptors = []
        self.socket = self  # Client's reads come through recv() below
        self.plain = plain

    def recv(self, size):
        data, fds, flags, _ = socket.recv_fds(self.plain, size, 64)
        assert not flags & socket.MSG_CTRUNC
        self.descriptors += fds
        return data

    def sendall(self, data):
        self.plain.sendall(data)

    def shutdown(self, how):
        self.plain.shutdown(how)

    def fileno(self):
        return self.plain.fileno()

    def close(self):
        self.plain.close()
        for fd in self.descriptors:
            os.close(fd)
        self.descriptors = []

    def take(self):
        return self.descriptors.pop(0)

    def open(self, name):
        """The result with the mapped segment, as `memory`."""
        result = self.call("segment.open", name=name)
        return result, self.take()


class Memory:
    """An opened segment, mapped as a program does it."""

    def __init__(self, result, fd):
        self.start, self.size = result["offset"], result["size"]
        self.map = mmap.mmap(fd, self.start + self.size, offset=result["map_offset"])
        os.close(fd)

    def read(self, offset, length):
        return self.map[self.start + offset:self.start + offset + length]

    def write(self, offset, data):
        self.map[self.start + offset:self.start + offset + len(data)] = data


class OpenMixin(SegmentMixin):
    def connect_open(self):
        client = OpenClient(self.daemon.socket_path)
        self.addCleanup(client.close)
        return client

    def opened(self, name):
        return self.show(name).get("opened", 0)

    def open(self, name, client=None):
        """A client with the segment open, and its memory."""
        client = client or self.connect_open()
        memory = Memory(*client.open(name))
        self.addCleanup(memory.map.close)
        return client, memory

    def closed(self, name):
        wait_until(lambda: self.opened(name) == 0, f"{name} is open no more")

    def give_back(self, name, most):
        """Those that were cut off left theirs to this process: one is taken over at a time."""
        for _ in range(most):
            wait_until(lambda: self.call("daemon.status")["counts"]["connections"] == 1, "it closed")
            if self.opened(name) == 0:
                return
            client, memory = self.open(name)
            memory.map.close()
            client.close()
        self.closed(name)

    def spawn_program(self, name):
        """A process of its own that has the segment open."""
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self.daemon.socket_path), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "open\n")
        return process

    def tell(self, process, *words):
        process.stdin.write(" ".join(words) + "\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), words[0] + "\n")

    def end(self, process):
        process.kill()
        process.wait(PATIENCE)

    def descriptors(self, connections=1):
        """Of the daemon, with so many connections and no other that is about to end."""
        wait_until(lambda: self.call("daemon.status")["counts"]["connections"] == connections,
                   f"there are {connections} connections")
        return self.daemon.descriptors()

    def at_rest(self, descriptors):
        wait_until(lambda: self.daemon.descriptors() == descriptors,
                   f"the daemon has {descriptors} descriptors")


class OpenTest(OpenMixin, DaemonTest):
    pass


class TwoPools(OpenMixin, DaemonTest):
    options = ("--guest", "alpha", "beta", "--pool", "one=64K", "--pool", "two=128K")

    def test_bytes_both_ways(self):
        for pool in ("one", "two"):
            self.alloc(f"before-{pool}", PAGE, pool=pool)
            segment = self.alloc(f"data-{pool}", 3 * PAGE, pool=pool)
            attachment = self.share("alpha", f"data-{pool}")
            client, memory = self.open(f"data-{pool}")
            self.assertEqual(memory.size, 3 * PAGE)
            base = next(one for one in self.call("pool.list")["pools"] if one["name"] == pool)
            self.assertEqual(memory.start,
                             number(segment["host_address"]) - number(base["host_address"]))
            self.assertEqual(memory.read(0, 3 * PAGE), bytes(3 * PAGE))
            for offset in (0, 8, PAGE, 3 * PAGE - 8):
                address = number(attachment["guest_address"]) + offset
                self.guest_write("alpha", address, f"guest{offset:03}"[:8].encode())
                self.assertEqual(memory.read(offset, 8), f"guest{offset:03}"[:8].encode())
                memory.write(offset, b"a memory")
                self.assertEqual(self.guest_read("alpha", address, 8), b"a memory")
            client.close()


class OddPools(OpenMixin, DaemonTest):
    options = ("--guest", "alpha", "--pool", "small=4K", "other=12K", "third=64K")

    def test_larger_pages(self):
        """A kernel with pages of 16 or 64 KiB maps from their multiples only."""
        for pool in ("small", "other", "third"):
            self.call("segment.alloc", name=pool, size=PAGE, pool=pool)
            client = self.connect_open()
            result, fd = client.open(pool)
            os.close(fd)
            self.assertEqual(result["map_offset"] % (64 * KIB), 0)
            client.close()


class Opening(OpenTest):
    def test_result(self):
        self.alloc("first")
        self.alloc("data", 2 * PAGE)
        client = self.connect_open()
        result, fd = client.open("data")
        self.assertEqual(set(result), {"offset", "size", "map_offset"})
        self.assertEqual((result["offset"], result["size"]), (PAGE, 2 * PAGE))
        self.assertEqual(result["map_offset"] % mmap.PAGESIZE, 0)
        self.assertEqual(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE, os.O_RDWR)
        self.assertEqual(client.descriptors, [])
        os.close(fd)

    def test_each_is_an_open_file_of_its_own(self):
        """Else a client could change the daemon's position, flags and locks, and others'."""
        self.alloc("data")
        one, other = self.connect_open(), self.connect_open()
        first, second = one.open("data")[1], other.open("data")[1]
        os.lseek(first, 4711, os.SEEK_SET)
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with self.assertRaises(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.assertEqual(os.lseek(second, 0, os.SEEK_CUR), 0)
        os.close(first)
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(second)

    def test_counted_once_for_each_connection(self):
        segment = self.alloc("data")
        self.assertNotIn("opened", segment)
        one, _ = self.open("data")
        self.assertEqual(self.opened("data"), 1)
        self.open("data", one)
        self.assertEqual(self.opened("data"), 1)
        other, memory = self.open("data")
        self.assertEqual(self.opened("data"), 2)
        self.assertEqual(self.call("daemon.status")["counts"]["openings"], 2)
        one.close()
        wait_until(lambda: self.opened("data") == 1, "one has closed")
        memory.write(0, b"x")
        other.close()
        self.closed("data")
        self.assertNotIn("opened", self.show("data"))

    def test_descriptors_come_in_order(self):
        names = [f"s{n}" for n in range(20)]
        for name in names:
            self.host_write(self.alloc(name)["host_address"], name.encode())
        client = self.connect_open()
        calls = []
        for name in names:
            calls += [("segment.open", {"name": name}), ("segment.list", {}),
                      ("segment.open", {"name": "unknown"})]
        ids = client.pipeline(*calls)
        for n, name in enumerate(names):
            result = client.finish(ids[3 * n])
            memory = Memory(result, client.take())
            self.assertEqual(memory.read(0, len(name)), name.encode())
            memory.map.close()
            client.finish(ids[3 * n + 1])
            with self.refused("SEGMENT_UNKNOWN", "unknown"):
                client.finish(ids[3 * n + 2])
        self.assertEqual(client.descriptors, [])
        client.close()

    def test_half_closed_it_stays(self):
        self.alloc("data")
        client, memory = self.open("data")
        client.half_close()
        self.client.call("daemon.status")
        with self.refused_unchanged("SEGMENT_IN_USE", "'data'"):
            self.free("data")
        memory.write(0, b"still here")
        client.close()
        self.closed("data")

    def test_shut_down_it_is_closed(self):
        self.alloc("data")
        client, _ = self.open("data")
        client.shutdown(socket.SHUT_RDWR)
        self.free("data")

    def test_subscribed_too(self):
        self.alloc("data")
        client, _ = self.open("data")
        client.call("events.subscribe")
        client.call("events.subscribe", types=[])
        client.half_close()
        self.call("daemon.status")
        self.assertEqual(self.opened("data"), 1)


class Promise(OpenTest):
    def test_free_is_refused(self):
        self.alloc("data")
        client, _ = self.open("data")
        with self.refused_unchanged("SEGMENT_IN_USE", "'data'", f"process {os.getpid()} ",
                                    f"uid {os.getuid()}") as caught:
            self.free("data")
        self.assertNotIn("more", caught.exception.message)
        other, _ = self.open("data")
        with self.refused_unchanged("SEGMENT_IN_USE", " and 1 more"):
            self.free("data")
        client.close()
        other.close()
        # A hang-up that came before the request counts, whoever was heard first.
        self.free("data")

    def test_freed_at_once_after_each_close(self):
        for _ in range(50):
            self.alloc("data")
            client, _ = self.open("data")
            client.close()
            self.free("data")

    def test_it_stays_when_its_last_guest_goes(self):
        events = self.connect(self.daemon)
        events.call("events.subscribe", types=["segment.freed", "attachment.detached"])
        attachment = self.attach("alpha", name="data")
        client, memory = self.open("data")
        memory.write(0, b"bytes that stay")
        self.detach("alpha")
        segment = self.agree()["data"]
        self.assertEqual((segment["attachments"], segment["kept"], segment["opened"]),
                         ([], False, 1))
        with self.refused_unchanged("SEGMENT_IN_USE", f"process {os.getpid()}"):
            self.free("data")
        with self.refused_unchanged("SEGMENT_EXISTS"):
            self.attach("beta", name="data")
        # Other guests come and go, and one that dies.
        beta = self.share("beta", "data")
        self.assertEqual(beta["epoch"], attachment["epoch"])
        self.assertEqual(self.guest_read("beta", beta["guest_address"], 15), b"bytes that stay")
        self.detach("beta")
        self.share("gamma", "data")
        self.call("sim.guest.destroy", name="gamma")
        wait_until(lambda: not self.show("data")["attachments"], "gamma is gone")
        self.agree()
        self.assertEqual(memory.read(0, 15), b"bytes that stay")
        client.close()
        self.gone("data")
        self.assertEqual(self.call("pool.list")["pools"][0]["free"], MIB)
        types = [json.loads(events.line())["params"]["type"] for _ in range(4)]
        self.assertEqual(types, 3 * ["attachment.detached"] + ["segment.freed"])

    def test_it_goes_with_its_last_guest(self):
        """Closing before that takes nothing from the guest."""
        attachment = self.attach("alpha", name="data")
        client, _ = self.open("data")
        client.close()
        self.closed("data")
        self.guest_write("alpha", attachment["guest_address"], b"x")
        self.agree()
        self.detach("alpha")
        self.assertEqual(self.names(), [])

    def test_pages_are_wiped_before_the_next_owner(self):
        self.attach("alpha", MIB, name="data")
        client, memory = self.open("data")
        self.detach("alpha")
        for page in range(0, MIB, PAGE):
            memory.write(page, b"secret")
        with self.refused_unchanged("POOL_FULL"):
            self.alloc("other")
        client.close()
        self.gone("data")
        self.assertEqual(self.host_bytes(self.alloc("other", MIB)), bytes(MIB))

    def test_attaching_that_fails_leaves_it(self):
        """The guest was its only one: what is rolled back must not take the segment along."""
        self.attach("alpha", name="data")
        client, memory = self.open("data")
        self.detach("alpha")
        for operation in ("store_write", "permit", "map", "publish"):
            self.call("sim.fail", operation=operation)
            with self.refused_unchanged("STORE_FAILED" if operation == "store_write"
                                        else "HYPERVISOR_FAILED"):
                self.share("beta", "data")
        memory.write(0, b"x")
        client.close()
        self.gone("data")

    def test_quarantine_waits_for_the_program(self):
        """As with a segment that is kept, only the attachment is quarantined, while it is open."""
        def run_state():
            return next(run["state"] for run in self.call("pool.map")["runs"]
                        if run.get("segment") == "data")

        self.attach("alpha", name="data")
        client, _ = self.open("data")
        for n in range(1, 40):
            self.call("sim.fail", operation="unmap", after=n)
        with self.refused("HYPERVISOR_FAILED"):
            self.detach("alpha")
        segment = self.show("data")
        self.assertEqual((segment["state"], segment["attachments"][0]["state"], run_state()),
                         ("ready", "quarantined", "used"))
        other, _ = self.open("data")
        other.close()
        client.close()
        wait_until(lambda: self.show("data")["state"] == "quarantined", "it is quarantined")
        self.assertEqual(run_state(), "quarantined")
        with self.refused("PAGES_HELD", "'data' is quarantined", "'alpha'"):
            self.call("segment.open", name="data")
        self.call("sim.fail", operation="unmap", errno=0)
        self.detach("alpha")
        self.gone("data")

    def test_hang_up_in_a_line(self):
        self.alloc("data")
        client, _ = self.open("data")
        client.send(b'{"jsonrpc":')
        client.close()
        self.closed("data")


class Refusals(OpenTest):
    def test_params(self):
        for params in ({}, {"name": "a", "x": 1}, {"name": 1}, {"name": "/"}):
            with self.subTest(params=params), self.refused_unchanged("INVALID_PARAMS"):
                self.call("segment.open", **params)

    def test_unknown(self):
        with self.refused_unchanged("SEGMENT_UNKNOWN", "'data'"):
            self.call("segment.open", name="data")

    def test_notification(self):
        self.alloc("data")
        client = self.connect_open()
        with self.unchanged():
            client.notify("segment.open", name="data")
            self.assertTrue(client.quiet())
        self.assertEqual(client.descriptors, [])

    def test_batch(self):
        self.alloc("data")
        client = self.connect_open()
        one = {"jsonrpc": "2.0", "id": 7, "method": "segment.open", "params": {"name": "data"}}
        with self.unchanged():
            client.send_line([one, {"jsonrpc": "2.0", "id": 8, "method": "daemon.status"}])
            replies = {reply["id"]: reply for reply in client.read()}
        self.assertEqual(replies[7]["error"]["data"]["name"], "UNSUPPORTED")
        self.assertIn("batch", replies[7]["error"]["message"])
        self.assertIn("result", replies[8])
        self.assertEqual(client.descriptors, [])

    def test_clash(self):
        segment = self.alloc("data")
        frame = number(segment["host_address"]) // PAGE
        self.call("sim.guest.start", name="thief", iomem=[f"{frame:#x},1"])
        with self.refused_unchanged("PAGES_HELD", "'data'", "'thief'"):
            self.call("segment.open", name="data")
        self.call("sim.guest.destroy", name="thief")
        self.open("data")

    def test_for_a_process_that_is_gone(self):
        """Nobody could tell any more when it is over."""
        self.alloc("data")
        client = self.connect_open()
        client.socket.close()
        client.socket = socket.socket(socket.AF_UNIX)
        client.socket.settimeout(PATIENCE)
        child = os.fork()
        if child == 0:
            try:
                client.socket.connect(str(self.daemon.socket_path))
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        with self.refused("UNSUPPORTED", "data", str(child)):
            client.call("segment.open", name="data")
        self.assertEqual(self.opened("data"), 0)

    def test_each_call_that_fails(self):
        self.alloc("data")
        before = self.descriptors()
        client = self.connect_open()
        for operation, name in (("store_write", "STORE_FAILED"), ("list", "HYPERVISOR_FAILED")):
            with self.subTest(operation=operation), self.unchanged():
                self.call("sim.fail", operation=operation)
                with self.refused(name):
                    client.call("segment.open", name="data")
        self.assertEqual(client.descriptors, [])
        client.open("data")
        client.close()
        self.at_rest(before)


class Limits(OpenMixin, DaemonTest):
    options = ("--guest", "alpha", "--pool", "2M")

    def test_limits(self):
        limits = self.call("daemon.status")["limits"]
        self.assertEqual((limits["openings"], limits["openings_per_connection"]),
                         (OF_ALL, OF_CONNECTION))
        for n in range(OF_CONNECTION + 1):
            self.alloc(f"s{n}")
        clients = [self.connect_open() for _ in range(OF_ALL // OF_CONNECTION)]
        for client in clients:
            for n in range(OF_CONNECTION):
                os.close(client.open(f"s{n}")[1])
        with self.refused("TOO_MANY", f"{OF_CONNECTION} segments open"):
            clients[0].call("segment.open", name=f"s{OF_CONNECTION}")
        os.close(clients[0].open("s0")[1])  # not one more
        one_more = self.connect_open()
        with self.refused("TOO_MANY", f"{OF_ALL} times"):
            one_more.call("segment.open", name="s0")
        clients[0].close()
        wait_until(lambda: self.call("daemon.status")["counts"]["openings"] ==
                   OF_ALL - OF_CONNECTION, "one connection less")
        one_more.open("s0")
        for client in clients + [one_more]:
            client.close()


class Descriptors(OpenTest):
    """None is lost, and none comes with another reply."""

    # Replies are not to be short of memory before descriptors are.
    config = "[limits]\nreply-memory = 64M\n"

    def fill(self, client):
        """Asks for more than the socket takes, reading nothing. The ids."""
        return client.pipeline(*[("daemon.status", {})] * 300)

    def test_behind_what_waits(self):
        """Each byte is read by itself: the descriptor comes with the first one of its line."""
        self.host_write(self.alloc("data")["host_address"], b"the data")
        client = self.connect_open()
        self.fill(client)
        opening = client.request("segment.open", name="data")
        self.fill(client)
        line, came = b"", None
        while came is None or not line.endswith(b"\n"):
            byte, fds, _, _ = socket.recv_fds(client.plain, 1, 4)
            self.assertTrue(byte, "the connection has ended")
            self.assertLessEqual(len(fds), 1)
            client.descriptors += fds
            line = byte if line.endswith(b"\n") or not line else line + byte
            if fds:
                self.assertIsNone(came, "a second descriptor")
                came = len(line)
        self.assertEqual(came, 1)
        reply = json.loads(line)
        self.assertEqual(reply["id"], opening)
        memory = Memory(reply["result"], client.take())
        self.assertEqual(memory.read(0, 8), b"the data")
        memory.map.close()
        client.close()

    def test_no_more_is_looked_at_while_one_waits(self):
        self.alloc("data")
        client = self.connect_open()
        self.fill(client)
        before = self.descriptors(2)
        ids = client.pipeline(*[("segment.open", {"name": "data"})] * 100)
        wait_until(lambda: self.opened("data"), "the first one is worked on")
        self.alloc("other")  # the daemon has had more turns
        self.assertEqual(self.daemon.descriptors(), before + 1)
        for id_ in ids:
            client.finish(id_)
            os.close(client.take())
        client.early.clear()
        client.close()
        self.at_rest(before - 1)
        self.closed("data")

    def test_hang_up_with_one_that_waits(self):
        self.alloc("data")
        before = self.descriptors()
        for _ in range(20):
            client = self.connect_open()
            self.fill(client)
            client.request("segment.open", name="data")
            client.close()
        self.at_rest(before)
        self.closed("data")

    def test_many_clients_that_do_not_read(self):
        """Each that makes another descriptor wait is cut off: the daemon keeps its own."""
        self.alloc("data")
        before = self.descriptors()
        clients = [self.connect_open() for _ in range(3 * WAITING)]
        for client in clients:
            self.fill(client)
        for client in clients:
            client.request("segment.open", name="data")
        wait_until(lambda: "too many descriptors" in self.daemon.log(), "one is cut off")
        self.assertLessEqual(self.daemon.descriptors(), before + len(clients) + WAITING + 1)
        # Who reads is served.
        other, memory = self.open("data")
        memory.write(0, b"x")
        for client in clients + [other]:
            client.close()
        self.at_rest(before)
        self.give_back("data", len(clients))

    def test_one_that_reads_late_among_those_that_never_do(self):
        """Who has let one wait for the longest time makes room."""
        self.alloc("data")
        never = [self.connect_open() for _ in range(WAITING)]
        before = self.descriptors(1 + WAITING)
        for n, client in enumerate(never):
            self.fill(client)
            client.request("segment.open", name="data")
            self.at_rest(before + n + 1)
        late = self.connect_open()
        self.fill(late)
        opening = late.request("segment.open", name="data")
        wait_until(lambda: "too many descriptors" in self.daemon.log(), "one is cut off")
        self.assertEqual(late.finish(opening)["size"], PAGE)
        os.close(late.take())
        self.assertEqual(self.call("daemon.status")["counts"]["connections"], 1 + WAITING)
        late.early.clear()
        for client in never + [late]:
            client.close()

    def test_all_are_read_in_the_end(self):
        self.alloc("data")
        client = self.connect_open()
        ids = []
        for _ in range(3):
            self.fill(client)
            ids.append(client.request("segment.open", name="data"))
        for id_ in ids:
            os.close((client.finish(id_), client.take())[1])
        client.early.clear()
        client.close()

    def test_a_thousand(self):
        self.alloc("data")
        before = self.descriptors()
        client = self.connect_open()
        for _ in range(500):
            os.close(client.open("data")[1])
        self.at_rest(before + 1)  # the daemon closes its own after the reply has gone
        client.close()
        for _ in range(500):
            with contextlib.closing(self.connect_open()) as one:
                one.call("segment.open", name="data")
        self.at_rest(before)
        self.closed("data")

    def test_a_client_that_takes_none(self):
        """With plain recv() the kernel drops them; the opening is there all the same."""
        self.alloc("data")
        before = self.descriptors()
        with contextlib.closing(self.connect(self.daemon)) as client:
            for _ in range(10):
                client.call("segment.open", name="data")
            self.assertEqual(self.opened("data"), 1)
        self.at_rest(before)
        self.closed("data")


class Turns(OpenMixin, DaemonTest):
    options = ("--guest", "alpha", "beta", "--pool", "512M")

    def wiping(self):
        return any(segment["state"] == "wiping" for segment in self.call("segment.list")["segments"])

    def test_it_waits_for_the_wiping(self):
        for method, more in (("segment.alloc", {}), ("guest.attach", {"guest": "alpha"})):
            with self.subTest(method=method):
                client = self.connect_open()
                asking, opening = client.pipeline(
                    (method, {"name": "data", "size": 512 * MIB, **more}),
                    ("segment.open", {"name": "data"}))
                client.finish(asking)
                memory = Memory(client.finish(opening), client.take())
                self.assertEqual(memory.size, 512 * MIB)
                self.assertEqual(memory.read(512 * MIB - 16, 16), bytes(16))
                memory.map.close()
                client.close()
                self.closed("data")
                if more:
                    self.detach("alpha")
                else:
                    self.free("data")

    def hang_up_while_wiping(self):
        """Returns whether that was in time."""
        before, opened = self.descriptors(), self.daemon.log().count("has it open")
        asking, polite, rude = self.connect(self.daemon), self.connect_open(), self.connect_open()
        id_ = asking.request("segment.alloc", name="data", size=512 * MIB)
        wait_until(self.names, "its wiping has begun")
        for client in (polite, rude):
            client.request("segment.open", name="data")
            client.call("daemon.status")
        rude.request("daemon.status")
        wait_until(lambda: select.select([rude.plain], [], [], 0)[0], "there is something to read")
        polite.close()
        rude.close()  # with a reply unread: its connection is reset
        in_time = self.wiping()
        asking.finish(id_)
        asking.close()
        self.at_rest(before)
        self.closed("data")
        self.free("data")
        if in_time:
            self.assertEqual(self.daemon.log().count("has it open"), opened)
        return in_time

    def test_hang_up_before_its_turn(self):
        """Nothing has begun, and nothing is left of it, however it hangs up."""
        self.assertTrue(any(self.hang_up_while_wiping() for _ in range(20)), "always too late")


class Stay(OpenMixin, WorldTest):
    """What a program has mapped outlives the daemon."""

    def openings(self, name):
        return self.daemon.store()[f"{name}.json"].get("openings", [])

    def openings_if_any(self, name):
        return self.daemon.store().get(f"{name}.json", {}).get("openings", [])

    def test_it_lives_on_with_its_process(self):
        for number_ in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal=number_):
                attachment = self.attach("alpha", name="data")
                process = self.spawn_program("data")
                self.assertEqual([(one["pid"], one["uid"]) for one in self.openings("data")],
                                 [(process.pid, os.getuid())])
                self.detach("alpha")
                self.restart(number_)
                self.assertEqual(self.opened("data"), 1)
                self.agree()
                self.tell(process, "end-of-daemon")
                self.tell(process, "write", "late")
                self.assertEqual(self.host_read(attachment["host_address"], 4), b"late")
                with self.refused_unchanged("SEGMENT_IN_USE", f"process {process.pid} "):
                    self.free("data")
                self.end(process)
                self.gone("data")

    def test_free_sees_that_the_process_is_gone(self):
        self.alloc("data")
        process = self.spawn_program("data")
        self.restart(signal.SIGKILL)
        self.end(process)
        self.free("data")

    def test_one_that_waits_for_its_parent_is_gone(self):
        self.alloc("data")
        process = self.spawn_program("data")
        self.restart(signal.SIGKILL)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.free("data")

    def test_processes_that_are_gone_are_forgotten(self):
        self.alloc("kept")
        self.attach("alpha", name="data")
        processes = [self.spawn_program(name) for name in ("kept", "data")]
        self.detach("alpha")
        self.client.close()
        self.daemon.stop(signal.SIGKILL)
        for process in processes:
            self.end(process)
        self.begin()
        self.assertEqual(self.names(), ["kept"])
        self.assertEqual(self.opened("kept"), 0)
        self.free("kept")

    def test_another_process_of_that_number(self):
        self.alloc("data")
        process = self.spawn_program("data")
        path = self.daemon.state_dir / "segments" / "data.json"
        self.client.close()
        self.daemon.stop(signal.SIGKILL)
        content = json.loads(path.read_text(encoding="utf-8"))
        content["openings"][0]["started"] += 1
        path.write_text(json.dumps(content), encoding="utf-8")
        self.begin()
        self.assertEqual(self.opened("data"), 0)
        self.end(process)
        self.free("data")

    def test_opened_again(self):
        """It takes the place of what the process had before."""
        self.alloc("data")
        process = self.spawn_program("data")
        for number_ in (signal.SIGKILL, signal.SIGTERM):
            self.restart(number_)
            self.tell(process, "end-of-daemon")
            self.tell(process, "again")
            self.assertEqual(self.opened("data"), 1)
            self.assertEqual(len(self.openings("data")), 1)
        self.tell(process, "close")
        self.free("data")

    def test_one_process_with_several_connections(self):
        """Each has a mapping of its own, which outlives the daemon: to be through with one of them
        is not to be through with the others."""
        self.attach("alpha", name="data")
        clients = [self.open("data") for _ in range(3)]
        self.assertEqual(self.opened("data"), 3)
        self.detach("alpha")
        self.restart(signal.SIGKILL)
        for left in (3, 2, 1):
            self.assertEqual(self.opened("data"), left)
            self.agree()
            again, memory = self.open("data")
            self.assertEqual(self.opened("data"), left)
            clients[-1][1].write(0, bytes([left]))
            self.assertEqual(memory.read(0, 1), bytes([left]))
            again.close()
            wait_until(lambda n=left - 1: len(self.openings_if_any("data")) == n, "one less")
        self.gone("data")
        for client, _ in clients:
            client.close()

    def test_many_that_end_at_once(self):
        """What a process had open of one segment is written once, however often it was: whoever
        else asks the daemon something is not to wait for that."""
        self.attach("alpha", name="data")
        process = self.spawn_program("data")
        for _ in range(20):
            self.tell(process, "another")
        self.restart(signal.SIGKILL)
        self.assertEqual(self.opened("data"), 21)
        self.call("sim.fail", operation="store_write", after=2)
        self.end(process)
        with self.refused("SEGMENT_IN_USE", "attached to 'alpha'"):
            self.free("data")
        self.assertEqual(self.opened("data"), 0)
        self.assertEqual(self.openings("data"), [])
        self.assertEqual(self.call("sim.status")["faults_pending"], 1)

    def test_cut_off_by_the_daemon(self):
        """Its program has not said that it is through with the pages."""
        self.attach("alpha", name="data")
        process = self.spawn_program("data")
        self.detach("alpha")
        self.tell(process, "flood")
        self.assertEqual(self.opened("data"), 1)
        with self.refused_unchanged("SEGMENT_IN_USE", f"process {process.pid} "):
            self.free("data")
        self.tell(process, "write", "still mapped")
        self.end(process)
        self.gone("data")

    def test_killed_in_opening(self):
        self.alloc("data")
        for n in range(1, 20):
            client = self.connect_open()
            self.call("sim.fail", operation="any", after=n, kill=True)
            try:
                client.call("segment.open", name="data")
                died = False
            except AssertionError:
                died = True
            if not died:
                self.assertGreater(n, 1)
                self.call("sim.fail", operation="any", errno=0)
            client.close()
            if not died:
                break
            self.client.close()
            self.daemon.wait_end()
            self.begin()
            self.assertLessEqual(self.opened("data"), 1)
            self.agree()
            # Whatever is left of it, opening and closing once more settles it.
            self.open("data")[0].close()
            self.closed("data")
        else:
            self.fail("it never came to its end")
        self.free("data")

    def test_killed_in_closing(self):
        for operation in ("store_write", "store_remove"):
            self.attach("alpha", name="data")
            client, _ = self.open("data")
            if operation == "store_remove":
                self.detach("alpha")
            self.call("sim.fail", operation=operation, kill=True)
            client.close()
            self.client.close()
            self.daemon.wait_end()
            self.begin()
            # This very process had it open, and lives.
            self.assertEqual(self.opened("data"), 1)
            self.agree()
            self.open("data")[0].close()
            if operation == "store_write":
                self.closed("data")
                self.detach("alpha")
            self.gone("data")

    def test_store_fails_in_closing(self):
        self.attach("alpha", name="data")
        client, _ = self.open("data")
        self.call("sim.fail", operation="store_write")
        client.close()
        self.closed("data")
        self.detach("alpha")
        self.attach("alpha", name="data")
        client, _ = self.open("data")
        self.detach("alpha")
        self.call("sim.fail", operation="store_remove")
        client.close()
        self.gone("data")  # tried again

    def test_store_file_that_nobody_understands(self):
        """It may describe any page."""
        self.alloc("data")
        self.client.close()
        self.daemon.stop()
        path = self.daemon.state_dir / "segments" / "bad.json"
        path.write_text("{", encoding="utf-8")
        self.begin()
        with self.refused("PAGES_HELD", "bad.json"):
            self.call("segment.open", name="data")
        path.unlink()
        self.open("data")

    def test_openings_that_make_no_sense(self):
        self.alloc("data")
        path = self.daemon.state_dir / "segments" / "data.json"
        good = json.loads(path.read_text(encoding="utf-8"))
        for openings in ({}, "", [1], [{}], [{"pid": 0, "started": 1, "uid": 0}],
                         [{"pid": 2 ** 31, "started": 1, "uid": 0}],
                         [{"pid": 1, "started": -1, "uid": 0}],
                         [{"pid": 1, "started": 1, "uid": 2 ** 32}], [{"pid": 1, "started": 1}]):
            self.client.close()
            self.daemon.stop()
            path.write_text(json.dumps(dict(good, openings=openings)), encoding="utf-8")
            self.begin()
            self.assertEqual(self.call("daemon.status")["counts"]["bad_store_files"], 1, openings)
        self.client.close()
        self.daemon.stop()
        path.write_text(json.dumps(dict(good, openings=[])), encoding="utf-8")
        self.begin()
        self.free("data")


class RandomLife(OpenMixin, WorldTest):
    """Programs and guests come and go, calls fail, daemons end: what a program has open is never
    somebody else's. Whoever got its pages next would have them wiped."""

    pools = ("48K",)  # twelve pages: they are soon used again
    seed = int(os.environ.get("XENSHM_SEED", "4711"))
    steps = int(os.environ.get("XENSHM_RUNS", "600"))
    expected = {"POOL_FULL", "SEGMENT_EXISTS", "SEGMENT_UNKNOWN", "SEGMENT_IN_USE",
                "ALREADY_ATTACHED", "NOT_ATTACHED", "PAGES_HELD", "STORE_FAILED",
                "HYPERVISOR_FAILED"}

    def setUp(self):
        super().setUp()
        self.random = random.Random(self.seed)
        self.held = {}  # segment: [(client, memory, tag)]
        self.number = 0
        self.refusals = set()

    def try_(self, method, **params):
        try:
            return self.call(method, **params)
        except Refused as refusal:
            self.assertIn(refusal.name, self.expected, refusal.message)
            self.refusals.add(refusal.name)
            return None

    def a_name(self):
        return f"s{self.random.randrange(6)}"

    def step_alloc(self):
        self.try_("segment.alloc", name=self.a_name(), size=self.random.randrange(1, 4) * PAGE)

    def step_attach(self):
        self.try_("guest.attach", guest=self.random.choice(self.guests), name=self.a_name(),
                  size=self.random.randrange(1, 4) * PAGE)

    def step_share(self):
        self.try_("guest.attach", guest=self.random.choice(self.guests), segment=self.a_name())

    def step_detach(self):
        guest = self.random.choice(self.guests)
        segments = [one["segment"] for other in self.call("guest.list")["guests"]
                    if other["name"] == guest for one in other["attachments"]]
        if segments:
            self.try_("guest.detach", guest=guest, segment=self.random.choice(segments))

    def step_free(self):
        self.try_("segment.free", name=self.a_name())

    def step_open(self):
        name = self.a_name()
        client = self.connect_open()
        try:
            memory = Memory(*client.open(name))
        except Refused as refusal:
            self.assertIn(refusal.name, self.expected, refusal.message)
            client.close()
            return
        self.number += 1
        before = self.held.setdefault(name, [])
        tag = before[0][2] if before else f"tag {self.number}".encode()
        if before:
            self.assertEqual(memory.read(0, len(tag)), tag)
        for page in range(0, memory.size, PAGE):
            memory.write(page, tag)
        # This takes the place of one that the process had from before a restart.
        superseded = next((one for one in before if not one[0]), None)
        if superseded:
            before.remove(superseded)
            superseded[1].map.close()
        before.append((client, memory, tag))

    def step_close(self):
        mine = [name for name, all_ in self.held.items() if any(one[0] for one in all_)]
        if not mine:
            return
        name = self.random.choice(mine)
        one = self.random.choice([one for one in self.held[name] if one[0]])
        self.held[name].remove(one)
        one[0].close()
        one[1].map.close()

    def step_fail(self):
        self.call("sim.fail", operation=self.random.choice(("store_write", "store_remove", "unmap",
                                                            "map", "list", "permit")),
                  after=self.random.randrange(1, 4))

    def step_restart(self):
        for all_ in self.held.values():
            for index, (client, memory, tag) in enumerate(all_):
                if client:
                    all_[index] = (None, memory, tag)
        self.restart(self.random.choice((signal.SIGTERM, signal.SIGKILL)))

    def check_held(self):
        for name, all_ in self.held.items():
            for client, memory, tag in all_:
                for page in range(0, memory.size, PAGE):
                    self.assertEqual(memory.read(page, len(tag)), tag,
                                     f"{name} of {'a connection' if client else 'before'}")

    def test_life(self):
        steps = ([self.step_alloc, self.step_attach, self.step_share, self.step_detach,
                  self.step_free, self.step_close] * 4 + [self.step_open] * 6 +
                 [self.step_fail, self.step_restart])
        with self.explained():
            for _ in range(self.steps):
                step = self.random.choice(steps)
                try:
                    step()
                except Refused as refusal:  # the list that failed
                    self.assertIn(refusal.name, self.expected, refusal.message)
                self.check_held()
        self.assertGreaterEqual(self.refusals, {"POOL_FULL", "SEGMENT_IN_USE"})
        self.finish()

    @contextlib.contextmanager
    def explained(self):
        try:
            yield
        except BaseException:
            print(f"# XENSHM_SEED={self.seed}", flush=True)
            raise

    def finish(self):
        """Everything can be given back."""
        self.step_restart()  # faults that are still planned end with the daemon
        for all_ in self.held.values():
            for _, memory, _ in all_:
                memory.map.close()
        for name in self.names():
            for _ in range(self.opened(name)):
                self.open(name)[0].close()
        for guest in self.guests:
            self.detach(guest, all=True)
        for name in self.names():
            if self.show(name)["kept"]:
                self.free(name)
        wait_until(lambda: not self.names(), "all segments are gone")
        self.assertEqual(self.call("pool.list")["pools"][0]["free"], 12 * PAGE)


if __name__ == "__main__":
    unittest.main()
