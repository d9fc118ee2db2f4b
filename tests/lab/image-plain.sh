# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
#
# The smallest Dom0 that xenshmd runs in, an initramfs: busybox, Xen's tools, the project.
# Sourced by images.sh.

add_xen_tools() {
	local xen_tools
	xen_tools=$(cd "$ROOT" && echo usr/lib/xen-*/bin)
	add_programs "$dom0" "$xen_tools" \
		"$ROOT/$xen_tools"/{xl,libxl-save-helper,xenstored,xenconsole,xenconsoled,xen-init-dom0}
	add_programs "$dom0" bin "$ROOT"/usr/bin/xenstore-{read,write,ls,list,exists}
	ln -s "/$xen_tools/xl" "$dom0/bin/xl"
	mkdir -p "$dom0"/{etc/xen,var/lib/xen/dump,var/lib/xenstored,var/log/xen/console,var/lock}
	ln -s ../run "$dom0/var/run"
	: >"$dom0/etc/xen/xl.conf"
	add_modules "$dom0/mods" drivers/xen/xen-{evtchn,gntdev,gntalloc,privcmd} drivers/xen/xenfs/xenfs \
		drivers/uio/uio
	cp "$OUT/module-$abi/uio_pdrv_genirq.ko" "$dom0/mods/"
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

make_dom0() {
	new_tree "$dom0"
	add_xen_tools
	add_project
	add_tests "$LAB/dom0 $LAB/dom0/$board" "$@"
	cp "$LAB/dom0/daemon.sh" "$dom0/lab/"
	[ "$mode" = mistakes ] || add_guest
	install -m 755 "$LAB/dom0/init" "$dom0/init"
	pack "$dom0" "$OUT/$board/dom0.cpio"
}
