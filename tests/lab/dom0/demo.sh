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

# guest1 COMMAND: the same in the guest.
guest1() {
	show "guest1# $1"
	output=$(g guest1 "$1")
	status=$?
	[ -z "$output" ] || show "$output"
	is "guest1# $1: exit status" $status 0
}

: >"$RESULTS"
guest_config guest1 >/tmp/guest1.cfg
daemon_start

dom0 'xl create -q /tmp/guest1.cfg'
guest_wait guest1
guest1 'uname -sm'
dom0 'xl list'
show ""

dom0 'xenshmctl attach guest1 4K'
address=$(echo "$output" | sed -n 's/^guest1-0: 4 KiB at \(0x[0-9a-f]*\) in guest1 (host 0x7ffff000)$/\1/p')
show ""

dom0 'uiotool /dev/uio0 0 say "hello from Dom0"'
guest1 "uiotool /dev/mem $address hear"
is "the guest reads what Dom0 wrote" "$output" "hello from Dom0"
guest1 "uiotool /dev/mem $address say 'hello from guest1'"
dom0 'uiotool /dev/uio0 0 hear'
is "Dom0 reads what the guest wrote" "$output" "hello from guest1"
show ""

dom0 'xenshmctl list'
has "list shows the attachment" "$output" "^guest1-0 .* guest1 *$address *attached"
dom0 'xenshmctl detach guest1'
is "detach says what" "$output" "guest1-0: detached from guest1"
count_checks
