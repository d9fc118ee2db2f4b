#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The arm64 object code of every file that touches pool memory, which is Device memory there.

What the architecture allows on it: loads and stores of general registers of 1, 2, 4 or 8 bytes,
naturally aligned. What faults, always: unaligned ones, of vector registers as well, and DC ZVA.
What may fault, or do nothing that can be relied upon, as the processor has it: exclusives and
atomics. Pairs (LDP, STP) are legal where each half is aligned, but may be taken apart and put
together again, and a hypervisor cannot emulate them: nothing here needs them.

So no object may hold what is wrong on this memory wherever it stands; and the functions that do
nothing but touch the pool (STRICT) may have no other access to memory at all than those that are
right, besides their stack. In the other functions a pair is for ordinary memory."""

import functools
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]

COMPILERS = [["aarch64-linux-gnu-gcc"], ["clang", "--target=aarch64-linux-gnu"]]
OBJDUMP = "aarch64-linux-gnu-objdump"
FLAGS = [["-O0"], ["-O2"], ["-O3"], ["-Os"], ["-O3", "-g", "-D_FORTIFY_SOURCE=2", "-march=armv8.4-a"]]
INCLUDES = ["common", "include", "daemon", "client", "client/libxenshm", "examples/ring"]

# Whoever touches a pool, and what the accessors of xenshm-memory.h become.
SOURCES = ["client/cmd_read.c", "client/cmd_write.c", "daemon/scrub.c", "examples/ring/ring.c",
           "tests/lab/src/uiotool.c", "tests/lib/accesses.c"]
# These only hand on the pointer, which is volatile: the compiler refuses it to memset(), read() and
# all the others.
CARRIERS = ["client/libxenshm/mapping.c", "client/segment_bytes.c", "daemon/claim.c",
            "daemon/main.c", "daemon/state.c", "daemon/uio_open.c", "examples/ring/ring-dom0.c",
            "examples/ring/ring-guest.c"]
# Functions that touch nothing else.
STRICT = {"daemon/scrub.c": r"wipe$|xenshm_(fill|store)",
          "tests/lib/accesses.c": r"check_(load|store|fill|barrier|twice)|xenshm_(load|store|fill)"}
SIMULATOR = re.compile(r"^(sim_|hypervisor_sim|method_sim|main_sim)")  # ordinary memory
HAS_POOL = re.compile(r"xenshm-memory\.h|\bmmap\([^)]|\bxenshm_map\(|\bstate_pool_address\(|"
                      r"\buio_open\(")

ATOMIC = re.compile(r"^(ld|st)a?l?x[rp][bh]?$|^(ldar|stlr|ldlar|stllr|ldapr|ldapur|stlur)|^cas|^swp|"
                    r"^(ld|st)(add|clr|eor|set|[su](max|min))(a|l|al)?[bh]?$")
STRUCTURE = re.compile(r"^(ld|st)[1-4]r?$")
ACCESS = re.compile(r"^(ld|st)(u|t|p|nt?p)?r?s?[bhw]?(p|psw)?$")
COPIES = re.compile(r"^(__)?(mem(set|cpy|pcpy|move|cmp|chr)|bcopy|bzero|bcmp|str(n?cpy|n?cat|len|dup)"
                    r"|aarch64_|sync_|atomic_)")
PAIR = re.compile(r"^(ld|st)n?p")
STACK = re.compile(r"\[(sp|x29)\b")
PLAIN = re.compile(r"^(w|x)(?:\d+|zr), \[x\d+(?:, #(-?\d+)\]|\](?:, #(-?\d+))?)$")
SIZES = {"b": 1, "h": 2, "w": 4}


def compile_source(compiler, flags, source, target):
    subprocess.run(
        [*compiler, *flags, "-std=gnu11", "-D_GNU_SOURCE", "-fPIE", "-fstack-protector-strong", "-w",
         *(f"-I{ROOT / folder}" for folder in INCLUDES), "-idirafter", "/usr/include",
         *(f"-idirafter{folder}" for folder in pathlib.Path("/usr/include").glob("*-linux-gnu")),
         "-c", "-o", target, ROOT / source], check=True, capture_output=True, text=True)


@functools.lru_cache(maxsize=None)
def disassemble(compiler, flags, source):
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "object.o"
        compile_source(compiler, flags, source, target)
        return subprocess.run([OBJDUMP, "-dr", "--no-show-raw-insn", target], check=True,
                              capture_output=True, text=True).stdout


def functions(text):
    """By name: the instructions, and the symbols that are referred to."""
    found, current = {}, None
    for line in text.splitlines():
        label = re.match(r"^[0-9a-f]+ <(.+)>:$", line)
        if label:
            current = found.setdefault(label.group(1), ([], []))
            continue
        relocation = re.match(r"^\s+[0-9a-f]+: R_AARCH64_\w+\s+(\S+)", line)
        instruction = re.match(r"^\s+[0-9a-f]+:\s+(.+?)(\s*//.*)?$", line)
        if relocation:
            current[1].append(relocation.group(1))
        elif instruction:
            current[0].append(re.sub(r"\s+", " ", instruction.group(1)))
    return found


def size_of(verb, register):
    suffix = verb[-1]
    return SIZES[suffix] if suffix in "bh" or verb.endswith("sw") else {"w": 4, "x": 8}[register]


def is_plain(verb, operands):
    """One general register at a place that is aligned if the base is."""
    match = PLAIN.match(operands)
    if PAIR.match(verb) or not match:
        return False
    offset = match.group(2) or match.group(3) or 0
    return int(offset) % size_of(verb, match.group(1)) == 0


def faults(instructions, symbols, strict):
    """What is wrong with a function."""
    for symbol in symbols:
        if COPIES.match(symbol):
            yield f"it calls {symbol}"
    for instruction in instructions:
        verb, _, operands = instruction.partition(" ")
        if ATOMIC.match(verb) or STRUCTURE.match(verb) or verb == "dc":
            yield instruction
        elif ACCESS.match(verb) and not STACK.search(operands):
            if re.match(r"[qdshbvz]\d", operands) or (strict and not is_plain(verb, operands)):
                yield instruction


class ObjectCode(unittest.TestCase):
    def each(self, source, test):
        """Runs `test` on what each compiler makes of a source."""
        for compiler in COMPILERS:
            for flags in FLAGS:
                with self.subTest(compiler=compiler[0], flags=flags, source=source):
                    test(functions(disassemble(tuple(compiler), tuple(flags), source)))

    def test_there_are_compilers(self):
        for program in [compiler[0] for compiler in COMPILERS] + [OBJDUMP]:
            self.assertTrue(shutil.which(program), program)

    def test_all_files_are_looked_at(self):
        """A file that gets hold of a pool has to be in the list above."""
        found = set()
        for folder in ("common", "daemon", "client", "examples"):
            for path in (ROOT / folder).rglob("*.c"):
                if HAS_POOL.search(path.read_text()) and not SIMULATOR.match(path.name):
                    found.add(str(path.relative_to(ROOT)))
        known = [source for source in SOURCES + CARRIERS if not source.startswith("tests/")]
        self.assertEqual(sorted(found), sorted(known))

    def test_nothing_forbidden(self):
        for source in SOURCES:
            self.each(source, functools.partial(self.nothing_forbidden, source))

    def nothing_forbidden(self, source, code):
        self.assertTrue(code)
        for name, (instructions, symbols) in code.items():
            strict = re.match(STRICT.get(source, "$."), name)
            self.assertEqual(list(faults(instructions, symbols, strict)), [], name)

    def test_strict_functions_are_there(self):
        """They were looked at, and stored something."""
        for source in STRICT:
            self.each(source, functools.partial(self.strict_function_stores, source))

    def strict_function_stores(self, source, code):
        names = re.compile(STRICT[source])
        self.assertTrue([i for name, (instructions, _) in code.items() if names.match(name)
                         for i in instructions if re.match(r"str (x\d+|xzr), \[x\d+\]", i)])

    def test_each_mistake_would_be_noticed(self):
        self.seen = 0
        self.each("tests/arm64/planted.c", self.every_plant_is_noticed)
        wanted = len(re.findall(r"^PLANT(_ASM)?\(", (HERE / "planted.c").read_text(), re.M))
        self.assertEqual(self.seen, wanted)

    def every_plant_is_noticed(self, code):
        planted = [name for name in code if name.startswith("planted_")]
        self.seen = max(self.seen, len(planted))
        for name in planted:
            self.assertTrue(list(faults(*code[name], True)), name)
