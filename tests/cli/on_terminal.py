# SPDX-License-Identifier: LGPL-2.1-or-later
"""on_terminal.py COLUMNS COMMAND...: runs a command on a terminal of so many columns (0: it does not
tell), and prints what came there. Fails when a line is longer, or has a control character that is
no colour. The exit status is the command's otherwise."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import unicodedata

COLOUR = re.compile(r"\x1b\[[0-9]*m")


def width(text):
    """Columns, by another table than the program's."""
    return sum(0 if unicodedata.combining(c) or unicodedata.category(c) == "Cf" else
               2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def run(columns, command):
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execvp(command[0], command)
    output = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # EIO: its other end is closed
            break
        if not piece:
            break
        output += piece
    return output.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main():
    columns = int(sys.argv[1])
    output, status = run(columns, sys.argv[2:])
    limit = int(os.environ.get("COLUMNS") or columns or 80)
    sys.stdout.write(output.replace("\r\n", "\n"))
    for line in COLOUR.sub("", output).split("\r\n"):
        if width(line) > limit:
            sys.exit(f"longer than {limit} columns: {line}")
        if any(unicodedata.category(c) == "Cc" for c in line):
            sys.exit(f"control characters: {line!r}")
    sys.exit(status)


main()
