# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154
#
# SIGKILL in the middle of a creation, of the daemon, of its builder, or of both, after a random
# time from nothing to a little more than it takes.  Afterwards the guest is whole and runs with
# its page, or there is nothing of it: no domain, no page, no record, no builder.  In the middle of
# a restart: afterwards it is whole, with its bytes.  And in the middle of its end.
#
# The times come from a seed, which it tells: KILL_CYCLES=50 LAB_SEED=SEED ./dev lab BOARD create_kill
# shellcheck source=../view.sh
. /lab/view.sh

TALLY=/run/lab/create-kill-tally
REPLY=/run/lab/create-kill-reply
seed=$LAB_SEED

daemon_need
guest_config made1 "" 128 'on_crash = "restart"' >/tmp/made1.cfg
config=$(xl create -n -q /tmp/made1.cfg | tr -d '\n')

# request METHOD PARAMS
request() {
	echo "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}"
}

create=$(request guest.create "{\"config\":$config,\"shares\":[{\"size\":4096}]}")
destroy=$(request guest.destroy '{"guest":"made1"}')
: >"$TALLY"

daemon_id() {
	cat /run/lab/xenshmd.pid
}

# is_whole: one more domain than before, which runs, and has its page by xenshmd's word and Xen's.
is_whole() {
	id=$(guest_id made1) && [ -z "$(pidof xenshm-builder)" ] &&
		[ "$(xenview 0 0 | wc -l)" = $((domains + 1)) ] && ! domain_is "$id" p &&
		xenshmctl list | grep -q '^made1-0 .* made1 *0x3a000000 *attached' && differences >/dev/null
}

is_nothing() {
	[ "$(world)" = "$world_before" ] && pages_are_free
}

# outcome: "whole", "nothing", or what is in between.
outcome() {
	if is_nothing; then
		echo nothing
	elif is_whole; then
		echo whole
	else
		world
		xl list
		show_views
	fi
}

is_settled() {
	outcome=$(outcome)
	[ "$outcome" = whole ] || [ "$outcome" = nothing ]
}

# expected: what the reply says, if there was one.
expected() {
	case $(cat $REPLY) in
	*'"error"'*) echo nothing ;;
	*'"result"'*) echo whole ;;
	*) echo "$outcome" ;;
	esac
}

# kill_now WHO: there may be no builder yet, or none any more.
kill_now() {
	case $1 in
	daemon) victims=$(daemon_id) ;;
	builder) victims=$(pidof xenshm-builder) ;;
	both) victims="$(pidof xenshm-builder) $(daemon_id)" ;;
	esac
	# shellcheck disable=SC2086 # numbers
	kill -s KILL $victims 2>/dev/null
}

# strike_request WHO REQUEST: kills $delay after the daemon got the request.  The daemon alone is
# struck precisely.
strike_request() {
	if [ "$1" = daemon ]; then
		strike "$(daemon_id)" "$delay" "$SOCKET" "$2" >$REPLY
		return
	fi
	strike 0 0 "$SOCKET" "$2" >$REPLY &
	usleep "$delay"
	kill_now "$1"
	wait $!
}

# after_strike WHO
after_strike() {
	[ "$1" = builder ] || eventually 30 daemon_is_gone
	daemon_need
}

tally() {
	case $outcome in
	whole | nothing) echo "$1: $outcome" >>"$TALLY" ;;
	esac
}

# cycle NUMBER WHO: every other one in the first part, in which more happens.
cycle() {
	chance $((create_time * 9 / (8 + $1 % 2 * 32)))
	delay=$chance
	strike_request "$2" "$create"
	[ "$2" != builder ] ||
		has "kill $1: the daemon outlives its builder, and says what became of it" "$(cat $REPLY)" '"error"\|"result"'
	after_strike "$2"
	eventually 40 is_settled
	tally "creation, $2 killed"
	is "kill $1: $2, after $delay us: reply $(cut -c1-60 $REPLY)" "$outcome" "$(expected)"
	! guest_exists made1 || xenshmctl destroy made1 >/dev/null
	has "kill $1: nothing is left in the end" "$(eventually 20 is_nothing && echo yes)" yes
}

is_whole_again() {
	guest_has_new_domain made1 "$old" && is_whole
}

# restart_cycle WHO: of a guest that is there.
restart_cycle() {
	chance $((create_time * 9 / 8))
	delay=$chance
	host shared_mem 0 say "goes on after $delay"
	old=$(guest_id made1)
	/lab/crash-domain "$old"
	usleep "$delay"
	kill_now "$1"
	after_strike "$1"
	has "restart, $1 killed after $delay us: the guest is whole again" "$(eventually 60 is_whole_again && echo yes)" yes
	is "restart, $1 killed: its bytes are there" "$(host shared_mem 0 hear)" "goes on after $delay"
}

# destroy_cycle WHO: what was begun comes to its end; the daemon may have died before that.
destroy_cycle() {
	chance 1500000
	delay=$chance
	strike_request "$1" "$destroy"
	after_strike "$1"
	eventually 40 is_settled
	[ "$outcome" = nothing ] || [ "$(cat $REPLY)" = - ] || eventually 40 is_nothing
	outcome=$(outcome)
	tally "end, $1 killed"
	case $(cat $REPLY)$outcome in
	-whole | *nothing) pass "end, $1 killed after $delay us: $outcome" ;;
	*) fail "end, $1 killed after $delay us" "$outcome" "nothing, since the reply was $(cat $REPLY)" ;;
	esac
	! guest_exists made1 || xenshmctl destroy made1 >/dev/null
	has "end, $1 killed: nothing is left" "$(eventually 20 is_nothing && echo yes)" yes
}

world_before=$(world)
domains=$(xenview 0 0 | wc -l)
create_time=$(strike 0 0 "$SOCKET" "$create" | sed -n 's/^\([0-9]*\) .*"result".*/\1/p')
has "microseconds to create" "$create_time" '^[1-9]'
has "nothing was killed, and the guest is whole" "$(is_whole && echo yes)" yes
xenshmctl destroy made1 >/dev/null
eventually 20 is_nothing

number=0
while [ $number -lt "$KILL_CYCLES" ]; do
	for who in daemon builder both; do
		number=$((number + 1))
		cycle $number $who
	done
	case $((number % 9)) in
	3) who=daemon ;;
	6) who=builder ;;
	0) who=both ;;
	esac
	guest_make made1 4K >/dev/null
	restart_cycle "$who"
	destroy_cycle "$who"
done
sort "$TALLY" | uniq -c | sed 's/^ */LAB create_kill: /'
echo "LAB create_kill: seed $seed, $create_time us to create"

guest_make made1 4K >/dev/null
guest_wait made1
host shared_mem 0 say "after all that"
is "a guest that is made after all that works" "$(g made1 'uiotool /dev/uio0 0 hear')" "after all that"
xenshmctl destroy made1 >/dev/null
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes
