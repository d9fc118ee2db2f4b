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

[ ! -e "$work/uio_pdrv_genirq.ko" ] || exit 0

mkdir -p "$work"
tar -xJOf "$ROOT/usr/src/linux-source-6.1.tar.xz" "linux-source-6.1/$DRIVER" >"$work/uio_pdrv_genirq.c"
echo 'obj-m := uio_pdrv_genirq.o' >"$work/Makefile"
# The packaged Makefile names /usr/src, where these headers are not installed.
echo "include $ROOT/usr/src/linux-headers-$abi-common/Makefile" >"$headers/Makefile"
make -C "$headers" ARCH=arm64 CROSS_COMPILE="$TRIPLET-" M="$work" modules
