#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# demo-sim.sh BUILD_FOLDER: the story of the demonstration on a simulated Xen.  Commands are
# real; what Dom0 and the guest would do with the memory is done through xenshmd-sim's own
# methods (sim.host.*, sim.guest.*), shown by their names.
set -euo pipefail

programs=$1
# find_program NAME: wherever the build put it.
find_program() {
	find "$programs" -type f -perm -u+x -name "$1" -print -quit
}
state=$(mktemp -d)
daemon_program=$(find_program xenshmd-sim)
client_program=$(find_program xenshmctl)
export XENSHM_SOCKET=$state/xenshmd.sock

xenshmctl() {
	"$client_program" "$@"
}

die() {
	echo "$*; the daemon's log:" >&2
	cat "$state/log" >&2
	exit 1
}

clean_up() {
	kill "$daemon" 2>/dev/null || true
	wait "$daemon" 2>/dev/null || true
	rm -rf "$state"
}

start_daemon() {
	"$daemon_program" --state-dir "$state" --pool 4K --guest guest1 >"$state/log" 2>&1 &
	daemon=$!
	trap clean_up EXIT
	until xenshmctl status >/dev/null 2>&1; do
		kill -0 "$daemon" 2>/dev/null || die "xenshmd-sim has ended"
		sleep 0.01
	done
}

# call METHOD PARAMS: one JSON-RPC request over the socket; prints the reply.
call() {
	printf '{"jsonrpc":"2.0","id":1,"method":"%s","params":{%s}}\n' "$1" "$2" |
		socat -t 10 - "UNIX-CONNECT:$XENSHM_SOCKET" | grep '"result"' || die "$1 failed"
}

hex() {
	printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
}

unhex() {
	# shellcheck disable=SC2001 # bash before 5.2 cannot
	printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"
}

# dom0 COMMAND...: shows the command, runs it, and leaves what it prints in $output as well.
dom0() {
	echo "dom0# $*"
	output=$("$@") || die "failed: $*"
	echo "$output"
}

# say PROMPT METHOD TARGET ADDRESS TEXT: writes a string.
say() {
	echo "$1# $2 $4 \"$5\""
	call "$2" "$3\"address\":\"$4\",\"data\":\"$(hex "$5")\"" >/dev/null
}

# hear PROMPT METHOD TARGET ADDRESS TEXT: reads a string, which must be TEXT.
hear() {
	local data
	echo "$1# $2 $4"
	data=$(call "$2" "$3\"address\":\"$4\",\"length\":${#5}" | sed 's/.*"data":"\([0-9a-f]*\)".*/\1/')
	unhex "$data"
	echo
	[ "$data" = "$(hex "$5")" ] || die "'$5' should have been read"
}

start_daemon
dom0 xenshmctl guests
echo
dom0 xenshmctl attach guest1 4K
[[ $output =~ ^guest1-0:\ 4\ KiB\ at\ (0x[0-9a-f]+)\ in\ guest1\ \(host\ (0x[0-9a-f]+)\)$ ]] || die "not attached"
address=${BASH_REMATCH[1]} host=${BASH_REMATCH[2]}
echo
say dom0 sim.host.write "" "$host" "hello from Dom0"
hear guest1 sim.guest.read '"name":"guest1",' "$address" "hello from Dom0"
say guest1 sim.guest.write '"name":"guest1",' "$address" "hello from guest1"
hear dom0 sim.host.read "" "$host" "hello from guest1"
echo
dom0 xenshmctl list
dom0 xenshmctl detach guest1
[ "$output" = "guest1-0: detached from guest1" ] || die "not detached"
echo
: >"$state/kernel"
echo '{"c_info":{"type":"pvh","name":"guest2"},"b_info":{"type.pvh":{},"max_memkb":65536,"kernel":"'"$state"'/kernel"}}' \
	>"$state/guest2.json"
dom0 xenshmctl create - 4K <"$state/guest2.json"
[[ $output == "guest2: created, "* ]] || die "not created"
dom0 xenshmctl guests
dom0 xenshmctl destroy guest2
[ "$output" = "guest2: destroyed" ] || die "not destroyed"
