# SPDX-License-Identifier: LGPL-2.1-or-later
"""What rpc.discover says, held against what the daemon sends: values are valid by their schema, and
have no member that it does not know. Remembers which members were seen."""

import debian  # noqa: F401, comes first

import jsonschema

NULL = {"type": "null"}


class Described:
    def __init__(self, document):
        self.document = document
        self.schemas = document["components"]["schemas"]
        self.methods = {method["name"]: method for method in document["methods"]}
        self.seen = set()  # (where, member), where being a component or a method

    def errors(self, method):
        """The names of the errors that the method may answer with."""
        return {error["$ref"].rpartition("/")[2] for error in self.methods[method]["errors"]}

    def check_result(self, method, result):
        self.check(self.methods[method]["result"]["schema"], result, method)

    def check_event(self, params):
        self.check({"$ref": "#/components/schemas/event"}, params, "event")
        if params["object"] is not None:
            rule = next(rule for rule in self.schemas["event"]["allOf"]
                        if rule["if"]["properties"]["type"]["const"] == params["type"])
            self.walk(rule["then"]["properties"]["object"], params["object"], params["type"])

    def check(self, schema, value, where):
        whole = {"allOf": [schema], "components": self.document["components"]}
        for error in jsonschema.Draft7Validator(whole).iter_errors(value):
            raise AssertionError(f"{where}: {error.message} at {list(error.path)}")
        self.walk(schema, value, where)

    def walk(self, schema, value, where):
        if "$ref" in schema:
            where = schema["$ref"].rpartition("/")[2]
            self.walk(self.schemas[where], value, where)
        elif "oneOf" in schema:
            if value is not None:
                self.walk(next(one for one in schema["oneOf"] if one != NULL), value, where)
        elif "items" in schema:
            for item in value:
                self.walk(schema["items"], item, where)
        elif "properties" in schema:
            self.walk_members(schema["properties"], value, where)

    def walk_members(self, known, value, where):
        for name, member in value.items():
            assert name in known, f"{where}: rpc.discover does not know the member '{name}'"
            self.seen.add((where, name))
            self.walk(known[name], member, f"{where}.{name}")

    def members(self):
        """Everything that there is to be seen in results."""
        for name, schema in self.schemas.items():
            yield from self.members_of(schema, name)
        for name, method in self.methods.items():
            yield from self.members_of(method["result"]["schema"], name)

    def members_of(self, schema, where):
        schema = next((one for one in schema.get("oneOf", ()) if one != NULL), schema)
        schema = schema.get("items", schema)
        for name, member in schema.get("properties", {}).items():
            yield where, name
            yield from self.members_of(member, f"{where}.{name}")
