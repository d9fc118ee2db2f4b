#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes $OUT/debian, the root file system of a Debian arm64 with systemd, udev and Xen's tools, once.
#
# Its packages are unpacked, not installed: their scripts would have to run on an emulated
# processor, for ten minutes.  What these scripts do that is needed here is done by configure().
# dpkg nevertheless knows them as installed, so that a package can be installed in there.
set -euo pipefail
[ "$(id -u)" = 0 ] || exec fakeroot "$0" "$@"
. "$(dirname "$0")/common.sh"
. "$LAB/apt.sh"

PACKAGES=('?essential' usr-is-merged systemd-sysv udev kmod "xen-utils-$XEN" busybox-static
	"libevent-core-2.1-7$T64" libjansson4 libinih1 libfdt1 procps)
# Of the kernel's modules, those that a Dom0 of the lab has a use for.
MODULES=(drivers/xen drivers/uio drivers/virtio drivers/block/virtio_blk.ko
	drivers/char/hw_random/virtio-rng.ko fs/autofs fs/ext4 fs/jbd2 fs/mbcache.ko lib/crc16.ko
	crypto/crc32c_generic.ko)
# What they do at a first boot takes a minute there, and nobody needs it.
MASKED=(systemd-hwdb-update.service ldconfig.service systemd-journal-catalog-update.service
	systemd-firstboot.service systemd-random-seed.service systemd-binfmt.service
	proc-sys-fs-binfmt_misc.automount serial-getty@.service)

tree=$OUT/debian.new
info=$tree/var/lib/dpkg/info

# new_tree: the folders that packages rely on, /usr being one with /.
new_tree() {
	local folder
	mkdir -p "$tree"/{dev,proc,sys,run,etc,root,tmp,var} "$info"
	chmod 1777 "$tree/tmp"
	for folder in bin sbin lib; do
		mkdir -p "$tree/usr/$folder"
		ln -s "usr/$folder" "$tree/$folder"
	done
	echo 1 >"$info/format"
}

# contents DEB [OPTION]...: has tar do something with the files of a package.
contents() {
	dpkg-deb --fsys-tarfile "$1" | tar "${@:2}"
}

unpack() {
	contents "$1" -x -C "$tree" --keep-directory-symlink \
		--exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' \
		--exclude='./usr/share/info/*'
}

# register DEB: what dpkg notes about an installed package.
register() {
	local control=$tree/control name file
	dpkg-deb -e "$1" "$control"
	name=$(sed -n 's/^Package: //p' "$control/control")
	! grep -q '^Multi-Arch: same' "$control/control" || name=$name:arm64
	sed 's/^Package: .*/&\nStatus: install ok installed/' "$control/control" >>"$tree/var/lib/dpkg/status"
	echo >>"$tree/var/lib/dpkg/status"
	rm "$control/control"
	for file in "$control"/*; do
		[ ! -f "$file" ] || mv "$file" "$info/$name.${file##*/}"
	done
	contents "$1" -t | sed 's,^\./$,/.,; s,^\./,/,; s,/$,,' >"$info/$name.list"
	rm -rf "$control"
}

add_packages() {
	local deb
	for deb in "$OUT"/debian-apt/cache/archives/*.deb; do
		unpack "$deb"
		register "$deb"
	done
}

add_modules() {
	local abi from to module
	abi=$(cat "$OUT/kernel-abi")
	from=$ROOT/lib/modules/$abi-arm64 to=$tree/lib/modules/$abi-arm64
	for module in "${MODULES[@]}"; do
		mkdir -p "$to/kernel/$(dirname "$module")"
		# Packed (.ko.xz) or not.
		cp -a "$from/kernel/$module"* "$to/kernel/$(dirname "$module")/"
	done
	cp "$OUT/module-$abi/uio_pdrv_genirq.ko" "$to/kernel/drivers/uio/"
	cp "$from"/modules.{order,builtin,builtin.modinfo} "$to"
	depmod -b "$tree" "$abi-arm64"
}

# The scripts of these two know how to work on another root.
add_accounts() {
	DPKG_ROOT=$tree sh "$info/base-passwd.preinst" install
	DPKG_ROOT=$tree sh "$info/base-files.postinst" configure ""
	sed 's/:.*/:*:19700:0:99999:7:::/' "$tree/etc/passwd" >"$tree/etc/shadow"
	chmod 640 "$tree/etc/shadow"
	sed -i 's/:\*:/:x:/' "$tree/etc/passwd" "$tree/etc/group"
}

# add_sysv_script NAME NUMBER: what update-rc.d does; systemd makes a service of it.
add_sysv_script() {
	local level
	for level in 2 3 4 5; do
		ln -s "../init.d/$1" "$tree/etc/rc$level.d/S0$2$1"
	done
	for level in 0 1 6; do
		ln -s "../init.d/$1" "$tree/etc/rc$level.d/K01$1"
	done
}

# add_xen: the services of Debian's packages, with the guests' consoles in files.
add_xen() {
	mkdir -p "$tree"/etc/rc{0,1,2,3,4,5,6}.d "$tree/var/log/xen/console"
	add_sysv_script xen 1
	add_sysv_script xendomains 2
	echo 'XENCONSOLED_ARGS="--log=all --timestamp=none --log-dir=/var/log/xen/console"' >"$tree/etc/default/xen"
}

# The machine has no identity yet: its first boot enables services as their presets say, and makes
# users and groups, as that of any image does.
configure() {
	local unit
	add_accounts
	add_xen
	ln -s mawk "$tree/usr/bin/awk"
	ln -s busybox "$tree/usr/bin/usleep"
	echo dom0 >"$tree/etc/hostname"
	echo "/dev/vda / ext4 noatime 0 0" >"$tree/etc/fstab"
	echo uninitialized >"$tree/etc/machine-id"
	for unit in "${MASKED[@]}"; do
		ln -s /dev/null "$tree/etc/systemd/system/$unit"
	done
}

stamp=$OUT/debian-$(cat "$0" "$LAB/world/$DEBIAN.sh" "$OUT/kernel-abi" | sha256sum | cut -c1-16)
[ ! -e "$stamp" ] || exit 0

rm -rf "$OUT/debian" "$tree" "$OUT"/debian-*
configure_apt "$OUT/debian-apt" "$CODENAME" arm64
apt-get update
apt-get install -y --download-only "${PACKAGES[@]}"
new_tree
add_packages
add_modules
configure
rm -rf "$OUT/debian-apt"
mv "$tree" "$OUT/debian"
touch "$stamp"
