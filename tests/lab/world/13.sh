# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034
#
# Debian 13: Xen 4.20, Linux 6.12, QEMU 10.  Sourced by common.sh.

CODENAME=trixie
XEN=4.20
LINUX=6.12
T64=t64 # at the end of the names of libraries whose times have 64 bits now
LIBC_HEADERS=linux-libc-dev # of all architectures
TOOLS_LIBC=(libc6) # of this machine's architecture, for the tools that build kernel modules
QEMU_MAJOR=10

# linux_kbuild ABI: the package with the tools that build kernel modules.
linux_kbuild() {
	echo "linux-kbuild-$1"
}

# new_root FOLDER: what packages expect before they are unpacked; everything is in /usr there.
new_root() {
	local folder
	for folder in bin sbin lib; do
		mkdir -p "$1/usr/$folder"
		ln -s "usr/$folder" "$1/$folder"
	done
}

# correct_tree BOARD FILE: what this Xen cannot live with in the tree that comes with this kernel.
# While it makes Dom0's tree it panics at ZynqMP's real-time cores (remoteproc@ffe00000 and
# remoteproc-split@ffe00000).
correct_tree() {
	local node
	[ "$1" = zcu102 ] || return 0
	for node in $(fdtget -l "$2" / | grep '^remoteproc.*@ffe00000$'); do
		fdtput -r "$2" "/$node"
	done
}
