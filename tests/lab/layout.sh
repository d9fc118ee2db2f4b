# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
#
# What QEMU loads and where, for the board in $board: the device tree tells Xen the same.
# The places keep clear of each other and of what Xen allocates first.

XEN_AT=$((RAM_BASE + 0x00200000))
TREE_AT=$((RAM_BASE + 0x07000000))
STUB_AT=$((RAM_BASE + 0x07f00000))
KERNEL_AT=$((RAM_BASE + 0x09000000))
INITRD_AT=$((RAM_BASE + 0x10000000))

XEN_FILE=$ROOT/boot/xen-$XEN-arm64
TREE_FILE=$OUT/$board/board.dtb
STUB_FILE=$OUT/$board/stub.bin
KERNEL_FILE=$ROOT/boot/vmlinuz-$(cat "$OUT/kernel-abi")-arm64
INITRD_FILE=$OUT/$board/dom0.cpio
DISK_FILE=$OUT/$board/dom0.ext4
