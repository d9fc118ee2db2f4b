# SPDX-License-Identifier: LGPL-2.1-or-later
"""A random life of a host, and a model of what must be true of it whenever the daemon was ended.

Guests come, share, write, reboot and go, segments are allocated and freed. What the daemon has
confirmed is in the model; what was under way when it ended (`pending`) may be done or not; what
may or may not be left of a guest that went unseen is in `doubt` until the next look.
"""

import collections

from world import COMING_BACK, PAGE, Client, Gone, Refused, pages

POOL_PAGES = 160
POOL_FIRST = 0x80000 - POOL_PAGES  # where the simulator puts a pool of that size
GRACE = 30  # seconds: longer than any daemon here lives
UNSEEN = 4  # a daemon that lives longer may give up, after 5 seconds, a guest that went unseen
WRITE = 256  # bytes of one write
RETURNING = ("reboot", "crash", "watchdog", "soft_reset")
# What several under way at once do to each other.
ALLOWED_TOGETHER = {"guest.attach": {"SEGMENT_UNKNOWN"}, "segment.free": {"SEGMENT_IN_USE"}}


class Guest:
    """A guest by its UUID: its present domain, and an older one that on_crash has preserved."""

    def __init__(self, number):
        self.number = number
        self.uuid = f"00000000-0000-4000-8000-{number:012x}"
        self.state = "gone"  # running; down: it comes back; off; gone
        self.name = self.domid = self.reason = None
        self.old = None  # the name of the preserved domain
        self.settled = True  # the daemon has had the time to act on what it did last
        self.left = False  # its old domain may have been left for one that has not got everything
        self.lost = False  # gone for good, under the eyes of the daemon

    def next_name(self):
        names = [f"g{self.number}", f"g{self.number}x"]
        return names[self.old == names[0] or (self.state != "gone" and self.name == names[0])]


class Segment:
    def __init__(self, told):
        self.name, self.kept, self.epoch = told["name"], told["kept"], told["epoch"]
        self.pages = pages(told)
        self.data = bytearray(told["size"])  # wiped
        self.attachments = {}  # UUID: guest address

    def told(self):
        """What never changes as long as it lives."""
        return self.pages, self.kept, self.epoch


class Request:
    """One request, and what it may change: attachments by (segment, UUID), segments by name."""

    def __init__(self, method, params, guest=None, allowed=(), **more):
        self.method, self.params, self.guest = method, params, guest
        self.allowed = set(allowed)  # refusals
        self.appear = more.get("appear", ())  # (segment, UUID), or (segment, None): kept
        self.vanish = more.get("vanish", ())
        self.step = more.get("step")  # what it does to a guest
        self.write = more.get("write")  # (segment, offset, bytes)
        self.host = more.get("host", False)
        self.iomem = more.get("iomem")  # pages that a guest gets by its own configuration
        self.align = more.get("align", PAGE)
        self.makes = "size" in (params or ())  # a new segment
        self.pages = more.get("pages", ())  # of the segment to be shared
        self.taken = ()  # pages that must not be given out
        self.client = self.id = None

    def __str__(self):
        params = {key: value[:8] + "..." if key == "data" else value
                  for key, value in self.params.items()} if self.params else self.step
        return f"{self.method} {params}"


class Life:
    def __init__(self, world, source, guests=5):
        self.world, self.random = world, source
        self.guests = [Guest(number + 1) for number in range(guests)]
        self.foreign = Guest(99)
        self.foreign_pages = range(0)
        self.by_uuid = {guest.uuid: guest for guest in self.guests}
        self.segments = {}
        self.doubt = set()
        self.pending = []
        self.ended = {}  # what was detached from its last guest
        self.torn = []  # writes that were under way
        self.clients = []
        self.early = {}  # replies that came before those waited for
        self.alone = True  # only one request is under way
        self.number = 0
        self.grace = GRACE
        self.log = collections.deque(maxlen=60)

    # ---- what is known ----

    def attachments_of(self, guest):
        return [segment for segment in self.segments.values() if guest.uuid in segment.attachments]

    def certain(self, segment, guest):
        return (segment.name, guest.uuid) not in self.doubt

    def exists(self, segment):
        """Is it sure to be there?"""
        return segment.kept or any((segment.name, uuid) not in self.doubt
                                   for uuid in segment.attachments)

    def used(self):
        return sum(len(segment.pages) for segment in self.segments.values())

    def doubt_all(self, guest):
        self.doubt |= {(segment.name, guest.uuid) for segment in self.attachments_of(guest)}

    def drop(self, name, uuid):
        segment = self.segments[name]
        del segment.attachments[uuid]
        self.doubt.discard((name, uuid))
        if not segment.kept and not segment.attachments:
            self.ended[name] = self.segments.pop(name)

    # ---- choosing ----

    def pick(self, things):
        things = list(things)
        return self.random.choice(things) if things else None

    def new_name(self):
        self.number += 1
        name = f"s{self.number}"
        # Often one that somebody had before.
        if self.random.random() < 0.4:
            name = f"s{self.random.randrange(1, self.number + 1)}"
        return None if name in self.segments else name

    def new_size(self):
        return self.random.choice((1, 1, 1, 2, 2, 3, 5, 9, 70 if self.used() < 60 else 1))

    def attach_new(self, guest):
        name = self.new_name()
        if guest.state != "running" or not name:
            return None
        # The last page is not asked for in full.
        params = {"guest": guest.name, "size": self.new_size() * PAGE - 7, "name": name}
        if self.random.random() < 0.2:
            params["address"] = "identity"
        return Request("guest.attach", params, guest, {"POOL_FULL", "PAGES_HELD"},
                       appear=[(name, guest.uuid)])

    def share(self, guest):
        segment = self.pick(s for s in self.segments.values()
                            if guest.uuid not in s.attachments and self.exists(s))
        if guest.state != "running" or not segment:
            return None
        return Request("guest.attach", {"guest": guest.name, "segment": segment.name}, guest,
                       appear=[(segment.name, guest.uuid)], pages=segment.pages)

    def detach(self, guest):
        """What waits for a guest can be given up too."""
        mine = self.attachments_of(guest)
        if (not mine or not guest.settled or not all(self.certain(s, guest) for s in mine) or
                (guest.state == "gone" and guest.old)):
            return None
        whom = guest.uuid if guest.state == "gone" else guest.name
        if self.random.random() < 0.2:
            return Request("guest.detach", {"guest": whom, "all": True}, guest,
                           vanish=[(s.name, guest.uuid) for s in mine])
        name = self.pick(mine).name
        return Request("guest.detach", {"guest": whom, "segment": name}, guest,
                       vanish=[(name, guest.uuid)])

    def alloc(self):
        name = self.new_name()
        if not name:
            return None
        params = {"name": name, "size": self.new_size() * PAGE}
        align = self.random.choice((None, PAGE, 4 * PAGE, 32 * PAGE))
        if align:
            params["align"] = align
        if self.random.random() < 0.3:
            params["pool"] = "shared_mem"
        return Request("segment.alloc", params, None, {"POOL_FULL", "PAGES_HELD"},
                       appear=[(name, None)], align=align or PAGE)

    def free(self):
        segment = self.pick(s for s in self.segments.values() if s.kept and not any(
            (s.name, uuid) in self.doubt for uuid in s.attachments))
        if not segment:
            return None
        return Request("segment.free", {"name": segment.name}, None,
                       {"SEGMENT_IN_USE"} if segment.attachments else (),
                       vanish=[(segment.name, None)])

    def place(self, segment):
        offset = self.random.randrange(len(segment.data) // WRITE) * WRITE
        return segment.name, offset, self.random.randbytes(WRITE)

    def guest_write(self, guest):
        segment = self.pick(s for s in self.attachments_of(guest) if self.certain(s, guest))
        if guest.state != "running" or not guest.settled or not segment:
            return None
        write = self.place(segment)
        address = segment.attachments[guest.uuid] + write[1]
        return Request("sim.guest.write", {"name": guest.name, "address": hex(address),
                                           "data": write[2].hex()}, guest, write=write)

    def host_write(self):
        segment = self.pick(s for s in self.segments.values() if self.exists(s))
        if not segment:
            return None
        write = self.place(segment)
        address = segment.pages[0] * PAGE + write[1]
        return Request("sim.host.write", {"address": hex(address), "data": write[2].hex()},
                       write=write, host=True)

    # ---- what guests do ----

    def guest_step(self, guest):
        if guest.old and self.random.random() < 0.3:
            return Request("sim.guest.destroy", {"name": guest.old}, guest, step="destroy-old")
        return getattr(self, "from_" + guest.state)(guest)

    def start(self, guest, step):
        params = {"name": guest.next_name(), "uuid": guest.uuid}
        if guest is self.foreign:
            count = self.random.randrange(1, 9)
            first = POOL_FIRST + self.random.randrange(POOL_PAGES - count)
            params["iomem"] = [f"{first:x},{count:x}"]
            return Request("sim.guest.start", params, guest, step=step,
                           iomem=range(first, first + count))
        return Request("sim.guest.start", params, guest, step=step)

    def from_gone(self, guest):
        return self.start(guest, "start")

    def from_running(self, guest):
        dice = self.random.random()
        if dice < 0.25 or not guest.settled:
            return Request("sim.guest.destroy", {"name": guest.name}, guest, step="destroy")
        if dice < 0.4 and guest is not self.foreign:
            # All within one turn: the daemon sees one domain, and then the other.
            return Request("batch", None, guest, step="reboot")
        reason = "poweroff" if dice < 0.55 else self.random.choice(RETURNING)
        return Request("sim.guest.shutdown", {"name": guest.name, "reason": reason}, guest,
                       step="off" if reason == "poweroff" else "down")

    def from_off(self, guest):
        return Request("sim.guest.destroy", {"name": guest.name}, guest, step="destroy")

    def from_down(self, guest):
        dice = self.random.random()
        if guest is not self.foreign and dice < 0.15:
            return Request("sim.guest.resume", {"name": guest.name}, guest, step="resume")
        if guest is not self.foreign and dice < 0.4 and not guest.old and guest.reason == "crash":
            return self.start(guest, "twin")
        return Request("sim.guest.destroy", {"name": guest.name}, guest, step="destroy")

    # ---- the next request ----

    def propose(self):
        guest = self.random.choice(self.guests)
        dice = self.random.random() + (0.15 if self.used() > POOL_PAGES * 3 // 4 else 0)
        for chance, make in ((0.18, lambda: self.attach_new(guest)),
                             (0.32, lambda: self.share(guest)),
                             (0.40, self.alloc),
                             (0.50, lambda: self.guest_write(guest)),
                             (0.54, self.host_write),
                             (0.80, lambda: self.guest_step(
                                 self.foreign if self.random.random() < 0.15 else guest)),
                             (0.86, self.free)):
            if dice < chance:
                return make()
        return self.detach(guest)

    def clashes(self, request, others):
        """May it not be under way together with these? The order of what they do is not known."""
        def names(one):
            return {name for name, _ in [*one.appear, *one.vanish]}

        for other in others:
            if request.guest and request.guest is other.guest:
                return True
            if request.write and other.write and request.write[0] == other.write[0]:
                return True
            if request.method == other.method == "segment.free" and request.vanish == other.vanish:
                return True
            for one, two in ((request, other), (other, request)):
                # Dom0 can write to what has become somebody else's meanwhile.
                if one.host and (two.step or one.write[0] in names(two)):
                    return True
                if one.makes and names(one) & names(two):
                    return True
        return False

    def choose(self, others):
        for _ in range(50):
            request = self.propose()
            if not request or (others and (request.method == "batch" or
                                           any(o.method == "batch" for o in others) or
                                           self.clashes(request, others))):
                continue
            return request
        return None

    # ---- sending and receiving ----

    def message(self, request, client):
        request.client = client
        self.note_iomem(request)
        if request.method != "batch":
            message = client.request(request.method, request.params)
            request.id = message["id"]
            return message
        guest = request.guest
        name = {"name": guest.name}
        return [client.request("sim.guest.shutdown", dict(name, reason="reboot")),
                client.request("sim.guest.destroy", name),
                client.request("sim.guest.start", dict(name, uuid=guest.uuid))]

    def note_iomem(self, request):
        if request.iomem:
            self.foreign_pages = request.iomem

    def receive(self, request):
        if request.method == "batch":
            replies = request.client.line()
            assert len(replies) == 3 and all("result" in reply for reply in replies), replies
            return max(replies, key=lambda reply: reply["id"])
        while (request.client, request.id) not in self.early:
            reply = request.client.line()
            self.early[request.client, reply["id"]] = reply
        return self.early.pop((request.client, request.id))

    def connections(self, count):
        while len(self.clients) < count:
            try:
                self.clients.append(Client(str(self.world.state / "xenshmd.sock")))
            except (FileNotFoundError, ConnectionRefusedError) as why:
                raise Gone from why
        return self.clients[:count]

    def round(self, count, apart):
        """So many requests at once, on one connection or each on its own. Raises Gone."""
        clients = self.connections(count if apart else 1)
        requests = []
        for _ in range(count):
            request = self.choose(requests)
            if request:
                requests.append(request)
        self.alone = len(requests) == 1
        self.allow(requests)
        self.log += map(str, requests)
        self.pending += requests
        gone = False
        for i, client in enumerate(clients):
            mine = requests[i:i + 1] if apart else requests
            try:
                client.send(*[self.message(request, client) for request in mine])
            except Gone:
                gone = True
        for request in requests:
            gone = not self.answered(request) or gone
        if gone:
            raise Gone

    def allow(self, requests):
        """
        What only those under way together, or pages in a guest's own iomem, may bring about; and
        which pages nobody may be given meanwhile.
        """
        if self.foreign.state != "gone" and self.foreign.settled and not any(
                one.guest is self.foreign for one in requests):
            for request in requests:
                request.taken = self.foreign_pages
        foreign = set(self.foreign_pages).union(*(one.iomem or () for one in requests))
        for request in requests:
            if not self.alone:
                request.allowed |= ALLOWED_TOGETHER.get(request.method, set())
            if foreign & set(request.pages):
                request.allowed.add("PAGES_HELD")

    def answered(self, request):
        try:
            reply = self.receive(request)
        except Gone:
            return False
        self.pending.remove(request)
        if "error" in reply:
            refusal = Refused(reply["error"])
            self.log.append(f"  {request.method}: {refusal}")
            assert refusal.name in request.allowed, f"{request}: {refusal}"
        else:
            self.confirm(request, reply["result"])
        return True

    def confirm(self, request, result):
        if request.step:
            self.stepped(request, result)
        elif request.write:
            name, offset, data = request.write
            self.segments[name].data[offset:offset + WRITE] = data
        elif request.method == "segment.alloc":
            self.add(request, result)
        elif request.method == "segment.free":
            self.freed(self.segments[result["name"]])
        elif request.method == "guest.attach":
            self.attached(request, result)
        else:
            there = [(a["segment"], a["guest"]["uuid"]) for a in result["detached"]]
            assert sorted(there) == sorted(request.vanish), (there, request.vanish)
            for name, uuid in there:
                # Its segment may have been freed since, in the same round.
                if name in self.segments:
                    self.drop(name, uuid)

    def freed(self, segment):
        assert not (self.alone and segment.attachments), segment.name
        for uuid in list(segment.attachments):
            # Its guest went at the same time.
            self.drop(segment.name, uuid)
        del self.segments[segment.name]

    def add(self, request, told):
        """A new segment, that nobody had a page of."""
        segment = Segment(told)
        others = {page for other in self.segments.values() if self.exists(other)
                  for page in other.pages}
        # Of those under way together with it, some may have ended meanwhile.
        if self.alone and not self.pending:
            assert not others & set(segment.pages), told
        assert not set(segment.pages) & set(request.taken), (told, request.taken)
        assert told["size"] == -(-request.params["size"] // PAGE) * PAGE, (told, request.params)
        assert segment.pages[0] * PAGE % request.align == 0, (told, request.align)
        self.segments[segment.name] = segment

    def attached(self, request, result):
        assert result["state"] == "attached", result
        assert result["guest"]["uuid"] == request.guest.uuid, result
        if request.makes:
            self.add(request, dict(result, name=result["segment"], kept=False))
        segment = self.segments.get(result["segment"])
        if not segment:
            # It was detached from its last guest in the same round, after this one joined.
            segment = self.segments[result["segment"]] = self.ended[result["segment"]]
        assert (pages(result), result["epoch"]) == (segment.pages, segment.epoch), result
        segment.attachments[request.guest.uuid] = int(result["guest_address"], 16)

    # ---- guests ----

    def stepped(self, request, result):
        guest, step = request.guest, request.step
        if step in ("start", "twin", "reboot"):
            self.started(guest, step, request, result)
        elif step in ("down", "off", "resume"):
            guest.state = {"resume": "running"}.get(step, step)
            guest.reason = request.params.get("reason")
        elif step == "destroy":
            self.destroyed(guest)
        else:
            self.buried(guest)
            return
        guest.settled = False

    def started(self, guest, step, request, result):
        if step == "twin":
            guest.old = guest.name
            guest.left = True
        elif step == "reboot":
            # Perhaps there was a look between two of the three.
            self.doubt_all(guest)
        guest.name, guest.domid = result["name"], result["domid"]
        guest.state, guest.lost = "running", False

    def buried(self, guest):
        """What was preserved goes: after it only a grace is left to wait for."""
        guest.old = None
        if guest.state == "gone" and self.grace == 0:
            self.doubt_all(guest)

    def destroyed(self, guest):
        """Under the eyes of the daemon: it knows whether this was a reboot."""
        if guest.state != "down" or not guest.settled or self.grace == 0:
            self.doubt_all(guest)
            guest.lost = guest.state != "down" and guest.settled and not guest.old
        guest.state = "gone"

    # ---- looking ----

    def settle(self):
        """Everything that follows from what the guests did has been done."""
        self.log.append("settle")
        self.world.settle()
        self.compare(self.world.list())

    def everyone(self):
        return [*self.guests, self.foreign]

    def old_age(self):
        """A guest that went while the daemon was away is not awaited for the whole grace."""
        if self.world.age() > UNSEEN:
            for guest in self.guests:
                if guest.state == "gone":
                    self.doubt_all(guest)

    def compare(self, told):
        """What the daemon says now, with nothing under way, and what it must say."""
        self.old_age()
        there = {}
        for segment in told:
            for attachment in segment["attachments"]:
                key = segment["name"], attachment["guest"]["uuid"]
                assert key not in there, attachment
                there[key] = attachment
        self.compare_known({segment["name"]: segment for segment in told}, there)
        self.compare_new(told, there)
        for guest in self.everyone():
            guest.settled = True
            guest.left = guest.left and guest.state != "running"
        self.doubt = set()
        self.pending = []
        for (_, uuid), attachment in there.items():
            self.check_state(self.by_uuid[uuid], attachment)

    def compare_known(self, told, there):
        vanish = {key for request in self.pending for key in request.vanish}
        for segment in list(self.segments.values()):
            for uuid, address in list(segment.attachments.items()):
                key = segment.name, uuid
                if key in there:
                    assert int(there[key]["guest_address"], 16) == address, there[key]
                else:
                    assert key in vanish | self.doubt, f"lost: {key}"
                    self.drop(*key)
            if segment.name in told:
                assert Segment(told[segment.name]).told() == segment.told(), told[segment.name]
            elif segment.name in self.segments:
                assert (segment.name, None) in vanish, f"lost: segment {segment.name}"
                del self.segments[segment.name]

    def may_appear(self, name, uuid=None):
        return next((request for request in self.pending for key in request.appear
                     if key[0] == name and uuid in (None, key[1])), None)

    def compare_new(self, told, there):
        for segment in told:
            if segment["name"] not in self.segments:
                self.compare_new_segment(segment)
        for (name, uuid), attachment in there.items():
            segment = self.segments[name]
            if uuid not in segment.attachments:
                assert self.may_appear(name, uuid), f"whose is {attachment}?"
                segment.attachments[uuid] = int(attachment["guest_address"], 16)

    def compare_new_segment(self, told):
        name = told["name"]
        request = self.may_appear(name)
        assert request, f"whose is {told}?"
        if request.makes:
            assert told["kept"] == (request.method == "segment.alloc"), told
            self.add(request, told)
        else:
            self.segments[name] = self.ended[name]
            assert Segment(told).told() == self.segments[name].told(), told

    def check_state(self, guest, attachment):
        states = {"running": ("attached",), "down": ("waiting",), "gone": ("waiting",),
                  # Perhaps it had come back, and was off before it got everything.
                  "off": ("attached", "waiting")}[guest.state]
        assert attachment["state"] in states, (guest.state, attachment)
        if guest.state != "gone":
            assert attachment["guest"]["domid"] == guest.domid, (guest.domid, attachment)
            return
        assert not guest.lost, f"taken back by nobody: {attachment}"
        assert self.grace > 0 or guest.old, f"nobody waits for it: {attachment}"

    # ---- after a start ----

    def begin(self, grace):
        """The daemon is about to start, with that grace."""
        self.log.append(f"start, grace {grace}")
        self.grace = grace
        for guest in self.everyone():
            guest.lost = guest.settled = False
            if guest.state == "gone" and grace == 0:
                self.doubt_all(guest)
        for client in self.clients:
            client.close()
        self.clients = []
        self.early = {}

    def look(self):
        """The daemon has started, and is still: everything must be as it was confirmed."""
        self.world.settle()
        twins = {request.guest for request in self.pending if request.step == "twin"}
        snapshot = self.world.check(guest.uuid for guest in self.guests
                                    if guest.left or guest in twins)
        self.find_guests(snapshot["guests"])
        self.torn = [request.write for request in self.pending if request.write]
        self.compare(snapshot["segments"])
        self.check_data()
        self.clients = [self.world.client]
        return snapshot

    def find_guests(self, told):
        """What a guest did last may have been done or not."""
        for request in self.pending:
            if request.step:
                self.find(request, [one for one in told if one["uuid"] == request.guest.uuid])
        for guest in self.everyone():
            domains = sorted(one["name"] for one in told if one["uuid"] == guest.uuid)
            names = {guest.name if guest.state != "gone" else None, guest.old} - {None}
            assert domains == sorted(names), (guest.state, guest.name, guest.old, domains)

    def find(self, request, domains):
        guest, step = request.guest, request.step
        by_name = {domain["name"]: domain for domain in domains}
        if step in ("destroy", "reboot"):
            self.doubt_all(guest)
        if step == "destroy-old":
            if guest.old not in by_name:
                self.buried(guest)
            return
        if step in ("start", "twin") and request.params["name"] in by_name:
            self.stepped(request, by_name[request.params["name"]])
        domain = by_name.get(guest.name)
        if not domain:
            guest.state = "gone"
            return
        guest.domid = domain["domid"]
        guest.state = ("running" if domain["state"] == "running" else
                       "down" if domain["state"] in COMING_BACK else "off")
        if guest.state == "down" and step == "down":
            guest.reason = request.params["reason"]

    def check_data(self):
        """Every byte of every segment; some of them also as Dom0 and as guests see them."""
        pool = self.world.pool_bytes(POOL_PAGES * PAGE)
        for segment in self.segments.values():
            start = (segment.pages[0] - POOL_FIRST) * PAGE
            data = pool[start:start + len(segment.data)]
            if data != segment.data:
                self.explain(segment, data)
        for segment in self.segments.values():
            if not segment.attachments or self.random.random() < 0.1:
                self.check_view(segment, "sim.host.read", segment.pages[0] * PAGE)
            for uuid, address in segment.attachments.items():
                guest = self.by_uuid[uuid]
                if guest.state == "running" and self.random.random() < 0.3:
                    self.check_view(segment, "sim.guest.read", address, name=guest.name)

    def check_view(self, segment, method, address, **whose):
        """A piece of it, as that one sees it."""
        offset = self.random.randrange(len(segment.data) // WRITE) * WRITE
        read = self.world.call(method, address=hex(address + offset), length=WRITE, **whose)
        assert bytes.fromhex(read["data"]) == segment.data[offset:offset + WRITE], (
            segment.name, method, hex(address + offset))

    def explain(self, segment, data):
        wrong = [i for i, (is_, was) in enumerate(zip(data, segment.data)) if is_ != was]
        for name, offset, new in self.torn:
            # Of a write that was under way each byte is the old or the new one.
            if name == segment.name and all(
                    offset <= i < offset + WRITE and data[i] == new[i - offset] for i in wrong):
                segment.data[:] = data
                return
        raise AssertionError(f"segment {segment.name}: {len(wrong)} bytes changed from "
                             f"{wrong[0]:#x} on: {data[wrong[0]:wrong[0] + 8].hex()} for "
                             f"{segment.data[wrong[0]:wrong[0] + 8].hex()}")

    def dirty(self, snapshot):
        """Free pages are anybody's: what is given out next must be wiped first."""
        free = [page for run in snapshot["runs"] if run["state"] == "free"
                for page in list(pages(run))[:6]]
        self.world.batch(*[("sim.host.write", {
            "address": hex(page * PAGE + self.random.randrange(PAGE // 16) * 16),
            "data": "d1" * 16}) for page in free[:40]])

    # ---- while the daemon is dead ----

    def bury(self, client):
        """What on_crash has preserved goes."""
        for guest in self.guests:
            if guest.old:
                client.call("sim.guest.destroy", name=guest.old)
                guest.old = None

    def away(self, client, count):
        """Guests go on without the daemon."""
        for _ in range(count):
            guest = self.foreign if self.random.random() < 0.1 else self.random.choice(self.guests)
            if any(request.guest is guest for request in self.pending):
                continue
            request = self.guest_step(guest)
            if request.method == "batch":
                continue
            self.log.append(f"away: {request}")
            self.note_iomem(request)
            result = client.call(request.method, **request.params)
            doubt = set(self.doubt)
            self.stepped(request, result)
            # Nobody saw it: whatever a guest had waits for it.
            self.doubt, guest.lost = doubt, False
