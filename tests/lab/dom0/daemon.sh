# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# The daemon in a Dom0 without systemd: started and ended by hand.  Sourced by lib.sh.

DAEMON_LOG=/var/log/xenshmd.log

# daemon_log LINES: the end of what it has said.
daemon_log() {
	tail -n "$1" "$DAEMON_LOG"
}

daemon_answers() {
	xenshmctl status >/dev/null 2>&1
}

daemon_start() {
	xenshmd >>"$DAEMON_LOG" 2>&1 &
	echo $! >/run/lab/xenshmd.pid
	eventually 30 daemon_answers
}

daemon_is_gone() {
	[ ! -e /run/lab/xenshmd.pid ] || ! kill -0 "$(cat /run/lab/xenshmd.pid)" 2>/dev/null
}

# daemon_stop [SIGNAL]: ends the daemon (TERM), if there is one, and waits until it is gone.
daemon_stop() {
	daemon_is_gone || kill -s "${1:-TERM}" "$(cat /run/lab/xenshmd.pid)"
	eventually 30 daemon_is_gone
}

daemon_kill() {
	daemon_stop KILL
}

daemon_need() {
	daemon_answers || daemon_start
}
