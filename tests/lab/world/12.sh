# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034
#
# Debian 12: Xen 4.17, Linux 6.1, QEMU 7.2.  Sourced by common.sh.

CODENAME=bookworm
XEN=4.17
LINUX=6.1
T64=
LIBC_HEADERS=linux-libc-dev:arm64
TOOLS_LIBC=() # what this machine has will do
QEMU_MAJOR=7

# linux_kbuild ABI: the package with the tools that build kernel modules.
linux_kbuild() {
	echo "linux-kbuild-$LINUX"
}

# new_root FOLDER: what packages expect before they are unpacked.
new_root() {
	mkdir -p "$1"
}

# correct_tree BOARD FILE: what this Xen cannot live with in the tree that comes with this kernel.
correct_tree() {
	:
}
