# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154
#
# examples/ring between Dom0 and guests: 10,000 messages each way, none lost, torn or twice, through
# /dev/mem of an attached guest; after either side was killed; and through the UIO device of a created one.

MESSAGES=10000
ENDLESS=2000000000

# counts PROGRAM MESSAGES: the line of one that saw every message once.
counts() {
	echo "$1: sent $2, received $2, 0 lost, 0 torn, 0 twice, begun anew 0 times"
}

# guest_ring GUEST ARGUMENTS: starts ring-guest there.
guest_ring() {
	g "$1" "rm -f /tmp/ring; ring-guest --timeout 200 $2 >/tmp/ring 2>&1 &"
}

guest_ring_said() {
	[ "$(g "$1" 'cat /tmp/ring')" = "$2" ]
}

# exchange NAME GUEST SEGMENT ARGUMENTS MESSAGES: both sides, to the end.
exchange() {
	guest_ring "$2" "$4 --messages $5"
	start=$(now)
	is "$1: Dom0's side" "$(ring-dom0 --timeout 200 --messages "$5" "$3" 2>&1)" "$(counts ring-dom0 "$5")"
	echo "LAB $1: $5 messages each way in $(($(now) - start)) s"
	eventually 30 guest_ring_said "$2" "$(counts ring-guest "$5")"
	is "$1: the guest's side" "$(g "$2" 'cat /tmp/ring')" "$(counts ring-guest "$5")"
}

# word OFFSET: a word of the segment, see examples/ring/README.md.
word() {
	host_at $((mail + $1)) get
}

word_differs() {
	[ "$(word "$1")" != "$2" ]
}

# goes_on OFFSET: a word that a beginning changes once is changed by messages again and again.
goes_on() {
	for _ in 1 2 3; do
		eventually 60 word_differs "$1" "$(word "$1")" || return 1
	done
	echo yes
}

# progress NAME OFFSET...: these words go on.
progress() {
	name=$1
	shift
	for offset; do
		is "$name: word at $offset goes on" "$(goes_on "$offset")" yes
	done
}

DOM0_HEAD=20 DOM0_TAIL=24 GUEST_HEAD=84 GUEST_TAIL=88

guest_need guest1
daemon_need

# ---- attached

answer=$(xenshmctl attach guest1 4K --name mail)
at=${answer##* at }
at=${at%% *}
mail=${answer##*host }
mail=${mail%)}
where="--address $at --size 4096"
exchange attached guest1 mail "$where" $MESSAGES

# ---- killed

guest_ring guest1 "$where --messages $ENDLESS"
ring-dom0 --timeout 200 --messages $ENDLESS mail &
dom0=$!
progress "both sides" $DOM0_HEAD $DOM0_TAIL $GUEST_HEAD $GUEST_TAIL
g guest1 'killall -9 ring-guest'
guest_ring guest1 "$where --messages $ENDLESS"
progress "the guest's side again" $GUEST_HEAD $GUEST_TAIL
kill -9 $dom0
wait $dom0
ring-dom0 --timeout 200 --messages $ENDLESS mail &
dom0=$!
progress "Dom0's side again" $DOM0_HEAD $DOM0_TAIL
kill -9 $dom0
wait $dom0
g guest1 'killall -9 ring-guest'
exchange "after all that" guest1 mail "$where" 1000

# ---- created

xenshmctl detach guest1 >/dev/null
guest_config made1 >/tmp/made1.cfg
guest_make made1 4K >/dev/null
guest_wait made1
exchange created made1 made1-0 made1-0 2000
xenshmctl destroy made1 >/dev/null
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes
