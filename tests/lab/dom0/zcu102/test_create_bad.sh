# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Configurations of which no guest can be made: each is refused, with the reason, and leaves
# nothing behind.

daemon_need
BAD=/tmp/bad.cfg

# refuse NAME PATTERN LINE...: the lab's configuration with these lines in addition, which count.
refuse() {
	what=$1 reason=$2
	shift 2
	{ guest_config made1 && printf '%s\n' "$@"; } >$BAD
	refused_whole "$what" 1 "$reason" xenshmctl create $BAD 4K
}

mkdir -p /tmp/folder
ln -sf /tmp/loop /tmp/loop
head -c 4096 /dev/urandom >/tmp/noise.dtb

refuse "a kernel that does not exist" "'/no/such/kernel'.*(CONFIG_INVALID)$" 'kernel = "/no/such/kernel"'
refuse "a ramdisk that cannot be opened" "'/tmp/loop'.*(CONFIG_INVALID)$" 'ramdisk = "/tmp/loop"'
refuse "a ramdisk that is a folder" "'/tmp/folder'.*(CONFIG_INVALID)$" 'ramdisk = "/tmp/folder"'
refuse "a kernel that is none" "'made1'" 'kernel = "/tmp/noise.dtb"'
refuse "more memory than there is" "'made1' needs [0-9]* MiB.*(HYPERVISOR_FAILED)$" 'memory = 4096'
refuse "a device tree that is none" "'/tmp/noise.dtb'.*(CONFIG_INVALID)$" 'device_tree = "/tmp/noise.dtb"'
refuse "a device tree without /passthrough" "/passthrough.*(CONFIG_INVALID)$" 'device_tree = "/guest/bare.dtb"'
refuse "an action on power off that there is not" "soft-reset.*(CONFIG_INVALID)$" 'on_poweroff = "soft-reset"'
refuse "what xl does not understand" 'xl' 'memory = = 3'

guest_config made1 | grep -v ^kernel >$BAD
refused_whole "no kernel" 1 "kernel" xenshmctl create $BAD 4K
guest_config made1 >$BAD
xl create -n -q $BAD | grep -v '"kernel"' |
	refused_whole "no kernel in JSON, which xl does not see" 1 "kernel.*(CONFIG_INVALID)$" xenshmctl create - 4K
guest_config made1 | grep -v ^name >$BAD
refused_whole "no name" 1 "name" xenshmctl create $BAD 4K
guest_config Domain-0 >$BAD
refused_whole "the name of Dom0" 1 "'Domain-0'" xenshmctl create $BAD 4K
guest_need guest1
guest_config guest1 >$BAD
refused_whole "the name of a guest" 1 "'guest1'.*(GUEST_EXISTS)$" xenshmctl create $BAD 4K
is "which lives" "$(g guest1 'echo alive')" alive

{ guest_config made1 && printf 'extra = "' && head -c 1048576 /dev/zero | tr '\0' 'a' && echo '"'; } >$BAD
refused_whole "a configuration of 1 MiB" 1 "256 KiB\|262144" xenshmctl create $BAD 4K
echo '{"c_info": {' | refused_whole "half an object on stdin" 1 "line" xenshmctl create - 4K
echo '[]' | refused_whole "no object on stdin" 1 "object" xenshmctl create - 4K
echo '{}' | refused_whole "an object with nothing in it" 1 "(CONFIG_INVALID)$" xenshmctl create - 4K
echo '{"c_info": {"nonsense": 1}}' | refused_whole "an object that is no domain" 1 "(CONFIG_INVALID)$" xenshmctl create - 4K
refused_whole "a file that does not exist" 1 "/no/such.cfg" xenshmctl create /no/such.cfg 4K
refused_whole "a size of nothing" 2 "size '0'" xenshmctl create $BAD 0
guest_config made1 >$BAD
refused_whole "a segment that does not exist" 1 "(SEGMENT_UNKNOWN)$" xenshmctl create $BAD --segment nothing
refused_whole "more pages than there are" 1 "(POOL_FULL)$" xenshmctl create $BAD 1G
refused_whole "the address of its RAM" 1 "(ADDRESS_IS_RAM)$" xenshmctl create $BAD 4K --address 0x40000000
guest_config made1 "$(printf '0x%x,1@0x30000' $((POOL_HOST / 4096)))" >$BAD
xenshmctl alloc kept 4K --pool shared_mem >/dev/null
refused_whole "a segment's page in its own iomem" 1 "'kept' (PAGES_HELD)$" xenshmctl create $BAD
xenshmctl free kept >/dev/null

has "after all this, the guest is made" "$(guest_config made1 >$BAD && xenshmctl create $BAD 4K)" '^made1: created'
xenshmctl destroy made1 >/dev/null
has "all pages are free" "$(eventually 20 pages_are_free && echo yes)" yes
