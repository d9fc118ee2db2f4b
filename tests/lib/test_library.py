# SPDX-License-Identifier: LGPL-2.1-or-later
"""libxenshm as its users have it: what it shows and needs, whether it has all that the daemon has,
and programs that are built against what is installed."""

import json
import os
import pathlib
import re
import shutil
import subprocess

from creating import config_of
from harness import PAGE, DaemonTest, FolderTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
HEADER = ROOT / "include" / "xenshm.h"
MAP = ROOT / "client" / "libxenshm" / "libxenshm.map"
LIBRARY = os.environ["LIBXENSHM"]
KNOWN = os.environ["XENSHM_KNOWN"]
BUILD = os.environ["MESON_BUILD"]
COMPILER = os.environ["CC"].split()
SANITIZE = os.environ.get("SANITIZE", "none")

# Where the name of the function is not that of the method.
FUNCTIONS = {"events.subscribe": "xenshm_subscribe", "segment.open": "xenshm_map"}

# What a library must not do to its program: end it, write for it, change its signals.
UNWELCOME = re.compile(r"^(_?exit|_Exit|quick_exit|abort|.*printf|f?puts?|putchar|perror|fwrite|write|signal|"
                       r"sigaction|sigprocmask|pthread_sigmask|setlocale|syslog|fork|stderr|stdout)$")


def output(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def undefined():
    """What the library takes from others."""
    for line in output("nm", "-D", "--undefined-only", LIBRARY).splitlines():
        yield line.split()[-1].split("@")[0]


def shown():
    """{function: version} of the library."""
    lines = output("nm", "-D", "--defined-only", LIBRARY).splitlines()
    symbols = [line.split()[-1].partition("@@") for line in lines if " A " not in line]
    return {name: version for name, _, version in symbols}


def declared():
    """The functions of the header that are not inline."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"static inline.*?^}", "", text, flags=re.S | re.M)
    return set(re.findall(r"\b(xenshm_\w+)\(", text))


class Shown(FolderTest):
    def test_symbols(self):
        """Those of the header, all with a version, and nothing else."""
        self.assertEqual(set(shown()), declared())
        self.assertEqual({version for version in shown().values()}, {"XENSHM_1"})
        listed = re.findall(r"^    (xenshm_\w+);", MAP.read_text(encoding="utf-8"), re.M)
        self.assertEqual(set(listed), declared())

    def test_soname(self):
        self.assertIn("libxenshm.so.1]", output("readelf", "-d", LIBRARY))

    def test_manners(self):
        """No end of the process, no output, no signals. snprintf() and its like only make text."""
        if "__gcov_" in output("nm", LIBRARY):
            self.skipTest("built with counters of lines, which are written in the end")
        taken = {name for name in undefined() if not name.startswith(("__asan", "__ubsan"))}
        self.assertIn("recvmsg", taken)
        self.assertEqual({name for name in taken if UNWELCOME.match(name)} -
                         {"snprintf", "vsnprintf", "asprintf", "vasprintf"}, set())

    def test_no_json_library_in_the_interface(self):
        for header in ("xenshm.h", "xenshm-memory.h"):
            text = (ROOT / "include" / header).read_text(encoding="utf-8")
            self.assertNotRegex(text, r"json_t|jansson")


class Complete(DaemonTest):
    options = ("--guest", "alpha", "--pool", "1M")
    config = "[segment order]\nsize = 1G\n"  # which cannot be carried out

    def methods(self):
        document = self.call("rpc.discover")
        return [method["name"] for method in document["methods"]
                if not method["name"].startswith("sim.")]

    def test_every_method_has_a_function(self):
        methods = self.methods()
        self.assertIn("guest.attach", methods)
        for method in methods:
            name = FUNCTIONS.get(method, "xenshm_" + method.replace(".", "_"))
            self.assertIn(name, shown(), f"{method} has no function in libxenshm")

    def results(self):
        """(method, result) of each kind that there is, as full as it comes."""
        listener = self.connect(self.daemon)
        yield "events.subscribe", listener.call("events.subscribe")
        yield "segment.alloc", self.call("segment.alloc", name="data", size=PAGE)
        yield "guest.attach", self.call("guest.attach", guest="alpha", segment="data",
                                        address="identity")
        self.call("sim.guest.start", name="thief", iomem=["0x7ff00,1@0x3a000"])
        for method in ("daemon.status", "pool.list", "guest.list", "segment.list", "pool.map"):
            yield method, self.call(method)
        yield "segment.show", self.call("segment.show", name="data")
        self.call("sim.guest.destroy", name="thief")
        yield "guest.detach", self.call("guest.detach", guest="alpha")
        yield "segment.free", self.call("segment.free", name="data")
        yield from self.events(listener)

    @staticmethod
    def events(listener):
        """What came until the segment was freed."""
        while True:
            event = json.loads(listener.line())["params"]
            kind = event["type"].partition(".")[0]
            if kind in ("segment", "attachment"):
                yield f"{kind} event", event
            if event["type"] == "segment.freed":
                return

    def test_every_member_is_known(self):
        """What the daemon tells, the structs have: a new member needs a row in shapes.c."""
        lines = "".join(f"{method}\t{json.dumps(result)}\n" for method, result in self.results())
        for rare in ('"clash": [{', '"orders": [{', '"foreign": [{', "attachment event"):
            self.assertIn(rare, lines)
        found = subprocess.run([KNOWN], input=lines, capture_output=True, text=True, check=False)
        self.assertEqual(found.stdout, "")
        self.assertEqual(found.returncode, 0, found.stderr)

    def test_an_unknown_member_is_noticed(self):
        found = subprocess.run([KNOWN], input='segment.list\t{"segments":[{"name":"a","x":1,"clash":['
                               '{"y":2}]}],"z":[]}\n', capture_output=True, text=True, check=False)
        self.assertEqual(found.stdout.splitlines(), ["segment.list: segments.x",
                                                     "segment.list: segments.clash.y",
                                                     "segment.list: z"])
        self.assertEqual(found.returncode, 1)


class Installed(DaemonTest):
    """Programs of others, on the files that `meson install` puts somewhere."""

    options = ("--guest", "alpha", "--pool", "1M")

    @classmethod
    def setUpClass(cls):
        cls.place = pathlib.Path(BUILD) / "tests" / "lib" / "installed"
        shutil.rmtree(cls.place, ignore_errors=True)
        output("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--tags",
               "devel,runtime", "--destdir", str(cls.place))
        package = next(cls.place.rglob("libxenshm.pc"))
        cls.environment = dict(os.environ, PKG_CONFIG_LIBDIR=str(package.parent),
                               PKG_CONFIG_SYSROOT_DIR=str(cls.place))
        cls.library = next(cls.place.rglob("libxenshm.so")).parent

    def flags(self, what):
        return output("pkg-config", what, "libxenshm", env=self.environment).split()

    def build(self):
        program = self.folder / "use"
        sanitize = [] if SANITIZE == "none" else [f"-fsanitize={SANITIZE}"]
        output(*COMPILER, *sanitize, "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-pedantic", "-Wall",
               "-Wextra", "-Werror", "-o", str(program), str(HERE / "use.c"),
               *self.flags("--cflags"), *self.flags("--libs"))
        return program

    def run_program(self, *arguments):
        found = subprocess.run([self.build(), self.daemon.socket_path, *arguments],
                               env=dict(os.environ, LD_LIBRARY_PATH=str(self.library)),
                               capture_output=True, text=True, check=False)
        self.assertEqual(found.returncode, 0, found.stdout + found.stderr)

    def test_needs_no_other_package(self):
        """Neither headers nor packages of the JSON library: it stays inside."""
        self.assertEqual([flag for flag in self.flags("--libs") if flag.startswith("-l")],
                         ["-lxenshm"])
        self.assertEqual(self.flags("--print-requires"), [])

    def test_every_function(self):
        kernel, config = self.folder / "kernel", self.folder / "config"
        kernel.write_bytes(b"kernel")
        config.write_text(json.dumps(config_of("made", kernel, 1)), encoding="utf-8")
        self.run_program("cycle", str(config))

    def test_map(self):
        self.run_program("map")

    def test_headers_in_every_language(self):
        """The inline functions as well, without a warning."""
        sources = {"c": ([" ".join(COMPILER)], ["c99", "gnu11", "gnu17"]),
                   "c++": (self.cplusplus(), ["c++11", "gnu++17", "c++20"])}
        for language, (compilers, standards) in sources.items():
            for compiler in compilers:
                for standard in standards:
                    with self.subTest(compiler=compiler, standard=standard):
                        output(*compiler.split(), "-x", language, f"-std={standard}", "-pedantic", "-Wall",
                               "-Wextra", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only",
                               *self.flags("--cflags"), "-",
                               input="#include <xenshm.h>\n#include <xenshm-memory.h>\n"
                               "int main(void) { return XENSHM_POOL_FULL; }\n")

    def cplusplus(self):
        found = [name for name in ("g++", "clang++") if shutil.which(name)]
        self.assertTrue(found, "no C++ compiler")
        return found
