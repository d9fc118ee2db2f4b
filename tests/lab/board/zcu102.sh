# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2034
#
# QEMU's model of the Xilinx ZCU102 with the classic shared page, the last one below 2 GiB,
# and beside it a UIO device that is none of xenshmd's business (a page of on-chip memory).
# Sourced on the host, which builds the board from it, and in Dom0, which expects it.

QEMU_MACHINE="xlnx-zcu102,virtualization=on"
QEMU_OPTIONS="-audio none"
[ "${QEMU-}" != 7 ] || QEMU_OPTIONS="-audiodev none,id=snd0"
XEN_OPTIONS="dtuart=serial0"
RAM_BASE=0x0
RAM_MIB=2048

# name@address:size of each UIO device, one a line, in the order of Dom0's /dev/uioN.
UIO_DEVICES="shared_mem@7ffff000:0x1000
other_dev@fffc0000:0x1000"

# The page of pool shared_mem.
POOL_HOST=0x7ffff000

# How long test_loop.sh and test_kill.sh go on; the environment may say otherwise.
LOOP_SECONDS=${LOOP_SECONDS:-30}
KILL_CYCLES=${KILL_CYCLES:-9}

# make_tree FILE: the board's own tree, which comes with Debian's kernel.
make_tree() {
	cp "$ROOT"/usr/lib/linux-image-*/xilinx/zynqmp-zcu102-rev1.0.dtb "$1"
	chmod u+w "$1"
	correct_memory "$1"
	correct_interrupt_controller "$1"
}

# The board has 4 GiB, the upper half above 32 GiB; this one has only the lower half.
correct_memory() {
	fdtput -t x "$1" /memory@0 reg 0 0 0 "$(printf %x $((RAM_MIB << 20)))"
}

# The GIC's registers are 4 KiB apart on the bus, each page repeated 16 times, and the
# tree names the first of those copies.  Xen knows such controllers by their identity
# register, which QEMU answers differently, so it looks for the second register page one
# page further on, hits a copy of the first, and hangs at the first interrupt.  Naming
# the last copy of the first page puts the second page where Xen looks.
correct_interrupt_controller() {
	fdtput -t x "$1" "/axi/$(fdtget -l "$1" /axi | grep interrupt-controller)" reg \
		0 f9010000 0 10000  0 f902f000 0 2000  0 f9040000 0 20000  0 f906f000 0 2000
}
