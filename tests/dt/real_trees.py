#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`xenshmctl dt` on the trees of real boards, as Debian's arm64 kernel brings them, and on that of
QEMU's board. What is expected is made with fdtput, and everything is read with dtc: none of it is
our own code. Prints TAP.

    real_trees.py XENSHMCTL      DT_TREES: the folder usr/lib/linux-image-* of that package
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

CTL = sys.argv[1]
TREES = pathlib.Path(os.environ.get("DT_TREES", "/nonexistent"))
QEMU = "qemu-system-aarch64"
OF_ID = "uio_pdrv_genirq.of_id=uio-dev"

# Each board: tree; memory node; for a pool of 4 KiB and for three of 1 MiB, what is left of the
# memory and where the pools are; the arguments that were there.
BOARDS = [
    ("xilinx/zynqmp-zcu102-rev1.0", "/memory@0", "earlycon",
     ("0 0 0 7ffff000 8 0 0 80000000", ["7ffff000"]),
     ("0 0 0 7fd00000 8 0 0 80000000", ["7ff00000", "7fe00000", "7fd00000"])),
    ("xilinx/zynqmp-zcu104-revA", "/memory@0", "earlycon",
     ("0 0 0 7ffff000", ["7ffff000"]),
     ("0 0 0 7fd00000", ["7ff00000", "7fe00000", "7fd00000"])),
    ("xilinx/zynqmp-zcu100-revC", "/memory@0", "earlycon",
     ("0 0 0 7ffff000", ["7ffff000"]),
     ("0 0 0 7fd00000", ["7ff00000", "7fe00000", "7fd00000"])),
    ("freescale/fsl-lx2160a-rdb", "/memory@80000000", "",
     ("0 80000000 0 7ffff000", ["fffff000"]),
     ("0 80000000 0 7fd00000", ["fff00000", "ffe00000", "ffd00000"])),
    ("arm/juno", "/memory@80000000", "",
     ("0 80000000 0 7efff000 8 80000000 1 80000000", ["fefff000"]),
     ("0 80000000 0 7ed00000 8 80000000 1 80000000", ["fef00000", "fee00000", "fed00000"])),
    ("broadcom/bcm2711-rpi-4-b", "/memory@0", "",
     ("0 0 3b3ff000 0 40000000 bc000000", ["3b3ff000"]),
     ("0 0 3b100000 0 40000000 bc000000", ["3b300000", "3b200000", "3b100000"])),
    ("virt", "/memory@40000000", "",
     ("0 40000000 0 7ffff000", ["bffff000"]),
     ("0 40000000 0 7fd00000", ["bff00000", "bfe00000", "bfd00000"])),
]
RPI_MEMORY = "0 0 3b400000 0 40000000 bc000000"  # as the firmware of one with 4 GiB leaves it


def run(*command, status=0, **how):
    done = subprocess.run(command, capture_output=True, text=True, **how)
    assert done.returncode == status, f"{command}: {done.returncode} {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def source(tree):
    """Sorted, because the order of nodes and properties means nothing."""
    return run("dtc", "-q", "-s", "-I", "dtb", "-O", "dts", tree)


def same(left, right):
    assert source(left) == source(right), f"{left} and {right} differ"


def fetch(board, tree):
    if board == "virt":
        run(QEMU, "-M", f"virt,gic-version=3,dumpdtb={tree}", "-cpu", "cortex-a53", "-m", "2048",
            "-nodefaults", "-display", "none")
    else:
        shutil.copy(TREES / f"{board}.dtb", tree)
        tree.chmod(0o644)


def expect(tree, expected, board, result, name_of):
    """What fdtput makes of the tree by the table."""
    _, node, arguments, *_ = board
    memory, places = result
    cells = int(run("fdtget", "-t", "u", tree, "/", "#size-cells"))
    shutil.copy(tree, expected)
    run("fdtput", "-t", "x", expected, node, "reg", *memory.split())
    for number, place in enumerate(places):
        path = f"/{name_of(number)}@{place}"
        size = "1000" if len(places) == 1 else "100000"
        reg = ["0", place, size] if cells == 1 else ["0", place, "0", size]
        run("fdtput", "-c", expected, path)
        run("fdtput", "-t", "s", expected, path, "compatible", "uio-dev")
        run("fdtput", "-t", "x", expected, path, "reg", *reg)
    if "chosen" not in run("fdtget", "-l", expected, "/").split():
        run("fdtput", "-c", expected, "/chosen")
    run("fdtput", "-t", "s", expected, "/chosen", "xen,dom0-bootargs",
        f"{arguments} {OF_ID}".strip())


def reserve(tree, options, *more):
    return run(CTL, "dt", "reserve", *options, tree, *more)


def try_board(folder, board, result, options):
    tree, expected, made = folder / "in.dtb", folder / "expected.dtb", folder / "out.dtb"
    expect(tree, expected, board, result, lambda n: f"shared_mem-{n}" if n else "shared_mem")
    reserve(tree, options, "-o", made)
    same(made, expected)
    reserve(made, options, "-o", folder / "again.dtb")
    assert made.read_bytes() == (folder / "again.dtb").read_bytes(), "the second time changes it"
    reserve(tree, options, "--overlay", "-o", folder / "out.dtbo")
    run("fdtoverlay", "-i", tree, "-o", folder / "overlaid.dtb", folder / "out.dtbo")
    same(folder / "overlaid.dtb", expected)
    text = run("dtc", "-q", "-I", "dtb", "-O", "dts", tree) + reserve(tree, options, "--dts")
    run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", folder / "source.dtb", "-", input=text)
    same(folder / "source.dtb", expected)
    assert "no mistake found" in run(CTL, "dt", "check", made)
    assert "no node is called" in run(CTL, "dt", "check", tree, status=1)


def try_untouched(folder, board):
    """Pages that the tree has given to somebody else."""
    tree = folder / "in.dtb"
    if board[0] == "freescale/fsl-lx2160a-rdb":
        text = run(CTL, "dt", "reserve", "--size", "4K", "--at", "0x80000000", tree, "--dts", status=1)
        assert "/memreserve/ 0x80000000" in text and "PAGES_HELD" in text, text
    if board[0] == "broadcom/bcm2711-rpi-4-b":
        text = run(CTL, "dt", "reserve", "--size", "4K", "--at", "0x0", tree, "--dts", status=1)
        assert "/memreserve/ 0x0" in text and "PAGES_HELD" in text, text


def prepare(folder, board):
    tree = folder / "in.dtb"
    fetch(board[0], tree)
    if board[0] == "broadcom/bcm2711-rpi-4-b":
        text = run(CTL, "dt", "reserve", "--size", "4K", tree, "--dts", status=1)
        assert "no memory node has a range" in text, text
        run("fdtput", "-t", "x", tree, "/memory@0", "reg", *RPI_MEMORY.split())


def try_all(board):
    *_, page, three = board
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(folder, board)
        try_board(folder, board, page, ["--size", "4K"])
        try_board(folder, board, three, ["--size", "1M", "--count", "3"])
        try_untouched(folder, board)


def main():
    if not TREES.is_dir() or not all(map(shutil.which, ["dtc", "fdtput", "fdtoverlay", QEMU])):
        print("1..0 # SKIP no trees in DT_TREES, or no dtc or QEMU")
        return 0
    failed = 0
    print(f"1..{len(BOARDS)}")
    for number, board in enumerate(BOARDS, 1):
        try:
            try_all(board)
            print(f"ok {number} - {board[0]}")
        except AssertionError as fault:
            failed += 1
            print(f"not ok {number} - {board[0]}")
            for line in str(fault).splitlines():
                print(f"# {line}")
    return 1 if failed else 0


sys.exit(main())
