# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154
#
# SIGKILL in the middle of a creation, of the daemon, of its builder, or of both, after a random
# time from nothing to a little more than it takes.  Afterwards the guest is whole and runs with
# its page, or there is nothing of it: no domain, no page, no record, no builder.
#
# The times come from a seed, which it tells: KILL_CYCLES=50 LAB_SEED=SEED ./dev lab BOARD create_kill
# shellcheck source=../view.sh
. /lab/view.sh

TALLY=/run/lab/create-kill-tally
REPLY=/run/lab/create-kill-reply
seed=$LAB_SEED

daemon_need
guest_config made1 >/tmp/made1.cfg
config=$(xl create -n -q /tmp/made1.cfg | tr -d '\n')
request="{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"guest.create\",\"params\":{\"config\":$config,\"shares\":[{\"size\":4096}]}}"
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

kill_daemon() {
	strike "$(daemon_id)" "$delay" "$SOCKET" "$request" >$REPLY
}

# kill_builder [PID]: there may be none yet, or none any more.
kill_builder() {
	strike 0 0 "$SOCKET" "$request" >$REPLY &
	usleep "$delay"
	# shellcheck disable=SC2046 # none, or one
	kill -s KILL $(pidof xenshm-builder) "$@" 2>/dev/null
	wait $!
}

kill_both() {
	kill_builder "$(daemon_id)"
}

# cycle NUMBER WHO: every other one in the first part, in which more happens.
cycle() {
	chance $((create_time * 9 / (8 + $1 % 2 * 32)))
	delay=$chance
	"kill_$2"
	if [ "$2" = builder ]; then
		has "kill $1: the daemon outlives its builder, and says what became of it" "$(cat $REPLY)" '"error"\|"result"'
	else
		eventually 30 daemon_is_gone
	fi
	daemon_need
	eventually 40 is_settled
	case $outcome in
	whole | nothing) echo "$2 killed: $outcome" >>"$TALLY" ;;
	esac
	is "kill $1: $2, after $delay us: reply $(cut -c1-60 $REPLY)" "$outcome" "$(expected)"
	! guest_exists made1 || xenshmctl destroy made1 >/dev/null
	has "kill $1: nothing is left in the end" "$(eventually 20 is_nothing && echo yes)" yes
}

world_before=$(world)
domains=$(xenview 0 0 | wc -l)
create_time=$(strike 0 0 "$SOCKET" "$request" | sed -n 's/^\([0-9]*\) .*"result".*/\1/p')
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
done
sort "$TALLY" | uniq -c | sed 's/^ */LAB create_kill: /'
echo "LAB create_kill: seed $seed, $create_time us to create"

guest_make made1 4K >/dev/null
guest_wait made1
host shared_mem 0 say "after all that"
is "a guest that is made after all that works" "$(g made1 'uiotool /dev/uio0 0 hear')" "after all that"
xenshmctl destroy made1 >/dev/null
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes
