# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the shells offer after xenshmctl: all that the table of commands has, and nothing else, and
what the running daemon knows."""

import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import unittest

from harness import DaemonTest, FolderTest
from pages import output, program
from shells import SHELLS

TABLE = json.loads(output(program("XENSHMCTL"), "--json", "help"))
COMMANDS = {command["name"]: command for command in TABLE["commands"]}
SIZES = {"4K", "64K", "1M"}

# A slow machine gets more than the second that people are kept waiting.
PATIENT = "xenshmctl --timeout 30"


def option_words(*tables):
    words = set()
    for option in (option for table in tables for option in table):
        words.add(f"--{option['name']}")
        words |= {f"-{option['letter']}"} if "letter" in option else set()
    return words


def raw(*words, **variables):
    """What the shells get: (lines, complaints)."""
    done = subprocess.run([program("XENSHMCTL"), "__complete", "--", *words], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True,
                          env=os.environ | {"XENSHM_SOCKET": "/nonexistent/socket"} | variables)
    return done.stdout.splitlines(), done.stderr


def answer_once(listener, reply):
    with listener.accept()[0] as peer, peer.makefile("rb") as lines:
        reply["id"] = json.loads(lines.readline())["id"]
        peer.sendall(json.dumps(reply).encode() + b"\n")


class Tables(unittest.TestCase):
    """From the tables alone."""

    def offered(self, *words):
        return {line.split("\t")[0] for line in raw(*words)[0]}

    def test_commands(self):
        self.assertEqual(self.offered(""), {name.split(" ")[0] for name in COMMANDS})
        self.assertEqual(self.offered("help", ""), self.offered(""))

    def test_groups(self):
        for group in {name.split(" ")[0] for name in COMMANDS if " " in name}:
            wanted = {name.split(" ")[1] for name in COMMANDS if name.startswith(group + " ")}
            self.assertEqual(self.offered(group, ""), wanted)
            self.assertEqual(self.offered("help", group, ""), wanted)

    def test_options(self):
        for name, command in COMMANDS.items():
            with self.subTest(command=name):
                self.assertEqual(self.offered(*name.split(" "), "-"),
                                 option_words(TABLE["options"], command["options"]))
        self.assertEqual(self.offered("-"), option_words(TABLE["options"]))

    def test_every_value_is_known(self):
        """What an option or an argument is called in the table, completion knows."""
        for name, command in COMMANDS.items():
            words = name.split(" ")
            lines = [[*words, *["x"] * count, ""] for count in range(4)]
            lines += [[*words, f"--{option['name']}", ""]
                      for option in command["options"] + TABLE["options"] if "value" in option]
            for line in lines:
                with self.subTest(line=line):
                    self.assertNotIn("no completion knows", raw(*line)[1])

    def test_what_is_typed_narrows(self):
        self.assertEqual(self.offered("det"), {"detach"})
        self.assertEqual(self.offered("attach", "--se"), {"--segment"})
        self.assertEqual(self.offered("frobnicate"), set())
        self.assertEqual(self.offered("frobnicate", ""), set())

    def test_options_before_the_command(self):
        self.assertEqual(self.offered("--json", "--timeout", "5", "det"), {"detach"})
        self.assertEqual(self.offered("--json", "attach", "guest", ""), SIZES)

    def test_after_two_dashes(self):
        self.assertEqual(self.offered("attach", "guest", "--", "-"), set())

    def test_too_many_arguments(self):
        self.assertEqual(self.offered("attach", "guest", "4K", ""), set())

    def test_descriptions(self):
        lines, _ = raw("")
        self.assertIn(f"attach\t{COMMANDS['attach']['summary']}", lines)

    def test_names_that_cannot_be_typed(self):
        """Nothing that comes over the socket gets to the terminal as it is."""
        names = ["a\nb", "a\tb", "a\033[2J", "a\u009b2J", "", "good"]
        reply = {"jsonrpc": "2.0", "id": 1,
                 "result": {"guests": [{"name": name, "state": "x\033y"} for name in names]}}
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{folder}/socket")
            listener.listen()
            peer = threading.Thread(target=answer_once, args=(listener, reply))
            peer.start()
            lines, _ = raw("--timeout", "30", "attach", "", XENSHM_SOCKET=f"{folder}/socket")
            peer.join()
        self.assertEqual(lines, ["good\t"])

    def test_nonsense(self):
        """Whatever was typed before: no crash, no daemon, no output but candidates."""
        for words in ([""] * 5, ["--"], ["--", ""], ["--socket"], ["--socket", ""], ["="],
                      ["--=", ""], ["attach", "--name="], ["-o", ""], ["--json=1", ""],
                      ["dt", "dt", ""], ["--timeout", "x", "list", ""], ["x" * 5000],
                      ["dt", "reserve", "-o"], ["\xff\t\n"]):
            with self.subTest(words=words):
                self.assertLessEqual({len(line.split("\t")) for line in raw(*words)[0]}, {2})


class Hosts(DaemonTest):
    """ssh might want a password, and this host's names are not those of another."""

    def offered(self, *words, host=""):
        lines, _ = raw("--timeout", "30", *words, "attach", "", XENSHM_HOST=host,
                       XENSHM_SOCKET=str(self.daemon.socket_path))
        return {line.split("\t")[0] for line in lines}

    def test_this_host(self):
        self.assertEqual(self.offered(), {"alpha", "beta", "gamma"})

    def test_another_host_is_not_asked(self):
        self.assertEqual(self.offered("--host", "ssh://there"), set())
        self.assertEqual(self.offered("--host=ssh://there"), set())
        self.assertEqual(self.offered(host="ssh://there"), set())


class InShells:
    """The same questions in each shell."""

    shell = None

    def setUp(self):
        if self.shell.missing():
            self.skipTest(f"{self.shell.program} is not installed")
        super().setUp()
        self.home = self.folder / "home"
        self.home.mkdir()

    def complete(self, *lines, **variables):
        return self.shell.complete(self.home, lines, **variables)

    def check(self, wanted, **variables):
        """`wanted`: {line: what is offered}."""
        got = self.complete(*wanted, **variables)
        self.assertEqual(len(got), len(wanted))
        for (line, words), offered in zip(wanted.items(), got):
            word = line.split(" ")[-1]
            option = word[:word.find("=") + 1] if self.shell.whole_option else ""
            with self.subTest(line=line):
                self.assertEqual(offered, {option + word for word in words})


class TablesInShells(InShells):
    def test_commands_and_options(self):
        wanted = {"xenshmctl ": {name.split(" ")[0] for name in COMMANDS},
                  "xenshmctl det": {"detach"},
                  "xenshmctl dt ": {name.split(" ")[1] for name in COMMANDS if " " in name},
                  "xenshmctl -": option_words(TABLE["options"])}
        for name, command in COMMANDS.items():
            wanted[f"xenshmctl {name} -"] = option_words(TABLE["options"], command["options"])
        self.check(wanted)

    def test_values(self):
        self.check({"xenshmctl attach guest1 ": SIZES, "xenshmctl attach guest1 6": {"64K"},
                    "xenshmctl attach guest1 4K --address ": {"identity"},
                    "xenshmctl attach guest1 4K --address=i": {"identity"}})

    def test_files(self):
        for name in ("board.dtb", "bare.cfg", "other"):
            (self.home / name).write_text("", encoding="utf-8")
        self.check({"xenshmctl create b": {"board.dtb", "bare.cfg"},
                    "xenshmctl dt check bo": {"board.dtb"},
                    "xenshmctl dt guest data --base bo": {"board.dtb"},
                    "xenshmctl dt guest data --base=bo": {"board.dtb"},
                    "xenshmctl dt reserve board.dtb -o oth": {"other"}})

    def test_no_daemon(self):
        """Silence: shells.run() minds what is said on stderr."""
        nowhere = str(self.folder / "nowhere")
        self.check({f"xenshmctl {line} ": set() for line in ("attach", "list", "map", "detach x")},
                   XENSHM_SOCKET=nowhere)

    def test_a_daemon_that_does_not_answer(self):
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        path = str(self.folder / "silent")
        listener.bind(path)
        listener.listen()
        self.check({"xenshmctl attach ": set()}, XENSHM_SOCKET=path)


class NamesInShells(InShells):
    """What the daemon knows. Guests may have any name."""

    hostile = ("two words", "$(touch harm)", "`touch harm`;touch harm", "a:b", "a:c", "tab\tbed",
               "line\nfeed", "escape\033[2J", "'quoted\"", "*")

    def setUp(self):
        super().setUp()
        self.call("segment.alloc", name="data", size=65536)
        self.call("segment.alloc", name="spare", size=4096)
        self.share("alpha", "data")

    def ask(self, wanted):
        self.check({line.replace("xenshmctl", PATIENT): words for line, words in wanted.items()},
                   XENSHM_SOCKET=str(self.daemon.socket_path))

    def test_names(self):
        guests = {"alpha", "beta", "gamma"}
        self.ask({"xenshmctl attach ": guests, "xenshmctl attach b": {"beta"},
                  "xenshmctl detach ": guests, "xenshmctl destroy ": set(),
                  "xenshmctl list ": {"data", "spare"}, "xenshmctl free s": {"spare"},
                  "xenshmctl alloc ": set(), "xenshmctl map ": {"shared_mem"},
                  "xenshmctl attach beta --segment ": {"data", "spare"},
                  "xenshmctl attach beta --segment=s": {"spare"},
                  "xenshmctl attach beta 4K --name ": set(),
                  "xenshmctl attach beta 4K --pool ": {"shared_mem"},
                  "xenshmctl dt guest ": {"data", "spare"},
                  "xenshmctl dt guest data ": {"data", "spare"},
                  "xenshmctl detach alpha ": {"data"}, "xenshmctl detach beta ": set()})

    def test_the_socket_of_the_line(self):
        path = self.daemon.socket_path
        self.check({f"{PATIENT} --socket {path} list ": {"data", "spare"},
                    f"{PATIENT} --socket={path} list s": {"spare"},
                    f"{PATIENT} list --socket {path} ": {"data", "spare"}},
                   XENSHM_SOCKET="/nonexistent/socket")

    def test_hostile_names(self):
        for name in self.hostile:
            self.call("sim.guest.start", name=name)
        lines = [f"{PATIENT} attach ", f"{PATIENT} attach tw", f"{PATIENT} attach a:"]
        every, two, colon = self.complete(*lines, XENSHM_SOCKET=str(self.daemon.socket_path))
        self.assertIn("alpha", every)
        self.assertEqual(len(two), 1)
        self.assertEqual(len(colon), 2)
        for name in every:
            self.assertNotRegex(name, r"[\0-\x1f]")
        self.assertEqual([path.name for path in self.home.glob("harm*")], [])
        self.check_quoted(every)

    def check_quoted(self, words):
        """bash puts into the line what it is given: there it must mean the name again."""
        if self.shell.program != "bash":
            return
        script = "\n".join(f"printf '%s\\n' {word}" for word in sorted(words))
        done = subprocess.run(["bash", "--norc", "-c", script], cwd=self.home, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
        # The daemon has made them printable.
        names = {re.sub(r"[\0-\x1f]", "?", name) for name in self.hostile}
        self.assertEqual(set(done.stdout.splitlines()), names | {"alpha", "beta", "gamma"})


for shell in SHELLS:
    title = type(shell).__name__
    globals()[f"TablesIn{title}"] = type(f"TablesIn{title}", (TablesInShells, FolderTest),
                                         {"shell": shell})
    globals()[f"NamesIn{title}"] = type(f"NamesIn{title}", (NamesInShells, DaemonTest),
                                        {"shell": shell})
del shell, title
