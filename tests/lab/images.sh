#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# images.sh BOARD SYSTEM MODE [TEST...]: packs the two initramfs of the lab: $OUT/guest.cpio, and
# $OUT/BOARD/dom0.cpio.  With the SYSTEM plain the latter holds everything that Dom0 needs, the
# guest's kernel and initramfs included; with systemd all that is on a disk, $OUT/BOARD/dom0.ext4.
# MODE (test, demo, mistakes or shell) is what Dom0 will do once it is up; TESTs narrow the test
# files down to test_TEST.sh.
#
# Made anew for each boot: it takes less time than knowing what has changed.  Nothing is
# compressed: unpacking would cost the emulated processor more than it saves.
set -euo pipefail
. "$(dirname "$0")/common.sh"
board=$1 system=$2 mode=$3
shift 3

abi=$(cat "$OUT/kernel-abi")
modules=$ROOT/lib/modules/$abi-arm64/kernel
dom0=$OUT/$board/dom0
guest=$OUT/guest
. "$LAB/image-parts.sh"
# shellcheck source=image-plain.sh
. "$LAB/image-$system.sh"

make_guest() {
	new_tree "$guest"
	add_programs "$guest" bin "$ROOT"/usr/bin/xenstore-{read,ls}
	add_programs "$guest" bin "$OUT/arm64/examples/ring-guest"
	add_modules "$guest/mods" drivers/uio/uio drivers/watchdog/xen_wdt
	cp "$OUT/module-$abi/uio_pdrv_genirq.ko" "$guest/mods/"
	install -m 755 "$LAB/guest/init" "$guest/init"
	pack "$guest" "$OUT/guest.cpio"
}

"$TRIPLET-gcc" --sysroot="$ROOT" -O2 -Wall -Wextra -o "$OUT/xenview" "$LAB/src/xenview.c" \
	-lxenctrl -Wl,--allow-shlib-undefined
for program in uiotool strike pulse; do
	"$TRIPLET-gcc" --sysroot="$ROOT" -O2 -Wall -Wextra -D_GNU_SOURCE -static -o "$OUT/$program" "$LAB/src/$program.c"
done
make_guest
make_dom0 "$@"
