# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# The daemon as a service of systemd, as its units make it one.  Sourced by lib.sh.

# daemon_log LINES: the end of what it, and systemd about it, have said.
daemon_log() {
	journalctl -q --no-pager -o short-monotonic -u xenshmd.service -u xenshmd.socket -n "$1"
}

daemon_answers() {
	xenshmctl status >/dev/null 2>&1
}

daemon_start() {
	systemctl start xenshmd.service && eventually 120 daemon_answers
}

daemon_stop() {
	systemctl stop xenshmd.service 2>/dev/null
}

daemon_need() {
	daemon_answers || daemon_start
}

# service PROPERTY: of the unit, as systemd has it.
service() {
	systemctl show -P "$1" xenshmd.service
}

daemon_pid() {
	service MainPID
}

# as USER COMMAND...: by a user of lab.sysusers, with all his groups.
as() {
	user=$1
	shift
	setpriv --reuid "$user" --regid "$user" --init-groups "$@"
}
