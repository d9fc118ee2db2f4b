# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
#
# What the trees of Dom0 and of guests are put together from.  Sourced by images.sh, which says in
# $board, $mode, $abi, $modules and $dom0 what it is about.

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
		if [ -e "$1/usr/lib/$library" ] || [ -e "$1/usr/lib/$TRIPLET/$library" ]; then
			continue
		fi
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

# add_modules FOLDER MODULE...: Debian's, unpacked where they are packed, as a plain insmod wants them.
add_modules() {
	local folder=$1 module
	shift
	mkdir -p "$folder"
	for module; do
		if [ -e "$modules/$module.ko.xz" ]; then
			xz -dc "$modules/$module.ko.xz" >"$folder/${module##*/}.ko"
		else
			cp "$modules/$module.ko" "$folder/"
		fi
	done
}

pack() {
	(cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio -0 -o -H newc -R 0:0 --quiet) >"$2"
}

# add_tests FOLDERS [TEST...]: the chosen test files, or all that are in one of these folders.
add_tests() {
	local name folders=$1
	shift
	[ $# -gt 0 ] || set -- '*'
	cp "$LAB"/dom0/{lib,view,run-tests,demo,mistakes}.sh "$dom0/lab/"
	cp "$LAB/board/$board.sh" "$dom0/lab/board"
	echo "$mode" >"$dom0/lab/mode"
	echo "LOOP_SECONDS=${LOOP_SECONDS-} KILL_CYCLES=${KILL_CYCLES-} LAB_SEED=${LAB_SEED:-$RANDOM} QEMU=$QEMU" >"$dom0/lab/parameters"
	cp "$OUT"/{strike,pulse} "$dom0/bin/"
	add_programs "$dom0" bin "$OUT/xenview" "$OUT/arm64/examples/ring-dom0"
	add_programs "$dom0" lab "$OUT"/arm64/tests/contract/{contract-xen,crash-domain} \
		"$OUT/arm64/tests/lab/xenshmd-unaligned"
	for name; do
		# shellcheck disable=SC2086 # folders are words
		find $folders -maxdepth 1 -name "test_$name.sh" -exec cp {} "$dom0/lab/" \;
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
