# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# A guest that the service has created is no part of the service: it goes on when that is stopped,
# and is looked after when it is there again.

daemon_need
guest_config made1 "" 128 >/tmp/made1.cfg
xenshmctl alloc shared 4K >/dev/null
has "a guest is created with a segment" "$(guest_make made1 --segment shared)" "^made1: created"
guest_wait made1
id=$(guest_id made1)
is "it has its device" "$(g made1 'sed "s/@.*//" /sys/class/uio/uio0/name')" shared
g made1 'uiotool /dev/uio0 0 say "from the guest"' >/dev/null

# goes_on NAME: it is the same guest, it answers, its page is there.
goes_on() {
	is "$1: the same domain" "$(guest_id made1)" "$id"
	is "$1: its console answers" "$(g made1 'uiotool /dev/uio0 0 hear')" "from the guest"
}

is "nothing of it is left in the service" "$(cat "/sys/fs/cgroup$(service ControlGroup)/cgroup.procs")" "$(daemon_pid)"
systemctl restart xenshmd.service
goes_on "restart"
systemctl stop xenshmd.service 2>/dev/null
goes_on "stop"
systemctl start xenshmd.service
has "the next daemon knows it as its own" "$(xenshmctl --json guests)" '"name":"made1".*"created":true'

guest_leave made1 'reboot -f'
eventually 180 guest_has_new_domain made1 "$id" && guest_wait made1
is "and makes it anew when it reboots, with its page" "$(g made1 'uiotool /dev/uio0 0 hear')" "from the guest"

# ---- the service ends while it makes a guest

# settled: the domain is there and complete, or not there at all; with its record, or without.
settled() {
	if guest_exists made2; then
		xenshmctl --json guests | grep -q '"name":"made2","domid":[0-9]*,[^}]*"state":"running"'
	else
		! xenshmctl guests | grep -q '^made2 '
	fi
}
guest_config made2 "" 128 >/tmp/made2.cfg
for verb in restart "kill -s KILL"; do
	guest_make made2 >/tmp/made2.out 2>&1 &
	client=$!
	sleep 1
	# shellcheck disable=SC2086 # words
	systemctl $verb xenshmd.service
	wait $client
	eventually 120 daemon_answers
	has "$verb while a guest is made: all of it, or nothing" "$(eventually 120 settled && echo yes)" yes
	! guest_exists made2 || xenshmctl destroy made2 >/dev/null
done

is "no unit has failed over all that" "$(systemctl list-units --failed --plain --no-legend)" ""
is "it is ended as any other" "$(xenshmctl destroy made1)" "made1: destroyed"
xenshmctl free shared >/dev/null
has "all pages are free" "$(eventually 120 pages_are_free && echo yes)" yes
