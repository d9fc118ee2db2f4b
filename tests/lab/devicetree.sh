#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# devicetree.sh BOARD: writes $OUT/BOARD/board.dtb, the tree that Xen is started with:
# the board's own, plus what Xen is to boot, and how; and in it the shared pages, reserved as
# users do it, by `xenshmctl dt reserve`.
set -euo pipefail
. "$(dirname "$0")/common.sh"
board=$1
# shellcheck source=board/virt.sh
. "$LAB/board/$board.sh"
. "$LAB/layout.sh"
tree=$OUT/$board/board.dtb
ctl=$NATIVE/client/xenshmctl

# cells NUMBER: a 64-bit number as two cells.
cells() {
	printf '%x %x' $(($1 >> 32)) $(($1 & 0xffffffff))
}

# set_reg NODE ADDRESS SIZE
set_reg() {
	# shellcheck disable=SC2046 # cells are words
	fdtput -t x "$tree" "$1" reg $(cells "$2") $(cells "$3")
}

reserve_pool() {
	"$ctl" dt reserve --name "${1%@*}" --at "0x${1#*@}" --size $(($2)) --dtb-at "$(printf 0x%x "$TREE_AT")" \
		"$tree" --output "$tree"
}

# A device that has nothing to do with shared memory.
add_other_device() {
	fdtput -c "$tree" "/$1"
	fdtput -t s "$tree" "/$1" compatible uio-dev
	set_reg "/$1" "0x${1#*@}" "$2"
}

# Each node is put in front of those before it: the last one added is Linux' first.
add_uio_devices() {
	local name size
	tac <<<"$UIO_DEVICES" | while IFS=: read -r name size; do
		case $name in
		shared_mem*) reserve_pool "$name" "$size" ;;
		*) add_other_device "$name" "$size" ;;
		esac
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
correct_tree "$board" "$tree"
add_boot_information
add_uio_devices
"$ctl" dt check "$tree"
