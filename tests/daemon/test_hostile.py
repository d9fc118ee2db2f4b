# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that mean harm, many at once: they get refusals or are cut off, the daemon keeps no more
than its limits say, others are served, and nothing is left when they are gone. How fast it is then
is for `dev bench`: here only what is true on any machine."""

import array
import contextlib
import json
import os
import shutil
import socket
import threading
import time
import unittest

import hostile
from harness import (KIB, LINE_MAX, MIB, PAGE, XENSHMD_SIM, Client, DaemonTest, Refused, connect,
                     number, wait_until)

# What a sanitizer keeps of freed memory is not the daemon's, nor what the allocator rounds up.
SLACK = 40 * MIB


class HostileTest(DaemonTest):
    options = ("--guest", "alpha", "beta", "gamma", "--pool", "16M")

    def setUp(self):
        os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=4"
        self.addCleanup(os.environ.pop, "ASAN_OPTIONS")
        super().setUp()
        self.wait_alone()
        self.descriptors = self.daemon.descriptors()
        self.resident = self.daemon.resident()

    def wait_alone(self):
        wait_until(lambda: self.call("daemon.status")["counts"]["connections"] == 1,
                   "the others are gone", 60)

    def check_memory(self, bound):
        self.assertLess(self.daemon.resident() - self.resident, bound + SLACK)

    def check_rest(self):
        """Nothing is left of them."""
        self.wait_alone()
        wait_until(lambda: self.daemon.descriptors() == self.descriptors,
                   "as many descriptors as before")

    def fill(self, segments, guests=("alpha", "beta", "gamma")):
        for first in range(0, segments, 100):
            batch = [{"jsonrpc": "2.0", "id": i, "method": "guest.attach",
                      "params": {"guest": guests[i % len(guests)], "size": PAGE}}
                     for i in range(first, min(first + 100, segments))]
            self.client.send_line(batch)
            for reply in self.client.read():
                self.assertIn("result", reply)

    def crowd(self, count):
        clients = [self.connect(self.daemon) for _ in range(count)]
        self.addCleanup(lambda: [client.close() for client in clients])
        return clients


class Together(HostileTest):
    def storm(self, scale, uid=None):
        self.fill(300)
        self.call("segment.alloc", name="opened", size=PAGE)
        resident = []
        with hostile.Attack(self.daemon.socket_path, scale=scale, uid=uid):
            for _ in range(100):
                self.assertIn("version", self.call("daemon.status"))
                resident.append(self.daemon.resident())
        # Lines, replies, events and lists have 4, 4, 2 and not 1 MiB; the rest is for connections.
        self.assertLess(max(resident) - self.resident, 24 * MIB + SLACK)
        self.check_rest()
        self.agree()

    def test_all_kinds_by_those_who_may_all(self):
        self.storm(0.1)

    @unittest.skipIf(os.geteuid() != 0, "for root, who can be others")
    def test_all_kinds_by_those_who_may_nothing(self):
        self.storm(0.2, uid=65534)


class Lines(HostileTest):
    config = "[limits]\nline-memory = 1M\n"

    def half_line(self, client, length=200 * KIB):
        client.send(b"[" + b" " * (length - 1))

    def lost(self, client):
        """Has its line had to give way? It is told so, and that is the end."""
        reply = client.read()
        self.assertEqual(reply["error"]["data"]["name"], "TOO_MANY")
        self.assertIn("gives way", reply["error"]["message"])
        self.assertTrue(client.at_end())

    def test_the_oldest_gives_way(self):
        clients = self.crowd(40)
        for client in clients:
            self.half_line(client)
        for client in clients[:30]:
            self.lost(client)
        self.check_memory(1 * MIB)
        # The last one is whole.
        clients[-1].send(b"]\n")
        self.assertEqual(clients[-1].read()["error"]["data"]["name"], "INVALID_REQUEST")

    def test_whole_lines_need_no_room(self):
        clients = self.crowd(20)
        for client in clients:
            self.half_line(client, 1000)
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "daemon.status"}).encode()
        for _ in range(20):
            self.client.send_line(line + b" " * (LINE_MAX - len(line)))
            self.assertIn("result", self.client.read())
        for client in clients:
            client.send(b"]\n")
            self.assertEqual(client.read()["error"]["data"]["name"], "INVALID_REQUEST")

    @unittest.skipIf(os.geteuid() != 0, "for root, who can be others")
    def test_those_without_a_right_give_way_first(self):
        mine = self.connect(self.daemon)
        self.half_line(mine)
        self.call("daemon.status")
        with hostile.Attack(self.daemon.socket_path, (hostile.half_lines,), 0.1, 65534):
            for _ in range(50):
                self.call("daemon.status")
            self.check_memory(1 * MIB)
            mine.send(b"]\n")
            self.assertEqual(mine.read()["error"]["data"]["name"], "INVALID_REQUEST")

    def test_many_values(self):
        """Three bytes become hundreds when they are parsed."""
        for text in (b"[" + b"{}," * 80000 + b"{}]", b"[" + b"[]," * 80000 + b"1]",
                     b"[" + b"1," * 120000 + b"1]", b'{"a":' + b"[1," * 1000 + b"2," * 100000):
            reply = self.raw(text)
            self.assertEqual(reply["error"]["data"]["name"], "TOO_MANY", reply)
            self.assertIn("16384 values", reply["error"]["message"])
        self.check_memory(0)
        # What is in a text is no value.
        reply = self.raw(b'{"jsonrpc":"2.0","id":"' + b'[{,\\"' * 600 +
                         b'","method":"daemon.status"}')
        self.assertIn("result", reply)
        reply = self.raw(b'"' + b'[,\\\\' * 60000 + b'"')
        self.assertEqual(reply["error"]["data"]["name"], "INVALID_REQUEST", reply)

    def test_long_id(self):
        for length, name in ((4096, None), (4097, "INVALID_REQUEST"), (200000, "INVALID_REQUEST")):
            reply = self.raw(hostile.request("daemon.status", "x" * length).strip())
            if name:
                self.assertEqual(reply["error"]["data"]["name"], name)
                self.assertIsNone(reply["id"])
            else:
                self.assertEqual(reply["id"], "x" * length)


class Replies(HostileTest):
    config = "[limits]\nreply-memory = 1M\n"

    def test_unread_ones_of_all_are_bounded(self):
        """Everyone asks for much and reads nothing; one who does read is not the one to suffer."""
        self.fill(400)
        ids = b"".join(hostile.request("daemon.status", "x" * 4000) for _ in range(120))
        clients = self.crowd(60)
        for client in clients:
            client.socket.settimeout(0.2)
            with contextlib.suppress(OSError):
                client.send(ids)
            self.assertEqual(len(self.call("segment.list")["segments"]), 400)
        self.check_memory(2 * MIB)

    def test_the_log_is_bounded_too(self):
        """Being cut off costs a client nothing: a few are told of, then how many more."""
        self.fill(600)
        start = time.monotonic()
        for client in self.crowd(60):
            client.send(hostile.LISTS[0] * 3)
            self.attach("alpha", name="churn")
            self.call("guest.detach", guest="alpha", segment="churn")
        self.client.close()
        self.daemon.stop()
        spans = 1 + (time.monotonic() - start) // 10
        self.assertLessEqual(self.daemon.log().count("is cut off"), 20 * spans)
        self.assertIn("more clients of uid 0 were cut off", self.daemon.log())

    def test_one_list_is_kept_once(self):
        self.fill(600)
        clients = self.crowd(40)
        for client in clients:
            client.send(hostile.LISTS[0] * 3)
        for _ in range(5):
            self.assertEqual(len(self.call("segment.list")["segments"]), 600)
        self.check_memory(2 * MIB)
        for client in clients:
            for _ in range(3):
                self.assertEqual(len(client.read()["result"]["segments"]), 600)

    def test_lists_of_different_times(self):
        """Each of those that do not read has another one: the oldest are cut off."""
        self.fill(600)
        clients = self.crowd(40)
        for client in clients:
            client.send(hostile.LISTS[0] * 3)
            self.attach("alpha", name="churn")
            self.assertEqual(len(self.call("segment.list")["segments"]), 601)
            self.call("guest.detach", guest="alpha", segment="churn")
        self.check_memory(4 * MIB)
        self.assertIn("does not read its replies", self.daemon.log())
        # The newest is still there to be read.
        self.assertIn(len(clients[-1].read()["result"]["segments"]), (600, 601))


class Lists(HostileTest):
    def test_while_everything_changes(self):
        """What was there all the time is there once; the map has neither gap nor overlap."""
        self.fill(2500)
        stop = threading.Event()

        def change():
            with Client(self.daemon.socket_path) as client:
                count = 0
                while not stop.is_set():
                    name = f"{'abxyz'[count % 5]}churn"
                    client.call("guest.attach", guest="beta", size=(1 + count % 3) * PAGE, name=name)
                    client.call("guest.detach", guest="beta", segment=name)
                    count += 1

        changer = threading.Thread(target=change, daemon=True)
        changer.start()
        try:
            for _ in range(8):
                names = [s["name"] for s in self.call("segment.list")["segments"]]
                self.assertEqual(names, sorted(set(names)))
                self.assertEqual(len([n for n in names if "churn" not in n]), 2500)
                held = [a["segment"] for guest in self.call("guest.list")["guests"]
                        for a in guest["attachments"]]
                self.assertEqual(len(held), len(set(held)))
                self.assertEqual(len([n for n in held if "churn" not in n]), 2500)
                self.check_map()
        finally:
            stop.set()
            changer.join()
        self.agree()

    def check_map(self):
        pool = self.call("pool.list")["pools"][0]
        at = number(pool["host_address"])
        for run in self.call("pool.map")["runs"]:
            self.assertEqual(number(run["host_address"]), at)
            self.assertGreater(run["size"], 0)
            at += run["size"]
        self.assertEqual(at, number(pool["host_address"]) + pool["size"])

    def test_others_are_served_meanwhile(self):
        self.fill(1500)
        stop = threading.Event()
        listed = []

        def go_on_listing():
            with Client(self.daemon.socket_path) as client:
                while not stop.is_set():
                    listed.append(len(client.call("segment.list")["segments"]))

        listers = [threading.Thread(target=go_on_listing, daemon=True) for _ in range(4)]
        for lister in listers:
            lister.start()
        served = 0
        while len(listed) < 12:
            self.call("daemon.status")
            served += 1
        stop.set()
        for lister in listers:
            lister.join()
        self.assertEqual(set(listed), {1500})
        self.assertGreater(served, 12)

    def test_in_a_batch_and_as_notifications(self):
        self.fill(50)
        methods = ("segment.list", "guest.list", "pool.map", "rpc.discover", "daemon.metrics")
        batch = [{"jsonrpc": "2.0", "id": i, "method": method}
                 for i, method in enumerate(methods * 3)]
        batch += [{"jsonrpc": "2.0", "method": method} for method in methods]
        self.client.send_line(batch)
        replies = {one["id"]: one["result"] for one in self.client.read()}
        self.assertEqual(sorted(replies), list(range(15)))
        self.assertEqual(len(replies[0]["segments"]), 50)
        for method in methods:
            self.notify(method)

    def test_gone_while_it_is_made(self):
        self.fill(500)
        for _ in range(30):
            sock = connect(self.daemon.socket_path)
            sock.sendall(b"".join(hostile.LISTS) * 3)
            sock.close()
        self.check_rest()

    def test_events_do_not_overtake(self):
        """What happens while the list is made comes behind it: who applies events to the list ends
        with what there is."""
        self.fill(1000)
        watcher = self.connect(self.daemon)
        watcher.call("events.subscribe", types=["attachment.attached"])
        list_ = watcher.request("segment.list")
        self.attach("alpha", name="aafirst")
        lines = [json.loads(watcher.line()) for _ in range(2)]
        names = {s["name"] for s in lines[0].get("result", {"segments": []})["segments"]}
        if "method" in lines[0]:  # before the list was asked for, as far as the daemon knows
            names = {s["name"] for s in lines[1]["result"]["segments"]}
            self.assertIn("aafirst", names)
        else:
            self.assertEqual(lines[0]["id"], list_)
            self.assertEqual(lines[1]["params"]["object"]["segment"], "aafirst")

    def test_stopped_while_lists_are_made(self):
        self.fill(1000)
        clients = self.crowd(5)
        for client in clients:
            client.send(hostile.LISTS[0])
        self.client.close()
        self.assertEqual(self.daemon.stop(), 0)


class Descriptors(HostileTest):
    def test_as_many_as_a_message_takes(self):
        sock = connect(self.daemon.socket_path)
        self.addCleanup(sock.close)
        null = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, null)
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 253))]
        for piece in (hostile.STATUS, hostile.STATUS[:5], hostile.STATUS[5:]) * 50:
            sock.sendmsg([piece], control)
            self.assertLessEqual(self.daemon.descriptors(), self.descriptors + 1)
        sock.close()
        self.check_rest()


@unittest.skipIf(os.geteuid() != 0, "for root, who can be others")
class DescriptorsOnTheirWay(HostileTest):
    """A user has only so many descriptors on their way; the daemon is one of its programs."""

    def setUp(self):
        super().setUp()
        self.folder.chmod(0o777)
        wrapper = self.folder / "unprivileged"
        wrapper.write_text("#!/bin/sh\nexec prlimit --nofile=100 setpriv --reuid=65534 --clear-groups"
                           f" --bounding-set=-all --inh-caps=-all {XENSHMD_SIM} \"$@\"\n",
                           encoding="utf-8")
        wrapper.chmod(0o755)
        self.client.close()
        self.daemon.stop()
        shutil.rmtree(self.daemon.state_dir)
        self.other = self.start("--guest", "alpha", "--pool", "1M", program=str(wrapper),
                                socket_path=str(self.folder / "other.sock"))

    def test_refused_and_then_not(self):
        client = self.connect(self.other)
        client.call("segment.alloc", name="data", size=PAGE)
        spoiler = self.spawn(["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all",
                              "--bounding-set=-all", "python3", "-c", """
import array, resource, socket, time
resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))
a, b = socket.socketpair()
for _ in range(3):
    a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 100))])
print("sent", flush=True)
time.sleep(600)
"""], stdout=-1)
        self.assertEqual(spoiler.stdout.readline(), b"sent\n")
        spoiler.stdout.close()
        with self.assertRaises(Refused) as caught:
            client.call("segment.open", name="data")
        self.assertEqual(caught.exception.name, "TOO_MANY")
        self.assertNotIn("opened", client.call("segment.show", name="data"))
        spoiler.kill()
        spoiler.wait()

        def opens():
            try:
                return client.call("segment.open", name="data")
            except Refused:
                return None

        wait_until(opens, "descriptors can be sent again")
        client.close()


def is_sanitized():
    with open(shutil.which(XENSHMD_SIM), "rb") as program:
        return b"__asan_init" in program.read()


@unittest.skipIf(is_sanitized(), "a sanitizer needs all of the address space")
class LittleMemory(HostileTest):
    """The limits are far off, the memory is not."""

    config = "[limits]\nline-memory = 1G\nreply-memory = 1G\n"
    room = 100 * MIB

    def begin(self, *options):
        wrapper = self.folder / "little"
        wrapper.write_text(f"#!/bin/sh\nexec prlimit --as={self.room} {XENSHMD_SIM} \"$@\"\n",
                           encoding="utf-8")
        wrapper.chmod(0o755)
        self.daemon = self.start(*options, config=self.config, program=str(wrapper))
        self.client = self.connect(self.daemon)
        self.call = self.client.call

    def test_clients_are_cut_off_and_no_more(self):
        clients = self.crowd(700)
        for client in clients:
            with contextlib.suppress(OSError):
                client.send(b"[" + b" " * (250 * KIB))
        wait_until(lambda: "is cut off: out of memory" in self.daemon.log(), "it is short")
        for client in clients:
            client.close()
        self.client.close()

        def answers():
            with contextlib.suppress(OSError, AssertionError), \
                    Client(self.daemon.socket_path) as client:
                return "version" in client.call("daemon.status")

        wait_until(answers, "the daemon is there again")
        self.client = self.connect(self.daemon)
        self.call = self.client.call
        self.check_rest()
        self.attach("alpha")
        self.agree()


if __name__ == "__main__":
    unittest.main()
