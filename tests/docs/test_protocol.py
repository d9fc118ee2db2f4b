# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/protocol.md, and the manual page that is made of it, say of methods, their parameters and
rights, events and errors what rpc.discover of a running daemon says, and nothing else."""

import re

from harness import DaemonTest
from pages import DOCS, codes, protocol_page, rows, terms

TEXT = (DOCS / "protocol.md").read_text(encoding="utf-8")
METHODS = rows(TEXT, "method", "right", "parameters", "result")
SIM_METHODS = rows(TEXT, "method", "parameters", "what")


def listed_parameters(cell):
    """{name: required}: `name`, or `[name]` where it may be left out; what follows a colon says
    what they are. Of "`a` or `b`" each may be left out."""
    found, text = {}, cell.split(":")[0]
    for name in codes(text):
        optional = name.startswith("[") or re.search(rf"(or `{re.escape(name)}`|`{re.escape(name)}` or)",
                                                     text)
        found[name.strip("[]")] = not optional
    return found


def split_members(text):
    """"a, b: {c, d}, [e]" -> ["a", "b: {c, d}", "[e]"]."""
    pieces, depth = [""], 0
    for letter in text:
        depth += (letter in "{[") - (letter in "]}")
        if letter == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [" ".join(piece.split()) for piece in pieces]


def objects():
    """{object: {member: (optional, what is said of it)}} of the section on objects."""
    block = TEXT.split("\n## Objects\n")[1].split("```")[1]
    found = {}
    for name, rest in re.findall(r"(?ms)^(\w+) +\{(.*?)\}\s*(?=^\w|\Z)", block):
        found[name] = {}
        for member in split_members(rest):
            optional = member.startswith("[")
            key, _, value = (member[1:-1] if optional else member).partition(": ")
            found[name][key] = (optional, value)
    return found


class Protocol(DaemonTest):
    def setUp(self):
        super().setUp()
        self.discovered = self.client.call("rpc.discover")
        self.methods = {method["name"]: method for method in self.discovered["methods"]}

    def parameters(self, name):
        return {field["name"]: field["required"] for field in self.methods[name]["params"]}

    def test_methods(self):
        listed = [name for row in METHODS for name in codes(row[0])]
        self.assertEqual(sorted(listed),
                         sorted(name for name in self.methods if not name.startswith("sim.")))

    def test_rights(self):
        for row in METHODS:
            with self.subTest(method=row[0]):
                self.assertEqual(row[1], self.methods[codes(row[0])[0]]["x-access"])

    def test_parameters(self):
        for row in METHODS:
            with self.subTest(method=row[0]):
                self.assertEqual(listed_parameters(row[2]), self.parameters(codes(row[0])[0]))

    def test_methods_of_the_simulator(self):
        listed = [name for row in SIM_METHODS for name in codes(row[0])]
        self.assertEqual(sorted(listed),
                         sorted(name for name in self.methods if name.startswith("sim.")))
        for name in listed:
            self.assertEqual(self.methods[name]["x-access"], "admin")

    def test_parameters_of_the_simulator(self):
        # Two methods in a row share it: what one of them has stands behind "or".
        for row in SIM_METHODS:
            names = codes(row[0])
            with self.subTest(methods=names):
                have = {key for name in names for key in self.parameters(name)}
                self.assertEqual(set(listed_parameters(row[1])), have)
                for name in names:
                    for key, required in self.parameters(name).items():
                        self.assertEqual(f"`{key}`" in row[1], required, key)

    def test_events(self):
        listed = [codes(row[0])[0] for row in rows(TEXT, "type", "what has happened", "object")]
        self.assertEqual(listed, list(self.discovered["x-events"]))

    def test_what_events_mean(self):
        for row in rows(TEXT, "type", "what has happened", "object"):
            self.assertEqual(row[1], self.discovered["x-events"][codes(row[0])[0]])

    def known_errors(self):
        """{name: code}; the negative ones are the standard's."""
        errors = self.discovered["components"]["errors"]
        return {name: error["code"] for name, error in errors.items()}

    def test_errors(self):
        listed = {codes(row[1])[0]: int(row[0]) for row in rows(TEXT, "code", "name", "when")}
        known = self.known_errors()
        self.assertEqual(listed, {name: code for name, code in known.items() if code > 0})

    def test_standard_errors(self):
        listed = {name: int(code)
                  for code, name in re.findall(r"(-32\d\d\d) \(`([A-Z_]+)`\)", TEXT)}
        self.assertEqual(listed, {name: code for name, code in self.known_errors().items()
                                  if code < 0})

    def test_objects(self):
        schemas = self.discovered["components"]["schemas"]
        listed = objects()
        self.assertEqual(set(listed), {"pool", "run", "segment", "attachment", "guest"})
        for name, members in listed.items():
            with self.subTest(object=name):
                self.assertEqual(set(members), set(schemas[name]["properties"]))
                for member, (optional, _) in members.items():
                    if optional:
                        self.assertNotIn(member, schemas[name]["required"])

    def test_states(self):
        """What stands behind "state:" is what the schema has."""
        schemas = self.discovered["components"]["schemas"]
        for name, members in objects().items():
            states = members.get("state", (False, ""))[1]
            if states:
                with self.subTest(object=name):
                    self.assertEqual(set(states.split("|")),
                                     set(schemas[name]["properties"]["state"]["enum"]))

    def test_names_in_the_text(self):
        """Whatever looks like the name of a method, an event or an error is one."""
        errors = set(self.known_errors())
        for word in codes(TEXT):
            if re.fullmatch(r"(rpc|daemon|pool|segment|guest|events|sim)\.[a-z._-]+", word):
                known = set(self.methods) | set(self.discovered["x-events"])
                members = {f"{name}.{key}" for name, keys in objects().items() for key in keys}
                self.assertIn(word, known | members)
            if re.fullmatch(r"[A-Z]+_[A-Z_]+", word) and not word.startswith("SO_"):
                self.assertIn(word, errors)

    def test_the_manual_page(self):
        """Each of them is the term of an entry there."""
        text = "\n".join(terms(protocol_page().text.split("\n"))).replace("\\", "")
        wanted = [*self.methods, *self.discovered["x-events"],
                  *(f"{name}* ({code})" for name, code in self.known_errors().items() if code > 0)]
        for name in wanted:
            self.assertRegex(text, rf"(?m)(^|, )\*{re.escape(name)}(\*|$)")
