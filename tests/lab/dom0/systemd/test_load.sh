# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# The service is restarted while several clients work with it: nothing is lost, and the worst that
# a client sees is a connection that is closed, or a daemon that is about to end.

guest_need guest1
daemon_need
RESTARTS=4
xenshmctl alloc kept 4K >/dev/null
xenshmctl attach guest1 --segment kept >/dev/null
address=$(xenshmctl --json list kept | sed -n 's/.*"guest_address":"\(0x[0-9a-f]*\)".*/\1/p')
echo "to be kept" | xenshmctl write kept
kept=$(xenshmctl --json list kept)

# ask FILE COMMAND...: notes what went wrong, but for what a restart may do: the connection is closed
# (exit status 3), or the daemon says that it is about to end.
ask() {
	file=$1
	shift
	text=$("$@" 2>&1 >/dev/null)
	status=$?
	case $status,$text in
	1,*BUSY*) status=3 ;;
	[03],*) ;;
	*) echo "$*: $status: $text" >>"$file.wrong" ;;
	esac
	echo $status >>"$file.statuses"
	return $status
}

# settle NAME: what an interrupted attach or detach has come to is not known to its client.
settle() {
	until xenshmctl detach guest1 "$1" >/dev/null 2>&1 || [ $? = 1 ]; do
		usleep 100000
	done
}

# Each has a segment of its own, so that nothing but a restart can be in its way.
attacher() {
	while [ ! -e /run/lab/over ]; do
		if ! ask "$1" xenshmctl attach guest1 16K --name "$2" --pool shared_mem_b ||
			! ask "$1" xenshmctl detach guest1 "$2"; then
			settle "$2"
		fi
	done
}

looker() {
	while [ ! -e /run/lab/over ]; do
		ask "$1" xenshmctl status
		ask "$1" xenshmctl list
	done
}

rm -f /run/lab/over /run/lab/client*
touch /run/lab/client1.statuses /run/lab/client2.statuses /run/lab/client3.statuses
attacher /run/lab/client1 load-1 &
attacher /run/lab/client2 load-2 &
looker /run/lab/client3 &

# clients_did COUNT: each has been served so often.
clients_did() {
	for client in 1 2 3; do
		[ "$(grep -c '^0$' "/run/lab/client$client.statuses")" -ge "$1" ] || return 1
	done
}

round=0
while [ $round -lt $RESTARTS ]; do
	round=$((round + 1))
	has "restart $round: all clients are at work" "$(eventually 120 clients_did $((round * 3)) && echo yes)" yes
	systemctl restart xenshmd.service
	is "restart $round" $? 0
done
has "after the last one, too" "$(eventually 120 clients_did $((round * 3 + 3)) && echo yes)" yes
echo over >/run/lab/over
wait
echo "LAB requests: $(cat /run/lab/client*.statuses | sort | uniq -c | sed 's/ *\([0-9]*\) \(.*\)/\1 with status \2/' | tr '\n' ',')"

is "nothing went wrong but closed connections" "$(cat /run/lab/client*.wrong 2>/dev/null)" ""
is "what was attached all the time, still is" "$(xenshmctl --json list kept)" "$kept"
is "with its bytes" "$(g guest1 "uiotool /dev/mem $address hear")" "to be kept?"
xenshmctl detach guest1 --all >/dev/null
xenshmctl free kept >/dev/null
has "no page is lost" "$(eventually 120 pages_are_free && echo yes)" yes
has "the guest has been well" "$(g guest1 'echo well')" well
is "no daemon has crashed" "$(service NRestarts)" 0
