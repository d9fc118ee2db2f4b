#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# images.sh BOARD MODE [TEST...]: packs the two initramfs of the lab: $OUT/guest.cpio, and
# $OUT/BOARD/dom0.cpio, which holds everything that Dom0 needs, the guest's kernel and
# initramfs included.  MODE (test, demo, mistakes or shell) is what Dom0 will do once it is up;
# TESTs narrow the test files down to test_TEST.sh.
#
# Made anew for each boot: it takes less time than knowing what has changed.  Nothing is
# compressed: unpacking would cost the emulated processor more than it saves.
set -euo pipefail
. "$(dirname "$0")/common.sh"
board=$1 mode=$2
shift 2

abi=$(cat "$OUT/kernel-abi")
modules=$ROOT/lib/modules/$abi-arm64/kernel/drivers
xen_tools=$(cd "$ROOT" && echo usr/lib/xen-*/bin)
dom0=$OUT/$board/dom0
guest=$OUT/guest

# new_tree TREE: a root file system with a static busybox and what no program is linked with:
# the loader, and the library that glibc itself loads to end a thread.
new_tree() {
	rm -rf "$1"
	mkdir -p "$1"/{bin,dev,proc,sys,run,tmp,etc,usr/lib,lab}
	ln -s usr/lib "$1/lib"
	cp -L "$ROOT/lib/ld-linux-aarch64.so.1" "$ROOT/lib/$TRIPLET/libgcc_s.so.1" "$1/usr/lib/"
	cp "$ROOT/bin/busybox" "$OUT/uiotool" "$1/bin/"
	ln -s busybox "$1/bin/sh"
}

needed_by() {
	readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

# add_libraries TREE FILE: what FILE is linked with, and what that is linked with in turn.
add_libraries() {
	local library path
	for library in $(needed_by "$2"); do
		[ ! -e "$1/usr/lib/$library" ] || continue
		path=$(find "$ROOT/lib/$TRIPLET" "$ROOT/usr/lib/$TRIPLET" "$OUT/installed" \
			-name "$library" -print -quit)
		[ -n "$path" ] || die "$2 needs $library, which no package here has"
		cp -L "$path" "$1/usr/lib/$library"
		add_libraries "$1" "$path"
	done
}

# add_programs TREE FOLDER FILE...
add_programs() {
	local tree=$1 folder=$2 program
	shift 2
	mkdir -p "$tree/$folder"
	for program; do
		cp -L "$program" "$tree/$folder/"
		add_libraries "$tree" "$program"
	done
}

pack() {
	(cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio -0 -o -H newc -R 0:0 --quiet) >"$2"
}

make_guest() {
	new_tree "$guest"
	add_programs "$guest" bin "$ROOT"/usr/bin/xenstore-{read,ls}
	add_programs "$guest" bin "$OUT/arm64/examples/ring-guest"
	mkdir "$guest/mods"
	cp "$modules/uio/uio.ko" "$OUT/module-$abi/uio_pdrv_genirq.ko" "$modules/watchdog/xen_wdt.ko" "$guest/mods/"
	install -m 755 "$LAB/guest/init" "$guest/init"
	pack "$guest" "$OUT/guest.cpio"
}

add_xen_tools() {
	add_programs "$dom0" "$xen_tools" \
		"$ROOT/$xen_tools"/{xl,libxl-save-helper,xenstored,xenconsole,xenconsoled,xen-init-dom0}
	add_programs "$dom0" bin "$ROOT"/usr/bin/xenstore-{read,write,ls,list,exists}
	ln -s "/$xen_tools/xl" "$dom0/bin/xl"
	mkdir -p "$dom0"/{etc/xen,var/lib/xen/dump,var/lib/xenstored,var/log/xen/console,var/lock,mods}
	ln -s ../run "$dom0/var/run"
	: >"$dom0/etc/xen/xl.conf"
	cp "$modules"/xen/xen-{evtchn,gntdev,gntalloc,privcmd}.ko "$modules/xen/xenfs/xenfs.ko" \
		"$modules/uio/uio.ko" "$OUT/module-$abi/uio_pdrv_genirq.ko" "$dom0/mods/"
}

# The project as `meson install` laid it out.
add_project() {
	local program
	cp -a "$OUT/installed/." "$dom0/"
	find "$OUT/installed" -type f -perm -u+x | while IFS= read -r program; do
		if readelf -h "$program" >/dev/null 2>&1; then
			add_libraries "$dom0" "$program"
		fi
	done
}

# add_tests [TEST...]: the chosen test files, or all that the board has.
add_tests() {
	local name
	[ $# -gt 0 ] || set -- '*'
	cp "$LAB"/dom0/{lib,view,run-tests,demo,mistakes}.sh "$dom0/lab/"
	cp "$LAB/board/$board.sh" "$dom0/lab/board"
	echo "$mode" >"$dom0/lab/mode"
	echo "LOOP_SECONDS=${LOOP_SECONDS-} KILL_CYCLES=${KILL_CYCLES-} LAB_SEED=${LAB_SEED:-$RANDOM}" >"$dom0/lab/parameters"
	cp "$OUT"/{strike,pulse} "$dom0/bin/"
	add_programs "$dom0" bin "$OUT/xenview" "$OUT/arm64/examples/ring-dom0"
	add_programs "$dom0" lab "$OUT"/arm64/tests/contract/{contract-xen,crash-domain}
	for name; do
		find "$LAB/dom0" -maxdepth 1 -name "test_$name.sh" -exec cp {} "$dom0/lab/" \;
		find "$LAB/dom0/$board" -name "test_$name.sh" -exec cp {} "$dom0/lab/" \;
		compgen -G "$dom0/lab/test_$name.sh" >/dev/null || die "$board has no test '$name'"
	done
}

# Most of what is packed, for nothing where no guest is started.
add_guest() {
	mkdir "$dom0/guest"
	cp "$ROOT/boot/vmlinuz-$abi-arm64" "$dom0/guest/kernel"
	cp "$OUT/guest.cpio" "$dom0/guest/initrd"
	dtc -q -I dts -O dtb -o "$dom0/guest/own.dtb" "$LAB/guest/own.dts"
	dtc -q -I dts -O dtb -o "$dom0/guest/bare.dtb" - <<<'/dts-v1/; / { };'
}

make_dom0() {
	new_tree "$dom0"
	add_xen_tools
	add_project
	add_tests "$@"
	[ "$mode" = mistakes ] || add_guest
	install -m 755 "$LAB/dom0/init" "$dom0/init"
	pack "$dom0" "$OUT/$board/dom0.cpio"
}

"$TRIPLET-gcc" --sysroot="$ROOT" -O2 -Wall -Wextra -o "$OUT/xenview" "$LAB/src/xenview.c" \
	-lxenctrl -Wl,--allow-shlib-undefined
for program in uiotool strike pulse; do
	"$TRIPLET-gcc" --sysroot="$ROOT" -O2 -Wall -Wextra -static -o "$OUT/$program" "$LAB/src/$program.c"
done
make_guest
make_dom0 "$@"
