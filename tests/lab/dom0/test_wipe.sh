# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Nobody sees what the owner before him wrote, whichever way that one let go of the page.

guest_need guest1 guest2
daemon_need

xenshmctl attach guest1 4K >/dev/null
g guest1 'uiotool /dev/mem 0x3a000000 fill 0x5ec4e75a 4096'
is "the page is full of guest1's bytes" "$(host shared_mem 0 verify 0x5ec4e75a 4096)" same
xenshmctl detach guest1 >/dev/null
xenshmctl attach guest2 4K >/dev/null
is "after detach: guest2 reads zeros" "$(g guest2 'uiotool /dev/mem 0x3a000000 verify 0 4096')" same

g guest2 'uiotool /dev/mem 0x3a000000 fill 0x5ec4e75b 4096'
xl destroy guest2
has "destroyed: the page is freed without being asked" "$(eventually 20 pages_are_free && echo yes)" yes
xenshmctl attach guest1 4K >/dev/null
is "after destroy: guest1 reads zeros" "$(g guest1 'uiotool /dev/mem 0x3a000000 verify 0 4096')" same
