# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# A guest with a device tree of its own gets both: its own devices, and the segment's; unless they
# are in each other's way.

daemon_need
guest_config made1 "" 128 'device_tree = "/guest/own.dtb"' >/tmp/made1.cfg
tree=/proc/device-tree

has "created" "$(guest_make made1 4K)" '^made1: created, domid [0-9]*$'
guest_wait made1
# says FILE: the text in it, which ends with a NUL.
says() {
	g made1 "tr -d '\\0' <$tree/$1; echo"
}
is "the guest has its own device" "$(says passthrough/sensor@c000000/compatible)" "lab,sensor"
is "which still needs the other one" \
	"$(g made1 "cd $tree/passthrough; cmp sensor@c000000/clocks clock/phandle && echo same")" same
is "and has its other name" "$(says aliases/lab0)" "/passthrough/sensor@c000000"
is "the guest has the segment's node" "$(says passthrough/made1-0@3a000000/compatible)" "uio-dev"
host shared_mem 0 say "beside other devices"
is "and its device" "$(g made1 'uiotool /dev/uio0 0 hear')" "beside other devices"
xenshmctl destroy made1 >/dev/null
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes

xenshmctl alloc data 4K --pool shared_mem >/dev/null
xenshmctl dt guest data -o /tmp/data.dtb >/dev/null
guest_config made1 "" 128 'device_tree = "/tmp/data.dtb"' >/tmp/made1.cfg
refused_whole "a segment that its tree has already" 1 '(ADDRESS_[A-Z_]*)$' \
	xenshmctl create /tmp/made1.cfg --segment data
refused_whole "the same, elsewhere" 1 '(CONFIG_INVALID)$' \
	xenshmctl create /tmp/made1.cfg --segment data --address 0x3b000000
xenshmctl free data >/dev/null
