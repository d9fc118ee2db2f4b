# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# One segment in two guests: they talk to each other, every view of it agrees, and when one
# is detached the other keeps it.

guest_need guest1 guest2
daemon_need

xenshmctl attach guest1 4K >/dev/null
is "attach of an existing segment" "$(xenshmctl attach guest2 --segment guest1-0)" \
	"guest1-0: 4 KiB at 0x3a000000 in guest2 (host $POOL_HOST)"
g guest1 'uiotool /dev/mem 0x3a000010 say "one to two"'
is "guest2 reads what guest1 wrote" "$(g guest2 'uiotool /dev/mem 0x3a000010 hear')" "one to two"
g guest2 'uiotool /dev/mem 0x3a000020 put 0x00c0ffee'
is "guest1 reads what guest2 wrote" "$(g guest1 'uiotool /dev/mem 0x3a000020 get')" 0x00c0ffee

list=$(xenshmctl list)
has "list: guest1" "$list" "^guest1-0  *shared_mem  *$POOL_HOST  *4 KiB  *guest1  *0x3a000000  *attached"
has "list: guest2" "$list" "^guest1-0  *shared_mem  *$POOL_HOST  *4 KiB  *guest2  *0x3a000000  *attached"
guests=$(xenshmctl guests)
has "guests: guest1" "$guests" "^guest1  *$(guest_id guest1)  *running .* guest1-0"
has "guests: guest2" "$guests" "^guest2  *$(guest_id guest2)  *running .* guest1-0"
lacks "guests: not Dom0" "$guests" '^Domain-0'
has "map: one page, used" "$(xenshmctl map shared_mem)" "^shared_mem  *$POOL_HOST  *4 KiB  *used  *guest1-0"
has "pools: nothing free" "$(xenshmctl pools)" "^shared_mem  */dev/uio0  *$POOL_HOST  *4 KiB  *0 bytes"
has "status: the version of Xen" "$(xenshmctl status)" '^xen_version: 4\.'
has "status: two attachments" "$(xenshmctl status)" '^counts.attachments: 2$'
has "list, for programs" "$(xenshmctl --json list guest1-0)" '^{.*"name":"guest1-0".*"attachments":\[{.*}\].*}$'

xenshmctl detach guest1 >/dev/null
g guest1 'uiotool /dev/mem 0x3a000000 get' >/dev/null
is "guest1 has lost the page" $? 137
is "guest2 still has it" "$(g guest2 'uiotool /dev/mem 0x3a000020 get')" 0x00c0ffee
host shared_mem 0x20 put 0x0d0d0d0d
is "and still hears Dom0" "$(g guest2 'uiotool /dev/mem 0x3a000020 get')" 0x0d0d0d0d
xenshmctl detach guest2 >/dev/null
has "the segment ends with its last attachment" "$(pages_are_free && echo yes)" yes
