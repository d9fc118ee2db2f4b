# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# xenshmctl create: a guest that has its page from its first moment on, as a device of its own, and
# is told about it; bytes in both directions, and to a guest that xl has created; and its end.
# shellcheck source=view.sh
. /lab/view.sh

guest_need guest1
daemon_need
guest_config made1 >/tmp/made1.cfg
host shared_mem 0 fill 0x5a5a5a5a 4096

# ---- created, and not started yet

answer=$(guest_make made1 4K --paused)
id=$(guest_id made1)
is "create says what and where" "$answer" "made1: created, domid $id, paused
made1-0: 4 KiB at 0x3a000000 in made1 (host $POOL_HOST)"
node=/local/domain/$id/xenshm/made1-0
is "xenstore: address" "$(xenstore-read "$node/address")" 0x3a000000
is "xenstore: size" "$(xenstore-read "$node/size")" 4096
is "xenstore: state" "$(xenstore-read "$node/state")" attached
has "xenstore: epoch" "$(xenstore-read "$node/epoch")" '^[0-9][0-9]*$'
nodes=$(xenstore-ls -p "/local/domain/$id/xenshm")
is "the guest may read all of it, and write nothing" \
	"$(echo "$nodes" | grep -c "(n0,r$id)")" "$(echo "$nodes" | wc -l)"
has "libxl's configuration of the guest has the page" "$(xl list -l made1 | tr -d ' \n')" \
	"\"iomem\":\[{\"start\":$((POOL_HOST / 4096)),\"number\":1,\"gfn\":$((0x3a000))}\]"
has "map shows the page as used" "$(xenshmctl map shared_mem)" "$POOL_HOST  *4 KiB  *used  *made1-0"
lacks "and nothing as foreign" "$(xenshmctl map)" foreign
has "list shows the attachment" "$(xenshmctl list)" '^made1-0 .* made1 *0x3a000000 *attached'
views_agree "xenshmd and Xen agree"
sleep 3
has "the guest stays paused" "$(domain_state "$id")" p
refused_whole "a second one of that name" 1 "'made1'.*(GUEST_EXISTS)$" xenshmctl create /tmp/made1.cfg

# ---- started

xl unpause made1
guest_wait made1
has "the guest has a device named after the segment" "$(g made1 'cat /sys/class/uio/uio0/name')" '^made1-0'
is "of the segment's size" "$(g made1 'cat /sys/class/uio/uio0/maps/map0/size')" 0x0000000000001000
is "what was in the page is gone" "$(g made1 'uiotool /dev/uio0 0 verify 0 4096')" same
host shared_mem 0 say "from Dom0"
is "the guest reads what Dom0 wrote" "$(g made1 'uiotool /dev/uio0 0 hear')" "from Dom0"
g made1 'uiotool /dev/uio0 0x100 say "from the guest"'
is "Dom0 reads what the guest wrote" "$(host shared_mem 0x100 hear)" "from the guest"
is "the guest reads in its xenstore what it has" \
	"$(g made1 'for leaf in address size state; do xenstore-read xenshm/made1-0/$leaf; done')" "0x3a000000
4096
attached"
timeout 10 xl console made1 >/tmp/console &
sleep 2
g made1 'echo to xl console' >/dev/null
has "xl console shows what it says" "$(eventually 5 grep 'to xl console' /tmp/console)" '^to xl console'
kill $!

is "a guest that xl has created shares the page" "$(xenshmctl attach guest1 --segment made1-0)" \
	"made1-0: 4 KiB at 0x3a000000 in guest1 (host $POOL_HOST)"
g made1 'uiotool /dev/uio0 0 say "from guest to guest"'
is "it reads what the other wrote" "$(g guest1 'uiotool /dev/mem 0x3a000000 hear')" "from guest to guest"
g guest1 'uiotool /dev/mem 0x3a000000 say "and back"'
is "and the other what it wrote" "$(g made1 'uiotool /dev/uio0 0 hear')" "and back"

# ---- destroyed

refused "a guest that xl has created is not destroyed" 1 "'guest1'.*(GUEST_FOREIGN)$" xenshmctl destroy guest1
is "and lives" "$(g guest1 'echo alive')" alive
is "destroy says what" "$(xenshmctl destroy made1)" "made1: destroyed"
has "the guest is gone" "$(eventually 20 guest_is_gone made1 && echo yes)" yes
is "the other one keeps the page" "$(g guest1 'uiotool /dev/mem 0x3a000000 hear')" "and back"
xenshmctl detach guest1 >/dev/null
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes
is "no record of the guest is left" "$(ls /run/xenshmd/guests)" ""
views_agree "xenshmd and Xen agree in the end"
