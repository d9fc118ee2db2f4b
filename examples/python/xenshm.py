# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small client of xenshmd, to be copied: JSON-RPC over its socket, and the bytes of a segment. It
needs nothing but Python's standard library (3.9).

    client = Client()
    print(client.call("guest.attach", guest="guest1", size=4096)["guest_address"])
    with Mapping(client, "guest1-0") as mapping:
        mapping.words[0] = 1
"""

import array
import json
import mmap
import os
import socket

SOCKET = os.environ.get("XENSHM_SOCKET", "/run/xenshmd/xenshmd.sock")


class Refused(Exception):
    """The daemon refused. `name` never changes its meaning, the text is for people."""

    def __init__(self, error):
        self.name = error["data"]["name"]
        self.hint = error["data"]["hint"]
        super().__init__(f"{error['message']} ({self.name}); {self.hint}")


class Lost(ConnectionError):
    """The connection is over, or events were: connect again, subscribe again, list again."""


class Client:
    """JSON-RPC 2.0 over the daemon's socket, a message a line."""

    def __init__(self, path=SOCKET):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.buffer = b""
        self.descriptors = []
        self.events = []
        self.last_id = 0
        self.socket.connect(path)

    def close(self):
        self.socket.close()
        while self.descriptors:
            os.close(self.descriptors.pop())

    def call(self, method, **params):
        """The result of a method. Events that come before it are kept for next_event()."""
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        self._send(json.dumps(request).encode() + b"\n")
        while True:
            message = self._read()
            # Without an id: it could not be read, or the connection was turned away.
            if message.get("id") == self.last_id or ("error" in message and message["id"] is None):
                break
            self._keep(message)
        if "error" in message:
            raise Refused(message["error"])
        return message["result"]

    def next_event(self, wait=True):
        """The next event; None when there is none and we do not wait."""
        while not self.events:
            if not wait and b"\n" not in self.buffer:
                return None
            self._keep(self._read())
        event = self.events.pop(0)
        if event["type"] == "overflow":
            raise Lost("events came faster than they were read")
        return event

    def open_segment(self, name):
        """Where a segment is in which file: the result of segment.open, and a descriptor to close."""
        where = self.call("segment.open", name=name)
        return where, self.descriptors.pop(0)

    def _keep(self, message):
        if message.get("method") == "event":
            self.events.append(message["params"])

    def _send(self, line):
        try:
            self.socket.sendall(line)
        except ConnectionError:
            pass  # the daemon may have said why before: reading finds out

    def _receive(self):
        try:
            return socket.recv_fds(self.socket, 65536, 1)
        except ConnectionError:
            pass  # comes once where our request was not read, and before what was sent to us
        try:
            return socket.recv_fds(self.socket, 65536, 1)
        except ConnectionError as reason:
            raise Lost(str(reason)) from None

    def _read(self):
        while b"\n" not in self.buffer:
            data, descriptors, _, _ = self._receive()
            if not data:
                raise Lost("xenshmd has closed the connection")
            self.buffer += data
            self.descriptors += descriptors
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)


class Mapping:
    """The bytes of a segment, as words of 8 bytes: mapping.words[0] = 1. Nobody else gets the pages
    while `client` is connected.

    On Arm this is Device memory, where only aligned accesses of up to 8 bytes are allowed: one
    element of `words` is one. bytes(words), slices of the mmap and struct.pack_into() copy as
    memcpy() does, and can end the program with SIGBUS."""

    def __init__(self, client, name):
        where, descriptor = client.open_segment(name)
        end = where["offset"] + where["size"]  # a device is mapped from its start
        try:
            self.mmap = mmap.mmap(descriptor, end, offset=where["map_offset"])
        finally:
            os.close(descriptor)
        self.all = memoryview(self.mmap)
        self.part = self.all[where["offset"]:end]
        self.words = self.part.cast("Q")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for view in (self.words, self.part, self.all):
            view.release()
        self.mmap.close()

    def read(self, length):
        """A copy of the first bytes."""
        count = min((length + 7) // 8, len(self.words))
        return array.array("Q", (self.words[i] for i in range(count))).tobytes()[:length]
