# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Guests that took pages of a larger pool by their own configuration: an attachment goes around
# them; when all is taken it is refused, and the refusal names the guest to ask.
# shellcheck source=../view.sh
. /lab/view.sh

guest_need guest1
daemon_need

# 16 pages (xl takes every number for hexadecimal) in the middle of shared_mem_b: 100 pages are
# free before them, 140 behind.
guest_create holder "0xbff64,0x10@0x30000"
views_agree "Xen and xenshmd know the same holder"
map=$(xenshmctl map shared_mem_b)
has "map: free before" "$map" '0xbff00000  *400 KiB  *free'
has "map: foreign" "$map" '0xbff64000  *64 KiB  *foreign  *-  *holder'
has "map: free behind" "$map" '0xbff74000  *560 KiB  *free'
has "guests: how much it holds" "$(xenshmctl guests)" '^holder .* 64 KiB '
has "guests, for programs: which pages, and where the guest sees them" "$(xenshmctl --json guests)" \
	'"foreign":\[{"host_address":"0xbff64000","size":65536,"guest_address":"0x30000000"}\]'

host_at 0xbff64000 fill 0x0ddba115 65536
refused "no run is long enough" 1 '(POOL_FULL)$' xenshmctl attach guest1 564K --pool shared_mem_b
is "one that fits behind goes there" "$(xenshmctl attach guest1 404K --pool shared_mem_b)" \
	"guest1-0: 404 KiB at 0x3a274000 in guest1 (host 0xbff74000)"
is "one that fills the gap before" "$(xenshmctl attach guest1 400K --pool shared_mem_b)" \
	"guest1-1: 400 KiB at 0x3a200000 in guest1 (host 0xbff00000)"
is "one that fills the rest behind" "$(xenshmctl attach guest1 156K --pool shared_mem_b)" \
	"guest1-2: 156 KiB at 0x3a2d9000 in guest1 (host 0xbffd9000)"
refused "then only the holder's pages are left" 1 "guest 'holder' holds pages by its own iomem (PAGES_HELD)$" \
	xenshmctl attach guest1 4K --pool shared_mem_b
views_agree "nobody has a page of another"
is "the holder's bytes are untouched" "$(g holder 'uiotool /dev/mem 0x30000000 verify 0x0ddba115 65536')" same

xenshmctl detach guest1 --all >/dev/null
xl destroy holder
has "its pages are free when it is gone" "$(eventually 20 pages_are_free && echo yes)" yes

# One range over both pools, which lie side by side.
guest_start holder "0xbfeff,0x101@0x30000"
guests=$(xenshmctl --json guests)
has "guests: all of one pool" "$guests" '"host_address":"0xbfeff000","size":4096,"guest_address":"0x30000000"'
has "guests: and of the other, behind it" "$guests" '"host_address":"0xbff00000","size":1048576,"guest_address":"0x30001000"'
has "map: the whole of one pool" "$(xenshmctl map)" '^shared_mem  *0xbfeff000  *4 KiB  *foreign  *-  *holder'
has "map: and of the other" "$(xenshmctl map)" '^shared_mem_b  *0xbff00000  *1 MiB  *foreign  *-  *holder'
refused "a page from any pool" 1 "guest 'holder' holds pages by its own iomem (PAGES_HELD)$" \
	xenshmctl attach guest1 4K
refused "all of a pool" 1 "guest 'holder' holds pages by its own iomem (PAGES_HELD)$" \
	xenshmctl attach guest1 1M --pool shared_mem_b
views_agree "Xen and xenshmd know that it has everything"
xl destroy holder
is "when it is gone the attachment works" "$(xenshmctl attach guest1 1M)" \
	"guest1-0: 1 MiB at 0x3a200000 in guest1 (host 0xbff00000)"
is "and is wiped" "$(g guest1 'uiotool /dev/mem 0x3a200000 verify 0 1048576')" same
views_agree "and Xen has given the pages to guest1 alone"
xenshmctl detach guest1 >/dev/null
