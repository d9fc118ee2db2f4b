# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# The other ways in which a created guest ends, as its configuration wants them; most of these
# guests end before their Linux is up.
# shellcheck source=../view.sh
. /lab/view.sh

DUMP=/var/lib/xen/dump
daemon_need

# make_for ON_CRASH: a guest that does so when it crashes, with bytes in its page.
make_for() {
	guest_config made1 "" 128 "on_crash = \"$1\"" >/tmp/made1.cfg
	guest_make made1 4K >/dev/null
	id=$(guest_id made1)
	host shared_mem 0 say "$1"
}

crash() {
	/lab/crash-domain "$id"
}

# ends NAME: the guest goes, and nothing of it stays; the page is wiped for the next owner.
ends() {
	has "$1: the guest goes" "$(eventually 30 guest_is_gone made1 && echo yes)" yes
	has "$1: its page is free" "$(eventually 20 pages_are_free && echo yes)" yes
	is "$1: no record is left" "$(ls /run/xenshmd/guests)" ""
	xenshmctl alloc next 4K --pool shared_mem >/dev/null
	is "$1: the next owner finds zeros" "$(host shared_mem 0 verify 0 4096)" same
	xenshmctl free next >/dev/null
}

# goes_on NAME BYTES: its next domain has the page and the bytes.
goes_on() {
	has "$1: there is a next domain" "$(eventually 30 guest_has_new_domain made1 "$id" && echo yes)" yes
	has "$1: which has the page" "$(eventually 40 is_attached && echo yes)" yes
	is "$1: and the bytes" "$(host shared_mem 0 hear)" "$2"
	views_agree "$1: xenshmd and Xen agree"
}

is_attached() {
	xenshmctl list | grep -q '^made1-0 .* made1 *0x3a000000 *attached'
}

core_is_there() {
	[ "$(head -c 4 $DUMP/made1* 2>/dev/null | tail -c 3)" = ELF ]
}

make_for destroy
crash
ends "on_crash = destroy"

make_for coredump-destroy
crash
ends "on_crash = coredump-destroy"
has "there is a core file" "$(core_is_there && echo yes)" yes
rm -f $DUMP/made1*

make_for coredump-restart
crash
goes_on "on_crash = coredump-restart" coredump-restart
has "and a core file" "$(core_is_there && echo yes)" yes
rm -f $DUMP/made1*
xenshmctl destroy made1 >/dev/null
ends "then destroyed"

make_for rename-restart
crash
goes_on "on_crash = rename-restart" rename-restart
has "the old domain is kept" "$(domain_state "$id")" c
has "under another name" "$(xl domname "$id")" '^made1-'
lacks "without a right to the page" "$(xenview "$((POOL_HOST / 4096))" 1)" "^may $id "
preserved=$(xl domname "$id")
is "destroy takes just the old one" "$(xenshmctl destroy "$preserved")" "$preserved: destroyed"
is "which is gone" "$(domain_state "$id")" ""
has "the next one goes on" "$(is_attached && echo yes)" yes
is "until it is destroyed" "$(xenshmctl destroy made1)" "made1: destroyed"
ends "after rename-restart"

make_for preserve
crash
eventually 20 domain_is "$id" c
sleep 4
has "on_crash = preserve: the domain is kept" "$(domain_state "$id")" c
is "with its name" "$(xl domname "$id")" made1
is "and its bytes" "$(host shared_mem 0 hear)" preserve
is "until it is destroyed" "$(xenshmctl destroy made1)" "made1: destroyed"
ends "preserved, then destroyed"

make_for destroy
guest_wait made1
guest_leave made1 'poweroff -f'
ends "power off"
