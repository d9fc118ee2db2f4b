#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# attach.sh GUEST BYTES [COMMAND...]: GUEST shares BYTES of memory for as long as COMMAND runs (until
# Enter is pressed, without one), which finds $SEGMENT, $ADDRESS (in the guest), $HOST_ADDRESS and $BYTES
# in its environment. Needs socat and jq. Exit status: COMMAND's, 1 refused, 2 usage, 3 no daemon,
# 4 no room.
set -eu

socket=${XENSHM_SOCKET:-/run/xenshmd/xenshmd.sock}

die() {
	printf 'attach.sh: %s\n' "$2" >&2
	exit "$1"
}

# call METHOD PARAMS: the daemon's reply into $reply, the name of its error into $error, or "". socat
# waits for the reply only as long as -t says: half a second if it is not told.
call() {
	request=$(jq -nc --arg method "$1" --argjson params "$2" '{jsonrpc: "2.0", id: 1, $method, $params}')
	reply=$(printf '%s\n' "$request" | socat -t 60 - "UNIX-CONNECT:$socket") || reply=
	[ -n "$reply" ] || die 3 "no answer at $socket; is xenshmd running?"
	error=$(get '.error.data.name // ""')
}

# get FILTER: a part of the reply.
get() {
	printf '%s\n' "$reply" | jq -r "$1"
}

# Errors are told apart by their names, which never change; the message is for people.
attach() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		call guest.attach "$(jq -nc --arg guest "$guest" --arg size "$BYTES" '{$guest, size: ($size | tonumber)}')"
		case $error in
		BUSY | GUEST_DYING | HOLDER_UNKNOWN) sleep 1 ;; # passes by itself
		*) break ;;
		esac
	done
	case $error in
	"") ;;
	POOL_FULL) die 4 "no room: $(get .error.message)" ;;
	*) die 1 "$(get '.error | "\(.message) (\(.data.name)); \(.data.hint)"')" ;;
	esac
}

detach() {
	call guest.detach "$(jq -nc --arg guest "$uuid" --arg segment "$SEGMENT" '{$guest, $segment}')"
	case $error in
	"" | NOT_ATTACHED | GUEST_UNKNOWN | SEGMENT_UNKNOWN) ;; # gone already, with its guest perhaps
	*) die 1 "$(get '.error | "\(.message) (\(.data.name)); \(.data.hint)"')" ;;
	esac
}

[ $# -ge 2 ] || die 2 "usage: attach.sh GUEST BYTES [COMMAND...]"
guest=$1 BYTES=$2
shift 2
case $BYTES in
"" | *[!0-9]*) die 2 "'$BYTES' is not a number of bytes" ;;
esac

attach
SEGMENT=$(get .result.segment)
ADDRESS=$(get .result.guest_address)
HOST_ADDRESS=$(get .result.host_address)
BYTES=$(get .result.size) # in whole pages
uuid=$(get .result.guest.uuid) # by name it might be another guest when we detach
export SEGMENT ADDRESS HOST_ADDRESS BYTES
trap detach EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
printf '%s\n' "$SEGMENT: $BYTES bytes at $ADDRESS in $guest (host $HOST_ADDRESS)"

if [ $# -gt 0 ]; then
	"$@"
else
	echo "Enter detaches it."
	read -r _ || :
fi
