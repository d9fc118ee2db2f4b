# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# The daemon's end disturbs nobody: mappings live in Xen, and the next daemon finds them.

guest_need guest1 guest2
daemon_need

# survives NAME SIGNAL: the same before, without and after the daemon.
survives() {
	before=$(xenshmctl --json list)
	host shared_mem 0 say "before $1"
	daemon_stop "$2"
	is "$1: without the daemon the guest keeps its page" \
		"$(g guest1 'uiotool /dev/mem 0x3a000000 hear')" "before $1"
	daemon_start
	is "$1: the next daemon lists the same" "$(xenshmctl --json list)" "$before"
	g guest1 'uiotool /dev/mem 0x3a000000 say "still here"'
	is "$1: data still flows" "$(host shared_mem 0 hear)" "still here"
}

xenshmctl attach guest1 4K >/dev/null
xenshmctl attach guest2 --segment guest1-0 >/dev/null
survives "killed" KILL
survives "stopped" TERM

daemon_kill
xl destroy guest2
daemon_start
# Nobody saw how it went: it could be rebooting, which xl takes about two seconds for.
guest2_is_forgotten() {
	! xenshmctl list | grep -q guest2
}
has "a guest that died meanwhile is forgotten" "$(eventually 15 guest2_is_forgotten && echo yes)" yes
has "the other one is not" "$(xenshmctl list)" 'guest1 .* attached'
is "detach works after all that" "$(xenshmctl detach guest1)" "guest1-0: detached from guest1"
g guest1 'uiotool /dev/mem 0x3a000000 get' >/dev/null
is "and is real" $? 137
has "all pages are free" "$(pages_are_free && echo yes)" yes
