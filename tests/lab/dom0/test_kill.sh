# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154
#
# SIGKILL in the middle: while the daemon attaches, detaches, and takes back what a dead guest
# held, after a random time from nothing to a little more than the work takes.  The next daemon
# must bring everything into order: xenshmd and Xen agree page by page, what was confirmed is
# as it was confirmed, what was not is done entirely or not at all, other attachments of the
# same pages keep their bytes, and nothing stays mapped or told that is not attached.
#
# Each of KILL_CYCLES has four kills.  Their times come from a seed, which it tells:
# KILL_CYCLES=50 LAB_SEED=SEED ./dev lab BOARD kill
# shellcheck source=view.sh
. /lab/view.sh

STORE=/run/xenshmd/segments/struck.json
TALLY=/run/lab/kill-tally
seed=$LAB_SEED
kills=0

# The last pool of the board is the largest one; segments have up to 100 pages.
for device in $UIO_DEVICES; do
	case $device in
	shared_mem*) pool=${device%%@*} largest=$((${device#*:} / 4096)) ;;
	esac
done

[ "$largest" -le 100 ] || largest=100

# ---- the segment "struck", as seen from everywhere

# stored GUEST: the state of its attachment in the store, or "absent".
stored() {
	json_lines 2>/dev/null <$STORE | awk -v guest="$1" '
		BEGIN { state = "absent" }
		{ value[$1] = $2 }
		END {
			for (i = 0; "attachments." i ".state" in value; i++)
				if (value["attachments." i ".guest.name"] == guest)
					state = value["attachments." i ".state"]
			print state
		}'
}

# learn_id GUEST: its domid, or nothing, into $id_GUEST; xl is slow to ask each time.
learn_id() {
	eval "id_$1=\$(guest_id $1)"
}

id_of() {
	case $1 in
	guest1) echo "$id_guest1" ;;
	guest2) echo "$id_guest2" ;;
	esac
}

# is_attached GUEST: by the view read last.
is_attached() {
	grep -q "^attached $(id_of "$1") .* struck$" "$VIEW/daemon"
}

any_attached() {
	grep -q "^attached .* struck$" "$VIEW/daemon"
}

# told GUEST: what the guest can read about it in xenstore.
told() {
	xenstore-list "/local/domain/$(id_of "$1")/xenshm" 2>/dev/null
}

attach_params() {
	echo "{\"guest\":\"$1\",\"name\":\"struck\",\"pool\":\"$pool\",\"size\":$((pages * 4096))}"
}

share_params() {
	echo "{\"guest\":\"$1\",\"segment\":\"struck\"}"
}

# request METHOD PARAMS
request() {
	echo "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}"
}

# time_of METHOD PARAMS: how many microseconds the daemon takes.
time_of() {
	strike 0 0 "$SOCKET" "$(request "$@")" | sed -n 's/^\([0-9]*\) .*"result".*/\1/p'
}

# measure: $attach_time, $share_time and $detach_time of the segment as large as it is this time.
measure() {
	attach_time=$(time_of guest.attach "$(attach_params guest1)")
	share_time=$(time_of guest.attach "$(share_params guest2)")
	detach_time=$(time_of guest.detach "$(share_params guest2)")
	time_of guest.detach "$(share_params guest1)" >/dev/null
	has "cycle $1: pages $pages, microseconds to attach $attach_time, share $share_time, detach $detach_time" \
		"$attach_time $share_time $detach_time" '^[1-9][0-9]* [1-9][0-9]* [1-9][0-9]*$'
}

# fill: another word all over it, so that every loss of bytes shows.
fill() {
	word=$((word + 1))
	host_at "$(struck_host)" fill $word $((pages * 4096))
}

struck_host() {
	echo $(($(awk '$NF == "struck" { print $3; exit }' "$VIEW/daemon") * 4096))
}

# ---- judging

# keeps GUEST: what no kill may change.
keeps() {
	is_attached "$1" || echo "$1 has lost it"
}

# bytes_differ: in Dom0, from the word that was put all over it, if it was.
bytes_differ() {
	any_attached && [ "$word" != 0 ] || return 0
	got=$(host_at "$(struck_host)" verify $word $((pages * 4096)))
	[ "$got" = same ] || echo "its bytes: $got"
}

# is_told GUEST: xenstore tells it exactly when it is attached.
is_told() {
	if is_attached "$1"; then want=struck; else want=""; fi
	[ "$(told "$1")" = "$want" ] || echo "$1 is told '$(told "$1")', not '$want'"
}

# reaches_it: guest1 reaches the first page exactly when it is attached.  Permission is not all:
# a mapping lives on when only the permission is taken away.
reaches_it() {
	if is_attached guest1; then want=0; else want=137; fi
	g guest1 "uiotool /dev/mem $at get" >/dev/null
	got=$?
	[ $got = $want ] || echo "touching it ends in guest1 with $got, not $want"
}

# as_replied GUEST: what the daemon has confirmed is so; what it has not may be so or not.
as_replied() {
	case $reply in
	*'"error"'*) echo "refused: $reply" ;;
	*'"detached":'*) ! is_attached "$1" || echo "detaching was confirmed" ;;
	*'"result"'*) is_attached "$1" || echo "attaching was confirmed" ;;
	esac
}

# judge WHAT GUEST KEEPER: starts the next daemon and looks at everything.  KEEPER: a guest whose
# attachment must be as before, or nobody.
judge() {
	kills=$((kills + 1))
	left=$(stored "$2")
	daemon_start
	{
		differences
		as_replied "$2"
		[ -z "$3" ] || keeps "$3"
		is_told guest1
		[ -z "$id_guest2" ] || is_told guest2
		[ "$2" != guest1 ] || reaches_it
		bytes_differ
	} >"$TALLY.trouble"
	echo "$1: $left" >>"$TALLY"
	is "kill $kills: $1 $2, $delay us, left $left, reply $(echo "$reply" | cut -d' ' -f1)" "$(cat "$TALLY.trouble")" ""
	[ ! -s "$TALLY.trouble" ] || show_views
}

# ---- killing

# strike_request LIMIT METHOD PARAMS: kills the daemon at most LIMIT microseconds after that.
strike_request() {
	chance "$1"
	delay=$chance
	reply=$(strike "$(cat /run/lab/xenshmd.pid)" "$delay" $SOCKET "$(request "$2" "$3")")
	eventually 30 daemon_is_gone
}

# The daemon lives on for a random part of xl destroy.
strike_during_destroy() {
	chance 900000
	delay=$chance
	xl destroy guest2 &
	destroyer=$!
	strike "$(cat /run/lab/xenshmd.pid)" "$delay"
	wait $destroyer
}

# The daemon sleeps during xl destroy, wakes up to a dead guest, and is killed over that, which
# takes it about as long as sharing.
strike_after_destroy() {
	chance "$share_time"
	delay=$chance
	kill -s STOP "$(cat /run/lab/xenshmd.pid)"
	xl destroy guest2
	strike "$(cat /run/lab/xenshmd.pid)" "$delay"
}

# ---- the four kills of a cycle; each leaves "struck" as the next one needs it

kill_in_attach() {
	word=0
	strike_request $((attach_time * 5 / 4)) guest.attach "$(attach_params guest1)"
	judge "attach to" guest1 ""
	is_attached guest1 || xenshmctl attach guest1 $((pages * 4096)) --name struck --pool "$pool" >/dev/null
	read_views
	is "the old bytes are gone" "$(host_at "$(struck_host)" verify 0 $((pages * 4096)))" same
	fill
}

kill_in_share() {
	strike_request $((share_time * 5 / 4)) guest.attach "$(share_params guest2)"
	judge "share with" guest2 guest1
	is_attached guest2 || xenshmctl attach guest2 --segment struck >/dev/null
}

# kill_in_detach GUEST KEEPER
kill_in_detach() {
	strike_request $((detach_time * 5 / 4)) guest.detach "$(share_params "$1")"
	judge "detach from" "$1" "$2"
	! is_attached "$1" || xenshmctl detach "$1" struck >/dev/null
}

# kill_at_death HOW KEEPER
kill_at_death() {
	reply=-
	"strike_$1"
	eventually 30 daemon_is_gone
	id_guest2=
	judge "$1 of" guest2 "$2"
	guest_start guest2
	learn_id guest2
}

# The last one that has it goes by turns: guest1 by detach, guest2 by detach, guest2 by death.
cycle() {
	measure "$1"
	chance 3
	how=during_destroy
	[ "$chance" = 0 ] || how=after_destroy
	kill_in_attach
	kill_in_share
	case $(($1 % 4)) in
	0) kill_in_detach guest2 guest1 && kill_in_detach guest1 "" ;;
	1) kill_at_death $how guest1 && kill_in_detach guest1 "" ;;
	2) kill_in_detach guest1 guest2 && kill_in_detach guest2 "" ;;
	3) kill_in_detach guest1 guest2 && kill_at_death $how "" ;;
	esac
}

# ---- and all of it

guest_need guest1 guest2
daemon_need
: >"$TALLY"
word=0 delay=0 reply=- pages=1
views_agree "xenshmd and Xen agree before"
learn_id guest1
learn_id guest2
# Where the guests see it: it has its pool to itself.
answer=$(xenshmctl attach guest1 4K --name struck --pool "$pool") && xenshmctl detach guest1 >/dev/null
at=${answer##* at }
at=${at%% *}

start=$(now)
for number in $(seq "$KILL_CYCLES"); do
	chance "$largest"
	pages=$((chance + 1))
	cycle "$number"
done
took=$(($(now) - start))
sort "$TALLY" | uniq -c | sed 's/^ */LAB kill: /'
is "kill: $kills kills in $took s (seed $seed)" "$kills" $((KILL_CYCLES * 4))

has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes
views_agree "and Xen says so too"
is "guest1 lives" "$(g guest1 'echo alive')" alive
eventually 60 guest_is_up guest2 || guest_destroy guest2
