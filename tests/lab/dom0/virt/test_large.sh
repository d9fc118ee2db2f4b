# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Segments of more pages than one hypercall maps (64), and two pools beside each other.

guest_need guest1
daemon_need
large="uiotool /dev/mem 0x3a200000"

has "both pools are there" "$(xenshmctl pools)" '^shared_mem_b  */dev/uio1  *0xbff00000  *1 MiB  *1 MiB'
host shared_mem_b 0 fill 0x5a5a5a5a 1048576
is "attach 512K" "$(xenshmctl attach guest1 512K --pool shared_mem_b)" \
	"guest1-0: 512 KiB at 0x3a200000 in guest1 (host 0xbff00000)"
is "all of it is wiped" "$(g guest1 "$large verify 0 524288")" same
is "and no more than that" "$(host shared_mem_b 0x80000 verify 0x5a5a5a5a 524288)" same
host shared_mem_b 0 say "first page"
host shared_mem_b 0x7f000 say "last page"
is "first page" "$(g guest1 'uiotool /dev/mem 0x3a200000 hear')" "first page"
is "last page" "$(g guest1 'uiotool /dev/mem 0x3a27f000 hear')" "last page"
g guest1 'uiotool /dev/mem 0x3a27fffc put 0x1a571a57'
is "last word, from the guest" "$(host shared_mem_b 0x7fffc get)" 0x1a571a57
g guest1 'uiotool /dev/mem 0x3a280000 get' >/dev/null
is "the page after the last is not the guest's" $? 137

is "a second segment, in the other pool" "$(xenshmctl attach guest1 4K --pool shared_mem)" \
	"guest1-1: 4 KiB at 0x3a000000 in guest1 (host $POOL_HOST)"
refused "a place that is taken" 1 '(ADDRESS_IN_USE)$' \
	xenshmctl attach guest1 4K --pool shared_mem_b --address 0x3a240000
has "map: used, then free" "$(xenshmctl map shared_mem_b)" '0xbff80000  *512 KiB  *free'
is "the rest fits exactly" "$(xenshmctl attach guest1 512K --pool shared_mem_b)" \
	"guest1-2: 512 KiB at 0x3a280000 in guest1 (host 0xbff80000)"
refused "then it is full" 1 '(POOL_FULL)$' xenshmctl attach guest1 4K --pool shared_mem_b

refused "which one to detach?" 1 '([A-Z_]*)$' xenshmctl detach guest1
is "detach all" "$(xenshmctl detach guest1 --all | wc -l)" 3
g guest1 'uiotool /dev/mem 0x3a27f000 get' >/dev/null
is "the last page is gone" $? 137
has "all pages are free" "$(pages_are_free && echo yes)" yes

is "the whole pool" "$(xenshmctl attach guest1 1M)" \
	"guest1-0: 1 MiB at 0x3a200000 in guest1 (host 0xbff00000)"
is "wiped again" "$(g guest1 "$large verify 0 1048576")" same
xenshmctl detach guest1 guest1-0 >/dev/null
