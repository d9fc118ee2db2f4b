# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154
#
# Nothing lost, nothing shared by accident: two guests get segments, share them, lose them, die
# and come back, and the daemon is killed now and then, one random step a round.  After each
# round xenshmd and Xen must agree page by page, every attachment that was confirmed must be
# there and no other, and every segment must hold the bytes that were put into it.
#
# It goes round for LOOP_SECONDS.  The order comes from a seed, which it tells:
# LOOP_SECONDS=600 LAB_SEED=SEED ./dev lab BOARD loop
# shellcheck source=view.sh
. /lab/view.sh

ATTACHED=/run/lab/loop-attached # lines of SEGMENT GUEST DOMID, as confirmed by the daemon
SEGMENTS=/run/lab/loop-segments # lines of SEGMENT HOST_ADDRESS SIZE WORD GUEST_ADDRESS
OTHER="--socket /run/lab/other/xenshmd.sock"
: >$ATTACHED
: >$SEGMENTS
seed=$LAB_SEED
word=$((0x10000000))
trouble=

# line_of FILE: a random line of it into $line; fails when there is none.
line_of() {
	count=$(wc -l <"$1")
	[ "$count" -gt 0 ] || return 1
	chance "$count"
	line=$(sed -n "$((chance + 1))p" "$1")
}

random_guest() {
	chance 2
	guest=guest$((chance + 1))
}

# drop FILE PATTERN: without the lines that match.
drop() {
	sed -i "/$2/d" "$1"
}

# forget_unattached: the segments that ended with their last attachment.
forget_unattached() {
	while read -r segment rest; do
		! grep -q "^$segment " $ATTACHED || echo "$segment $rest"
	done <$SEGMENTS >$SEGMENTS.new
	mv $SEGMENTS.new $SEGMENTS
}

# ---- the steps; $trouble says what was wrong

# The views are those of the round before: nothing has happened since.
largest_free() {
	awk '$1 == "run" && $2 == "free" && $4 > most { most = $4 } END { print most + 0 }' "$VIEW/daemon"
}

step_attach() {
	random_guest
	chance 4
	if [ "$chance" = 0 ]; then chance 150; else chance 8; fi
	size=$(((chance + 1) * 4096))
	did="attach $guest $size"
	free=$(($(largest_free) * 4096))
	if ! answer=$(xenshmctl attach "$guest" $size 2>&1); then
		case $answer in
		*"(POOL_FULL)" | *"(PAGES_HELD)") [ $free -lt $size ] || trouble="$free bytes are free, but: $answer" ;;
		*) trouble=$answer ;;
		esac
		return
	fi
	segment=${answer%%:*} host=${answer##*(host } at=${answer##* at }
	host=${host%)} at=${at%% *}
	word=$((word + 1))
	echo "$segment $guest $(guest_id "$guest")" >>$ATTACHED
	echo "$segment $host $size $word $at" >>$SEGMENTS
	found=$(host_at "$host" verify 0 $size)
	[ "$found" = same ] || trouble="a new segment is not wiped: $found"
	host_at "$host" fill $word $size
}

step_share() {
	line_of $ATTACHED || return 0
	read -r segment guest domid <<-END
		$line
	END
	other=guest$((3 - ${guest#guest}))
	! grep -q "^$segment $other " $ATTACHED || return 0
	did="share $segment with $other"
	if answer=$(xenshmctl attach "$other" --segment "$segment" 2>&1); then
		echo "$segment $other $(guest_id "$other")" >>$ATTACHED
	else
		trouble=$answer
	fi
}

step_detach() {
	line_of $ATTACHED || return 0
	read -r segment guest domid <<-END
		$line
	END
	did="detach $segment from $guest ($domid)"
	if answer=$(xenshmctl detach "$guest" "$segment" 2>&1); then
		drop $ATTACHED "^$segment $guest "
	else
		trouble=$answer
	fi
}

# A page that is free now, as an xl configuration takes it, or nothing.
free_page() {
	awk '$1 == "run" && $2 == "free" { printf "0x%x,1@0x30000\n", $3 + $4 - 1 }' "$VIEW/daemon" | tail -n 1
}

step_death() {
	random_guest
	chance 3
	iomem=
	[ "$chance" -gt 0 ] || iomem=$(free_page)
	did="death of $guest${iomem:+, which comes back with a page of its own}"
	guest_destroy "$guest"
	drop $ATTACHED " $guest "
	guest_start "$guest" "$iomem" || trouble="xl create fails"
}

step_kill() {
	did="kill of xenshmd"
	daemon_kill
	daemon_start
}

step_kill_and_death() {
	random_guest
	did="death of $guest without a daemon"
	daemon_kill
	guest_destroy "$guest"
	drop $ATTACHED " $guest "
	daemon_start
	guest_start "$guest" || trouble="xl create fails"
}

step() {
	chance 100
	if [ "$chance" -lt 35 ]; then
		step_attach
	elif [ "$chance" -lt 60 ]; then
		step_share
	elif [ "$chance" -lt 80 ]; then
		step_detach
	elif [ "$chance" -lt 90 ]; then
		step_death
	elif [ "$chance" -lt 96 ]; then
		step_kill
	else
		step_kill_and_death
	fi
	forget_unattached
}

# ---- what must hold after each

# attachments_differ: prints what is confirmed and not there, or there and not confirmed.
attachments_differ() {
	sed -n 's/^attached \([0-9]*\) .* \(.*\)/\2 \1/p' "$VIEW/daemon" | sort >"$VIEW/attached"
	sed 's/ guest[12] / /' $ATTACHED | sort >"$VIEW/confirmed"
	! cmp -s "$VIEW/attached" "$VIEW/confirmed" || return 0
	echo "attached are:" && cat "$VIEW/attached"
	echo "and should be:" && cat "$VIEW/confirmed"
}

# bytes_differ: in Dom0 all of them, in a guest those of one segment, if it is up by now.
bytes_differ() {
	while read -r segment host size word at; do
		found=$(host_at "$host" verify "$word" "$size")
		[ "$found" = same ] || echo "$segment in Dom0: $found"
	done <$SEGMENTS
	line_of $ATTACHED || return 0
	read -r segment guest domid <<-END
		$line
	END
	guest_is_up "$guest" || return 0
	read -r segment host size word at <<-END
		$(grep "^$segment " $SEGMENTS)
	END
	found=$(g "$guest" "uiotool /dev/mem $at verify $word $size")
	[ "$found" = same ] || echo "$segment in $guest: $found"
}

check() {
	[ -z "$trouble" ] || echo "$trouble"
	differences
	attachments_differ
	bytes_differ
}

# ---- can the comparison fail at all?

# notices NAME SCRIPT: both views, with Xen's or the daemon's changed by a sed script.
notices() {
	has "notices: $1" "$(cat "$VIEW/daemon" "$VIEW/xen" | sed "$2" | compare_views)" "$3"
}

other_daemon_answers() {
	# shellcheck disable=SC2086 # option and value
	xenshmctl $OTHER status >/dev/null 2>&1
}

# A second daemon with a store of its own gives a page away behind the back of the first.
behind_its_back() {
	xenshmd --state-dir /run/lab/other >>"$DAEMON_LOG" 2>&1 &
	other=$!
	eventually 30 other_daemon_answers
	# shellcheck disable=SC2086 # option and value
	has "another daemon gives a page away" "$(xenshmctl $OTHER attach guest1 4K)" "host $POOL_HOST"
	has "notices: a page given away behind xenshmd's back" "$(differences)" "says Xen; to xenshmd it is free"
	# shellcheck disable=SC2086 # option and value
	xenshmctl $OTHER detach guest1 >/dev/null
	kill $other
	wait $other
	views_agree "they agree again when it is taken back"
}

self_test() {
	guest_need guest1 guest2
	daemon_need
	behind_its_back
	xenshmctl attach guest1 4K >/dev/null
	views_agree "xenshmd and Xen agree on an attached page"
	notices "an attachment that Xen knows nothing of" "s/^may $(guest_id guest1) .*//" "Xen forbids it"
	notices "a guest that may access what it should not" "s/^domain $(guest_id guest2)$/&\\nmay $(guest_id guest2) $((POOL_HOST / 4096)) 1/" "says Xen; to xenshmd it is used"
	notices "an attached page that is free in map" "s/^run used/run free/" "is free in map, but held"
	notices "an attachment that is missing in list" "/^attached/d" "is used in map, but not held"
	notices "pages that no run covers" "/^run/d" "is in no run"
	is "what Xen itself prints is the same" "$(printed_view guest1 guest2 | sort)" "$(sort "$VIEW/xen")"
	has "what Xen prints must be complete" "$(head -n -20 "$VIEW/dmesg" | printed_lines || echo incomplete)" '^incomplete$'
	xenshmctl detach guest1 >/dev/null
	views_agree "xenshmd and Xen agree on a free page"
}

# ---- round and round

self_test
: >/run/lab/loop-steps
start=$(now) rounds=0 slowest=0
while [ $(($(now) - start)) -lt "$LOOP_SECONDS" ]; do
	began=$(now) did="" trouble=""
	step
	# A step that had nothing to do: no round.
	[ -n "$did" ] || continue
	rounds=$((rounds + 1))
	echo "round $rounds: $did" | tee -a /run/lab/loop-steps
	check >"$VIEW/trouble"
	if [ -s "$VIEW/trouble" ]; then
		fail "round $rounds of seed $seed: $did" "$(cat "$VIEW/trouble")" "agreement"
		show_views
		echo "--- confirmed attachments" && cat $ATTACHED
		break
	fi
	took=$(($(now) - began))
	[ $took -le $slowest ] || slowest=$took
done
took=$(($(now) - start))
steps=$(sed 's/^round [0-9]*: \([a-z]*\).*/\1/' /run/lab/loop-steps | sort | uniq -c | tr -s '\n ' ' ')
has "loop: $rounds rounds in $took s ($((took * 1000 / (rounds + (rounds == 0)))) ms a round, $slowest s the slowest; seed $seed;$steps)" "$rounds" '[1-9]'

# The next test finds guests that are up and hold no pages.
for guest in guest1 guest2; do
	xenshmctl detach $guest --all >/dev/null 2>&1
	if grep -q "^foreign .* $guest$" "$VIEW/daemon" || ! eventually 30 guest_is_up $guest; then
		guest_destroy $guest
	fi
done
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes
views_agree "and Xen says so too"
