# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/fleet.md: what it shows can be read by those for whom it is written."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import DaemonTest
from pages import DOCS, program

TEXT = (DOCS / "fleet.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", TEXT)


def blocks(language):
    return [text for name, text in BLOCKS if name == language]


class Fleet(DaemonTest):
    options = ("--guest", "capture", "detect", "uplink", "--pool", "2M")

    def check(self, *command, **more):
        done = subprocess.run(command, text=True, capture_output=True, timeout=120, check=False,
                              **more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_json(self):
        layout, = blocks("json")
        self.assertEqual(json.loads(layout)["version"], 1)

    def test_layout(self):
        """It is one that xenshmctl takes."""
        path = self.folder / "layout.json"
        path.write_text(blocks("json")[0], encoding="utf-8")
        self.check(program("XENSHMCTL"), "--timeout", "30", "--socket",
                   str(self.daemon.socket_path), "apply", str(path))

    def test_shell(self):
        self.assertGreaterEqual(len(blocks("sh")), 3)
        for script in blocks("sh"):
            self.check("sh", "-n", input=script)

    @unittest.skipUnless(shutil.which("ansible-playbook"), "Ansible is not installed")
    def test_playbook(self):
        inventory, playbook = blocks("yaml")[:2]
        with tempfile.TemporaryDirectory() as folder:
            home = pathlib.Path(folder)
            (home / "hosts.yml").write_text(inventory, encoding="utf-8")
            (home / "segments.yml").write_text(playbook, encoding="utf-8")
            self.check("ansible-playbook", "-i", "hosts.yml", "--syntax-check", "segments.yml",
                       cwd=home)
