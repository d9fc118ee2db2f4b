# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# A created guest goes through all that makes a guest come back, from inside and from outside,
# with the daemon there, restarted, killed, or dead meanwhile: each time its next domain has the
# same page at the same address with the same bytes, as the same device.

daemon_need
# Linux does not tell Xen of a panic: with panic= it reboots.
guest_config made1 "" 128 'on_poweroff = "restart"
on_crash = "restart"
on_watchdog = "restart"
extra = "console=hvc0 loglevel=1 panic=1"' >/tmp/made1.cfg

# facts: what must be the same all the time.
facts() {
	for leaf in address size epoch state; do
		xenstore-read "/local/domain/$(guest_id made1)/xenshm/made1-0/$leaf"
	done
	g made1 'uiotool /dev/uio0 0 hear; cat /sys/class/uio/uio0/name /sys/class/uio/uio0/maps/map0/addr'
	host shared_mem 0 hear
	xenshmctl list made1-0
}

# comes_back NAME: it has just been made to go.
comes_back() {
	guest_back made1 "$id"
	id=$(guest_id made1)
	is "$1" "$(facts)" "$facts"
}

restart_daemon() {
	daemon_stop "$1"
	daemon_start
}

guest_make made1 4K >/dev/null
guest_wait made1
id=$(guest_id made1)
g made1 'uiotool /dev/uio0 0 say "outlives it all"'
facts=$(facts)
has "the guest has its device and its bytes" "$facts" "^outlives it all$"

guest_leave made1 'reboot -f'
comes_back "reboot"

restart_daemon TERM
guest_leave made1 'poweroff -f'
comes_back "power off, with on_poweroff = restart, under another daemon"

restart_daemon KILL
guest_leave made1 'echo c >/proc/sysrq-trigger'
comes_back "a panic that ends in a reboot, after the daemon was killed"

daemon_kill
guest_leave made1 'reboot -f'
has "reboot without a daemon: the domain stays" "$(eventually 30 domain_is "$id" s && echo yes)" yes
daemon_start
comes_back "until there is one again"

guest_leave made1 'insmod /mods/xen_wdt.ko timeout=2; exec sleep 600 >/dev/watchdog'
comes_back "watchdog"

rm -f "$CONSOLES/guest-made1.log"
xl reboot made1
comes_back "xl reboot"

rm -f "$CONSOLES/guest-made1.log"
xl shutdown made1
comes_back "xl shutdown, with on_poweroff = restart"

rm -f "$CONSOLES/guest-made1.log"
/lab/crash-domain "$id"
comes_back "crash"

xl destroy made1
has "xl destroy: it does not come back" "$(eventually 20 guest_is_gone made1 && echo yes)" yes
sleep 3
has "nor later" "$(guest_is_gone made1 && echo yes)" yes
is "no record of it is left" "$(ls /run/xenshmd/guests)" ""
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes
