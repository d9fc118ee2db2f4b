# SPDX-License-Identifier: LGPL-2.1-or-later
"""Options and configuration, daemons in each other's way, strange things where the socket is to be,
and stopping in the middle of work."""

import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import time

from harness import (KIB, MIB, PAGE, PATIENCE, XENSHMD_SIM, Client, DaemonTest, FolderTest, number,
                     wait_until)

GOOD = """
; a comment
[daemon]
state-dir = {folder}/elsewhere
socket = {folder}/own.sock
log-level = debug
holder-wait = 7
restart-grace = 0
unknown-holders = ignore
operate-group = daemon
read-group = bin
[limits]
connections = 10
segments = 11
attachments = 12
operations = 13
[pools]
names = shared_mem*, other
compatibles = vendor,none
[pool shared_mem]
guest-address = 0x3b000000
[segment standing]
size = 64K
pool = shared_mem
align = 2M
guests = gone, 11111111-2222-3333-4444-555555555555
address = identity
"""


class CommandTest(FolderTest):
    def run_daemon(self, *options):
        """One that is to end by itself: (status, stdout, stderr)."""
        done = subprocess.run([XENSHMD_SIM] + [str(option) for option in options],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        self.assertNotIn("Sanitizer", done.stderr)
        self.assertNotIn("runtime error", done.stderr)
        return done.returncode, done.stdout, done.stderr

    def config_file(self, text, name="test.conf"):
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def check_config(self, text):
        return self.run_daemon("--check-config", "--config", self.config_file(text))


class Options(CommandTest):
    def test_version(self):
        status, out, err = self.run_daemon("--version")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, rf"\A{re.escape(XENSHMD_SIM)} \d+\.\d+\.\d+\n\Z")
        with Client(self.start().socket_path) as client:
            self.assertEqual(client.call("daemon.status")["version"], out.split()[1])

    def test_help(self):
        status, out, err = self.run_daemon("--help")
        self.assertEqual((status, err), (0, ""))
        for option in ("--config", "--check-config", "--show-config", "--socket", "--builder-socket", "--state-dir", "--log-level",
                       "--version", "--help", "--guest", "--pool", "--world"):
            self.assertRegex(out, rf"(?m)(^  |, ){option}\b")

    def test_wrong_options(self):
        for options in (["--nonsense"], ["--nonsense", "1"], ["--log-level", "loud"],
                        ["--log-level"], ["--socket"], ["--socket="], ["--state-dir", ""],
                        ["--config"], ["--config="], ["argument"], ["--log-level", "info", "more"],
                        ["--pool", "0"], ["--pool", "x"], ["--pool", "=4K"], ["--pool", "-4K"],
                        ["--pool", "a b=4K"], ["--guest", ":64M"], ["--guest", "a:b"], ["-x"],
                        ["--pool"] + ["4K"] * 17):
            with self.subTest(options=options):
                status, out, err = self.run_daemon("--state-dir", self.folder / "state", *options)
                self.assertIn(status, (1, 2) if options[0].startswith("--config") else (2,))
                self.assertEqual(out, "")
                self.assertRegex(err, rf"\A{re.escape(XENSHMD_SIM)}: .+\n\Z")
                self.assertFalse((self.folder / "state").exists())

    def test_both_forms(self):
        daemon = self.launch("--guest=alpha", "--pool=low=8K", "16K")
        daemon.wait_ready()
        with Client(daemon.socket_path) as client:
            self.assertEqual([pool["name"] for pool in client.call("pool.list")["pools"]],
                             ["shared_mem1", "low"])
            self.assertEqual(client.call("guest.attach", guest="alpha", size=PAGE)["pool"],
                             "shared_mem1")

    def test_log_levels(self):
        for level, attached, refused in (("error", False, False), ("warning", False, False),
                                         ("info", True, False), ("debug", True, True)):
            with self.subTest(level=level):
                daemon = self.start("--log-level", level, "--guest", "alpha")
                with Client(daemon.socket_path) as client:
                    client.call("guest.attach", guest="alpha", size=PAGE)
                    client.request("guest.attach", guest="nobody", size=PAGE)
                    client.read()
                self.check_end(daemon)
                self.assertEqual("attached" in daemon.log(), attached)
                self.assertEqual("is refused" in daemon.log(), refused)

    def test_relative_paths(self):
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        daemon = self.start("--state-dir", "state", "--socket", "state/xenshmd.sock")
        self.assertTrue((self.folder / "state" / "segments").is_dir())
        self.check_end(daemon)


class Configuration(CommandTest):
    def test_a_good_one(self):
        status, out, err = self.check_config(GOOD.format(folder=self.folder))
        self.assertEqual((status, out, err), (0, "", ""))
        # Nothing was begun.
        self.assertEqual([path.name for path in self.folder.iterdir()], ["test.conf"])

    def test_an_empty_one(self):
        for text in ("", "\n\n", "; nothing\n", "# nothing\n", "[daemon]\n", "\ufeff[daemon]\n"):
            with self.subTest(text=text):
                self.assertEqual(self.check_config(text), (0, "", ""))

    def test_is_obeyed(self):
        daemon = self.launch("--guest", "alpha", config=GOOD.format(folder=self.folder))
        daemon.socket_path = self.folder / "own.sock"
        daemon.wait_ready()
        with Client(daemon.socket_path) as client:
            limits = client.call("daemon.status")["limits"]
            self.assertEqual((limits["connections"], limits["segments"],
                              limits["attachments_per_guest"], limits["operations"]),
                             (10, 11, 12, 13))
            self.assertEqual(client.call("guest.attach", guest="alpha", size=PAGE)["guest_address"],
                             "0x3b000000")
            self.assertEqual(client.call("pool.list")["pools"][0]["guest_address"], "0x3b000000")
        # An option stands above the file.
        self.assertTrue((self.folder / "state" / "segments" / "alpha-0.json").exists())
        self.assertFalse((self.folder / "elsewhere").exists())

    def test_state_dir_of_the_file(self):
        path = self.config_file(f"[daemon]\nstate-dir = {self.folder}/elsewhere\n")
        process = self.spawn([XENSHMD_SIM, "--config", path], stderr=subprocess.DEVNULL)
        wait_until(lambda: connects(self.folder / "elsewhere" / "xenshmd.sock"), "it listens")
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_bad_ones(self):
        """File, line and key are named."""
        for line, key, text in (
                (1, "nonsense", "nonsense = 1\n"),
                (1, None, "nonsense\n"),
                (2, None, "[daemon]\nsocket\n"),
                (1, None, "[daemon\nsocket = /x\n"),
                (3, "nonsense", "[daemon]\nlog-level = info\nnonsense = 1\n"),
                (2, "Log-Level", "[daemon]\nLog-Level = info\n"),
                (2, "connections", "[daemon]\nconnections = 5\n"),
                (2, "socket", "[nonsense]\nsocket = /x\n"),
                (2, "log-level", "[daemon]\nlog-level = loud\n"),
                (2, "log-level", "[daemon]\nlog-level =\n"),
                (2, "state-dir", "[daemon]\nstate-dir =\n"),
                (2, "unknown-holders", "[daemon]\nunknown-holders = maybe\n"),
                (2, "guest-address", "[pool a]\nguest-address = 3a000000\n"),
                (2, "guest-address", "[pool a]\nguest-address = 0x3a000800\n"),
                (2, "guest-address", "[pool a]\nguest-address = 0x0\n"),
                (2, "guest-address", "[pool a]\nguest-address = 0x11111111111111000\n"),
                (2, "place", "[pool a]\nplace = 0x3a000000\n"),
                (2, "restart-grace", "[daemon]\nrestart-grace = 3601\n"),
                (1, "segment", "[segment ]\n"),
                (1, "segment", "[segment a b]\nsize = 4K\n"),
                (3, "segment", "[segment a]\nsize = 4K\n[segment a]\nsize = 4K\n"),
                (2, "size", "\n[segment a]\n"),
                (2, "size", "[segment a]\nsize = 0\n"),
                (3, "align", "[segment a]\nsize = 4K\nalign = 5K\n"),
                (3, "pool", "[segment a]\nsize = 4K\npool =\n"),
                (3, "guests", "[segment a]\nsize = 4K\nguests = a, a\n"),
                (3, "guests", "[segment a]\nsize = 4K\nguests = Domain-0\n"),
                (3, "address", "[segment a]\nsize = 4K\naddress = 0x800\n"),
                (3, "nonsense", "[segment a]\nsize = 4K\nnonsense = 1\n"),
                (5, "segments", "[limits]\n\n; five\n\nsegments = five\n")):
            with self.subTest(text=text):
                self.assert_bad(text, line, key)

    def assert_bad(self, text, line, key):
        status, out, err = self.check_config(text)
        self.assertEqual((status, out), (1, ""))
        self.assertIn(f"{self.folder}/test.conf:{line}: ", err)
        self.assertIn("CONFIG_INVALID", err)
        self.assertEqual(err.count("\n"), 1)
        if key:
            self.assertIn(f": {key}: ", err)

    def test_bad_numbers(self):
        for value in ("0", "-1", "1.5", "1e3", "0x10", "ten", "1000001", "99999999999999999999",
                      "1 2", "+1", "1K"):
            for key in ("connections", "segments", "attachments", "operations"):
                with self.subTest(key=key, value=value):
                    self.assert_bad(f"[limits]\n{key} = {value}\n", 2, key)
        for value in ("-1", "1.5", "3601", "ten", "1s"):
            with self.subTest(value=value):
                self.assert_bad(f"[daemon]\nholder-wait = {value}\n", 2, "holder-wait")

    def test_the_first_fault_is_told(self):
        self.assert_bad("[daemon]\nfirst = 1\nsecond = 2\n", 2, "first")

    def test_indented_lines(self):
        """They are lines like any other, and no more of the value before them."""
        status, _, err = self.check_config("  [daemon]\n\tlog-level = info\n  holder-wait = x\n")
        self.assertEqual(status, 1)
        self.assertIn(":3: holder-wait: ", err)
        daemon = self.start("--pool", "16K", config=" [limits]\n  segments = 5\n"
                            "  attachments = 6\n\t[daemon]\n  ; a comment\n log-level = debug\n")
        with Client(daemon.socket_path) as client:
            limits = client.call("daemon.status")["limits"]
            self.assertEqual((limits["segments"], limits["attachments_per_guest"]), (5, 6))

    def test_sections(self):
        self.assert_bad("[daemon]\nlog-level = info\n[limits]\nlog-level = info\n", 4, "log-level")
        self.assert_bad("[pool]\nguest-address = 0x3a000000\n", 2, "guest-address")
        self.assert_bad("[]\nlog-level = info\n", 2, "log-level")
        self.assertEqual(self.check_config("[daemon] ; comment\nlog-level = info ; comment\n"),
                         (0, "", ""))

    def test_a_pool_twice(self):
        daemon = self.start("--pool", "16K", config="[pool shared_mem]\n"
                            "guest-address = 0x3b000000\nguest-address = 0x3c000000\n")
        with Client(daemon.socket_path) as client:
            self.assertEqual(client.call("pool.list")["pools"][0]["guest_address"], "0x3c000000")

    def test_a_wrong_line_and_a_wrong_key(self):
        self.assert_bad("nonsense\n[daemon]\nnonsense = 1\n", 1, None)
        self.assertNotIn("nonsense", self.check_config("x\n[daemon]\nnonsense = 1\n")[2])

    def test_long_lines(self):
        """What is behind the end of inih's buffer must not become a line of its own."""
        for filler in (150, 180, 190, 195, 198, 199, 200, 201, 205, 250, 395, 400, 1000):
            with self.subTest(comment=filler):
                path = self.config_file("; " + "x" * filler + " log-level = loud\n[daemon]\n")
                status, _, err = self.run_daemon("--check-config", "--config", path)
                self.assertEqual((status, err), (0, ""))

    def test_long_values(self):
        for length in (150, 185, 190, 250, 400):
            with self.subTest(length=length):
                path = str(self.folder / "s") + "x" * length
                status, _, err = self.check_config(f"[daemon]\nstate-dir = {path}\n")
                self.assertTrue(status == 0 or ":2:" in err, (length, status, err))

    def test_long_pool_names(self):
        name = "p" * 63
        daemon = self.start("--pool", f"{name}=8K", "--guest", "alpha",
                            config=f"[pool {name}]\nguest-address = 0x3c000000\n")
        with Client(daemon.socket_path) as client:
            self.assertEqual(client.call("guest.attach", guest="alpha", size=PAGE)["guest_address"],
                             "0x3c000000")

    def test_binary_rubbish(self):
        for text in (b"\x00", b"\x00" * 1000, b"\xff\xfe[\x00d\x00", bytes(range(256)) * 4,
                     b"[" * 10000, b"=" * 10000, b"[daemon]\nlog-level = in\x00fo\n"):
            with self.subTest(text=text[:10]):
                status, out, err = self.check_config(text)
                self.assertEqual((status, out), (1, ""))
                self.assertIn("CONFIG_INVALID", err)

    def test_files_that_cannot_be_read(self):
        missing = self.folder / "missing.conf"
        for path, why in ((missing, "No such file"), (self.folder, "directory"),
                          (missing / "x", "No such file"), ("/", "directory")):
            with self.subTest(path=str(path)):
                status, out, err = self.run_daemon("--check-config", "--config", path)
                self.assertEqual((status, out), (1, ""))
                self.assertIn(str(path), err)
                self.assertIn(why, err)

    def test_a_bad_one_starts_nothing(self):
        daemon = self.launch(config="[daemon]\nnonsense = 1\n")
        self.assertEqual(daemon.wait_end(), 1)
        self.assertIn("xenshmd.conf:2: nonsense: ", daemon.log())
        self.assertFalse(daemon.state_dir.exists())

    def test_the_last_one_counts(self):
        good, bad = self.config_file("", "good"), self.config_file("x", "bad")
        self.assertEqual(self.run_daemon("--check-config", "--config", bad, "--config", good)[0], 0)
        self.assertEqual(self.run_daemon("--check-config", f"--config={good}", "--config", bad)[0],
                         1)

    def test_options_are_checked_too(self):
        path = self.config_file("")
        self.assertEqual(self.run_daemon("--check-config", "--config", path, "--log-level", "x")[0],
                         2)


class Shown(CommandTest):
    """--show-config: what is in force, as a file that gives the same."""

    every_key = """[daemon]
state-dir = /tmp/a state
socket = /tmp/other.sock
builder-socket = /tmp/builder.sock
log-level = debug
holder-wait = 0
unknown-holders = ignore
restart-grace = 3600
builder-timeout = 1
overflow-wait = 7
guest-compatible = acme,pages
admin-group = 4242
operate-group = wheel
read-group = users

[limits]
connections = 1
segments = 1000000
attachments = 2
operations = 3
builders = 5
event-backlog = 65537
line-memory = 5M
reply-memory = 6M

[quotas]
connections = 6
segments = none
memory = 3G
requests = 1000000

[pools]
names = low*, high
compatibles = acme, pool

[pool low]
guest-address = 0x3a000000

[pool high]
guest-address = 0x10000000000

[segment data]
size = 8K
pool = low
align = 2M
guests = alpha, 11111111-2222-3333-4444-55555555aaaa
address = identity

[segment fixed]
size = 3G
; pool =
; align =
guests =
address = 0x3b000000
"""

    def show(self, *options):
        status, out, err = self.run_daemon("--show-config", *options)
        self.assertEqual((status, err), (0, ""))
        return out

    def test_every_key(self):
        text = self.every_key
        self.assertEqual(self.show("--config", self.config_file(text)), text)

    def test_read_again_it_gives_the_same(self):
        text = "[pools]\nnames =\n[segment a]\nsize = 1\nalign = 8K\n[daemon]\nrestart-grace = 0\n"
        shown = self.show("--config", self.config_file(text))
        self.assertEqual(self.show("--config", self.config_file(shown, "again")), shown)
        self.assertIn("\nnames =\n", shown)
        self.assertIn("\nsize = 4K\n", shown)

    def test_what_looks_like_a_comment(self):
        text = "[daemon]\nread-group =;a\n[pools]\nnames =;b,;c ;d\ncompatibles = e,;f;g # h\n"
        shown = self.show("--config", self.config_file(text))
        self.assertIn("\nread-group =;a\n", shown)
        self.assertIn("\nnames =;b,;c\n", shown)
        self.assertIn("\ncompatibles = e,;f;g, #, h\n", shown)
        self.assertEqual(self.show("--config", self.config_file(shown, "again")), shown)

    def test_options_count_too(self):
        shown = self.show("--config", self.config_file("[daemon]\nlog-level = error\n"),
                          "--log-level=debug", "--state-dir", "/x")
        self.assertIn("\nlog-level = debug\n", shown)
        self.assertIn("\nsocket = /x/xenshmd.sock\n", shown)

    def test_a_bad_one_is_not_shown(self):
        status, out, err = self.run_daemon("--show-config", "--config", self.config_file("x"))
        self.assertEqual((status, out), (1, ""))
        self.assertIn("CONFIG_INVALID", err)

    def test_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([XENSHMD_SIM, "--show-config"], stdin=subprocess.DEVNULL,
                                  stdout=full, stderr=subprocess.PIPE, text=True,
                                  timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the configuration cannot be printed: ", done.stderr)


class Places(DaemonTest):
    options = ("--guest", "alpha", "--pool", "16K", "low=16K", "third=16K")
    config = "[pool low]\nguest-address = 0x3a000000\n[pool other]\nguest-address = 0x3b000000\n"

    def test_a_configured_place_is_kept_free(self):
        places = {pool["name"]: pool["guest_address"] for pool in self.call("pool.list")["pools"]}
        self.assertEqual(places, {"third": "0x3a200000", "low": "0x3a000000",
                                  "shared_mem": "0x3a400000"})
        for name, place in places.items():
            self.assertEqual(self.attach("alpha", pool=name)["guest_address"], place)
        self.agree()


class ImpossiblePlace(DaemonTest):
    options = ("--guest", "alpha", "--pool", "16K")
    config = "[pool shared_mem]\nguest-address = 0x40000000\n"

    def test_is_refused_when_it_comes_to_it(self):
        with self.refused_unchanged("ADDRESS_IS_RAM"):
            self.attach("alpha")
        self.attach("alpha", address="0x3a000000")
        self.agree()


def connects(path):
    try:
        Client(path).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


class InEachOthersWay(DaemonTest):
    options = ("--guest", "alpha", "--pool", "64K")

    def setUp(self):
        super().setUp()
        self.attach("alpha", name="x")

    def second(self, *options, state_dir=None, socket_path=None):
        command = [XENSHMD_SIM, "--state-dir", state_dir or self.daemon.state_dir, *options]
        if socket_path:
            command += ["--socket", socket_path]
        return subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)

    def assert_no_harm(self, done):
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertNotIn("Sanitizer", done.stderr)
        self.assertTrue(connects(self.daemon.socket_path))
        self.assertEqual(set(self.agree()), {"x"})

    def test_the_same_state_directory(self):
        with self.unchanged():
            done = self.second()
        self.assert_no_harm(done)
        self.assertIn(str(self.daemon.state_dir), done.stderr)

    def test_the_same_state_directory_another_socket(self):
        with self.unchanged():
            done = self.second(socket_path=self.folder / "second.sock")
        self.assert_no_harm(done)
        self.assertFalse((self.folder / "second.sock").exists())

    def test_the_same_socket(self):
        with self.unchanged():
            done = self.second(state_dir=self.folder / "second",
                               socket_path=self.daemon.socket_path)
        self.assert_no_harm(done)
        self.assertIn(str(self.daemon.socket_path), done.stderr)

    def test_the_same_socket_of_one_that_does_not_answer(self):
        """Stopped, with a full queue of clients: it is alive all the same."""
        os.kill(self.daemon.pid, signal.SIGSTOP)
        try:
            clients = []
            for _ in range(300):
                client = socket.socket(socket.AF_UNIX)
                self.addCleanup(client.close)
                client.setblocking(False)
                if client.connect_ex(str(self.daemon.socket_path)) != 0:
                    break
                clients.append(client)
            self.assertLess(len(clients), 300, "the queue does not end")
            done = self.second(state_dir=self.folder / "second",
                               socket_path=self.daemon.socket_path)
        finally:
            os.kill(self.daemon.pid, signal.SIGCONT)
        for client in clients:
            client.close()
        wait_until(lambda: connects(self.daemon.socket_path), "it takes clients again")
        self.assert_no_harm(done)


class OneWorld(FolderTest):
    def test_two_in_one_world(self):
        world = self.folder / "world"
        first = self.start("--world", world, "--guest", "alpha")
        done = subprocess.run([XENSHMD_SIM, "--state-dir", self.folder / "second",
                               "--world", world], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(world), done.stderr)
        self.check_end(first)

    def test_what_is_no_world(self):
        for content in (b"x", b"x" * 100 * MIB, b"\0" * 4096):
            world = self.folder / "world"
            world.write_bytes(content)
            daemon = self.launch("--world", world)
            self.assertEqual(daemon.wait_end(), 1)
            self.assertIn("not a world", daemon.log())
            self.assertEqual(world.stat().st_size, len(content))


class SocketPlace(FolderTest):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "the.sock"

    def start_here(self):
        return self.start("--guest", "alpha", socket_path=self.path)

    def assert_refused(self, *in_log):
        daemon = self.launch(socket_path=self.path)
        self.assertEqual(daemon.wait_end(), 1)
        for text in (str(self.path),) + in_log:
            self.assertIn(text, daemon.log())

    def test_a_stale_socket_is_replaced(self):
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(str(self.path))
        stale.close()
        self.check_end(self.start_here())

    def test_after_a_kill(self):
        first = self.start_here()
        first.kill()
        self.assertTrue(self.path.is_socket())
        second = self.start_here()
        with Client(self.path) as client:
            self.assertEqual(client.call("segment.list"), {"segments": []})
        self.check_end(second)

    def test_a_file_is_refused(self):
        self.path.write_text("precious")
        self.assert_refused("exists")
        self.assertEqual(self.path.read_text(), "precious")

    def test_a_folder_is_refused(self):
        self.path.mkdir()
        self.assert_refused()
        self.assertTrue(self.path.is_dir())

    def test_a_link_is_refused(self):
        target = self.folder / "target"
        for content in (None, "precious"):
            with self.subTest(content=content):
                if content:
                    target.write_text(content)
                self.path.symlink_to(target)
                self.assert_refused()
                self.assertTrue(self.path.is_symlink())
                self.assertEqual(target.read_text() if target.exists() else None, content)
                self.path.unlink()

    def test_a_pipe_is_refused(self):
        os.mkfifo(self.path)
        self.assert_refused()
        self.assertTrue(self.path.is_fifo())

    def test_nowhere(self):
        self.path = self.folder / "missing" / "the.sock"
        self.assert_refused("No such file")

    def test_too_long(self):
        self.path = self.folder / ("x" * 120)
        self.assert_refused("too long")
        self.assertEqual([path for path in self.folder.iterdir() if path.is_socket()], [])

    def test_a_state_directory_that_cannot_be_made(self):
        (self.folder / "state").write_text("precious")
        daemon = self.launch()
        self.assertEqual(daemon.wait_end(), 1)
        self.assertIn(str(daemon.state_dir), daemon.log())
        self.assertEqual((self.folder / "state").read_text(), "precious")

    def test_a_link_for_the_store_is_refused(self):
        """Whoever owns the state directory cannot send the store elsewhere."""
        (self.folder / "state").mkdir()
        (self.folder / "target").mkdir()
        (self.folder / "state" / "segments").symlink_to(self.folder / "target")
        daemon = self.launch()
        self.assertEqual(daemon.wait_end(), 1)
        self.assertEqual(list((self.folder / "target").iterdir()), [])

    def test_modes(self):
        before = os.umask(0)
        try:
            daemon = self.start_here()
            with Client(self.path) as client:
                client.call("guest.attach", guest="alpha", size=PAGE)
        finally:
            os.umask(before)
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (
            self.path, daemon.state_dir, daemon.state_dir / "segments",
            daemon.state_dir / "segments" / "alpha-0.json")}
        self.assertEqual(list(modes.values()), [0o666, 0o755, 0o700, 0o600])

    def test_descriptors_are_not_inherited(self):
        daemon = self.start_here()
        with Client(self.path) as client:
            wait_until(lambda: client.call("daemon.status")["counts"]["connections"] == 1,
                       "only this client is left")
            names = os.listdir(f"/proc/{daemon.pid}/fd")
            self.assertGreater(len(names), 5)
            for name in names:
                info = pathlib.Path(f"/proc/{daemon.pid}/fdinfo/{name}").read_text(encoding="ascii")
                flags = int(re.search(r"flags:\s+(\d+)", info)[1], 8)
                self.assertTrue(int(name) <= 2 or flags & os.O_CLOEXEC,
                                os.readlink(f"/proc/{daemon.pid}/fd/{name}"))


class Stopping(FolderTest):
    def start_world(self, *options, **more):
        return self.start("--world", self.folder / "world", *options, **more)

    def test_both_signals(self):
        for number_ in (signal.SIGTERM, signal.SIGINT):
            daemon = self.start("--guest", "alpha")
            with Client(daemon.socket_path) as client:
                client.call("guest.attach", guest="alpha", size=PAGE)
                self.assertEqual(daemon.stop(number_), 0)
                self.assertTrue(client.at_end())
            self.assertFalse(daemon.socket_path.exists())

    def test_wiping_is_given_up(self):
        daemon = self.start_world("--guest", "alpha", "beta", "--pool", "320M")
        with Client(daemon.socket_path) as client:
            big = client.request("guest.attach", guest="alpha", size=256 * MIB, name="big")
            client.call("guest.attach", guest="beta", size=PAGE, name="small")
            waiting = client.request("guest.attach", guest="beta", segment="big")
            client.call("daemon.status")
            daemon.process.send_signal(signal.SIGTERM)
            daemon.process.send_signal(signal.SIGTERM)
            for request in (waiting, big):
                with self.refused("BUSY"):
                    client.finish(request)
            self.assertTrue(client.at_end())
        self.assertEqual(daemon.wait_end(), 0)
        self.assertFalse(daemon.socket_path.exists())
        # The next one finds what had been confirmed, and nothing else.
        again = self.start_world()
        with Client(again.socket_path) as client:
            segments = client.call("segment.list")["segments"]
            self.assertEqual([(one["name"], one["size"], one["attachments"][0]["state"])
                              for one in segments], [("small", PAGE, "attached")])

    def test_what_waits_is_answered(self):
        daemon = self.start_world("--guest", "alpha", "--pool", "64K",
                                  config="[daemon]\nholder-wait = 3600\n")
        with Client(daemon.socket_path) as client:
            client.call("sim.guest.start", name="hidden", config=False)
            ids = [client.request("guest.attach", guest="alpha", size=PAGE) for _ in range(40)]
            client.notify("guest.attach", guest="alpha", size=PAGE)
            with Client(daemon.socket_path) as other:
                wait_until(lambda: other.call("daemon.status")["counts"]["operations"] == 32,
                           "as many are begun as can be")
            begun = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            names = []
            for _ in ids:
                reply = client.read()
                if reply is None:
                    break
                names.append(reply["error"]["data"]["name"])
            self.assertEqual(set(names), {"BUSY"})
            # Those behind the 32 that one connection may have under way were never begun.
            self.assertGreaterEqual(len(names), 32)
            self.assertTrue(client.at_end())
        self.assertEqual(daemon.wait_end(), 0)
        # There was nothing to wait for.
        self.assertLess(time.monotonic() - begun, 4.9)  # it would have had 5 s
        self.assertEqual(daemon.store(), {})

    def test_clients_that_do_not_read_do_not_matter(self):
        daemon = self.start("--guest", "alpha")
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(str(daemon.socket_path))
        client.setblocking(False)
        line = b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n'
        try:
            for _ in range(100000):
                client.send(line)
        except BlockingIOError:
            pass
        self.assertEqual(daemon.stop(), 0)

    def test_a_log_that_nobody_reads_any_more(self):
        reading, writing = os.pipe()
        process = self.spawn([XENSHMD_SIM, "--state-dir", self.folder / "state",
                              "--guest", "alpha"], stderr=writing)
        os.close(writing)
        sock = self.folder / "state" / "xenshmd.sock"
        wait_until(lambda: connects(sock), "it listens")
        os.close(reading)
        with Client(sock) as client:
            for _ in range(10):
                client.call("guest.attach", guest="alpha", size=PAGE)
                client.call("guest.detach", guest="alpha")
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_without_standard_descriptors(self):
        """What is opened first must not get the number of stderr."""
        world = self.folder / "world"
        process = self.spawn(["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', XENSHMD_SIM, "--state-dir",
                              self.folder / "state", "--guest", "alpha", "--world", world,
                              "--log-level", "debug"])
        sock = self.folder / "state" / "xenshmd.sock"
        wait_until(lambda: connects(sock), "it listens")
        for number_ in range(3):
            self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{number_}"), "/dev/null")
        with Client(sock) as client:
            client.call("guest.attach", guest="alpha", size=PAGE)
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.start_world()

    def test_start_and_stop_again_and_again(self):
        """In one world: what is attached stays attached."""
        daemon = self.start_world("--guest", "alpha", "--pool", "64K")
        with Client(daemon.socket_path) as client:
            first = client.call("guest.attach", guest="alpha", size=8 * KIB, name="x")
            client.call("sim.guest.write", name="alpha", address=first["guest_address"],
                        data="6b657074")
        for _ in range(5):
            self.assertEqual(daemon.stop(), 0)
            daemon = self.start_world()
            with Client(daemon.socket_path) as client:
                segments = client.call("segment.list")["segments"]
                self.assertEqual([one["attachments"] for one in segments], [[first]])
                data = client.call("sim.guest.read", name="alpha", address=first["guest_address"],
                                   length=4)["data"]
                self.assertEqual(data, "6b657074")
        with Client(daemon.socket_path) as client:
            # A later life has a later epoch, across restarts too.
            self.assertGreater(client.call("guest.attach", guest="alpha", size=PAGE)["epoch"],
                               first["epoch"])
            self.assertEqual(number(first["host_address"]), 0x7fff0000)
