# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpc.discover describes what the daemon does: each result of each method and each event is valid
by the schema that it gives and has no member that it does not know, each member that it knows is
sent at some time, and the errors of methods are those that they answer with."""

import json

import debian  # noqa: F401, comes first
import jsonschema

from creating import CreateMixin
from described import Described
from harness import (ERROR_CODES, INVALID_PARAMS, MIB, PAGE, DaemonTest, Refused, WorldTest,
                     check_reply, wait_until)
import test_jsonrpc


class Document(DaemonTest):
    def setUp(self):
        super().setUp()
        self.document = self.call("rpc.discover")
        self.methods = {method["name"]: method for method in self.document["methods"]}

    def test_describes_what_the_daemon_does(self):
        self.assertEqual(self.document["openrpc"].split(".")[0], "1")
        self.assertEqual(self.document["info"]["title"], "xenshmd")
        self.assertEqual(self.document["info"]["version"], self.call("daemon.status")["version"])
        self.assertEqual(len(self.methods), len(self.document["methods"]))
        for name, (required, fields) in test_jsonrpc.Parameters.METHODS.items():
            method = self.methods[name]
            self.assertEqual({param["name"] for param in method["params"]}, set(fields))
            # One of size and segment is needed: no table says that.
            needed = set(required) - ({"size"} if name == "guest.attach" else set())
            self.assertEqual({param["name"] for param in method["params"] if param["required"]},
                             needed)

    def test_every_method_described_exists(self):
        for name in self.methods:
            with self.assertRaises(Refused) as caught:
                self.call(name, **{"no such": 1})
            self.assertEqual(caught.exception.code, INVALID_PARAMS)

    def test_every_method_is_described_in_full(self):
        for method in self.methods.values():
            with self.subTest(method=method["name"]):
                self.assertEqual(method["paramStructure"], "by-name")
                self.assertTrue(method["summary"])
                self.assertIn(method["x-access"], ("read", "operate", "admin"))
                self.assertTrue(method["errors"])
                for param in method["params"]:
                    self.assertTrue(param["description"])
                    jsonschema.Draft7Validator.check_schema(param["schema"])
                jsonschema.Draft7Validator.check_schema(method["result"]["schema"])

    def test_every_schema_is_one(self):
        for schema in self.document["components"]["schemas"].values():
            jsonschema.Draft7Validator.check_schema(schema)

    def references(self, value):
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            for one in value.values():
                yield from self.references(one)
        elif isinstance(value, list):
            for one in value:
                yield from self.references(one)

    def test_every_reference_leads_somewhere(self):
        references = set(self.references(self.document))
        self.assertIn("#/components/schemas/segment", references)
        for reference in references:
            root, *path = reference.split("/")
            self.assertEqual(root, "#")
            value = self.document
            for key in path:
                self.assertIn(key, value, reference)
                value = value[key]

    def test_every_schema_and_most_errors_are_used(self):
        components = self.document["components"]
        used = {reference.rpartition("/")[2] for reference in self.references(self.document)}
        self.assertEqual(set(components["schemas"]) - used, {"event"})
        # These are of no method, and one is reserved.
        self.assertEqual(set(components["errors"]) - used,
                         {"PARSE_ERROR", "INVALID_REQUEST", "METHOD_NOT_FOUND"})

    def test_errors_are_those_of_the_protocol(self):
        errors = self.document["components"]["errors"]
        self.assertEqual({name: error["code"] for name, error in errors.items()}, ERROR_CODES)
        for name, error in errors.items():
            check_reply({"jsonrpc": "2.0", "id": None, "error": error})
            self.assertEqual(error["data"]["name"], name)

    def test_events(self):
        event = self.document["components"]["schemas"]["event"]
        types = [rule["if"]["properties"]["type"]["const"] for rule in event["allOf"]]
        self.assertEqual(types, event["properties"]["type"]["enum"])
        self.assertEqual(set(types), set(self.document["x-events"]) | {"overflow"})


class Results(CreateMixin, WorldTest):
    """One long story, in which everything that the daemon can tell is told."""

    pools = ("256M",)
    guests = ("alpha:128M", "beta:128M")
    agrees = False
    orders = "[segment ordered]\nsize = 4K\nguests = nobody\n"
    config = "[pool shared_mem]\nguest-address = 0x100000000\n" + orders

    def setUp(self):
        super().setUp()
        self.described = Described(self.call("rpc.discover"))
        self.listener = self.connect(self.daemon)
        self.told("events.subscribe", client=self.listener)
        self.events = {}  # by type, the last object

    def told(self, method, client=None, **params):
        """The result of a call, checked."""
        result = (client or self.client).call(method, **params)
        self.described.check_result(method, result)
        return result

    def look(self):
        """Everything that can be asked for without changing anything."""
        for method in ("daemon.status", "daemon.metrics", "rpc.discover", "pool.list", "pool.map",
                       "segment.list", "guest.list", "sim.status"):
            self.told(method)
        for segment in self.told("segment.list")["segments"]:
            self.told("segment.show", name=segment["name"])
        for guest in self.told("guest.list")["guests"]:
            self.told("sim.guest.xenstore", name=guest["name"])

    def listen(self, *types):
        """Until events of these types have come, looks at each that comes."""
        while not set(types) <= set(self.events):
            line = self.next_event()
            self.described.check_event(line)
            self.events[line["type"]] = line["object"]

    def next_event(self):
        line = self.listener.line()
        self.assertIsNotNone(line, "the events end")
        message = json.loads(line)
        self.assertEqual(message["method"], "event")
        return message["params"]

    def test_everything_that_is_told(self):
        self.look()
        self.attached()
        self.large()
        self.held_by_others()
        self.opened()
        self.quarantined()
        self.rebooted()
        self.made()
        self.simulated()
        self.look()
        missing = set(self.described.members()) - self.described.seen
        missing = {one for one in missing if not one[0].startswith("event.")}
        self.assertEqual(missing, set(), "rpc.discover tells of members that nobody has seen")

    def attached(self):
        self.told("guest.attach", guest="alpha", size=PAGE, name="one")
        self.told("guest.attach", guest="beta", segment="one")
        warned = self.told("guest.attach", guest="beta", size=PAGE, name="two", address="identity")
        self.assertIn("warning", warned)
        self.look()
        self.told("guest.detach", guest="alpha")
        self.told("guest.detach", guest="beta", all=True)
        self.told("segment.alloc", name="kept", size=PAGE)
        self.told("segment.free", name="kept")
        self.listen("attachment.attached", "attachment.detached", "segment.allocated",
                    "segment.freed")

    def large(self):
        """Long enough under way to be seen in the middle of it, at the first try or a later one."""
        other = self.connect(self.daemon)

        def seen_under_way():
            id_ = self.client.request("segment.alloc", name="large", size=200 * MIB)
            seen = any("progress" in self.show_if_there(other, "large") for _ in range(20))
            self.described.check_result("segment.alloc", self.client.finish(id_))
            self.told("segment.free", name="large")
            return seen

        wait_until(seen_under_way, "it is seen while it is wiped")

    def show_if_there(self, client, name):
        try:
            return self.told("segment.show", client=client, name=name)
        except Refused:
            return {}

    def held_by_others(self):
        self.told("guest.attach", guest="alpha", size=PAGE, name="shared")
        page = int(self.told("segment.show", name="shared")["host_address"], 16) >> 12
        free = page + 100
        self.told("sim.guest.start", name="rival", memory=32 * MIB,
                  iomem=[f"{page:#x},1", f"{free:#x},1"])
        self.listen("segment.clash")
        self.look()
        self.told("sim.guest.destroy", name="rival")
        self.listen("segment.clash-ended")
        self.told("guest.detach", guest="alpha")

    def opened(self):
        self.told("segment.alloc", name="open", size=PAGE)
        with self.connect(self.daemon) as program:
            self.told("segment.open", client=program, name="open")
            self.assertEqual(self.told("segment.show", name="open")["opened"], 1)
        wait_until(lambda: "opened" not in self.show("open"), "it is closed")
        self.told("segment.free", name="open")

    def quarantined(self):
        self.told("guest.attach", guest="alpha", size=PAGE, name="stuck")
        self.told("sim.fail", operation="unmap")
        with self.assertRaises(Refused):
            self.told("guest.detach", guest="alpha")
        self.listen("attachment.quarantined")
        self.look()
        self.gone("stuck")

    def rebooted(self):
        self.told("guest.attach", guest="alpha", size=PAGE, name="back")
        self.told("sim.guest.shutdown", name="alpha", reason="reboot")
        self.listen("attachment.waiting")
        self.look()
        self.told("sim.guest.resume", name="alpha")
        self.listen("attachment.restored")

    def made(self):
        self.described.check_result("guest.create", self.create_told("guest1", {
            "size": PAGE, "address": "identity"}))
        self.look()
        self.shut_down("guest1", "reboot")
        self.listen("guest.created", "guest.restarted")
        self.told("guest.destroy", guest="guest1")
        self.listen("guest.ended")

    def create_told(self, name, *shares):
        return self.client.finish(self.ask_create(name, *shares, paused=False))

    def simulated(self):
        address = self.told("segment.show", name="back")["attachments"][0]["guest_address"]
        self.told("sim.guest.write", name="alpha", address=address, data="00")
        self.told("sim.guest.read", name="alpha", address=address, length=1)
        host = self.told("segment.show", name="back")["host_address"]
        self.told("sim.host.write", address=host, data="00")
        self.told("sim.host.read", address=host, length=1)
        self.told("sim.builder", step="start", action="")
        self.told("sim.guest.pause", name="alpha")
        self.told("sim.guest.pause", name="alpha", paused=False)
        self.told("sim.guest.rename", name="beta", to="gamma")
        self.told("sim.guest.configure", name="gamma")
