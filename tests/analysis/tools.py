# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tools of analyze.py: which files each looks at, how it is called, what of its output counts.
What is asked of them is in .clang-format, .clang-tidy, cppcheck.txt and in the rows below."""

import dataclasses
import json
import os
import pathlib
import shlex
import subprocess

HERE = pathlib.Path(__file__).resolve().parent

# C that meson does not compile: programs of the lab, and what the tests of the library compile.
FLAGS_OF_OTHERS = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Iinclude"]


# Here is a bug in each file, and in its first lines "noticed by: TOOL...".
PLANTED = "tests/analysis/planted/"


def noticing(path):
    return path.read_text().partition("noticed by: ")[2].partition(" */")[0].split()


@dataclasses.dataclass
class Case:
    tool: object
    path: str
    command: list
    folder: str = "."
    planted: bool = False


class Sources:
    """The tracked files, and how each C file is compiled."""

    def __init__(self, root, database):
        self.root = root
        listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                                cwd=root, stdout=subprocess.PIPE, text=True, check=True)
        self.files = sorted(name for name in set(listed.stdout.splitlines())
                            if (root / name).is_file())
        self.database = database
        self._compiled = None

    def ending(self, *endings):
        return [name for name in self.files if name.endswith(endings)]

    def shells(self):
        """Scripts of sh and bash, and what they source."""
        for name in self.files:
            head = (self.root / name).read_bytes()[:400].decode(errors="replace").splitlines()
            if head and not name.endswith(".md") and (
                    head[0] in ("#!/bin/sh", "#!/bin/bash") or
                    any(line.startswith("# shellcheck shell=") for line in head)):
                yield name

    def compiled(self):
        """(path, folder, compiler's options, path from that folder) of each C file, once."""
        if self._compiled is None:
            self._compiled = self._read_database()
        return self._compiled

    def _read_database(self):
        found = {}
        for entry in json.loads(pathlib.Path(self.database).read_text()):
            path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), self.root)
            found.setdefault(path, (entry["directory"], options(shlex.split(entry["command"])[1:]),
                                    entry["file"]))
        for path in self.ending(".c"):
            found.setdefault(path, (".", FLAGS_OF_OTHERS, path))
        tracked = set(self.files)
        return [(path, *how) for path, how in sorted(found.items()) if path in tracked]


def options(words):
    """A compiler's options without what it would write and how far it would go."""
    kept = []
    words = iter(words)
    for word in words:
        if word in ("-o", "-MF", "-MQ"):
            next(words)
        elif word not in ("-c", "-MD", "-Werror", "-fdiagnostics-color=always") and not word.endswith(".c"):
            kept.append(word)
    return kept


class Tool:
    """One that gets a file's name and nothing else; all that it prints counts."""

    def __init__(self, name, command, files):
        self.name = name
        self.command = command
        self.files = files

    def cases(self, sources):
        for path in self.files(sources):
            yield Case(self, path, [*self.command, path])

    def analyses(self, sources, options_of):
        """A case for each C file; options_of(path, compiler's options, name) is the rest of the line."""
        for path, folder, words, name in sources.compiled():
            planted = path.startswith(PLANTED)
            if not planted or self.name in noticing(sources.root / path):
                yield Case(self, path, [*self.command, *options_of(path, words, name)], folder, planted)

    def findings(self, output):
        return output


class Pyflakes(Tool):
    """It does not know the comments that other tools honour."""

    def findings(self, output):
        return "".join(line + "\n" for line in output.splitlines() if not self.allowed(line))

    def allowed(self, finding):
        path, number = finding.split(":")[:2]
        return number.isdigit() and "# noqa" in pathlib.Path(path).read_text().splitlines()[int(number) - 1]


def allowances(path):
    """Options by file."""
    lines = (line.split() for line in path.read_text().splitlines() if not line.startswith("#"))
    return {words[0]: words[1:] for words in lines if words}


class Gcc(Tool):
    """Paths through each function; other than clang's analyzer it knows what _cleanup_() frees."""

    def __init__(self):
        super().__init__("gcc", ["gcc", "-fanalyzer", "-fdiagnostics-plain-output", "-S", "-o", "/dev/null"], None)

    def cases(self, sources):
        allowed = allowances(HERE / "gcc.txt")
        yield from self.analyses(sources, lambda path, words, name: [*words, *allowed.pop(path, []), name])
        if allowed:
            raise SystemExit(f"gcc.txt names what is no C file here: {', '.join(allowed)}")


class ClangTidy(Tool):
    def __init__(self):
        super().__init__("clang-tidy", ["clang-tidy", "--quiet", "--warnings-as-errors=*"], None)

    def cases(self, sources):
        return self.analyses(sources, lambda path, words, name: [name, "--", *words])

    def findings(self, output):
        """Without the count of what it found in the headers of others and does not show."""
        return "".join(line + "\n" for line in output.splitlines()
                       if not line.endswith((" warnings generated.", " warning generated.")))


def macros():
    """The headers of others without whose macros cppcheck cannot read the sources: lists, trees and JSON."""
    names = [*pathlib.Path("/usr/include").glob("*/sys/queue.h"), "/usr/include/bsd/sys/tree.h",
             "/usr/include/jansson.h"]
    return [f"--include={name}" for name in names]


class Cppcheck(Tool):
    """It needs the project's own folders only: what libraries promise is in its --library files."""

    def __init__(self):
        super().__init__("cppcheck", [
            "cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability,style", "--inline-suppr",
            "--error-exitcode=1", "--library=posix,gnu", f"--suppressions-list={HERE}/cppcheck.txt", *macros()], None)

    def cases(self, sources):
        return self.analyses(sources, lambda path, words, name: [*filter(self.wants, words), name])

    @staticmethod
    def wants(word):
        return word.startswith("-D") or (word.startswith("-I") and not word.startswith("-I/"))


SUITES = {
    "lint": [
        Tool("clang-format", ["clang-format", "--dry-run", "-Werror"], lambda sources: sources.ending(".c", ".h")),
        Tool("shellcheck", ["shellcheck", "-x"], Sources.shells),
        Pyflakes("pyflakes", ["pyflakes3"], lambda sources: sources.ending(".py")),
    ],
    "analyze": [ClangTidy(), Gcc(), Cppcheck()],
}
