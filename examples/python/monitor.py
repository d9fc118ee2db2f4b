#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows the segments of xenshmd, again whenever something changes; or the bytes of one of them.

    monitor.py                       the table, until Ctrl-C
    monitor.py --bytes SEGMENT       what is in its first 256 bytes, as Dom0 sees them
"""

import argparse
import sys
import time

from xenshm import SOCKET, Client, Lost, Mapping, Refused


class Monitor:
    """The daemon's segments by name, as segment.list has them, kept up to date."""

    def __init__(self, path=SOCKET):
        self.path = path
        self.client = None
        self.segments = {}

    def start(self):
        """Begins, also after anything was lost: subscribe first, then list, so nothing is missed."""
        if self.client:
            self.client.close()
        self.client = Client(self.path)
        self.client.call("events.subscribe")
        self.segments = {segment["name"]: segment
                         for segment in self.client.call("segment.list")["segments"]}

    def wait(self):
        """Returns after something has changed. Events say which segment; how it is now the daemon
        is asked, once for many events. So there is no need to understand each type."""
        names = set()
        event = self.client.next_event()
        while event:
            names.add(self.name_in(event["object"] or {}))
            event = self.client.next_event(wait=False)
        for name in names - {None}:
            self.refresh(name)

    @staticmethod
    def name_in(thing):
        """An event is about a segment, an attachment, or something else, which we leave alone."""
        return thing["segment"] if "guest_address" in thing else \
            thing["name"] if "host_address" in thing else None

    def refresh(self, name):
        try:
            self.segments[name] = self.client.call("segment.show", name=name)
        except Refused as refused:
            if refused.name != "SEGMENT_UNKNOWN":
                raise
            self.segments.pop(name, None)

    def rows(self):
        for _, segment in sorted(self.segments.items()):
            row = [segment["name"], segment["host_address"], str(segment["size"])]
            for part in segment["attachments"]:
                yield row + [part["guest"]["name"], part["guest_address"], part["state"]]
            if not segment["attachments"]:
                yield row + ["-", "-", segment["state"]]


def show(rows):
    rows = [["SEGMENT", "HOST", "SIZE", "GUEST", "ADDRESS", "STATE"], *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    if sys.stdout.isatty():
        print("\033[H\033[J", end="")
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print(flush=True)


def watch(path):
    monitor = Monitor(path)
    monitor.start()
    while True:
        show(monitor.rows())
        try:
            monitor.wait()
        except Lost as reason:
            print(f"monitor.py: {reason}; once more", file=sys.stderr)
            start_again(monitor)


def start_again(monitor):
    """The daemon may be away for a moment, as when it is upgraded."""
    while True:
        try:
            return monitor.start()
        except OSError:
            time.sleep(1)


def dump(path, name, length):
    client = Client(path)
    with Mapping(client, name) as mapping:
        data = mapping.read(length)
    for offset in range(0, len(data), 16):
        line = data[offset:offset + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        print(f"{offset:08x}  {line.hex(' '):47}  {text}")
    client.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--socket", default=SOCKET)
    parser.add_argument("--bytes", metavar="SEGMENT")
    parser.add_argument("--length", type=int, default=256)
    options = parser.parse_args()
    try:
        if options.bytes:
            dump(options.socket, options.bytes, options.length)
        else:
            watch(options.socket)
    except KeyboardInterrupt:
        pass
    except Refused as refused:
        sys.exit(f"monitor.py: {refused}")
    except OSError as reason:
        sys.exit(f"monitor.py: {options.socket}: {reason}; is xenshmd running?")


if __name__ == "__main__":
    main()
