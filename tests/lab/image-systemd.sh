# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
#
# A Dom0 like those of users: Debian with systemd on a disk, and an initramfs that finds the disk.
# Sourced by images.sh.

DISK_MIB=640
# In the order of their needs.
DISK_MODULES=(drivers/virtio/virtio_mmio drivers/block/virtio_blk crypto/crc32c_generic lib/crc16
	fs/mbcache fs/jbd2/jbd2 fs/ext4/ext4)

make_initrd() {
	local initrd=$OUT/$board/initrd
	new_tree "$initrd"
	mkdir "$initrd/disk"
	add_modules "$initrd/mods" "${DISK_MODULES[@]}"
	(IFS=$'\n' && printf '%s\n' "${DISK_MODULES[@]##*/}") >"$initrd/mods/order"
	install -m 755 "$LAB/dom0/systemd/initrd-init" "$initrd/init"
	pack "$initrd" "$OUT/$board/dom0.cpio"
}

# The lab's own units, users and presets.
add_lab() {
	local units=$dom0/etc/systemd/system
	mkdir -p "$dom0/lab" "$units"/{lab.target.wants,sockets.target.wants} \
		"$dom0"/etc/{sysusers.d,systemd/system-preset}
	cp "$LAB"/dom0/systemd/{daemon,main,early}.sh "$dom0/lab/"
	cp "$LAB"/dom0/systemd/*.{service,target} "$units/"
	cp "$LAB/dom0/systemd/lab.preset" "$dom0/etc/systemd/system-preset/10-lab.preset"
	cp "$LAB/dom0/systemd/lab.sysusers" "$dom0/etc/sysusers.d/lab.conf"
	ln -s lab.target "$units/default.target"
	ln -s ../lab.service "$units/lab.target.wants/"
	ln -s ../lab-early.service "$units/sockets.target.wants/"
	cp "$OUT/uiotool" "$dom0/usr/bin/"
}

make_disk() {
	local disk=$OUT/$board/dom0.ext4 as_root=()
	[ "$(id -u)" = 0 ] || as_root=(fakeroot)
	rm -f "$disk"
	"${as_root[@]}" mkfs.ext4 -q -F -O '^has_journal' -d "$dom0" "$disk" "${DISK_MIB}M"
}

make_dom0() {
	rm -rf "$dom0"
	# Links, which is faster: whatever is put there next must not be written into a file of Debian's.
	cp -al "$OUT/debian" "$dom0"
	cp -a --remove-destination "$OUT/installed/." "$dom0/"
	add_lab
	add_tests "$LAB/dom0/systemd" "$@"
	add_guest
	make_disk
	make_initrd
}
