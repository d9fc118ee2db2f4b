# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that are slow, silent, greedy, many, or half gone: they hold up only themselves, and cost
the daemon no descriptor, no memory and no time for long."""

import array
import contextlib
import json
import os
import random
import select
import signal
import socket
import threading
import time
import unittest

from harness import KIB, LINE_MAX, MIB, PAGE, Client, DaemonTest, connect, wait_until

STATUS = b'{"jsonrpc":"2.0","id":0,"method":"daemon.status"}\n'


def status(id_):
    return b'{"jsonrpc":"2.0","id":%d,"method":"daemon.status"}\n' % id_


class ClientTest(DaemonTest):
    # What a sanitizer keeps of freed memory is not the daemon's.
    growth = 32 * MIB

    def setUp(self):
        os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=4"
        self.addCleanup(os.environ.pop, "ASAN_OPTIONS")
        super().setUp()
        self.wait_connections(1)
        self.descriptors = self.daemon.descriptors()
        self.resident = self.daemon.resident()

    def wait_connections(self, wanted):
        wait_until(lambda: self.call("daemon.status")["counts"]["connections"] == wanted,
                   f"{wanted} connections")

    def check_cost(self):
        """Nothing is left of clients that are gone; the memory is bounded at any time."""
        self.wait_connections(1)
        wait_until(lambda: self.daemon.descriptors() == self.descriptors,
                   "as many descriptors as before")
        self.check_memory()

    def check_memory(self):
        self.assertLess(self.daemon.resident() - self.resident, self.growth)

    def raw_socket(self):
        sock = connect(self.daemon.socket_path)
        self.addCleanup(sock.close)
        return sock

    def send_until_full(self, sock, data):
        """Sends `data` again and again until nothing more is taken: how many bytes were."""
        sock.setblocking(False)
        sent = 0
        while True:
            try:
                sent += sock.send(data[sent % len(data):])
            except BlockingIOError:
                if not select.select([], [sock], [], 0.3)[1]:
                    return sent


class Idle(ClientTest):
    # Room for each of them: what happens without is for test_hostile.
    config = "[limits]\nline-memory = 16M\n"

    def test_hundreds(self):
        clients = [self.connect(self.daemon) for _ in range(300)]
        self.wait_connections(301)
        self.attach("alpha")
        for client in clients:
            client.request("daemon.status")
        for client in clients:
            self.assertIn("version", client.read()["result"])
        self.check_memory()
        for client in clients:
            client.close()
        self.check_cost()
        self.agree()

    def test_silent_ones_cost_no_time(self):
        clients = [self.connect(self.daemon) for _ in range(50)]
        for client in clients:
            client.send(b'{"jsonrpc":')
        time.sleep(0.05)
        before = self.daemon.processor_time()
        time.sleep(0.3)
        self.assertLess(self.daemon.processor_time() - before, 0.15)
        for client in clients:
            client.send(b'"2.0","id":1,"method":"daemon.status"}\n')
            self.assertIn("result", client.read())

    def test_coming_and_going(self):
        for _ in range(1500):
            self.raw_socket().close()
        for _ in range(300):
            sock = self.raw_socket()
            sock.sendall(STATUS)
            sock.close()
        self.check_cost()

    def test_half_lines_of_many(self):
        """Each may fill its buffer, and no more."""
        clients = [self.connect(self.daemon) for _ in range(40)]
        for client in clients:
            client.send(b" " * (LINE_MAX - 100))
        self.assertIn("version", self.call("daemon.status"))
        self.check_memory()
        for client in clients:
            client.send(STATUS)
            self.assertIn("result", client.read())
        for client in clients:
            client.close()
        self.check_cost()


class HalfGone(ClientTest):
    def test_no_reader(self):
        """It sends, but has shut its receiving side down."""
        for _ in range(50):
            sock = self.raw_socket()
            sock.shutdown(socket.SHUT_RD)
            try:
                sock.sendall(STATUS * 50)
            except BrokenPipeError:
                pass
        self.assertIn("version", self.call("daemon.status"))
        self.wait_connections(1)

    def test_gone_with_replies_unread(self):
        for _ in range(50):
            sock = self.raw_socket()
            sock.sendall(STATUS * 200)
            sock.close()
        self.check_cost()

    def test_gone_with_requests_unread(self):
        self.call("sim.guest.start", name="hidden", config=False)
        line = b'{"jsonrpc":"2.0","id":1,"method":"guest.attach","params":' \
               b'{"guest":"alpha","size":4096}}\n'
        for _ in range(5):
            sock = self.raw_socket()
            sock.sendall(line * 100)
            sock.close()
        self.call("sim.guest.configure", name="hidden")
        self.wait_connections(1)
        # What was begun is done. What was not looked at may be dropped.
        self.assertGreater(len(self.agree()), 0)
        wait_until(lambda: self.daemon.descriptors() == self.descriptors, "nothing leaks")

    def test_nothing_more_to_send(self):
        client = self.connect(self.daemon)
        self.call("sim.guest.start", name="hidden", config=False)
        id_ = client.request("guest.attach", guest="alpha", size=PAGE)
        client.half_close()
        time.sleep(0.05)
        before = self.daemon.processor_time()
        time.sleep(0.3)
        self.assertLess(self.daemon.processor_time() - before, 0.15)
        self.call("sim.guest.configure", name="hidden")
        self.assertEqual(client.finish(id_)["segment"], "alpha-0")
        self.assertTrue(client.at_end())
        self.check_cost()

    def test_gone_in_the_middle_of_a_line(self):
        for length in (1, 10, len(STATUS) - 1):
            sock = self.raw_socket()
            sock.sendall(STATUS + STATUS[:length])
            sock.close()
        self.check_cost()

    def test_killed_at_random_moments(self):
        chance = random.Random(1)
        line = b'{"jsonrpc":"2.0","id":1,"method":"guest.attach","params":' \
               b'{"guest":"beta","size":4096,"name":"x"}}\n' \
               b'{"jsonrpc":"2.0","id":2,"method":"guest.detach","params":{"guest":"beta"}}\n'
        for _ in range(100):
            sock = self.raw_socket()
            sock.sendall((line * 4)[:chance.randrange(len(line) * 4)])
            if chance.random() < 0.5:
                sock.settimeout(0.002)
                try:
                    sock.recv(chance.randrange(1, 2000))
                except TimeoutError:
                    pass
            sock.close()
        self.wait_connections(1)
        self.agree()
        self.check_cost()


class Greedy(ClientTest):
    options = ("--guest", "alpha", "beta", "--pool", "4M")

    def fill(self, segments):
        for _ in range(segments):
            self.client.request("guest.attach", guest="alpha", size=PAGE)
        for _ in range(segments):
            self.assertIn("result", self.client.read())

    def test_never_reads(self):
        """10,000 lists, each of many KiB, and nobody there to read them: the daemon stops listening
        to that client, and to that one only. When it reads at last, every reply is there."""
        self.fill(15)
        requests = 10000
        data = b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"segment.list"}\n' % id_
                        for id_ in range(requests))
        greedy = self.raw_socket()
        greedy.setblocking(False)
        sent = 0
        while sent < len(data):
            try:
                sent += greedy.send(data[sent:sent + 65536])
            except BlockingIOError:
                if not select.select([], [greedy], [], 0.3)[1]:
                    break
        self.assertLess(sent, len(data), "it is all taken in")
        self.assertEqual(len(self.agree()), 15)
        self.check_memory()
        before = self.daemon.processor_time()
        time.sleep(0.2)
        self.assertLess(self.daemon.processor_time() - before, 0.1)
        greedy.settimeout(60)
        expected = data[:sent].count(b"\n")
        self.assertGreater(expected, 100)
        received = b""
        replies = 0
        while replies < expected:
            chunk = greedy.recv(1 << 20)
            self.assertTrue(chunk, "the connection was ended")
            received += chunk
            *lines, received = received.split(b"\n")
            for line in lines:
                reply = json.loads(line)
                self.assertEqual(reply["id"], replies)
                self.assertEqual(len(reply["result"]["segments"]), 15)
                replies += 1
        self.assertEqual(received, b"")
        self.check_memory()
        greedy.close()
        self.check_cost()

    def test_reads_slowly(self):
        self.fill(20)
        sock = self.raw_socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b'{"jsonrpc":"2.0","id":1,"method":"segment.list"}\n' * 40)
        received = bytearray()
        while received.count(b"\n") < 40:
            received += sock.recv(1009)
        lines = bytes(received).split(b"\n")
        self.assertEqual(len(lines), 41)
        self.assertEqual(len(set(lines[:40])), 1)
        self.assertEqual(len(json.loads(lines[0])["result"]["segments"]), 20)

    def test_floods(self):
        """Others have their turn while one sends without pause."""
        greedy = self.connect(self.daemon)
        total = 20000
        received = []

        def read_all():
            for _ in range(total):
                received.append(greedy.line())

        def send_all():
            for first in range(0, total, 500):
                greedy.send(b"".join(status(id_) for id_ in range(first, first + 500)))

        threads = [threading.Thread(target=run, daemon=True) for run in (read_all, send_all)]
        for thread in threads:
            thread.start()
        served = 0
        while threads[0].is_alive():
            self.attach("alpha", name="x")
            self.call("guest.detach", guest="alpha")
            served += 1
        for thread in threads:
            thread.join()
        self.assertGreater(served, 20)
        self.assertEqual([json.loads(line)["id"] for line in received], list(range(total)))
        self.check_memory()

    def test_floods_of_rubbish(self):
        for rubbish in (b"\n", b"}\n", b"[]\n", b"\x00\n", b"[" * 1000 + b"\n", b'{"id":1}\n'):
            with self.subTest(rubbish=rubbish[:4]):
                sock = self.raw_socket()
                sent = self.send_until_full(sock, rubbish * 100)
                self.assertGreater(sent, 1000)
                self.assertIn("version", self.call("daemon.status"))
                sock.close()
        self.check_cost()

    def test_batches_of_large_replies(self):
        """What a single line may ask for is bounded, too."""
        self.fill(1000)
        sock = self.raw_socket()
        batch = json.dumps([{"jsonrpc": "2.0", "id": id_, "method": "segment.list"}
                            for id_ in range(100)]).encode() + b"\n"
        sock.sendall(batch * 4)
        for _ in range(20):
            self.assertIn("version", self.call("daemon.status"))
            self.check_memory()
        client = Client.__new__(Client)
        client.socket, client.buffer = sock, b""
        for _ in range(4):
            reply = client.read()
            self.assertEqual([one["id"] for one in reply], list(range(100)))
            for one in reply:
                if "error" in one:
                    self.assertEqual(one["error"]["data"]["name"], "TOO_MANY")
                else:
                    self.assertEqual(len(one["result"]["segments"]), 1000)
            self.assertIn("result", reply[0])
            self.assertIn("error", reply[99])
            self.check_memory()

    def test_others_are_served_between_the_requests_of_a_batch(self):
        self.fill(100)
        other = self.connect(self.daemon)
        batch = [{"jsonrpc": "2.0", "id": id_, "method": "segment.list"} for id_ in range(20)]
        self.client.send_line(batch)
        served = 0
        while not select.select([self.client.socket], [], [], 0)[0]:
            other.call("daemon.status")
            served += 1
        replies = self.client.read()
        self.assertEqual([len(one["result"]["segments"]) for one in replies], [100] * 20)
        self.assertGreater(served, 5)

    def test_others_are_served_between_lines(self):
        self.fill(1000)
        other = self.connect(self.daemon)
        line = b'{"jsonrpc":"2.0","id":1,"method":"guest.list"}\n'
        lists = 20
        greedy = self.connect(self.daemon)
        done = threading.Event()

        def read_all():
            for _ in range(lists):
                greedy.line()
            done.set()

        reader = threading.Thread(target=read_all, daemon=True)
        reader.start()
        greedy.send(line * lists)
        served = 0
        while not done.is_set():
            other.call("daemon.status")
            served += 1
        reader.join()
        self.assertGreater(served, 5)


class Descriptors(ClientTest):
    def send_descriptors(self, sock, data, descriptors):
        sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                               array.array("i", descriptors))])

    def test_sent_ones_do_not_stay(self):
        sock = self.raw_socket()
        null = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, null)
        for _ in range(100):
            self.send_descriptors(sock, STATUS, [null] * 100)
            self.assertTrue(sock.recv(65536).endswith(b"\n"))
        self.assertEqual(self.daemon.descriptors(), self.descriptors + 1)
        sock.close()
        self.check_cost()

    def test_sent_ones_are_closed(self):
        sock = self.raw_socket()
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.send_descriptors(sock, STATUS, [writing])
        os.close(writing)
        self.assertTrue(sock.recv(65536).endswith(b"\n"))
        self.assertTrue(select.select([reading], [], [], 10)[0], "somebody still has it open")
        self.assertEqual(os.read(reading, 1), b"")

    def test_within_half_a_line(self):
        sock = self.raw_socket()
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.send_descriptors(sock, STATUS[:10], [writing])
        os.close(writing)
        self.assertTrue(select.select([reading], [], [], 10)[0], "somebody still has it open")
        sock.sendall(STATUS[10:])
        self.assertTrue(sock.recv(65536).endswith(b"\n"))


class FewDescriptors(ClientTest):
    """The daemon may open less than its limit of connections would need."""
    nofile = "64:64"

    def test_what_is_left_is_for_itself(self):
        """However many clients there are, its own work goes on."""
        sockets = [self.raw_socket() for _ in range(100)]
        self.assertEqual(self.attach("alpha")["segment"], "alpha-0")
        self.call("guest.detach", guest="alpha")
        self.call("sim.guest.destroy", name="beta")
        before = self.daemon.processor_time()
        time.sleep(0.3)
        self.assertLess(self.daemon.processor_time() - before, 0.15)
        # Who cannot be served is told, as at any limit.
        told = 0
        for sock in sockets:
            if select.select([sock], [], [], 0)[0]:
                told += 1
                self.assertEqual(json.loads(sock.recv(65536))["error"]["data"]["name"], "TOO_MANY")
        limit = self.call("daemon.status")["limits"]["connections"]
        self.assertLess(limit, 64)
        self.assertEqual(told, 100 + 1 - limit)
        for sock in sockets:
            sock.close()
        self.check_cost()
        self.assertIn("version", self.connect(self.daemon).call("daemon.status"))
        self.agree()


class EnoughDescriptors(ClientTest):
    """A low soft limit is raised as far as the hard one lets it."""
    nofile = "64:4096"

    def test_all_connections_can_be_had(self):
        self.assertEqual(self.call("daemon.status")["limits"]["connections"], 1024)
        clients = [self.connect(self.daemon) for _ in range(200)]
        self.wait_connections(201)
        for client in clients:
            client.close()
        self.check_cost()


class Sizes(ClientTest):
    def test_largest_requests_of_many(self):
        padding = b" " * (LINE_MAX - len(STATUS) + 1)
        clients = [self.raw_socket() for _ in range(10)]
        for _ in range(3):
            for sock in clients:
                sock.sendall(padding + STATUS)
            for sock in clients:
                self.assertTrue(sock.recv(64 * KIB).endswith(b"\n"))
        self.check_memory()


@unittest.skipUnless(os.getuid() == 0, "only root can become others")
class Strangers(ClientTest):
    """Clients without any right."""
    flooding = 60

    def flood(self):
        """Sends and reads on many connections at once, for ever."""
        poll = select.epoll()
        sockets = {}
        for _ in range(self.flooding):
            sock = connect(self.daemon.socket_path)
            sock.setblocking(False)
            sockets[sock.fileno()] = sock
            poll.register(sock, select.EPOLLIN | select.EPOLLOUT)
        while True:
            for descriptor, events in poll.poll():
                with contextlib.suppress(BlockingIOError):
                    if events & select.EPOLLIN:
                        sockets[descriptor].recv(1 << 18)
                    if events & select.EPOLLOUT:
                        sockets[descriptor].send(STATUS * 300)

    def test_delay_nobody(self):
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                self.flood()
            finally:
                os._exit(1)
        try:
            self.wait_connections(1 + self.flooding)
            time.sleep(0.2)
            served = 0
            end = time.monotonic() + 1
            while time.monotonic() < end:
                self.call("daemon.status")
                served += 1
            self.assertEqual(os.waitpid(child, os.WNOHANG), (0, 0), "the flood has ended")
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        # One after another they would take a tenth of a second each.
        self.assertGreater(served, 50)
        self.attach("alpha")
        self.check_cost()
