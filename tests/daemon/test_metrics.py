# SPDX-License-Identifier: LGPL-2.1-or-later
"""daemon.metrics: text that parsers written by others understand, which counts what happens and
tells what there is, and does not grow with what callers write."""

import json
import math
import pathlib
import re
import time

import debian  # noqa: F401, comes first
import prometheus_client.openmetrics.parser as openmetrics
import prometheus_client.parser as prometheus

from creating import CreateMixin
from harness import BATCH_MAX, ERROR_CODES, LINE_MAX, MIB, PAGE, Refused, WorldTest, wait_until

PREFIX = "xenshmd_"
REQUESTS, REFUSALS = "xenshmd_requests_total", "xenshmd_refusals_total"
DURATION = "xenshmd_request_duration_seconds"
UNKNOWN = "unknown"


def key_of(name, labels):
    return name, tuple(sorted(labels.items()))


class Metrics:
    """One answer. Its text has passed the strict parser of OpenMetrics."""

    def __init__(self, result):
        self.text = result["text"]
        self.families = {family.name: family
                         for family in openmetrics.text_string_to_metric_families(self.text)}
        self.samples = {key_of(sample.name, sample.labels): sample.value
                        for family in self.families.values() for sample in family.samples}

    def value(self, name, **labels):
        return self.samples[key_of(name, labels)]

    def by(self, name, label):
        """{value of the label: value} of a family with one label."""
        return {dict(labels)[label]: value for (found, labels), value in self.samples.items()
                if found == name}

    def requests(self, outcome):
        return {dict(labels)["method"]: value for (name, labels), value in self.samples.items()
                if name == REQUESTS and dict(labels)["outcome"] == outcome}


class MetricsTest(CreateMixin, WorldTest):
    pools = ("1M", "small=64K")
    guests = ("alpha", "beta")

    def metrics(self):
        return Metrics(self.call("daemon.metrics"))

    def since(self, before, name, **labels):
        return self.metrics().value(name, **labels) - before.value(name, **labels)


class Text(MetricsTest):
    def setUp(self):
        super().setUp()
        self.attach("alpha")
        with self.refused("SEGMENT_UNKNOWN"):
            self.show("nothing")
        self.result = self.call("daemon.metrics")

    def test_shape(self):
        self.assertEqual(self.result["content_type"],
                         "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(self.result["text"].endswith("\n# EOF\n"))
        self.assertEqual(self.result["text"].count("# EOF"), 1)

    def test_families(self):
        metrics = Metrics(self.result)
        units = {"bytes", "seconds"}
        for family in metrics.families.values():
            with self.subTest(family=family.name):
                self.assertTrue(family.name.startswith(PREFIX))
                self.assertIn(family.type, ("gauge", "counter", "histogram"))
                self.assertRegex(family.documentation, r"^[A-Z].*\.$")
                self.assertEqual(family.unit, family.name.rpartition("_")[2]
                                 if family.name.rpartition("_")[2] in units else "")
                self.assertTrue(family.samples)

    def test_documented(self):
        """The table of docs/protocol.md has them all, as they are."""
        text = (pathlib.Path(__file__).parents[2] / "docs" / "protocol.md").read_text("utf-8")
        documented = {}
        for line in text.splitlines():
            row = [cell.strip() for cell in line.split("|")]
            if len(row) > 4 and row[1].startswith(f"`{PREFIX}"):
                documented[row[1].strip("`")] = (row[2], set(re.findall(r"`(\w+)`", row[3])))
        found = {}
        for family in Metrics(self.result).families.values():
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[name] = (family.type, labels)
        self.assertEqual(documented, found)

    def test_samples(self):
        """What the older text format does not know is not used; each sample is there once."""
        families = list(openmetrics.text_string_to_metric_families(self.result["text"]))
        samples = [sample for family in families for sample in family.samples]
        self.assertEqual(len({key_of(one.name, one.labels) for one in samples}), len(samples))
        for sample in samples:
            self.assertIsNone(sample.timestamp)
            self.assertIsNone(sample.exemplar)
            self.assertFalse(sample.name.endswith(("_created", "_info_info")))
            self.assertTrue(math.isfinite(sample.value) and sample.value >= 0, sample)

    def test_older_parser(self):
        """That of Prometheus's text format, which node_exporter's textfile collector reads too."""
        older = {key_of(sample.name, sample.labels): sample.value
                 for family in prometheus.text_string_to_metric_families(self.result["text"])
                 for sample in family.samples}
        self.assertEqual(older, Metrics(self.result).samples)

    def test_every_method_and_error_has_its_samples(self):
        """Zeros too: what has not happened yet can be asked for."""
        metrics = Metrics(self.result)
        document = self.call("rpc.discover")
        methods = {method["name"] for method in document["methods"]} | {UNKNOWN}
        self.assertEqual(set(metrics.requests("done")), methods)
        self.assertEqual(set(metrics.requests("refused")), methods)
        self.assertEqual(set(metrics.by(DURATION + "_count", "method")), methods)
        self.assertEqual(set(metrics.by(REFUSALS, "error")), set(ERROR_CODES))
        self.assertEqual(set(metrics.by("xenshmd_events_total", "type")),
                         set(document["x-events"]))

    def test_what_is_constant(self):
        status = self.call("daemon.status")
        metrics = self.metrics()
        self.assertEqual(metrics.value("xenshmd_build_info", version=status["version"],
                                       xen_version=status["xen_version"]), 1)
        started = metrics.value("xenshmd_start_time_seconds")
        self.assertLess(abs(time.time() - status["uptime"] - started), 30)
        self.assertEqual(self.metrics().value("xenshmd_start_time_seconds"), started)


class Counting(MetricsTest):
    def test_outcomes(self):
        before = self.metrics()
        for _ in range(3):
            self.call("segment.list")
        for _ in range(2):
            with self.refused("SEGMENT_UNKNOWN"):
                self.show("nothing")
        with self.refused("INVALID_PARAMS"):
            self.call("segment.show")
        self.assertEqual(self.since(before, REQUESTS, method="segment.list", outcome="done"), 3)
        self.assertEqual(self.since(before, REQUESTS, method="segment.list", outcome="refused"), 0)
        self.assertEqual(self.since(before, REQUESTS, method="segment.show", outcome="done"), 0)
        self.assertEqual(self.since(before, REQUESTS, method="segment.show", outcome="refused"), 3)
        self.assertEqual(self.since(before, REFUSALS, error="SEGMENT_UNKNOWN"), 2)
        self.assertEqual(self.since(before, REFUSALS, error="INVALID_PARAMS"), 1)

    def test_operations(self):
        before = self.metrics()
        self.attach("alpha", name="a")
        with self.refused("SEGMENT_EXISTS"):
            self.attach("alpha", name="a")
        self.detach("alpha")
        for method, outcome in (("guest.attach", "done"), ("guest.attach", "refused"),
                                ("guest.detach", "done")):
            self.assertEqual(self.since(before, REQUESTS, method=method, outcome=outcome), 1)

    def test_faults_of_the_protocol(self):
        before = self.metrics()
        self.raw(b"}")
        self.raw(b"[]")
        self.raw(b'{"jsonrpc":"2.0","id":1}')
        self.raw(b"[1,2]")
        self.raw(json.dumps([0] * (BATCH_MAX + 1)).encode())
        with self.connect(self.daemon) as client:
            client.send(b"x" * (LINE_MAX + 1))
            client.read()
        for error, count in (("PARSE_ERROR", 2), ("INVALID_REQUEST", 4), ("TOO_MANY", 1)):
            self.assertEqual(self.since(before, REFUSALS, error=error), count, error)
        self.assertEqual(self.since(before, REQUESTS, method=UNKNOWN, outcome="refused"), 7)

    def test_notifications_and_batches(self):
        before = self.metrics()
        self.notify("segment.list")
        self.notify("segment.show", name="nothing")
        self.client.send_line([{"jsonrpc": "2.0", "id": id_, "method": "segment.list"}
                               for id_ in range(5)])
        self.assertEqual(len(self.client.read()), 5)
        self.assertEqual(self.since(before, REQUESTS, method="segment.list", outcome="done"), 6)
        self.assertEqual(self.since(before, REQUESTS, method="segment.show", outcome="refused"), 1)

    def test_sums_agree(self):
        """Whatever is refused has one name, and whatever is answered took some time."""
        self.raw(b"}")
        for name in ("a", "b"):
            with self.refused("METHOD_NOT_FOUND"):
                self.call(name)
        with self.refused("POOL_FULL"):
            self.attach("alpha", 2 * MIB)
        metrics = self.metrics()
        self.assertEqual(sum(metrics.requests("refused").values()),
                         sum(metrics.by(REFUSALS, "error").values()))
        self.assertEqual(metrics.by(DURATION + "_count", "method"),
                         {name: count + metrics.requests("refused")[name]
                          for name, count in metrics.requests("done").items()})

    def test_nothing_that_a_caller_writes(self):
        labels = set(self.metrics().samples)
        for name in ("x", "no.such", 'a"b', "a\\b", "a\nb", "ü" * 100, "y" * 1000,
                     "daemon.status ", ""):
            with self.refused("METHOD_NOT_FOUND"):
                self.call(name)
        with self.refused("GUEST_UNKNOWN"):
            self.attach("nobody")
        self.attach("alpha", name="named-by-a-caller")
        metrics = self.metrics()
        self.assertEqual(set(metrics.samples), labels)
        self.assertEqual(metrics.value(REFUSALS, error="METHOD_NOT_FOUND"), 9)
        self.assertNotIn("named-by-a-caller", metrics.text)

    def test_reconciles(self):
        before = self.metrics()
        wait_until(lambda: self.since(before, "xenshmd_reconciles_total") > 0, "it looks again")
        self.assertEqual(self.since(before, "xenshmd_reconciles_failed_total"), 0)
        self.call("sim.fail", operation="list")
        self.call("sim.guest.start", name="gamma")
        wait_until(lambda: self.since(before, "xenshmd_reconciles_failed_total") == 1,
                   "the list failed")

    def test_events(self):
        """They are numbered and counted, whether somebody listens or not."""
        before = self.metrics()
        self.attach("alpha")
        self.alloc("kept")
        self.detach("alpha")
        for type_, count in (("attachment.attached", 1), ("attachment.detached", 1),
                             ("segment.allocated", 1), ("segment.freed", 0)):
            self.assertEqual(self.since(before, "xenshmd_events_total", type=type_), count, type_)
        counted = self.metrics().by("xenshmd_events_total", "type")
        self.assertEqual(sum(counted.values()), self.call("events.subscribe", types=[])["seq"])


class Full(MetricsTest):
    config = "[limits]\nconnections = 4\n"

    def test_turned_away(self):
        name = "xenshmd_connections_turned_away_total"
        self.assertEqual(self.metrics().value(name), 0)
        wait_until(lambda: self.metrics().value("xenshmd_connections") == 1, "nobody else is there")
        clients = [self.connect(self.daemon) for _ in range(6)]
        for client in clients[3:]:
            self.assertEqual(client.read()["error"]["data"]["name"], "TOO_MANY")
        self.assertEqual(self.metrics().value(name), 3)
        self.assertEqual(self.metrics().value("xenshmd_connections"), 4)
        for client in clients:
            client.close()
        wait_until(lambda: self.metrics().value("xenshmd_connections") == 1, "they are gone")


class Latency(MetricsTest):
    config = "[daemon]\nholder-wait = 60\n"

    def buckets(self, metrics, method):
        """[(upper bound, how many)], not cumulative."""
        bounds = sorted((float(dict(labels)["le"]), value)
                        for (name, labels), value in metrics.samples.items()
                        if name == DURATION + "_bucket" and dict(labels)["method"] == method)
        return [(bound, value - (bounds[i - 1][1] if i else 0))
                for i, (bound, value) in enumerate(bounds)]

    def test_buckets(self):
        bounds = [bound for bound, _ in self.buckets(self.metrics(), "segment.list")]
        self.assertEqual((bounds[0], bounds[-2], bounds[-1]), (0.0005, 60, math.inf))
        for few, more in zip(bounds, bounds[1:-1]):
            self.assertTrue(1 < more / few <= 3, f"{few} {more}")

    def test_a_request_that_waits(self):
        """An attach that waits for an unknown holder took as long as that made it wait."""
        self.call("sim.guest.start", name="hidden", config=False)
        other = self.connect(self.daemon)
        sent = time.monotonic()
        id_ = other.request("guest.attach", guest="alpha", size=PAGE)
        wait_until(lambda: self.metrics().value("xenshmd_operations") == 1, "it waits")
        waiting = time.monotonic()
        wait_until(lambda: time.monotonic() > waiting + 0.1, "a while has passed")
        told = time.monotonic()
        self.call("sim.guest.configure", name="hidden")
        other.finish(id_)
        longest = time.monotonic() - sent
        metrics = self.metrics()
        took = metrics.value(DURATION + "_sum", method="guest.attach")
        self.assertTrue(told - waiting <= took <= longest, f"{took}")
        filled = [bound for bound, count in self.buckets(metrics, "guest.attach") if count]
        self.assertEqual(len(filled), 1)
        self.assertGreaterEqual(filled[0], took)
        self.assertEqual(metrics.value(DURATION + "_count", method="guest.attach"), 1)

    def test_requests_of_a_batch(self):
        """Each is counted when it is done, though the replies go out together."""
        self.call("sim.guest.start", name="hidden", config=False)
        other = self.connect(self.daemon)
        other.send_line([{"jsonrpc": "2.0", "id": 1, "method": "guest.attach",
                          "params": {"guest": "alpha", "size": PAGE}},
                         {"jsonrpc": "2.0", "id": 2, "method": "pool.list"}])
        wait_until(lambda: self.metrics().requests("done")["pool.list"] == 1, "one is done")
        self.assertEqual(self.metrics().requests("done")["guest.attach"], 0)
        self.call("sim.guest.configure", name="hidden")
        self.assertEqual(len(other.read()), 2)
        self.assertEqual(self.metrics().requests("done")["guest.attach"], 1)


class State(MetricsTest):
    def check_pools(self):
        metrics = self.metrics()
        expected = {}
        for pool in self.call("pool.list")["pools"]:
            self.assertEqual(metrics.value("xenshmd_pool_largest_free_bytes", pool=pool["name"]),
                             pool["largest_free"])
            expected.update({(pool["name"], state): 0
                             for state in ("free", "used", "foreign", "quarantined")})
        for run in self.call("pool.map")["runs"]:
            expected[run["pool"], run["state"]] += run["size"]
        found = {(dict(labels)["pool"], dict(labels)["state"]): value
                 for (name, labels), value in metrics.samples.items()
                 if name == "xenshmd_pool_bytes"}
        self.assertEqual(found, expected)
        return {state: sum(size for (_, of), size in found.items() if of == state)
                for _, state in found}

    def test_pools(self):
        self.assertEqual(self.check_pools(),
                         {"free": MIB + 16 * PAGE, "used": 0, "foreign": 0, "quarantined": 0})
        self.attach("alpha", 3 * PAGE)
        self.alloc("kept", 2 * PAGE, pool="small")
        self.call("sim.guest.start", name="rival", memory=32 * MIB, iomem=["0x7ff10,4"])
        self.call("guest.list")
        self.attach("beta", name="stuck")
        # It is tried again every few seconds: more often than the looks below may take.
        for after in range(1, 41):
            self.call("sim.fail", operation="unmap", after=after)
        with self.refused("HYPERVISOR_FAILED"):
            self.detach("beta")
        found = self.check_pools()
        self.assertEqual((found["used"], found["foreign"]), (5 * PAGE, 4 * PAGE))
        self.assertEqual(found["quarantined"], PAGE)
        self.assertEqual(self.metrics().value("xenshmd_attachments", state="quarantined"), 1)
        self.call("sim.fail", operation="unmap", errno=0)
        self.gone("stuck")

    def test_segments_and_attachments(self):
        self.alloc("kept")
        self.alloc("idle")
        self.share("alpha", "kept")
        self.share("beta", "kept")
        self.attach("alpha")
        metrics = self.metrics()
        self.assertEqual(metrics.by("xenshmd_segments", "kept"), {"true": 2, "false": 1})
        self.assertEqual(metrics.by("xenshmd_attachments", "state"),
                         {"attaching": 0, "attached": 3, "waiting": 0, "detaching": 0,
                          "quarantined": 0})
        self.shut_down("alpha", "reboot")
        wait_until(lambda: self.metrics().value("xenshmd_attachments", state="waiting") == 2,
                   "they wait")

    def test_openings(self):
        self.alloc("kept")
        programs = [self.connect(self.daemon) for _ in range(2)]
        for count, program in enumerate(programs, 1):
            program.call("segment.open", name="kept")
            self.assertEqual(self.metrics().value("xenshmd_openings"), count)
        for program in programs:
            program.close()
        wait_until(lambda: self.metrics().value("xenshmd_openings") == 0, "they are closed")

    def test_guests(self):
        self.assertEqual(self.metrics().value("xenshmd_guests"), 2)
        self.call("sim.guest.start", name="hidden", config=False)
        self.call("guest.list")
        self.assertEqual(self.metrics().value("xenshmd_guests"), 3)
        self.assertEqual(self.metrics().value("xenshmd_unknown_holders"), 1)
        self.call("sim.guest.configure", name="hidden")
        self.call("guest.list")
        self.assertEqual(self.metrics().value("xenshmd_unknown_holders"), 0)

    def test_created_guests(self):
        self.create("guest1", PAGE)
        metrics = self.metrics()
        self.assertEqual(metrics.value("xenshmd_created_guests"), 1)
        self.assertEqual(metrics.value("xenshmd_guests"), 3)
        self.destroy("guest1")
        self.assertEqual(self.metrics().value("xenshmd_created_guests"), 0)

    def test_builders(self):
        self.fault("build", "hang")
        id_ = self.ask_create("guest1", PAGE)
        wait_until(lambda: self.metrics().value("xenshmd_builders") == 1, "a builder works")
        self.assertEqual(self.metrics().value("xenshmd_operations"), 1)
        # It has no name before the builder has read its configuration.
        wait_until(lambda: self.metrics().value("xenshmd_created_guests") == 1, "it is known")
        self.call("guest.destroy", guest="guest1")
        with self.assertRaises(Refused):
            self.client.finish(id_)
        wait_until(lambda: self.metrics().value("xenshmd_builders") == 0, "it is gone")

    def test_clients(self):
        self.assertEqual(self.metrics().value("xenshmd_connections"), 1)
        with self.connect(self.daemon) as client:
            client.call("events.subscribe")
            metrics = self.metrics()
            self.assertEqual(metrics.value("xenshmd_connections"), 2)
            self.assertEqual(metrics.value("xenshmd_subscribers"), 1)
        wait_until(lambda: self.metrics().value("xenshmd_connections") == 1, "it is gone")
        self.assertEqual(self.metrics().value("xenshmd_subscribers"), 0)

    def test_bad_store_files(self):
        path = self.daemon.state_dir / "segments" / "bad.json"
        path.write_text("nonsense", encoding="utf-8")
        self.restart()
        self.assertEqual(self.metrics().value("xenshmd_bad_store_files"), 1)
        path.unlink()
        self.assertEqual(self.metrics().value("xenshmd_bad_store_files"), 0)


class Orders(MetricsTest):
    config = "[segment impossible]\nsize = 1G\n[segment possible]\nsize = 4K\n"

    def test_failing_orders(self):
        wait_until(lambda: self.metrics().value("xenshmd_failing_orders") == 1, "one fails")
        self.assertEqual(self.names(), ["possible"])
