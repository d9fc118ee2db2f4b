# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# A guest whose own configuration takes a page of the pool: xenshmd was not asked, so it must
# see the page, show it, and give it to nobody else until that guest is gone.

guest_need guest1
daemon_need

guest_create holder "$(printf '0x%x,1@0x30000' $((POOL_HOST / 4096)))"
has "map shows the page as foreign" "$(xenshmctl map shared_mem)" "$POOL_HOST  *4 KiB  *foreign  *-  *holder"
has "guests shows who holds it" "$(xenshmctl guests)" '^holder .* 4 KiB '
host shared_mem 0 say "for the holder"
refused "nobody else gets it" 1 "guest 'holder' holds pages by its own iomem (PAGES_HELD)$" \
	xenshmctl attach guest1 4K --pool shared_mem
refused "nor the holder once more" 1 "guest 'holder' holds pages by its own iomem (PAGES_HELD)$" \
	xenshmctl attach holder 4K --pool shared_mem
is "the holder's bytes are untouched" "$(g holder 'uiotool /dev/mem 0x30000000 hear')" "for the holder"

daemon_kill
daemon_start
has "the next daemon knows it as well" "$(xenshmctl map shared_mem)" "$POOL_HOST .* foreign .* holder"
refused "and gives it to nobody" 1 '(PAGES_HELD)$\|(POOL_FULL)$' xenshmctl attach guest1 4K --pool shared_mem

xl destroy holder
has "it is free when the holder is gone" "$(eventually 20 pages_are_free && echo yes)" yes
is "then guest1 gets it" "$(xenshmctl attach guest1 4K)" \
	"guest1-0: 4 KiB at 0x3a000000 in guest1 (host $POOL_HOST)"
is "wiped" "$(g guest1 'uiotool /dev/mem 0x3a000000 verify 0 4096')" same
