#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Cross-builds the project for arm64 with its ordinary meson.build, against the headers
# and libraries in $ROOT, and installs it into $OUT/installed as a Dom0 would have it.
set -euo pipefail
. "$(dirname "$0")/common.sh"

build=$OUT/arm64

write_cross_file() {
	cat <<-END
		[binaries]
		c = ['$TRIPLET-gcc', '--sysroot=$ROOT']
		ar = '$TRIPLET-ar'
		strip = '$TRIPLET-strip'
		pkgconfig = 'pkg-config'

		# The world's libc, which its libraries want, not the compiler's own.
		[built-in options]
		c_link_args = ['-B$ROOT/usr/lib/$TRIPLET', '-L$ROOT/usr/lib/$TRIPLET']

		[properties]
		sys_root = '$ROOT'
		pkg_config_libdir = ['$ROOT/usr/lib/$TRIPLET/pkgconfig', '$ROOT/usr/share/pkgconfig']

		[host_machine]
		system = 'linux'
		cpu_family = 'aarch64'
		cpu = 'cortex-a53'
		endian = 'little'
	END
}

configure() {
	meson setup --cross-file "$OUT/cross.ini" --prefix /usr --sysconfdir /etc --localstatedir /var \
		--buildtype debugoptimized -Dxen=enabled -Dtests=true "$build" "$TOP"
}

write_cross_file >"$OUT/cross.ini.new"
# Another cross file (or packages) needs another build folder: meson reads it only once.
if ! cmp -s "$OUT/cross.ini.new" "$OUT/cross.ini" || [ "$OUT/kernel-abi" -nt "$build" ]; then
	rm -rf "$build"
	mv "$OUT/cross.ini.new" "$OUT/cross.ini"
fi
[ -e "$build/build.ninja" ] || configure
meson compile -C "$build"
rm -rf "$OUT/installed"
meson install -C "$build" --no-rebuild --quiet --destdir "$OUT/installed"
