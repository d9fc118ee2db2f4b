# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the daemon share: a simulated daemon with a state directory of its own, a
client on a raw socket, and the comparison of everything that the daemon says of itself with its
store and with what the simulated hypervisor has really mapped. XENSHMD_SIM names the program."""

import contextlib
import ctypes
import functools
import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unicodedata
import unittest

XENSHMD_SIM = os.environ.get("XENSHMD_SIM", "xenshmd-sim")

PAGE = 4096
KIB = 1024
MIB = 1024 * 1024
LINE_MAX = 256 * KIB
BATCH_MAX = 100

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>

# No single answer takes longer, however slow the machine and the sanitizers.
PATIENCE = 30

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

# Where the first simulated pool ends, and where the pools begin in every guest.
POOLS_END = 0x80000000
WINDOW = 0x3a000000
RAM = 0x40000000

# What an earlier owner of a page may have left there.
SECRET = b"\xa5" * PAGE

# In what a failing daemon writes to stderr.
REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "Assertion",
           "LeakSanitizer has encountered")

ERROR_CODES = {
    "PARSE_ERROR": -32700, "INVALID_REQUEST": -32600, "METHOD_NOT_FOUND": -32601,
    "INVALID_PARAMS": -32602, "INTERNAL_ERROR": -32603,
    "POOL_FULL": 1, "POOL_UNKNOWN": 2, "SEGMENT_EXISTS": 3, "SEGMENT_UNKNOWN": 4,
    "SEGMENT_IN_USE": 5, "GUEST_UNKNOWN": 6, "GUEST_AMBIGUOUS": 7, "GUEST_DYING": 8,
    "ALREADY_ATTACHED": 9, "NOT_ATTACHED": 10, "ADDRESS_IN_USE": 11, "ADDRESS_IS_RAM": 12,
    "ADDRESS_RESERVED": 13, "PAGES_HELD": 14, "HOLDER_UNKNOWN": 15, "QUOTA_EXCEEDED": 16,
    "TOO_MANY": 17, "BUSY": 18, "PERMISSION_DENIED": 19, "HYPERVISOR_FAILED": 20,
    "UNSUPPORTED": 21, "CONFIG_INVALID": 22, "STORE_FAILED": 23, "GUEST_EXISTS": 24,
    "GUEST_FOREIGN": 25,
}


def is_tmpfs(path):
    with open("/proc/mounts", encoding="utf-8") as mounts:
        return any(line.split()[1:3] == [path, "tmpfs"] for line in mounts)


def memory_folder():
    """A folder in memory, as /run is where the daemon is at home; None: the system's default."""
    for path in ("/run", "/dev/shm"):
        if is_tmpfs(path) and os.access(path, os.W_OK | os.X_OK):
            return path
    return None


def number(address):
    """"0x3a000000" -> the number; anything else is a fault."""
    assert isinstance(address, str) and address.startswith("0x"), repr(address)
    value = int(address, 16)
    assert address == hex(value), address
    return value


def stored_part(segment):
    """Of a segment as it is told, what its store file has too."""
    return {key: value for key, value in segment.items()
            if key not in ("state", "clash", "progress", "opened")}


def die_with_parent():
    """
    In a new process: tests that are killed leave no daemon behind. Whoever runs the tests may have
    signals ignored (nohup; a shell's background), which programs take for what is wanted.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def wait_until(condition, what, patience=PATIENCE):
    """Returns what `condition` gives as soon as that is true."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited too long: {what}"
        time.sleep(0.005)


def whole_pages(size):
    return (size + PAGE - 1) // PAGE * PAGE


if shutil.which(XENSHMD_SIM) is None:
    print(f"Bail out! there is no program {XENSHMD_SIM}: set XENSHMD_SIM", flush=True)
    raise SystemExit(1)


class Refused(Exception):
    """An error reply."""

    def __init__(self, error):
        super().__init__(json.dumps(error))
        self.error = error
        self.code = error["code"]
        self.message = error["message"]
        self.name = error["data"]["name"]
        self.hint = error["data"]["hint"]


def check_error(error):
    """Every error object has all that scripts rely on."""
    assert isinstance(error, dict), error
    assert set(error) >= {"code", "message", "data"}, error
    assert type(error["code"]) is int, error
    assert isinstance(error["message"], str) and error["message"], error
    assert not any(unicodedata.category(c) == "Cc" for c in error["message"]), error
    assert isinstance(error["data"], dict), error
    assert ERROR_CODES.get(error["data"]["name"]) == error["code"], error
    assert isinstance(error["data"]["hint"], str) and error["data"]["hint"], error


def check_reply(reply):
    """Every reply is a JSON-RPC 2.0 response object."""
    assert isinstance(reply, dict), reply
    assert reply.get("jsonrpc") == "2.0", reply
    assert "id" in reply, reply
    assert ("result" in reply) != ("error" in reply), reply
    assert set(reply) == {"jsonrpc", "id", "result" if "result" in reply else "error"}, reply
    if "error" in reply:
        check_error(reply["error"])


def connect(path):
    """A socket that waits for its turn, but not for ever."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # With a time limit of Python's own, a full queue would be an error.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", PATIENCE, 0))
        sock.connect(str(path))
        sock.settimeout(PATIENCE)
    except OSError:
        sock.close()
        raise
    return sock


@functools.lru_cache(maxsize=None)
def described_errors():
    """{method: names of the errors that it may answer with, by rpc.discover}."""
    with tempfile.TemporaryDirectory(prefix="xenshmd-test-", dir=memory_folder()) as folder:
        daemon = Daemon(folder).wait_ready()
        try:
            with Client(daemon.socket_path) as client:
                methods = client.call("rpc.discover")["methods"]
        finally:
            daemon.kill()
    return {method["name"]: {error["$ref"].rpartition("/")[2] for error in method["errors"]}
            for method in methods}


class Client:
    """One connection. Nothing is sent or read but what the test asks for."""

    def __init__(self, path):
        self.socket = connect(path)
        self.methods = {}  # what was asked for, by id
        self.buffer = b""
        self.ids = itertools.count(1)
        self.early = {}  # replies that came before they were asked for, by id

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # ---- bytes ----

    def send(self, data):
        self.socket.sendall(data)

    def send_line(self, value):
        """One JSON value, or bytes as they are, and the newline."""
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send(data + b"\n")

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def line(self):
        """The next line; None at the end of the stream."""
        chunks = [self.buffer]
        while b"\n" not in chunks[-1]:
            try:
                chunk = self.socket.recv(1 << 20)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                left = b"".join(chunks)
                self.buffer = b""
                assert left == b"", f"the stream ends inside a line: {left[:200]!r}"
                return None
            chunks.append(chunk)
        line, _, self.buffer = b"".join(chunks).partition(b"\n")
        return line

    def at_end(self):
        """True when the daemon has closed the connection; waits for it."""
        return self.line() is None

    def read(self):
        """The next reply (an object or, for a batch, a list), checked; None at the end."""
        line = self.line()
        if line is None:
            return None
        reply = json.loads(line.decode())
        for one in reply if isinstance(reply, list) else [reply]:
            check_reply(one)
        return reply

    def raw(self, data):
        """Sends these bytes as one line and returns the next reply."""
        self.send_line(data)
        return self.read()

    def quiet(self):
        """True when nothing is there to read: the next reply is that of a fresh request."""
        return self.request("daemon.status") == self.read()["id"] and not self.buffer

    # ---- requests ----

    def request(self, method, **params):
        """Sends a request and returns its id."""
        number_ = next(self.ids)
        self.methods[number_] = method
        message = {"jsonrpc": "2.0", "id": number_, "method": method}
        if params:
            message["params"] = params
        self.send_line(message)
        return number_

    def pipeline(self, *calls):
        """Sends requests (method, params) in one piece; returns their ids."""
        ids = [next(self.ids) for _ in calls]
        self.methods.update((id_, method) for id_, (method, _) in zip(ids, calls))
        self.send(b"".join(
            json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}).encode() +
            b"\n" for id_, (method, params) in zip(ids, calls)))
        return ids

    def reply(self, id_):
        """The reply with that id, kept until asked for when others come first."""
        while id_ not in self.early:
            reply = self.read()
            assert reply is not None, f"the stream ends before the reply to {id_}"
            assert isinstance(reply, dict), reply
            assert reply["id"] is not None, reply
            assert reply["id"] not in self.early, f"two replies: {reply}"
            self.early[reply["id"]] = reply
        return self.early.pop(id_)

    def finish(self, id_):
        """The result of a request sent before; raises Refused."""
        reply = self.reply(id_)
        method = self.methods.pop(id_, None)
        if "error" in reply:
            self.check_described(method, reply["error"]["data"]["name"])
            raise Refused(reply["error"])
        return reply["result"]

    @staticmethod
    def check_described(method, name):
        """Whatever a method refuses, rpc.discover has said that it may."""
        described = described_errors().get(method)
        assert described is None or name in described, \
            f"rpc.discover does not tell that {method} may be refused with {name}"

    def call(self, method, **params):
        return self.finish(self.request(method, **params))

    def notify(self, method, **params):
        self.send_line({"jsonrpc": "2.0", "method": method, "params": params})


class Daemon:
    """A running xenshmd-sim. `folder` holds its state directory, configuration and log."""

    def __init__(self, folder, *options, config=None, socket_path=None, nofile=None,
                 program=None):
        self.folder = pathlib.Path(folder)
        self.state_dir = self.folder / "state"
        self.socket_path = pathlib.Path(socket_path or self.state_dir / "xenshmd.sock")
        self.log_path = self.folder / f"log{sum(1 for _ in self.folder.glob('log*'))}"
        command = []
        if nofile is not None:
            command += ["prlimit", f"--nofile={nofile}"]
        command += [program or XENSHMD_SIM, "--state-dir", str(self.state_dir)]
        if config is not None:
            path = self.folder / "xenshmd.conf"
            path.write_text(config, encoding="utf-8")
            command += ["--config", str(path)]
        if socket_path:
            command += ["--socket", str(socket_path)]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command + [str(option) for option in options],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=die_with_parent)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self):
        """Waits until it listens; it must not end before."""
        def listening():
            assert self.process.poll() is None, f"the daemon ended at once:\n{self.log()}"
            try:
                Client(self.socket_path).close()
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            return True

        wait_until(listening, "the daemon listens")
        return self

    def wait_end(self):
        """Its exit status."""
        return self.process.wait(PATIENCE)

    def stop(self, number_=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number_)
        return self.wait_end()

    def check_log(self):
        log = self.log()
        for report in REPORTS:
            assert report not in log, f"in the daemon's log:\n{log}"

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def store(self):
        """{file name: content} of the store."""
        return {path.name: json.loads(path.read_text(encoding="utf-8"))
                for path in (self.state_dir / "segments").iterdir()}

    def guest_files(self):
        """The names of the files on created guests."""
        folder = self.state_dir / "guests"
        return {path.name for path in folder.iterdir()} if folder.exists() else set()

    def children(self):
        """The ids of the processes that it has started and that are not reaped."""
        path = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in path.read_text(encoding="ascii").split()]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident(self):
        """Bytes of its own memory; pools and world are shared and do not count."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
        return int(line.split()[1]) * KIB

    def processor_time(self):
        """Seconds that it has computed."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        user, system = fields.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class FolderTest(unittest.TestCase):
    """A test with a folder of its own, that starts daemons itself."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="xenshmd-test-", dir=memory_folder()))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        # Others must reach the socket, as they reach /run/xenshmd.
        self.folder.chmod(0o755)
        self.started = []

    def tearDown(self):
        for daemon in self.started:
            if daemon.process.poll() is None:
                self.check_end(daemon)
            daemon.check_log()

    def check_end(self, daemon):
        """It answers to the last, and ends well."""
        with Client(daemon.socket_path) as client:
            self.assertIn("version", client.call("daemon.status"))
        self.assertEqual(daemon.stop(), 0, daemon.log())
        self.assertFalse(daemon.socket_path.exists(), "the socket is left behind")

    def launch(self, *options, **more):
        """A daemon that may end at once."""
        daemon = Daemon(self.folder, *options, **more)
        self.addCleanup(daemon.kill)
        self.started.append(daemon)
        return daemon

    def start(self, *options, **more):
        """A daemon that is ready."""
        return self.launch(*options, **more).wait_ready()

    def spawn(self, command, **more):
        """A process that ends with the test."""
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent,
                                   **more)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        return process

    def connect(self, daemon):
        client = Client(daemon.socket_path)
        self.addCleanup(client.close)
        return client

    def diagnostics(self):
        """What helps with a test that fails."""
        text = ""
        for daemon in self.started:
            if daemon.log_path.exists():
                # What the test itself does with the simulator tells nothing.
                lines = [line for line in daemon.log().splitlines(keepends=True)
                         if "method=sim." not in line]
                text += f"--- the last lines of {daemon.log_path.name} ---\n" + "".join(lines[-40:])
        return text

    @contextlib.contextmanager
    def refused(self, name, *in_message):
        """The block must be refused with that name; its message must contain these texts."""
        with self.assertRaises(Refused) as caught:
            yield caught
        self.assertEqual(caught.exception.name, name, caught.exception.message)
        for text in in_message:
            self.assertIn(text, caught.exception.message)


class DaemonTest(FolderTest):
    """A test with one daemon, started with `options` and `config` of the class, and a client."""

    options = ("--guest", "alpha", "beta", "gamma", "--pool", "1M")
    config = None
    nofile = None

    def setUp(self):
        super().setUp()
        self.begin(*self.first_options())

    def first_options(self):
        return self.options

    def begin(self, *options):
        self.daemon = self.start(*options, config=self.config, nofile=self.nofile)
        self.client = self.connect(self.daemon)
        self.call = self.client.call
        self.notify = self.client.notify
        self.raw = self.client.raw

    def tearDown(self):
        if self.client.socket.fileno() >= 0:
            self.assertEqual(self.client.early, {}, "replies that nobody asked for")
            self.assertTrue(self.client.quiet(), "replies that nobody asked for")
        super().tearDown()

    def attach(self, guest, size=PAGE, **more):
        return self.call("guest.attach", guest=guest, size=size, **more)

    def share(self, guest, segment, **more):
        return self.call("guest.attach", guest=guest, segment=segment, **more)

    def guest_read(self, name, address, length):
        """Any length, in pieces that the simulator takes."""
        start = number(address) if isinstance(address, str) else address
        data = b""
        while len(data) < length:
            piece = self.call("sim.guest.read", name=name, address=hex(start + len(data)),
                              length=min(65536, length - len(data)))
            data += bytes.fromhex(piece["data"])
        return data

    def guest_write(self, name, address, data):
        start = number(address) if isinstance(address, str) else address
        for offset in range(0, len(data), 65536):
            self.call("sim.guest.write", name=name, address=hex(start + offset),
                      data=data[offset:offset + 65536].hex())

    def host_read(self, address, length):
        return bytes.fromhex(self.call("sim.host.read", address=address, length=length)["data"])

    def host_write(self, address, data):
        self.call("sim.host.write", address=address, data=data.hex())

    def nodes(self, guest):
        return self.call("sim.guest.xenstore", name=guest)["nodes"]

    def domid(self, name):
        return next(guest["domid"] for guest in self.call("guest.list")["guests"]
                    if guest["name"] == name)

    def idle(self):
        """Waits until nothing is under way."""
        wait_until(lambda: self.call("daemon.status")["counts"]["operations"] == 0,
                   "no operation is under way")

    def gone(self, *segments):
        """Waits until these segments are no more."""
        def none_left():
            return not {segment["name"] for segment in self.call("segment.list")["segments"]} \
                & set(segments)

        wait_until(none_left, f"{segments} are gone")
        self.idle()

    # ---- agreement ----

    def snapshot(self):
        """Everything that a refused request must leave as it was."""
        guests = self.call("guest.list")["guests"]  # first: looks at the domains
        return {
            "pool.map": self.call("pool.map"),
            "pool.list": self.call("pool.list"),
            "segment.list": self.call("segment.list"),
            "guest.list": guests,
            "domains": self.call("sim.status")["domains"],
            "nodes": {guest["name"]: self.nodes(guest["name"]) for guest in guests},
            "store": self.daemon.store(),
        }

    @contextlib.contextmanager
    def unchanged(self):
        before = self.snapshot()
        yield
        self.idle()
        self.assertEqual(self.snapshot(), before)

    @contextlib.contextmanager
    def refused_unchanged(self, name, *in_message):
        """Refused with that name, and nothing has changed."""
        with self.unchanged(), self.refused(name, *in_message) as caught:
            yield caught

    def agree(self):
        """Pools, segments, guests, store, xenstore and hypervisor tell the same. The segments."""
        self.idle()
        # Looks at the domains, which the others leave to events.
        guests = self.call("guest.list")["guests"]
        pools = {pool["name"]: pool for pool in self.call("pool.list")["pools"]}
        runs = self.call("pool.map")["runs"]
        segments = {one["name"]: one for one in self.call("segment.list")["segments"]}
        self.check_cover(pools, runs)
        self.check_segments(pools, runs, segments)
        self.check_foreign(runs, guests)
        self.check_store(segments)
        self.check_guests(segments, guests)
        self.check_hypervisor(guests)
        self.check_nodes(guests)
        return segments

    def check_cover(self, pools, runs):
        """Runs cover each pool without gap or overlap, and the sums are right."""
        self.assertEqual({run["pool"] for run in runs}, set(pools))
        for name, pool in pools.items():
            own = [run for run in runs if run["pool"] == name]
            at = number(pool["host_address"])
            for run in own:
                self.assertEqual(number(run["host_address"]), at, f"gap or overlap: {own}")
                self.assertGreater(run["size"], 0)
                self.assertEqual(run["size"] % PAGE, 0)
                self.assertIn(run["state"], ("free", "used", "foreign", "quarantined"))
                at += run["size"]
            self.assertEqual(at, number(pool["host_address"]) + pool["size"])
            free = [run["size"] for run in own if run["state"] == "free"]
            self.assertEqual(pool["free"], sum(free))
            self.assertEqual(pool["largest_free"], max(free, default=0))
            states = [run["state"] for run in own]
            self.assertNotIn(("free", "free"), list(zip(states, states[1:])))

    def check_segments(self, pools, runs, segments):
        """Every segment has exactly its own run, and no other run is in use."""
        held = {run["segment"]: run for run in runs if run["state"] in ("used", "quarantined")}
        in_use = [run for run in runs if run["state"] in ("used", "quarantined")]
        self.assertEqual(len(held), len(in_use), "two runs of one segment")
        self.assertEqual(set(held), set(segments))
        for name, segment in segments.items():
            run = held[name]
            for key in ("pool", "host_address", "size"):
                self.assertEqual(run[key], segment[key])
            self.assertIn(segment["pool"], pools)
            attachments = segment["attachments"]
            held_open = segment.get("opened", 0) > 0
            self.assertTrue(attachments or segment["kept"] or held_open, f"nobody holds {name}")
            self.assertEqual(run.get("guest"), attachments[0]["guest"]["name"]
                             if len(attachments) == 1 else None)
            lost = attachments and all(one["state"] == "quarantined" for one in attachments)
            self.assertEqual(run["state"],
                             "quarantined" if lost and not segment["kept"] and not held_open
                             else "used")
            for one in attachments:
                for key in ("pool", "host_address", "size", "epoch"):
                    self.assertEqual(one[key], segment[key])
                self.assertEqual(one["segment"], name)

    def check_foreign(self, runs, guests):
        """Foreign runs are those pages of guests' own iomem that no segment has."""
        expected = set()
        for guest in guests:
            for part in guest["foreign"]:
                first = number(part["host_address"]) // PAGE
                expected |= set(range(first, first + part["size"] // PAGE))
        foreign = set()
        for run in runs:
            first = number(run["host_address"]) // PAGE
            pages = range(first, first + run["size"] // PAGE)
            if run["state"] == "foreign":
                foreign |= set(pages)
                self.assertIn(run["guest"], {guest["name"] for guest in guests})
            elif run["state"] != "free":
                expected -= set(pages)
        self.assertEqual(foreign, expected)

    def check_store(self, segments):
        files = self.daemon.store()
        openings = {name: len(file.pop("openings", [])) for name, file in files.items()}
        self.assertEqual(files, {f"{name}.json": dict(stored_part(segment), version=1)
                                 for name, segment in segments.items()})
        self.assertEqual(openings, {f"{name}.json": segment.get("opened", 0)
                                    for name, segment in segments.items()})

    def check_guests(self, segments, guests):
        """segment.list and guest.list are two views of the same attachments."""
        def key(attachment):
            return attachment["segment"], attachment["guest"]["domid"]

        living = {(guest["domid"], guest["uuid"]) for guest in guests}
        attachments = [one for segment in segments.values() for one in segment["attachments"]]
        absent = [one for one in attachments
                  if (one["guest"]["domid"], one["guest"]["uuid"]) not in living]
        self.assertEqual({one["state"] for one in absent} - {"waiting"}, set())
        by_segment = sorted((one for one in attachments if one not in absent), key=key)
        by_guest = sorted((one for guest in guests for one in guest["attachments"]), key=key)
        self.assertEqual(by_segment, by_guest)
        for guest in guests:
            for one in guest["attachments"]:
                self.assertEqual((one["guest"]["domid"], one["guest"]["uuid"]),
                                 (guest["domid"], guest["uuid"]))

    def check_hypervisor(self, guests):
        """Mapped and permitted is what is attached or foreign, page by page, and nothing else."""
        domains = {domain["domid"]: domain for domain in self.call("sim.status")["domains"]}
        self.assertEqual(set(domains), {guest["domid"] for guest in guests})
        for guest in guests:
            domain = domains[guest["domid"]]
            expected = {}
            for part in guest["attachments"] + guest["foreign"]:
                for offset in range(0, part["size"], PAGE):
                    expected[number(part["guest_address"]) + offset] = \
                        number(part["host_address"]) + offset
            mapped = {}
            for part in domain["mappings"]:
                for offset in range(0, part["size"], PAGE):
                    mapped[number(part["guest_address"]) + offset] = \
                        number(part["host_address"]) + offset
            permitted = {number(part["host_address"]) + offset for part in domain["permissions"]
                         for offset in range(0, part["size"], PAGE)}
            self.assertEqual(mapped, expected, f"mapped into {guest['name']}")
            self.assertEqual(permitted, set(expected.values()), f"permitted to {guest['name']}")
            self.assertEqual(domain["mapped_pages"], len(expected))
            self.assertEqual(domain["permitted_pages"], len(set(expected.values())))

    def check_nodes(self, guests):
        for guest in guests:
            expected = {}
            for one in guest["attachments"]:
                expected[f"{one['segment']}/address"] = one["guest_address"]
                expected[f"{one['segment']}/size"] = str(one["size"])
                expected[f"{one['segment']}/epoch"] = str(one["epoch"])
                # A guest that has shut down is told nothing any more.
                expected[f"{one['segment']}/state"] = \
                    "attached" if one["state"] == "waiting" else one["state"]
            self.assertEqual(self.nodes(guest["name"]), expected, f"xenstore of {guest['name']}")


class WorldTest(DaemonTest):
    """A test whose simulated hypervisor outlives the daemon, as Xen does."""

    pools = ("1M",)
    guests = ("alpha", "beta", "gamma")

    def first_options(self):
        return ("--pool", *self.pools, "--guest", *self.guests)

    def begin(self, *options):
        super().begin("--world", self.folder / "world", *options)

    def restart(self, number_=signal.SIGTERM, *options):
        """The daemon ends, and another one begins on what it left."""
        self.client.close()
        self.daemon.stop(number_)
        self.begin(*options)

    @contextlib.contextmanager
    def while_down(self, number_=signal.SIGKILL):
        """What the block does to guests happens while the daemon is away: it is done by another
        one, with a store of its own."""
        self.client.close()
        self.daemon.stop(number_)
        ours, aside = self.folder / "state", self.folder / "aside"
        ours.rename(aside)
        self.begin()
        yield
        self.client.close()
        self.daemon.stop()
        shutil.rmtree(ours)
        aside.rename(ours)
        self.begin()


class SegmentMixin:
    """Short words for tests of segments; everything agrees at their end."""

    agrees = True

    def tearDown(self):
        if self.agrees:
            self.agree()
        super().tearDown()

    def alloc(self, name, size=PAGE, **more):
        return self.call("segment.alloc", name=name, size=size, **more)

    def free(self, name):
        return self.call("segment.free", name=name)

    def show(self, name):
        return self.call("segment.show", name=name)

    def detach(self, guest, **more):
        return self.call("guest.detach", guest=guest, **more)["detached"]

    def names(self):
        return [segment["name"] for segment in self.call("segment.list")["segments"]]

    def host_bytes(self, segment):
        start = number(segment["host_address"])
        return b"".join(self.host_read(hex(start + offset), min(65536, segment["size"] - offset))
                        for offset in range(0, segment["size"], 65536))

    def fill_host(self, start, pages):
        for page in range(pages):
            self.host_write(hex(start + page * PAGE), SECRET)
