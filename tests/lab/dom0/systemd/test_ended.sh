# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# The service's end, in each way that systemd knows, disturbs no guest: what was attached stays
# attached, with its bytes, and the next daemon finds it.

guest_need guest1
daemon_need
xenshmctl attach guest1 4K >/dev/null
xenshmctl alloc kept 8K >/dev/null
before=$(xenshmctl --json list)

# survived NAME: the daemon is there again and tells the same; the guest has its page.
survived() {
	eventually 120 daemon_answers
	is "$1: what is attached" "$(xenshmctl --json list)" "$before"
	host shared_mem 0 say "$1"
	is "$1: the guest reads what Dom0 writes" "$(g guest1 'uiotool /dev/mem 0x3a000000 hear')" "$1"
}

another_daemon() {
	new=$(daemon_pid)
	[ "$new" != 0 ] && [ "$new" != "$old" ]
}

# ---- restarted and stopped by the administrator

old=$(daemon_pid)
systemctl restart xenshmd.service
is "restart" $? 0
has "restart: another process" "$(another_daemon && echo yes)" yes
survived "restart"

systemctl stop xenshmd.service 2>/dev/null
host shared_mem 0 say "while it is stopped"
is "stop: the guest keeps its page" "$(g guest1 'uiotool /dev/mem 0x3a000000 hear')" "while it is stopped"
is "stop: it is no failure" "$(service Result)" success
is "stop: it stays so" "$(service ActiveState)" inactive
systemctl start xenshmd.service
survived "stop and start"

# ---- ended by accident

old=$(daemon_pid) restarts=$(service NRestarts)
kill -KILL "$old"
has "kill -KILL: systemd starts it again" "$(eventually 120 another_daemon && echo yes)" yes
is "kill -KILL: once" "$(service NRestarts)" $((restarts + 1))
survived "kill -KILL"

# A daemon that hangs. The unit's own limit is longer than a test should wait.
mkdir -p /run/systemd/system/xenshmd.service.d
printf '[Service]\nWatchdogSec=10\n' >/run/systemd/system/xenshmd.service.d/lab.conf
systemctl daemon-reload
systemctl restart xenshmd.service
eventually 120 daemon_answers
old=$(daemon_pid) restarts=$(service NRestarts)
kill -STOP "$old"
has "kill -STOP: the watchdog ends it, and systemd starts it again" "$(eventually 120 another_daemon && echo yes)" yes
is "kill -STOP: once" "$(service NRestarts)" $((restarts + 1))
has "kill -STOP: the journal says why" "$(daemon_log 50)" 'Watchdog timeout'
survived "kill -STOP"
rm -r /run/systemd/system/xenshmd.service.d
systemctl daemon-reload
systemctl restart xenshmd.service

# ---- configured anew

old=$(daemon_pid)
mkdir -p /etc/xenshmd
printf '[segment standing]\nsize = 4K\n' >/etc/xenshmd/xenshmd.conf
systemctl reload xenshmd.service
is "reload" $? 0
standing_is_there() {
	xenshmctl list standing >/dev/null 2>&1
}
has "reload: the new configuration is carried out" "$(eventually 120 standing_is_there && echo yes)" yes
is "reload: by the same process" "$(daemon_pid)" "$old"
rm /etc/xenshmd/xenshmd.conf
systemctl reload xenshmd.service
xenshmctl free standing >/dev/null
survived "reload"

xenshmctl detach guest1 >/dev/null
xenshmctl free kept >/dev/null
has "all pages are free" "$(eventually 120 pages_are_free && echo yes)" yes
