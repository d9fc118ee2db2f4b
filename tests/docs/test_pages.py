# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual pages as they are installed: they are made without a warning, and name each other."""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

# xenshmctl.1 ... as built; XENSHM_PAGES is their folder.
PAGES = sorted(pathlib.Path(os.environ.get("XENSHM_PAGES", "")).glob("xenshm*.[1-8]"))
SECTIONS = ("NAME", "DESCRIPTION", "SEE ALSO")

# scdoc writes .PP wherever a paragraph may begin, which does nothing.
HARMLESS = "skipping paragraph macro: PP "


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, text=True, capture_output=True,
                          timeout=60, check=False, env=os.environ | {"LC_ALL": "C.UTF-8"})


@unittest.skipUnless(os.environ.get("XENSHM_PAGES"), "scdoc is not installed")
class Pages(unittest.TestCase):
    def test_there_are_some(self):
        self.assertGreaterEqual(len(PAGES), 5)

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_groff(self):
        for path in PAGES:
            with self.subTest(page=path.name):
                done = run("groff", "-ww", "-t", "-man", "-Tutf8", str(path))
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                text = re.sub(".\x08", "", done.stdout)
                for title in SECTIONS:
                    self.assertTrue(f"\n{title}\n" in text, title)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc(self):
        for path in PAGES:
            with self.subTest(page=path.name):
                done = run("mandoc", "-T", "lint", "-W", "warning", str(path))
                self.assertEqual([line for line in done.stdout.split("\n")
                                  if line and HARMLESS not in line], [])

    def test_names(self):
        """The page says its own name and section, and SEE ALSO only what there is."""
        own = {f"{path.stem}({path.suffix[1:]})" for path in PAGES}
        for path in PAGES:
            with self.subTest(page=path.name):
                text = path.read_text(encoding="utf-8")
                self.assertIn(f'.TH "{path.stem}" "{path.suffix[1:]}"', text)
                see = re.sub(r"\\f.|\\", "", text.split("SEE ALSO")[1])
                named = re.findall(r"xenshm[\w.-]*\(\d\)", see)
                self.assertTrue(named)
                self.assertLessEqual(set(named), own)
