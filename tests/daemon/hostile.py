# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that mean harm, each kind a function that goes on until it is told to stop: for the test
that the daemon stands them, and for the benchmark that tells what they cost others. A kind runs in
a process of its own, so that the interpreter's lock shields nobody."""

import array
import ctypes
import errno
import json
import multiprocessing
import os
import random
import signal
import socket
import struct
import time

LINE_MAX = 256 * 1024


def request(method, id_=1, **params):
    message = {"jsonrpc": "2.0", "id": id_, "method": method}
    if params:
        message["params"] = params
    return json.dumps(message).encode() + b"\n"


STATUS = request("daemon.status")
LISTS = [request(method) for method in ("segment.list", "guest.list", "pool.map", "rpc.discover",
                                        "daemon.metrics")]
BATCH = b"[" + b",".join(line.strip() for line in (STATUS, *LISTS) * 16) + b"]\n"
LONG_ID = request("daemon.status", "x" * (LINE_MAX - 100))

# Lines that are as long as lines may be, and dear to take apart.
BOMBS = [
    b"[" * (LINE_MAX - 1),
    b'{"a":' * (LINE_MAX // 5 - 1),
    b"[" + b"{}," * (LINE_MAX // 3 - 2) + b"{}]",
    b"[" + b"[]," * (LINE_MAX // 3 - 2) + b"1]",
    b"[" + b"1," * (LINE_MAX // 2 - 2) + b"1]",
    b"{" + b",".join(b'"%d":0' % i for i in range(24000)) + b"}",
    b'{"a":1,"a":' + b"1" * 1000 + b"}",
    b'"' + b"\\u0041" * (LINE_MAX // 6 - 2) + b'"',
    b'"' + b"\xff" * 1000 + b'"',
    b'{"jsonrpc":"2.0","id":1,"method":"\x00"}',
    b"\x00" * (LINE_MAX - 1),
    LONG_ID[:-1],
    b" " * (LINE_MAX + 1),
    b"]", b"", b"[]", b"\xc0\x80", b'{"id":{}}',
]


def connect(path):
    """Waits for a place in the queue, but not for ever."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # With a time limit of Python's own, a full queue would be an error.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 30, 0))
        sock.connect(str(path))
        sock.settimeout(30)
    except OSError:
        sock.close()
        raise
    return sock


class Crowd:
    """Connections of one process, none of which ever blocks. One that the daemon has ended is made
    anew."""

    def __init__(self, path, count):
        self.path = str(path)
        self.lost = 0
        self.members = [self.connect() for _ in range(count)]

    def connect(self):
        try:
            sock = connect(self.path)
        except OSError:
            return None
        sock.setblocking(False)
        return sock

    def again(self, place):
        if self.members[place]:
            self.members[place].close()
            self.lost += 1
        self.members[place] = self.connect()

    def send(self, place, data):
        """How many bytes were taken."""
        if not self.members[place]:
            self.again(place)
        try:
            return self.members[place].send(data)
        except BlockingIOError:
            return 0
        except (OSError, AttributeError):
            self.again(place)
            return 0

    def read(self, place):
        """Whatever there is, thrown away: how many bytes; None: it has ended."""
        try:
            got = self.members[place].recv(1 << 18)
        except BlockingIOError:
            return 0
        except (OSError, AttributeError):
            return None
        return len(got) or None

    def read_all(self):
        for place in range(len(self.members)):
            while True:
                got = self.read(place)
                if got is None:
                    self.again(place)
                if not got:
                    break

    def close(self):
        for sock in self.members:
            if sock:
                sock.close()


def half_lines(path, count, stop):
    """Each fills its buffer, and ends its line never."""
    crowd = Crowd(path, count)
    sent = [0] * count
    piece = b"[" + b" " * 16383
    while not stop.is_set():
        moved = False
        for place in range(count):
            if sent[place] < LINE_MAX - len(piece):
                n = crowd.send(place, piece)
                sent[place] += n
                moved |= n > 0
            elif crowd.read(place) is None:
                crowd.again(place)
                sent[place] = 0
        if not moved:
            time.sleep(0.02)
    crowd.close()


def byte_at_a_time(path, count, stop):
    crowd = Crowd(path, count)
    position = 0
    while not stop.is_set():
        for place in range(count):
            crowd.send(place, STATUS[position:position + 1])
        position = (position + 1) % len(STATUS)
        if position == 0:
            crowd.read_all()
        time.sleep(0.001)
    crowd.close()


def pour(crowd, offset, place, data):
    """Sends on where it was stopped; lines stay whole."""
    n = crowd.send(place, data[offset[place]:offset[place] + 65536])
    offset[place] = (offset[place] + n) % len(data)
    return n


def flood(path, count, stop, data, reads):
    crowd = Crowd(path, count)
    offset = [0] * count
    while not stop.is_set():
        moved = 0
        for place in range(count):
            lost = crowd.lost
            moved += pour(crowd, offset, place, data)
            if crowd.lost != lost:
                offset[place] = 0
        if reads:
            crowd.read_all()
        if not moved:
            time.sleep(0.002)
    crowd.close()


def pipelines(path, count, stop):
    flood(path, count, stop, STATUS * 500, True)


def batches(path, count, stop):
    flood(path, count, stop, BATCH * 8, True)


def lists(path, count, stop):
    flood(path, count, stop, b"".join(LISTS), True)


def never_reads(path, count, stop):
    flood(path, count, stop, (STATUS * 20 + b"".join(LISTS)) * 10, False)


def long_ids_never_read(path, count, stop):
    flood(path, count, stop, LONG_ID, False)


def bombs(path, count, stop):
    flood(path, count, stop, b"".join(bomb + b"\n" for bomb in BOMBS), True)


def descriptors(path, count, stop):
    """As many as one message takes, where none belong."""
    crowd = Crowd(path, count)
    null = os.open("/dev/null", os.O_RDONLY)
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 253))]
    while not stop.is_set():
        for place in range(count):
            try:
                crowd.members[place].sendmsg([STATUS], control)
            except BlockingIOError:
                pass
            except (OSError, AttributeError):
                crowd.again(place)
        crowd.read_all()
    crowd.close()
    os.close(null)


def storm(path, count, stop):
    """Coming and going, with something or nothing said, wholly or half closed."""
    chance = random.Random(1)
    held = []
    while not stop.is_set():
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(5)
        try:
            sock.connect(str(path))
            sock.sendall(chance.choice((b"", STATUS, STATUS[:9], LISTS[0])))
            sock.shutdown(chance.choice((socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)))
        except OSError as error:
            if error.errno == errno.EAGAIN:
                time.sleep(0.001)
        held.append(sock)
        while len(held) > count:
            held.pop(chance.randrange(len(held))).close()


def subscribers(path, count, stop):
    """They want every event, and read none."""
    crowd = Crowd(path, count)
    subscribed = [False] * count
    while not stop.is_set():
        for place in range(count):
            lost = crowd.lost
            crowd.send(place, b"" if subscribed[place] else request("events.subscribe"))
            subscribed[place] = crowd.lost == lost
        time.sleep(0.05)
    crowd.close()


def changes(path, count, stop):
    """Attaches and detaches as fast as it goes: events for all who listen."""
    flood(path, count, stop, request("guest.attach", guest="alpha", size=4096, name="churn") +
          request("guest.detach", guest="alpha", segment="churn"), True)


def opens(path, count, stop):
    """Descriptors for clients that take none."""
    flood(path, count, stop, request("segment.open", name="opened"), False)


KINDS = (half_lines, byte_at_a_time, pipelines, batches, lists, never_reads, long_ids_never_read,
         bombs, descriptors, storm, subscribers, changes, opens)
# Of 1,000 connections, how many each kind has.
SHARES = {half_lines: 300, byte_at_a_time: 100, pipelines: 40, batches: 20, lists: 40,
          never_reads: 150, long_ids_never_read: 100, bombs: 30, descriptors: 10, storm: 50,
          subscribers: 100, changes: 10, opens: 40}


def run_kinds(kinds, path, scale, uid, stop):
    """One process: the kinds in threads would wait for each other, so one after another's child."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    if uid is not None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    kinds(path, max(1, int(SHARES[kinds] * scale)), stop)


class Attack:
    """All kinds, or these, at once: `with Attack(path): ...`. `scale` 1 is 1,000 connections;
    `uid`: whose they are, when it is root who runs it."""

    def __init__(self, path, kinds=KINDS, scale=1, uid=None):
        context = multiprocessing.get_context("fork")
        self.stop = context.Event()
        self.processes = [context.Process(target=run_kinds, args=(kind, path, scale, uid, self.stop),
                                          name=kind.__name__) for kind in kinds]

    def __enter__(self):
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        for process in self.processes:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()


class Watch:
    """A well-behaved client and the daemon's memory, looked at for some seconds."""

    def __init__(self, path, pid):
        self.path, self.pid = str(path), pid
        self.times = []  # seconds that a status took
        self.most = 0    # KiB of resident memory
        self.shared = 0  # KiB of that, which is the simulated world

    def look(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            values = dict(line.split()[:2] for line in status if line.startswith(("VmRSS", "Rss")))
        if int(values["VmRSS:"]) > self.most:
            self.most, self.shared = int(values["VmRSS:"]), int(values["RssShmem:"])

    def ask(self, sock):
        start = time.monotonic()
        sock.sendall(STATUS)
        text = b""
        while not text.endswith(b"\n"):
            piece = sock.recv(65536)
            assert piece, "the daemon has ended the connection of one that behaves"
            text += piece
        self.times.append(time.monotonic() - start)
        assert b'"version"' in text, text

    def run(self, seconds, pause=0.005):
        with connect(self.path) as sock:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                self.ask(sock)
                self.look()
                time.sleep(pause)
        return self

    def percentile(self, part):
        """Milliseconds."""
        times = sorted(self.times)
        return times[min(len(times) - 1, int(len(times) * part))] * 1000
