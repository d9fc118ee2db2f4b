# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2034
#
# QEMU's generic "virt" board, with two pools: a single page, and one of 256 pages, so that
# segments larger than one hypercall takes (64 pages) can be tried.
# Sourced on the host, which builds the board from it, and in Dom0, which expects it.

QEMU_MACHINE="virt,virtualization=on,gic-version=3"
QEMU_OPTIONS="-cpu cortex-a53"
XEN_OPTIONS=""
RAM_BASE=0x40000000
RAM_MIB=2048

# name@address:size of each UIO device, one a line, in the order of Dom0's /dev/uioN.
UIO_DEVICES="shared_mem@bfeff000:0x1000
shared_mem_b@bff00000:0x100000"

# The page of pool shared_mem.
POOL_HOST=0xbfeff000

# How long test_loop.sh and test_kill.sh go on; the environment may say otherwise.
LOOP_SECONDS=${LOOP_SECONDS:-60}
KILL_CYCLES=${KILL_CYCLES:-5}

# make_tree FILE: the device tree that QEMU generates for the board.
make_tree() {
	# shellcheck disable=SC2086 # options are words
	"$QEMU_PROGRAM" -M "$QEMU_MACHINE,dumpdtb=$1" $QEMU_OPTIONS -smp 2 -m "$RAM_MIB" -nodefaults -display none
}
