# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# What `xenshmctl doctor` says of a real Dom0: nothing is wrong as long as the daemon runs; then
# what is wrong is named, with the remedy.

guest_need guest1
daemon_need

findings=$(xenshmctl doctor)
is "a healthy host" $? 0
lacks "nothing is wrong, and nothing is left out" "$findings" '^\(warning\|problem\|skipped\) '
has "Xen and its version" "$findings" '^ok  *version  *[^ ]*: 4\.'
has "the pool's node and its driver" "$findings" \
	"^ok  *node  */proc/device-tree/shared_mem@$(printf %x $((POOL_HOST))): bound to uio_pdrv_genirq$"
has "the driver's of_id" "$findings" '^ok  *of-id .*uio-dev'
has "the UIO device" "$findings" "^ok  *uio  */dev/uio0: shared_mem, map 0: 4 KiB at $POOL_HOST$"
has "what the firmware says of memory" "$findings" '^ok  *memory  .*no memory that the firmware told of covers a pool$'
has "the services" "$findings" '^ok  *xenstored .*: process [0-9]'
has "the daemon's pool" "$findings" "^ok  *pools .* $POOL_HOST, /dev/uio0$"

guest_start holder "$(printf '0x%x,1@0x30000' $((POOL_HOST / 4096)))"
findings=$(xenshmctl doctor)
is "a foreign holder is no problem" $? 0
has "but a warning" "$findings" "^warning  *guests .*holder has 4 KiB at $POOL_HOST .*remedy: take iomem="
guest_destroy holder

daemon_stop
findings=$(xenshmctl doctor)
is "no daemon: exit status" $? 1
has "and it is named" "$findings" '^problem  *socket .*xenshmd does not run; remedy: systemctl start xenshmd'
is "once" "$(printf '%s\n' "$findings" | grep -c ^problem)" 1

# As after a boot without the argument: the driver is there, and takes nothing.
rmmod uio_pdrv_genirq
findings=$(xenshmctl doctor)
has "no driver" "$findings" '^problem  *modules .*/uio_pdrv_genirq: .*remedy: modprobe uio_pdrv_genirq'
insmod /mods/uio_pdrv_genirq.ko
has "an argument that was not heeded" "$(xenshmctl doctor)" '^problem  *node .*insmod does not look at the kernel command line'
sed 's/uio_pdrv_genirq.of_id=[^ ]*//' /proc/cmdline >/tmp/cmdline
mount -o bind /tmp/cmdline /proc/cmdline
findings=$(xenshmctl doctor)
umount /proc/cmdline
has "a driver without of_id" "$findings" '^problem  *of-id .*remedy: add uio_pdrv_genirq.of_id=uio-dev'
has "which takes no device" "$findings" '^problem  *node .*no driver is bound'
rmmod uio_pdrv_genirq
insmod /mods/uio_pdrv_genirq.ko of_id=uio-dev

daemon_start
is "with it, and a daemon, all is well again" "$(xenshmctl doctor | tail -n 1)" \
	"0 problems, 0 warnings"
daemon_kill
findings=$(xenshmctl doctor)
is "a killed daemon: exit status" $? 1
has "and it is named" "$findings" '^problem  *daemon .*Connection refused; remedy: systemctl start xenshmd'
