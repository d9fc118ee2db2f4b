# SPDX-License-Identifier: LGPL-2.1-or-later
"""Software from the npm registry takes xenshmd for what it says it is: clients of JSON-RPC 2.0 run
every read method and the attach cycle, and rpc.discover is OpenRPC. `./dev test npm` provides it:
NPM_MODULES names its folder node_modules."""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "daemon"))

from harness import DaemonTest  # noqa: E402

MODULES = os.environ.get("NPM_MODULES")
CLIENTS = ("jayson", "json-rpc-2.0")

if MODULES is None:
    print("1..0 # SKIP NPM_MODULES is not set: ./dev test npm does")
    raise SystemExit(0)


def node(script, *args, text=""):
    """What the script, with that text to read, prints; it must end well."""
    done = subprocess.run(["node", str(HERE / script), *map(str, args)], timeout=120, text=True,
                          input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "NODE_PATH": MODULES})
    assert done.returncode == 0, f"{script} {args}: {done.returncode}\n{done.stdout}"
    return done.stdout


def version(package):
    text = (pathlib.Path(MODULES) / package / "package.json").read_text(encoding="utf-8")
    return json.loads(text)["version"]


class Packages(DaemonTest):
    def test_versions(self):
        """What is tested is what is asked for."""
        asked = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
        self.assertEqual({name: version(name) for name in asked}, asked)


class Clients(DaemonTest):
    options = ("--guest", "alpha", "beta", "--pool", "1M")

    def read_methods(self):
        return {method["name"] for method in self.call("rpc.discover")["methods"]
                if method["x-access"] == "read"}

    def answered(self):
        """The methods that somebody was given a result of."""
        text = self.call("daemon.metrics")["text"]
        return {line.split('"')[1] for line in text.splitlines()
                if line.startswith("xenshmd_requests_total") and 'outcome="done"' in line
                and not line.endswith(" 0")}

    def check(self, client):
        before = self.read_methods()
        node("story.js", client, self.daemon.socket_path)
        self.assertLess(before, self.answered())
        self.assertLess({"guest.attach", "guest.detach", "segment.alloc", "segment.free"},
                        self.answered())
        self.assertEqual(self.call("segment.list")["segments"], [])

    def test_jayson(self):
        self.check("jayson")

    def test_json_rpc_2(self):
        self.check("json-rpc-2.0")


class OpenRpc(DaemonTest):
    # What each of these does to the document is a mistake.
    MISTAKES = (
        lambda d: d.pop("openrpc"),
        lambda d: d["info"].pop("version"),
        lambda d: d.update(nonsense=1),
        lambda d: d["methods"][0].pop("params"),
        lambda d: d["methods"][0]["result"].pop("schema"),
        lambda d: d["methods"][0]["result"]["schema"].update(type="nonsense"),
        lambda d: d["methods"][0]["errors"].append({"code": "x"}),
        lambda d: d["components"]["errors"]["BUSY"].pop("message"),
        lambda d: d["components"]["schemas"]["segment"].update(required="name"),
    )

    def problems(self, documents):
        return json.loads(node("validate.js", text=json.dumps(documents)))

    def test_valid(self):
        self.assertEqual(self.problems([self.call("rpc.discover")]), [[]])

    def test_mistakes_are_found(self):
        """The schema looks at what it should."""
        documents = [self.call("rpc.discover") for _ in self.MISTAKES]
        for spoil, document in zip(self.MISTAKES, documents):
            spoil(document)
        for number, problems in enumerate(self.problems(documents)):
            with self.subTest(mistake=number):
                self.assertNotEqual(problems, [])
