# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# A guest that reboots, under xl's own monitor, finds what it had where it was, with the bytes as
# they were. Nobody else gets its pages meanwhile.

guest_need guest1 guest2
daemon_need

guest1_reads="g guest1 'uiotool /dev/mem 0x3a000000 hear'"

# epoch SEGMENT
epoch() {
	xenshmctl --json list "$1" | sed 's/.*"epoch": *\([0-9]*\).*/\1/'
}

guest1_is() {
	xenshmctl list | grep -q "guest1 .* $1"
}

# ---- a segment that lives as long as it is attached

xenshmctl attach guest1 4K >/dev/null
xenshmctl attach guest2 --segment guest1-0 >/dev/null
g guest1 'uiotool /dev/mem 0x3a000000 say "before the reboot"'
epoch=$(epoch guest1-0)
old=$(guest_id guest1)
guest_leave guest1 'reboot -f'
has "while the guest reboots its attachment waits" "$(eventually 30 guest1_is waiting && echo yes)" yes
refused "nobody else gets the page" 1 '(PAGES_HELD)$\|(POOL_FULL)$' \
	xenshmctl attach guest2 4K --pool shared_mem
is "the other guest has it all the time" "$(g guest2 'uiotool /dev/mem 0x3a000000 hear')" "before the reboot"
guest_back guest1 "$old"
is "the bytes are there, at the same address" "$(eval "$guest1_reads")" "before the reboot"
has "list says so" "$(xenshmctl list)" 'guest1 .* attached'
is "the epoch is as it was" "$(epoch guest1-0)" "$epoch"
is "xenstore: the new domain finds its address" \
	"$(xenstore-read "/local/domain/$(guest_id guest1)/xenshm/guest1-0/address")" 0x3a000000
g guest1 'uiotool /dev/mem 0x3a000000 say "from the new domain"'
is "and it is the same page" "$(host shared_mem 0 hear)" "from the new domain"

# ---- a kept segment; the daemon is killed in the gap between the two domains

guest1_is_away() {
	! guest_exists guest1
}

xenshmctl detach guest1 >/dev/null
xenshmctl detach guest2 >/dev/null
has "alloc" "$(xenshmctl alloc kept 4K --pool shared_mem)" '^kept: 4 KiB kept '
epoch=$(epoch kept)
host shared_mem 0 say "kept"
xenshmctl attach guest1 --segment kept >/dev/null
refused "it is not freed while it is attached" 1 "'guest1' (SEGMENT_IN_USE)" xenshmctl free kept
old=$(guest_id guest1)
guest_leave guest1 'reboot -f'
eventually 30 guest1_is_away
daemon_kill
daemon_start
guest_back guest1 "$old"
is "a kept segment follows, even if the daemon crashes meanwhile" "$(eval "$guest1_reads")" "kept"
is "its epoch is as it was" "$(epoch kept)" "$epoch"

# ---- and while a whole reboot goes by

old=$(guest_id guest1)
daemon_kill
guest_leave guest1 'reboot -f'
guest_back guest1 "$old"
g guest1 'uiotool /dev/mem 0x3a000000 get' >/dev/null
is "without the daemon nothing is there" $? 137
daemon_start
has "the next daemon brings it back" "$(eventually 15 guest1_is attached && echo yes)" yes
is "as it was" "$(eval "$guest1_reads")" "kept"

# ---- power off: no return

guest_leave guest1 'poweroff -f'
guest1_is_forgotten() {
	! xenshmctl list | grep -q guest1
}
has "a guest that is switched off is not waited for" "$(eventually 30 guest1_is_forgotten && echo yes)" yes
is "a kept segment outlives it" "$(host shared_mem 0 hear)" "kept"
has "free" "$(xenshmctl free kept)" '^kept: freed'
has "all pages are free" "$(pages_are_free && echo yes)" yes
