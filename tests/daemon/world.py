# SPDX-License-Identifier: LGPL-2.1-or-later
"""A simulated host whose daemon can be killed and started again, and whether everything agrees.

World.check() is the heart of the fault and crash tests: it compares what the daemon says, what its
store says, and what the simulated hypervisor really has mapped, permitted and published. No test
may weaken it; a state that it refuses is a bug in the daemon.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PAGE = 4096
SIM = os.environ.get("XENSHMD_SIM", "xenshmd-sim")
BATCH = 64
PATIENCE = 30  # seconds for anything to happen

# The operations that can be made to fail (sim_operations of daemon/hypervisor_sim.c).
OPERATIONS = ("list", "name", "config", "probe", "permit", "revoke", "map", "unmap", "publish",
              "unpublish", "store_write", "store_remove", "any")

# The states of a domain that has shut down to come back: what it had stays mapped meanwhile.
COMING_BACK = ("rebooting", "crashed", "watchdog", "soft-reset")

SANITIZER = re.compile(r"(ERROR: (Address|Leak)Sanitizer|runtime error:|Assertion .* failed)")


class Refused(Exception):
    """A reply with an error."""

    def __init__(self, error):
        super().__init__(f"{error['data']['name']}: {error['message']}")
        self.code = error["code"]
        self.name = error["data"]["name"]
        self.message = error["message"]


class Gone(Exception):
    """The daemon is not there (any more)."""


@contextlib.contextmanager
def explained(what):
    """Says in which of many cases something went wrong."""
    try:
        yield
    except (AssertionError, Refused, Gone) as why:
        raise AssertionError(f"{what}: {why}") from why


def stable_names():
    """The error names of the public header."""
    header = pathlib.Path(__file__).resolve().parents[2] / "include" / "xenshm.h"
    return set(re.findall(r"X\(([A-Z_]+), \d+,", header.read_text()))


def pages(entry):
    """The host pages of a segment, attachment or run."""
    first = int(entry["host_address"], 16) // PAGE
    return range(first, first + entry["size"] // PAGE)


def pairs(entry):
    """The (guest page, host page) pairs of an attachment, foreign range or mapping."""
    first = int(entry["guest_address"], 16) // PAGE
    return {(first + i, host) for i, host in enumerate(pages(entry))}


class Client:
    """One connection. Replies are matched strictly: one for each request, in order."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.buffer = b""
        self.id = 0

    def close(self):
        self.socket.close()

    def request(self, method, params):
        self.id += 1
        return {"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}

    def send(self, *messages):
        """In one piece, so that the daemon reads all of them in one turn."""
        try:
            self.socket.sendall(b"".join(json.dumps(message).encode() + b"\n"
                                         for message in messages))
        except (BrokenPipeError, ConnectionResetError) as why:
            raise Gone from why

    def line(self):
        while b"\n" not in self.buffer:
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionResetError as why:
                raise Gone from why
            if not data:
                raise Gone
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def reply(self, number):
        """The next line must be the reply to this request."""
        reply = self.line()
        assert reply["jsonrpc"] == "2.0" and reply["id"] == number, reply
        assert ("result" in reply) != ("error" in reply), reply
        return reply

    def call(self, method, **params):
        message = self.request(method, params)
        self.send(message)
        return result_of(self.reply(message["id"]))

    def batch(self, *calls):
        """Results in the order of the calls, Refused objects among them."""
        results = []
        for i in range(0, len(calls), BATCH):
            messages = [self.request(method, params) for method, params in calls[i:i + BATCH]]
            self.send(messages)
            replies = {reply["id"]: reply for reply in self.line()}
            assert len(replies) == len(messages), replies
            for message in messages:
                reply = replies[message["id"]]
                results.append(Refused(reply["error"]) if "error" in reply else reply["result"])
        return results

    def at_end(self):
        """True when the daemon has closed its side and nothing is left to read."""
        try:
            self.line()
        except Gone:
            return self.buffer == b""
        return False


def result_of(reply):
    if "error" in reply:
        raise Refused(reply["error"])
    return reply["result"]


class World:
    """
    One simulated host: a world file, a state directory, and a daemon on them. The options are for
    the first start: what they make outlives the daemon. `grace` is the configured restart-grace,
    in seconds: 0, and what a guest had ends with it.
    """

    HOLDER_WAIT = 5
    program = SIM
    client_class = Client
    environment = {}  # what the daemon finds there besides ours

    def __init__(self, *options, grace=0, holder_wait=HOLDER_WAIT):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="xenshmd-", dir=fast_folder()))
        self.world = self.folder / "world"
        self.state = self.folder / "state"
        self.segments = self.state / "segments"
        self.log = self.folder / "log"
        self.options = options
        self.config = self.folder / "xenshmd.conf"
        self.configure(grace, holder_wait)
        self.process = None
        self.client = None

    def configure(self, grace, holder_wait=HOLDER_WAIT):
        """From the next start on."""
        self.config.write_text(f"[daemon]\nrestart-grace = {grace}\nholder-wait = {holder_wait}\n")

    # ---- the daemon's life ----

    def start(self, *options, wait=True, uid=None):
        self.process = self.launch(self.state, *self.options, *options, uid=uid)
        self.started = time.monotonic()
        self.options = ()
        if wait:
            self.client = self.connect()
        return self

    def wait_unlocked(self):
        """A killed daemon's builder goes with it, but a sanitizer's helper of that lives longer."""
        end = time.monotonic() + PATIENCE
        while self.world.exists():
            with open(self.world, "rb") as world:
                try:
                    fcntl.flock(world, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    assert time.monotonic() < end, "somebody holds the world"
            time.sleep(0.001)

    def launch(self, state, *options, uid=None):
        self.wait_unlocked()
        environment = dict(os.environ, ASAN_OPTIONS="abort_on_error=0:exitcode=99",
                           UBSAN_OPTIONS="halt_on_error=1:exitcode=99", **self.environment)
        environment.pop("JOURNAL_STREAM", None)
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                [self.program, "--config", self.config, "--world", self.world, "--state-dir", state,
                 *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                user=uid)

    @contextlib.contextmanager
    def toolstack(self):
        """
        While the daemon is dead: a client through which domains come and go all the same. It is
        another daemon, which knows nothing of the store, and so touches nothing.
        """
        state = self.folder / "toolstack"
        process = self.launch(state)
        try:
            client = self.connect(state, process)
            yield client
            client.close()
        finally:
            process.kill()
            process.wait(PATIENCE)

    def connect(self, state=None, process=None):
        """A further connection; waits for the daemon to come up."""
        state, process = state or self.state, process or self.process
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.probe(state)
                return self.client_class(str(state / "xenshmd.sock"))
            except (FileNotFoundError, ConnectionRefusedError, Gone):
                if process.poll() is not None:
                    raise Gone(self.last_log()) from None
                if time.monotonic() > end:
                    raise
                time.sleep(0.001)

    @staticmethod
    def probe(state):
        """
        A builder that is just being started holds the socket of a daemon that was killed, for a
        moment: nobody answers there.
        """
        client = Client(str(state / "xenshmd.sock"))
        try:
            client.call("daemon.status")
        finally:
            client.close()

    def age(self):
        """Seconds since the daemon's start."""
        return time.monotonic() - self.started

    def disconnect(self):
        if self.client:
            self.client.close()
        self.client = None

    def kill(self):
        """SIGKILL: no instruction more."""
        self.process.send_signal(signal.SIGKILL)
        return self.died()

    def died(self):
        """Waits for the end of a daemon that killed itself, or was killed."""
        status = self.process.wait(PATIENCE)
        self.process = None
        self.disconnect()
        assert status == -signal.SIGKILL, f"status {status}\n{self.last_log()}"
        return self

    def stop(self):
        """SIGTERM, and an orderly end."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self):
        """Waits for the orderly end."""
        status = self.process.wait(PATIENCE)
        self.process = None
        self.disconnect()
        assert status == 0, f"status {status}\n{self.last_log()}"
        return self

    def restart(self):
        return self.stop().start()

    def close(self):
        """Ends everything, and looks whether a sanitizer had something to say."""
        try:
            if self.process and self.process.poll() is None:
                self.stop()
            found = SANITIZER.search(self.text_log())
            assert not found, self.text_log()
        finally:
            self.disconnect()
            if self.process:
                self.process.kill()
                self.process.wait()
            shutil.rmtree(self.folder)

    def text_log(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def last_log(self):
        return "\n".join(self.text_log().splitlines()[-40:])

    # ---- calls ----

    def call(self, method, **params):
        return self.client.call(method, **params)

    def batch(self, *calls):
        """As Client.batch(), but no call may be refused."""
        results = self.client.batch(*calls)
        for result in results:
            if isinstance(result, Refused):
                raise result
        return results

    def attach(self, guest, size=None, **params):
        if size is not None:
            params["size"] = size
        return self.call("guest.attach", guest=guest, **params)

    def detach(self, guest, segment=None, **params):
        if segment is not None:
            params["segment"] = segment
        return self.call("guest.detach", guest=guest, **params)

    def guest(self, name, **params):
        """A guest of that name runs from here on."""
        return self.call("sim.guest.start", name=name, **params)

    def guests(self):
        return [guest["name"] for guest in self.call("guest.list")["guests"]]

    def list(self):
        return self.call("segment.list")["segments"]

    def records(self):
        """What the store says of created guests, by UUID."""
        records = {}
        for path in (self.state / "guests").glob("????????-*.json"):
            with contextlib.suppress(FileNotFoundError):  # its guest's end is just being done with
                records[path.stem] = json.loads(path.read_text())
        return records

    def unsettled(self):
        """The records of those that a builder works on, or will."""
        return [record for record in self.records().values()
                if record["state"] not in ("running", "preserved")]

    def fail(self, operation, after=1, **params):
        return self.call("sim.fail", operation=operation, after=after, **params)["pending"]

    def fail_all(self, operation, count=60, **params):
        """The next `count` calls fail."""
        self.batch(*[("sim.fail", {"operation": operation, "after": n + 1, **params})
                     for n in range(count)])

    def forgive(self):
        """No fault is planned any more. Returns how many were."""
        pending = self.call("sim.status")["faults_pending"]
        if pending:
            left = [self.call("sim.fail", operation=name, errno=0)["pending"]
                    for name in OPERATIONS][-1]
            assert left == 0
        return pending

    def write(self, guest, attachment, data):
        """Fills the attachment, as the guest sees it, with the byte pattern `data`."""
        self.each_part(attachment, lambda address, length: (
            "sim.guest.write", {"name": guest, "address": hex(address),
                                "data": (data * (length // len(data))).hex()}))

    def read(self, guest, attachment):
        """All bytes of the attachment (or a part of one), as the guest sees them."""
        parts = self.each_part(attachment, lambda address, length: (
            "sim.guest.read", {"name": guest, "address": hex(address), "length": length}))
        return b"".join(bytes.fromhex(part["data"]) for part in parts)

    def pool_bytes(self, size):
        """All bytes of the only pool, which is the world's end."""
        with open(self.world, "rb") as world:
            world.seek(-size, os.SEEK_END)
            return world.read(size)

    def each_part(self, attachment, make):
        start, size, part = int(attachment["guest_address"], 16), attachment["size"], 16 * PAGE
        results = []
        for offset in range(0, size, part):
            method, params = make(start + offset, min(part, size - offset))
            results.append(self.call(method, **params))
        return results

    # ---- waiting ----

    def idle(self):
        """Waits until no operation is under way."""
        end = time.monotonic() + PATIENCE
        while self.call("daemon.status")["counts"]["operations"]:
            assert time.monotonic() < end, "an operation does not end"
            time.sleep(0.001)

    def poke(self):
        """Domains come and go: the daemon has a look at what is left to do."""
        self.batch(("sim.guest.start", {"name": "poke", "memory": 1 << 20}),
                   ("sim.guest.destroy", {"name": "poke"}))
        self.settle()

    def settle(self):
        """What the domains did is seen, and all that follows from it is done."""
        # The event is seen in the next turn of the loop at the latest, a reply shows it is over.
        self.call("daemon.status")
        self.call("daemon.status")
        self.idle()
        end = time.monotonic() + PATIENCE
        while self.unsettled():
            assert time.monotonic() < end, self.unsettled()
            time.sleep(0.002)
            self.idle()

    # ---- comparison ----

    def moment(self):
        """What differs when something has happened since: the last event, and what is under way."""
        events, status = self.batch(("events.subscribe", {"types": []}), ("daemon.status", {}))
        return events["seq"], status["counts"]["operations"]

    def snapshot(self):
        """
        All that there is to compare, of one moment. Equal snapshots: nothing has changed. The daemon
        may try a quarantine again by itself, every few seconds, between two looks.
        """
        end = time.monotonic() + PATIENCE
        while True:
            before = self.moment()
            snapshot = self.look()
            if self.moment() == before:
                return snapshot
            assert time.monotonic() < end, "it does not come to rest"
            self.idle()

    def look(self):
        runs, segments, guests, status, pools = self.batch(
            ("pool.map", {}), ("segment.list", {}), ("guest.list", {}), ("sim.status", {}),
            ("pool.list", {}))
        guests = guests["guests"]
        nodes = self.batch(*[("sim.guest.xenstore", {"name": guest["name"]}) for guest in guests])
        return {
            "runs": runs["runs"],
            "segments": segments["segments"],
            "pools": pools["pools"],
            "guests": guests,
            "mapped": {domain["domid"]: merged(domain["mappings"], pairs)
                       for domain in status["domains"]},
            "permitted": {domain["domid"]: merged(domain["permissions"], pages)
                          for domain in status["domains"]},
            "nodes": {guest["domid"]: node["nodes"] for guest, node in zip(guests, nodes)},
            "store": self.store(),
            "records": self.records(),
            "trees": {path.stem for path in (self.state / "guests").glob("*.dtb")},
        }

    def store(self):
        """What the store's files say, by name; broken ones as text."""
        files = {}
        for path in self.segments.iterdir():
            text = path.read_text()
            try:
                files[path.name] = json.loads(text)
            except ValueError:
                files[path.name] = text
        return files

    def check(self, left=()):
        """
        Pool, store and hypervisor agree, with nothing under way. Returns the snapshot. `left` are
        the UUIDs of guests for which a new domain was there for a moment, beside the old one: what
        waits may have left the old one for it.
        """
        snapshot = self.snapshot()
        snapshot["left"] = set(left)
        states = check_runs(snapshot)
        check_segments(snapshot, states)
        check_store(snapshot)
        check_hypervisor(snapshot, states)
        check_nodes(snapshot)
        check_records(snapshot)
        return snapshot

    def check_empty(self):
        """Nothing is attached, and nothing is left behind."""
        snapshot = self.check()
        assert snapshot["segments"] == [], snapshot["segments"]
        assert snapshot["store"] == {}, snapshot["store"]
        assert snapshot["records"] == {} and not snapshot["trees"], snapshot["records"]
        assert {run["state"] for run in snapshot["runs"]} <= {"free", "foreign"}, snapshot["runs"]
        for nodes in snapshot["nodes"].values():
            assert nodes == {}, nodes
        return snapshot

    def quarantined(self):
        return [attachment for segment in self.list() for attachment in segment["attachments"]
                if attachment["state"] == "quarantined"]

    def waiting(self):
        return [attachment for segment in self.list() for attachment in segment["attachments"]
                if attachment["state"] == "waiting"]

    def detach_everything(self):
        """What guests have is taken away, and what is kept is freed."""
        for guest in self.guests():
            self.detach(guest, all=True)
        for segment in self.list():
            if segment["kept"] and not segment["attachments"]:
                self.call("segment.free", name=segment["name"])


def fast_folder():
    """Files that live as short as these need no disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def merged(ranges, expand):
    result = set()
    for entry in ranges:
        result |= set(expand(entry))
    return result


def check_runs(snapshot):
    """Runs cover each pool without gap or overlap. Returns {page: (state, segment name)}."""
    states = {}
    for pool in snapshot["pools"]:
        at = int(pool["host_address"], 16)
        free, largest = 0, 0
        for run in snapshot["runs"]:
            if run["pool"] != pool["name"]:
                continue
            assert int(run["host_address"], 16) == at, (run, hex(at))
            assert run["size"] > 0 and run["size"] % PAGE == 0, run
            at += run["size"]
            if run["state"] == "free":
                free += run["size"]
                largest = max(largest, run["size"])
            for page in pages(run):
                states[page] = (run["state"], run.get("segment"))
        assert at == int(pool["host_address"], 16) + pool["size"], pool
        assert (pool["free"], pool["largest_free"]) == (free, largest), pool
    return states


def check_segments(snapshot, states):
    """Used and quarantined pages are those of the segments, each of one, and shown as such."""
    owned = {}
    for segment in snapshot["segments"]:
        attachments = segment["attachments"]
        assert segment["kept"] or attachments, segment
        all_quarantined = not segment["kept"] and all(
            attachment["state"] == "quarantined" for attachment in attachments)
        for page in pages(segment):
            assert page not in owned, f"page {page:#x}: {owned.get(page)} and {segment['name']}"
            owned[page] = segment["name"]
            assert states[page] == ("quarantined" if all_quarantined else "used",
                                    segment["name"]), (segment, states[page])
        identities = [(a["guest"]["domid"], a["guest"]["uuid"]) for a in attachments]
        assert len(identities) == len(set(identities)), segment
        for attachment in attachments:
            assert attachment["state"] in ("attached", "waiting", "quarantined"), attachment
            for key in ("pool", "host_address", "size", "epoch"):
                assert attachment[key] == segment[key], (attachment, segment)
            assert attachment["segment"] == segment["name"], attachment
    for page, (state, name) in states.items():
        assert (state in ("used", "quarantined")) == (page in owned), (hex(page), state, name)
    of_guests = [(a["segment"], a["guest"]["domid"]) for guest in snapshot["guests"]
                 for a in guest["attachments"]]
    living = {guest["domid"] for guest in snapshot["guests"]}
    of_segments = [(a["segment"], a["guest"]["domid"]) for segment in snapshot["segments"]
                   for a in segment["attachments"] if a["guest"]["domid"] in living]
    assert sorted(of_guests) == sorted(of_segments), (of_guests, of_segments)


def check_store(snapshot):
    """One file for each segment, that says the same; quarantine may not have reached it."""
    segments = {segment["name"] + ".json": segment for segment in snapshot["segments"]}
    assert set(snapshot["store"]) == set(segments), (set(snapshot["store"]), set(segments))
    living = {(guest["domid"], guest["uuid"]) for guest in snapshot["guests"]}
    for name, segment in segments.items():
        stored = dict(snapshot["store"][name])
        assert stored.pop("version") == 1, stored
        told = {key: value for key, value in json.loads(json.dumps(segment)).items()
                if key not in ("state", "clash", "progress")}
        assert len(stored["attachments"]) == len(told["attachments"]), (stored, told)
        for ours, theirs in zip(told["attachments"], stored["attachments"]):
            if ours["state"] != "quarantined":
                continue
            dead = (ours["guest"]["domid"], ours["guest"]["uuid"]) not in living
            assert theirs["state"] != "attached" or dead, (ours, theirs)
            theirs["state"] = "quarantined"
        assert stored == told, (stored, told)


def half_way(attachment, guest, snapshot):
    """
    May it be in the guest in part, or not at all? In quarantine, or on its way to the guest that
    has come back: this one, or a new domain beside the old one, which has shut down.
    """
    if attachment["state"] != "waiting":
        return attachment["state"] == "quarantined"
    if guest["state"] not in COMING_BACK or guest["uuid"] in snapshot["left"]:
        return True
    return any(other["uuid"] == guest["uuid"] and other["domid"] != guest["domid"]
               for other in snapshot["guests"])


def check_hypervisor(snapshot, states):
    """
    Exactly what is attached, and what guests have of their own, is mapped and permitted: while its
    domain has only shut down too. Only of what is half-way nothing is known. Nothing is left of
    domains that are gone.
    """
    assert set(snapshot["mapped"]) == {guest["domid"] for guest in snapshot["guests"]}, snapshot
    for guest in snapshot["guests"]:
        domid = guest["domid"]
        must, may = set(), set()
        for attachment in guest["attachments"]:
            half = half_way(attachment, guest, snapshot)
            (may if half else must).update(pairs(attachment))
        for foreign in guest["foreign"]:
            must |= pairs(foreign)
            for page in pages(foreign):
                assert states[page][0] != "free", (hex(page), foreign)
        may |= must
        mapped, permitted = snapshot["mapped"][domid], snapshot["permitted"][domid]
        assert must <= mapped <= may, (domid, must - mapped, mapped - may)
        must, may = ({host for _, host in both} for both in (must, may))
        assert must <= permitted <= may, (domid, must - permitted, permitted - may)
    for domid, mapped in snapshot["mapped"].items():
        held = {host for _, host in mapped} | snapshot["permitted"][domid]
        for page in held:
            assert states[page][0] != "free", f"page {page:#x} is free, domain {domid} has it"


def check_nodes(snapshot):
    """The guest finds what is attached to it, and nothing else says "attached"."""
    for guest in snapshot["guests"]:
        nodes = dict(snapshot["nodes"][guest["domid"]])
        for attachment in guest["attachments"]:
            name = attachment["segment"]
            own = {key: nodes.pop(f"{name}/{key}", None)
                   for key in ("address", "size", "epoch", "state")}
            if attachment["state"] == "quarantined":
                assert own["state"] in (None, "detaching"), (attachment, own)
                continue
            if half_way(attachment, guest, snapshot):
                assert own["state"] in (None, "attached"), (attachment, own)
                continue
            assert own == {"address": attachment["guest_address"],
                           "size": str(attachment["size"]), "epoch": str(attachment["epoch"]),
                           "state": "attached"}, (attachment, own)
        assert nodes == {}, (guest["name"], nodes)


def check_records(snapshot):
    """
    Each created guest that is there has a record, and the other way round, except for those that
    a builder works on. Nothing else is left of any.
    """
    living = {guest["uuid"]: guest for guest in snapshot["guests"] if guest["created"]}
    records = snapshot["records"]
    assert set(living) <= set(records), (set(living), set(records))
    for uuid, record in records.items():
        if record["state"] in ("running", "preserved"):
            assert (record["domid"], uuid) in {(guest["domid"], guest["uuid"])
                                               for guest in snapshot["guests"]}, record
    assert snapshot["trees"] <= set(records), snapshot["trees"]
