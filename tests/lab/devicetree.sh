#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# devicetree.sh BOARD: writes $OUT/BOARD/board.dtb, the tree that Xen is started with:
# the board's own, plus the recipe for shared pages (Linux' memory ends below them, and a
# node of its own describes each run to UIO), plus what Xen is to boot, and how.
set -euo pipefail
. "$(dirname "$0")/common.sh"
board=$1
# shellcheck source=board/virt.sh
. "$LAB/board/$board.sh"
. "$LAB/layout.sh"
tree=$OUT/$board/board.dtb

# cells NUMBER: a 64-bit number as two cells.
cells() {
	printf '%x %x' $(($1 >> 32)) $(($1 & 0xffffffff))
}

# set_reg NODE ADDRESS SIZE
set_reg() {
	# shellcheck disable=SC2046 # cells are words
	fdtput -t x "$tree" "$1" reg $(cells "$2") $(cells "$3")
}

shrink_memory() {
	set_reg "$MEMORY_NODE" "$RAM_BASE" $((MEMORY_END - RAM_BASE))
}

# Each node is put in front of those before it: the last one added is Linux' first.
add_uio_devices() {
	local name size
	tac <<<"$UIO_DEVICES" | while IFS=: read -r name size; do
		fdtput -c "$tree" "/$name"
		fdtput -t s "$tree" "/$name" compatible uio-dev
		set_reg "/$name" "0x${name#*@}" "$size"
	done
}

# add_module ADDRESS KIND FILE: tells Xen what lies at ADDRESS.
add_module() {
	local node
	node=/chosen/module@$(printf %x "$1")
	fdtput -c "$tree" "$node"
	fdtput -t s "$tree" "$node" compatible "multiboot,$2" multiboot,module
	set_reg "$node" "$1" "$(stat -L -c %s "$3")"
}

add_boot_information() {
	fdtput -t x "$tree" /chosen '#address-cells' 2
	fdtput -t x "$tree" /chosen '#size-cells' 2
	fdtput -t s "$tree" /chosen xen,xen-bootargs "console=dtuart $XEN_OPTIONS dom0_mem=768M"
	fdtput -t s "$tree" /chosen xen,dom0-bootargs "console=hvc0 quiet clk_ignore_unused"
	add_module "$KERNEL_AT" kernel "$KERNEL_FILE"
	add_module "$INITRD_AT" ramdisk "$INITRD_FILE"
}

rm -f "$tree"
make_tree "$tree"
shrink_memory
add_uio_devices
add_boot_information
