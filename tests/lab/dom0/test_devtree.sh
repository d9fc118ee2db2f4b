# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# A guest whose Linux knows its segment from its device tree, before anybody has attached it.

daemon_need

is "a segment is made" "$(xenshmctl alloc data 4K --pool shared_mem)" \
	"data: 4 KiB kept at host $POOL_HOST in pool shared_mem"
is "dt guest says what goes into the configuration" "$(xenshmctl dt guest data -o /tmp/data.dtb)" \
	"iomem = [ \"$(printf '0x%x' $((POOL_HOST / 4096))),1@0x3a000\" ]
device_tree = \"/tmp/data.dtb\""
guest_create treeguest "" 128 'device_tree = "/tmp/data.dtb"
extra = "console=hvc0 loglevel=1 uio_pdrv_genirq.of_id=uio-dev"'
is "the guest has the node" \
	"$(g treeguest 'grep -c uio-dev /proc/device-tree/passthrough/data@3a000000/compatible')" 1
is "of which Linux made a device" \
	"$(g treeguest 'ls -d /sys/bus/platform/devices/3a000000.data')" /sys/bus/platform/devices/3a000000.data
is "attaching places it there" "$(xenshmctl attach treeguest --segment data)" \
	"data: 4 KiB at 0x3a000000 in treeguest (host $POOL_HOST)"
host shared_mem 0 put 0x600dda7c
is "and it works" "$(g treeguest 'uiotool /dev/mem 0x3a000000 get')" 0x600dda7c
has "the device bears its name" "$(g treeguest 'cat /sys/class/uio/uio0/name')" '^data'
is "and works as well" "$(g treeguest 'uiotool /dev/uio0 0 get')" 0x600dda7c
guest_destroy treeguest
eventually 20 xenshmctl free data >/dev/null 2>&1
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes
