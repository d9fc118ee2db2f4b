# SPDX-License-Identifier: LGPL-2.1-or-later
"""xenshmctl(1) has every command, form and option of the table that xenshmctl itself is made of
('help --json'), and no others; so have the command lines that the documents show."""

import json
import re
import shlex
import unittest

from pages import DOCS, TOP, output, page, plain, program, terms

TABLE = json.loads(output(program("XENSHMCTL"), "--json", "help"))
COMMANDS = {command["name"]: command for command in TABLE["commands"]}
PAGE = page("xenshmctl.1")


def shown(option):
    """As in the help: "-o, --output FILE"."""
    letter = f"-{option['letter']}, " if "letter" in option else ""
    value = f" {option['value']}" if "value" in option else ""
    return f"{letter}--{option['name']}{value}"


def listed_options(lines):
    return sorted(plain(term) for term in terms(lines) if plain(term).startswith("-"))


def listed_forms(lines):
    """The first paragraph, a form between two breaks."""
    text = "\n".join(lines).strip().split("\n\n")[0]
    return [plain(" ".join(form.split())) for form in text.split("++\n")]


class Manual(unittest.TestCase):
    maxDiff = None

    def test_commands(self):
        self.assertEqual(list(PAGE.subsections), list(COMMANDS))

    def test_forms(self):
        for name, lines in PAGE.subsections.items():
            with self.subTest(command=name):
                self.assertEqual([form.strip() for form in listed_forms(lines)],
                                 [f"xenshmctl {name} {form}".strip()
                                  for form in COMMANDS[name]["forms"]])

    def test_options(self):
        for name, lines in PAGE.subsections.items():
            with self.subTest(command=name):
                self.assertEqual(listed_options(lines),
                                 sorted(shown(option) for option in COMMANDS[name]["options"]))

    def test_global_options(self):
        self.assertEqual(listed_options(PAGE.sections["OPTIONS"]),
                         sorted(shown(option) for option in TABLE["options"]))

    def test_exit_status(self):
        told = re.search(r"Exit status: (.+)\.", output(program("XENSHMCTL"), "help"))[1]
        self.assertEqual([plain(term) for term in terms(PAGE.sections["EXIT STATUS"])],
                         [part.split(" ")[0] for part in told.split(", ")])

    def test_environment(self):
        read = {name for source in (TOP / "client").glob("*.c")
                for name in re.findall(r'getenv\("(\w+)"\)', source.read_text(encoding="utf-8"))}
        self.assertEqual({plain(term) for line in terms(PAGE.sections["ENVIRONMENT"])
                          for term in line.split(", ")}, read)


def command_lines(text):
    """What begins with xenshmctl in blocks of code: the words of each command."""
    code, text = False, text.replace("\\\n", " ")
    for line in text.split("\n"):
        if line.strip().startswith("```"):
            code = not code
        elif code:
            for match in re.finditer(r"(?:^|[|;&(#$] *|dom0# )xenshmctl ([a-z-][^|;&<>)]*)", line):
                try:
                    yield line, shlex.split(match[1])
                except ValueError:
                    continue  # a quotation goes on in the next line


def names(words):
    """(command, options) of the words of a line."""
    options, arguments, valued = [], [], {"--socket", "--timeout", "--host"}
    words = iter(words)
    for word in words:
        if word.startswith("-") and len(word) > 1 and not arguments:
            options.append(word.split("=")[0])
            if word in valued:
                next(words, None)
        elif word.startswith("-") and len(word) > 1:
            options.append(word.split("=")[0])
        else:
            arguments.append(word)
    two = " ".join(arguments[:2])
    return (two if two in COMMANDS else "".join(arguments[:1])), options


class Examples(unittest.TestCase):
    """Command lines in the documents exist."""

    def check(self, path):
        for line, words in command_lines(path.read_text(encoding="utf-8")):
            name, options = names(words)
            with self.subTest(file=path.name, line=line):
                self.assertIn(name, {*COMMANDS, ""})
                known = TABLE["options"] + COMMANDS.get(name, {"options": []})["options"]
                have = {f"--{option['name']}" for option in known}
                have |= {f"-{option['letter']}" for option in known if "letter" in option}
                self.assertLessEqual(set(options), have)

    def test_documents(self):
        for path in [TOP / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("*.scd")),
                     *sorted((TOP / "examples").glob("*.md"))]:
            self.check(path)

    def test_there_are_some(self):
        self.assertGreater(len(list(command_lines(PAGE.text))), 5)
