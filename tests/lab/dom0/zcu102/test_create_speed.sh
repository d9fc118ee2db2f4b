# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2034
#
# How long things take: creation by xenshmctl and by xl, in turn; what the daemon's other clients
# notice of it; and attaching to a running guest, against the only way that there was before:
# destroy the guest, write the page into its configuration, create it again.  The figures are
# told; the limits that are checked are wide, since the machine may have other work.
# shellcheck source=../view.sh
. /lab/view.sh

ROUNDS=3
STATUS='{"jsonrpc":"2.0","id":1,"method":"daemon.status"}'
ATTACH='{"jsonrpc":"2.0","id":1,"method":"guest.attach","params":{"guest":"guest2","size":4096}}'
guest_need guest1
daemon_need

# clock: hundredths of a second since Dom0 started, into $clock.
clock() {
	read -r clock rest </proc/uptime
	clock=${clock%.*}${clock#*.}
}

# timed FILE COMMAND...: adds to FILE how long COMMAND takes.
timed() {
	file=$1
	shift
	clock
	since=$clock
	"$@" >/dev/null 2>&1 || echo "failed: $*"
	clock
	echo $((clock - since)) >>"/tmp/$file"
}

median() {
	sort -n "/tmp/$1" | sed -n "$((ROUNDS / 2 + 1))p"
}

# ratio_of TIME TIME: how many times more the first is.
ratio_of() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", a / b }'
}

# below TIMES LIMIT
below() {
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }' && echo yes
}

tell() {
	echo "LAB speed: $1"
}

# ---- creation

rm -f /tmp/by_xl /tmp/by_xenshmctl /tmp/attach /tmp/request
guest_config made1 >/tmp/made1.cfg
guest_config made2 "$(printf '0x%x,1@0x3a000' $((POOL_HOST / 4096)))" >/tmp/made2.cfg
for round in $(seq $ROUNDS); do
	timed by_xl xl create -q /tmp/made2.cfg
	xl destroy made2
	eventually 20 pages_are_free
	timed by_xenshmctl xenshmctl create /tmp/made1.cfg 4K
	xenshmctl destroy made1 >/dev/null
	eventually 20 pages_are_free
done
ratio=$(ratio_of "$(median by_xenshmctl)" "$(median by_xl)")
tell "create: xl $(median by_xl)0 ms, xenshmctl $(median by_xenshmctl)0 ms, $ratio times"
has "creation takes about as long as with xl ($ratio times)" "$(below "$ratio" 1.5)" yes

# ---- others meanwhile

pulse "$SOCKET" 20 "$STATUS" >/tmp/idle &
sleep 3
kill $!
wait $!
pulse "$SOCKET" 20 "$STATUS" >/tmp/busy &
xenshmctl create /tmp/made1.cfg 4K --paused >/dev/null
kill $!
wait $!
xenshmctl destroy made1 >/dev/null
tell "status: count; median, 99 %, longest in us; own delays of the one who asks: idle $(cat /tmp/idle), during a creation $(cat /tmp/busy)"
# shellcheck disable=SC2046 # words
set -- $(cat /tmp/busy)
has "status is answered all the time" "$(below "$3" 1000000)" yes

# ---- a page for a guest that runs

guest_need guest2
eventually 20 pages_are_free
for round in $(seq $ROUNDS); do
	timed attach xenshmctl attach guest2 4K
	xenshmctl detach guest2 >/dev/null
	strike 0 0 "$SOCKET" "$ATTACH" | sed 's/ .*//' >>/tmp/request
	xenshmctl detach guest2 >/dev/null
done
clock
since=$clock
xl destroy guest2
guest_config guest2 "$(printf '0x%x,1@0x3a000' $((POOL_HOST / 4096)))" >/tmp/guest2.cfg
rm -f "$CONSOLES/guest-guest2.log"
xl create -q /tmp/guest2.cfg
guest_wait guest2
clock
classic=$((clock - since))
ratio=$(ratio_of $classic "$(median attach)")
tell "a page for a running guest: destroyed and created anew ${classic}0 ms, attached $(median attach)0 ms, $ratio times; the daemon's part of that $(median request) us"
has "attaching is much faster ($ratio times)" "$(below 20 "$ratio")" yes
guest_destroy guest2
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes
