# SPDX-License-Identifier: LGPL-2.1-or-later
"""README.md and the pages around it: the picture is that of the demonstration, programs compile, and
links lead somewhere."""

import re
import shutil
import subprocess
import sys
import unittest

from pages import DOCS, TOP

PAGES = [TOP / "README.md", *sorted(DOCS.glob("*.md")), *sorted(TOP.glob("examples/**/*.md"))]
DEMO = DOCS / "demo"


class Picture(unittest.TestCase):
    transcript = (DEMO / "transcript.txt").read_text(encoding="utf-8")

    def test_is_of_the_transcript(self):
        drawn = subprocess.run([sys.executable, DEMO / "picture"], input=self.transcript, text=True,
                               capture_output=True, check=True).stdout
        self.assertEqual(drawn, (DEMO / "picture.svg").read_text(encoding="utf-8"))

    def test_transcript_is_of_the_demonstration(self):
        """The same commands, in the same order; what they print is the demonstration's business."""
        script = (TOP / "tests" / "lab" / "dom0" / "demo.sh").read_text(encoding="utf-8")
        wanted = []
        for who, guest, quoted in re.findall(
                r"(?m)^(dom0|in_guest) (?:(\w+) )?('[^\n]*'|\"[^\n]*\")$", script):
            command = quoted[1:-1].replace("$address", "0x3a000000")
            wanted.append(f"{guest if who == 'in_guest' else who}# {command}")
        self.assertGreater(len(wanted), 10)
        self.assertEqual(re.findall(r"(?m)^\w+# .*$", self.transcript), wanted)


def anchors(path):
    """As GitHub makes them of headlines."""
    text = re.sub(r"(?ms)^```.*?^```$", "", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-")
            for title in re.findall(r"(?m)^#+ (.*)$", text)}


class Links(unittest.TestCase):
    def test_each_leads_somewhere(self):
        count = 0
        for page in PAGES:
            text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
            for link in re.findall(r"\]\(([^)\s]+)\)", text):
                if "://" in link:
                    continue
                name, _, anchor = link.partition("#")
                path = page.parent / name if name else page
                with self.subTest(page=page.name, link=link):
                    self.assertTrue(path.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(path))
                count += 1
        self.assertGreater(count, 20)

    def test_every_page_is_linked_from_the_first(self):
        text = PAGES[0].read_text(encoding="utf-8")
        for page in DOCS.glob("*.md"):
            self.assertIn(f"](docs/{page.name})", text)


@unittest.skipUnless(shutil.which("cc"), "cc is not installed")
class Programs(unittest.TestCase):
    def test_they_compile(self):
        text = (DOCS / "programs.md").read_text(encoding="utf-8")
        programs = re.findall(r"(?ms)^```c\n(.*?)^```$", text)
        self.assertTrue(programs)
        for program in programs:
            done = subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                                   "-I", TOP / "include", "-x", "c", "-"], input=program, text=True,
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
