# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many clients at work, and what must be true of the daemon after it was ended among them.

Each guest has a client of its own, which has one request under way at a time. What was confirmed is
remembered, and what was under way when the daemon ended may be done or not.
"""

import selectors

from world import PAGE, Client, Gone, Refused

# What a client of this load can be told: others detach what it wants to share, or it all is taken.
REFUSALS = {"SEGMENT_UNKNOWN", "POOL_FULL"}
# With faults: what failed, and what follows from pages in quarantine.
FAULTS = {"HYPERVISOR_FAILED", "STORE_FAILED", "PAGES_HELD", "ALREADY_ATTACHED", "NOT_ATTACHED"}


class Worker:
    """The client of one guest."""

    def __init__(self, guest):
        self.guest = guest
        self.client = None
        self.pending = None  # (method, params) under way
        self.writes = None  # the segment that it writes to
        self.alone = True  # nobody else has written to it meanwhile


class Load:
    """`faults`: calls fail while it runs, so that requests may be refused half-way."""

    def __init__(self, world, guests, source, faults=False):
        self.refusals = REFUSALS | FAULTS if faults else REFUSALS
        self.doubtful = set()  # (guest, segment) whose detaching was refused
        self.world = world
        self.random = source
        self.workers = [Worker(guest) for guest in guests]
        self.confirmed = {}  # (guest, segment): attachment
        self.patterns = {}  # segment: bytes in it, where known
        self.number = 0
        self.confirmed_total = self.interrupted_total = 0

    # ---- requests ----

    def mine(self, guest):
        return [segment for owner, segment in self.confirmed if owner == guest]

    def choose(self, worker):
        """The next request of a worker."""
        mine = self.mine(worker.guest)
        others = {segment for owner, segment in self.confirmed if owner != worker.guest}
        dice = self.random.random()
        if len(mine) > 6 or (mine and dice < 0.35):
            if dice < 0.03:
                return "guest.detach", {"guest": worker.guest, "all": True}
            return "guest.detach", {"guest": worker.guest, "segment": self.random.choice(mine)}
        if mine and dice < 0.55:
            segment = self.random.choice(mine)
            attachment = self.confirmed[worker.guest, segment]
            return "sim.guest.write", {
                "name": worker.guest, "address": attachment["guest_address"],
                "data": (self.random.randbytes(4) * 64).hex()}
        if others - set(mine) and dice < 0.7:
            return "guest.attach", {"guest": worker.guest,
                                    "segment": self.random.choice(sorted(others - set(mine)))}
        self.number += 1
        return "guest.attach", {"guest": worker.guest, "name": f"n{self.number}",
                                "size": PAGE * self.random.choice((1, 1, 1, 2, 5, 70))}

    def send(self, worker):
        worker.pending = method, params = self.choose(worker)
        worker.writes = None
        if method == "sim.guest.write":
            self.begin_write(worker, self.segment_at(worker.guest, params["address"]))
        worker.client.send(worker.client.request(method, params))

    def begin_write(self, worker, segment):
        """Until it is confirmed nobody knows what is in the segment, and of two at a time never."""
        others = [other for other in self.workers if other.pending and other.writes == segment]
        for other in others:
            other.alone = False
        worker.writes, worker.alone = segment, not others
        self.patterns.pop(segment, None)

    def segment_at(self, guest, address):
        for (owner, segment), attachment in self.confirmed.items():
            if owner == guest and attachment["guest_address"] == address:
                return segment
        return None

    def receive(self, worker):
        reply = worker.client.reply(worker.client.id)
        method, params = worker.pending
        worker.pending = None
        if "error" in reply:
            self.refused(worker.guest, method, params, Refused(reply["error"]))
            return
        self.confirmed_total += 1
        self.confirm(worker, method, params, reply["result"])

    def refused(self, guest, method, params, refusal):
        # It has not begun.
        if refusal.name == "BUSY" and refusal.message == "the daemon is stopping":
            return
        assert refusal.name in self.refusals, (method, params, refusal)
        if method == "guest.detach":
            self.doubt(guest, params)

    def doubt(self, guest, params):
        """What was to be detached may be attached, in quarantine, or gone."""
        names = self.mine(guest) if "all" in params else [params["segment"]]
        for name in names:
            self.doubtful.add((guest, name))
            self.confirmed.pop((guest, name), None)

    def confirm(self, worker, method, params, result):
        guest = worker.guest
        if method == "guest.attach":
            assert result["state"] == "attached", result
            segment = result["segment"]
            self.confirmed[guest, segment] = result
            if "size" in params:
                self.patterns[segment] = bytes(256)
        elif method == "guest.detach":
            for attachment in result["detached"]:
                self.confirmed.pop((guest, attachment["segment"]), None)
        elif worker.alone:
            self.patterns[worker.writes] = bytes.fromhex(params["data"])

    def run(self):
        """Until the daemon is gone."""
        selector = selectors.DefaultSelector()
        try:
            for worker in self.workers:
                worker.client = Client(str(self.world.state / "xenshmd.sock"))
                selector.register(worker.client.socket, selectors.EVENT_READ, worker)
                self.send(worker)
            while selector.get_map():
                for key, _ in selector.select(20):
                    try:
                        self.receive(key.data)
                        self.send(key.data)
                    except Gone:
                        selector.unregister(key.fileobj)
        except (Gone, ConnectionRefusedError, FileNotFoundError):
            self.drain()
        finally:
            selector.close()
            for worker in self.workers:
                if worker.client:
                    worker.client.close()
                worker.client = None

    def drain(self):
        """The daemon ended while the clients were still starting: what it has said counts."""
        for worker in self.workers:
            try:
                while worker.client and worker.pending:
                    self.receive(worker)
            except Gone:
                pass

    # ---- after the restart ----

    def compare(self, snapshot):
        there = {(a["guest"]["name"], a["segment"]): a
                 for segment in snapshot["segments"] for a in segment["attachments"]}
        for worker in self.workers:
            if worker.pending:
                self.interrupted_total += 1
                self.resolve(worker, there)
            worker.pending = None
        self.confirmed.update({key: there[key] for key in self.doubtful if key in there})
        self.doubtful = set()
        assert there == self.confirmed, (there, self.confirmed)
        self.compare_data()

    def resolve(self, worker, there):
        """What was under way when the daemon ended has been done, or has not."""
        method, params = worker.pending
        guest = worker.guest
        if method == "guest.attach":
            key = guest, params.get("name") or params["segment"]
            if key in there:
                self.confirmed[key] = there[key]
                if "size" in params:
                    self.patterns[key[1]] = bytes(256)
        elif method == "guest.detach":
            names = self.mine(guest) if "all" in params else [params["segment"]]
            for name in names:
                if (guest, name) not in there:
                    del self.confirmed[guest, name]

    def compare_data(self):
        live = {segment for _, segment in self.confirmed}
        self.patterns = {s: data for s, data in self.patterns.items() if s in live}
        known = [(key, a) for key, a in self.confirmed.items() if key[1] in self.patterns]
        results = self.world.batch(*[
            ("sim.guest.read", {"name": guest, "address": a["guest_address"], "length": 256})
            for (guest, _), a in known])
        for ((guest, segment), _), result in zip(known, results):
            assert result["data"] == self.patterns[segment].hex(), (guest, segment)

    def finish(self):
        """Everything is given back: nothing is lost."""
        self.world.detach_everything()
        self.confirmed = {}
        self.patterns = {}
        snapshot = self.world.check_empty()
        for pool in snapshot["pools"]:
            assert pool["free"] == pool["size"], pool
