# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# More than one: a guest with two segments, of which one is kept and outlives it; and three guests
# that are made at the same time, while the daemon answers others.
# shellcheck source=../view.sh
. /lab/view.sh

STATUS='{"jsonrpc":"2.0","id":1,"method":"daemon.status"}'
daemon_need

# ---- two segments

xenshmctl alloc kept 8K --pool shared_mem_b >/dev/null
host shared_mem_b 0 say "kept"
guest_config made1 >/tmp/made1.cfg
answer=$(guest_make made1 4K --pool shared_mem --segment kept)
is "create says all" "$answer" "made1: created, domid $(guest_id made1)
made1-0: 4 KiB at 0x3a000000 in made1 (host $POOL_HOST)
kept: 8 KiB at 0x3a200000 in made1 (host 0xbff00000)"
views_agree "xenshmd and Xen agree"
guest_wait made1
# device SEGMENT: its uio device in the guest.
device() {
	g made1 "grep -l '^$1' /sys/class/uio/*/name" | sed 's,.*/\(uio[0-9]*\)/name,/dev/\1,'
}
is "a kept segment comes with its bytes" "$(g made1 "uiotool $(device kept) 0 hear")" kept
is "all of it" "$(g made1 "uiotool $(device kept) 0x1000 verify 0 4096")" same
g made1 "uiotool $(device made1-0) 0 say 'the first one'"
is "the other one is another one" "$(host shared_mem 0 hear)" "the first one"
g made1 "uiotool $(device kept) 0 say 'stays'"
xenshmctl destroy made1 >/dev/null
is "what is kept outlives the guest" "$(host shared_mem_b 0 hear)" stays
xenshmctl free kept >/dev/null
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes

# ---- three at once

before=$(world)
pulse "$SOCKET" 20 "$STATUS" >/tmp/pulse &
pulse=$!
for number in 1 2 3; do
	guest_config made$number >/tmp/made$number.cfg
	xenshmctl create /tmp/made$number.cfg 4K --pool shared_mem_b --paused >/tmp/made$number.out 2>&1 &
	eval "creator$number=\$!"
done
for number in 1 2 3; do
	eval "wait \$creator$number"
	is "guest $number of three: exit status" $? 0
	is "guest $number of three" "$(sed 1d /tmp/made$number.out | sed 's/ at .*//')" "made$number-0: 4 KiB"
done
kill $pulse
wait $pulse
echo "LAB many: status during three creations: count; median, 99 %, longest in us; own delays of the one who asks: $(cat /tmp/pulse)"
# shellcheck disable=SC2046 # words
set -- $(cat /tmp/pulse)
has "status is answered all the time" "$([ "$3" -lt 1000000 ] && echo yes)" yes
views_agree "xenshmd and Xen agree on all three"
is "they have three pages" "$(xenshmctl list | sed -n 's/^\(made.-0\) .* attached.*/\1/p' | wc -l)" 3
for number in 1 2 3; do
	xenshmctl destroy made$number >/tmp/made$number.out 2>&1 &
	eval "creator$number=\$!"
done
for number in 1 2 3; do
	eval "wait \$creator$number"
	is "guest $number of three is destroyed" $? 0
done
has "all pages are free in the end" "$(eventually 20 pages_are_free && echo yes)" yes
is "nothing is left" "$(world)" "$before"
