# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/md2scd.py: no word of the Markdown gets lost, and none means something else to scdoc."""

import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from pages import DOCS, plain, protocol_page


def convert(text):
    """The lines between DESCRIPTION and SEE ALSO, and the status."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "a.md"
        path.write_text(text, encoding="utf-8")
        done = subprocess.run([sys.executable, DOCS / "md2scd.py", path, "a(7)", "b", "c(1)"],
                              text=True, capture_output=True, check=False)
    body = re.search(r"(?s)# DESCRIPTION\n\n(.*?)\n*# SEE ALSO", done.stdout)
    return body[1] if body else "", done.returncode


def words(text):
    return collections.Counter(re.findall(r"\w+", text.lower()))


class Markdown(unittest.TestCase):
    def check(self, text, wanted):
        self.assertEqual(convert(text), (wanted, 0))

    def test_inline(self):
        self.check("a `b_c*` *d* **e** f_g h*", r"a *b\_c\** _d_ *e* f\_g h\*")
        self.check("[here](#x) and [there](https://a_b)", r"here and there (https://a\_b)")

    def test_lines_that_would_mean_something(self):
        self.check("a\n#b\n[c\n; d\n.e", "a #b [c ; d .e")
        self.check("a\n\n[b]\n\n;c\n\n#d", "a\n\n\\[b]\n\n\\;c\n\n\\#d")

    def test_lists(self):
        self.check("- a\n  b\n- c\n\nd", "- a b\n- c\n\nd")

    def test_tables(self):
        self.check("| a | b |\n| --- | --- |\n| `c` | d |\n", "*c*\n\td")
        self.check("| | steps |\n| --- | --- |\n| 1 | a |", "1\n\ta")
        self.check("| no | name | when |\n| --- | --- | --- |\n| 7 | `c` | d |", "*c* (7)\n\td")
        self.check("| a | b | c |\n|---|---|---|\n| d | | e \\| f |", "d\n\tc: e | f")

    def test_code(self):
        self.check("```sh\n# *a*\n\n_b_\n```", "```\n# *a*\n\n_b_\n```")

    def test_mistakes(self):
        self.assertNotEqual(convert("```\na\n")[1], 0)
        self.assertNotEqual(convert("| a | b |\n| --- | --- |\n| c |")[1], 0)

    def test_no_word_of_the_protocol_is_lost(self):
        text = (DOCS / "protocol.md").read_text(encoding="utf-8")
        text = re.sub(r"(?m)^# .*|^```\w*$|^\|.*\n(?=\|[- |]+\|$)|^\|[- |]+\|$", "", text)
        text = re.sub(r"\]\([^)]*\)", "]", text)
        page = "\n".join(plain(line) for line in protocol_page().text.split("\n"))
        self.assertEqual(words(text) - words(page), collections.Counter())

    @unittest.skipUnless(shutil.which("scdoc"), "scdoc is not installed")
    def test_every_document_can_be_a_page(self):
        for path in DOCS.glob("*.md"):
            text = subprocess.run([sys.executable, DOCS / "md2scd.py", path, "a(7)", "b", "c(1)"],
                                  text=True, capture_output=True, check=True).stdout
            subprocess.run(["scdoc"], input=text, text=True, capture_output=True, check=True)
