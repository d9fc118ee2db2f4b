# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stream of events: who gets which, in what order, without gaps; and what becomes of clients
that subscribe and then do not read, send no more, or are gone."""

import json
import os
import re
import select
import threading
import time
import unittest

from harness import INVALID_PARAMS, KIB, MIB, PAGE, Client, DaemonTest, Refused, wait_until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
BACKLOG_MAX = 256 * KIB
# More than its socket and the daemon keep for one that does not read; a line has some 400 bytes.
TOO_MANY_PAIRS = 1000
# What fits into both.
MANY_PAIRS = BACKLOG_MAX // 450 // 2
# What it has to read the last line, and more.
LAST_LINES = 6

TYPES = {
    "segment.allocated", "segment.freed", "segment.clash", "segment.clash-ended",
    "segment.progress", "attachment.attached", "attachment.detached", "attachment.waiting",
    "attachment.restored", "attachment.lost", "attachment.quarantined", "guest.created",
    "guest.restarted", "guest.ended", "guest.failed", "order.failed", "config.reloaded",
}


def check_event(message):
    """Every event has all that listeners rely on. Its parameters."""
    assert set(message) == {"jsonrpc", "method", "params"}, message
    assert message["jsonrpc"] == "2.0" and message["method"] == "event", message
    params = message["params"]
    assert set(params) == {"seq", "type", "time", "object"}, params
    assert type(params["seq"]) is int and params["seq"] > 0, params
    assert params["type"] in TYPES | {"overflow"}, params
    assert TIME.fullmatch(params["time"]), params
    return params


class Listener(Client):
    """A client whose stream has events between the replies. `order` tells how they came."""

    def __init__(self, path):
        super().__init__(path)
        self.events = []
        self.order = []

    def read(self):
        """The next reply; the events before it are kept."""
        while True:
            line = self.line()
            if line is None:
                return None
            message = json.loads(line)
            if isinstance(message, dict) and "method" in message:
                self.keep(message)
                continue
            self.order.append("reply")
            self.buffer = line + b"\n" + self.buffer
            return super().read()

    def keep(self, message):
        params = check_event(message)
        self.order.append(params["seq"])
        self.events.append(params)

    def event(self):
        """The next event; None at the end of the stream."""
        while not self.events:
            line = self.line()
            if line is None:
                return None
            self.keep(json.loads(line))
        return self.events.pop(0)

    def subscribe(self, *types):
        """Returns the number of the last event before."""
        params = {"types": list(types)} if types else {}
        return self.call("events.subscribe", **params)["seq"]


class EventsTest(DaemonTest):
    options = ("--guest", "alpha", "beta", "gamma", "--pool", "4M")
    # An allocation that is to wait does so until it is let go.
    config = ("[daemon]\nholder-wait = 60\noverflow-wait = 5\n"
              "[limits]\nevent-backlog = 256K\n")
    growth = 24 * MIB

    def setUp(self):
        # What a sanitizer keeps of freed memory is not the daemon's.
        os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=4"
        self.addCleanup(os.environ.pop, "ASAN_OPTIONS")
        super().setUp()
        self.wait_connections(1)
        self.emitted = 0
        self.attach("alpha", name="shared")
        self.emitted += 1

    def wait_connections(self, wanted, patience=30):
        wait_until(lambda: self.call("daemon.status")["counts"]["connections"] == wanted,
                   f"{wanted} connections", patience)

    def listener(self, *types, subscribe=True):
        client = Listener(self.daemon.socket_path)
        self.addCleanup(client.close)
        if subscribe:
            self.assertEqual(client.subscribe(*types), self.emitted)
        return client

    def churn(self, pairs):
        """Two events a pair: attached, detached. Goes on while an allocation waits."""
        for first in range(0, pairs, 10):
            ids = []
            for _ in range(first, min(first + 10, pairs)):
                ids.append(self.client.request("guest.attach", guest="beta", segment="shared"))
                ids.append(self.client.request("guest.detach", guest="beta"))
            for id_ in ids:
                self.client.finish(id_)
        self.emitted += 2 * pairs

    def churn_until_cut_off(self, *others):
        """Until somebody is, who has not long to read then. The others read meanwhile."""
        known = self.daemon.log().count("is cut off")
        for _ in range(TOO_MANY_PAIRS // 20):
            self.churn(20)
            for other in others:
                self.expect(other, self.emitted - 39, self.emitted)
            if self.daemon.log().count("is cut off") > known:
                return
        self.fail("nobody was cut off")

    def expect(self, client, first, last):
        """All events of churn() in this range of numbers, in order."""
        for seq in range(first, last + 1):
            event = client.event()
            self.assertIsNotNone(event, f"the stream ends before {seq}")
            self.assertEqual(event["seq"], seq)
            self.assertEqual(event["type"], "attachment.attached" if seq % 2 == 0
                             else "attachment.detached")

    def expect_none(self, client):
        self.assertTrue(client.quiet())
        self.assertEqual(client.events, [])

    def expect_overflow(self, client, first):
        """Events from that number on, then what was missed, then the end. Its number."""
        expected = first
        while True:
            event = client.event()
            self.assertIsNotNone(event, "the stream ends without a word")
            self.assertEqual(event["seq"], expected)
            if event["type"] == "overflow":
                self.assertIsNone(event["object"])
                self.assertIsNone(client.event())
                return expected
            expected += 1


class Stream(EventsTest):
    def test_what_an_event_has(self):
        listener = self.listener()
        attachment = self.attach("gamma", name="g", size=2 * PAGE)
        event = listener.event()
        self.assertEqual((event["seq"], event["type"]), (2, "attachment.attached"))
        self.assertEqual(event["object"], attachment)
        detached = self.call("guest.detach", guest="gamma")["detached"]
        event = listener.event()
        self.assertEqual((event["seq"], event["type"]), (3, "attachment.detached"))
        self.assertEqual([event["object"]], detached)
        self.agree()

    def test_the_time_is_now(self):
        listener = self.listener()
        before = time.time()
        self.churn(1)
        after = time.time()
        text = listener.event()["time"]
        seconds = time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
        told = time.mktime(seconds) - time.timezone + int(text[20:23]) / 1000
        self.assertTrue(before - 0.002 <= told <= after + 0.002, text)

    def test_all_of_a_guest(self):
        for name in ("a", "b", "c"):
            self.attach("gamma", name=name)
        listener = Listener(self.daemon.socket_path)
        self.addCleanup(listener.close)
        self.assertEqual(listener.subscribe(), 4)
        detached = self.call("guest.detach", guest="gamma", all=True)["detached"]
        events = [listener.event() for _ in range(3)]
        self.assertEqual([event["seq"] for event in events], [5, 6, 7])
        self.assertEqual([event["object"] for event in events], detached)

    def test_refusals_are_no_events(self):
        listener = self.listener()
        for params in ({"guest": "nobody", "size": PAGE}, {"guest": "beta", "size": 5 * MIB},
                       {"guest": "alpha", "segment": "shared"}):
            with self.assertRaises(Refused):
                self.call("guest.attach", **params)
        self.call("sim.fail", operation="map")
        with self.refused("HYPERVISOR_FAILED"):
            self.share("beta", "shared")
        self.expect_none(listener)

    def test_events_are_counted_though_nobody_listens(self):
        self.churn(20)
        listener = self.listener()  # checks the number
        self.churn(5)
        self.expect(listener, 42, 51)
        listener.close()
        self.wait_connections(1)
        self.churn(5)
        self.expect_none(self.listener())

    def test_several_get_the_same(self):
        listeners = []
        for _ in range(10):
            listeners.append((self.listener(), self.emitted))
            self.churn(10)
        lines = []
        for listener, before in listeners:
            self.expect(listener, before + 1, self.emitted - 20)
            lines.append([listener.line() for _ in range(20)])
        self.assertTrue(all(one == lines[0] for one in lines), "not the same text")

    def test_one_that_changes_things_itself(self):
        listener = self.listener()
        for _ in range(20):
            listener.call("guest.attach", guest="beta", segment="shared")
            listener.call("guest.detach", guest="beta")
        self.expect(listener, 2, 41)

    def test_the_reply_comes_first(self):
        """However close the next event is."""
        stop = threading.Event()

        def change():
            with Client(self.daemon.socket_path) as other:
                while not stop.is_set():
                    other.call("guest.attach", guest="beta", segment="shared")
                    other.call("guest.detach", guest="beta")

        thread = threading.Thread(target=change, daemon=True)
        thread.start()
        try:
            for _ in range(100):
                with Listener(self.daemon.socket_path) as listener:
                    seq = listener.subscribe()
                    self.assertEqual(listener.order, ["reply"])
                    self.assertEqual([listener.event()["seq"] for _ in range(2)],
                                     [seq + 1, seq + 2])
        finally:
            stop.set()
            thread.join()

    def test_replies_and_events_are_whole_lines(self):
        """One that asks, listens, and reads slowly gets all of both."""
        listener = self.listener()
        asked = 400
        ids = [listener.request("segment.list") for _ in range(asked)]
        self.churn(100)
        for id_ in ids:
            self.assertIn("segments", listener.finish(id_))
        self.expect(listener, 2, 201)

    def test_a_flood_of_requests_keeps_no_event_back(self):
        """Events have their turn when replies are not read as fast as they are made."""
        listener = self.listener()
        total = 20000
        line = b'{"jsonrpc":"2.0","id":1,"method":"segment.list"}\n'

        def send_all():
            for _ in range(total // 100):
                listener.send(line * 100)

        thread = threading.Thread(target=send_all, daemon=True)
        thread.start()
        self.churn(50)
        for _ in range(total):
            listener.read()
        thread.join()
        self.assertLess(listener.order.index(self.emitted), total,
                        "events came after all replies only")
        self.expect(listener, 2, 101)


class Choice(EventsTest):
    def test_types(self):
        listener = self.listener("attachment.detached")
        both = self.listener("attachment.detached", "attachment.attached", "attachment.detached")
        other = self.listener("config.reloaded", "segment.freed")
        self.churn(10)
        for seq in range(3, 22, 2):
            event = listener.event()
            self.assertEqual((event["seq"], event["type"]), (seq, "attachment.detached"))
        self.expect(both, 2, 21)
        for client in (listener, both, other):
            self.expect_none(client)

    def test_every_type_can_be_chosen(self):
        listener = self.listener(*TYPES)
        for type_ in TYPES:
            listener.subscribe(type_)
        self.assertEqual(set(self.call("rpc.discover")["x-events"]), TYPES)

    def test_unknown_types_are_refused(self):
        listener = self.listener("attachment.attached")
        for unknown in ("attachment", "", "overflow", "Attachment.attached", "attachment.attached ",
                        "x" * 1000):
            for types in ([unknown], ["attachment.detached", unknown]):
                with self.refused("INVALID_PARAMS", f"'{unknown[:100]}"):
                    listener.call("events.subscribe", types=types)
        # What was chosen before still holds.
        self.churn(1)
        self.assertEqual(listener.event()["seq"], 2)
        self.expect_none(listener)

    def test_wrong_kinds_are_refused(self):
        listener = self.listener(subscribe=False)
        for types in (None, 1, "attachment.attached", {}, [1], [None], [["attachment.attached"]],
                      ["attachment.attached", 1], True):
            with self.assertRaises(Refused) as caught:
                listener.call("events.subscribe", types=types)
            self.assertEqual(caught.exception.code, INVALID_PARAMS)
            self.assertIn("'types'", caught.exception.message)
        self.churn(1)
        self.expect_none(listener)

    def test_again_replaces(self):
        listener = self.listener("attachment.attached")
        self.churn(2)
        self.assertEqual([listener.event()["seq"] for _ in range(2)], [2, 4])
        self.assertEqual(listener.subscribe("attachment.detached"), 5)
        self.churn(2)
        self.assertEqual([listener.event()["seq"] for _ in range(2)], [7, 9])
        self.assertEqual(listener.subscribe(), 9)
        self.assertEqual(listener.subscribe(), 9)
        self.churn(2)
        self.expect(listener, 10, 13)
        self.expect_none(listener)

    def test_none_ends_it(self):
        listener = self.listener()
        self.churn(1)
        self.expect(listener, 2, 3)
        self.assertEqual(listener.call("events.subscribe", types=[]), {"seq": 3})
        self.churn(5)
        self.expect_none(listener)
        self.assertEqual(listener.subscribe(), 13)
        self.churn(1)
        self.expect(listener, 14, 15)

    def test_notification(self):
        listener = self.listener(subscribe=False)
        listener.notify("events.subscribe", types=["attachment.detached"])
        listener.call("daemon.status")
        self.churn(1)
        self.assertEqual(listener.event()["seq"], 3)
        listener.notify("events.subscribe", types=["nonsense"])
        listener.call("daemon.status")
        self.churn(1)
        self.assertEqual(listener.event()["seq"], 5)
        self.expect_none(listener)


class Batches(EventsTest):
    @staticmethod
    def request(id_, method, **params):
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        return message if id_ is None else dict(message, id=id_)

    def test_events_of_the_same_batch(self):
        listener = self.listener(subscribe=False)
        listener.send_line([self.request(1, "events.subscribe"),
                            self.request(2, "guest.attach", guest="beta", segment="shared"),
                            self.request(3, "guest.detach", guest="beta")])
        replies = {reply["id"]: reply["result"] for reply in listener.read()}
        self.assertEqual(replies[1], {"seq": 1})
        self.assertEqual(listener.order, ["reply"])
        self.emitted += 2
        self.expect(listener, 2, 3)
        self.churn(1)
        self.expect(listener, 4, 5)

    def test_events_wait_for_the_replies(self):
        listener = self.listener(subscribe=False)
        self.call("sim.guest.start", name="hidden", config=False)
        listener.send_line([self.request(1, "events.subscribe"),
                            self.request(2, "guest.attach", guest="gamma", size=PAGE, name="g"),
                            self.request(3, "events.subscribe", types=["attachment.attached"]),
                            self.request(4, "events.subscribe")])
        wait_until(lambda: self.call("daemon.status")["counts"]["operations"] == 1, "it waits")
        self.churn(10)
        self.assertEqual(select.select([listener.socket], [], [], 0.05)[0], [])
        self.call("sim.guest.configure", name="hidden")
        replies = {reply["id"]: reply["result"] for reply in listener.read()}
        self.assertEqual([replies[id_] for id_ in (1, 3, 4)], [{"seq": 1}] * 3)
        self.assertEqual(replies[2]["segment"], "g")
        self.assertEqual(listener.order, ["reply"])
        self.expect(listener, 2, 21)
        self.assertEqual(listener.event()["object"], replies[2])
        self.expect_none(listener)

    def test_notifications_only(self):
        listener = self.listener(subscribe=False)
        listener.send_line([self.request(None, "events.subscribe"),
                            self.request(None, "guest.attach", guest="beta", segment="shared"),
                            self.request(None, "guest.detach", guest="beta")])
        self.emitted += 2
        self.expect(listener, 2, 3)
        self.expect_none(listener)

    def test_too_many_events_for_a_batch(self):
        """Whose reply comes all the same, and before the last line."""
        listener = self.listener(subscribe=False)
        self.call("sim.guest.start", name="hidden", config=False)
        listener.send_line([self.request(1, "events.subscribe"),
                            self.request(2, "guest.attach", guest="gamma", size=PAGE)])
        wait_until(lambda: self.call("daemon.status")["counts"]["operations"] == 1, "it waits")
        self.churn_until_cut_off()
        self.call("sim.guest.configure", name="hidden")
        replies = {reply["id"]: reply["result"] for reply in listener.read()}
        self.assertEqual(set(replies), {1, 2})
        self.assertEqual(listener.order, ["reply"])
        self.assertEqual(self.expect_overflow(listener, 2), 2)
        self.wait_connections(1)

    def test_hanging_up_in_the_middle(self):
        listener = self.listener(subscribe=False)
        self.call("sim.guest.start", name="hidden", config=False)
        listener.send_line([self.request(1, "events.subscribe"),
                            self.request(2, "guest.attach", guest="gamma", size=PAGE, name="g")])
        wait_until(lambda: self.call("daemon.status")["counts"]["operations"] == 1, "it waits")
        self.churn(10)
        listener.close()
        self.churn(10)
        self.call("sim.guest.configure", name="hidden")
        self.wait_connections(1)
        self.assertEqual(set(self.agree()), {"shared", "g"})


class Ends(EventsTest):
    def test_hang_up(self):
        for _ in range(50):
            self.listener().close()
        self.wait_connections(1)
        before = self.daemon.descriptors()
        self.churn(10)
        self.assertEqual(self.daemon.descriptors(), before)

    def test_hang_up_with_events_unread(self):
        listeners = [self.listener() for _ in range(20)]
        self.churn(50)
        for listener in listeners:
            listener.close()
        self.wait_connections(1)
        self.churn(10)

    def test_half_close(self):
        """It sends no more, and still reads."""
        listener = self.listener()
        listener.half_close()
        self.churn(10)
        self.expect(listener, 2, 21)
        before = self.daemon.processor_time()
        time.sleep(1.5)
        self.assertLess(self.daemon.processor_time() - before, 0.3)
        self.churn(300)
        self.expect(listener, 22, 621)
        self.assertEqual(self.call("daemon.status")["counts"]["connections"], 2)

    def test_half_close_at_once(self):
        """As a shell does: echo ... | socat."""
        listener = self.listener(subscribe=False)
        id_ = listener.request("events.subscribe")
        listener.half_close()
        self.assertEqual(listener.finish(id_), {"seq": 1})
        self.churn(10)
        self.expect(listener, 2, 21)

    def test_half_close_then_hang_up(self):
        """Noticed soon, though nothing happens that it could be told."""
        listeners = [self.listener() for _ in range(20)]
        for listener in listeners:
            listener.half_close()
        self.churn(1)
        for listener in listeners:
            self.expect(listener, 2, 3)
            listener.close()
        self.wait_connections(1, 5)

    def test_half_close_without_a_choice_ends(self):
        listener = self.listener()
        listener.call("events.subscribe", types=[])
        listener.half_close()
        self.assertTrue(listener.at_end())

    def test_half_a_line_at_the_end(self):
        """It is a line like any other that is no JSON: the events go on."""
        listener = self.listener()
        listener.send(b'{"jsonrpc":')
        listener.half_close()
        self.assertIn("error", listener.read())
        self.churn(2)
        self.expect(listener, 2, 5)
        listener.close()
        self.wait_connections(1)

    def test_a_stop_ends_it(self):
        listener = self.listener()
        half = self.listener()
        half.half_close()
        self.churn(5)
        self.assertEqual(self.daemon.stop(), 0)
        for client in (listener, half):
            self.expect(client, 2, 11)
            self.assertTrue(client.at_end())
        self.client.close()

    def test_a_choice_does_not_outlive_its_connection(self):
        self.listener().close()
        self.wait_connections(1)
        other = self.listener(subscribe=False)
        self.churn(5)
        self.expect_none(other)


class NoPatience(EventsTest):
    config = EventsTest.config.replace("overflow-wait = 5", "overflow-wait = 0")

    def test_what_it_asked_for_goes_on(self):
        """The loop does not run in circles meanwhile."""
        slow = self.listener(subscribe=False)
        self.call("sim.guest.start", name="hidden", config=False)
        slow.send_line([{"jsonrpc": "2.0", "id": 0, "method": "events.subscribe"},
                        {"jsonrpc": "2.0", "id": 1, "method": "guest.attach",
                         "params": {"guest": "gamma", "size": PAGE, "name": "g"}}])
        wait_until(lambda: self.call("daemon.status")["counts"]["operations"] == 1, "it waits")
        self.churn_until_cut_off()
        before = self.daemon.processor_time()
        time.sleep(1)
        self.assertLess(self.daemon.processor_time() - before, 0.2)
        self.call("sim.guest.configure", name="hidden")
        self.assertEqual({reply["id"] for reply in slow.read()}, {0, 1})
        self.expect_overflow(slow, 2)
        self.wait_connections(1)


class Slow(EventsTest):
    def test_is_cut_off(self):
        slow = self.listener()
        quick = self.listener()
        self.churn_until_cut_off(quick)
        self.assertGreater(self.expect_overflow(slow, 2), 100)
        self.wait_connections(2)
        self.churn(10)
        self.expect(quick, self.emitted - 19, self.emitted)

    def test_gets_all_up_to_the_limit(self):
        slow = self.listener()
        for _ in range(3):
            before = self.emitted
            self.churn(MANY_PAIRS)
            self.expect(slow, before + 1, self.emitted)
        self.expect_none(slow)

    def test_is_not_kept_if_it_never_reads(self):
        slow = self.listener()
        descriptors = self.daemon.descriptors()
        self.churn(TOO_MANY_PAIRS)
        self.wait_connections(1, 2 * LAST_LINES)
        self.assertEqual(self.daemon.descriptors(), descriptors - 1)
        # What is in its socket is there.
        for seq in range(2, 100):
            self.assertEqual(slow.event()["seq"], seq)

    def test_half_closed(self):
        slow = self.listener()
        slow.half_close()
        self.churn_until_cut_off()
        self.assertGreater(self.expect_overflow(slow, 2), 100)
        self.wait_connections(1)

    def test_gets_its_replies_before_the_last_line(self):
        slow = self.listener()
        self.call("sim.guest.start", name="hidden", config=False)
        id_ = slow.request("guest.attach", guest="gamma", size=PAGE, name="g")
        wait_until(lambda: self.call("daemon.status")["counts"]["operations"] == 1, "it waits")
        self.churn_until_cut_off()
        self.call("sim.guest.configure", name="hidden")
        self.assertEqual(slow.finish(id_)["segment"], "g")
        self.assertNotIn("overflow", [event["type"] for event in slow.events])
        self.expect_overflow(slow, 2)
        self.wait_connections(1)

    def test_in_the_middle_of_its_own_batch(self):
        """What has begun goes on to its end, though no more of its input is looked at."""
        slow = self.listener()
        self.call("sim.guest.start", name="hidden", config=False)
        slow.send_line([{"jsonrpc": "2.0", "id": id_, "method": "guest.attach",
                         "params": {"guest": "gamma", "size": PAGE}} for id_ in range(100)])
        slow.request("guest.detach", guest="gamma", all=True)
        # Some of it is not begun yet.
        wait_until(lambda: 20 < self.call("daemon.status")["counts"]["operations"] < 100,
                   "it waits")
        self.churn_until_cut_off()
        self.call("sim.guest.configure", name="hidden")
        replies = slow.read()
        self.assertEqual({reply["id"] for reply in replies}, set(range(100)))
        self.assertTrue(all("result" in reply for reply in replies))
        self.expect_overflow(slow, 2)
        self.wait_connections(1)
        self.assertEqual(len(self.agree()), 101)

    def test_does_not_read_replies_either(self):
        slow = self.listener()
        slow.socket.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            while True:
                slow.send(b'{"jsonrpc":"2.0","id":1,"method":"segment.list"}\n' * 1000)
        self.churn(TOO_MANY_PAIRS)
        self.wait_connections(1, 2 * LAST_LINES)

    def test_narrow_choice_is_not_cut_off_for_others(self):
        narrow = self.listener("config.reloaded")
        self.churn(TOO_MANY_PAIRS * 2)
        self.expect_none(narrow)

    def test_reads_bit_by_bit(self):
        """As long as it follows, nothing is lost."""
        listener = self.listener()
        first = 2
        for _ in range(20):
            self.churn(100)
            self.expect(listener, first, first + 199)
            first += 200


class Many(EventsTest):
    count = 500

    def test_all_get_all(self):
        before = self.daemon.resident()
        listeners = [self.listener() for _ in range(self.count)]
        self.churn(10)
        for listener in listeners:
            self.expect(listener, 2, 21)
        self.assertLess(self.daemon.resident() - before, self.growth)
        for listener in listeners:
            listener.close()
        self.wait_connections(1)

    def test_none_reads(self):
        """Neither memory nor time of the daemon is lost on them, and nobody else feels it."""
        quick = self.listener()
        before = self.daemon.resident()
        listeners = [self.listener() for _ in range(self.count)]
        for first in range(2, 2 * TOO_MANY_PAIRS, 20):
            self.churn(10)
            self.expect(quick, first, first + 19)
            self.assertLess(self.daemon.resident() - before, self.growth)
        self.wait_connections(2, 4 * LAST_LINES)
        self.churn(10)
        self.expect(quick, self.emitted - 19, self.emitted)
        self.assertEqual(listeners[-1].event()["seq"], 2)


class Crowd(EventsTest):
    """10,000 events as fast as they can be made, for 50 of whom one never reads."""
    config = ""  # the defaults
    listeners = 50
    pairs = 5000

    def drive(self):
        """Always 16 requests under way, and the next as soon as there is room."""
        ids = []
        for _ in range(self.pairs):
            ids.append(self.client.request("guest.attach", guest="beta", segment="shared"))
            ids.append(self.client.request("guest.detach", guest="beta"))
            while len(ids) > 16:
                self.client.finish(ids.pop(0))
        for id_ in ids:
            self.client.finish(id_)

    def read_all(self, listener, problems):
        try:
            self.expect(listener, self.emitted + 1, self.emitted + 2 * self.pairs)
        except Exception as error:  # told by the test, not by its thread
            problems.append(error)

    def test_all_that_read_get_all(self):
        before = self.daemon.resident()
        silent = self.listener()
        listeners = [self.listener() for _ in range(self.listeners - 1)]
        problems, threads = [], []
        for listener in listeners:
            threads.append(threading.Thread(target=self.read_all, args=(listener, problems)))
            threads[-1].start()
        self.drive()
        self.assertLess(self.daemon.resident() - before, self.growth)
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        self.assertGreater(self.expect_overflow(silent, self.emitted + 1), 100)


@unittest.skipUnless(os.getuid() == 0, "only root can become others")
class Strangers(EventsTest):
    def as_stranger(self, line):
        """What the daemon answers to somebody without any right."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                with Client(self.daemon.socket_path) as client:
                    client.send_line(line)
                    client.send_line({"jsonrpc": "2.0", "id": 2, "method": "daemon.status"})
                    os.write(writing, client.line() + b"\n" + client.line() + b"\n")
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            lines = pipe.read().splitlines()
        os.waitpid(child, 0)
        return [json.loads(one) for one in lines]

    def test_get_nothing(self):
        for reply in self.as_stranger({"jsonrpc": "2.0", "id": 1, "method": "events.subscribe"}):
            self.assertEqual(reply["error"]["data"]["name"], "PERMISSION_DENIED")
