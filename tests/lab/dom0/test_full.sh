# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Disks that are full: nothing can be written to the store, or to libxl's folder.  Each request that
# would need it is refused with nothing changed, and all is well as soon as there is room.

# small FOLDER: what is in it is in a small file system from here on.
small() {
	mkdir -p "$1"
	cp -a "$1" /tmp/small
	mount -t tmpfs -o size=256k full "$1"
	cp -a /tmp/small/. "$1"
	rm -r /tmp/small
}

guest_need guest1
daemon_stop
small /run/xenshmd
small /var/lib/xen
daemon_start

fill() {
	cat /dev/zero >"$1/fill" 2>/dev/null
}

guest_config made1 >/tmp/made1.cfg

fill /run/xenshmd
refused "a new segment, the store being full" 1 '(STORE_FAILED)$' xenshmctl alloc data 4K
refused "attaching, the store being full" 1 '(STORE_FAILED)$' xenshmctl attach guest1 4K
refused_whole "a new guest, the store being full" 1 '(STORE_FAILED)$' xenshmctl create /tmp/made1.cfg 4K
rm /run/xenshmd/fill
is "with room it is attached" "$(xenshmctl attach guest1 4K --pool shared_mem)" \
	"guest1-0: 4 KiB at 0x3a000000 in guest1 (host $POOL_HOST)"

host shared_mem 0 say "untouched"
fill /run/xenshmd
refused "detaching, the store being full" 1 '(STORE_FAILED)$' xenshmctl detach guest1
is "what is attached works" "$(g guest1 'uiotool /dev/mem 0x3a000000 hear')" "untouched"
rm /run/xenshmd/fill
is "with room it is detached" "$(xenshmctl detach guest1)" "guest1-0: detached from guest1"

fill /var/lib/xen
refused_whole "a new guest, libxl's folder being full" 1 '(HYPERVISOR_FAILED)$' \
	xenshmctl create /tmp/made1.cfg
rm /var/lib/xen/fill
has "with room it is created" "$(guest_make made1)" '^made1: created, domid '
guest_wait made1

# What libxl writes when a guest ends is not worth keeping the guest for.
fill /run/xenshmd
fill /var/lib/xen
xenshmctl destroy made1 >/tmp/answer 2>&1
is "a guest is destroyed, or the refusal says why" \
	"$(grep -v -e '^made1: destroyed$' -e '(STORE_FAILED)$' /tmp/answer)" ""
rm /run/xenshmd/fill /var/lib/xen/fill
guest_exists made1 && xenshmctl destroy made1 >/dev/null
has "and in the end it is gone" "$(eventually 30 guest_is_gone made1 && echo yes)" yes

daemon_stop
umount /run/xenshmd
umount /var/lib/xen
daemon_start
