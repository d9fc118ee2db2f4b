#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Downloads Debian's arm64 packages and unpacks them into $ROOT: Xen and its tools,
# the kernel, and the libraries that the project is cross-compiled against.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/apt.sh"

XEN=(xen-hypervisor-4.17-arm64 xen-utils-4.17 xenstore-utils libxenmisc4.17 libxencall1
	libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1
	libxenstore4 libxentoolcore1 libxentoollog1)
XEN_NEEDS=(libc6 libgcc-s1 libyajl2 libext2fs2 libcom-err2 libuuid1 libblkid1 zlib1g libfdt1
	libncurses6 libtinfo6)
PROJECT_NEEDS=(libevent-2.1-7 libevent-core-2.1-7 libjansson4 libinih1 libcmocka0 libsystemd0
	libcap2 libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libzstd1)
HEADERS=(linux-libc-dev libc6-dev libxen-dev libevent-dev libjansson-dev libinih-dev libfdt-dev
	libcmocka-dev libbsd-dev libsystemd-dev)

# The kernel's packages carry its ABI in their names; the metapackage knows which.
kernel_abi() {
	apt-cache show linux-image-arm64:arm64 |
		sed -n 's/^Depends: linux-image-\([^ ,]*\)-arm64.*/\1/p' | head -n 1
}

download() {
	local arm64=("${XEN[@]}" "${XEN_NEEDS[@]}" "${PROJECT_NEEDS[@]}" "${HEADERS[@]}"
		busybox-static "linux-image-$1-arm64" "linux-headers-$1-arm64")
	# The headers' own tools (modpost and others) run on this machine.
	(cd "$OUT/debs" && apt-get download "${arm64[@]/%/:arm64}" \
		"linux-headers-$1-common" linux-kbuild-6.1 linux-source-6.1)
}

unpack() {
	local deb
	for deb in "$OUT"/debs/*.deb; do
		dpkg -x "$deb" "$ROOT.new"
	done
}

# A changed list means another download; an unchanged one is never looked up again.
stamp=$OUT/packages-$(sha256sum <"$0" | cut -c1-16)
[ ! -e "$stamp" ] || exit 0

rm -rf "$ROOT" "$ROOT.new" "$OUT"/debs "$OUT"/packages-*
mkdir -p "$OUT/debs"
configure_apt apt "$(dpkg --print-architecture)" arm64
apt-get update
abi=$(kernel_abi)
download "$abi"
unpack
rm -rf "$OUT/debs"
mv "$ROOT.new" "$ROOT"
echo "$abi" >"$OUT/kernel-abi"
touch "$stamp"
