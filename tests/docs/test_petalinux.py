# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/petalinux.md: its commands of xenshmctl do what it says, on the simulator and on a tree like that
of its board; what it names of the layer is there."""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

from harness import DaemonTest
from pages import DOCS, TOP, program

TEXT = (DOCS / "petalinux.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", TEXT)
LAYER = TOP / "packaging" / "yocto" / "meta-xenshmd"
VERSION = re.search(r"version: '([0-9.]+)',", (TOP / "meson.build").read_text(encoding="utf-8"))[1]

# The word that the guest writes, as it is in memory.
WRITTEN = int(re.search(r"devmem \w+ 32 (0x\w+)", TEXT)[1], 16).to_bytes(4, "little")

# What Dom0 has on the board and the simulator elsewhere.
ELSEWHERE = [("0x7fe00000", "0x7ff00000"), ("uio4", "simulated")]

BOARD = """/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;
	chosen { bootargs = "earlycon"; };
	memory@0 { device_type = "memory"; reg = <0 0 0 0x7ff00000>, <8 0 0 0x80000000>; };
};
"""


def commands(prompt):
    """(command, what stands below it), in the order of the page."""
    for language, text in BLOCKS:
        if language == "console":
            yield from re.findall(rf"(?m)^{re.escape(prompt)} (.+)\n((?:(?![$#] ).*\n)*)", text)


def words(text):
    return [line.split() for line in text.splitlines()]


class Page(DaemonTest):
    options = ("--guest", "guest1", "--pool", "1M")

    def shell(self, command, place):
        """With xenshmctl in the PATH, which finds the simulator."""
        env = {**os.environ, "XENSHM_SOCKET": str(self.daemon.socket_path),
               "PATH": f"{pathlib.Path(program('XENSHMCTL')).parent}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-c", command], cwd=place, env=env, text=True, timeout=120,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def test_dom0(self):
        told = [one for one in commands("#") if "xenshmctl" in one[0] and "doctor" not in one[0]]
        self.assertGreaterEqual(len(told), 5)
        for command, wanted in told:
            for board, here in ELSEWHERE:
                wanted = wanted.replace(board, here)
            if " read " in command:  # the guest has written meanwhile
                self.shell(f"printf {WRITTEN.decode()} | xenshmctl write guest1-0", self.folder)
            with self.subTest(command=command):
                self.assertEqual(words(self.shell(command, self.folder)), words(wanted))

    def test_guest(self):
        """The words that the guest reads and writes are those bytes."""
        sent = re.search(r"printf (\S+) \| xenshmctl write", TEXT)[1].encode()
        read = int(re.search(r"prints `(0x\w+)`", TEXT)[1], 16).to_bytes(4, "little")
        self.assertEqual(read, sent[:4])
        self.assertIn(f"head -c 5\n{(WRITTEN + sent[4:5]).decode()}\n", TEXT)

    @unittest.skipUnless(shutil.which("dtc"), "dtc is not installed")
    def test_trees(self):
        """The fragment that the page has made, and the one that the layer brings, pass its check."""
        told = [one for one in commands("$") if one[0].startswith("xenshmctl dt")]
        self.assertEqual(len(told), 2)
        (reserve, _), (check, wanted) = told
        place = self.folder / "project"
        made = place / reserve.split("> ")[1]
        tree = place / "images" / "linux" / "system.dtb"
        for folder in (made.parent, tree.parent):
            folder.mkdir(parents=True)
        self.compile(BOARD, tree)
        self.shell(reserve, place)
        self.assertIn(f'XENSHMD_DTSI = "{made.name}"', TEXT)
        for fragment in (made, *LAYER.rglob("*.dtsi")):
            with self.subTest(fragment=fragment.name):
                self.compile(BOARD + fragment.read_text(encoding="utf-8"), tree)
                self.assertEqual(self.shell(check, place), wanted)

    def compile(self, text, tree):
        subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", tree, "-"], input=text, text=True, check=True)

    def test_names(self):
        self.assertEqual(set(re.findall(r"xenshmd-(\d[\d.]*\d)", TEXT)), {VERSION})
        layer, = re.findall(r'CONFIG_USER_LAYER_0="\$\{PROOT\}/project-spec/xenshmd-[\d.]+/(\S+)"', TEXT)
        self.assertTrue((TOP / layer / "conf" / "layer.conf").is_file())
        named = set(re.findall(r"xenshmd-\w+\.dtsi", TEXT))
        self.assertEqual(named, {path.name for path in LAYER.rglob("*.dtsi")})

    def test_packages(self):
        recipe, = LAYER.rglob("*.bb")
        text = recipe.read_text(encoding="utf-8").replace("${PN}", "xenshmd")
        made = set(re.findall(r"(?m)^FILES:(\S+) =", text)) | {"xenshmd-dev", "xenshmd-doc", "xenshmd-bash-completion"}
        told = set(re.findall(r"`((?:lib)?xenshm(?:d?-[a-z-]+|ctl)?)`", TEXT)) - {"xenshm", "xenshm-read"}
        told |= {f"xenshmd{name}" for name in re.findall(r"`(-\w+-completion)`", TEXT)}
        self.assertEqual(told | {"xenshmd"}, made)

    def test_shell_and_guest(self):
        for language, text in BLOCKS:
            with self.subTest(text=text):
                if language == "sh":
                    subprocess.run(["sh", "-n"], input=text, text=True, check=True)
                if language == "cfg":
                    for line in text.splitlines():
                        self.assertRegex(line, r'^\w+ = ("[^"]*"|\d+)$')
