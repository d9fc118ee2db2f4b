#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs tools that read the sources, each over each file that is its business, and counts.

    analyze.py lint | analyze [--database FILE] [--result FILE] [--tool TOOL]... [PATH]...

A case is one tool on one file; PATHs (files or folders) choose among them. Whatever a tool prints is a finding, unless it
belongs to one of its notes. The files in planted/ have a bug each, which the tools that they name must notice. The last lines
name what failed: "FAIL TOOL FILE"."""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time

import tools

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("suite", choices=sorted(tools.SUITES))
    parser.add_argument("--database", default="build/analysis/compile_commands.json",
                        help="what meson writes: how each C file is compiled")
    parser.add_argument("--result", help="where to write 'PASSED FAILED'")
    parser.add_argument("--tool", action="append", help="only this one")
    parser.add_argument("paths", nargs="*", help="only these files, or those below these folders")
    return parser.parse_intermixed_args()


def chosen(path, paths):
    return not paths or any(path == wish or path.startswith(wish + "/") for wish in paths)


def run(case):
    """What is wrong with the file by the tool: nothing, when all is well."""
    start = time.monotonic()
    done = subprocess.run(case.command, cwd=case.folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    said = case.tool.findings(done.stdout)
    if done.returncode < 0 or (done.returncode > 0 and not done.stdout.strip()):
        said += f"{case.tool.name} ended with status {done.returncode} on {case.path}\n"
    if case.planted:
        said = "" if said else f"{case.path}: {case.tool.name} does not notice the bug in it\n"
    return case, said, time.monotonic() - start


class Report:
    """Counts, and prints each finding once: many files include the header that it is in."""

    def __init__(self):
        self.failed = []
        self.seconds = {}
        self.passed = {}
        self.printed = set()

    def take(self, case, said, seconds):
        name = case.tool.name
        self.seconds[name] = self.seconds.get(name, 0) + seconds
        self.passed.setdefault(name, 0)
        if not said:
            self.passed[name] += 1
            return
        self.failed.append(f"{name} {case.path}")
        if said not in self.printed:
            self.printed.add(said)
            print(said.rstrip("\n"), flush=True)

    def close(self, result):
        for name, passed in self.passed.items():
            failed = sum(line.startswith(name + " ") for line in self.failed)
            print(f"{name}: {passed} files passed, {failed} failed; "
                  f"{self.seconds[name]:.0f} s of work")
        for line in sorted(self.failed):
            print(f"FAIL {line}")
        if result:
            pathlib.Path(result).write_text(f"{sum(self.passed.values())} {len(self.failed)}\n")


def main():
    wanted = arguments()
    os.chdir(ROOT)
    os.environ["LC_ALL"] = "C.UTF-8"
    paths = [os.path.relpath(path, ROOT) for path in wanted.paths]
    sources = tools.Sources(ROOT, wanted.database)
    cases = [case for tool in tools.SUITES[wanted.suite]
             if not wanted.tool or tool.name in wanted.tool
             for case in tool.cases(sources) if chosen(case.path, paths)]
    if not cases:
        sys.exit("nothing to look at: no tool of that name, or none for these files")
    report = Report()
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for case, said, seconds in pool.map(run, cases):
            report.take(case, said, seconds)
    report.close(wanted.result)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
