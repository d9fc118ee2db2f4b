# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# The classic recipe in one line: host page 0x7ffff000 at the guest's 0x7ffff000, unless the guest's
# RAM is there, which is laid out by maxmem.

daemon_need

guest_config made1 "" 128 'maxmem = 1024' >/tmp/made1.cfg
refused_whole "a guest whose RAM may grow over it" 1 "$POOL_HOST.*(ADDRESS_IS_RAM)$" \
	xenshmctl create /tmp/made1.cfg 4K --address identity

guest_config made1 >/tmp/made1.cfg
answer=$(guest_make made1 4K --address identity 2>/tmp/warning)
is "another one gets it" "$answer" "made1: created, domid $(guest_id made1)
made1-0: 4 KiB at $POOL_HOST in made1 (host $POOL_HOST)"
has "with a warning of extended regions" "$(cat /tmp/warning)" 'warning: .*extended region'
guest_wait made1
host shared_mem 0 say "identity"
is "the guest reads it through its device" "$(g made1 'uiotool /dev/uio0 0 hear')" identity
is "which is at the host's address" "$(g made1 'cat /sys/class/uio/uio0/maps/map0/addr')" 0x000000007ffff000
g made1 "uiotool /dev/mem $POOL_HOST say 'as in the recipe'"
is "Dom0 reads what it wrote there" "$(host shared_mem 0 hear)" "as in the recipe"
xenshmctl destroy made1 >/dev/null
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes
