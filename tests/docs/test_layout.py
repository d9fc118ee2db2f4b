# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/layout.md has the keys of a layout that xenshmctl takes, and which of them have to be there."""

import copy
import json
import re
import subprocess
import unittest

from pages import DOCS, codes, program, rows

TEXT = (DOCS / "layout.md").read_text(encoding="utf-8")
KEYS = {codes(row[0])[0]: row[2] for row in rows(TEXT, "key", "value", "without it")}

GUEST = {"guest": "a", "address": "0x3a000000"}
SEGMENT = {"name": "data", "size": 4096, "pool": "p", "align": 4096, "kept": True,
           "guests": [GUEST]}
LAYOUT = {"version": 1, "segments": [SEGMENT]}

# Where each object is in the layout.
LEVELS = [lambda layout: layout, lambda layout: layout["segments"][0],
          lambda layout: layout["segments"][0]["guests"][0]]


def apply(layout):
    """(status, complaint); 3: it is one, but there is no daemon."""
    done = subprocess.run([program("XENSHMCTL"), "--socket", "/nonexistent/socket", "apply", "-"],
                          input=json.dumps(layout), text=True, capture_output=True, timeout=60,
                          check=False)
    return done.returncode, done.stderr


class Layout(unittest.TestCase):
    def test_keys(self):
        """A key that is not known is refused with those that are."""
        known = []
        for level in LEVELS:
            layout = copy.deepcopy(LAYOUT)
            level(layout)["nonsense"] = 1
            status, complaint = apply(layout)
            self.assertEqual(status, 1)
            known += re.search(r"what may stand here: ([\w, -]+)", complaint)[1].split(", ")
        self.assertEqual(list(KEYS), [key.strip() for key in known])

    def test_what_has_to_be_there(self):
        self.assertEqual(apply(LAYOUT)[0], 3)
        for level in LEVELS:
            for key in level(LAYOUT):
                layout = copy.deepcopy(LAYOUT)
                del level(layout)[key]
                with self.subTest(key=key):
                    self.assertEqual(apply(layout)[0], 1 if KEYS[key] == "refused" else 3)
