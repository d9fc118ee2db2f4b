# SPDX-License-Identifier: LGPL-2.1-or-later
"""What memcheck has left in its folder: errors, leaks, and descriptors that are open at an orderly
end but were not before. Prints what there is to say of each process; exit status 1 if anything."""

import pathlib
import re
import sys

NOISE = re.compile(r"^==\d+== ?", re.M)
OPEN = re.compile(r"^Open (?:file descriptor|AF_\w+ socket) \d+:.*\n(?:(?!Open ).*\n)*", re.M)


def descriptors_left(text):
    """The paragraphs on descriptors that are the process's own."""
    return [found.group() for found in OPEN.finditer(text)
            if "<inherited from parent>" not in found.group()]


def complaints(path):
    """What is wrong with one process, as text; its own descriptors count only at an orderly end."""
    text = NOISE.sub("", path.read_text(errors="replace"))
    trouble = OPEN.sub("", re.sub(r"^FILE DESCRIPTORS:.*\n", "", text, flags=re.M)).strip()
    return ([trouble] if trouble else []) + descriptors_left(text)


def judge(folder):
    """{log: complaints} of those that have any."""
    found = {path.name: complaints(path) for path in sorted(pathlib.Path(folder).glob("*.log"))}
    return {name: what for name, what in found.items() if what}


if __name__ == "__main__":
    bad = judge(sys.argv[1])
    for name, what in bad.items():
        print(f"memcheck, {name}:", *what, sep="\n")
    sys.exit(1 if bad else 0)
