#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Downloads the world's arm64 packages and unpacks them into $ROOT: Xen and its tools,
# the kernel, and the libraries that the project is cross-compiled against.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/apt.sh"

XEN_TOOLS=("xen-hypervisor-$XEN-arm64" "xen-utils-$XEN" xenstore-utils "libxenmisc$XEN" libxencall1
	libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1
	libxenstore4 libxentoolcore1 libxentoollog1)
XEN_NEEDS=(libc6 libgcc-s1 libyajl2 "libext2fs2$T64" libcom-err2 libuuid1 libblkid1 zlib1g libfdt1
	libncurses6 libtinfo6)
PROJECT_NEEDS=("libevent-2.1-7$T64" "libevent-core-2.1-7$T64" libjansson4 libinih1 libcmocka0 libsystemd0
	libcap2 libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libzstd1)
HEADERS=(libc6-dev libxen-dev libevent-dev libjansson-dev libinih-dev libfdt-dev
	libcmocka-dev libbsd-dev libsystemd-dev)

# The kernel's packages carry its ABI in their names; the metapackage knows which.
kernel_abi() {
	apt-cache show linux-image-arm64:arm64 |
		sed -n 's/^Depends: linux-image-\([^ ,]*\)-arm64.*/\1/p' | head -n 1
}

download() {
	local arm64=("${XEN_TOOLS[@]}" "${XEN_NEEDS[@]}" "${PROJECT_NEEDS[@]}" "${HEADERS[@]}"
		busybox-static "linux-image-$1-arm64" "linux-headers-$1-arm64")
	# The headers' own tools (modpost and others) run on this machine, perhaps with a libc of theirs.
	(cd "$OUT/debs" && apt-get download "${arm64[@]/%/:arm64}" "$LIBC_HEADERS" \
		"linux-headers-$1-common" "$(linux_kbuild "$1")" "linux-source-$LINUX" "${TOOLS_LIBC[@]}")
}

unpack() {
	local deb
	new_root "$ROOT.new"
	for deb in "$OUT"/debs/*.deb; do
		case ${deb##*/} in
		"libc6_"*"_$native.deb") dpkg -x "$deb" "$OUT/tools-libc" ;;
		*) dpkg -x "$deb" "$ROOT.new" ;;
		esac
	done
}

# A changed list means another download; an unchanged one is never looked up again.
stamp=$OUT/packages-$(cat "$0" "$LAB/world/$DEBIAN.sh" | sha256sum | cut -c1-16)
[ ! -e "$stamp" ] || exit 0

native=$(dpkg --print-architecture)
rm -rf "$ROOT" "$ROOT.new" "$OUT"/tools-libc "$OUT"/debs "$OUT"/packages-*
mkdir -p "$OUT/debs"
configure_apt "$OUT/apt" "$CODENAME" "$native" arm64
apt-get update
abi=$(kernel_abi)
download "$abi"
unpack
rm -rf "$OUT/debs"
mv "$ROOT.new" "$ROOT"
echo "$abi" >"$OUT/kernel-abi"
touch "$stamp"
