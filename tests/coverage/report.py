#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which lines of the C code the tests have run, from the counters that they left in a build with
-Db_coverage=true. What only runs on real Xen is left out. Exit status 1: less than the limit."""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

FOLDERS = ("common", "daemon", "client")
JUDGED = ("common", "daemon", "daemon/builder")

# Only with Xen's libraries: the lab runs them.
REAL_XEN = (r"daemon/hypervisor_xen.*", r"daemon/builder/backend_xen.*", r"daemon/main\.c")


def gcovr(build, *options):
    # The folder to search is given too: else gcovr looks at all builds below the root. One process:
    # 5.2 never ends when one of several fails.
    command = ["gcovr", "--root", ROOT, build, "--exclude-throw-branches", *options]
    for folder in FOLDERS:
        command += ["--filter", f"{ROOT}/{folder}/"]
    for pattern in REAL_XEN:
        command += ["--exclude", f"{ROOT}/{pattern}"]
    subprocess.run(command, cwd=build, check=True, stderr=subprocess.PIPE, text=True)


def measure(build, html):
    """[(file, lines, lines run, branches, branches taken)]"""
    with tempfile.TemporaryDirectory() as folder:
        summary = pathlib.Path(folder) / "summary.json"
        options = ["--html-details", html] if html else []
        gcovr(build, "--json-summary", summary, *options)
        files = json.loads(summary.read_text(encoding="utf-8"))["files"]
    return [(file["filename"], file["line_total"], file["line_covered"], file["branch_total"],
             file["branch_covered"]) for file in files]


def percent(part, whole):
    return 100 * part / whole if whole else 100.0


def row(name, sums):
    lines, run, branches, taken = sums
    return (f"{name:<24}{run:>7} of {lines:>6} lines {percent(run, lines):>6.1f}%"
            f"{taken:>8} of {branches:>6} branches {percent(taken, branches):>6.1f}%")


def by_folder(files):
    sums = collections.defaultdict(lambda: [0, 0, 0, 0])
    for name, *counts in files:
        folder = sums[str(pathlib.PurePath(name).parent)]
        for i, count in enumerate(counts):
            folder[i] += count
    return sums


def report(files, limit):
    """Prints the tables. Returns whether enough was run."""
    sums = by_folder(files)
    for folder in sorted(sums):
        print(row(folder, sums[folder]))
    print("most lines that were not run:")
    for name, lines, run, *_ in sorted(files, key=lambda file: file[2] - file[1])[:10]:
        print(f"  {lines - run:>4} of {lines:>4}  {name}")
    total = [sum(column) for column in zip(*(sums[folder] for folder in JUDGED if folder in sums))]
    print(row("common/ and daemon/", total or [0, 0, 0, 0]))
    return bool(total) and total[1] > 0 and percent(total[1], total[0]) >= limit


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path, help="the build's folder")
    parser.add_argument("--limit", type=float, default=90, help="lines in percent (90)")
    parser.add_argument("--html", metavar="FILE", help="pages to look at, too")
    options = parser.parse_args()
    if next(options.build.rglob("*.gcda"), None) is None:
        print(f"{options.build} has no counters: it was built without -Db_coverage=true, or no test has "
              "been run since; remove it and run ./dev coverage")
        return 1
    try:
        files = measure(options.build.resolve(), options.html and pathlib.Path(options.html).resolve())
    except subprocess.CalledProcessError as why:
        print(f"gcovr failed: {why.stderr}")
        return 1
    return 0 if report(files, options.limit) else 1


if __name__ == "__main__":
    sys.exit(main())
