# SPDX-License-Identifier: LGPL-2.1-or-later
"""What systemd does with xenshm-builder.socket (Accept=yes) and xenshm-builder@.service: a builder
for each connection, with that as descriptor 3. For tests of a daemon with --builder-socket."""

import contextlib
import fcntl
import os
import pathlib
import signal
import socket
import threading

from harness import PATIENCE, wait_until

BUILDER = os.environ.get("XENSHM_BUILDER_SIM", "xenshm-builder-sim")


class Systemd:
    """Listens in `folder`. What builders say goes to `log`, as to their unit's journal."""

    def __init__(self, folder, program=BUILDER):
        self.path = pathlib.Path(folder) / "builder.sock"
        self.log = pathlib.Path(folder) / "builders.log"
        self.program = program
        self.lock = threading.Lock()
        self.accepted = 0
        self.running = set()  # processes of builders that are not reaped
        self.statuses = []  # of those that were
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listening.bind(str(self.path))
        self.path.chmod(0o600)
        self.listening.listen(128)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:  # closed
                return
            with connection, self.lock:
                self.accepted += 1
                with contextlib.suppress(FileNotFoundError):
                    self.running.add(self.spawn(connection.fileno()))

    def spawn(self, fd):
        """The connection is closed with the block of its caller: the builder alone has it."""
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100)
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            return os.posix_spawnp(
                self.program, [self.program, "--service"],
                {**os.environ, "LISTEN_FDS": "1", "JOURNAL_STREAM": "1:1"}, setsid=True,
                setsigmask=[], setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP],
                file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                              (os.POSIX_SPAWN_OPEN, 1, str(self.log), append, 0o600),
                              (os.POSIX_SPAWN_DUP2, 1, 2), (os.POSIX_SPAWN_DUP2, high, 3)])
        finally:
            os.close(high)

    def children(self):
        """The processes of builders that are there; each is the keeper of another one."""
        with self.lock:
            for pid in list(self.running):
                gone, status = os.waitpid(pid, os.WNOHANG)
                if gone:
                    self.running.remove(pid)
                    self.statuses.append(os.waitstatus_to_exitcode(status))
            return list(self.running)

    def log_text(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def stop(self):
        """As `systemctl stop xenshm-builder.socket`: builders go on."""
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(PATIENCE)
        self.path.unlink(missing_ok=True)

    def close(self):
        self.stop()
        for pid in self.children():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.children(), "no builder is left")


class ServiceMixin:
    """For a test that begins daemons: their builders are systemd's."""

    systemd = None

    def begin(self, *options):
        if not self.systemd:
            self.systemd = Systemd(self.folder)
            self.addCleanup(self.systemd.close)
        super().begin("--builder-socket", self.systemd.path, *options)
        self.daemon.children = self.systemd.children

    def diagnostics(self):
        return super().diagnostics() + "--- builders ---\n" + self.systemd.log_text()[-4000:]
