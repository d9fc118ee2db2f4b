#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The demonstration: what an operator types in Dom0 and in a guest, and what he sees.  The
# host shows the lines marked SHOW; each answer that matters is compared with what must come.
# shellcheck source=lib.sh
. /lab/lib.sh

show() {
	printf '%s\n' "$1" | sed 's/^/SHOW /'
}

# dom0 COMMAND: shows the prompt, the command and what it prints, which is also left in $output.
dom0() {
	show "dom0# $1"
	output=$(sh -c "$1" 2>&1)
	status=$?
	[ -z "$output" ] || show "$output"
	is "dom0# $1: exit status" $status 0
}

# in_guest NAME COMMAND: the same in a guest.
in_guest() {
	show "$1# $2"
	output=$(g "$1" "$2")
	status=$?
	[ -z "$output" ] || show "$output"
	is "$1# $2: exit status" $status 0
}

: >"$RESULTS"
guest_config guest1 >/tmp/guest1.cfg
guest_config guest2 >/tmp/guest2.cfg
daemon_start

dom0 'xl create -q /tmp/guest1.cfg'
guest_wait guest1
in_guest guest1 'uname -sm'
dom0 'xl list'
show ""

dom0 'xenshmctl attach guest1 4K'
address=$(echo "$output" | sed -n 's/^guest1-0: 4 KiB at \(0x[0-9a-f]*\) in guest1 (host 0x7ffff000)$/\1/p')
show ""

dom0 'uiotool /dev/uio0 0 say "hello from Dom0"'
in_guest guest1 "uiotool /dev/mem $address hear"
is "the guest reads what Dom0 wrote" "$output" "hello from Dom0"
in_guest guest1 "uiotool /dev/mem $address say 'hello from guest1'"
dom0 'uiotool /dev/uio0 0 hear'
is "Dom0 reads what the guest wrote" "$output" "hello from guest1"
show ""

dom0 'xenshmctl list'
has "list shows the attachment" "$output" "^guest1-0 .* guest1 *$address *attached"
dom0 'xenshmctl detach guest1'
is "detach says what" "$output" "guest1-0: detached from guest1"
show ""

dom0 'xenshmctl create /tmp/guest2.cfg 4K'
has "create says where" "$output" "^guest2-0: 4 KiB at $address in guest2 "
guest_wait guest2
in_guest guest2 'cat /sys/class/uio/uio0/name'
is "the guest has a device of that name" "${output%@*}" guest2-0
in_guest guest2 'uiotool /dev/uio0 0 say "hello from guest2"'
dom0 'uiotool /dev/uio0 0 hear'
is "Dom0 reads what that guest wrote" "$output" "hello from guest2"
dom0 'xenshmctl destroy guest2'
is "destroy says what" "$output" "guest2: destroyed"
count_checks
