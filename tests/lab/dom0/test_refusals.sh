# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Every refusal has a name and an exit status, and leaves all pages as they were.

guest_need guest1 guest2
daemon_need

refused "unknown guest" 1 '(GUEST_UNKNOWN)$' xenshmctl attach nobody 4K
refused "unknown domid" 1 '(GUEST_UNKNOWN)$' xenshmctl attach 4242 4K
refused "unknown pool" 1 '(POOL_UNKNOWN)$' xenshmctl attach guest1 4K --pool nowhere
refused "unknown segment" 1 '(SEGMENT_UNKNOWN)$' xenshmctl attach guest1 --segment nothing
refused "more than there is" 1 '(POOL_FULL)$' xenshmctl attach guest1 8K --pool shared_mem
refused "guest RAM" 1 '(ADDRESS_IS_RAM)$' xenshmctl attach guest1 4K --address 0x40000000
refused "the grant table" 1 '(ADDRESS_RESERVED)$' xenshmctl attach guest1 4K --address 0x38000000
refused "nothing to detach" 1 '(NOT_ATTACHED)$' xenshmctl detach guest1
for size in 0 -1 4X 99999999999G; do
	refused "size $size" 2 "size '$size'" xenshmctl attach guest1 "$size"
done

xenshmctl attach guest1 4K >/dev/null
host shared_mem 0 say "untouched"
refused "a full pool" 1 '(POOL_FULL)$' xenshmctl attach guest2 4K --pool shared_mem
refused "attached twice" 1 '(ALREADY_ATTACHED)$' xenshmctl attach guest1 --segment guest1-0
refused "a name twice" 1 '(SEGMENT_EXISTS)$' xenshmctl attach guest2 4K --name guest1-0
refused "detach of another's" 1 '(NOT_ATTACHED)$' xenshmctl detach guest2 guest1-0
is "the attached page is untouched" "$(g guest1 'uiotool /dev/mem 0x3a000000 hear')" "untouched"
is "guest2 lives" "$(g guest2 'echo alive')" alive

daemon_stop
refused "no daemon" 3 'is it running?' xenshmctl list
