# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# The lab itself: is this Xen, are the pools there as UIO devices, do two guests run side by
# side and answer.  If this fails, the failures of other tests mean little.

for device in $UIO_DEVICES; do
	node=${device%:*} name=${device%@*}
	map=/sys/class/uio/$(basename "$(uio "$name")")/maps/map0
	is "$name: address" "$(cat "$map/addr")" "0x00000000${node#*@}"
	is "$name: size" $(($(cat "$map/size"))) $((${device#*:}))
	is "$name: is no RAM of Linux" "$(grep -c "${node#*@}" /proc/iomem)" 0
done
is "shared_mem is /dev/uio0" "$(uio shared_mem)" /dev/uio0

host shared_mem 0x10 say "written and read in Dom0"
is "Dom0 uses the page" "$(host shared_mem 0x10 hear)" "written and read in Dom0"

has "this is Xen" "$(xl info)" '^xen_version *: 4\.'
guest_need guest1 guest2
is "guest1 answers" "$(g guest1 'echo I am $(uname -n) $(uname -m)')" "I am (none) aarch64"
is "guest2 answers" "$(g guest2 'echo one; echo two')" "one
two"
g guest1 'sh -c "exit 7"'
is "a command's exit status comes back" $? 7
is "a guest reads its own xenstore" "$(g guest1 'xenstore-read name')" guest1
g guest2 'uiotool /dev/mem 0x3a000000 get' >/dev/null
is "touching an unmapped address kills the process" $? 137
is "and the guest lives" "$(g guest2 'echo alive')" alive
