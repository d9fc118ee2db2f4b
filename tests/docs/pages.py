# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the documents say, taken apart: manual pages in scdoc's language, protocol.md in Markdown."""

import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
DOCS = TOP / "docs"


def plain(text):
    """A line of scdoc without its marks."""
    text = re.sub(r"(?<!\\)[*]", "", text)
    text = re.sub(r"(?<![\\\w])_|(?<!\\)_(?!\w)", "", text)
    return re.sub(r"\\(.)", r"\1", text)


class Page:
    """sections: {"OPTIONS": lines}, subsections: {"attach": lines} of all sections."""

    def __init__(self, text):
        self.text = text
        self.sections, self.subsections = {}, {}
        section = subsection = None
        for line in text.split("\n"):
            if line.startswith("# "):
                section, subsection = self.sections.setdefault(line[2:], []), None
            elif line.startswith("## "):
                subsection = self.subsections.setdefault(line[3:], [])
            elif section is not None:
                section.append(line)
                if subsection is not None:
                    subsection.append(line)


def page(name):
    return Page((DOCS / f"{name}.scd").read_text(encoding="utf-8"))


def protocol_page():
    """xenshmd-protocol(7), before scdoc has it."""
    done = subprocess.run([sys.executable, DOCS / "md2scd.py", DOCS / "protocol.md",
                           "xenshmd-protocol(7)", "summary", "xenshmd(8)"], text=True,
                          stdout=subprocess.PIPE, check=True)
    return Page(done.stdout)


def terms(lines):
    """The first lines of entries: what stands at the left, with an indented line below it."""
    return [above for above, below in zip(lines, lines[1:])
            if below.startswith("\t") and above and not above.startswith("\t")]


def rows(text, *heading):
    """The rows of the tables in Markdown with that heading, as lists of cells."""
    found, wanted = [], False
    for line in text.split("\n"):
        if not line.startswith("|"):
            wanted = False
            continue
        cells = [cell.strip().replace("\\|", "|")
                 for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
        if cells == list(heading):
            wanted = True
        elif wanted and set(cells[0]) != {"-"}:
            found.append(cells)
    return found


def codes(text):
    """Everything in backticks."""
    return re.findall(r"`([^`]+)`", text)


def program(name):
    """The program that the environment names, such as XENSHMD_SIM."""
    return os.environ[name]


def output(*command):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout
