# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small xenstored for tests: xenstore's wire protocol (xs_wire.h) over a Unix socket, with
watches, transactions, faults on demand, storms of changes, and an end whenever a test wants it."""

import array
import fcntl
import pathlib
import selectors
import socket
import struct
import termios
import threading

HEADER = struct.Struct("=IIII")  # type, request, transaction, length
DIRECTORY, READ, WATCH, START, END, WRITE, RM, EVENT, ERROR = 1, 2, 4, 6, 7, 11, 13, 15, 16
BACKLOG = 262144  # what waits for a client that does not read
STORM = 0.001  # seconds between two changes in a storm


class Refused(Exception):
    pass


class Client:
    def __init__(self, sock):
        self.socket = sock
        self.incoming = b""
        self.outgoing = b""
        self.watches = []
        self.transactions = {}

    def queue(self, kind, request, transaction, body):
        self.outgoing += HEADER.pack(kind, request, transaction, len(body)) + body

    def has_unread(self):
        size = array.array("i", [0])
        fcntl.ioctl(self.socket, termios.TIOCOUTQ, size)
        return bool(self.outgoing or size[0])

    def event(self, path, token):
        self.queue(EVENT, 0, 0, b"%s\0%s\0" % (path, token))

    def flush(self):
        while self.outgoing:
            try:
                self.outgoing = self.outgoing[self.socket.send(self.outgoing):]
            except BlockingIOError:
                return

    def messages(self):
        """Whole ones of what has come."""
        while len(self.incoming) >= HEADER.size:
            kind, request, transaction, length = HEADER.unpack_from(self.incoming)
            end = HEADER.size + length
            if len(self.incoming) < end:
                return
            body, self.incoming = self.incoming[HEADER.size:end], self.incoming[end:]
            yield kind, request, transaction, body


class Transaction:
    def __init__(self, store):
        self.nodes = dict(store.nodes)
        self.generation = store.generation


class Xenstored:
    """start() and stop() as often as wanted; the nodes stay. `faults`: for a type of request, the
    names of the errors that the next ones get; None there ends the connection instead."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.nodes = {b"/local/domain/1": b"", b"/local/domain/1/name": b"guest1"}
        self.generation = 0
        self.faults = {}
        self.requests = 0
        self.events = 0
        self.storming = False
        self.handlers = {DIRECTORY: self.directory, READ: self.read, WATCH: self.watch,
                         START: self.transaction_start, END: self.transaction_end,
                         WRITE: self.write, RM: self.rm}

    # ---- for tests

    def start(self):
        self.path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.wakeup, self.waker = socket.socketpair()
        self.clients = set()
        self.selector = selectors.DefaultSelector()
        for sock in (self.listener, self.wakeup):
            self.selector.register(sock, selectors.EVENT_READ)
        self.stopping = False
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def stop(self):
        """The socket's file stays, as after a crash."""
        self.stopping = True
        self.wake()
        self.thread.join()
        self.wakeup.close()
        self.waker.close()

    def wake(self):
        self.waker.send(b"x")

    def storm(self, on):
        self.storming = on
        self.wake()

    def change(self, count=1):
        """So many domains have come, all at once."""
        self.waker.send(b"c" * count)

    def all_told(self):
        """Whether the clients have read what was sent to them."""
        return not any(client.has_unread() for client in list(self.clients))

    # ---- the loop

    def serve(self):
        while not self.stopping:
            for key, events in self.selector.select(STORM if self.storming else None):
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj is self.wakeup:
                    for _ in range(self.wakeup.recv(65536).count(b"c")):
                        self.fire(b"@introduceDomain")
                else:
                    self.turn(key.data, events)
            if self.storming:
                self.fire(b"@introduceDomain")
                self.fire(b"@releaseDomain")
            self.send_all()
        for sock in [self.listener] + [client.socket for client in self.clients]:
            sock.close()
        self.selector.close()

    def accept(self):
        sock, _ = self.listener.accept()
        sock.setblocking(False)
        client = Client(sock)
        self.clients.add(client)
        self.selector.register(sock, selectors.EVENT_READ, client)

    def drop(self, client):
        self.clients.discard(client)
        self.selector.unregister(client.socket)
        client.socket.close()

    def turn(self, client, events):
        try:
            data = client.socket.recv(65536) if events & selectors.EVENT_READ else b""
            if events & selectors.EVENT_READ and not data:
                raise ConnectionError
            client.incoming += data
            for message in client.messages():
                self.answer(client, *message)
        except ConnectionError:
            self.drop(client)

    def send_all(self):
        for client in list(self.clients):
            try:
                client.flush()
            except ConnectionError:
                self.drop(client)
                continue
            self.selector.modify(client.socket, selectors.EVENT_READ | (
                selectors.EVENT_WRITE if client.outgoing else 0), client)

    def fire(self, path):
        for client in self.clients:
            for watched, token in client.watches:
                if watched == path and len(client.outgoing) < BACKLOG:
                    client.event(path, token)
                    self.events += 1

    # ---- requests

    def answer(self, client, kind, request, transaction, body):
        self.requests += 1
        try:
            if self.faults.get(kind):
                fault = self.faults[kind].pop(0)
                if fault is None:
                    raise ConnectionError
                raise Refused(fault)
            if transaction and transaction not in client.transactions:
                raise Refused("ENOENT")
            client.queue(kind, request, transaction,
                         self.handlers[kind](client, transaction, body))
            if kind == WATCH:
                client.event(*client.watches[-1])  # one fires when it is set
        except Refused as why:
            client.queue(ERROR, request, transaction, str(why).encode() + b"\0")

    def view(self, client, transaction):
        return client.transactions[transaction].nodes if transaction else self.nodes

    def directory(self, client, transaction, body):
        nodes, path = self.view(client, transaction), body[:-1]
        if path not in nodes:
            raise Refused("ENOENT")
        below = {node[len(path) + 1:].split(b"/")[0] for node in nodes
                 if node.startswith(path + b"/")}
        return b"".join(name + b"\0" for name in sorted(below))

    def read(self, client, transaction, body):
        nodes = self.view(client, transaction)
        if body[:-1] not in nodes:
            raise Refused("ENOENT")
        return nodes[body[:-1]]

    def write(self, client, transaction, body):
        path, value = body.split(b"\0", 1)
        nodes = self.view(client, transaction)
        nodes[path] = value
        while b"/" in path[1:]:
            path = path.rsplit(b"/", 1)[0]
            nodes.setdefault(path, b"")
        self.generation += not transaction
        return b"OK\0"

    def rm(self, client, transaction, body):
        nodes, path = self.view(client, transaction), body[:-1]
        if path not in nodes:
            raise Refused("ENOENT")
        for node in [n for n in nodes if n == path or n.startswith(path + b"/")]:
            del nodes[node]
        self.generation += not transaction
        return b"OK\0"

    def watch(self, client, transaction, body):
        path, token, _ = body.split(b"\0")
        client.watches.append((path, token))
        return b"OK\0"

    def transaction_start(self, client, transaction, body):
        number = self.requests  # no other request has it
        client.transactions[number] = Transaction(self)
        return b"%d\0" % number

    def transaction_end(self, client, transaction, body):
        mine = client.transactions.pop(transaction)
        if body[:1] == b"T":
            if mine.generation != self.generation:
                raise Refused("EAGAIN")
            self.nodes = mine.nodes
            self.generation += 1
        return b"OK\0"
