#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the compilers make of the code that touches pool memory, for arm64, where it is Device
memory: the accessors of xenshm-memory.h. What uses them is looked at by tests/arm64."""

import functools
import pathlib
import re
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

GCC = "aarch64-linux-gnu-gcc"
CLANG = "clang"
LEVELS = ("-O0", "-O1", "-O2", "-O3", "-Os")

# Never, wherever: exclusives, LSE atomics, acquire and release instructions, cache maintenance.
FORBIDDEN = re.compile(r"^(ld|st)(a|l)?x[rp]|^(ld|st)(l|a)[a-z]*r|^(cas|swp|ld(add|clr|eor|set|smax|smin"
                       r"|umax|umin)|st(add|clr|eor|set|smax|smin|umax|umin))|^dc$|^(ld|st)[1-4]r?$"
                       r"|^(ld|st)nt?p$")
VECTOR = re.compile(r"\b[qvds]\d+\b")
MEMORY = re.compile(r"^(ld|st)")
STACK = re.compile(r"\[(sp|x29)\b")

# register, one plain base: neither offset, nor index, nor write-back
SHARED = {
    "load8": ("ldrb", "w"), "load16": ("ldrh", "w"), "load32": ("ldr", "w"), "load64": ("ldr", "x"),
    "store8": ("strb", "w"), "store16": ("strh", "w"), "store32": ("str", "w"),
    "store64": ("str", "x"),
}
PLAIN = r"(\w+) (%s)(?:\d+|zr), \[x\d+\]$"


def compilers():
    if shutil.which(GCC):
        yield (GCC,)
    if shutil.which(CLANG):
        yield (CLANG, "--target=aarch64-linux-gnu")


@functools.lru_cache(maxsize=None)
def assemble(compiler, level, source):
    return subprocess.run(
        [*compiler, level, "-std=gnu11", "-ffreestanding", "-Wall", "-Wextra", "-Werror", "-S",
         "-o", "-", "-I", ROOT / "include", "-I", ROOT / "common", ROOT / source],
        check=True, capture_output=True, text=True).stdout


class Function:
    """One function of an assembler text: its instructions, and those that come from inline asm."""

    def __init__(self):
        self.instructions = []
        self.inline = []

    def add(self, instruction, inline):
        (self.inline if inline else self.instructions).append(instruction)

    def all(self):
        return self.instructions + self.inline


def functions(text):
    found, current, inline = {}, None, False
    for line in text.splitlines():
        word = line.strip()
        if word.startswith(("#APP", "//APP", "#NO_APP", "//NO_APP")):
            inline = "NO_" not in word
            continue
        label = re.match(r"^([a-z]\w*):", line)
        if label:
            current = found.setdefault(label.group(1), Function())
        word = re.sub(r"\s*(//|#\s).*$", "", word)
        if current is None or not re.match(r"^[a-z]", word) or word.endswith(":"):
            continue
        current.add(re.sub(r"\s+", " ", word), inline)
    return found


def everywhere(source):
    """Runs a test on what each compiler makes of a source at each level."""
    def decorate(test):
        def run(self):
            for compiler in compilers():
                for level in LEVELS:
                    with self.subTest(compiler=compiler[0], level=level):
                        test(self, functions(assemble(compiler, level, source)), level)
        run.__name__ = test.__name__
        return run
    return decorate


def accesses(instructions):
    """Those to memory, without what a function keeps on its stack."""
    return [i for i in instructions if MEMORY.match(i) and not STACK.search(i)]


class MachineCode(unittest.TestCase):
    def assert_innocent(self, name, function):
        """What no function may have, on whichever memory."""
        for instruction in function.all():
            verb = instruction.split()[0]
            if STACK.search(instruction):
                continue  # pairs of registers are saved there
            self.assertNotRegex(verb, FORBIDDEN, f"{name}: {instruction}")
            if MEMORY.match(verb):
                self.assertNotRegex(instruction, VECTOR, f"{name}: {instruction}")
            self.assertNotRegex(instruction, r"\b(b|bl|br|blr) .*(mem|__aarch64)", name)

    def test_there_are_compilers(self):
        """Both, so that this test cannot pass by looking at nothing."""
        self.assertEqual([compiler[0] for compiler in compilers()], [GCC, CLANG])

    @everywhere("tests/lib/accesses.c")
    def test_nothing_forbidden(self, code, level):
        self.assertIn("check_fill_page", code)
        for name, function in code.items():
            self.assert_innocent(name, function)

    @everywhere("tests/lib/accesses.c")
    def test_one_access_is_one_instruction(self, code, level):
        """And its barrier stands on the right side of it."""
        if level == "-O0":
            return  # the accessor is no part of its caller there; the next tests have it
        for name, (verb, register) in SHARED.items():
            function = code["check_" + name]
            load = name.startswith("load")
            self.assertEqual(accesses(function.instructions), [], name)
            access = function.inline.copy()
            self.assertEqual(access.pop(-1 if load else 0), "dmb oshld" if load else "dmb osh", name)
            self.assertEqual(len(access), 1, name)
            self.assertRegex(access[0], "^" + PLAIN % register, name)
            self.assertEqual(access[0].split()[0], verb, name)

    @everywhere("tests/lib/accesses.c")
    def test_every_inline_access_is_plain(self, code, level):
        """By one register without an offset: so an aligned address stays one."""
        inline = [i for function in code.values() for i in function.inline if "dmb" not in i]
        self.assertGreaterEqual(len(inline), len(SHARED))
        for instruction in inline:
            self.assertRegex(instruction, "^" + PLAIN % "[wx]")

    @everywhere("tests/lib/accesses.c")
    def test_the_segment_is_touched_by_inline_code_only(self, code, level):
        """A copy's own accesses are those to the caller's memory, one way; a fill has none."""
        if level == "-O0":
            return  # it keeps everything on the stack, and is looked at above
        for name, function in code.items():
            verbs = {"xenshm_copy_in": "ld", "check_copy_in": "ld", "check_copy_page": "ld",
                     "xenshm_copy_out": "st", "check_copy_out": "st"}.get(name, "no access")
            own = [i for i in accesses(function.instructions) if not i.startswith(verbs)]
            self.assertEqual(own, [], name)

    @everywhere("tests/lib/accesses.c")
    def test_nothing_is_left_out(self, code, level):
        if level != "-O0":
            loads = [i for i in code["check_twice"].inline if i.startswith("ldr")]
            self.assertEqual(len(loads), 2)
