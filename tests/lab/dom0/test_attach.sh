# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# The classic job: one page for a running guest, bytes in both directions, and back again.

guest_need guest1
daemon_need

host shared_mem 0 fill 0x5a5a5a5a 4096
is "attach says where" "$(xenshmctl attach guest1 4K)" \
	"guest1-0: 4 KiB at 0x3a000000 in guest1 (host $POOL_HOST)"
is "what was in the page is gone" "$(g guest1 'uiotool /dev/mem 0x3a000000 verify 0 4096')" same

host shared_mem 0 say "from Dom0"
is "the guest reads what Dom0 wrote" "$(g guest1 'uiotool /dev/mem 0x3a000000 hear')" "from Dom0"
g guest1 'uiotool /dev/mem 0x3a000100 say "from the guest"'
is "Dom0 reads what the guest wrote" "$(host shared_mem 0x100 hear)" "from the guest"

id=$(guest_id guest1)
node=/local/domain/$id/xenshm/guest1-0
is "xenstore: address" "$(xenstore-read "$node/address")" 0x3a000000
is "xenstore: size" "$(xenstore-read "$node/size")" 4096
is "xenstore: state" "$(xenstore-read "$node/state")" attached
has "xenstore: epoch" "$(xenstore-read "$node/epoch")" '^[0-9][0-9]*$'
is "the guest reads its address there" "$(g guest1 'xenstore-read xenshm/guest1-0/address')" 0x3a000000
nodes=$(xenstore-ls -p "/local/domain/$id/xenshm")
is "the guest may read all of it, and write nothing" \
	"$(echo "$nodes" | grep -c "(n0,r$id)")" "$(echo "$nodes" | wc -l)"

is "detach says what" "$(xenshmctl detach guest1)" "guest1-0: detached from guest1"
g guest1 'uiotool /dev/mem 0x3a000000 get' >/dev/null
is "a process that touches the page again is killed" $? 137
is "the guest lives" "$(g guest1 'echo alive')" alive
is "xenstore: nothing is left" "$(xenstore-list "/local/domain/$id/xenshm" 2>/dev/null)" ""
has "all pages are free" "$(pages_are_free && echo yes)" yes
