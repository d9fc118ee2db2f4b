# SPDX-License-Identifier: LGPL-2.1-or-later
"""xenshmd.conf(5) has every key with its default, as 'xenshmd --show-config' tells them from the
daemon's own tables, and xenshmd(8) every option; no others."""

import os
import pathlib
import re
import tempfile
import unittest

from pages import TOP, output, page, plain, program, terms

CONF = page("xenshmd.conf.5")

# What makes the sections appear of which there may be several; only what has to be there.
SECTIONS = "[pool NAME]\nguest-address = 0x3a000000\n[segment NAME]\nsize = 4K\n"
GIVEN = {("pool NAME", "guest-address"), ("segment NAME", "size")}


def shown_keys():
    """{(section, key): default}; "" for what is not set."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "conf"
        path.write_text(SECTIONS, encoding="utf-8")
        text = output(program("XENSHMD_SIM"), "--show-config", "--config", path)
    keys, section = {}, None
    for line in text.split("\n"):
        if line.startswith("["):
            section = line.strip("[]")
        elif line:
            key, value = re.fullmatch(r"(?:; )?([\w-]+) =(?: (.*))?", line).groups()
            keys[section, key] = value or ""
    return keys


def listed_keys():
    """{(section, key): default} of the page."""
    keys = {}
    for title, lines in CONF.sections.items():
        if title.startswith("["):
            for term in terms(lines):
                key, value = plain(term).split("=")
                keys[title.strip("[]"), key.strip()] = value.strip()
    return keys


class Keys(unittest.TestCase):
    maxDiff = None

    def test_keys_and_defaults(self):
        shown, listed = shown_keys(), listed_keys()
        self.assertEqual(list(listed), list(shown))
        for key, default in shown.items():
            if key not in GIVEN:
                self.assertEqual(listed[key], default, key)

    def test_what_waits_for_the_next_start(self):
        """The keys of which a reload warns."""
        source = (TOP / "daemon" / "reload.c").read_text(encoding="utf-8")
        warned = set()
        for text in re.findall(r'warn_of_restart\("(.*?)"\)', source):
            section, key = re.fullmatch(r"\[(\w+).*?\] ([\w-]+)", text).groups()
            warned.add((section, key))
        marked = set()
        for title, lines in CONF.sections.items():
            if title.startswith("["):
                text = "\n".join(lines)
                for term in terms(lines):
                    rest = text.split(term, 1)[1].split("\n\n")[0]
                    if rest.rstrip().endswith("[start]"):
                        marked.add((title.strip("[]").split(" ")[0],
                                    plain(term).split("=")[0].strip()))
        self.assertEqual(marked, warned)


def help_options(program_name):
    """The options that --help tells, with their values."""
    found = set()
    for line in output(program_name, "--help").split("\n"):
        match = re.match(r"  (--\S.*?)(?:  +|$)", line)
        if match:
            # "--guest NAME[:MEMORY]...  text", "--help, --version    text"
            found |= set(re.sub(r" print and exit$", "", match[1]).split(", "))
    return found


def source_options(*files):
    return {option for file in files
            for option in re.findall(r'"(--[a-z-]+)"', (TOP / "daemon" / file).read_text("utf-8"))}


def listed_options(name):
    return {option for term in terms(page(name).sections["OPTIONS"])
            for option in plain(term).split(", ")}


class Options(unittest.TestCase):
    maxDiff = None

    def test_common_options(self):
        own = listed_options("xenshmd-sim.8")
        self.assertEqual(listed_options("xenshmd.8"),
                         help_options(program("XENSHMD_SIM")) - own)

    def test_options_of_the_simulator(self):
        listed = listed_options("xenshmd-sim.8")
        self.assertEqual({option.split(" ")[0] for option in listed},
                         source_options("main_sim.c"))
        self.assertLessEqual(listed, help_options(program("XENSHMD_SIM")))

    @unittest.skipUnless(os.environ.get("XENSHMD"), "built without Xen")
    def test_options_of_xenshmd(self):
        self.assertEqual(listed_options("xenshmd.8"), help_options(program("XENSHMD")))

    def test_the_help_has_all_that_is_read(self):
        self.assertEqual({option.split(" ")[0] for option in listed_options("xenshmd.8")},
                         source_options("options.c"))

    def test_environment(self):
        read = {name for folder in ("daemon", "common") for source in (TOP / folder).rglob("*.c")
                for name in re.findall(r'getenv\("(\w+)"\)', source.read_text(encoding="utf-8"))}
        self.assertEqual({plain(term) for term in terms(page("xenshmd.8").sections["ENVIRONMENT"])},
                         read)

    def test_exit_status(self):
        source = (TOP / "daemon" / "options.c").read_text(encoding="utf-8")
        numbers = re.findall(r"STATUS_\w+ = (\d)", source)
        self.assertEqual([plain(term) for term in terms(page("xenshmd.8").sections["EXIT STATUS"])],
                         numbers)
