# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# What an installed xenshmd is after a boot: enabled by its preset, its socket there before it, and
# started by whoever comes first.  The first test of all: nobody has asked it anything yet, but for
# the client of early.sh.

is "everything that systemd had to start has started" "$(systemctl list-units --failed --plain --no-legend)" ""
for unit in xenshmd.socket xenshmd.service xenshm-builder.socket; do
	is "a first boot enables $unit" "$(systemctl is-enabled "$unit")" enabled
done

has "the groups are made" "$(getent group xenshm)" '^xenshm:.*:operator$'
has "the one of those who only look, too" "$(getent group xenshm-read)" '^xenshm-read:.*:watcher$'
is "so is the folder" "$(stat -c '%U:%G %a' /run/xenshmd)" "root:root 755"
is "anybody may connect" "$(stat -c '%a' /run/xenshmd/xenshmd.sock)" 666

is "a client that came before the daemon" "$(cat /run/lab/early.before)" inactive
eventually 120 test -e /run/lab/early.status
is "is served when the daemon is there" "$(cat /run/lab/early.status)" 0
has "with a real answer" "$(cat /run/lab/early.answer)" "^version: "

is "the service runs" "$(service ActiveState)" active
is "and has said itself that it is ready" "$(service StatusText)" "serving clients"
has "after Xen's daemons" "$(service After)" 'xen\.service'
has "and before guests are started" "$(service Before)" 'xendomains\.service'

for pool in shared_mem shared_mem_b; do
	has "pool $pool is there, whose driver nobody but the unit has loaded" "$(xenshmctl pools)" "^$pool "
done

# sockets PID: what it has open.
sockets() {
	find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | sort
}
listening=$(awk '$8 == "/run/xenshmd/xenshmd.sock" && $6 == "01" { print "socket:[" $7 "]" }' /proc/net/unix)
has "its socket is the one that systemd has bound" "$(sockets 1)" "^$(printf '%s' "$listening" | sed 's/[][]/\\&/g')\$"
has "and handed over" "$(sockets "$(daemon_pid)")" "^$(printf '%s' "$listening" | sed 's/[][]/\\&/g')\$"

# stop says that the socket is still there, which is meant here.
daemon_stop
is "stopped, it does not run" "$(service ActiveState)" inactive
is "its socket is still listened to" "$(systemctl is-active xenshmd.socket)" active
has "a client starts it" "$(xenshmctl status 2>&1)" "^version: "
is "as the service" "$(service ActiveState)" active

systemctl stop xenshmd.socket
is "without its socket it is not" "$(service ActiveState)" inactive
xenshmctl status >/dev/null 2>&1
is "and a client is told that nobody is there" $? 3
systemctl start xenshmd.service
is "starting the service brings its socket back" "$(systemctl is-active xenshmd.socket)" active
has "both work" "$(xenshmctl status 2>&1)" "^version: "
