#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds uio_pdrv_genirq.ko, the driver that turns a device-tree node into /dev/uioN,
# for Debian's arm64 kernel, which has UIO but leaves this driver out.
set -euo pipefail
. "$(dirname "$0")/common.sh"

DRIVER=drivers/uio/uio_pdrv_genirq.c
abi=$(cat "$OUT/kernel-abi")
headers=$ROOT/usr/src/linux-headers-$abi-arm64
work=$OUT/module-$abi

# write_compiler FILE: a newer kernel asks for an option that this machine's compiler knows by its
# older name.
write_compiler() {
	cat >"$1" <<-END
		#!/bin/bash
		exec $TRIPLET-gcc "\${@/#-fmin-function-alignment=/-falign-functions=}"
	END
	chmod 755 "$1"
}

# use_tools_libc PROGRAM: has a program of a newer Debian run with that Debian's loader and libc.
use_tools_libc() {
	local libc=$OUT/tools-libc loader
	loader=$(find -L "$libc/usr/lib64" "$libc/usr/lib" -maxdepth 1 -name 'ld-linux-*' -print -quit 2>/dev/null)
	[ -e "$1.program" ] || mv "$1" "$1.program"
	cat >"$1" <<-END
		#!/bin/sh
		exec "$loader" --library-path "$(echo "$libc"/usr/lib/*-linux-gnu)" "$1.program" "\$@"
	END
	chmod 755 "$1"
}

[ ! -e "$work/uio_pdrv_genirq.ko" ] || exit 0

mkdir -p "$work"
tar -xJOf "$ROOT/usr/src/linux-source-$LINUX.tar.xz" --occurrence=1 "linux-source-$LINUX/$DRIVER" >"$work/uio_pdrv_genirq.c"
echo 'obj-m := uio_pdrv_genirq.o' >"$work/Makefile"
# The packaged Makefile names /usr/src, where these headers are not installed.
echo "include $ROOT/usr/src/linux-headers-$abi-common/Makefile" >"$headers/Makefile"
write_compiler "$work/cc"
[ ! -e "$OUT/tools-libc" ] || use_tools_libc "$ROOT/usr/lib/$(linux_kbuild "$abi")/scripts/mod/modpost.real-lsb-64"
# Types for BPF would need another newer program, and nobody here asks for them.
make -C "$headers" ARCH=arm64 CROSS_COMPILE="$TRIPLET-" CC="$work/cc" CONFIG_DEBUG_INFO_BTF_MODULES= M="$work" modules
